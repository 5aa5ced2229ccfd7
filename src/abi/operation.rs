//! Operations: each function's row in `calls` names the operation and the phase (sections 5.8 to
//! 5.17).
//!
//! A step takes the operation before it reads an argument, so that a bad argument ends the operation
//! as every other error does.

use super::args::InputBytes;
use super::output::OutputBuffer;
use super::params::Chosen;
use crate::ck::CK_OBJECT_HANDLE;
use crate::error::Result;
use crate::mechanism::Cipher;
use crate::session::{
    ActiveOperation, After, Digest, Keyed, Operation, Phase, Produces, Session, Takes, Verify,
    VerifySignature,
};

/// An Init function with a key. Without a mechanism it ends the operation (since 3.0).
pub(super) fn init<O: Keyed>(
    session: &Session,
    operation: O,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    match mechanism.if_given(session)? {
        Some(request) => session.init(operation, request, key),
        None => session.end(operation),
    }
}

/// C_DigestInit.
pub(super) fn digest_init(session: &Session, mechanism: Chosen) -> Result<()> {
    match mechanism.if_given(session)? {
        Some(request) => session.digest_init(request),
        None => session.end(Digest),
    }
}

/// A step with output.
pub(super) fn produce<O>(
    session: &Session,
    operation: O,
    phase: Phase,
    input: InputBytes,
    output: OutputBuffer,
) -> Result<()>
where
    O: Operation<Active: Produces>,
{
    session.step(operation, phase, |active| {
        output.fill_from(input, |input, out| active.produce(input, out))
    })
}

/// An Update function without output.
pub(super) fn take<O>(session: &Session, operation: O, part: InputBytes) -> Result<()>
where
    O: Operation<Active: Takes>,
{
    session.step(operation, Phase::Update, |active| {
        Ok(After::GoesOn(active.take(part.bytes()?)?))
    })
}

/// The last step of a verification.
pub(super) fn verify(
    session: &Session,
    phase: Phase,
    rest: InputBytes,
    signature: InputBytes,
) -> Result<()> {
    session.step(Verify, phase, |active| {
        active.verify(rest.bytes()?, signature.bytes()?)
    })
}

/// C_VerifySignatureInit. Without a mechanism it ends the operation.
pub(super) fn verify_signature_init(
    session: &Session,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
    signature: InputBytes,
) -> Result<()> {
    match mechanism.if_given(session)? {
        Some(request) => session.verify_signature_init(request, key, signature.value()?),
        None => session.end(VerifySignature),
    }
}

/// The last step of a verification whose signature came with its Init function.
pub(super) fn verify_signature(session: &Session, phase: Phase, rest: InputBytes) -> Result<()> {
    session.step(VerifySignature, phase, |mut active| {
        active.verify(rest.bytes()?)?;
        Ok(After::Ended)
    })
}

/// The Final function of a message-based process.
pub(super) fn end<O: Operation>(session: &Session, operation: O) -> Result<()> {
    session.step(operation, Phase::Final, |_| Ok(After::Ended))
}

/// The argument of a dual-function call that is the clear text.
#[derive(Clone, Copy)]
pub(super) enum Clear {
    /// That of an encryption.
    Input,
    /// That of a decryption.
    Output,
}

/// A dual-function call: an Update of a cipher, and of the digest or signature of the clear text.
pub(super) fn dual<C, S>(
    session: &Session,
    operations: (C, S),
    clear: Clear,
    part: InputBytes,
    output: OutputBuffer,
) -> Result<()>
where
    C: Operation<Active = Box<ActiveOperation<dyn Cipher>>>,
    S: Operation<Active: Takes>,
{
    session.step(operations, Phase::Update, |(cipher, second)| {
        output.fill_from(part, |part, out| match clear {
            Clear::Input => cipher.dual(second, part, out, |input, _| input),
            Clear::Output => cipher.dual(second, part, out, |_, output| output),
        })
    })
}
