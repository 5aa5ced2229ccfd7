//! RSASSA-PSS (RFC 8017 section 8.1).

use std::os::raw::c_int;

use super::{PrivateKey, PublicKey};
use crate::crypto::hash::Hash;
use crate::crypto::sys;
use crate::crypto::{Error, Result};

/// The parameters of RSASSA-PSS: hash, MGF1 hash and salt length are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pss {
    /// Hash of the message.
    pub hash: Hash,
    /// Hash of MGF1.
    pub mgf: Hash,
    /// Bytes of the salt.
    pub salt_len: usize,
}

impl Pss {
    /// Whether a modulus of `bits` has room for hash and salt (RFC 8017 section 9.1.1, step 3).
    #[must_use]
    pub fn fits(self, bits: usize) -> bool {
        let encoded = bits.saturating_sub(1).div_ceil(8);
        encoded
            .checked_sub(self.hash.len() + 2)
            .is_some_and(|room| self.salt_len <= room)
    }

    fn checked(self, bits: usize, digest: &[u8]) -> Result<sys::rsa::Pss> {
        if digest.len() != self.hash.len() {
            return Err(Error::InputLength);
        }
        let salt_len = c_int::try_from(self.salt_len).ok();
        match salt_len.filter(|_| self.fits(bits)) {
            Some(salt_len) => Ok(sys::rsa::Pss {
                hash: self.hash,
                mgf: self.mgf,
                salt_len,
            }),
            None => Err(Error::InvalidParameter("PSS salt length")),
        }
    }
}

impl PublicKey {
    /// RSASSA-PSS-VERIFY of a digest made by the hash (RFC 8017 section 8.1.2). The salt has exactly
    /// the length that `pss` says.
    pub fn verify_pss(&self, pss: Pss, digest: &[u8], signature: &[u8]) -> Result<()> {
        let pss = pss.checked(self.bits(), digest)?;
        if signature.len() != self.modulus_len() {
            return Err(Error::SignatureLength);
        }
        self.0.verify_pss(pss, digest, signature)
    }
}

impl PrivateKey {
    /// RSASSA-PSS-SIGN of a digest made by the hash (RFC 8017 section 8.1.1), with a random salt.
    pub fn sign_pss(&self, pss: Pss, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let pss = pss.checked(self.bits(), digest)?;
        self.rsa.sign_pss(pss, digest, out)
    }
}

#[cfg(test)]
mod tests {
    use rsa::signature::SignatureEncoding;
    use rsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

    use super::super::tests::{HASHES, fixture, named, pair};
    use super::*;
    use crate::crypto::vectors::{bytes, list, load, text};

    #[test]
    fn published_signatures_verify() {
        let mut salted = 0;
        for case in list(&load("rsa/pss.json"), "cases") {
            let key = PublicKey::new(&bytes(case, "n"), &bytes(case, "e")).unwrap();
            let hash = named(text(case, "hash"));
            let salt_len = usize::try_from(case["salt_len"].as_u64().unwrap()).unwrap();
            let pss = |salt_len| Pss {
                hash,
                mgf: hash,
                salt_len,
            };
            let digest = hash.digest(&[&bytes(case, "message")]);
            let signature = bytes(case, "signature");
            assert_eq!(key.verify_pss(pss(salt_len), &digest, &signature), Ok(()));
            let other = key.verify_pss(pss(salt_len + 1), &digest, &signature);
            assert_eq!(other, Err(Error::BadSignature));
            salted += u32::from(salt_len != 0);
        }
        assert!(salted > 5);
    }

