//! What is known of an object and of the caller.

use crate::byok;
use crate::ck;
use crate::clock::UnixTime;

use super::pieces::{Pieces, UNGUESSABLE};

/// What a key may be used for: one CKA_ attribute each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// CKA_ENCRYPT.
    Encrypt,
    /// CKA_DECRYPT.
    Decrypt,
    /// CKA_SIGN.
    Sign,
    /// CKA_SIGN_RECOVER.
    SignRecover,
    /// CKA_VERIFY.
    Verify,
    /// CKA_VERIFY_RECOVER.
    VerifyRecover,
    /// CKA_WRAP.
    Wrap,
    /// CKA_UNWRAP.
    Unwrap,
    /// CKA_DERIVE.
    Derive,
    /// CKA_ENCAPSULATE.
    Encapsulate,
    /// CKA_DECAPSULATE.
    Decapsulate,
}

impl Use {
    /// The attribute that permits this use.
    #[must_use]
    pub fn attribute(self) -> ck::CK_ATTRIBUTE_TYPE {
        match self {
            Self::Encrypt => ck::CKA_ENCRYPT,
            Self::Decrypt => ck::CKA_DECRYPT,
            Self::Sign => ck::CKA_SIGN,
            Self::SignRecover => ck::CKA_SIGN_RECOVER,
            Self::Verify => ck::CKA_VERIFY,
            Self::VerifyRecover => ck::CKA_VERIFY_RECOVER,
            Self::Wrap => ck::CKA_WRAP,
            Self::Unwrap => ck::CKA_UNWRAP,
            Self::Derive => ck::CKA_DERIVE,
            Self::Encapsulate => ck::CKA_ENCAPSULATE,
            Self::Decapsulate => ck::CKA_DECAPSULATE,
        }
    }
}

/// Who is logged in to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Login {
    /// Nobody is logged in.
    Public,
    /// The normal user.
    User,
    /// The security officer.
    So,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub login: Login,
    pub read_write: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub token: bool,
    pub private: bool,
    pub modifiable: bool,
    pub copyable: bool,
    pub destroyable: bool,
    pub key: Option<KeyFacts>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// A private or secret key: its value is sealed under the master key.
    pub secret: bool,
    pub sensitive: bool,
    pub extractable: bool,
    pub wrap_with_trusted: bool,
    /// CKA_TRUSTED of a secret key. That of a public key does not count: the token does not decide what
    /// is done with the private half, which opens what the public one wraps.
    pub trusted: bool,
    /// Bytes of a secret key's value; 0 for other keys.
    pub value_len: usize,
    /// What the value consists of; `None` where its length tells.
    pub pieces: Option<Pieces>,
    /// Uses whose attribute is TRUE.
    pub uses: Vec<Use>,
    /// CKA_ALLOWED_MECHANISMS; `None` = all.
    pub allowed: Option<Vec<ck::CK_MECHANISM_TYPE>>,
    /// First second of CKA_START_DATE.
    pub not_before: Option<UnixTime>,
    /// First second after CKA_END_DATE.
    pub not_after: Option<UnixTime>,
    /// End of the material's life; 0 = never.
    pub expires_at: UnixTime,
    /// End of the key itself: a scheduled deletion, or the end of an import job; 0 = never.
    pub gone_at: UnixTime,
    pub external: Option<byok::ExternalFacts>,
}

impl KeyFacts {
    /// Whether time or an operator can end the key's use while an operation runs.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.external.is_some()
            || self.gone_at != 0
            || self.expires_at != 0
            || self.not_before.is_some()
            || self.not_after.is_some()
    }

    /// Whether the key encrypts by envelopes alone, which no other key opens (BYOK rule 8).
    #[must_use]
    pub fn independent(&self) -> bool {
        byok::is_independent(self.allowed.as_deref())
    }

    /// Whether the value must not be read.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.sensitive || !self.extractable || self.wrap_with_trusted
    }

    /// What the value consists of. A private key is one piece that nobody guesses.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        match &self.pieces {
            Some(pieces) => pieces.clone(),
            None if self.value_len == 0 => Pieces::undivided(UNGUESSABLE),
            None => Pieces::of(self.value_len),
        }
    }

    pub(super) fn out_of_time(&self, now: UnixTime) -> bool {
        byok::expired(self.expires_at, now)
            || self.not_before.is_some_and(|begin| now < begin)
            || self.not_after.is_some_and(|end| now >= end)
    }
}
