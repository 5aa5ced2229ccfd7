//! Object management (section 5.7).

use super::args::Place;
use super::output::Array;
use super::template::Template;
use crate::ck::{CK_OBJECT_HANDLE, CK_ULONG};
use crate::error::Result;
use crate::session::Session;

/// C_CreateObject (section 5.7.1).
pub(super) fn create(
    session: &Session,
    template: Template,
    object: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    object.fill(|| session.create_object(&template.read()?))
}

/// C_CopyObject (section 5.7.2).
pub(super) fn copy(
    session: &Session,
    object: CK_OBJECT_HANDLE,
    template: Template,
    copy: Place<CK_OBJECT_HANDLE>,
) -> Result<()> {
    copy.fill(|| session.copy_object(object, &template.read()?))
}

/// C_GetObjectSize (section 5.7.4).
pub(super) fn size(
    session: &Session,
    object: CK_OBJECT_HANDLE,
    size: Place<CK_ULONG>,
) -> Result<()> {
    // Where CK_ULONG has 32 bits, a size beyond it is not available.
    size.fill(|| {
        let bytes = session.object_size(object)?;
        Ok(CK_ULONG::try_from(bytes).unwrap_or(CK_ULONG::MAX))
    })
}

/// C_GetAttributeValue (section 5.7.5).
pub(super) fn attributes(
    session: &Session,
    object: CK_OBJECT_HANDLE,
    template: Template,
) -> Result<()> {
    // The allocator wipes values that were made for the answer when they are freed.
    let kinds = template.kinds()?;
    session.read_attributes(object, &kinds, |answers| template.reveal(&kinds, &answers))
}

/// C_SetAttributeValue (section 5.7.6).
pub(super) fn set_attributes(
    session: &Session,
    object: CK_OBJECT_HANDLE,
    template: Template,
) -> Result<()> {
    session.set_attributes(object, &template.read()?)
}

/// C_FindObjectsInit (section 5.7.7).
pub(super) fn find_init(session: &Session, template: Template) -> Result<()> {
    session.find_init(&template.read()?)
}

/// C_FindObjects (section 5.7.8).
pub(super) fn find(
    session: &Session,
    objects: Array<CK_OBJECT_HANDLE>,
    found: Place<CK_ULONG>,
) -> Result<()> {
    found.fill(|| objects.fill(|most| session.find(most)))
}
