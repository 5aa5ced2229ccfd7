//! What is to be done with an object, and what follows.

use crate::ck;
use crate::error::Error;

use super::blob::Blob;
use super::facts::Use;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Find it, or read its attributes.
    See,
    /// Read values that lie in its material, where its attributes let them be read.
    Reveal,
    /// Create the object with these facts.
    Make,
    /// Create an RSA private key whose modulus has `bits` bits, where `policy.rsa_min_bits` is `least`.
    Size {
        bits: u64,
        least: u64,
    },
    /// C_SetAttributeValue.
    Change,
    /// C_SetAttributeValue of CKA_TRUSTED alone.
    Trust,
    Copy,
    Destroy,
    /// Begin an operation with it.
    Begin(Use, ck::CK_MECHANISM_TYPE),
    /// Go on with an operation begun earlier.
    Continue,
    Digest,
    /// Unwrap a blob of this kind with it.
    Decipher(Blob),
    /// Wrap it, so that it leaves the token.
    Export {
        /// The wrapping key is CKA_TRUSTED, and the mechanism made to wrap keys.
        trusted: bool,
    },
    /// Import material into it.
    Import,
    /// Erase the material of one of its versions.
    DeleteMaterial,
    /// Open a new version of it.
    Rotate,
    /// Sign a receipt of its import.
    Attest,
    /// Have all of its uses at once. Asked where `policy.separate_roles` is set.
    Combine,
    /// Gain a use that it does not have. Asked where `policy.separate_roles` is set.
    Gain(Use),
}

impl Action {
    /// Whether the key's value is worked with.
    pub(super) fn uses(self) -> bool {
        matches!(
            self,
            Self::Begin(..) | Self::Continue | Self::Digest | Self::Decipher(_)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Done,
    DestroyWhole,
    /// The material is erased, and the object stays.
    EraseMaterial,
    /// The call succeeds, and nothing changes.
    Nothing,
}

#[derive(Debug)]
pub(crate) struct Refusal {
    pub error: Error,
    /// The reason is the time: the clock mark is committed before the answer.
    pub time: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, time: false }
    }
}
