//! External keys.

use super::{Mechanism, ROW};
use crate::ck;

pub(super) static ROWS: &[Mechanism] = &[Mechanism {
    id: ck::CKM_TENON_EXTERNAL_KEY_GEN,
    name: "CKM_TENON_EXTERNAL_KEY_GEN",
    key_types: &[
        ck::CKK_AES,
        ck::CKK_TENON_SM4,
        ck::CKK_GENERIC_SECRET,
        ck::CKK_SHA_1_HMAC,
        ck::CKK_SHA224_HMAC,
        ck::CKK_SHA256_HMAC,
        ck::CKK_SHA384_HMAC,
        ck::CKK_SHA512_HMAC,
        ck::CKK_RSA,
        ck::CKK_EC,
        ck::CKK_EC_EDWARDS,
    ],
    generate_external: true,
    vectors: &["byok::profile::tests::each_service_has_its_keys"],
    ..ROW
}];
