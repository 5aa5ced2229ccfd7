//! Generic secret keys.

use super::{Mechanism, Params, ROW, Unit, no_params};
use crate::ck;
use crate::error::{Error, Result};
use crate::rng::{self, Rng};
use crate::secret::Secret;

/// Greatest length of a generated secret in bytes.
pub(super) const MAX: usize = 4096;

pub(super) static ROWS: &[Mechanism] = &[Mechanism {
    id: ck::CKM_GENERIC_SECRET_KEY_GEN,
    name: "CKM_GENERIC_SECRET_KEY_GEN",
    key_types: &[ck::CKK_GENERIC_SECRET],
    // PKCS#11 3.2, "Generic secret key generation": in bits, unlike CKA_VALUE_LEN.
    sizes: (8, 8 * MAX as u64),
    unit: Unit::Bits,
    generate: Some(generate),
    ..ROW
}];

/// CKM_GENERIC_SECRET_KEY_GEN, and the generation of HMAC and HKDF keys.
pub(super) fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if !matches!(len, 1..=MAX) {
        return Err(Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "a generic secret has 1 to 4096 bytes",
        )
        .at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_secrets_of_the_length_asked_for() {
        for len in [1, 20, 32, MAX] {
            assert_eq!(generate(&SystemRng, &Params::None, len).unwrap().len(), len);
        }
        let one = generate(&SystemRng, &Params::None, 32).unwrap();
        assert!(!one.ct_eq(&generate(&SystemRng, &Params::None, 32).unwrap()));
    }

    #[test]
    fn refuses_other_lengths() {
        for len in [0, MAX + 1, usize::MAX] {
            let refused = generate(&SystemRng, &Params::None, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}
