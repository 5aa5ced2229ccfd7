//! How an algorithm's refusal is told to a caller of PKCS #11.

use crate::ck;
use crate::crypto;
use crate::error::Error;

impl From<crypto::Error> for Error {
    /// The return value where nothing more is known of the context; wrapping and key generation
    /// choose their own before they come here.
    fn from(error: crypto::Error) -> Self {
        let (rv, what) = match error {
            crypto::Error::InvalidKey(_) => (
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                "the key's values are not valid",
            ),
            crypto::Error::KeySize => (
                ck::CKR_KEY_SIZE_RANGE,
                "the mechanism does not take keys of this size",
            ),
            crypto::Error::InvalidParameter(_) => (
                ck::CKR_MECHANISM_PARAM_INVALID,
                "a parameter of the mechanism is not valid",
            ),
            crypto::Error::CurveParameters => (
                ck::CKR_DOMAIN_PARAMS_INVALID,
                "the EC parameters are not the DER of a curve's object identifier or name",
            ),
            crypto::Error::UnsupportedCurve => (
                ck::CKR_CURVE_NOT_SUPPORTED,
                "the elliptic curve is not supported",
            ),
            crypto::Error::InputLength => (
                ck::CKR_DATA_LEN_RANGE,
                "the mechanism does not take data of this length",
            ),
            crypto::Error::CiphertextLength => (
                ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
                "no ciphertext of this mechanism has this length",
            ),
            crypto::Error::BadCiphertext => (
                ck::CKR_ENCRYPTED_DATA_INVALID,
                "the ciphertext does not decrypt",
            ),
            crypto::Error::SignatureLength => (
                ck::CKR_SIGNATURE_LEN_RANGE,
                "the signature has the wrong length",
            ),
            crypto::Error::BadSignature => {
                (ck::CKR_SIGNATURE_INVALID, "the signature does not verify")
            }
            crypto::Error::Internal(_) => {
                (ck::CKR_FUNCTION_FAILED, "the cryptographic library failed")
            }
        };
        Self::new(rv, what).because(error)
    }
}
