//! Message-based encryption and decryption (sections 5.9 and 5.11).

use std::sync::Arc;

use parking_lot::Mutex;

use super::active::After;
use super::message_based::{MessageBased, Process};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::{Begin, Cipher, Ivs, Key, MessageKind, MessageParams};
use crate::out::Out;
use crate::secret::Secret;
use crate::token::{Object, Token};

/// A process of encryptions or decryptions.
pub(crate) type Messages = MessageBased<MessageProcess, ActiveMessage>;

/// What all messages of a process share.
pub struct MessageProcess {
    pub(super) kind: MessageKind,
    pub(super) begin: Begin<dyn Cipher>,
    pub(super) key: Arc<Key>,
    pub(super) object: Arc<Object>,
    pub(super) token: Arc<Token>,
    /// `None` for a decryption, where the caller gives each initialization vector.
    pub(super) ivs: Option<Arc<Mutex<Ivs>>>,
}

/// A message between its Begin function and its last part.
pub struct ActiveMessage {
    cipher: Box<dyn Cipher>,
    /// Length of the tag, which does not change within a message.
    tag_len: usize,
    /// Bytes that went in and have not come out.
    held: usize,
}

impl Messages {
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.process.kind
    }

    /// Whether messages are encrypted: then the initialization vector that was made and the tag are
    /// written into the caller's parameter.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.process.ivs.is_some()
    }

    /// C_EncryptMessage and C_DecryptMessage.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE in the middle of another message; CKR_AEAD_DECRYPT_FAILED for a wrong tag;
    /// those of `Ivs::make` and of the mechanism.
    pub fn whole(
        self,
        params: &mut MessageParams,
        aad: &[u8],
        input: &[u8],
        out: &mut Out<'_>,
    ) -> Result<After<Self>> {
        self.refuse_in_message()?;
        match out.room(input.len()) {
            Err(short) => Ok(After::short(self, short)),
            Ok(buffer) => {
                let message = self.process.begin(params, aad)?;
                self.conclude(message, params, input, &mut buffer[..input.len()])
            }
        }
    }

    /// C_EncryptMessageBegin and C_DecryptMessageBegin.
    ///
    /// # Errors
    /// As `whole`.
    pub fn begin(mut self, params: &mut MessageParams, aad: &[u8]) -> Result<After<Self>> {
        self.refuse_in_message()?;
        self.message = Some(self.process.begin(params, aad)?);
        Ok(After::GoesOn(self))
    }

    /// C_EncryptMessageNext and C_DecryptMessageNext; `part` is the last one where `last` is true.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED where no message was begun; CKR_AEAD_DECRYPT_FAILED for a wrong
    /// tag; those of the mechanism.
    pub fn next(
        mut self,
        params: &mut MessageParams,
        part: &[u8],
        out: &mut Out<'_>,
        last: bool,
    ) -> Result<After<Self>> {
        let mut message = self.begun()?;
        if message.tag_len != params.tag_len {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "the length of the tag is another one than at the message's beginning",
            );
        }
        let answer = match message.cipher.update_bound(part.len()) {
            _ if last => message.held.saturating_add(part.len()),
            // See `ActiveOperation::update`.
            0 if out.is_query() => part.len(),
            bound => bound,
        };
        match out.room(answer) {
            Err(short) => {
                self.message = Some(message);
                Ok(After::short(self, short))
            }
            Ok(buffer) if last => self.conclude(message, params, part, &mut buffer[..answer]),
            Ok(buffer) => {
                let written = message.cipher.update(part, buffer)?;
                message.held += part.len() - written.min(part.len());
                out.written(written);
                self.message = Some(message);
                Ok(After::GoesOn(self))
            }
        }
    }

    /// Takes the last part of a message, whose output has the length of `out`.
    fn conclude(
        self,
        message: ActiveMessage,
        params: &mut MessageParams,
        part: &[u8],
        out: &mut [u8],
    ) -> Result<After<Self>> {
        if self.encrypts() {
            message.seal(params, part, out)?;
        } else {
            message.open(params, part, out)?;
        }
        Ok(After::GoesOn(self))
    }
}

impl Process for MessageProcess {
    fn object(&self) -> &Object {
        &self.object
    }
}

impl MessageProcess {
    fn begin(&self, params: &mut MessageParams, aad: &[u8]) -> Result<ActiveMessage> {
        if let Some(ivs) = &self.ivs {
            ivs.lock().make(params, self.token.rng())?;
        }
        Ok(ActiveMessage {
            cipher: (self.begin)(&self.key, &params.with_aad(self.kind, aad))?,
            tag_len: params.tag_len,
            held: 0,
        })
    }
}

impl ActiveMessage {
    /// Encrypts the last part. `out` is filled with the ciphertext, and `params` gets the tag.
    fn seal(mut self, params: &mut MessageParams, part: &[u8], out: &mut [u8]) -> Result<()> {
        let len = out.len().saturating_add(params.tag_len);
        let Some(mut sealed) = Secret::try_zeroed(len) else {
            return refuse(ck::CKR_HOST_MEMORY, "no memory for the ciphertext");
        };
        let written = self.cipher.update(part, &mut sealed)?;
        self.cipher.finish(&mut sealed[written..])?;
        out.copy_from_slice(&sealed[..out.len()]);
        params.tag = Some(sealed[out.len()..].to_vec());
        Ok(())
    }

    /// Decrypts the last part. `out` is filled only after the tag in `params` is verified.
    fn open(mut self, params: &MessageParams, part: &[u8], out: &mut [u8]) -> Result<()> {
        let mut open = || {
            self.cipher.update(part, &mut [])?;
            self.cipher
                .update(params.tag.as_deref().unwrap_or_default(), &mut [])?;
            self.cipher.finish(out)
        };
        open().map(drop).map_err(|error| match error.rv {
            ck::CKR_ENCRYPTED_DATA_INVALID => Error::new(
                ck::CKR_AEAD_DECRYPT_FAILED,
                "the tag does not belong to the message",
            ),
            _ => error,
        })
    }
}
