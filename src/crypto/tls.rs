//! The pseudo-random functions of TLS (RFC 2246 section 5, RFC 5246 section 5).

use super::hash::Hash;
use super::{Result, sys};
use crate::secret::Secret;

/// A pseudo-random function of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPrf {
    /// That of TLS 1.0 and 1.1: MD5 with one half of the secret, SHA-1 with the other.
    Tls10,
    /// That of TLS 1.2, with this hash.
    Tls12(Hash),
}

impl TlsPrf {
    /// The first `len` bytes that follow from a secret, a label and a seed.
    pub fn derive(self, secret: &[u8], label: &[u8], seed: &[u8], len: usize) -> Result<Secret> {
        let mut out = Secret::zeroed(len);
        let hash = match self {
            Self::Tls10 => None,
            Self::Tls12(hash) => Some(hash),
        };
        sys::kdf::tls_prf(hash, secret, label, seed, &mut out)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::{bytes, list, load, text};

    #[test]
    fn published_outputs_are_made() {
        for case in list(&load("tls.json"), "prf") {
            let prf = match text(case, "hash") {
                "md5-sha1" => TlsPrf::Tls10,
                "sha256" => TlsPrf::Tls12(Hash::Sha256),
                "sha384" => TlsPrf::Tls12(Hash::Sha384),
                "sha512" => TlsPrf::Tls12(Hash::Sha512),
                other => panic!("no hash {other}"),
            };
            let [secret, seed, output] = ["secret", "seed", "output"].map(|name| bytes(case, name));
            let label = text(case, "label").as_bytes();
            let made = prf.derive(&secret, label, &seed, output.len()).unwrap();
            assert_eq!(*made, output);
        }
    }

    /// RFC 2246 section 5: of a secret of odd length both halves have the middle byte.
    #[test]
    fn every_byte_of_the_secret_counts() {
        for prf in [TlsPrf::Tls10, TlsPrf::Tls12(Hash::Sha384)] {
            let made = |secret: &[u8]| prf.derive(secret, b"label", b"seed", 40).unwrap();
            let secret = [7; 49];
            for at in 0..secret.len() {
                let mut other = secret;
                other[at] ^= 1;
                assert!(!made(&secret).ct_eq(&made(&other)), "{at}");
            }
            assert!(made(&secret)[..20] == *prf.derive(&secret, b"label", b"seed", 20).unwrap());
        }
    }
}
