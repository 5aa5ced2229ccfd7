//! SM4: ciphers, which wrap keys too.

use super::blocks::{self, Padding};
use super::cipher_wrap::{not_only_a_tag, seal, unwrap, whole_blocks};
use super::{Cipher, Key, Mechanism, ParamKind, Params, ROW, Unit, gcm, no_params};
use crate::ck;
use crate::crypto::aes::BLOCK;
use crate::crypto::aes::Direction::{self, Decrypt, Encrypt};
use crate::crypto::sm4::{self, KEY_LEN};
use crate::error::{Error, Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

const SM4: Mechanism = Mechanism {
    key_types: &[ck::CKK_TENON_SM4],
    sizes: (KEY_LEN as u64, KEY_LEN as u64),
    unit: Unit::Bytes,
    ..ROW
};

unwrap! {
    ECB: |key, params| ecb(key, params, Decrypt), whole_blocks, Nothing;
    CBC: |key, params| cbc(key, params, Decrypt), whole_blocks, Nothing;
    GCM: |key, params| gcm::decrypt(sm4_key(key)?, params), not_only_a_tag, Stream;
}

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_TENON_SM4_KEY_GEN,
        name: "CKM_TENON_SM4_KEY_GEN",
        generate: Some(generate),
        ..SM4
    },
    Mechanism {
        id: ck::CKM_TENON_SM4_ECB,
        name: "CKM_TENON_SM4_ECB",
        encrypt: Some(|key, params| ecb(key, params, Encrypt)),
        decrypt: Some(|key, params| ecb(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(ecb(key, params, Encrypt)?, clear)),
        unwrap: Some(&ECB),
        zero_padded: Some(BLOCK),
        ..SM4
    },
    Mechanism {
        id: ck::CKM_TENON_SM4_CBC,
        name: "CKM_TENON_SM4_CBC",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cbc(key, params, Encrypt)),
        decrypt: Some(|key, params| cbc(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(cbc(key, params, Encrypt)?, clear)),
        unwrap: Some(&CBC),
        zero_padded: Some(BLOCK),
        ..SM4
    },
    Mechanism {
        id: ck::CKM_TENON_SM4_GCM,
        name: "CKM_TENON_SM4_GCM",
        params: ParamKind::Gcm,
        encrypt: Some(|key, params| gcm::encrypt(sm4_key(key)?, params)),
        decrypt: Some(|key, params| gcm::decrypt(sm4_key(key)?, params)),
        wrap: Some(|key, params, _, clear| seal(gcm::encrypt(sm4_key(key)?, params)?, clear)),
        unwrap: Some(&GCM),
        ..SM4
    },
];

fn sm4_key(key: &Key) -> Result<&sm4::Key> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes an SM4 key",
        ),
    }
}

fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if len != KEY_LEN {
        let what = "an SM4 key has 16 bytes";
        return Err(Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, what).at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::ecb(sm4_key(key)?, params, direction)
}

fn cbc(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::cbc(sm4_key(key)?, params, direction, Padding::None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::aes;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_keys_of_one_length() {
        let one = generate(&SystemRng, &Params::None, KEY_LEN).unwrap();
        assert_eq!(one.len(), KEY_LEN);
        assert!(!one.ct_eq(&generate(&SystemRng, &Params::None, KEY_LEN).unwrap()));
        for len in [0, 15, 17, 24, 32, usize::MAX] {
            let refused = generate(&SystemRng, &Params::None, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let key = Arc::new(Key::new(aes::Key::new(&[0; KEY_LEN]).unwrap()));
        for row in ROWS {
            let params = match row.params {
                ParamKind::Iv(len) => Params::Iv(vec![0; len].into()),
                ParamKind::Gcm => Params::Gcm {
                    iv: vec![0; 12].into(),
                    aad: Vec::new(),
                    tag_len: 16,
                },
                _ => Params::None,
            };
            for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
                let refused = begin(&key, &params).err().unwrap();
                assert_eq!(refused.rv, ck::CKR_KEY_TYPE_INCONSISTENT, "{}", row.name);
            }
        }
    }
}
