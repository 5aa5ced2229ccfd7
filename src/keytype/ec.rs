//! Elliptic curves in Weierstrass form (PKCS #11 3.2 section 6.3): ECDSA, ECDH and SM2.

use crate::ck;
use crate::crypto::ec;

use super::component::{Component, components};
use super::row::{Class, KeyType, Values};
use super::spec::{Curve, Spec};

pub(super) static EC: KeyType = KeyType {
    id: ck::CKK_EC,
    name: "CKK_EC",
    title: "EC",
    class: Class::Pair,
    size: ck::CKA_EC_PARAMS,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    spec: Some(spec),
};

/// What public keys on all curves hold.
pub(super) const PUBLIC: &[Component] = components! {
    CKA_EC_PARAMS Bytes, None, [R R F] Always Checked;
    CKA_EC_POINT  Bytes, None, [R F F] Always Indexed;
};

/// What private keys on all curves hold.
pub(super) const PRIVATE: &[Component] = components! {
    CKA_EC_PARAMS Bytes, None, [R O O] Always Checked;
    CKA_EC_POINT  Bytes, None, [O F F] Always Indexed;
    CKA_VALUE     Bytes, None, [R F F] UnlessSensitive Checked;
};

fn spec(key: &dyn Values) -> Option<Spec> {
    let curve = ec::Curve::from_params(key.bytes(ck::CKA_EC_PARAMS)?).ok()?;
    Curve::of(curve).map(Spec::Ec)
}
