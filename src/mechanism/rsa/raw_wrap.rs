//! CKM_RSA_X_509 as a key wrap (PKCS #11 3.2 section 6.1, "X.509 (raw) RSA"): the value of a secret key, with
//! zeros before it, is the number that is encrypted.

use super::*;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        no_params(params)?;
        as_long_as_modulus(key, len)
    },
    open,
    proof: Proof::Nothing,
};

pub(super) fn wrap(key: &Key, params: &Params, _: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    no_params(params)?;
    let key = public(key)?;
    fits(clear.len(), Some(key.modulus_len()), key)?;
    let mut out = vec![0; key.modulus_len()];
    key.encrypt_raw(clear, &mut out)
        .map_err(|error| match error {
            crypto::Error::InputRange => Error::new(
                ck::CKR_KEY_SIZE_RANGE,
                "the key to wrap is as long as the modulus of the wrapping key, and as a number not below it: use a \
                 longer wrapping key",
            ),
            other => other.into(),
        })?;
    Ok(out)
}

/// As many bytes as the modulus has.
fn open(key: &Key, _: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let key = private(key).map_err(|_| BadBlob)?;
    let mut out = Secret::zeroed(key.modulus_len());
    key.decrypt_raw(blob, &mut out).map_err(|_| BadBlob)?;
    Ok(out)
}
