//! Camellia (PKCS #11 3.2 sections 6.47 and 6.48): ciphers, MACs, wraps and derivations, as AES has them. Few services take it,
//! and its S-boxes are tables, so it is off by default.

use super::aes::generate;
use super::blocks::{self, Padding};
use super::cbc_mac::{begin, general};
use super::cipher_wrap::{seal, unwrap, whole_blocks};
use super::derive::encrypt_data;
use super::row::ByDefault;
use super::{Cipher, Key, Mechanism, ParamKind, Params, ROW, Unit};
use crate::ck;
use crate::crypto::aes::BLOCK;
use crate::crypto::aes::Direction::{self, Decrypt, Encrypt};
use crate::crypto::camellia;
use crate::crypto::cbc_mac::CbcMac;
use crate::error::{Result, refuse};

const CAMELLIA: Mechanism = Mechanism {
    by_default: ByDefault::Hidden,
    key_types: &[ck::CKK_CAMELLIA],
    sizes: (16, 32),
    unit: Unit::Bytes,
    ..ROW
};

unwrap! {
    ECB: |key, params| ecb(key, params, Decrypt), whole_blocks, Nothing;
    CBC: |key, params| cbc(key, params, Decrypt, Padding::None), whole_blocks, Nothing;
    CBC_PAD: |key, params| cbc(key, params, Decrypt, Padding::Pkcs), whole_blocks, Padding;
}

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_CAMELLIA_KEY_GEN,
        name: "CKM_CAMELLIA_KEY_GEN",
        generate: Some(generate),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_ECB,
        name: "CKM_CAMELLIA_ECB",
        encrypt: Some(|key, params| ecb(key, params, Encrypt)),
        decrypt: Some(|key, params| ecb(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(ecb(key, params, Encrypt)?, clear)),
        unwrap: Some(&ECB),
        zero_padded: Some(BLOCK),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_CBC,
        name: "CKM_CAMELLIA_CBC",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cbc(key, params, Encrypt, Padding::None)),
        decrypt: Some(|key, params| cbc(key, params, Decrypt, Padding::None)),
        wrap: Some(|key, params, _, clear| seal(cbc(key, params, Encrypt, Padding::None)?, clear)),
        unwrap: Some(&CBC),
        zero_padded: Some(BLOCK),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_CBC_PAD,
        name: "CKM_CAMELLIA_CBC_PAD",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cbc(key, params, Encrypt, Padding::Pkcs)),
        decrypt: Some(|key, params| cbc(key, params, Decrypt, Padding::Pkcs)),
        wrap: Some(|key, params, _, clear| seal(cbc(key, params, Encrypt, Padding::Pkcs)?, clear)),
        unwrap: Some(&CBC_PAD),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_MAC,
        name: "CKM_CAMELLIA_MAC",
        sign: Some(|key, params| Ok(begin(mac(key)?, params, BLOCK / 2)?)),
        verify: Some(|key, params| Ok(begin(mac(key)?, params, BLOCK / 2)?)),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_MAC_GENERAL,
        name: "CKM_CAMELLIA_MAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(general(mac(key)?, params)?)),
        verify: Some(|key, params| Ok(general(mac(key)?, params)?)),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_ECB_ENCRYPT_DATA,
        name: "CKM_CAMELLIA_ECB_ENCRYPT_DATA",
        params: ParamKind::Data,
        derive: Some(|key, params, _, len| encrypt_data(camellia_key(key)?, params, len)),
        ..CAMELLIA
    },
    Mechanism {
        id: ck::CKM_CAMELLIA_CBC_ENCRYPT_DATA,
        name: "CKM_CAMELLIA_CBC_ENCRYPT_DATA",
        params: ParamKind::AesCbcData,
        derive: Some(|key, params, _, len| encrypt_data(camellia_key(key)?, params, len)),
        ..CAMELLIA
    },
];

fn camellia_key(key: &Key) -> Result<&camellia::Key> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes a Camellia key",
        ),
    }
}

fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::ecb(camellia_key(key)?, params, direction)
}

fn cbc(
    key: &Key,
    params: &Params,
    direction: Direction,
    padding: Padding,
) -> Result<Box<dyn Cipher>> {
    blocks::cbc(camellia_key(key)?, params, direction, padding)
}

/// FIPS 113, as CKM_AES_MAC.
fn mac(key: &Key) -> Result<CbcMac<camellia::Key, BLOCK>> {
    Ok(CbcMac::fips113(camellia_key(key)?)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mechanism::blocks::tests::{ciphertexts_are_keys, macs_are_of_cbc};

    fn key() -> Arc<Key> {
        Arc::new(Key::new(camellia::Key::new(&[0x5A; 24]).unwrap()))
    }

    #[test]
    fn a_mac_is_half_a_block_of_cbc() {
        let macs = [
            (ck::CKM_CAMELLIA_MAC, Params::None, 8),
            (ck::CKM_CAMELLIA_MAC_GENERAL, Params::MacLen(13), 13),
        ];
        macs_are_of_cbc(&key(), BLOCK, ck::CKM_CAMELLIA_CBC, macs);
    }

    #[test]
    fn ciphertexts_of_camellia_are_keys() {
        let mechanisms = [
            (ck::CKM_CAMELLIA_ECB_ENCRYPT_DATA, ck::CKM_CAMELLIA_ECB),
            (ck::CKM_CAMELLIA_CBC_ENCRYPT_DATA, ck::CKM_CAMELLIA_CBC),
        ];
        ciphertexts_are_keys(&key(), BLOCK, mechanisms);
    }
}
