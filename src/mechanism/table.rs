//! The families' rows together, and finding one.

use std::sync::LazyLock;

use foldhash::HashMap;

use crate::ck;
use crate::config::{Choice, Config};
use crate::error::{Error, Result};

use super::row::{ByDefault, Mechanism};
use super::{
    aes, camellia, chacha, derive, des, dh, digest, dsa, ec, envelope, external, hmac, hotp, hpke,
    ike, kbkdf, kdf, md5, mldsa, mlkem, okp, pbe, poly1305, rsa, secret, slhdsa, sm2, sm4, tls,
};

static FAMILIES: &[&[Mechanism]] = &[
    rsa::ROWS,
    rsa::signature::ROWS,
    ec::ROWS,
    ec::ecdh::ROWS,
    ec::ecdh_wrap::ROWS,
    okp::ROWS,
    dh::ROWS,
    dsa::ROWS,
    mldsa::ROWS,
    mlkem::ROWS,
    slhdsa::ROWS,
    aes::ROWS,
    aes::feedback::ROWS,
    chacha::ROWS,
    poly1305::ROWS,
    secret::ROWS,
    sm2::ROWS,
    sm4::ROWS,
    digest::ROWS,
    hmac::ROWS,
    hotp::ROWS,
    derive::ROWS,
    kdf::ROWS,
    kbkdf::ROWS,
    tls::ROWS,
    ike::ROWS,
    md5::ROWS,
    des::ROWS,
    pbe::ROWS,
    camellia::ROWS,
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
    all().filter_map(|row| offer(config, row))
}

/// The rows that a configuration offers, by their numbers.
pub(crate) struct Offered(HashMap<ck::CK_MECHANISM_TYPE, &'static Mechanism>);

impl Offered {
    pub(crate) fn of(config: &Config) -> Self {
        Self(offered(config).map(|row| (row.id, row)).collect())
    }

    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub(crate) fn row(&self, id: ck::CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        self.0.get(&id).copied().ok_or_else(|| {
            Error::new(ck::CKR_MECHANISM_INVALID, "the mechanism is not offered")
                .at(format!("{id:#x}"))
        })
    }
}

/// What a configuration offers of a mechanism: the row, the row that stands for it by a setting or, with fewer uses,
/// by default, or nothing.
fn offer(config: &Config, row: &'static Mechanism) -> Option<&'static Mechanism> {
    let row = match row.id {
        ck::CKM_AES_KEY_WRAP_PAD if config.key_wrap_pad_pkcs7 => &aes::KEY_WRAP_PAD_PKCS7,
        _ => row,
    };
    match (config.mechanisms.choice(row.name), row.by_default) {
        (Choice::Named, _) | (Choice::Unnamed, ByDefault::Offered) => Some(row),
        (Choice::Unnamed, ByDefault::Fewer(fewer)) => Some(fewer),
        (Choice::Unnamed, ByDefault::Hidden) | (Choice::LeftOut, _) => None,
    }
}

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
