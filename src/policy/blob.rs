//! What an unwrapping key tells of its blobs: nothing, unless it decrypts anyway.

use crate::ck;
use crate::error::{Error, refuse};

use super::action::{Blob, Effect};
use super::facts::{KeyFacts, Use};

/// To unwrap by a mechanism without integrity is to decrypt: the caller makes up blobs out of other
/// blobs of the unwrapping key, and the outcome, or the use of the new key, tells their plaintext. So the
/// unwrapping key needs CKA_DECRYPT, which gives the plaintext anyway.
pub(super) fn decipher(key: &KeyFacts, blob: Blob) -> Result<Effect, Error> {
    if key.trusted && !matches!(blob, Blob::KeyWrap | Blob::Padded) {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "a trusted key unwraps by key wraps alone, and CKA_VALUE_LEN cuts no zeros off what it unwraps: \
             wrap by CKM_AES_KEY_WRAP_KWP",
        );
    }
    if key.uses.contains(&Use::Decrypt) {
        return Ok(Effect::Done);
    }
    match blob {
        Blob::KeyWrap | Blob::Proven => Ok(Effect::Done),
        Blob::Padded => Ok(Effect::WholePadding),
        // CKA_VERIFY counts too: a GMAC of 32 bits is found by trying, and tells of the key stream.
        Blob::Stream if key.uses.iter().all(|what| *what == Use::Unwrap) => Ok(Effect::Done),
        Blob::Stream => refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "a key with another use than CKA_UNWRAP, CKA_VERIFY included, can find the key stream of GCM and \
             CCM, and so open its blobs itself: give it CKA_DECRYPT=TRUE too, or a blob by \
             CKM_AES_KEY_WRAP_KWP, or use a key that does nothing but unwrap",
        ),
        Blob::Telling => refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "without CKA_DECRYPT the unwrapping key opens no blob by a mechanism that proves no integrity, and \
             cuts no zeros off a secret key, as a CKA_VALUE_LEN that is no multiple of 8 asks for. Give the key \
             CKA_DECRYPT=TRUE, or wrap by CKM_AES_KEY_WRAP_KWP or CKM_AES_GCM with a tag of at least 96 bits",
        ),
    }
}

/// Raw RSA and the shared secrets of ECDH and ML-KEM undo what the public key wraps. So a key that does not decrypt has
/// one of the two. Of ECDH it derives, since the templates of clients name every use; of others it unwraps.
pub(super) fn opens_none(
    key: &KeyFacts,
    what: Use,
    mechanism: ck::CK_MECHANISM_TYPE,
) -> Result<(), Error> {
    let other = match (what, mechanism) {
        (Use::Sign | Use::SignRecover, ck::CKM_RSA_X_509)
        | (
            Use::Decapsulate,
            ck::CKM_ECDH1_DERIVE | ck::CKM_ECDH1_COFACTOR_DERIVE | ck::CKM_ML_KEM,
        ) => Use::Unwrap,
        (
            Use::Unwrap,
            ck::CKM_ECDH_AES_KEY_WRAP | ck::CKM_ECDH_COF_AES_KEY_WRAP | ck::CKM_ECDH_X_AES_KEY_WRAP,
        ) => Use::Derive,
        _ => return Ok(()),
    };
    if key.uses.contains(&other) && !key.uses.contains(&Use::Decrypt) {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            format!(
                "the key has another use ({other:?}) and does not decrypt, and one would open what is for the other: give it \
                 CKA_DECRYPT=TRUE too, or use one key for each"
            ),
        );
    }
    Ok(())
}
