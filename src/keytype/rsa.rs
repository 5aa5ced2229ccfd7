//! RSA (PKCS #11 3.2 section 6.1).

use crate::ck;

use super::component::{Component, components};
use super::row::{Class, KeyType, Values};
use super::spec::Spec;

pub(super) static RSA: KeyType = KeyType {
    id: ck::CKK_RSA,
    name: "CKK_RSA",
    title: "RSA",
    class: Class::Pair,
    size: ck::CKA_MODULUS_BITS,
    only_size: None,
    uses: &[
        ck::CKA_ENCRYPT,
        ck::CKA_DECRYPT,
        ck::CKA_SIGN,
        ck::CKA_VERIFY,
    ],
    public: PUBLIC,
    held: PRIVATE,
    spec: Some(spec),
};

/// 65537.
const F4: &[u8] = &[1, 0, 1];

const PUBLIC: &[Component] = components! {
    CKA_MODULUS          Bytes, None,     [R F F] Always Indexed;
    CKA_MODULUS_BITS     Ulong, None,     [F R F] Always Checked;
    CKA_PUBLIC_EXPONENT  Bytes, Some(F4), [R O F] Always Checked;
};

const PRIVATE: &[Component] = components! {
    CKA_MODULUS          Bytes, None, [R F F] Always Indexed;
    CKA_MODULUS_BITS     Ulong, None, [F O F] Always Checked;
    CKA_PUBLIC_EXPONENT  Bytes, None, [O F F] Always Checked;
    CKA_PRIVATE_EXPONENT Bytes, None, [R F F] UnlessSensitive Checked;
    CKA_PRIME_1          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_PRIME_2          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_EXPONENT_1       Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_EXPONENT_2       Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_COEFFICIENT      Bytes, None, [O F F] UnlessSensitive Checked;
};

fn spec(key: &dyn Values) -> Option<Spec> {
    let of_modulus = || key.bytes(ck::CKA_MODULUS).map(modulus_bits);
    key.ulong(ck::CKA_MODULUS_BITS)
        .or_else(of_modulus)
        .filter(|bits| matches!(bits, 2048 | 3072 | 4096))
        .map(Spec::Rsa)
}

/// Bits of a modulus without leading zero bytes.
#[must_use]
pub fn modulus_bits(n: &[u8]) -> u64 {
    n.len() as u64 * 8 - n.first().map_or(0, |byte| u64::from(byte.leading_zeros()))
}
