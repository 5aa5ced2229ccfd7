//! An active operation, and what a step makes of it.
//!
//! A step owns the operation: `Operations::step` has taken it out of its slot, and puts back only
//! what the step returns in `After`. So an error ends the operation wherever it arises, in the
//! caller's arguments too, and no step can forget it (base specification, sections 5.2 and 5.8 to
//! 5.15).

use std::sync::Arc;

use crate::ck;
use crate::error::{Result, refuse};
use crate::out::Short;
use crate::secret::Secret;
use crate::token::Object;

/// The part of an operation that a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The whole message at once, as C_Encrypt does.
    Whole,
    /// A part of the message, as C_EncryptUpdate does.
    Update,
    /// The end of the message, as C_EncryptFinal does.
    Final,
}

/// An operation between its Init function and its end.
pub struct Active<W: ?Sized> {
    pub(super) work: Box<W>,
    /// Object of the key; `None` for digests and searches.
    key: Option<Arc<Object>>,
    /// Of the last step. A length query is a step too.
    pub(super) phase: Option<Phase>,
    /// The key is CKA_ALWAYS_AUTHENTICATE, and the context-specific login has not come yet.
    awaits_login: bool,
    /// Output that is computed, and waits for a buffer that holds it. The call is to be repeated.
    pub(super) pending: Option<Secret>,
}

/// What a step that did not fail leaves of an operation.
#[must_use = "an operation that is not put back has ended"]
pub enum After<A> {
    /// Nothing: it gave its last output.
    Ended,
    /// The operation, which took a part of the message or told a length.
    GoesOn(A),
    /// The operation as it was, since the output did not fit: CKR_BUFFER_TOO_SMALL.
    TooSmall(A),
}

impl<A> After<A> {
    /// `active` is left as it was, since the caller's buffer cannot be written.
    pub(super) fn short(active: A, short: Short) -> Self {
        match short {
            Short::Query => Self::GoesOn(active),
            Short::TooSmall => Self::TooSmall(active),
        }
    }

    pub(super) fn map<B>(self, change: impl FnOnce(A) -> B) -> After<B> {
        match self {
            Self::Ended => After::Ended,
            Self::GoesOn(active) => After::GoesOn(change(active)),
            Self::TooSmall(active) => After::TooSmall(change(active)),
        }
    }
}

impl<W: ?Sized> Active<W> {
    pub(crate) fn new(work: Box<W>, key: Option<Arc<Object>>) -> Self {
        Self {
            work,
            awaits_login: key.as_ref().is_some_and(|key| key.always_authenticate()),
            key,
            phase: None,
            pending: None,
        }
    }

    /// Judges whether a step of `phase` may be next.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE for a single-part function within a multi-part operation or the reverse,
    /// and for another function than the one that output waits for; CKR_USER_NOT_LOGGED_IN while the
    /// context-specific login is missing; those of `may_continue`.
    pub(super) fn enter(
        &mut self,
        phase: Phase,
        may_continue: impl FnOnce(&Object) -> Result<()>,
    ) -> Result<()> {
        let last = self.phase.replace(phase).unwrap_or(phase);
        if self.pending.is_some() && last != phase {
            return refuse(
                ck::CKR_OPERATION_ACTIVE,
                "output was ready, and the call for it was not repeated: the operation is over",
            );
        }
        if (last == Phase::Whole) != (phase == Phase::Whole) {
            return refuse(
                ck::CKR_OPERATION_ACTIVE,
                "single-part and multi-part functions do not mix in one operation: the operation is over",
            );
        }
        refuse_unauthenticated(self.awaits_login)?;
        self.key.as_deref().map_or(Ok(()), may_continue)
    }
}

/// Refuses a step while the context-specific login is missing.
///
/// # Errors
/// CKR_USER_NOT_LOGGED_IN.
pub(super) fn refuse_unauthenticated(awaits_login: bool) -> Result<()> {
    if !awaits_login {
        return Ok(());
    }
    refuse(
        ck::CKR_USER_NOT_LOGGED_IN,
        "the key is CKA_ALWAYS_AUTHENTICATE: log in with CKU_CONTEXT_SPECIFIC after the Init function",
    )
}

/// A slot, and what a step takes out of it.
pub(super) trait Holds {
    type Active;

    /// What a step owns; `None` where nothing is active.
    fn take_out(&mut self) -> Option<Self::Active>;
}

impl<W: ?Sized> Holds for Option<Active<W>> {
    type Active = Active<W>;

    fn take_out(&mut self) -> Option<Self::Active> {
        self.take()
    }
}

/// The slot of an operation, whatever its kind.
pub(super) trait Slot {
    /// Ends the operation, if one is active.
    fn end(&mut self);

    /// An operation is active that must not outlive the user's login.
    fn needs_login(&self) -> bool;

    /// An operation is active that waits for a context-specific login.
    fn awaits_login(&self) -> bool;

    /// Lets the operation go on that waits for a context-specific login.
    fn authenticate(&mut self);
}

impl<W: ?Sized> Slot for Option<Active<W>> {
    fn end(&mut self) {
        *self = None;
    }

    /// A search has no key, and shows private objects. A digest has none either, and is of data.
    fn needs_login(&self) -> bool {
        self.as_ref()
            .and_then(|active| active.key.as_ref())
            .is_some_and(|key| key.needs_login())
    }

    fn awaits_login(&self) -> bool {
        self.as_ref().is_some_and(|active| active.awaits_login)
    }

    fn authenticate(&mut self) {
        if let Some(active) = self {
            active.awaits_login = false;
        }
    }
}
