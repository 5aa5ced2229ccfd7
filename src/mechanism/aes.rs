//! AES: key generation, ECB, CBC, CBC with PKCS padding, GCM and key wrap with padding.

use super::{Key, Mechanism, ParamKind, Params, ROW, Unit};
use crate::ck;
use crate::crypto::aes::{self, BLOCK, Direction};
use crate::error::{Error, Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

mod block;
mod gcm;
mod kwp;
#[cfg(test)]
mod testing;

/// What all rows of the family share.
const AES: Mechanism = Mechanism {
    key_types: &[ck::CKK_AES],
    sizes: (16, 32),
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_AES_KEY_GEN,
        name: "CKM_AES_KEY_GEN",
        generate: Some(generate),
        vectors: &["mechanism::aes::tests::makes_new_keys_of_three_lengths"],
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_ECB,
        name: "CKM_AES_ECB",
        encrypt: Some(|key, params| block::ecb(key, params, Direction::Encrypt)),
        decrypt: Some(|key, params| block::ecb(key, params, Direction::Decrypt)),
        vectors: &["aes_ecb.rsp"],
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CBC,
        name: "CKM_AES_CBC",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| block::cbc(key, params, Direction::Encrypt)),
        decrypt: Some(|key, params| block::cbc(key, params, Direction::Decrypt)),
        vectors: &["aes_cbc.rsp"],
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CBC_PAD,
        name: "CKM_AES_CBC_PAD",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| block::cbc_pad(key, params, Direction::Encrypt)),
        decrypt: Some(|key, params| block::cbc_pad(key, params, Direction::Decrypt)),
        vectors: &["mechanism::aes::block::tests::cbc_pad_wycheproof"],
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_GCM,
        name: "CKM_AES_GCM",
        params: ParamKind::Gcm,
        encrypt: Some(gcm::encrypt),
        decrypt: Some(gcm::decrypt),
        vectors: &["aes_gcm.rsp"],
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_KEY_WRAP_KWP,
        name: "CKM_AES_KEY_WRAP_KWP",
        params: ParamKind::OptionalIv(4),
        encrypt: Some(kwp::encrypt),
        decrypt: Some(kwp::decrypt),
        wrap: Some(kwp::wrap),
        unwrap: Some(&kwp::UNWRAP),
        key_wrap: true,
        vectors: &["aes_kwp.rsp"],
        ..AES
    },
];

fn generate(rng: &dyn Rng, len: usize) -> Result<Secret> {
    if !matches!(len, 16 | 24 | 32) {
        return Err(Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "an AES key has 16, 24 or 32 bytes",
        )
        .at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

fn aes_key(key: &Key) -> Result<&aes::Key> {
    let Key::Aes(key) = key else {
        return refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes an AES key",
        );
    };
    Ok(key)
}

fn bad_param<T>(what: &'static str) -> Result<T> {
    refuse(ck::CKR_MECHANISM_PARAM_INVALID, what)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_keys_of_three_lengths() {
        for len in [16, 24, 32] {
            let one = generate(&SystemRng, len).unwrap();
            assert_eq!(one.len(), len);
            assert!(!one.ct_eq(&generate(&SystemRng, len).unwrap()));
        }
        for len in [0, 15, 17, 31, 33, 64, usize::MAX] {
            let refused = generate(&SystemRng, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let key = Arc::new(Key::Generic(Secret::zeroed(16)));
        for row in ROWS {
            for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
                let params = test_params(row.params);
                let refused = begin(&key, &params).err().unwrap();
                assert_eq!(refused.rv, ck::CKR_KEY_TYPE_INCONSISTENT, "{}", row.name);
            }
        }
    }

    #[test]
    fn parameters_of_another_kind_are_refused() {
        let key = Arc::new(Key::Aes(aes::Key::new(&[0; 16]).unwrap()));
        for row in ROWS {
            for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
                assert!(
                    begin(&key, &test_params(row.params)).is_ok(),
                    "{}",
                    row.name
                );
                let refused = begin(&key, &Params::Iv(vec![0; 5])).err().unwrap();
                assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID, "{}", row.name);
            }
        }
    }

    fn test_params(kind: ParamKind) -> Params {
        match kind {
            ParamKind::Iv(len) => Params::Iv(vec![0; len]),
            ParamKind::Gcm => Params::Gcm {
                iv: vec![0; 12],
                aad: vec![],
                tag_len: 16,
            },
            _ => Params::None,
        }
    }
}
