//! When an operation ends.
//!
//! Of all rooms this one alone knows: a length query and CKR_BUFFER_TOO_SMALL leave an operation
//! alive; everything else that fails, and every one-shot and final step, ends it (base
//! specification, sections 5.8 to 5.13).

use std::sync::Arc;

use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Cipher, Digester, Signer, Verifier};
use crate::out::Out;
use crate::secret::Secret;
use crate::token::{Object, Token};

/// An operation in progress.
pub(super) struct Active<T: ?Sized> {
    operation: Box<T>,
    /// The key's object; `None` for digests.
    key: Option<Arc<Object>>,
    /// Whether the caller has begun with the one-shot function or with the multi-part ones. A length
    /// query is a beginning too.
    parts: Option<bool>,
    /// CKA_ALWAYS_AUTHENTICATE: waits for a context-specific login.
    awaits_login: bool,
    /// Output of a last step that is ready and did not fit the caller's buffer.
    pending: Option<(Phase, Secret)>,
}

/// What a step leaves behind.
#[derive(PartialEq, Eq)]
pub(super) enum After {
    /// A part of the message was taken, or a length was asked for: the operation goes on.
    GoesOn,
    /// The operation is over.
    Ends,
}

/// The phase that a step belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The whole message at once.
    OneShot,
    /// A part of the message.
    Update,
    /// The end of a multi-part operation.
    Final,
}

impl<T: ?Sized> Active<T> {
    pub(super) fn new(operation: Box<T>, key: Option<Arc<Object>>) -> Self {
        Self {
            operation,
            awaits_login: key.as_ref().is_some_and(|key| key.always_authenticate()),
            key,
            parts: None,
            pending: None,
        }
    }

    pub(super) fn needs_login(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.needs_login())
    }

    pub(super) fn awaits_login(&self) -> bool {
        self.awaits_login
    }

    /// Notes that a step of `phase` begins.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE when it cannot be next.
    fn enter(&mut self, phase: Phase) -> Result<()> {
        if self.pending.as_ref().is_some_and(|(of, _)| *of != phase) {
            return refuse(
                ck::CKR_OPERATION_ACTIVE,
                "output was ready, and the call for it was not repeated: the operation is over",
            );
        }
        let parts = phase != Phase::OneShot;
        if *self.parts.get_or_insert(parts) == parts {
            return Ok(());
        }
        refuse(
            ck::CKR_OPERATION_ACTIVE,
            "one-shot and multi-part functions do not mix in one operation: the operation is over",
        )
    }

    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN while a context-specific login is missing.
    fn authenticated(&self) -> Result<()> {
        if !self.awaits_login {
            return Ok(());
        }
        refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "the key is CKA_ALWAYS_AUTHENTICATE: log in with CKU_CONTEXT_SPECIFIC after the Init function",
        )
    }

    /// Lets the operation go on, if it waits for that.
    pub(super) fn authenticate(&mut self) -> bool {
        std::mem::take(&mut self.awaits_login)
    }
}

/// Takes a step of the operation in `slot`, and ends it where it has to end.
///
/// # Errors
/// CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE for a one-shot call in the middle of a
/// multi-part operation or a step past output that is ready, CKR_USER_NOT_LOGGED_IN where a context-specific login is missing, and
/// what the step says.
pub(super) fn step<T: ?Sized>(
    slot: &mut Option<Active<T>>,
    token: &Token,
    phase: Phase,
    run: impl FnOnce(&mut Active<T>) -> Result<After>,
) -> Result<()> {
    let Some(active) = slot else {
        return refuse(
            ck::CKR_OPERATION_NOT_INITIALIZED,
            "no such operation is active in the session",
        );
    };
    let outcome = active
        .enter(phase)
        .and_then(|()| active.authenticated())
        .and_then(|()| {
            active
                .key
                .as_ref()
                .map_or(Ok(()), |key| token.may_continue(key))
        })
        .and_then(|()| run(active));
    match outcome {
        Ok(After::GoesOn) => Ok(()),
        Ok(After::Ends) => {
            *slot = None;
            Ok(())
        }
        Err(error) if error.rv == ck::CKR_BUFFER_TOO_SMALL => Err(error),
        Err(error) => {
            *slot = None;
            Err(error)
        }
    }
}