    #[test]
    fn agrees_with_an_independent_implementation() {
        let material = fixture();
        let number = |bytes: &[u8]| rsa::BoxedUint::from_be_slice_vartime(bytes);
        let other = rsa::RsaPrivateKey::from_components(
            number(&material.n),
            number(&material.e),
            number(&material.d),
            vec![number(&material.p), number(&material.q)],
        )
        .unwrap();
        let (private, public) = pair(&material);
        let mut out = vec![0; 256];
        macro_rules! check {
            ($($hash:ident $digest:ty;)+) => {$({
                let hash = Hash::$hash;
                let digest = hash.digest(&[b"mortise"]);
                let pss = Pss { hash, mgf: hash, salt_len: hash.len() };
                private.sign_pss(pss, &digest, &mut out).unwrap();
                let other = rsa::pss::VerifyingKey::<$digest>::new(rsa::RsaPublicKey::from(&other));
                let signature = rsa::pss::Signature::try_from(&out[..]).unwrap();
                other.verify_prehash(&digest, &signature).unwrap();
            })+};
        }
        check! {
            Sha1 sha1::Sha1;
            Sha224 sha2::Sha224;
            Sha256 sha2::Sha256;
            Sha384 sha2::Sha384;
            Sha512 sha2::Sha512;
            Sha3_224 sha3::Sha3_224;
            Sha3_256 sha3::Sha3_256;
            Sha3_384 sha3::Sha3_384;
            Sha3_512 sha3::Sha3_512;
        }
        let signer = rsa::pss::SigningKey::<sha3::Sha3_384>::new(other);
        let digest = Hash::Sha3_384.digest(&[b"mortise"]);
        let signature = signer.sign_prehash(&digest).unwrap().to_vec();
        let pss = Pss {
            hash: Hash::Sha3_384,
            mgf: Hash::Sha3_384,
            salt_len: 48,
        };
        assert_eq!(public.verify_pss(pss, &digest, &signature), Ok(()));
    }

    #[test]
    fn takes_every_hash_with_every_other_and_every_salt_that_fits() {
        let (private, public) = pair(&fixture());
        let mut out = vec![0; 256];
        for hash in HASHES {
            let digest = hash.digest(&[b"mortise"]);
            let most = 256 - 2 - hash.len();
            for (mgf, salt_len) in HASHES
                .into_iter()
                .zip([0, 1, 20, 32, 64, 100, most].into_iter().cycle())
            {
                let pss = Pss {
                    hash,
                    mgf,
                    salt_len,
                };
                assert!(pss.fits(2048));
                assert_eq!(private.sign_pss(pss, &digest, &mut out), Ok(256));
                assert_eq!(public.verify_pss(pss, &digest, &out), Ok(()));
                let first = out.clone();
                private.sign_pss(pss, &digest, &mut out).unwrap();
                // Two salts of a few bytes may be the same by chance.
                match salt_len {
                    0 => assert_eq!(first, out),
                    16.. => assert_ne!(first, out, "salts are random"),
                    _ => {}
                }
                for wrong in [
                    Pss {
                        salt_len: salt_len ^ 1,
                        ..pss
                    },
                    Pss {
                        mgf: if mgf == Hash::Sha1 {
                            Hash::Sha256
                        } else {
                            Hash::Sha1
                        },
                        ..pss
                    },
                ] {
                    assert!(public.verify_pss(wrong, &digest, &out).is_err());
                }
            }
            let pss = Pss {
                hash,
                mgf: hash,
                salt_len: most + 1,
            };
            assert!(!pss.fits(2048));
            let refused = private.sign_pss(pss, &digest, &mut out);
            assert_eq!(refused, Err(Error::InvalidParameter("PSS salt length")));
            let refused = public.verify_pss(pss, &digest, &out);
            assert_eq!(refused, Err(Error::InvalidParameter("PSS salt length")));
            let short = public.verify_pss(Pss { salt_len: 0, ..pss }, &digest[1..], &out);
            assert_eq!(short, Err(Error::InputLength));
        }
    }

    /// One bit over whole bytes, the encoded message is a byte shorter than the modulus.
    #[test]
    fn room_for_hash_and_salt_is_counted_in_bits() {
        let pss = |salt_len| Pss {
            hash: Hash::Sha256,
            mgf: Hash::Sha256,
            salt_len,
        };
        assert!(pss(222).fits(2048) && !pss(223).fits(2048));
        assert!(pss(222).fits(2049) && !pss(223).fits(2049));
        assert!(!pss(0).fits(264) && pss(0).fits(266));
        assert!(!pss(usize::MAX).fits(8192));
    }
}
