//! The file of `store.key_file`, and the tokens that need its keys.

use std::path::Path;
use std::sync::Arc;

use tenon_pkcs11::api::ck::CK_SLOT_ID;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::token::{KeyFile, Token};

use crate::Result;
use crate::token::{slots, unreadable};

/// Makes the file where `store.key_file` names one that is missing, and no token needs it.
pub(crate) fn make_missing(module: &Module) -> Result<()> {
    let Some(path) = Config::load()?.store_key_file else {
        return Ok(());
    };
    let mut file = KeyFile::lock(&path)?;
    if file.is_missing() {
        check(&file, &path, module)?;
        file.add(&SystemRng)?;
    }
    Ok(())
}

/// Refuses a file that lacks the key which a token needs: it is missing, or an older copy.
pub(crate) fn check(file: &KeyFile, path: &Path, module: &Module) -> Result<()> {
    for (slot, token) in tokens(module)? {
        let needed = token.numbered_key()?.unwrap_or(0);
        if needed > file.newest() {
            return Err(format!(
                "the token in slot {slot} needs key {needed} of {}, which does not have it: put the right file there",
                path.display()
            )
            .into());
        }
    }
    Ok(())
}

/// Every token with its slot.
///
/// # Errors
/// Where one cannot be read: nobody knows which key it needs.
pub(crate) fn tokens(module: &Module) -> Result<Vec<(CK_SLOT_ID, Arc<Token>)>> {
    let slots = slots(module)?;
    let why = unreadable(&slots);
    if !why.is_empty() {
        return Err(format!(
            "not every token can be read, and it may need a key of store.key_file: {why}"
        )
        .into());
    }
    let slots = slots.iter().filter(|slot| slot.initialised());
    slots
        .map(|slot| Ok((slot.id, module.token(slot.id)?)))
        .collect()
}
