//! Triple DES (PKCS #11 3.2 sections 6.33, 6.34 and 6.32), which NIST disallows since 2024 and which is off by default. It
//! wraps no keys: whoever unwraps a block of 8 bytes by itself finds that part of a key by trying.

use std::sync::Arc;

use super::blocks::{self, Padding};
use super::cbc_mac::{begin, general};
use super::derive::encrypt_data;
use super::row::ByDefault;
use super::{Cipher, Key, Mechanism, ParamKind, Params, ROW, Unit, no_params};
use crate::ck;
use crate::crypto::aes::Direction::{self, Decrypt, Encrypt};
use crate::crypto::cbc_mac::CbcMac;
use crate::crypto::des::{self, BLOCK, THREE_KEYS, TWO_KEYS, set_parity};
use crate::error::{Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

const DES: Mechanism = Mechanism {
    by_default: ByDefault::Hidden,
    key_types: &[ck::CKK_DES2, ck::CKK_DES3],
    sizes: (TWO_KEYS as u64, THREE_KEYS as u64),
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_DES2_KEY_GEN,
        name: "CKM_DES2_KEY_GEN",
        key_types: &[ck::CKK_DES2],
        sizes: (TWO_KEYS as u64, TWO_KEYS as u64),
        generate: Some(generate),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_KEY_GEN,
        name: "CKM_DES3_KEY_GEN",
        key_types: &[ck::CKK_DES3],
        sizes: (THREE_KEYS as u64, THREE_KEYS as u64),
        generate: Some(generate),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_ECB,
        name: "CKM_DES3_ECB",
        encrypt: Some(|key, params| blocks::ecb(des_key(key)?, params, Encrypt)),
        decrypt: Some(|key, params| blocks::ecb(des_key(key)?, params, Decrypt)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_CBC,
        name: "CKM_DES3_CBC",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cbc(key, params, Encrypt, Padding::None)),
        decrypt: Some(|key, params| cbc(key, params, Decrypt, Padding::None)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_CBC_PAD,
        name: "CKM_DES3_CBC_PAD",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cbc(key, params, Encrypt, Padding::Pkcs)),
        decrypt: Some(|key, params| cbc(key, params, Decrypt, Padding::Pkcs)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_MAC,
        name: "CKM_DES3_MAC",
        sign: Some(|key, params| Ok(begin(fips113(key)?, params, BLOCK / 2)?)),
        verify: Some(|key, params| Ok(begin(fips113(key)?, params, BLOCK / 2)?)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_MAC_GENERAL,
        name: "CKM_DES3_MAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(general(fips113(key)?, params)?)),
        verify: Some(|key, params| Ok(general(fips113(key)?, params)?)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_CMAC,
        name: "CKM_DES3_CMAC",
        sign: Some(|key, params| Ok(begin(cmac(key)?, params, BLOCK)?)),
        verify: Some(|key, params| Ok(begin(cmac(key)?, params, BLOCK)?)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_CMAC_GENERAL,
        name: "CKM_DES3_CMAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(general(cmac(key)?, params)?)),
        verify: Some(|key, params| Ok(general(cmac(key)?, params)?)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_ECB_ENCRYPT_DATA,
        name: "CKM_DES3_ECB_ENCRYPT_DATA",
        params: ParamKind::Data,
        derive: Some(|key, params, _, len| encrypt_data(des_key(key)?, params, len)),
        ..DES
    },
    Mechanism {
        id: ck::CKM_DES3_CBC_ENCRYPT_DATA,
        name: "CKM_DES3_CBC_ENCRYPT_DATA",
        params: ParamKind::DesCbcData,
        derive: Some(|key, params, _, len| encrypt_data(des_key(key)?, params, len)),
        ..DES
    },
];

fn des_key(key: &Key) -> Result<&des::Key> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes a key of double or triple DES",
        ),
    }
}

fn cbc(
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
    padding: Padding,
) -> Result<Box<dyn Cipher>> {
    blocks::cbc(des_key(key)?, params, direction, padding)
}

fn cmac(key: &Key) -> Result<CbcMac<des::Key, BLOCK>> {
    Ok(CbcMac::cmac(des_key(key)?)?)
}

fn fips113(key: &Key) -> Result<CbcMac<des::Key, BLOCK>> {
    Ok(CbcMac::fips113(des_key(key)?)?)
}

/// The length is the only one that keys of the type have.
fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    let mut key = rng::secret(rng, len);
    set_parity(&mut key);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;
    use crate::mechanism::blocks::tests::{ciphertexts_are_keys, macs_are_of_cbc};

    fn key() -> Arc<Key> {
        Arc::new(Key::new(
            des::Key::new(b"three different keys: 24").unwrap(),
        ))
    }

    #[test]
    fn makes_new_keys_with_odd_parity() {
        for len in [16, 24] {
            let one = generate(&SystemRng, &Params::None, len).unwrap();
            assert_eq!(one.len(), len);
            assert!(one.iter().all(|byte| byte.count_ones() % 2 == 1));
            assert!(!one.ct_eq(&generate(&SystemRng, &Params::None, len).unwrap()));
        }
        let refused = generate(&SystemRng, &Params::Iv(vec![0; 8].into()), 24).unwrap_err();
        assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
    }

    #[test]
    fn a_mac_is_half_a_block_of_cbc() {
        let macs = [
            (ck::CKM_DES3_MAC, Params::None, 4),
            (ck::CKM_DES3_MAC_GENERAL, Params::MacLen(7), 7),
        ];
        macs_are_of_cbc(&key(), BLOCK, ck::CKM_DES3_CBC, macs);
    }

    #[test]
    fn ciphertexts_of_triple_des_are_keys() {
        let mechanisms = [
            (ck::CKM_DES3_ECB_ENCRYPT_DATA, ck::CKM_DES3_ECB),
            (ck::CKM_DES3_CBC_ENCRYPT_DATA, ck::CKM_DES3_CBC),
        ];
        ciphertexts_are_keys(&key(), BLOCK, mechanisms);
    }
}
