//! The rows, and the lists that follow from them.

use crate::ck;

use super::row::KeyType;
use super::spec::Spec;
use super::values::Values;
use super::{dh, dsa, ec, mldsa, mlkem, okp, rsa, secret, slhdsa, xwing};

static ROWS: &[&KeyType] = &[
    &rsa::RSA,
    &ec::EC,
    &okp::EDWARDS,
    &okp::MONTGOMERY,
    &mldsa::ML_DSA,
    &mlkem::ML_KEM,
    &slhdsa::SLH_DSA,
    &xwing::XWING,
    &dh::DH,
    &dsa::DSA,
    &secret::AES,
    &secret::AES_XTS,
    &secret::CHACHA20,
    &secret::POLY1305,
    &secret::CAMELLIA,
    &secret::SM4,
    &secret::DES2,
    &secret::DES3,
    &secret::GENERIC,
    &secret::HKDF,
    &secret::SHA_1_HMAC,
    &secret::SHA224_HMAC,
    &secret::SHA256_HMAC,
    &secret::SHA384_HMAC,
    &secret::SHA512_HMAC,
    &secret::SHA512_224_HMAC,
    &secret::SHA512_256_HMAC,
    &secret::SHA3_224_HMAC,
    &secret::SHA3_256_HMAC,
    &secret::SHA3_384_HMAC,
    &secret::SHA3_512_HMAC,
    &secret::BLAKE2B_160_HMAC,
    &secret::BLAKE2B_256_HMAC,
    &secret::BLAKE2B_384_HMAC,
    &secret::BLAKE2B_512_HMAC,
    &secret::MD5_HMAC,
    &secret::HOTP,
];

/// Every row, pairs first.
pub fn all() -> impl Iterator<Item = &'static KeyType> {
    ROWS.iter().copied()
}

/// The row of a CKK_ number.
#[must_use]
pub fn find(id: ck::CK_KEY_TYPE) -> Option<&'static KeyType> {
    all().find(|row| row.id == id)
}

/// CKK_ numbers of all types of key pairs.
pub(crate) static PAIRS: &[ck::CK_KEY_TYPE] = &ids::<{ count(List::Pairs) }>(List::Pairs);
/// CKK_ numbers of all types of keys that CKO_SECRET_KEY objects hold.
pub(crate) static SECRETS: &[ck::CK_KEY_TYPE] = &ids::<{ count(List::Secrets) }>(List::Secrets);
/// CKK_ numbers of all types of keys that CKO_OTP_KEY objects hold.
pub(crate) static OTP: &[ck::CK_KEY_TYPE] = &ids::<{ count(List::Otp) }>(List::Otp);
/// CKK_ numbers of the types whose pairs are made of domain parameters.
pub(crate) static WITH_PARAMETERS: &[ck::CK_KEY_TYPE] =
    &ids::<{ count(List::WithParameters) }>(List::WithParameters);
/// CKK_ numbers of the types that external keys may have.
pub(crate) static EXTERNAL: &[ck::CK_KEY_TYPE] = &ids::<{ count(List::External) }>(List::External);
/// Those of them that are types of secret keys.
pub(crate) static EXTERNAL_SECRETS: &[ck::CK_KEY_TYPE] =
    &ids::<{ count(List::ExternalSecrets) }>(List::ExternalSecrets);

#[derive(Clone, Copy)]
enum List {
    Pairs,
    Secrets,
    Otp,
    WithParameters,
    External,
    ExternalSecrets,
}

const fn lists(list: List, row: &KeyType) -> bool {
    let secret = row.is_secret();
    match list {
        List::Pairs => !secret,
        List::Secrets => matches!(row.secret_class(), Some(ck::CKO_SECRET_KEY)),
        List::Otp => matches!(row.secret_class(), Some(ck::CKO_OTP_KEY)),
        List::WithParameters => row.parameters.is_some(),
        List::External => row.spec.is_some(),
        List::ExternalSecrets => secret && row.spec.is_some(),
    }
}

const fn count(list: List) -> usize {
    let (mut at, mut found) = (0, 0);
    while at < ROWS.len() {
        if lists(list, ROWS[at]) {
            found += 1;
        }
        at += 1;
    }
    found
}

const fn ids<const N: usize>(list: List) -> [ck::CK_KEY_TYPE; N] {
    let mut out = [0; N];
    let (mut at, mut found) = (0, 0);
    while at < ROWS.len() {
        if lists(list, ROWS[at]) {
            out[found] = ROWS[at].id;
            found += 1;
        }
        at += 1;
    }
    out
}

impl Spec {
    /// The spec of a key with these attributes: CKA_VALUE_LEN in bytes, CKA_MODULUS_BITS or
    /// CKA_MODULUS, or CKA_EC_PARAMS. `None` for what no external key can be.
    #[must_use]
    pub fn of(key_type: ck::CK_KEY_TYPE, key: &dyn Values) -> Option<Self> {
        find(key_type)?.spec?(key)
    }

    /// The spec that a service calls so: `name` is in capitals, with underscores.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if let Some((_, spec)) = spec_names().find(|(known, _)| *known == name) {
            return Some(*spec);
        }
        let bits: u64 = name.strip_prefix("HMAC_")?.parse().ok()?;
        let spec = Self::of(ck::CKK_GENERIC_SECRET, &[(ck::CKA_VALUE_LEN, bits / 8)])?;
        (spec.name() == name).then_some(spec)
    }

    /// What services call it.
    #[must_use]
    pub fn name(self) -> String {
        let named = spec_names().find(|(_, spec)| *spec == self);
        named.map_or_else(
            || self.to_string().replace('-', "_"),
            |(name, _)| (*name).to_owned(),
        )
    }

    /// What a key of this kind may be used for.
    #[must_use]
    pub fn uses(self) -> &'static [ck::CK_ATTRIBUTE_TYPE] {
        find(self.attributes().0).map_or(&[], |row| row.uses)
    }

    /// The name of each spec that has one, as it is shown.
    pub fn names() -> impl Iterator<Item = &'static str> {
        spec_names()
            .filter(|(name, spec)| spec.name() == *name)
            .map(|(name, _)| *name)
    }
}

fn spec_names() -> impl Iterator<Item = &'static (&'static str, Spec)> {
    all().flat_map(|row| row.spec_names)
}
