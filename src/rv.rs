//! The one place where the rooms' own errors become PKCS#11 return values.

use crate::byok;
use crate::ck;
use crate::crypto;
use crate::error::Error;
use crate::store;

impl From<crypto::Error> for Error {
    /// The return value where the context is not known. Wrapping and key generation, which know it,
    /// choose their own.
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
            crypto::Error::InputRange => (
                ck::CKR_DATA_INVALID,
                "the data, as a number, are not below the key's modulus",
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

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        use store::Error as E;
        let rv = match &error {
            E::Full => ck::CKR_DEVICE_MEMORY,
            E::ReadOnly => ck::CKR_TOKEN_WRITE_PROTECTED,
            E::NotFound(_) => ck::CKR_TOKEN_NOT_PRESENT,
            E::Moved(_) | E::TokenGone => ck::CKR_DEVICE_REMOVED,
            E::NotAToken(_)
            | E::Corrupt(_)
            | E::SchemaTooNew(_)
            | E::SchemaTooOld(_)
            | E::DatabaseMissing(_)
            | E::Symlink(_) => ck::CKR_TOKEN_NOT_RECOGNIZED,
            E::Exists(_)
            | E::DanglingLink(_)
            | E::StaleLog(_)
            | E::LogWithoutIndex(_)
            | E::PermissionsRefused(_)
            | E::CannotOpen(_)
            | E::NotAFile(_)
            | E::Io(..)
            | E::Busy
            | E::HasLog(_)
            | E::SecondCopy(_)
            | E::RolledBack
            | E::Unreachable(_)
            | E::Database(_)
            | E::OutcomeUnknown
            | E::WentBack(_)
            | E::Sqlite(_) => ck::CKR_DEVICE_ERROR,
            E::InUse(_) => ck::CKR_SESSION_EXISTS,
            E::NoSuchObject => ck::CKR_OBJECT_HANDLE_INVALID,
            E::ReservedName | E::Nested => ck::CKR_GENERAL_ERROR,
        };
        let place = match &error {
            E::Unreachable(_)
            | E::Database(_)
            | E::OutcomeUnknown
            | E::WentBack(_)
            | E::TokenGone => "the token's database",
            _ => "the token's file",
        };
        Self::new(rv, place).because(error)
    }
}

impl From<byok::Error> for Error {
    /// The return values of BYOK section 6.
    fn from(error: byok::Error) -> Self {
        use byok::ApprovalRefusal as Approval;
        use byok::{Error as E, Rule, ShareRefusal as Share};
        let rv = match error {
            E::State(_)
            | E::OlderMaterial(_)
            | E::CurrentMaterial(_)
            | E::Share(Share::Waiting)
            | E::Administration(..)
            | E::VersionPending
            | E::NoNext => ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            E::Mismatch { named: true }
            | E::NotNew
            | E::OfNextVersion(_)
            | E::Share(
                Share::Differs | Share::Repeats | Share::Zero | Share::Wrong | Share::Unchecked,
            ) => ck::CKR_TENON_MATERIAL_MISMATCH,
            E::Mismatch { named: false } => ck::CKR_WRAPPED_KEY_INVALID,
            E::ExpiryPast
            | E::Value(_)
            | E::Share(Share::Number(_))
            | E::Approval(
                Approval::Count(_)
                | Approval::Custodian(_)
                | Approval::Repeated(_)
                | Approval::Quorum { .. }
                | Approval::Malformed,
            )
            | E::Profile(
                _,
                Rule::ExpiryMaximum | Rule::Deletion | Rule::JobLife | Rule::Metadata(_),
            ) => ck::CKR_ATTRIBUTE_VALUE_INVALID,
            E::Undying(_)
            | E::RawRotation
            | E::Approval(Approval::Missing { .. } | Approval::Replaces) => {
                ck::CKR_ACTION_PROHIBITED
            }
            E::Approval(Approval::Signature) => ck::CKR_SIGNATURE_INVALID,
            E::Profile(
                _,
                Rule::Spec(_)
                | Rule::Usage(_)
                | Rule::Wrapping(..)
                | Rule::WrappingKey(..)
                | Rule::ExpiryUnnamed
                | Rule::JobLifeFixed
                | Rule::ManyKeys
                | Rule::Way
                | Rule::Rotation
                | Rule::RotationByImport
                | Rule::NextMaterial
                | Rule::Versions(_),
            )
            | E::Generated
            | E::AliasTaken
            | E::Pkcs1Off
            | E::Approval(
                Approval::NoCustodians | Approval::Other(_) | Approval::Spent | Approval::OwnKey,
            )
            | E::Share(Share::Whole | Share::NotInShares | Share::Unproven)
            | E::Job(_) => ck::CKR_TEMPLATE_INCONSISTENT,
            E::Fixed => ck::CKR_ATTRIBUTE_READ_ONLY,
        };
        Self::new(rv, error.to_string())
    }
}
