//! PKCS#7 padding (RFC 5652 section 6.3).

use subtle::{ConstantTimeEq, ConstantTimeGreater};

use super::{Error, Result};
use crate::secret::Secret;

/// Fills a block of up to 255 bytes from `len` on. `len` is below the block's length, so there is at least one byte of
/// padding.
pub(crate) fn pad(block: &mut [u8], len: usize) {
    let missing = block.len().checked_sub(len);
    if let Some(Ok(missing)) = missing.map(u8::try_from) {
        block[len..].fill(missing);
    }
}

/// `message` filled up to whole blocks of 16 bytes; always with at least one byte.
#[must_use]
pub(crate) fn padded(message: &[u8]) -> Secret {
    let whole = message.len() / 16 * 16;
    let mut out = Secret::zeroed(whole + 16);
    out[..message.len()].copy_from_slice(message);
    pad(&mut out[whole..], message.len() - whole);
    out
}

/// Number of message bytes in the last block, which are fewer than it has. `Error::BadCiphertext` when its padding is
/// wrong, judged in constant time: wherever the wrong byte is, the same work is done.
pub(crate) fn unpad(block: &[u8]) -> Result<usize> {
    let (Some(&padding), Ok(len)) = (block.last(), u8::try_from(block.len())) else {
        return Err(Error::Internal("the length of a block"));
    };
    let mut good = !padding.ct_eq(&0) & !padding.ct_gt(&len);
    for (distance, byte) in (1..=len).rev().zip(block) {
        let in_message = distance.ct_gt(&padding);
        good &= in_message | byte.ct_eq(&padding);
    }
    if !bool::from(good) {
        return Err(Error::BadCiphertext);
    }
    Ok(usize::from(len - padding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpad_reverses_pad() {
        for len in 0..16 {
            let mut block = [0xAA; 16];
            pad(&mut block, len);
            assert_eq!(unpad(&block), Ok(len));
        }
    }

    #[test]
    fn whole_messages_are_padded_too() {
        for len in 0..50 {
            let padded = padded(&[0xAA; 50][..len]);
            assert!(padded.len() > len && padded.len().is_multiple_of(16));
            let (before, last) = padded.split_last_chunk::<16>().unwrap();
            assert_eq!(before.len() + unpad(last).unwrap(), len);
            assert_eq!(padded[..len], [0xAA; 50][..len]);
        }
    }

    #[test]
    fn every_wrong_padding_byte_is_seen() {
        for len in 0..16 {
            for position in len..16 {
                let mut block = [0xAA; 16];
                pad(&mut block, len);
                block[position] ^= 0x40;
                assert_eq!(unpad(&block), Err(Error::BadCiphertext), "{len} {position}");
            }
        }
    }

    #[test]
    fn padding_has_1_to_16_bytes() {
        for last in [0, 17, 32, 128, 255] {
            assert_eq!(unpad(&[last; 16]), Err(Error::BadCiphertext), "{last}");
        }
    }
}
