//! The objects that a command changes.

use tenon_pkcs11::api::token::Handle;

use crate::Result;
use crate::ask::UserPin;
use crate::object::{Filter, Summary};
use crate::token::{Choice, OpenSession};

/// A session of the user, and the objects that `filter` names with what they are before a change.
///
/// # Errors
///
/// Before a PIN is asked for where the filter names nothing; where it names no object.
pub(super) fn named(
    choice: &Choice,
    filter: &Filter,
    pin: &UserPin,
) -> Result<(OpenSession, Vec<Handle>, Vec<Summary>)> {
    if filter.is_empty() {
        return Err("say which objects: --type, --label, --id or --unique-id".into());
    }
    let open = choice.user_session(pin)?;
    let handles = filter.find(&open.session)?;
    if handles.is_empty() {
        return Err("no such object: `tenon objects list --login` lists those there are".into());
    }
    let mut objects = Vec::new();
    for handle in &handles {
        objects.push(Summary::of(&open.session, *handle)?);
    }
    Ok((open, handles, objects))
}
