//! `tenon byok enable`.

use clap::Args;

use super::target::Target;
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    arguments.target.switch(false)
}
