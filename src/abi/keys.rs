//! Key management (section 5.18).

use super::args::{InputBytes, Place};
use super::output::OutputBuffer;
use super::params::{Chosen, DerivedOutput};
use super::template::Template;
use crate::ck::{CK_BYTE, CK_OBJECT_HANDLE};
use crate::error::Result;
use crate::session::Session;

/// C_GenerateKey (section 5.18.1).
pub(super) fn generate(
    session: &Session,
    mechanism: Chosen,
    template: Template,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    key.fill(|| {
        let (request, place) = mechanism.with_iv_place(session)?;
        let iv = request
            .row
            .password_iv
            .map(|iv| (iv, request.params.clone()));
        let key = session.generate_key(request, &template.read()?)?;
        if let (Some((iv, params)), false) = (iv, place.is_null()) {
            write_iv(place, &iv(&params)?);
        }
        Ok(key)
    })
}

/// Writes an initialization vector where CK_PBE_PARAMS says.
fn write_iv(place: *mut CK_BYTE, iv: &[u8]) {
    // SAFETY: not NULL, and writable for the vector by the promise of `mechanism`.
    unsafe { std::ptr::copy_nonoverlapping(iv.as_ptr(), place, iv.len()) }
}

/// C_GenerateKeyPair (section 5.18.2).
pub(super) fn generate_pair(
    session: &Session,
    mechanism: Chosen,
    (public, private): (Template, Template),
    (public_key, private_key): (Place<CK_OBJECT_HANDLE>, Place<CK_OBJECT_HANDLE>),
) -> Result<()> {
    let (public_key, private_key) = (public_key.ready()?, private_key.ready()?);
    let request = mechanism.required(session)?;
    let made = session.generate_key_pair(request, &public.read()?, &private.read()?)?;
    public_key.write(made.0);
    private_key.write(made.1);
    Ok(())
}

/// C_WrapKey (section 5.18.3).
pub(super) fn wrap(
    session: &Session,
    mechanism: Chosen,
    wrapping: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    out: OutputBuffer,
) -> Result<()> {
    out.fill(|out| session.wrap_key(mechanism.required(session)?, wrapping, key, out))
}

/// C_UnwrapKey (section 5.18.4).
pub(super) fn unwrap(
    session: &Session,
    mechanism: Chosen,
    unwrapping: CK_OBJECT_HANDLE,
    blob: InputBytes,
    template: Template,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    key.fill(|| {
        let request = mechanism.required(session)?;
        session.unwrap_key(request, unwrapping, blob.value()?, &template.read()?)
    })
}

/// C_DeriveKey (section 5.18.5).
pub(super) fn derive(
    session: &Session,
    mechanism: Chosen,
    base: CK_OBJECT_HANDLE,
    template: Template,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let (request, outputs) = mechanism.with_outputs(session)?;
    let template = template.read()?;
    if request.row.derive_keys.is_some() {
        // "the parameter phKey passed to C_DeriveKey is unnecessary, and should be a NULL_PTR"
        outputs.write_keys(&session.derive_keys(request, base, &template)?);
        return Ok(());
    }
    if let DerivedOutput::Several(more) = outputs {
        let key = key.ready()?;
        let mut templates = more.templates()?;
        templates.insert(0, template);
        let handles = match session.derive_several(request, base, &templates) {
            Ok(handles) => handles,
            Err(none) => {
                let of_more = none.template.and_then(|at| at.checked_sub(1));
                of_more.into_iter().for_each(|at| more.mark(at));
                return Err(none.error);
            }
        };
        if let [first, rest @ ..] = &handles[..] {
            key.write(*first);
            more.write(rest);
        }
        return Ok(());
    }
    key.fill(|| {
        let version = session.version_in(&request, base)?;
        let key = session.derive_key(request, base, &template)?;
        outputs.write_version(version);
        Ok(key)
    })
}

/// C_EncapsulateKey (section 5.18.8). A length query makes no key, and needs no place for its handle.
pub(super) fn encapsulate(
    session: &Session,
    (mechanism, public): (Chosen, CK_OBJECT_HANDLE),
    template: Template,
    out: OutputBuffer,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    let key = match out.is_query() {
        true => None,
        false => Some(key.ready()?),
    };
    let request = mechanism.required(session)?;
    let template = template.read()?;
    let made = out.fill(|out| session.encapsulate_key(request, public, &template, out))?;
    if let Some((key, made)) = key.zip(made) {
        key.write(made);
    }
    Ok(())
}

/// C_DecapsulateKey (section 5.18.9).
pub(super) fn decapsulate(
    session: &Session,
    (mechanism, private): (Chosen, CK_OBJECT_HANDLE),
    template: Template,
    ciphertext: InputBytes,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    key.fill(|| {
        let request = mechanism.required(session)?;
        session.decapsulate_key(request, private, ciphertext.value()?, &template.read()?)
    })
}

/// C_WrapKeyAuthenticated (section 5.18.6).
pub(super) fn wrap_authenticated(
    session: &Session,
    mechanism: Chosen,
    keys: (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    aad: InputBytes,
    out: OutputBuffer,
) -> Result<()> {
    let (row, parameter) = mechanism.with_message_parameter(session)?;
    let (mut params, made) = parameter.read(row.message_kind()?, true)?;
    let aad = aad.bytes()?;
    let whole =
        out.fill(|out| session.wrap_key_authenticated((row, &mut params), aad, keys, out))?;
    if whole {
        made.write(&params);
    }
    Ok(())
}

/// C_UnwrapKeyAuthenticated (section 5.18.7).
pub(super) fn unwrap_authenticated(
    session: &Session,
    mechanism: Chosen,
    (unwrapping, wrapped): (CK_OBJECT_HANDLE, InputBytes),
    template: Template,
    aad: InputBytes,
    key: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    key.fill(|| {
        let (row, parameter) = mechanism.with_message_parameter(session)?;
        let (params, _) = parameter.read(row.message_kind()?, false)?;
        let wrapped = (unwrapping, wrapped.value()?);
        session.unwrap_key_authenticated((row, &params), aad.bytes()?, wrapped, &template.read()?)
    })
}
