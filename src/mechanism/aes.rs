//! AES (PKCS#11 3.2 sections 6.10 to 6.16): ciphers, MACs and wraps.

use super::cipher_wrap::{any_length, not_only_a_tag, seal, unwrap, whole_blocks};
use super::{Key, Mechanism, MessageKind, ParamKind, Params, ROW, Unit, bad_param, no_params};
use crate::ck;
use crate::crypto::aes::BLOCK;
use crate::crypto::aes::Direction::{Decrypt, Encrypt};
use crate::error::{Error, Result};
use crate::rng::{self, Rng};
use crate::secret::Secret;

mod block;
mod ccm;
mod ctr;
mod cts;
pub(super) mod feedback;
mod gcm;
mod gmac;
mod keywrap;
mod mac;
mod ready;
#[cfg(test)]
mod testing;
mod xts;

pub(super) use ready::aes_key;

use keywrap::{KeyWrapForm, SEMIBLOCK};

const AES: Mechanism = Mechanism {
    key_types: &[ck::CKK_AES],
    sizes: (16, 32),
    unit: Unit::Bytes,
    ..ROW
};

const XTS: Mechanism = Mechanism {
    key_types: &[ck::CKK_AES_XTS],
    sizes: (32, 64),
    ..AES
};

unwrap! {
    ECB: |key, params| block::ecb(key, params, Decrypt), whole_blocks, Nothing;
    CBC: |key, params| block::cbc(key, params, Decrypt), whole_blocks, Nothing;
    CBC_PAD: |key, params| block::cbc_pad(key, params, Decrypt), whole_blocks, Padding;
    CTR: |key, params| ctr::begin(key, params, Decrypt), any_length, Nothing;
    XTS_UNIT: |key, params| xts::begin(key, params, Decrypt), xts::is_unit, Nothing;
    GCM: gcm::decrypt, not_only_a_tag, Stream;
    CCM: |key, params| ccm::begin(key, params, Decrypt), not_only_a_tag, Stream;
}

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_AES_KEY_GEN,
        name: "CKM_AES_KEY_GEN",
        generate: Some(generate),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_ECB,
        name: "CKM_AES_ECB",
        encrypt: Some(|key, params| block::ecb(key, params, Encrypt)),
        decrypt: Some(|key, params| block::ecb(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(block::ecb(key, params, Encrypt)?, clear)),
        unwrap: Some(&ECB),
        zero_padded: Some(BLOCK),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CBC,
        name: "CKM_AES_CBC",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| block::cbc(key, params, Encrypt)),
        decrypt: Some(|key, params| block::cbc(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(block::cbc(key, params, Encrypt)?, clear)),
        unwrap: Some(&CBC),
        zero_padded: Some(BLOCK),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CBC_PAD,
        name: "CKM_AES_CBC_PAD",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| block::cbc_pad(key, params, Encrypt)),
        decrypt: Some(|key, params| block::cbc_pad(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(block::cbc_pad(key, params, Encrypt)?, clear)),
        unwrap: Some(&CBC_PAD),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CTR,
        name: "CKM_AES_CTR",
        params: ParamKind::Ctr,
        encrypt: Some(|key, params| ctr::begin(key, params, Encrypt)),
        decrypt: Some(|key, params| ctr::begin(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(ctr::begin(key, params, Encrypt)?, clear)),
        unwrap: Some(&CTR),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CTS,
        name: "CKM_AES_CTS",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| cts::begin(key, params, Encrypt)),
        decrypt: Some(|key, params| cts::begin(key, params, Decrypt)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_GCM,
        name: "CKM_AES_GCM",
        params: ParamKind::Gcm,
        encrypt: Some(|key, params| gcm::encrypt(key, params)),
        decrypt: Some(|key, params| gcm::decrypt(key, params)),
        messages: Some(MessageKind::Gcm),
        wrap: Some(|key, params, _, clear| seal(gcm::encrypt(key, params)?, clear)),
        unwrap: Some(&GCM),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CCM,
        name: "CKM_AES_CCM",
        params: ParamKind::Ccm,
        encrypt: Some(|key, params| ccm::begin(key, params, Encrypt)),
        decrypt: Some(|key, params| ccm::begin(key, params, Decrypt)),
        messages: Some(MessageKind::Ccm),
        wrap: Some(|key, params, _, clear| seal(ccm::begin(key, params, Encrypt)?, clear)),
        unwrap: Some(&CCM),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CMAC,
        name: "CKM_AES_CMAC",
        sign: Some(|key, params| Ok(mac::begin(mac::cmac(key)?, params, BLOCK)?)),
        verify: Some(|key, params| Ok(mac::begin(mac::cmac(key)?, params, BLOCK)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_CMAC_GENERAL,
        name: "CKM_AES_CMAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(mac::general(mac::cmac(key)?, params)?)),
        verify: Some(|key, params| Ok(mac::general(mac::cmac(key)?, params)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_MAC,
        name: "CKM_AES_MAC",
        sign: Some(|key, params| Ok(mac::begin(mac::fips113(key)?, params, BLOCK / 2)?)),
        verify: Some(|key, params| Ok(mac::begin(mac::fips113(key)?, params, BLOCK / 2)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_MAC_GENERAL,
        name: "CKM_AES_MAC_GENERAL",
        params: ParamKind::MacLen,
        sign: Some(|key, params| Ok(mac::general(mac::fips113(key)?, params)?)),
        verify: Some(|key, params| Ok(mac::general(mac::fips113(key)?, params)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_XCBC_MAC,
        name: "CKM_AES_XCBC_MAC",
        sizes: (16, 16),
        sign: Some(|key, params| Ok(mac::begin(mac::xcbc(key)?, params, BLOCK)?)),
        verify: Some(|key, params| Ok(mac::begin(mac::xcbc(key)?, params, BLOCK)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_XCBC_MAC_96,
        name: "CKM_AES_XCBC_MAC_96",
        sizes: (16, 16),
        sign: Some(|key, params| Ok(mac::begin(mac::xcbc(key)?, params, 12)?)),
        verify: Some(|key, params| Ok(mac::begin(mac::xcbc(key)?, params, 12)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_GMAC,
        name: "CKM_AES_GMAC",
        params: ParamKind::Gcm,
        sign: Some(|key, params| Ok(gmac::begin(key, params)?)),
        verify: Some(|key, params| Ok(gmac::begin(key, params)?)),
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_XTS_KEY_GEN,
        name: "CKM_AES_XTS_KEY_GEN",
        generate: Some(xts::generate),
        ..XTS
    },
    Mechanism {
        id: ck::CKM_AES_XTS,
        name: "CKM_AES_XTS",
        params: ParamKind::Iv(BLOCK),
        encrypt: Some(|key, params| xts::begin(key, params, Encrypt)),
        decrypt: Some(|key, params| xts::begin(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(xts::begin(key, params, Encrypt)?, clear)),
        unwrap: Some(&XTS_UNIT),
        ..XTS
    },
    Mechanism {
        id: ck::CKM_AES_KEY_WRAP,
        name: "CKM_AES_KEY_WRAP",
        params: ParamKind::OptionalIv(SEMIBLOCK),
        encrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Plain, key, params, Encrypt)),
        decrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Plain, key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| keywrap::wrap(KeyWrapForm::Plain, key, params, clear)),
        unwrap: Some(&keywrap::PLAIN),
        key_wrap: true,
        zero_padded: Some(SEMIBLOCK),
        ..AES
    },
    Mechanism {
        encrypt: Some(|key, params| keywrap::begin(KeyWrapForm::KwpOrPkcs7, key, params, Encrypt)),
        wrap: Some(|key, params, _, clear| {
            keywrap::wrap(KeyWrapForm::KwpOrPkcs7, key, params, clear)
        }),
        ..KEY_WRAP_PAD
    },
    Mechanism {
        id: ck::CKM_AES_KEY_WRAP_KWP,
        name: "CKM_AES_KEY_WRAP_KWP",
        params: ParamKind::OptionalIv(4),
        encrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Kwp, key, params, Encrypt)),
        decrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Kwp, key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| keywrap::wrap(KeyWrapForm::Kwp, key, params, clear)),
        unwrap: Some(&keywrap::KWP),
        key_wrap: true,
        ..AES
    },
    Mechanism {
        id: ck::CKM_AES_KEY_WRAP_PKCS7,
        name: "CKM_AES_KEY_WRAP_PKCS7",
        params: ParamKind::OptionalIv(SEMIBLOCK),
        encrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Pkcs7, key, params, Encrypt)),
        decrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Pkcs7, key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| keywrap::wrap(KeyWrapForm::Pkcs7, key, params, clear)),
        unwrap: Some(&keywrap::PKCS7),
        unwrap_whole: Some(|key, params, blob| {
            keywrap::open_whole(KeyWrapForm::Pkcs7, key, params, blob)
        }),
        key_wrap: true,
        ..AES
    },
];

/// Both meanings of CKM_AES_KEY_WRAP_PAD unwrap what either of them wraps.
const KEY_WRAP_PAD: Mechanism = Mechanism {
    id: ck::CKM_AES_KEY_WRAP_PAD,
    name: "CKM_AES_KEY_WRAP_PAD",
    decrypt: Some(|key, params| keywrap::begin(KeyWrapForm::KwpOrPkcs7, key, params, Decrypt)),
    unwrap: Some(&keywrap::EITHER),
    unwrap_whole: Some(|key, params, blob| {
        keywrap::open_whole(KeyWrapForm::KwpOrPkcs7, key, params, blob)
    }),
    key_wrap: true,
    ..AES
};

/// CKM_AES_KEY_WRAP_PAD in the second of its two meanings, that of NSS and openCryptoki: wraps with PKCS#7 padding and
/// RFC 3394, where the row of the table wraps by RFC 5649. Both unwrap both.
pub(super) static KEY_WRAP_PAD_PKCS7: Mechanism = Mechanism {
    encrypt: Some(|key, params| keywrap::begin(KeyWrapForm::Pkcs7OrKwp, key, params, Encrypt)),
    wrap: Some(|key, params, _, clear| keywrap::wrap(KeyWrapForm::Pkcs7OrKwp, key, params, clear)),
    ..KEY_WRAP_PAD
};

/// A key of 16, 24 or 32 bytes, as Camellia has them too.
pub(super) fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if !matches!(len, 16 | 24 | 32) {
        return Err(Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "the key has 16, 24 or 32 bytes",
        )
        .at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::aes;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_keys_of_three_lengths() {
        for len in [16, 24, 32] {
            let one = generate(&SystemRng, &Params::None, len).unwrap();
            assert_eq!(one.len(), len);
            assert!(!one.ct_eq(&generate(&SystemRng, &Params::None, len).unwrap()));
        }
        for len in [0, 15, 17, 31, 33, 64, usize::MAX] {
            let refused = generate(&SystemRng, &Params::None, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn makes_new_xts_keys_of_two_lengths() {
        for len in [32, 64] {
            let one = xts::generate(&SystemRng, &Params::None, len).unwrap();
            assert_eq!(one.len(), len);
            assert!(!one.ct_eq(&xts::generate(&SystemRng, &Params::None, len).unwrap()));
        }
        for len in [0, 16, 33, 48, usize::MAX] {
            let refused = xts::generate(&SystemRng, &Params::None, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }

    #[test]
    fn other_keys_are_refused() {
        for row in ROWS {
            let key = Arc::new(match row.key_types {
                [ck::CKK_AES_XTS] => Key::new(aes::Key::new(&[0; 32]).unwrap()),
                _ => Key::new(Secret::zeroed(16)),
            });
            for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
                let params = test_params(row.params);
                let refused = begin(&key, &params).err().unwrap();
                assert_eq!(refused.rv, ck::CKR_KEY_TYPE_INCONSISTENT, "{}", row.name);
            }
        }
    }

    #[test]
    fn parameters_of_another_kind_are_refused() {
        for row in ROWS {
            let key = Arc::new(match row.key_types {
                [ck::CKK_AES_XTS] => Key::new(Secret::copy(b"two different keys of 16 bytes  ")),
                _ => Key::new(aes::Key::new(&[0; 16]).unwrap()),
            });
            for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
                assert!(
                    begin(&key, &test_params(row.params)).is_ok(),
                    "{}",
                    row.name
                );
                let refused = begin(&key, &Params::Iv(vec![0; 5].into())).err().unwrap();
                assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID, "{}", row.name);
            }
        }
    }

    fn test_params(kind: ParamKind) -> Params {
        match kind {
            ParamKind::Iv(len) => Params::Iv(vec![0; len].into()),
            ParamKind::Gcm => Params::Gcm {
                iv: vec![0; 12].into(),
                aad: vec![],
                tag_len: 16,
            },
            ParamKind::Ctr => Params::Ctr {
                counter: [0; BLOCK],
                bits: 32,
            },
            ParamKind::Ccm => Params::Ccm {
                data_len: 3,
                nonce: vec![0; 12],
                aad: vec![],
                tag_len: 16,
            },
            _ => Params::None,
        }
    }
}
