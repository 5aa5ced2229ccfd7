//! A message-based process: many messages under one key (sections 5.9, 5.11, 5.14 and 5.16).
//!
//! The process stays in its slot from its Init function to its Final function. A step owns only the
//! message, so that an error ends the message and not the process.

use std::sync::Arc;

use super::active::{OperationSlot, Phase, TypedSlot, refuse_unauthenticated};
use crate::ck;
use crate::error::{Result, refuse};
use crate::token::Object;

/// What all messages of a process share.
pub trait Process {
    /// The key's object.
    fn object(&self) -> &Object;
}

/// A process, and its message in parts if one was begun.
pub struct MessageBased<P, M> {
    pub(super) process: Arc<P>,
    /// The key is CKA_ALWAYS_AUTHENTICATE, and the context-specific login is still missing.
    awaits_login: bool,
    pub(super) message: Option<M>,
}

impl<P: Process, M> MessageBased<P, M> {
    pub(super) fn new(process: P) -> Self {
        Self {
            awaits_login: process.object().always_authenticate(),
            process: Arc::new(process),
            message: None,
        }
    }

    /// As `ActiveOperation::enter`; the functions of a message judge its phase.
    pub(super) fn enter(
        &mut self,
        _: Phase,
        may_continue: impl Fn(&Object) -> Result<()>,
    ) -> Result<()> {
        refuse_unauthenticated(self.awaits_login)?;
        may_continue(self.process.object())
    }

    /// CKR_OPERATION_ACTIVE in the middle of a message.
    pub(super) fn refuse_in_message(&self) -> Result<()> {
        if self.message.is_none() {
            return Ok(());
        }
        refuse(
            ck::CKR_OPERATION_ACTIVE,
            "a message was begun and not ended: that message is over",
        )
    }

    /// The message that was begun. CKR_OPERATION_NOT_INITIALIZED.
    pub(super) fn begun(&mut self) -> Result<M> {
        match self.message.take() {
            Some(message) => Ok(message),
            None => refuse(
                ck::CKR_OPERATION_NOT_INITIALIZED,
                "no message was begun in the session",
            ),
        }
    }
}

impl<P: Process, M> TypedSlot for Option<MessageBased<P, M>> {
    type Active = MessageBased<P, M>;

    /// Takes the message out of the slot, with a share of the process, which stays in the slot.
    fn take_out(&mut self) -> Option<MessageBased<P, M>> {
        self.as_mut().map(|kept| MessageBased {
            process: Arc::clone(&kept.process),
            awaits_login: kept.awaits_login,
            message: kept.message.take(),
        })
    }

    fn is_active(&self) -> bool {
        self.is_some()
    }
}

impl<P: Process, M> OperationSlot for Option<MessageBased<P, M>> {
    fn end(&mut self) {
        *self = None;
    }

    fn ends_at_logout(&self) -> bool {
        self.as_ref()
            .is_some_and(|kept| kept.process.object().needs_login())
    }

    fn awaits_login(&self) -> bool {
        self.as_ref().is_some_and(|kept| kept.awaits_login)
    }

    fn authenticate(&mut self) {
        if let Some(kept) = self {
            kept.awaits_login = false;
        }
    }
}
