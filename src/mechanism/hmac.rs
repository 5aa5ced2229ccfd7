//! HMAC: over the whole length of the hash or its beginning, and the keys of each hash (PKCS#11
//! 3.2 section 6.22).

use std::sync::Arc;

use super::mac::{MAX, Mac, MacFunction, general_len};
use super::{Key, Mechanism, ParamKind, Params, ROW, Unit, no_params, secret};
use crate::ck;
use crate::crypto::hash::{Hash, Hmac};
use crate::error::{Result, refuse};
use crate::secret::Secret;

/// Keys are generic secrets and the hash's own, as the standard says, and AES keys, which Barbican
/// has for HMAC.
macro_rules! rows {
    ($($whole:ident $general:ident $key_gen:ident: $hash:ident, $key_type:ident;)+) => {
        &[$(
            Mechanism {
                id: ck::$whole,
                name: stringify!($whole),
                key_types: &[ck::CKK_GENERIC_SECRET, ck::$key_type, ck::CKK_AES],
                unit: Unit::Bytes,
                sign: Some(|key, params| Ok(whole(Hash::$hash, key, params)?)),
                verify: Some(|key, params| Ok(whole(Hash::$hash, key, params)?)),
                ..ROW
            },
            Mechanism {
                id: ck::$general,
                name: stringify!($general),
                key_types: &[ck::CKK_GENERIC_SECRET, ck::$key_type, ck::CKK_AES],
                unit: Unit::Bytes,
                params: ParamKind::MacLen,
                sign: Some(|key, params| Ok(general(Hash::$hash, key, params)?)),
                verify: Some(|key, params| Ok(general(Hash::$hash, key, params)?)),
                ..ROW
            },
            Mechanism {
                id: ck::$key_gen,
                name: stringify!($key_gen),
                key_types: &[ck::$key_type],
                sizes: (1, secret::MAX as u64),
                unit: Unit::Bytes,
                generate: Some(secret::generate),
                ..ROW
            },
        )+]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_SHA_1_HMAC CKM_SHA_1_HMAC_GENERAL CKM_SHA_1_KEY_GEN: Sha1, CKK_SHA_1_HMAC;
    CKM_SHA224_HMAC CKM_SHA224_HMAC_GENERAL CKM_SHA224_KEY_GEN: Sha224, CKK_SHA224_HMAC;
    CKM_SHA256_HMAC CKM_SHA256_HMAC_GENERAL CKM_SHA256_KEY_GEN: Sha256, CKK_SHA256_HMAC;
    CKM_SHA384_HMAC CKM_SHA384_HMAC_GENERAL CKM_SHA384_KEY_GEN: Sha384, CKK_SHA384_HMAC;
    CKM_SHA512_HMAC CKM_SHA512_HMAC_GENERAL CKM_SHA512_KEY_GEN: Sha512, CKK_SHA512_HMAC;
    CKM_SHA512_224_HMAC CKM_SHA512_224_HMAC_GENERAL CKM_SHA512_224_KEY_GEN: Sha512_224, CKK_SHA512_224_HMAC;
    CKM_SHA512_256_HMAC CKM_SHA512_256_HMAC_GENERAL CKM_SHA512_256_KEY_GEN: Sha512_256, CKK_SHA512_256_HMAC;
    CKM_SHA3_224_HMAC CKM_SHA3_224_HMAC_GENERAL CKM_SHA3_224_KEY_GEN: Sha3_224, CKK_SHA3_224_HMAC;
    CKM_SHA3_256_HMAC CKM_SHA3_256_HMAC_GENERAL CKM_SHA3_256_KEY_GEN: Sha3_256, CKK_SHA3_256_HMAC;
    CKM_SHA3_384_HMAC CKM_SHA3_384_HMAC_GENERAL CKM_SHA3_384_KEY_GEN: Sha3_384, CKK_SHA3_384_HMAC;
    CKM_SHA3_512_HMAC CKM_SHA3_512_HMAC_GENERAL CKM_SHA3_512_KEY_GEN: Sha3_512, CKK_SHA3_512_HMAC;
    CKM_BLAKE2B_160_HMAC CKM_BLAKE2B_160_HMAC_GENERAL CKM_BLAKE2B_160_KEY_GEN: Blake2b160, CKK_BLAKE2B_160_HMAC;
    CKM_BLAKE2B_256_HMAC CKM_BLAKE2B_256_HMAC_GENERAL CKM_BLAKE2B_256_KEY_GEN: Blake2b256, CKK_BLAKE2B_256_HMAC;
    CKM_BLAKE2B_384_HMAC CKM_BLAKE2B_384_HMAC_GENERAL CKM_BLAKE2B_384_KEY_GEN: Blake2b384, CKK_BLAKE2B_384_HMAC;
    CKM_BLAKE2B_512_HMAC CKM_BLAKE2B_512_HMAC_GENERAL CKM_BLAKE2B_512_KEY_GEN: Blake2b512, CKK_BLAKE2B_512_HMAC;
};

pub(super) fn whole(hash: Hash, key: &Arc<Key>, params: &Params) -> Result<Box<Mac<KeyedHmac>>> {
    begin(hash, key, Cut::Never, params)
}

pub(super) fn general(hash: Hash, key: &Arc<Key>, params: &Params) -> Result<Box<Mac<KeyedHmac>>> {
    begin(hash, key, Cut::ByParameter, params)
}

fn begin(hash: Hash, key: &Arc<Key>, cut: Cut, params: &Params) -> Result<Box<Mac<KeyedHmac>>> {
    let len = cut.len(hash, params)?;
    let Some(state) = key.hmac(hash) else {
        return refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "HMAC takes a secret key");
    };
    let keyed = KeyedHmac {
        key: Arc::clone(key),
        hash,
        cut,
        state,
    };
    Ok(Box::new(Mac::new(keyed, len)))
}

