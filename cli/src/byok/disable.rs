//! `tenon byok disable`.

use clap::Args;

use super::target::Target;
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.target.switch(true)
}
