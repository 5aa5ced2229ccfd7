//! `tenon byok rotate`: a new version of a symmetric key, for other material.

use clap::Args;
use tenon_pkcs11::api::byok::{Profile, Rotation, profile};

use super::external::External;
use super::target::Target;
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Rotate a raw key too. What it encrypted by AES or SM4 itself does not open any more after that:
    /// only an envelope names the version that opens it
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    let rotates = |profile: &Profile| matches!(profile.rotation, Rotation::Pending { .. });
    let promotes = profile::find(key.profile.as_bytes()).is_some_and(rotates);
    open.session.rotate(key.handle, arguments.force)?;
    let key = External::of(&open.session, key.handle)?;
    let done = match promotes {
        true => "The material that was imported for it is now the current version of",
        false => "The next other material that is imported makes a new version of",
    };
    arguments.target.report(&key, done)
}
