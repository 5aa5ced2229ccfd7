//! How SoftHSM 2 seals private objects. A PIN opens a blob of the token: 8 bytes of salt, 16 of initialization
//! vector, then AES-256-CBC of a mark of 3 bytes and the token's key. The byte strings of private objects are
//! 16 bytes of initialization vector and AES-256-CBC under that key. Padding is that of PKCS #7.

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use sha2::{Digest, Sha256};
use tenon_pkcs11::api::secret::Secret;
use zeroize::Zeroizing;

const SALT_LEN: usize = 8;
const IV_LEN: usize = 16;
/// Begins the opened blob: without it the PIN was wrong.
const MARK: &[u8] = b"RJR";
/// Hashes of the PIN; the last byte of the salt adds as many as its value.
const HASHES: u32 = 1500;

/// The key that seals the private objects of a token.
pub(in crate::migrate) struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    /// The key in `blob`; `None` where the PIN is wrong or the blob damaged.
    pub(super) fn open(pin: &[u8], blob: &[u8]) -> Option<Self> {
        let (salt, sealed) = blob.split_at_checked(SALT_LEN)?;
        let opened = decrypt(&pin_key(pin, salt), sealed)?;
        let key = opened.strip_prefix(MARK)?;
        let mut own = Zeroizing::new([0; 32]);
        if key.len() != own.len() {
            return None;
        }
        own.copy_from_slice(key);
        Some(Self(own))
    }

    /// The bytes that are sealed in `sealed`; `None` where the key does not open them.
    pub(super) fn unseal(&self, sealed: &[u8]) -> Option<Secret> {
        decrypt(&self.0, sealed)
    }
}

fn pin_key(pin: &[u8], salt: &[u8]) -> Zeroizing<[u8; 32]> {
    let more = salt.last().copied().map_or(0, u32::from);
    let first = Sha256::new().chain_update(salt).chain_update(pin);
    let mut hash = Zeroizing::new(first.finalize().into());
    for _ in 1..HASHES + more {
        *hash = Sha256::digest(*hash).into();
    }
    hash
}

fn decrypt(key: &[u8; 32], sealed: &[u8]) -> Option<Secret> {
    let (iv, text) = sealed.split_first_chunk::<IV_LEN>()?;
    let mut buffer = Secret::copy(text);
    let decryptor = Decryptor::<Aes256>::new(key.into(), iv.into());
    let len = decryptor.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
    Some(buffer.truncated(len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbc::Encryptor;
    use cbc::cipher::BlockModeEncrypt;

    fn seal(key: &[u8; 32], text: &[u8]) -> Vec<u8> {
        let iv = [9; IV_LEN];
        let encryptor = Encryptor::<Aes256>::new(key.into(), &iv.into());
        let mut buffer = [0; 64];
        buffer[..text.len()].copy_from_slice(text);
        let sealed = encryptor.encrypt_padded::<Pkcs7>(&mut buffer, text.len());
        [&iv[..], sealed.unwrap()].concat()
    }

    #[test]
    fn the_right_pin_alone_opens_the_key() {
        let salt = [1, 2, 3, 4, 5, 6, 7, 200];
        let blob = [
            &salt[..],
            &seal(&pin_key(b"1234", &salt), &[MARK, &[7; 32]].concat()),
        ]
        .concat();
        let key = TokenKey::open(b"1234", &blob).unwrap();
        assert_eq!(*key.unseal(&seal(&[7; 32], b"value")).unwrap(), *b"value");
        assert!(key.unseal(&seal(&[8; 32], b"value")).is_none());
        assert!(key.unseal(b"short").is_none());
        assert!(TokenKey::open(b"1235", &blob).is_none());
        assert!(TokenKey::open(b"1234", &blob[..20]).is_none());
    }
}
