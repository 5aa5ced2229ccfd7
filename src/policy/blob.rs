//! What an unwrapping key tells of its blobs: nothing, unless it decrypts anyway.

use crate::ck;
use crate::error::{Error, refuse};

use super::facts::{KeyFacts, Use};

/// How much an unwrap tells of the blob's plaintext, by its success and by what is known of the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blob {
    /// Nothing. The mechanism is made to wrap keys (NIST SP 800-38F), and the key is all of the
    /// plaintext.
    KeyWrap,
    /// Nothing. A blob that the caller made up does not open, or opens as something random, or holds what
    /// the caller put into it.
    Proven,
    /// Nothing, unless the caller can make the key stream: a counter mode, whose stream consists of
    /// blocks that the unwrapping key has encrypted.
    Stream,
    /// Something. Either the mechanism proves no integrity: the caller may have put the blob together from
    /// other blobs, the new key then has few bytes that the caller does not know, and using it tells them.
    /// Or the key is less than 16 bytes of a proven blob.
    Telling,
}

/// To unwrap by a mechanism without integrity is to decrypt: the caller makes up blobs out of other
/// blobs of the unwrapping key, and the outcome, or the use of the new key, tells their plaintext. So the
/// unwrapping key needs CKA_DECRYPT, which gives the plaintext anyway.
pub(super) fn decipher(key: &KeyFacts, blob: Blob) -> Result<(), Error> {
    if key.trusted && blob != Blob::KeyWrap {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "a trusted key unwraps by key wraps alone, and keys of 16 bytes or more where CKA_VALUE_LEN cuts them",
        );
    }
    let may = |what| key.uses.contains(&what);
    let encrypts = [Use::Encrypt, Use::Wrap, Use::Sign, Use::Derive];
    if blob == Blob::Stream && !may(Use::Decrypt) && encrypts.into_iter().any(may) {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "a key that also encrypts, wraps, signs or derives can make the key stream of GCM and CCM, and so \
             open its blobs itself: give it CKA_DECRYPT=TRUE too, or a blob by CKM_AES_KEY_WRAP_KWP, or use a \
             key that does nothing but unwrap",
        );
    }
    if blob == Blob::Telling && !may(Use::Decrypt) {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "without CKA_DECRYPT the unwrapping key opens no blob by a mechanism that proves no integrity, and \
             makes no key of less than 16 bytes of one. Give the key CKA_DECRYPT=TRUE, or wrap by \
             CKM_AES_KEY_WRAP_KWP or CKM_AES_GCM with a tag of at least 96 bits",
        );
    }
    Ok(())
}

/// Raw RSA and the shared secret of ECDH undo what the public key wraps. So they are refused for a key that
/// unwraps and does not decrypt.
pub(super) fn opens_none(
    key: &KeyFacts,
    what: Use,
    mechanism: ck::CK_MECHANISM_TYPE,
) -> Result<(), Error> {
    let undoes = matches!(
        (what, mechanism),
        (Use::Sign | Use::SignRecover, ck::CKM_RSA_X_509)
            | (
                Use::Derive | Use::Decapsulate,
                ck::CKM_ECDH1_DERIVE | ck::CKM_ECDH1_COFACTOR_DERIVE
            )
    );
    if undoes && key.uses.contains(&Use::Unwrap) && !key.uses.contains(&Use::Decrypt) {
        return refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "the key unwraps and does not decrypt, and this mechanism would open what it unwraps: give it \
             CKA_DECRYPT=TRUE too, or use one key for each",
        );
    }
    Ok(())
}
