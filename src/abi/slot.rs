//! Slot and token management (section 5.5).

use std::ffi::c_void;
use std::time::Duration;

use super::args::{InputBytes, InputStruct, Place};
use super::output::OutputArray;
use super::process;
use crate::ck::{self, CK_SLOT_ID};
use crate::error::{Result, refuse};
use crate::module::Module;
use crate::session::Session;

/// C_GetSlotList (section 5.5.1).
pub(super) fn list(
    module: &Module,
    _token_present: ck::CK_BBOOL,
    slots: OutputArray<CK_SLOT_ID>,
) -> Result<()> {
    slots.fill(|| Ok(module.slots()))
}

/// C_GetSlotInfo (section 5.5.2).
pub(super) fn info(module: &Module, slot: CK_SLOT_ID, info: Place<ck::CK_SLOT_INFO>) -> Result<()> {
    info.fill(|| module.slot_info(slot))
}

/// C_GetTokenInfo (section 5.5.3).
pub(super) fn token(
    module: &Module,
    slot: CK_SLOT_ID,
    info: Place<ck::CK_TOKEN_INFO>,
) -> Result<()> {
    info.fill(|| module.token_info(slot))
}

/// How often a call that waits for an event looks at the folder of tokens.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// C_WaitForSlotEvent (section 5.5.4). Waits in the caller's thread.
pub(super) fn wait(
    module: &Module,
    flags: ck::CK_FLAGS,
    slot: Place<CK_SLOT_ID>,
    reserved: *mut c_void,
) -> Result<()> {
    if !reserved.is_null() {
        return refuse(ck::CKR_ARGUMENTS_BAD, "pReserved is not NULL");
    }
    slot.fill(|| {
        loop {
            if let Some(slot) = module.slot_event() {
                return Ok(slot);
            }
            if flags & ck::CKF_DONT_BLOCK != 0 {
                return refuse(ck::CKR_NO_EVENT, "no slot has changed");
            }
            if module.closes_within(LOOK_EVERY) || process::is_exiting() {
                return refuse(
                    ck::CKR_CRYPTOKI_NOT_INITIALIZED,
                    "C_Finalize was called while this call waited",
                );
            }
        }
    })
}

/// C_GetMechanismList (section 5.5.5).
pub(super) fn mechanisms(
    module: &Module,
    slot: CK_SLOT_ID,
    mechanisms: OutputArray<ck::CK_MECHANISM_TYPE>,
) -> Result<()> {
    mechanisms.fill(|| module.mechanisms(slot))
}

/// C_GetMechanismInfo (section 5.5.6).
pub(super) fn mechanism(
    module: &Module,
    slot: CK_SLOT_ID,
    mechanism: ck::CK_MECHANISM_TYPE,
    info: Place<ck::CK_MECHANISM_INFO>,
) -> Result<()> {
    info.fill(|| module.mechanism_info(slot, mechanism))
}

/// C_InitToken (section 5.5.7).
pub(super) fn init_token(
    module: &Module,
    slot: CK_SLOT_ID,
    pin: InputBytes,
    label: InputStruct<[u8; 32]>,
) -> Result<()> {
    module.init_token(slot, pin.pin()?, &label.required()?)
}

/// C_InitPIN (section 5.5.8).
pub(super) fn init_pin(session: &Session, pin: InputBytes) -> Result<()> {
    session.init_pin(pin.pin()?)
}

/// C_SetPIN (section 5.5.9).
pub(super) fn set_pin(session: &Session, old: InputBytes, new: InputBytes) -> Result<()> {
    session.set_pin(old.pin()?, new.pin()?)
}
