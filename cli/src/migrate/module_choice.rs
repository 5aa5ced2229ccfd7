//! Whose computations those of the moved keys are compared with.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub(super) struct ModuleChoice {
    /// The other program's module, which signs and decrypts for the comparison; else the one where packages put it
    #[arg(long, value_name = "FILE", conflicts_with = "no_comparison")]
    module: Option<PathBuf>,
    /// Do not compare what the keys compute
    #[arg(long)]
    no_comparison: bool,
}

impl ModuleChoice {
    /// The module that was named, or the first of `usual` that is there; `None` where nothing is to be compared.
    pub(super) fn path(&self, usual: &[&str]) -> Option<PathBuf> {
        if self.no_comparison {
            return None;
        }
        let there = || usual.iter().map(PathBuf::from).find(|file| file.is_file());
        self.module.clone().or_else(there)
    }
}
