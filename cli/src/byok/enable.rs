//! `tenon byok enable`.

use clap::Args;
use tenon_pkcs11::api::ck;

use super::external::Target;
use crate::Result;
use crate::template::Template;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let template = Template::default().flag(ck::CKA_TENON_DISABLED, false);
    arguments.target.change(&template, "Enabled")
}
