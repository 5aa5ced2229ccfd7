//! What is to be done with an object, and what follows.

use crate::ck;
use crate::error::Error;

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
    Gain,
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

/// How much an unwrap tells of the blob's plaintext, by its success and by what is known of the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blob {
    /// Nothing. The mechanism is made to wrap keys (NIST SP 800-38F), and the key is all of the
    /// plaintext.
    KeyWrap,
    /// Nothing, if the padding is one whole block. The mechanism is made to wrap keys and pads them as PKCS#7
    /// does, and the new key is a secret one. A key that was wrapped without padding opens too where it ends
    /// like a padding, of one byte for one key in 256: success then tells that byte.
    Padded,
    /// Nothing. A blob that the caller made up does not open, or opens as something random, or holds what
    /// the caller put into it.
    Proven,
    /// Nothing, unless the caller can make the key stream: a counter mode, whose stream consists of
    /// blocks that the unwrapping key has encrypted.
    Stream,
    /// Something. Either the mechanism proves no integrity: the caller may have put the blob together from
    /// other blobs, the new key then has few bytes that the caller does not know, and using it tells them.
    /// Or CKA_VALUE_LEN cuts zeros off the end of a proven blob, and success tells that they are zeros.
    Telling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Done,
    DestroyWhole,
    /// The material is erased, and the object stays.
    EraseMaterial,
    /// The call succeeds, and nothing changes.
    Nothing,
    /// The blob opens if its PKCS#7 padding is one whole block.
    WholePadding,
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
