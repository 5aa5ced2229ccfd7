//! HPKE in base mode, one message a key (RFC 9180 sections 5.1.1 and 6.1). The key encapsulation comes from
//! elsewhere: this is what follows from its shared secret.

use super::aes::{self, TAG};
use super::hash::Hash;
use super::kdf::{hkdf_expand, hkdf_extract};
use super::{Error, Result};
use crate::secret::Secret;

/// Bytes by which a ciphertext is longer than its plaintext.
pub(crate) const OVERHEAD: usize = TAG;

const NONCE: usize = 12;
/// Mode base.
const MODE: u8 = 0;

/// The algorithms of a message, by their numbers in IANA's registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Suite {
    kem: u16,
    kdf: u16,
    /// HKDF's.
    hash: Hash,
    aead: u16,
    /// Bytes of the cipher's key.
    key_len: usize,
}

/// The key and the first nonce of a context.
struct Context {
    key: Secret,
    nonce: Secret,
}

impl Suite {
    /// HKDF-SHA256 and AES-256-GCM behind this KEM.
    #[must_use]
    pub(crate) const fn sha256_aes256_gcm(kem: u16) -> Self {
        Self {
            kem,
            kdf: 0x0001,
            hash: Hash::Sha256,
            aead: 0x0002,
            key_len: 32,
        }
    }

    /// Encrypts the only message under a shared secret. Whoever opens it must have the same `info`.
    pub(crate) fn seal(&self, shared: &[u8], info: &[u8], clear: &[u8]) -> Result<Vec<u8>> {
        let Context { key, nonce } = self.context(shared, info)?;
        let len = clear.len().checked_add(TAG).ok_or(Error::InputLength)?;
        let mut sealed = vec![0; len];
        aes::Key::new(&key)?.gcm_seal(&nonce, &[], TAG, clear, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens what `seal` made. `BadCiphertext`; `CiphertextLength` for one that is shorter than a tag.
    pub(crate) fn open(&self, shared: &[u8], info: &[u8], sealed: &[u8]) -> Result<Secret> {
        let Context { key, nonce } = self.context(shared, info)?;
        let mut clear = Secret::zeroed(sealed.len().saturating_sub(TAG));
        aes::Key::new(&key)?.gcm_open(&nonce, &[], TAG, sealed, &mut clear)?;
        Ok(clear)
    }

    /// KeySchedule of section 5.1, without a key that both sides had before.
    fn context(&self, shared: &[u8], info: &[u8]) -> Result<Context> {
        let no_psk_id = self.extract(&[], "psk_id_hash", &[])?;
        let info = self.extract(&[], "info_hash", info)?;
        let of = [&[MODE][..], &no_psk_id, &info].concat();
        let secret = self.extract(shared, "secret", &[])?;
        Ok(Context {
            key: self.expand(&secret, "key", &of, self.key_len)?,
            nonce: self.expand(&secret, "base_nonce", &of, NONCE)?,
        })
    }

    /// LabeledExtract of section 4.
    fn extract(&self, salt: &[u8], label: &str, ikm: &[u8]) -> Result<Secret> {
        hkdf_extract(self.hash, &self.labeled(&[], label, ikm), salt)
    }

    /// LabeledExpand of section 4.
    fn expand(&self, prk: &[u8], label: &str, info: &[u8], len: usize) -> Result<Secret> {
        let written = u16::try_from(len).map_err(|_| Error::InvalidParameter("HPKE length"))?;
        let info = self.labeled(&written.to_be_bytes(), label, info);
        hkdf_expand(self.hash, prk, &info, len)
    }

    fn labeled(&self, before: &[u8], label: &str, value: &[u8]) -> Vec<u8> {
        let ids = [self.kem, self.kdf, self.aead]
            .map(u16::to_be_bytes)
            .concat();
        [before, b"HPKE-v1HPKE", &ids, label.as_bytes(), value].concat()
    }
}

#[cfg(test)]
mod tests;
