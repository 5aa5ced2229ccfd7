//! Message-based encryption and decryption (sections 5.9 and 5.11).

use super::args::InputBytes;
use super::output::OutputBuffer;
use super::params::{Chosen, MessageParameter};
use crate::ck::{self, CK_FLAGS, CK_OBJECT_HANDLE};
use crate::error::Result;
use crate::session::{KeyedMessages, Messages, Operation, Phase, Session};

/// C_MessageEncryptInit and C_MessageDecryptInit. Without a mechanism they end the process.
pub(super) fn init<O: KeyedMessages>(
    session: &Session,
    operation: O,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    match mechanism.for_messages(session)? {
        Some(row) => session.messages_init(operation, row, key),
        None => session.end(operation),
    }
}

/// C_EncryptMessage and C_DecryptMessage.
pub(super) fn whole<O: Operation<Active = Messages>>(
    session: &Session,
    operation: O,
    parameter: MessageParameter,
    aad: InputBytes,
    input: InputBytes,
    output: OutputBuffer,
) -> Result<()> {
    session.step(operation, Phase::Whole, |messages| {
        let (mut params, made) = parameter.read(messages.kind(), messages.encrypts())?;
        let after = output.fill_from(input, |input, out| {
            messages.whole(&mut params, aad.bytes()?, input, out)
        })?;
        made.write(&params);
        Ok(after)
    })
}

/// C_EncryptMessageBegin and C_DecryptMessageBegin.
pub(super) fn begin<O: Operation<Active = Messages>>(
    session: &Session,
    operation: O,
    parameter: MessageParameter,
    aad: InputBytes,
) -> Result<()> {
    session.step(operation, Phase::Update, |messages| {
        let (mut params, made) = parameter.read(messages.kind(), messages.encrypts())?;
        let after = messages.begin(&mut params, aad.bytes()?)?;
        made.write(&params);
        Ok(after)
    })
}

/// C_EncryptMessageNext and C_DecryptMessageNext.
pub(super) fn next<O: Operation<Active = Messages>>(
    session: &Session,
    operation: O,
    parameter: MessageParameter,
    part: InputBytes,
    output: OutputBuffer,
    flags: CK_FLAGS,
) -> Result<()> {
    let last = flags & ck::CKF_END_OF_MESSAGE != 0;
    session.step(operation, Phase::Update, |messages| {
        let (mut params, made) = parameter.read(messages.kind(), messages.encrypts())?;
        let after = output.fill_from(part, |part, out| {
            messages.next(&mut params, part, out, last)
        })?;
        made.write(&params);
        Ok(after)
    })
}
