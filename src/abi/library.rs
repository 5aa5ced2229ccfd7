//! The library behind the C functions, as C_Initialize opens it. The tests of this room have another
//! file in this place, whose module does next to nothing.

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
