//! Poly1305 (PKCS #11 3.2 section 6.59), which is off by default: its key is for one message, and two MACs under
//! one key give it away (RFC 8439 section 2.5), while nothing in PKCS #11 keeps a key from a second C_Sign.

use subtle::ConstantTimeEq;

use super::one_part::{self, CollectedInput};
use super::row::ByDefault;
use super::{Key, Mechanism, Params, ROW, Unit, no_params};
use crate::ck;
use crate::crypto::chacha::{KEY_LEN, TAG, poly1305};
use crate::error::{Error, Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

const POLY1305: Mechanism = Mechanism {
    key_types: &[ck::CKK_POLY1305],
    by_default: ByDefault::Hidden,
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_POLY1305_KEY_GEN,
        name: "CKM_POLY1305_KEY_GEN",
        sizes: (KEY_LEN as u64, KEY_LEN as u64),
        generate: Some(generate),
        ..POLY1305
    },
    Mechanism {
        id: ck::CKM_POLY1305,
        name: "CKM_POLY1305",
        sign: Some(|key, params| {
            let key = one_time_key(key, params)?;
            let compute = move |message: &[u8], out: &mut [u8]| {
                out[..TAG].copy_from_slice(&poly1305(&key, message)?);
                Ok(TAG)
            };
            Ok(one_part::signer(CollectedInput::whole(), TAG, compute))
        }),
        verify: Some(|key, params| {
            let key = one_time_key(key, params)?;
            let compute = move |message: &[u8], mac: &[u8]| verify(&key, message, mac);
            Ok(one_part::verifier(CollectedInput::whole(), compute))
        }),
        ..POLY1305
    },
];

fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if len != KEY_LEN {
        let what = "a Poly1305 key has 32 bytes";
        return Err(Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, what).at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

fn one_time_key(key: &Key, params: &Params) -> Result<Secret> {
    no_params(params)?;
    match key.of::<Secret>() {
        Some(key) => Ok(key.clone()),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a Poly1305 key"),
    }
}

fn verify(key: &[u8], message: &[u8], mac: &[u8]) -> Result<()> {
    if mac.len() != TAG {
        return refuse(ck::CKR_SIGNATURE_LEN_RANGE, "a Poly1305 MAC has 16 bytes");
    }
    if !bool::from(poly1305(key, message)?.ct_eq(mac)) {
        return refuse(ck::CKR_SIGNATURE_INVALID, "the MAC does not verify");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_keys_of_one_length() {
        let one = generate(&SystemRng, &Params::None, KEY_LEN).unwrap();
        assert!(!one.ct_eq(&generate(&SystemRng, &Params::None, KEY_LEN).unwrap()));
        for len in [0, 16, 33] {
            let refused = generate(&SystemRng, &Params::None, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}
