//! HMAC over the whole length of the hash (PKCS#11 3.2, "HMAC").

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::{Key, Mechanism, Params, ROW, Signer, Unit, Verifier, no_params};
use crate::ck;
use crate::crypto::hash::{Hash, Hmac};
use crate::error::{Result, refuse};

/// Generic secrets and the hash's own key type, as the standard says; AES keys because Barbican's
/// HMAC keys are such.
macro_rules! rows {
    ($($id:ident: $hash:ident, $key_type:ident, $vectors:literal;)+) => {
        &[$(Mechanism {
            id: ck::$id,
            name: stringify!($id),
            key_types: &[ck::CKK_GENERIC_SECRET, ck::$key_type, ck::CKK_AES],
            unit: Unit::Bytes,
            sign: Some(|key, params| Ok(Box::new(Mac::begin(Hash::$hash, key, params)?))),
            verify: Some(|key, params| Ok(Box::new(Mac::begin(Hash::$hash, key, params)?))),
            vectors: &[$vectors],
            ..ROW
        }),+]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_SHA_1_HMAC: Sha1, CKK_SHA_1_HMAC, "sha1_hmac.rsp";
    CKM_SHA224_HMAC: Sha224, CKK_SHA224_HMAC, "sha224_hmac.rsp";
    CKM_SHA256_HMAC: Sha256, CKK_SHA256_HMAC, "sha256_hmac.rsp";
    CKM_SHA384_HMAC: Sha384, CKK_SHA384_HMAC, "sha384_hmac.rsp";
    CKM_SHA512_HMAC: Sha512, CKK_SHA512_HMAC, "sha512_hmac.rsp";
};

/// Greatest length of a MAC in bytes.
const MAX: usize = 64;

struct Mac {
    hash: Hash,
    hmac: Hmac,
}

impl Mac {
    fn begin(hash: Hash, key: &Arc<Key>, params: &Params) -> Result<Self> {
        no_params(params)?;
        let Some(bytes) = key.secret_bytes() else {
            return refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "HMAC takes a secret key");
        };
        Ok(Self {
            hash,
            hmac: Hmac::new(hash, bytes),
        })
    }
}

impl Signer for Mac {
    fn len(&self) -> usize {
        self.hash.len()
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.hmac.update(message);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Ok(self.hmac.clone().finish_into(out))
    }
}

impl Verifier for Mac {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.hmac.update(message);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.hash.len() {
            return refuse(ck::CKR_SIGNATURE_LEN_RANGE, "a MAC is as long as its hash");
        }
        let mut expected = [0; MAX];
        let len = self.hmac.clone().finish_into(&mut expected);
        if !bool::from(expected[..len].ct_eq(signature)) {
            return refuse(ck::CKR_SIGNATURE_INVALID, "the MAC does not verify");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::aes;
    use crate::crypto::hash::hmac_sha256;
    use crate::mechanism::find;
    use crate::secret::Secret;

    fn generic(bytes: &[u8]) -> Arc<Key> {
        Arc::new(Key::Generic(Secret::copy(bytes)))
    }

    fn row() -> &'static Mechanism {
        find(ck::CKM_SHA256_HMAC).unwrap()
    }

    #[test]
    fn signs_in_parts_with_generic_and_aes_keys() {
        let bytes = [5; 32];
        for key in [
            generic(&bytes),
            Arc::new(Key::Aes(aes::Key::new(&bytes).unwrap())),
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
    fn takes_no_parameter() {
        let refused = row().sign.unwrap()(&generic(b"key"), &Params::Iv(vec![1]))
            .err()
            .unwrap();
        assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
    }
}
