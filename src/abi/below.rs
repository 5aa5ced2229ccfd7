//! What the door opens onto. Tests of the door put a room of their own in this place.

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::crypto::rand::SeededRng;
use crate::error::Result;

pub(super) use crate::module::Module;
pub(super) use crate::session::Session;

/// The module as the configuration describes it.
pub(super) fn open() -> Result<Module> {
    Module::open(
        Config::load()?,
        Arc::new(SystemClock),
        Arc::new(SeededRng::default()),
    )
}
