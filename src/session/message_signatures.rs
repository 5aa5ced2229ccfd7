//! Message-based signatures and verifications (sections 5.14 and 5.16).

use std::sync::Arc;

use super::active::After;
use super::message_based::{MessageBased, Process};
use crate::error::Result;
use crate::mechanism::{Begin, Key, Params, Signer, Verifier};
use crate::out::Out;
use crate::token::Object;

/// A process of signatures or verifications.
pub(super) type MessageSignatures<W> = MessageBased<SignatureProcess<W>, Box<W>>;

/// What all messages of a process share.
pub struct SignatureProcess<W: ?Sized> {
    /// Makes the work of one message.
    pub(super) begin: Begin<W>,
    pub(super) params: Params,
    pub(super) key: Arc<Key>,
    pub(super) object: Arc<Object>,
}

impl<W: ?Sized> Process for SignatureProcess<W> {
    fn object(&self) -> &Object {
        &self.object
    }
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
    pub(super) fn proven(process: SignatureProcess<W>) -> Result<Self> {
        process.begin()?;
        Ok(Self::new(process))
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
        self.refuse_in_message()?;
        self.process.begin()
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
