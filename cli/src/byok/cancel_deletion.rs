//! `tenon byok cancel-deletion`.

use clap::Args;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;

use super::target::Target;
use crate::Result;
use crate::template::Template;

/// CKA_TENON_DELETION_AT of a key that stays.
const NONE: UnixTime = 0;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let template = Template::default().bytes(ck::CKA_TENON_DELETION_AT, &NONE.to_be_bytes());
    arguments.target.change(&template, "Not to be deleted:")
}
