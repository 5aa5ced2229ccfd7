//! Message-based signatures and verifications: many messages under one key (sections 5.14 and 5.16).
//!
//! As with message-based encryption, the process stays in its slot from its Init function to its Final
//! function. A step owns only the message, so that an error ends the message and not the process.

use std::sync::Arc;

use super::active::{After, OperationSlot, Phase, TypedSlot, refuse_unauthenticated};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Key, Params, Signer, Verifier};
use crate::out::Out;
use crate::token::Object;

/// A mechanism's column, which makes the work of one message.
pub(super) type BeginMessage<W> = fn(&Arc<Key>, &Params) -> Result<Box<W>>;

/// A process of signatures or verifications, and its message in parts if one was begun.
pub struct MessageSignatures<W: ?Sized> {
    process: Arc<SignatureProcess<W>>,
    /// The key is CKA_ALWAYS_AUTHENTICATE, and the context-specific login is still missing.
    awaits_login: bool,
    message: Option<Box<W>>,
}

/// What all messages of a process share.
pub(super) struct SignatureProcess<W: ?Sized> {
    pub(super) begin: BeginMessage<W>,
    pub(super) params: Params,
    pub(super) key: Arc<Key>,
    pub(super) object: Arc<Object>,
}

impl<W: ?Sized> SignatureProcess<W> {
    fn begin(&self) -> Result<Box<W>> {
        (self.begin)(&self.key, &self.params)
    }
}

impl<W: ?Sized> MessageSignatures<W> {
    /// A process whose parameters are proven to fit the mechanism and the key.
    ///
    /// # Errors
    /// Those of the mechanism.
    pub(super) fn new(process: SignatureProcess<W>) -> Result<Self> {
        process.begin()?;
        Ok(Self {
            awaits_login: process.object.always_authenticate(),
            process: Arc::new(process),
            message: None,
        })
    }

    /// As `ActiveOperation::enter`; the functions below judge the phase of a message.
    pub(super) fn enter(
        &mut self,
        _: Phase,
        may_continue: impl Fn(&Object) -> Result<()>,
    ) -> Result<()> {
        refuse_unauthenticated(self.awaits_login)?;
        may_continue(&self.process.object)
    }

    /// Takes the message out of the slot, with a share of the process, which stays in the slot.
    fn taken(&mut self) -> Self {
        Self {
            process: Arc::clone(&self.process),
            awaits_login: self.awaits_login,
            message: self.message.take(),
        }
    }

    /// C_SignMessageBegin and C_VerifyMessageBegin.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE in the middle of another message, and those of the mechanism.
    pub fn begin(mut self) -> Result<After<Self>> {
        self.message = Some(self.fresh()?);
        Ok(After::GoesOn(self))
    }

    /// The work of a new message.
    fn fresh(&self) -> Result<Box<W>> {
        if self.message.is_some() {
            return refuse(
                ck::CKR_OPERATION_ACTIVE,
                "a message was begun and not ended: that message is over",
            );
        }
        self.process.begin()
    }

    fn begun(&mut self) -> Result<Box<W>> {
        self.message.take().map_or_else(
            || {
                refuse(
                    ck::CKR_OPERATION_NOT_INITIALIZED,
                    "no message was begun in the session",
                )
            },
            Ok,
        )
    }
}

impl MessageSignatures<dyn Signer> {
    /// C_SignMessage.
    ///
    /// # Errors
    /// As `begin`.
    pub fn sign(self, message: &[u8], out: &mut Out<'_>) -> Result<After<Self>> {
        let mut signer = self.fresh()?;
        match out.room(signer.len()) {
            Err(short) => return Ok(After::short(self, short)),
            Ok(buffer) => {
                signer.update(message)?;
                let written = signer.finish(buffer)?;
                out.written(written);
            }
        }
        Ok(After::GoesOn(self))
    }

    /// C_SignMessageNext, where more parts follow.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED where no message was begun, and those of the mechanism.
    pub fn next(mut self, part: &[u8]) -> Result<After<Self>> {
        let mut signer = self.begun()?;
        signer.update(part)?;
        self.message = Some(signer);
        Ok(After::GoesOn(self))
    }

    /// C_SignMessageNext with the last part.
    ///
    /// # Errors
    /// As `next`.
    pub fn last(mut self, part: &[u8], out: &mut Out<'_>) -> Result<After<Self>> {
        let mut signer = self.begun()?;
        match out.room(signer.len()) {
            Err(short) => {
                self.message = Some(signer);
                return Ok(After::short(self, short));
            }
            Ok(buffer) => {
                signer.update(part)?;
                let written = signer.finish(buffer)?;
                out.written(written);
            }
        }
        Ok(After::GoesOn(self))
    }
}

impl MessageSignatures<dyn Verifier> {
    /// C_VerifyMessage.
    ///
    /// # Errors
    /// As `begin`; CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
    pub fn verify(self, message: &[u8], signature: &[u8]) -> Result<After<Self>> {
        let mut verifier = self.fresh()?;
        verifier.update(message)?;
        verifier.finish(signature)?;
        Ok(After::GoesOn(self))
    }

    /// C_VerifyMessageNext; `signature` is that of the whole message where this is the last part.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED where no message was begun, and as `verify`.
    pub fn next(mut self, part: &[u8], signature: Option<&[u8]>) -> Result<After<Self>> {
        let mut verifier = self.begun()?;
        verifier.update(part)?;
        match signature {
            Some(signature) => verifier.finish(signature)?,
            None => self.message = Some(verifier),
        }
        Ok(After::GoesOn(self))
    }
}

impl<W: ?Sized> TypedSlot for Option<MessageSignatures<W>> {
    type Active = MessageSignatures<W>;

    fn take_out(&mut self) -> Option<MessageSignatures<W>> {
        self.as_mut().map(MessageSignatures::taken)
    }
}

impl<W: ?Sized> OperationSlot for Option<MessageSignatures<W>> {
    fn end(&mut self) {
        *self = None;
    }

    fn ends_at_logout(&self) -> bool {
        self.as_ref()
            .is_some_and(|messages| messages.process.object.needs_login())
    }

    fn awaits_login(&self) -> bool {
        self.as_ref().is_some_and(|messages| messages.awaits_login)
    }

    fn authenticate(&mut self) {
        if let Some(messages) = self {
            messages.awaits_login = false;
        }
    }
}
