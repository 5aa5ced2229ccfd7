//! Other modules read their configuration from the file that a variable of the environment names. A process cannot change
//! its own environment safely, so the program runs itself again with that variable set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::{Result, files, own_file};

/// Set in the process that has the configuration.
const PREPARED: &str = "TENON_MIGRATE_PREPARED";

pub(super) fn is_prepared() -> bool {
    std::env::var_os(PREPARED).is_some()
}

/// Runs this program again with `variable` naming a file of `configuration`, which `module` reads.
pub(super) fn run_again(variable: &str, configuration: &str, module: &Path) -> Result<ExitCode> {
    let file = TemporaryFile::new(configuration.as_bytes())
        .map_err(|error| format!("{error}: without this file the module {} cannot be used; --no-comparison does without it", module.display()))?;
    let status = Command::new(own_file::path()?)
        .args(std::env::args_os().skip(1))
        .env(variable, &file.0)
        .env(PREPARED, "1")
        .status()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(bytes: &[u8]) -> Result<Self> {
        let name = format!("tenon-migrate-{}.conf", std::process::id());
        let path = std::env::temp_dir().join(name);
        files::write_private(&path, bytes)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A file that stays names a folder and no secret.
        let _ = fs::remove_file(&self.0);
    }
}
