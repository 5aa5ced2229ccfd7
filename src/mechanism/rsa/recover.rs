//! Verification that gives the signed data (C_VerifyRecover): CKM_RSA_PKCS and CKM_RSA_X_509.

use super::*;

/// The DigestInfo, or whatever else the padding of PKCS #1 v1.5 holds: up to k - 11 bytes.
pub(super) fn info(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let capacity = pkcs1_capacity(public(key)?.modulus_len());
    begin(key, params, capacity, PublicKey::recover_pkcs1)
}

/// The whole block, k bytes.
pub(super) fn raw(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = public(key)?.modulus_len();
    begin(key, params, modulus_len, PublicKey::recover_raw)
}

/// The length counts as not exact even where it is known: an invalid signature is reported before a
/// buffer that is too short (section 5.15.6).
fn begin(
    key: &Arc<Key>,
    params: &Params,
    most: usize,
    recover: fn(&PublicKey, &[u8]) -> crypto::Result<Vec<u8>>,
) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    let limit = public(key)?.modulus_len();
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::data(limit),
        OutputLen::UpTo(most),
        move |signature, out| {
            let data = recover(public(&key)?, signature)?;
            out[..data.len()].copy_from_slice(&data);
            Ok(data.len())
        },
    ))
}
