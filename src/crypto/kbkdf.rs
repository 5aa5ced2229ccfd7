//! Key derivation by pseudo-random functions (NIST SP 800-108), whose input the caller lays out.

use zeroize::Zeroizing;

use super::aes;
use super::cbc_mac::AesMac;
use super::hash::{Hash, Hmac};
use super::{Error, Result};
use crate::secret::Secret;

/// How one block of the output depends on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KbkdfMode {
    /// Section 4.1: by the block's number.
    Counter,
    /// Section 4.2: by the block before.
    Feedback,
    /// Section 4.3: by the block of a first pipeline.
    DoublePipeline,
}

/// A pseudo-random function with its key.
pub(crate) enum Prf<'a> {
    Hmac(Hash, &'a [u8]),
    AesCmac(&'a aes::Key),
}

impl Prf<'_> {
    /// Length of a block in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Hmac(hash, _) => hash.len(),
            Self::AesCmac(_) => aes::BLOCK,
        }
    }

    fn of(&self, parts: &[&[u8]]) -> Result<Secret> {
        let mut block = Secret::zeroed(self.len());
        match self {
            Self::Hmac(hash, key) => {
                let mut mac = Hmac::new(*hash, key);
                parts.iter().for_each(|part| mac.update(part));
                mac.finish_into(&mut block);
            }
            Self::AesCmac(key) => {
                let mut mac = AesMac::cmac(key)?;
                for part in parts {
                    mac.update(part)?;
                }
                block.copy_from_slice(&*Zeroizing::new(mac.finish()?));
            }
        }
        Ok(block)
    }
}

/// A number of whole bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// 1 to 8.
    pub bytes: usize,
    /// Whether the lowest byte is the first.
    pub little_endian: bool,
}

impl NumberFormat {
    /// `None` where the number is too great.
    pub(crate) fn write(self, number: u64) -> Option<Vec<u8>> {
        let whole = number.to_be_bytes();
        let (zeros, rest) = whole.split_at(whole.len().checked_sub(self.bytes)?);
        let mut bytes = zeros.iter().all(|byte| *byte == 0).then(|| rest.to_vec())?;
        if self.little_endian {
            bytes.reverse();
        }
        Some(bytes)
    }
}

/// A part of the function's input.
pub(crate) enum PrfInput<'a> {
    /// The block's number, from 1.
    Counter(NumberFormat),
    /// The block that this one depends on.
    Previous,
    Fixed(&'a [u8]),
}

/// `len` bytes. The initialization vector stands for the block before the first in feedback mode.
///
/// `Error::InvalidParameter` where a counter cannot number the blocks.
pub(crate) fn kbkdf(
    mode: KbkdfMode,
    prf: &Prf,
    input: &[PrfInput],
    iv: &[u8],
    len: usize,
) -> Result<Secret> {
    let fixed: Vec<&[u8]> = input
        .iter()
        .filter_map(|part| match part {
            PrfInput::Fixed(bytes) => Some(*bytes),
            PrfInput::Counter(_) | PrfInput::Previous => None,
        })
        .collect();
    let mut previous = match mode {
        KbkdfMode::Counter => Secret::zeroed(0),
        KbkdfMode::Feedback => Secret::copy(iv),
        KbkdfMode::DoublePipeline => prf.of(&fixed)?,
    };
    let mut out = Secret::zeroed(len);
    for (number, to) in (1..).zip(out.chunks_mut(prf.len())) {
        let counter = |part: &PrfInput| match part {
            PrfInput::Counter(format) => format.write(number).map(Some),
            PrfInput::Previous | PrfInput::Fixed(_) => Some(None),
        };
        let Some(counters) = input.iter().map(counter).collect::<Option<Vec<_>>>() else {
            return Err(Error::InvalidParameter("the width of the counter"));
        };
        let parts = input
            .iter()
            .zip(&counters)
            .map(|(part, counter)| match part {
                PrfInput::Counter(_) => counter.as_deref().unwrap_or_default(),
                PrfInput::Previous => &previous[..],
                PrfInput::Fixed(bytes) => bytes,
            });
        let block = prf.of(&parts.collect::<Vec<_>>())?;
        to.copy_from_slice(&block[..to.len()]);
        match mode {
            KbkdfMode::Counter => {}
            KbkdfMode::Feedback => previous = block,
            KbkdfMode::DoublePipeline => previous = prf.of(&[&previous])?,
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_width_and_an_end() {
        let write = |bytes, little_endian, number| {
            NumberFormat {
                bytes,
                little_endian,
            }
            .write(number)
        };
        assert_eq!(write(1, false, 255), Some(vec![255]));
        assert_eq!(write(1, false, 256), None);
        assert_eq!(write(2, false, 0x102), Some(vec![1, 2]));
        assert_eq!(write(2, true, 0x102), Some(vec![2, 1]));
        assert_eq!(write(8, true, 1), Some(vec![1, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(write(9, true, 1), None);
    }
}
