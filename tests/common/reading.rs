//! What a key's attributes say.

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

/// The value of an attribute that the key has and reveals.
pub(crate) fn bytes(session: &Session, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u8> {
    match session.attributes(key, &[kind]).unwrap().remove(0) {
        Revealed::Value(value) => value,
        other => panic!("{kind:#x} is {other:?}"),
    }
}

/// The value of a CK_ULONG.
pub(crate) fn number(session: &Session, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> u64 {
    u64::from_ne_bytes(bytes(session, key, kind).try_into().unwrap())
}

/// CKA_TENON_KEY_STATE.
pub(crate) fn state(session: &Session, key: Handle) -> u64 {
    number(session, key, ck::CKA_TENON_KEY_STATE)
}

/// The 16 bytes that CKA_UNIQUE_ID shows.
pub(crate) fn uid(session: &Session, key: Handle) -> [u8; 16] {
    let digits = String::from_utf8(bytes(session, key, ck::CKA_UNIQUE_ID)).unwrap();
    u128::from_str_radix(&digits, 16).unwrap().to_be_bytes()
}
