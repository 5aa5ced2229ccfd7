//! MD5 (PKCS #11 3.2 sections 6.1, 6.21 and 6.22), which is off by default: collisions are found in seconds, so a
//! digest or signature proves nothing against somebody who chooses what is hashed.

use super::derive::digest_key;
use super::row::ByDefault;
use super::rsa::RSA;
use super::rsa::signature::{sign_hashed, verify_hashed};
use super::{Composition, Mechanism, ParamKind, ROW, Unit, digest, hmac};
use crate::ck;
use crate::crypto::hash::Hash;
use crate::keytype;

const OLD: Mechanism = Mechanism {
    by_default: ByDefault::Hidden,
    ..ROW
};

const HMAC: Mechanism = Mechanism {
    key_types: &[ck::CKK_GENERIC_SECRET, ck::CKK_MD5_HMAC, ck::CKK_AES],
    unit: Unit::Bytes,
    ..OLD
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_MD5,
        name: "CKM_MD5",
        digest: Some(|params| digest::begin(Hash::Md5, params)),
        ..OLD
    },
    Mechanism {
        id: ck::CKM_MD5_HMAC,
        name: "CKM_MD5_HMAC",
        sign: Some(|key, params| Ok(hmac::whole(Hash::Md5, key, params)?)),
        verify: Some(|key, params| Ok(hmac::whole(Hash::Md5, key, params)?)),
        ..HMAC
    },
    Mechanism {
        id: ck::CKM_MD5_HMAC_GENERAL,
        name: "CKM_MD5_HMAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(hmac::general(Hash::Md5, key, params)?)),
        verify: Some(|key, params| Ok(hmac::general(Hash::Md5, key, params)?)),
        ..HMAC
    },
    Mechanism {
        id: ck::CKM_MD5_RSA_PKCS,
        name: "CKM_MD5_RSA_PKCS",
        by_default: ByDefault::Hidden,
        sign: Some(|key, params| sign_hashed(key, params, Hash::Md5)),
        verify: Some(|key, params| verify_hashed(key, params, Hash::Md5)),
        ..RSA
    },
    Mechanism {
        id: ck::CKM_MD5_KEY_DERIVATION,
        name: "CKM_MD5_KEY_DERIVATION",
        key_types: keytype::SECRETS,
        derive: Some(|key, params, _, len| digest_key(Hash::Md5, key, params, len)),
        composition: Composition::OneWay { bounded: |_| true },
        ..OLD
    },
];
