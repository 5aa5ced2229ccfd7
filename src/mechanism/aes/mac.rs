//! CMAC (PKCS#11 3.2 section 6.14), and the older MACs over AES-CBC (section 6.10).

pub(super) use super::super::cbc_mac::{begin, general};
use super::{Key, Result, aes_key};
use crate::crypto::cbc_mac::AesMac;

pub(super) fn cmac(key: &Key) -> Result<AesMac> {
    Ok(AesMac::cmac(aes_key(key)?)?)
}

pub(super) fn xcbc(key: &Key) -> Result<AesMac> {
    Ok(AesMac::xcbc(aes_key(key)?)?)
}

pub(super) fn fips113(key: &Key) -> Result<AesMac> {
    Ok(AesMac::fips113(aes_key(key)?)?)
}
