//! The families' rows together, and finding one.

use std::sync::LazyLock;

use crate::ck;
use crate::config::Config;

use super::row::Mechanism;
use super::{
    aes, chacha, derive, digest, ec, envelope, external, hmac, hpke, kbkdf, kdf, mldsa, mlkem, okp,
    rsa, secret, sm2, sm4,
};

static FAMILIES: &[&[Mechanism]] = &[
    rsa::ROWS,
    rsa::signature::ROWS,
    ec::ROWS,
    ec::ecdh::ROWS,
    ec::ecdh_wrap::ROWS,
    okp::ROWS,
    mldsa::ROWS,
    mlkem::ROWS,
    aes::ROWS,
    aes::feedback::ROWS,
    chacha::ROWS,
    secret::ROWS,
    sm2::ROWS,
    sm4::ROWS,
    digest::ROWS,
    hmac::ROWS,
    derive::ROWS,
    kdf::ROWS,
    kbkdf::ROWS,
    external::ROWS,
    envelope::ROWS,
    hpke::ROWS,
];

/// Every row.
pub fn all() -> impl Iterator<Item = &'static Mechanism> {
    FAMILIES.iter().copied().flatten()
}

/// The rows that a configuration offers.
pub(crate) fn offered(config: &Config) -> impl Iterator<Item = &'static Mechanism> {
    all().filter(|row| config.mechanisms.offers(row.name))
}

/// CKM_AES_KEY_WRAP_PAD in the second of its two meanings: wraps with PKCS#7 padding and RFC 3394,
/// where the row of the table wraps by RFC 5649. Both unwrap both.
pub(crate) static KEY_WRAP_PAD_PKCS7: &Mechanism = &aes::KEY_WRAP_PAD_PKCS7;

/// Every row, in ascending order of the numbers.
static BY_NUMBER: LazyLock<Vec<&'static Mechanism>> = LazyLock::new(|| {
    let mut rows: Vec<_> = all().collect();
    rows.sort_by_key(|row| row.id);
    rows
});

/// The row of a CKM_ number.
#[must_use]
pub fn find(id: ck::CK_MECHANISM_TYPE) -> Option<&'static Mechanism> {
    let place = BY_NUMBER.binary_search_by_key(&id, |row| row.id).ok()?;
    Some(BY_NUMBER[place])
}
