//! Sealing of stored bytes: AES-256-GCM with the nonce in front.

use super::sys::aead;
use super::{Error, Result};
use crate::secret::Secret;

const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Bytes that sealing adds: nonce and tag.
pub(crate) const OVERHEAD: usize = NONCE + TAG;

/// Seals `plain`: nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). A nonce must never serve twice
/// under one key. `Error::InputLength` beyond GCM's 2^36 - 32 bytes.
pub(crate) fn seal(key: &[u8], nonce: [u8; NONCE], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let len = plain
        .len()
        .checked_add(OVERHEAD)
        .ok_or(Error::InputLength)?;
    let mut sealed = vec![0; len];
    let (head, body) = sealed.split_at_mut(NONCE);
    head.copy_from_slice(&nonce);
    context(key)?.seal(&nonce, aad, plain, body)?;
    Ok(sealed)
}

/// Opens what `seal` made. `Error::BadCiphertext` when key, additional data or any byte differs;
/// `Error::CiphertextLength` when `sealed` is shorter than nonce and tag.
pub(crate) fn open(key: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Secret> {
    let len = sealed
        .len()
        .checked_sub(OVERHEAD)
        .ok_or(Error::CiphertextLength)?;
    let (nonce, body) = sealed.split_at(NONCE);
    let mut plain = Secret::zeroed(len);
    context(key)?.open(nonce, aad, body, &mut plain)?;
    Ok(plain)
}

fn context(key: &[u8]) -> Result<aead::Context> {
    if key.len() != KEY {
        return Err(Error::KeySize);
    }
    aead::Context::aes_gcm(key, TAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed() -> Vec<u8> {
        seal(&KEY, [1; 12], b"row 5", b"material").unwrap()
    }

    #[test]
    fn opens_what_it_sealed() {
        assert_eq!(&open(&KEY, b"row 5", &sealed()).unwrap()[..], b"material");
        let empty = seal(&KEY, [2; 12], b"", b"").unwrap();
        assert_eq!(empty.len(), OVERHEAD);
        assert!(open(&KEY, b"", &empty).unwrap().is_empty());
    }

    #[test]
    fn the_nonce_stands_in_front() {
        assert_eq!(sealed()[..12], [1; 12]);
        assert_eq!(sealed().len(), OVERHEAD + 8);
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        for bit in 0..sealed().len() * 8 {
            let mut damaged = sealed();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                open(&KEY, b"row 5", &damaged).err(),
                Some(Error::BadCiphertext)
            );
        }
    }

    #[test]
    fn other_key_data_or_length_is_detected() {
        assert_eq!(
            open(&[8; 32], b"row 5", &sealed()).err(),
            Some(Error::BadCiphertext)
        );
        assert_eq!(
            open(&KEY, b"row 6", &sealed()).err(),
            Some(Error::BadCiphertext)
        );
        let cut = &sealed()[..OVERHEAD];
        assert_eq!(open(&KEY, b"row 5", cut).err(), Some(Error::BadCiphertext));
        let stub = &sealed()[..OVERHEAD - 1];
        assert_eq!(
            open(&KEY, b"row 5", stub).err(),
            Some(Error::CiphertextLength)
        );
    }
}
