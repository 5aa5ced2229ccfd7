//! An object's uid, and CKA_UNIQUE_ID, which shows it.

use crate::store::Uid;

/// 32 hexadecimal digits, as CKA_UNIQUE_ID and the audit record show a uid.
pub(in crate::token) fn shown(uid: &Uid) -> String {
    hex(uid)
}

/// Two hexadecimal digits for each byte.
pub(in crate::token) fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let pairs = bytes.as_ref().iter().map(|byte| [byte >> 4, byte & 15]);
    pairs.flatten().map(digit).collect()
}

/// The value of CKA_UNIQUE_ID.
pub(in crate::token) fn unique_id(uid: &Uid) -> Vec<u8> {
    shown(uid).into_bytes()
}

pub(in crate::token) fn uid_of(unique_id: &[u8]) -> Option<Uid> {
    let digits = str::from_utf8(unique_id)
        .ok()
        .filter(|text| text.len() == 32)?;
    let uid = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
    (self::unique_id(&uid) == unique_id).then_some(uid)
}
