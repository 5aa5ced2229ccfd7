//! Keys from passwords as PKCS #12 has them (PKCS #11 3.2 section 6.38), for reading old files: off by default.

use super::row::ByDefault;
use super::{Mechanism, ParamKind, Params, ROW, Unit};
use crate::ck;
use crate::crypto::des::{self, THREE_KEYS, TWO_KEYS, set_parity};
use crate::crypto::hash::Hash;
use crate::crypto::kdf::{self, Pkcs12Purpose};
use crate::error::{Result, refuse};
use crate::secret::Secret;

/// Length in bytes of a key for HMAC-SHA-1.
const MAC_KEY: usize = 20;

const PBE: Mechanism = Mechanism {
    by_default: ByDefault::Hidden,
    unit: Unit::Bytes,
    params: ParamKind::Pbe,
    from_password: true,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_PBE_SHA1_DES3_EDE_CBC,
        name: "CKM_PBE_SHA1_DES3_EDE_CBC",
        key_types: &[ck::CKK_DES3],
        sizes: (THREE_KEYS as u64, THREE_KEYS as u64),
        only_len: Some(THREE_KEYS as u64),
        generate: Some(|_, params, len| des_key(params, len)),
        password_iv: Some(iv),
        ..PBE
    },
    Mechanism {
        id: ck::CKM_PBE_SHA1_DES2_EDE_CBC,
        name: "CKM_PBE_SHA1_DES2_EDE_CBC",
        key_types: &[ck::CKK_DES2],
        sizes: (TWO_KEYS as u64, TWO_KEYS as u64),
        only_len: Some(TWO_KEYS as u64),
        generate: Some(|_, params, len| des_key(params, len)),
        password_iv: Some(iv),
        ..PBE
    },
    Mechanism {
        id: ck::CKM_PBA_SHA1_WITH_SHA1_HMAC,
        name: "CKM_PBA_SHA1_WITH_SHA1_HMAC",
        key_types: &[ck::CKK_GENERIC_SECRET],
        sizes: (MAC_KEY as u64, MAC_KEY as u64),
        only_len: Some(MAC_KEY as u64),
        generate: Some(|_, params, len| pkcs12(Pkcs12Purpose::MacKey, params, len)),
        ..PBE
    },
];

fn des_key(params: &Params, len: usize) -> Result<Secret> {
    let mut key = pkcs12(Pkcs12Purpose::Key, params, len)?;
    set_parity(&mut key);
    Ok(key)
}

fn iv(params: &Params) -> Result<Vec<u8>> {
    Ok(pkcs12(Pkcs12Purpose::Iv, params, des::BLOCK)?.to_vec())
}

fn pkcs12(purpose: Pkcs12Purpose, params: &Params, len: usize) -> Result<Secret> {
    let Params::Pbe {
        password,
        salt,
        iterations,
    } = params
    else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes CK_PBE_PARAMS",
        );
    };
    let secrets = (&password[..], &salt[..]);
    Ok(kdf::pkcs12(Hash::Sha1, purpose, secrets, *iterations, len))
}
