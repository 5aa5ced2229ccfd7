//! What is to be done with an object, and what follows.

use crate::ck;
use crate::error::Error;

use super::blob::Blob;
use super::facts::Use;

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Find it, or read its attributes.
    See,
    /// Read values that lie in its material, where its attributes let them be read.
    Reveal,
    /// Bring it into being with these facts.
    Make,
    /// Bring an RSA private key of this size into being, where the token takes keys of `least` bits
    /// and more.
    Size {
        /// Bits of its modulus.
        bits: u64,
        /// `policy.rsa_min_bits`.
        least: u64,
    },
    /// C_SetAttributeValue.
    Change,
    /// C_SetAttributeValue of CKA_TRUSTED alone.
    Trust,
    /// C_CopyObject.
    Copy,
    /// C_DestroyObject.
    Destroy,
    /// Begin an operation with it.
    Begin(Use, ck::CK_MECHANISM_TYPE),
    /// Go on with an operation begun earlier.
    Continue,
    /// C_DigestKey.
    Digest,
    /// Unwrap with it a blob of this kind.
    Decipher(Blob),
    /// Wrap it, so that it leaves the token.
    Export {
        /// The wrapping key is CKA_TRUSTED, and the mechanism made to wrap keys.
        trusted: bool,
    },
    /// Import material into it.
    Import,
    /// Open a new version of it.
    Rotate,
    /// Sign a receipt of its import.
    Attest,
    /// Have all of its uses at once: asked where `policy.separate_roles` keeps some apart.
    Combine,
    /// Take on a use that it does not have: asked there too.
    Gain(Use),
}

impl Action {
    /// The key's value is worked with.
    pub(super) fn uses(self) -> bool {
        matches!(
            self,
            Self::Begin(..) | Self::Continue | Self::Digest | Self::Decipher(_)
        )
    }
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is done.
    Done,
    /// The object goes whole.
    DestroyWhole,
    /// The material alone goes.
    EraseMaterial,
    /// It succeeds, and nothing changes.
    Nothing,
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What the caller gets.
    pub error: Error,
    /// It was refused because of time: the clock mark is committed before the answer.
    pub time: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, time: false }
    }
}
