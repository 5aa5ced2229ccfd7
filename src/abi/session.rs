//! Session management (section 5.6).

use super::args::{InputBytes, Place};
use super::output::OutputBuffer;
use crate::ck::{self, CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_SLOT_ID};
use crate::error::{Result, refuse};
use crate::module::Module;
use crate::session::Session;

/// C_OpenSession (section 5.6.1). The token never calls back, so the callback is not kept.
pub(super) fn open(
    module: &Module,
    slot: CK_SLOT_ID,
    flags: ck::CK_FLAGS,
    session: Place<CK_SESSION_HANDLE>,
) -> Result<()> {
    session.fill(|| module.open_session(slot, flags))
}

/// C_GetSessionInfo (section 5.6.4).
pub(super) fn info(session: &Session, info: Place<ck::CK_SESSION_INFO>) -> Result<()> {
    info.fill(|| session.info())
}

/// C_GetOperationState (section 5.6.6).
pub(super) fn operation_state(session: &Session, state: OutputBuffer) -> Result<()> {
    state.fill(|out| out.put(&session.operation_state()?).map(drop))
}

/// C_SetOperationState (section 5.6.7).
pub(super) fn set_operation_state(
    session: &Session,
    state: InputBytes,
    encryption: CK_OBJECT_HANDLE,
    authentication: CK_OBJECT_HANDLE,
) -> Result<()> {
    if state.is_null() {
        return refuse(ck::CKR_ARGUMENTS_BAD, "pOperationState is NULL");
    }
    session.set_operation_state(state.value()?, encryption, authentication)
}

/// C_SessionCancel (section 5.6.5).
pub(super) fn cancel(session: &Session, operations: ck::CK_FLAGS) -> Result<()> {
    session.cancel(operations);
    Ok(())
}

/// C_Login (section 5.6.8).
pub(super) fn login(session: &Session, user: ck::CK_USER_TYPE, pin: InputBytes) -> Result<()> {
    session.login(user, pin.pin()?)
}

/// C_LoginUser (section 5.6.9). Users have types and no names.
pub(super) fn login_user(
    session: &Session,
    user: ck::CK_USER_TYPE,
    pin: InputBytes,
    name: InputBytes,
) -> Result<()> {
    if !name.bytes()?.is_empty() {
        return refuse(ck::CKR_ARGUMENTS_BAD, "the token has no named users");
    }
    login(session, user, pin)
}

/// C_GetSessionValidationFlags (section 5.6.11): no certification body has validated the module, so no
/// operation was one that such a body has validated.
pub(super) fn validation_flags(
    _: &Session,
    kind: ck::CK_SESSION_VALIDATION_FLAGS_TYPE,
    flags: Place<ck::CK_FLAGS>,
) -> Result<()> {
    if kind != ck::CKS_LAST_VALIDATION_OK {
        return refuse(
            ck::CKR_ARGUMENTS_BAD,
            "the type of the flags is not CKS_LAST_VALIDATION_OK",
        );
    }
    flags.fill(|| Ok(0))
}
