//! An active operation, and what a step makes of it.
//!
//! A step owns the operation: `Operations::step` has taken it out of its slot, and puts back only
//! what the step returns in `After`. So an error ends the operation wherever it arises, in the
//! caller's arguments too, and no step can forget it (base specification, sections 5.2 and 5.8 to
//! 5.15).
//!
//! What has ended well may rest in its slot: its work keeps memory and key, and the next Init function with the same
//! mechanism and key begins with it. For everything else a slot with such an operation is empty.

use std::sync::Arc;

use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Mechanism, Params, Request, Resumable};
use crate::out::Short;
use crate::secret::Secret;
use crate::token::{Handle, Object};

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

/// An operation between its Init function and its end. It stays at one place in memory, to which a step moves the pointer.
pub struct ActiveOperation<W: ?Sized> {
    pub(super) work: Box<W>,
    /// What it was begun with.
    pub(super) request: Request,
    /// The key's object; `None` for a digest.
    pub(super) key: Option<Arc<Object>>,
    /// Phase of the last step, a length query included; `None` before the first step.
    pub(super) phase: Option<Phase>,
    /// The key is CKA_ALWAYS_AUTHENTICATE, and the context-specific login is still missing.
    awaits_login: bool,
    /// Output that is computed, and waits for a repeated call with a buffer that holds it.
    pub(super) pending: Option<Box<Secret>>,
    /// A digest has taken a key's value, which its state would carry out of the token.
    pub(super) took_key: bool,
    /// The operation is over.
    rests: bool,
}

/// What a step that did not fail leaves of an operation.
#[must_use = "an operation that is not put back has ended"]
pub enum After<A> {
    /// Nothing: it gave its last output.
    Ended,
    /// The operation, which gave its last output, and whose work can serve another message.
    Rests(A),
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
            Self::Rests(active) => After::Rests(change(active)),
            Self::GoesOn(active) => After::GoesOn(change(active)),
            Self::TooSmall(active) => After::TooSmall(change(active)),
        }
    }
}

impl<W: ?Sized> ActiveOperation<W> {
    pub(crate) fn new(work: Box<W>, request: Request, key: Option<Arc<Object>>) -> Box<Self> {
        Box::new(Self {
            work,
            request,
            awaits_login: awaits_login(key.as_deref()),
            key,
            phase: None,
            pending: None,
            took_key: false,
            rests: false,
        })
    }

    /// Whether the operation, which rests, was one with this mechanism and this key, or with none.
    pub(super) fn was_with(&self, row: &Mechanism, key: Option<Handle>) -> bool {
        std::ptr::eq(self.request.row, row) && self.key.as_ref().map(|key| key.handle()) == key
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

/// Whether each operation with the key waits for a context-specific login.
fn awaits_login(key: Option<&Object>) -> bool {
    key.is_some_and(Object::always_authenticate)
}

pub(super) fn refuse_unauthenticated(awaits_login: bool) -> Result<()> {
    if !awaits_login {
        return Ok(());
    }
    refuse(
        ck::CKR_USER_NOT_LOGGED_IN,
        "the key is CKA_ALWAYS_AUTHENTICATE: log in with CKU_CONTEXT_SPECIFIC after the Init function",
    )
}

impl<W: ?Sized + Resumable> ActiveOperation<W> {
    /// What its last output leaves of the operation.
    pub(super) fn ended(mut self: Box<Self>) -> After<Box<Self>> {
        if self.took_key || !self.work.rest() {
            return After::Ended;
        }
        After::Rests(self)
    }

    /// Makes another operation, whose work has begun again, of this one, which rests.
    pub(super) fn begins(&mut self, request: Request) {
        self.request = request;
        self.awaits_login = awaits_login(self.key.as_deref());
        self.phase = None;
        self.rests = false;
    }
}

/// The slot of an operation, with the type that a step takes out of the slot.
pub(super) trait TypedSlot {
    type Active;

    /// `None` where nothing is active.
    fn take_out(&mut self) -> Option<Self::Active>;

    fn is_active(&self) -> bool;

    /// What rests in the slot; `None` where nothing does.
    fn rested(&mut self) -> Option<&mut Self::Active> {
        None
    }

    /// Lets an operation rest in the slot, where operations of the kind can and its key is still in memory.
    fn let_rest(&mut self, _over: Self::Active) {}
}

impl<W: ?Sized> TypedSlot for Option<Box<ActiveOperation<W>>> {
    type Active = Box<ActiveOperation<W>>;

    fn take_out(&mut self) -> Option<Self::Active> {
        self.take_if(|active| !active.rests)
    }

    fn is_active(&self) -> bool {
        self.as_ref().is_some_and(|active| !active.rests)
    }

    fn rested(&mut self) -> Option<&mut Self::Active> {
        self.as_mut().filter(|active| active.rests)
    }

    fn let_rest(&mut self, mut over: Self::Active) {
        if let Some(key) = &over.key {
            // First the note, then the look: who ends the key meanwhile looks for the note after the end.
            key.note_kept();
            if key.has_ended() {
                self.end();
                return;
            }
        }
        over.request.params = Params::None;
        over.rests = true;
        *self = Some(over);
    }
}

/// The slot of an operation of any kind.
pub(super) trait OperationSlot {
    fn end(&mut self);

    /// Whether an operation is active that the user's logout ends.
    fn ends_at_logout(&self) -> bool;

    fn awaits_login(&self) -> bool;

    fn authenticate(&mut self);

    /// Whether an operation rests here whose key has left memory.
    fn rests_without_key(&self) -> bool {
        false
    }
}

impl<W: ?Sized> OperationSlot for Option<Box<ActiveOperation<W>>> {
    fn end(&mut self) {
        *self = None;
    }

    /// A digest has no key, so it goes on after a logout.
    fn ends_at_logout(&self) -> bool {
        self.as_ref()
            .and_then(|active| active.key.as_ref())
            .is_some_and(|key| key.needs_login())
    }

    fn awaits_login(&self) -> bool {
        self.as_ref()
            .is_some_and(|active| active.awaits_login && !active.rests)
    }

    fn authenticate(&mut self) {
        if let Some(active) = self {
            active.awaits_login = false;
        }
    }

    fn rests_without_key(&self) -> bool {
        self.as_ref()
            .filter(|active| active.rests)
            .and_then(|active| active.key.as_ref())
            .is_some_and(|key| key.has_ended())
    }
}
