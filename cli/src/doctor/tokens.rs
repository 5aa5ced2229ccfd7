//! The tokens that are examined.

use std::path::PathBuf;
use std::sync::Arc;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::SystemClock;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::store::{self, Catalog};
use tenon_pkcs11::api::token::Token;

use crate::Result;
use crate::output::printable;

/// Where a token is, and the token where it opens.
pub(super) struct ExaminedToken {
    pub(super) id: ck::CK_SLOT_ID,
    pub(super) path: PathBuf,
    /// The token is in a file, at `path`.
    pub(super) is_file: bool,
    /// As printed; `None` where it is not known.
    pub(super) label: Option<String>,
    pub(super) token: std::result::Result<Token, String>,
}

/// Every token of the configuration, in the order of the slots.
pub(super) fn examined_tokens(config: &Arc<Config>) -> Result<Vec<ExaminedToken>> {
    let catalog = store::catalog(config);
    let slots = catalog.slots();
    let slots = slots.map_err(|error| format!("cannot read {}: {error}", catalog.name()))?;
    let examined_tokens = slots.into_iter().map(|id| examined(config, &*catalog, id));
    Ok(examined_tokens.collect())
}

fn examined(config: &Arc<Config>, catalog: &dyn Catalog, id: ck::CK_SLOT_ID) -> ExaminedToken {
    let opened = Token::open(
        catalog,
        id,
        config.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRng),
    );
    let token = opened.map_err(|error| error.to_string());
    let status = token.as_ref().ok().and_then(|token| token.status().ok());
    let label = status.map(|status| printable(status.label.trim_ascii_end()));
    ExaminedToken {
        id,
        path: catalog.location(id).into(),
        is_file: catalog.is_of_files(),
        label,
        token,
    }
}