/// How much of the hash's length a MAC has.
#[derive(Clone, Copy)]
enum Cut {
    Never,
    ByParameter,
}

impl Cut {
    /// The length of a MAC in bytes.
    fn len(self, hash: Hash, params: &Params) -> Result<usize> {
        match self {
            Self::Never => no_params(params).map(|()| hash.len()),
            Self::ByParameter => general_len(params, hash.len()),
        }
    }
}

/// An HMAC in progress, and the key with which the next one begins.
pub(super) struct KeyedHmac {
    key: Arc<Key>,
    hash: Hash,
    cut: Cut,
    state: Hmac,
}

impl MacFunction for KeyedHmac {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.state.update(message);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        self.state.finish_into(out);
        Ok(())
    }

    fn save(&self) -> Option<Secret> {
        self.state.save()
    }

    fn restore(&mut self, saved: &[u8]) -> Result<()> {
        Ok(self.state.restore(saved)?)
    }

    fn rest(&mut self) -> bool {
        let anew = self.key.hmac(self.hash);
        anew.map(|anew| self.state = anew).is_some()
    }

    fn begin_again(&mut self, params: &Params) -> Result<usize> {
        self.cut.len(self.hash, params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aes;
    use crate::crypto::hash::hmac_sha256;
    use crate::mechanism::find;

    fn generic(bytes: &[u8]) -> Arc<Key> {
        Arc::new(Key::new(Secret::copy(bytes)))
    }

    fn row() -> &'static Mechanism {
        find(ck::CKM_SHA256_HMAC).unwrap()
    }

    #[test]
    fn signs_in_parts_with_generic_and_aes_keys() {
        let bytes = [5; 32];
        for key in [
            generic(&bytes),
            Arc::new(Key::new(aes::Key::new(&bytes).unwrap())),
        ] {
            let mut signer = row().sign.unwrap()(&key, &Params::None).unwrap();
            signer.update(b"first, ").unwrap();
            signer.update(b"second").unwrap();
            let mut mac = [0; 32];
            assert_eq!(signer.len(), 32);
            assert_eq!(signer.finish(&mut mac).unwrap(), 32);
            assert_eq!(mac, hmac_sha256(&bytes, &[b"first, second"]));
        }
    }

    #[test]
    fn verifies_only_the_whole_right_mac() {
        let key = generic(b"key");
        let verify = |signature: &[u8]| {
            let mut verifier = row().verify.unwrap()(&key, &Params::None).unwrap();
            verifier.update(b"message").unwrap();
            verifier.finish(signature).map_err(|refused| refused.rv)
        };
        let mac = hmac_sha256(b"key", &[b"message"]);
        assert_eq!(verify(&mac), Ok(()));
        for position in 0..32 {
            let mut wrong = mac;
            wrong[position] ^= 1;
            assert_eq!(verify(&wrong), Err(ck::CKR_SIGNATURE_INVALID));
        }
        for len in [0, 16, 31] {
            assert_eq!(verify(&mac[..len]), Err(ck::CKR_SIGNATURE_LEN_RANGE));
        }
        assert_eq!(
            verify(&[&mac[..], &[0]].concat()),
            Err(ck::CKR_SIGNATURE_LEN_RANGE)
        );
    }

    #[test]
    fn a_general_mac_is_the_beginning_of_the_whole() {
        let key = generic(b"key");
        let row = find(ck::CKM_SHA256_HMAC_GENERAL).unwrap();
        let whole = hmac_sha256(b"key", &[b"message"]);
        for len in 1..=32 {
            let params = Params::MacLen(len);
            let mut signer = row.sign.unwrap()(&key, &params).unwrap();
            signer.update(b"message").unwrap();
            let mut mac = [0; 32];
            assert_eq!(signer.finish(&mut mac).unwrap(), len);
            assert_eq!(mac[..len], whole[..len]);
            for (wrong, rv) in [
                (&whole[..len - 1], ck::CKR_SIGNATURE_LEN_RANGE),
                (&[0xEE; 32][..len], ck::CKR_SIGNATURE_INVALID),
            ] {
                let mut verifier = row.verify.unwrap()(&key, &params).unwrap();
                verifier.update(b"message").unwrap();
                assert_eq!(verifier.finish(wrong).unwrap_err().rv, rv);
            }
        }
        for wrong in [Params::None, Params::MacLen(0), Params::MacLen(33)] {
            let refused = row.sign.unwrap()(&key, &wrong).err().unwrap();
            assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
        }
    }

    #[test]
    fn takes_no_parameter() {
        let refused = row().sign.unwrap()(&generic(b"key"), &Params::Iv(vec![1].into()))
            .err()
            .unwrap();
        assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
    }
}
