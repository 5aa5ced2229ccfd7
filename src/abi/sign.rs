//! Signing and MACing (section 5.13) and their verification (section 5.15).

use super::args::Input;
use super::below::{Module, Session};
use super::output::Output;
use super::params::Chosen;
use super::step::step;
use crate::ck::{self, CK_OBJECT_HANDLE, CK_SESSION_HANDLE};
use crate::error::Result;

/// C_SignInit (section 5.13.1).
pub(super) fn sign_init(
    module: &Module,
    session: CK_SESSION_HANDLE,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = module.session(session)?;
    match mechanism.or_cancel(module)? {
        Some(request) => session.sign_init(request, key),
        None => session.cancel(ck::CKF_SIGN),
    }
}

/// C_Sign (section 5.13.2).
pub(super) fn sign(session: &Session, data: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_SIGN, || {
        out.fill_from(data, |data, out| session.sign(data, out))
    })
}

/// C_SignUpdate (section 5.13.3).
pub(super) fn sign_update(session: &Session, part: Input) -> Result<()> {
    step(session, ck::CKF_SIGN, || session.sign_update(part.bytes()?))
}

/// C_SignFinal (section 5.13.4).
pub(super) fn sign_final(session: &Session, out: Output) -> Result<()> {
    step(session, ck::CKF_SIGN, || {
        out.fill(|out| session.sign_final(out))
    })
}

/// C_VerifyInit (section 5.15.1).
pub(super) fn verify_init(
    module: &Module,
    session: CK_SESSION_HANDLE,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = module.session(session)?;
    match mechanism.or_cancel(module)? {
        Some(request) => session.verify_init(request, key),
        None => session.cancel(ck::CKF_VERIFY),
    }
}

/// C_Verify (section 5.15.2).
pub(super) fn verify(session: &Session, data: Input, signature: Input) -> Result<()> {
    step(session, ck::CKF_VERIFY, || {
        session.verify(data.bytes()?, signature.bytes()?)
    })
}

/// C_VerifyUpdate (section 5.15.3).
pub(super) fn verify_update(session: &Session, part: Input) -> Result<()> {
    step(session, ck::CKF_VERIFY, || {
        session.verify_update(part.bytes()?)
    })
}

/// C_VerifyFinal (section 5.15.4).
pub(super) fn verify_final(session: &Session, signature: Input) -> Result<()> {
    step(session, ck::CKF_VERIFY, || {
        session.verify_final(signature.bytes()?)
    })
}
