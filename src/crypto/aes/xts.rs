//! XTS (IEEE 1619; NIST SP 800-38E).

use zeroize::Zeroizing;

use super::{BLOCK, Direction, Key};
use crate::crypto::sys::cipher::Context;
use crate::crypto::{Error, Result};

/// Greatest length of a data unit: 2^20 blocks (SP 800-38E section 4).
pub(crate) const XTS_MAX: usize = BLOCK << 20;

/// XTS-AES (NIST SP 800-38E) with its two keys.
pub(crate) struct Xts(XtsKeys);

enum XtsKeys {
    /// Two keys of 256 bits, for which aws-lc has XTS.
    Long(Zeroizing<[u8; 64]>),
    /// Two keys of 128 bits, for which it has none.
    Short { data: Key, tweak: Key },
}

impl Xts {
    /// Takes 32 or 64 bytes: two AES keys, which must differ (SP 800-38E; `Error::InvalidKey`).
    /// `Error::KeySize` for other lengths.
    pub(crate) fn new(key: &[u8]) -> Result<Self> {
        if !matches!(key.len(), 32 | 64) {
            return Err(Error::KeySize);
        }
        let (data, tweak) = key.split_at(key.len() / 2);
        if bool::from(subtle::ConstantTimeEq::ct_eq(data, tweak)) {
            return Err(Error::InvalidKey("the halves of an XTS key differ"));
        }
        if key.len() == 64 {
            let mut keys = Zeroizing::new([0; 64]);
            keys.copy_from_slice(key);
            return Ok(Self(XtsKeys::Long(keys)));
        }
        let (data, tweak) = (Key::new(data)?, Key::new(tweak)?);
        Ok(Self(XtsKeys::Short { data, tweak }))
    }

    /// A data unit of 16 bytes to 16 MiB into the start of `out`; `iv` is its number.
    /// `Error::InputLength` for other lengths, and when `out` is shorter.
    pub(crate) fn run(
        &self,
        direction: Direction,
        iv: &[u8; BLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        if !(BLOCK..=XTS_MAX).contains(&input.len()) {
            return Err(Error::InputLength);
        }
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        match &self.0 {
            XtsKeys::Long(keys) => Context::xts(keys, direction, iv)?.update(input, out),
            XtsKeys::Short { data, tweak } => {
                let mut first = Zeroizing::new([0; BLOCK]);
                tweak.ecb(Direction::Encrypt, iv, &mut *first)?;
                unit(data, direction, &first, input, out)
            }
        }
    }
}

/// Runs one data unit whose first block has the tweak `first`. `out` is as long as `input`.
fn unit(
    key: &Key,
    direction: Direction,
    first: &[u8; BLOCK],
    input: &[u8],
    out: &mut [u8],
) -> Result<()> {
    // Ciphertext stealing: a partial last block is filled up from the whole block before it.
    let partial = input.len() % BLOCK;
    let whole = input.len() - partial;
    let alone = if partial == 0 { whole } else { whole - BLOCK };
    let mut masked = Zeroizing::new(input[..alone].to_vec());
    let mut tweak = Zeroizing::new(*first);
    mask(&mut masked, &mut tweak);
    key.ecb(direction, &masked, &mut out[..alone])?;
    mask(&mut out[..alone], &mut Zeroizing::new(*first));
    if partial == 0 {
        return Ok(());
    }
    let (mut last, mut next) = (*tweak, *tweak);
    double(&mut next);
    if direction == Direction::Decrypt {
        std::mem::swap(&mut last, &mut next);
    }
    let mut stolen = block(key, direction, &last, &input[alone..whole])?;
    out[whole..].copy_from_slice(&stolen[..partial]);
    stolen[..partial].copy_from_slice(&input[whole..]);
    let stolen = block(key, direction, &next, &*stolen)?;
    out[alone..whole].copy_from_slice(&*stolen);
    Ok(())
}

fn block(
    key: &Key,
    direction: Direction,
    tweak: &[u8; BLOCK],
    input: &[u8],
) -> Result<Zeroizing<[u8; BLOCK]>> {
    let mut masked = Zeroizing::new([0; BLOCK]);
    masked.copy_from_slice(input);
    xor(&mut *masked, tweak);
    let mut out = Zeroizing::new([0; BLOCK]);
    key.ecb(direction, &*masked, &mut *out)?;
    xor(&mut *out, tweak);
    Ok(out)
}

/// Xors each block with its tweak, the first with `tweak`, which becomes that of the block after
/// them.
fn mask(blocks: &mut [u8], tweak: &mut [u8; BLOCK]) {
    for block in blocks.chunks_mut(BLOCK) {
        xor(block, tweak);
        double(tweak);
    }
}

fn xor(block: &mut [u8], with: &[u8; BLOCK]) {
    block
        .iter_mut()
        .zip(with)
        .for_each(|(to, from)| *to ^= from);
}

/// Multiplies by x in GF(2^128), in constant time.
fn double(tweak: &mut [u8; BLOCK]) {
    let number = u128::from_le_bytes(*tweak);
    let carry = number >> 127;
    *tweak = ((number << 1) ^ (carry * 0x87)).to_le_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_equal_halves_are_refused() {
        let xts = Xts::new(&[[1; 16], [2; 16]].concat()).unwrap();
        for len in [0, 15, XTS_MAX + 1] {
            let (input, mut out) = (vec![0; len], vec![0; len]);
            let refused = xts.run(Direction::Encrypt, &[0; 16], &input, &mut out);
            assert_eq!(refused, Err(Error::InputLength), "{len}");
        }
        assert!(matches!(Xts::new(&[1; 32]), Err(Error::InvalidKey(_))));
        assert!(matches!(Xts::new(&[1; 48]), Err(Error::KeySize)));
    }
}
