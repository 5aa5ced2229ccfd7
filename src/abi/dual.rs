//! Dual-function operations (section 5.17): a cipher's update and a digest's or signature's.
//!
//! Both operations must be active, and the second takes data only when the cipher gave output. So
//! the second is asked with an empty part before the cipher moves.

use super::args::Input;
use super::below::Session;
use super::output::Output;
use crate::error::Result;
use crate::out::Out;

/// C_DigestEncryptUpdate (section 5.17.1).
pub(super) fn digest_encrypt(session: &Session, part: Input, out: Output) -> Result<()> {
    encrypt_and(session, part, out, |part| session.digest_update(part))
}

/// C_DecryptDigestUpdate (section 5.17.2).
pub(super) fn decrypt_digest(session: &Session, part: Input, out: Output) -> Result<()> {
    decrypt_and(session, part, out, |clear| session.digest_update(clear))
}

/// C_SignEncryptUpdate (section 5.17.3).
pub(super) fn sign_encrypt(session: &Session, part: Input, out: Output) -> Result<()> {
    encrypt_and(session, part, out, |part| session.sign_update(part))
}

/// C_DecryptVerifyUpdate (section 5.17.4).
pub(super) fn decrypt_verify(session: &Session, part: Input, out: Output) -> Result<()> {
    decrypt_and(session, part, out, |clear| session.verify_update(clear))
}

fn encrypt_and(
    session: &Session,
    part: Input,
    out: Output,
    second: impl Fn(&[u8]) -> Result<()>,
) -> Result<()> {
    out.fill_from(part, |part, out| {
        if out.is_query() {
            return session.encrypt_update(part, out);
        }
        second(&[])?;
        session.encrypt_update(part, out)?;
        second(part)
    })
}

fn decrypt_and(
    session: &Session,
    part: Input,
    out: Output,
    second: impl Fn(&[u8]) -> Result<()>,
) -> Result<()> {
    out.fill_from(part, |part, out| {
        let mut query = Out::new(None);
        session.decrypt_update(part, &mut query)?;
        let Some(buffer) = out.reserve(query.len())? else {
            return Ok(());
        };
        second(&[])?;
        let mut clear = Out::new(Some(&mut *buffer));
        session.decrypt_update(part, &mut clear)?;
        let len = clear.len();
        second(&buffer[..len])?;
        out.written(len);
        Ok(())
    })
}
