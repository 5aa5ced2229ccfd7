//! Key derivation functions: HKDF (PKCS#11 3.2 section 6.62) and PBKDF2 (section 6.37).

use std::sync::Arc;

use super::derive::{first, value};
use super::{Composition, HkdfSalt, Key, Mechanism, ParamKind, Params, ROW, Unit, secret};
use crate::ck;
use crate::crypto::kdf;
use crate::error::{Result, refuse};
use crate::keytype;
use crate::rng::Rng;
use crate::secret::Secret;

const HKDF: &[ck::CK_KEY_TYPE] = &[ck::CKK_HKDF, ck::CKK_GENERIC_SECRET];

/// An extraction alone gives a key as long as the hash.
const HKDF_OUTPUT: Composition = Composition::OneWay {
    bounded: |params| matches!(params, Params::Hkdf { expand: false, .. }),
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_HKDF_DERIVE,
        name: "CKM_HKDF_DERIVE",
        key_types: HKDF,
        params: ParamKind::Hkdf,
        derive: Some(hkdf),
        composition: HKDF_OUTPUT,
        ..ROW
    },
    Mechanism {
        id: ck::CKM_HKDF_DATA,
        name: "CKM_HKDF_DATA",
        key_types: HKDF,
        params: ParamKind::Hkdf,
        derive: Some(hkdf),
        composition: HKDF_OUTPUT,
        derives_data: true,
        ..ROW
    },
    Mechanism {
        id: ck::CKM_HKDF_KEY_GEN,
        name: "CKM_HKDF_KEY_GEN",
        key_types: &[ck::CKK_HKDF],
        sizes: (1, secret::MAX as u64),
        unit: Unit::Bytes,
        generate: Some(secret::generate),
        ..ROW
    },
    Mechanism {
        id: ck::CKM_PKCS5_PBKD2,
        name: "CKM_PKCS5_PBKD2",
        key_types: keytype::SECRETS,
        sizes: (1, secret::MAX as u64),
        unit: Unit::Bytes,
        params: ParamKind::Pbkd2,
        generate: Some(pbkdf2),
        from_password: true,
        ..ROW
    },
];

fn hkdf(key: &Key, params: &Params, others: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let Params::Hkdf {
        hash,
        salt,
        info,
        expand,
    } = params
    else {
        return refuse(ck::CKR_MECHANISM_PARAM_INVALID, "HKDF takes CK_HKDF_PARAMS");
    };
    let base = value(key)?;
    let extracted = match (salt, others) {
        (None, _) => None,
        (Some(HkdfSalt::Data(salt)), _) => Some(kdf::hkdf_extract(*hash, base, salt)?),
        (Some(HkdfSalt::Key(_)), [salt]) => Some(kdf::hkdf_extract(*hash, base, value(salt)?)?),
        (Some(HkdfSalt::Key(_)), _) => {
            return refuse(ck::CKR_MECHANISM_PARAM_INVALID, "HKDF's salt is one key");
        }
    };
    match (extracted, expand) {
        (extracted, true) => {
            let prk = extracted.as_deref().unwrap_or(base);
            let len = len.unwrap_or(hash.len());
            if !(1..=255 * hash.len()).contains(&len) {
                return refuse(
                    ck::CKR_KEY_SIZE_RANGE,
                    "HKDF gives up to 255 times the length of its hash",
                );
            }
            Ok(kdf::hkdf_expand(*hash, prk, info, len)?)
        }
        (Some(prk), false) if len.is_none_or(|len| len == prk.len()) => Ok(prk),
        (Some(_), false) => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "HKDF's extraction gives a key as long as the hash",
        ),
        (None, false) => refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "HKDF extracts, expands, or both",
        ),
    }
}

/// The key is as hard to guess as the password in the parameter: nothing of it is random.
fn pbkdf2(_rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    let Params::Pbkd2 {
        password,
        salt,
        iterations,
        prf,
    } = params
    else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "PBKDF2 takes CK_PKCS5_PBKD2_PARAMS2",
        );
    };
    if !(1..=secret::MAX).contains(&len) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "a key of PBKDF2 has 1 to 4096 bytes",
        );
    }
    first(kdf::pbkdf2(*prf, password, salt, *iterations, len)?, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Hash;

    fn generic(bytes: &[u8]) -> Key {
        Key::new(Secret::copy(bytes))
    }

    #[test]
    fn extraction_and_expansion_make_the_whole() {
        let params = |salt: Option<&[u8]>, expand| Params::Hkdf {
            hash: Hash::Sha3_256,
            salt: salt.map(|salt| HkdfSalt::Data(salt.to_vec())),
            info: b"info".to_vec(),
            expand,
        };
        let base = generic(b"input");
        let whole = hkdf(&base, &params(Some(b"salt"), true), &[], Some(48)).unwrap();
        let prk = hkdf(&base, &params(Some(b"salt"), false), &[], None).unwrap();
        assert_eq!(prk.len(), 32);
        let salt = [Arc::new(generic(b"salt"))];
        let by_key = Params::Hkdf {
            hash: Hash::Sha3_256,
            salt: Some(HkdfSalt::Key(7)),
            info: b"info".to_vec(),
            expand: true,
        };
        let salted_by_key = hkdf(&base, &by_key, &salt, Some(48)).unwrap();
        assert!(salted_by_key.ct_eq(&whole));
        let expanded = hkdf(&generic(&prk), &params(None, true), &[], Some(48)).unwrap();
        assert!(expanded.ct_eq(&whole));
        let size = hkdf(&base, &params(Some(b"salt"), false), &[], Some(16)).unwrap_err();
        assert_eq!(size.rv, ck::CKR_KEY_SIZE_RANGE);
        let neither = hkdf(&base, &params(None, false), &[], None).unwrap_err();
        assert_eq!(neither.rv, ck::CKR_MECHANISM_PARAM_INVALID);
    }
}
