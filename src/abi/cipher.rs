//! Encryption (section 5.8) and decryption (section 5.10).

use super::args::Input;
use super::below::{Module, Session};
use super::output::Output;
use super::params::Chosen;
use super::step::step;
use crate::ck::{self, CK_OBJECT_HANDLE, CK_SESSION_HANDLE};
use crate::error::Result;

/// C_EncryptInit (section 5.8.1).
pub(super) fn encrypt_init(
    module: &Module,
    session: CK_SESSION_HANDLE,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = module.session(session)?;
    match mechanism.or_cancel(module)? {
        Some(request) => session.encrypt_init(request, key),
        None => session.cancel(ck::CKF_ENCRYPT),
    }
}

/// C_Encrypt (section 5.8.2).
pub(super) fn encrypt(session: &Session, data: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_ENCRYPT, || {
        out.fill_from(data, |data, out| session.encrypt(data, out))
    })
}

/// C_EncryptUpdate (section 5.8.3).
pub(super) fn encrypt_update(session: &Session, part: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_ENCRYPT, || {
        out.fill_from(part, |part, out| session.encrypt_update(part, out))
    })
}

/// C_EncryptFinal (section 5.8.4).
pub(super) fn encrypt_final(session: &Session, out: Output) -> Result<()> {
    step(session, ck::CKF_ENCRYPT, || {
        out.fill(|out| session.encrypt_final(out))
    })
}

/// C_DecryptInit (section 5.10.1).
pub(super) fn decrypt_init(
    module: &Module,
    session: CK_SESSION_HANDLE,
    mechanism: Chosen,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let session = module.session(session)?;
    match mechanism.or_cancel(module)? {
        Some(request) => session.decrypt_init(request, key),
        None => session.cancel(ck::CKF_DECRYPT),
    }
}

/// C_Decrypt (section 5.10.2).
pub(super) fn decrypt(session: &Session, data: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_DECRYPT, || {
        out.fill_from(data, |data, out| session.decrypt(data, out))
    })
}

/// C_DecryptUpdate (section 5.10.3).
pub(super) fn decrypt_update(session: &Session, part: Input, out: Output) -> Result<()> {
    step(session, ck::CKF_DECRYPT, || {
        out.fill_from(part, |part, out| session.decrypt_update(part, out))
    })
}

/// C_DecryptFinal (section 5.10.4).
pub(super) fn decrypt_final(session: &Session, out: Output) -> Result<()> {
    step(session, ck::CKF_DECRYPT, || {
        out.fill(|out| session.decrypt_final(out))
    })
}
