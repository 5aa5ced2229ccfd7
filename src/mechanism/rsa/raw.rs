//! CKM_RSA_X_509 (PKCS #11 3.2 section 6.1, "X.509 (raw) RSA").

use super::*;

pub(super) fn encrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = public(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::data(modulus_len),
        OutputLen::Exactly(modulus_len),
        move |message, out| Ok(public(&key)?.encrypt_raw(message, out)?),
    ))
}

pub(super) fn decrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = private(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        CollectedInput::ciphertext(modulus_len),
        OutputLen::Exactly(modulus_len),
        move |ciphertext, out| Ok(private(&key)?.decrypt_raw(ciphertext, out)?),
    ))
}

pub(super) fn sign(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    let modulus_len = private(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(signer(
        CollectedInput::data(modulus_len),
        modulus_len,
        move |message, out| Ok(private(&key)?.sign_raw(message, out)?),
    ))
}

pub(super) fn verify(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let modulus_len = public(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(verifier(
        CollectedInput::data(modulus_len),
        move |message, signature| Ok(public(&key)?.verify_raw(message, signature)?),
    ))
}
