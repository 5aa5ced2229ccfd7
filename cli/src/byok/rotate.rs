//! `tenon byok rotate`: a new version of a symmetric key, for other material.

use clap::Args;

use super::external::{External, Target};
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    open.session.rotate(key.handle)?;
    let key = External::of(&open.session, key.handle)?;
    let done = "The next other material that is imported makes a new version of";
    arguments.target.report(&key, done)
}