impl Active<dyn Cipher> {
    pub(super) fn one_shot(&mut self, input: &[u8], out: &mut Out<'_>) -> Result<After> {
        let bound = self.operation.one_shot_bound(input.len());
        self.conclude(Phase::OneShot, bound, out, |operation, buffer| {
            operation.one_shot(input, buffer)
        })
    }

    pub(super) fn update(&mut self, input: &[u8], out: &mut Out<'_>) -> Result<After> {
        let bound = self.operation.update_bound(input.len());
        // A client that is told 0 repeats the call with NULL for its empty buffer, and this part of
        // the message is lost in a second query. An answer may be above the length (section 5.2).
        let answer = match bound {
            0 if out.is_query() => input.len(),
            bound => bound,
        };
        let Some(buffer) = out.reserve(answer)? else {
            return Ok(After::GoesOn);
        };
        let written = self.operation.update(input, buffer)?;
        out.written(written);
        Ok(After::GoesOn)
    }

    pub(super) fn finish(&mut self, out: &mut Out<'_>) -> Result<After> {
        let bound = self.operation.finish_bound();
        self.conclude(Phase::Final, bound, out, |operation, buffer| {
            operation.finish(buffer)
        })
    }

    /// The last step: straight into the caller's buffer where it certainly fits; otherwise, when
    /// the length cannot be known beforehand, aside, and kept until the caller's buffer holds it.
    fn conclude(
        &mut self,
        phase: Phase,
        bound: usize,
        out: &mut Out<'_>,
        run: impl FnOnce(&mut dyn Cipher, &mut [u8]) -> Result<usize>,
    ) -> Result<After> {
        if self.pending.is_none() {
            if out.is_query() || self.operation.exact() || out.capacity() >= bound {
                let Some(buffer) = out.reserve(bound)? else {
                    return Ok(After::GoesOn);
                };
                let written = run(&mut *self.operation, buffer)?;
                out.written(written);
                return Ok(After::Ends);
            }
            let Some(mut aside) = Secret::try_zeroed(bound) else {
                return refuse(ck::CKR_HOST_MEMORY, "no memory for the output");
            };
            let written = run(&mut *self.operation, &mut aside)?;
            self.pending = Some((phase, aside.truncated(written)));
        }
        let pending = self.pending.as_ref().map_or(&[][..], |(_, output)| output);
        Ok(if out.put(pending)? {
            After::Ends
        } else {
            After::GoesOn
        })
    }
}

impl Active<dyn Signer> {
    pub(super) fn update(&mut self, message: &[u8]) -> Result<After> {
        self.operation.update(message)?;
        Ok(After::GoesOn)
    }

    /// Signs what was taken and `rest`.
    pub(super) fn finish(&mut self, rest: &[u8], out: &mut Out<'_>) -> Result<After> {
        let Some(buffer) = out.reserve(self.operation.len())? else {
            return Ok(After::GoesOn);
        };
        self.operation.update(rest)?;
        let written = self.operation.finish(buffer)?;
        out.written(written);
        Ok(After::Ends)
    }
}

impl Active<dyn Verifier> {
    pub(super) fn update(&mut self, message: &[u8]) -> Result<After> {
        self.operation.update(message)?;
        Ok(After::GoesOn)
    }

    /// Verifies what was taken and `rest`.
    pub(super) fn finish(&mut self, rest: &[u8], signature: &[u8]) -> Result<After> {
        self.operation.update(rest)?;
        self.operation.finish(signature)?;
        Ok(After::Ends)
    }
}

impl Active<dyn Digester> {
    pub(super) fn update(&mut self, message: &[u8]) -> Result<After> {
        self.operation.update(message);
        Ok(After::GoesOn)
    }

    /// Digests what was taken and `rest`.
    pub(super) fn finish(&mut self, rest: &[u8], out: &mut Out<'_>) -> Result<After> {
        let Some(buffer) = out.reserve(self.operation.len())? else {
            return Ok(After::GoesOn);
        };
        self.operation.update(rest);
        let written = self.operation.finish(buffer)?;
        out.written(written);
        Ok(After::Ends)
    }
}
