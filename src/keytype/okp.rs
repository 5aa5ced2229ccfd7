//! Edwards and Montgomery curves (PKCS #11 3.2 section 6.3): Ed25519 and X25519.

use crate::ck;
use crate::crypto::okp;

use super::ec::{PRIVATE, PUBLIC};
use super::row::{Class, KeyType, Values};
use super::spec::{Curve, Spec};

pub(super) static EDWARDS: KeyType = KeyType {
    id: ck::CKK_EC_EDWARDS,
    name: "CKK_EC_EDWARDS",
    title: "EC Edwards",
    class: Class::Pair,
    size: ck::CKA_EC_PARAMS,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    spec: Some(spec),
};

pub(super) static MONTGOMERY: KeyType = KeyType {
    id: ck::CKK_EC_MONTGOMERY,
    name: "CKK_EC_MONTGOMERY",
    title: "EC Montgomery",
    uses: &[],
    spec: None,
    ..EDWARDS
};

fn spec(key: &dyn Values) -> Option<Spec> {
    match okp::Curve::from_params(key.bytes(ck::CKA_EC_PARAMS)?) {
        Ok(okp::Curve::Ed25519) => Some(Spec::Ec(Curve::Ed25519)),
        Ok(okp::Curve::X25519) | Err(_) => None,
    }
}
