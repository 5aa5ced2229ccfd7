//! The keys of a domain: under one root key, values are sealed, indexed, authenticated and bound.

use crate::ck;
use crate::crypto::hash::hmac_sha256;
use crate::crypto::{kdf, seal};
use crate::error::Result;
use crate::rng::{Rng, random};
use crate::secret::Secret;
use crate::store::Posting;

use super::damaged::damaged;

/// Length of the store key, the master key and every key derived from them.
pub(in crate::token) const KEY_LEN: usize = 32;

/// Serial number of a token: 8 random bytes, shown as 16 hexadecimal digits.
pub(crate) type Serial = [u8; 8];

pub(in crate::token) struct Domain {
    pub(super) seal: Secret,
    pub(super) index: Secret,
    pub(super) authenticate: Secret,
    pub(super) bind: Secret,
}

impl Domain {
    /// Derives the keys from `root` (32 random bytes).
    pub(in crate::token) fn new(root: &Secret, serial: &Serial) -> Self {
        let derive = |purpose: &[u8]| derive(root, serial, &[b"tenon 1", purpose]);
        Self {
            seal: derive(b"seal"),
            index: derive(b"index"),
            authenticate: derive(b"authenticate"),
            bind: derive(b"bind"),
        }
    }

    /// A tag of `parts`, for values that are not objects.
    pub(in crate::token) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(&self.authenticate, &[&framed(parts)])
    }

    /// A keyed fingerprint of `parts`, for the binding of external keys.
    pub(in crate::token) fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac_sha256(&self.bind, &[&framed(parts)])
    }

    /// Seals a value of the token itself; `name` is bound to it.
    pub(in crate::token) fn seal_value(
        &self,
        rng: &dyn Rng,
        name: &str,
        clear: &[u8],
    ) -> Result<Vec<u8>> {
        let key = derive(&self.seal, name.as_bytes(), &[b"value"]);
        Ok(seal::seal(&key, random(rng), name.as_bytes(), clear)?)
    }

    /// Opens what `seal_value` sealed under the same name.
    pub(in crate::token) fn open_value(&self, name: &str, sealed: &[u8]) -> Result<Secret> {
        let key = derive(&self.seal, name.as_bytes(), &[b"value"]);
        seal::open(&key, name.as_bytes(), sealed)
            .map_err(|e| damaged(format!("the token's value {name}")).because(e))
    }

    /// The index row of an attribute's value.
    pub(in crate::token) fn posting(&self, kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> Posting {
        let tag = hmac_sha256(&self.index, &[&kind.to_be_bytes(), value]);
        let mut posting = Posting::default();
        for (to, from) in posting.iter_mut().zip(tag) {
            *to = from;
        }
        posting
    }
}

pub(super) fn derive(root: &Secret, salt: &[u8], info: &[&[u8]]) -> Secret {
    let mut key = Secret::zeroed(KEY_LEN);
    kdf::hkdf_sha256(root, salt, info, &mut key);
    key
}

/// `parts`, each after its length in 8 big-endian bytes, so that two different lists never give the
/// same bytes.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_be_bytes());
        out.extend_from_slice(part);
    }
    out
}
