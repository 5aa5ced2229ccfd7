//! Message-based signatures and verifications (sections 5.14 and 5.16). No mechanism here has a parameter
//! for each message.

use super::args::InputBytes;
use super::output::OutputBuffer;
use super::params::{Chosen, MessageParameter};
use crate::ck::CK_OBJECT_HANDLE;
use crate::error::Result;
use crate::session::{MessageSign, MessageSignature, MessageVerify, Phase, Session};

/// C_MessageSignInit and C_MessageVerifyInit. Without a mechanism they end the process.
pub(super) fn init<O: MessageSignature>(
    session: &Session,
    operation: O,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    match mechanism.if_given(session)? {
        Some(request) => session.message_signatures_init(operation, request, key),
        None => session.end(operation),
    }
}

/// C_SignMessage.
pub(super) fn sign(
    session: &Session,
    parameter: MessageParameter,
    data: InputBytes,
    output: OutputBuffer,
) -> Result<()> {
    session.step(MessageSign, Phase::Whole, |messages| {
        parameter.refuse()?;
        output.fill_from(data, |data, out| messages.sign(data, out))
    })
}

/// C_SignMessageBegin.
pub(super) fn sign_begin(session: &Session, parameter: MessageParameter) -> Result<()> {
    session.step(MessageSign, Phase::Update, |messages| {
        parameter.refuse()?;
        messages.begin()
    })
}

/// C_SignMessageNext: without a place for the signature's length more parts follow.
pub(super) fn sign_next(
    session: &Session,
    parameter: MessageParameter,
    part: InputBytes,
    output: OutputBuffer,
) -> Result<()> {
    session.step(MessageSign, Phase::Update, |messages| {
        parameter.refuse()?;
        if output.is_absent() {
            return messages.next(part.bytes()?);
        }
        output.fill_from(part, |part, out| messages.last(part, out))
    })
}

/// C_VerifyMessage.
pub(super) fn verify(
    session: &Session,
    parameter: MessageParameter,
    data: InputBytes,
    signature: InputBytes,
) -> Result<()> {
    session.step(MessageVerify, Phase::Whole, |messages| {
        parameter.refuse()?;
        messages.verify(data.bytes()?, signature.value()?)
    })
}

/// C_VerifyMessageBegin.
pub(super) fn verify_begin(session: &Session, parameter: MessageParameter) -> Result<()> {
    session.step(MessageVerify, Phase::Update, |messages| {
        parameter.refuse()?;
        messages.begin()
    })
}

/// C_VerifyMessageNext: without a signature more parts follow.
pub(super) fn verify_next(
    session: &Session,
    parameter: MessageParameter,
    part: InputBytes,
    signature: InputBytes,
) -> Result<()> {
    session.step(MessageVerify, Phase::Update, |messages| {
        parameter.refuse()?;
        let signature = match signature.is_null() {
            true => None,
            false => Some(signature.value()?),
        };
        messages.next(part.bytes()?, signature)
    })
}
