//! How each kind of work takes a step. A step owns the operation, and returns it where the operation
//! goes on.

use super::active::{ActiveOperation, After, Phase};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Cipher, Digester, Signer, Verifier};
use crate::out::Out;
use crate::secret::Secret;

/// Work with output: a ciphertext, a plaintext, a signature or a digest.
pub trait Produces: Sized {
    /// Takes `input`, and writes to `out` what the phase of the step gives.
    ///
    /// # Errors
    /// Those of the mechanism; CKR_HOST_MEMORY.
    fn produce(self, input: &[u8], out: &mut Out<'_>) -> Result<After<Self>>;
}

/// Work that takes parts of a message without output: a signature, a verification, a digest.
pub trait Takes: Sized {
    /// Takes a part of the message.
    ///
    /// # Errors
    /// Those of the mechanism.
    fn take(self, part: &[u8]) -> Result<Self>;
}

impl Produces for Box<ActiveOperation<dyn Cipher>> {
    fn produce(self, input: &[u8], out: &mut Out<'_>) -> Result<After<Self>> {
        match self.phase {
            Some(Phase::Update) => self.update(input, out),
            Some(Phase::Final) => {
                let bound = self.work.finish_bound();
                self.conclude(bound, out, |cipher, buffer| cipher.finish(buffer))
            }
            Some(Phase::Whole) | None => {
                let bound = self.work.one_shot_bound(input.len());
                self.conclude(bound, out, |cipher, buffer| cipher.one_shot(input, buffer))
            }
        }
    }
}

impl ActiveOperation<dyn Cipher> {
    fn update(mut self: Box<Self>, part: &[u8], out: &mut Out<'_>) -> Result<After<Box<Self>>> {
        // The answer to a query is 0 for an empty part alone. A client that is told 0 may repeat the
        // call with NULL for its empty buffer, which is a query again, and the part would be lost.
        // The length told may be above the real one (section 5.2).
        let answer = match self.work.update_bound(part.len()) {
            0 if out.is_query() => part.len(),
            bound => bound,
        };
        match out.room(answer) {
            Err(short) => return Ok(After::short(self, short)),
            Ok(buffer) => {
                let written = self.work.update(part, buffer)?;
                out.written(written);
            }
        }
        Ok(After::GoesOn(self))
    }

    /// The last step. Output that certainly fits is written into the caller's buffer. Output whose
    /// length is not known beforehand is computed aside, and kept until a call brings a buffer that
    /// holds it.
    fn conclude(
        mut self: Box<Self>,
        bound: usize,
        out: &mut Out<'_>,
        run: impl FnOnce(&mut dyn Cipher, &mut [u8]) -> Result<usize>,
    ) -> Result<After<Box<Self>>> {
        let pending = match self.pending.take() {
            Some(pending) => pending,
            None if out.is_query() || self.work.exact() || out.capacity() >= bound => {
                match out.room(bound) {
                    Err(short) => return Ok(After::short(self, short)),
                    Ok(buffer) => {
                        let written = run(&mut *self.work, buffer)?;
                        out.written(written);
                    }
                }
                return Ok(self.ended());
            }
            None => {
                let Some(mut aside) = Secret::try_zeroed(bound) else {
                    return refuse(ck::CKR_HOST_MEMORY, "no memory for the output");
                };
                let written = run(&mut *self.work, &mut aside)?;
                Box::new(aside.truncated(written))
            }
        };
        match out.room(pending.len()) {
            Ok(buffer) => buffer[..pending.len()].copy_from_slice(&pending),
            Err(short) => {
                self.pending = Some(pending);
                return Ok(After::short(self, short));
            }
        }
        Ok(After::Ended)
    }

    /// A dual-function call: the cipher takes `part`, and `second` takes what `clear` picks of the
    /// part and the cipher's output. A part that the cipher refuses does not reach `second`.
    ///
    /// # Errors
    /// Those of both mechanisms. Either ends both operations.
    pub fn dual<S: Takes>(
        self: Box<Self>,
        second: S,
        part: &[u8],
        out: &mut Out<'_>,
        clear: for<'c> fn(&'c [u8], &'c [u8]) -> &'c [u8],
    ) -> Result<After<(Box<Self>, S)>> {
        match self.update(part, out)? {
            After::GoesOn(cipher) if !out.is_query() => {
                let second = second.take(clear(part, out.output()))?;
                Ok(After::GoesOn((cipher, second)))
            }
            other => Ok(other.map(|cipher| (cipher, second))),
        }
    }
}

/// Signatures and digests: the length of the output is known, and only the last step gives it.
macro_rules! give_at_the_end {
    ($($work:ident),+) => {$(
        impl Produces for Box<ActiveOperation<dyn $work>> {
            fn produce(mut self, input: &[u8], out: &mut Out<'_>) -> Result<After<Self>> {
                match out.room(self.work.len()) {
                    Err(short) => return Ok(After::short(self, short)),
                    Ok(buffer) => {
                        self.work.update(input)?;
                        let written = self.work.finish(buffer)?;
                        out.written(written);
                    }
                }
                Ok(self.ended())
            }
        }
    )+};
}
give_at_the_end!(Signer, Digester);

macro_rules! take_parts {
    ($($work:ident),+) => {$(
        impl Takes for Box<ActiveOperation<dyn $work>> {
            fn take(mut self, part: &[u8]) -> Result<Self> {
                self.work.update(part)?;
                Ok(self)
            }
        }
    )+};
}
take_parts!(Signer, Verifier, Digester);

/// The work of C_VerifySignatureInit, which is given the signature before the message.
pub struct SignatureVerifier {
    verifier: Box<dyn Verifier>,
    signature: Vec<u8>,
}

impl SignatureVerifier {
    pub(crate) fn new(verifier: Box<dyn Verifier>, signature: Vec<u8>) -> Self {
        Self {
            verifier,
            signature,
        }
    }
}

impl Takes for Box<ActiveOperation<SignatureVerifier>> {
    fn take(mut self, part: &[u8]) -> Result<Self> {
        self.work.verifier.update(part)?;
        Ok(self)
    }
}

impl ActiveOperation<SignatureVerifier> {
    /// Verifies that the signature is of all parts and `rest`.
    ///
    /// # Errors
    /// As `ActiveOperation<dyn Verifier>::verify`.
    pub fn verify(&mut self, rest: &[u8]) -> Result<()> {
        let SignatureVerifier {
            verifier,
            signature,
        } = &mut *self.work;
        verifier.update(rest)?;
        verifier.finish(signature)
    }
}

impl ActiveOperation<dyn Verifier> {
    /// Verifies that `signature` is of all parts and `rest`.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, and those of the mechanism.
    pub fn verify(mut self: Box<Self>, rest: &[u8], signature: &[u8]) -> Result<After<Box<Self>>> {
        self.work.update(rest)?;
        self.work.finish(signature)?;
        Ok(self.ended())
    }
}
