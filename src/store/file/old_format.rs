//! The copy of a database that is kept when a newer release upgrades it: an earlier release can go on with the copy.
//!
//! The copy is sealed as the token is, and holds material that expires or is erased later, so removing the token
//! removes the copy too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::connection::{Purpose, connect};
use super::draft::{self, Draft};
use super::schema::{MIGRATIONS, newest};
use super::{copying, files};
use crate::config::LogLevel;
use crate::log;
use crate::store::error::{Error, Result};

/// The copies that upgrades to this release may have left of the database at `path`.
pub(super) fn copies(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1..newest(MIGRATIONS)).map(|version| copy_of(path, version))
}

/// `slot-0000.tenon` of version 1 has `slot-0000.format-1`.
fn copy_of(path: &Path, version: u32) -> PathBuf {
    path.with_extension(format!("format-{version}"))
}

/// Says that the database at `path` is upgraded from `version`, and copies it as it is. The caller has the write lock, so
/// nothing changes between the copy and the upgrade. An earlier copy of the same version is replaced.
///
/// # Errors
/// `Full`, `PermissionsRefused`, `ReadOnly`, `Io`: then nothing may be upgraded.
pub(super) fn keep(path: &Path, version: u32) -> Result<()> {
    let target = copy_of(path, version);
    log::note(
        LogLevel::Error,
        &format!(
            "{} is of format {version} and is upgraded to the format of this release; {} is a copy for the earlier release, \
             sealed as the token is: remove it when you need it no more",
            path.display(),
            target.display()
        ),
    );
    if let (Some(folder), Some(name)) = (target.parent(), target.file_name()) {
        draft::remove_leftovers(folder, |of| name == of);
    }
    let draft = Draft::kept_beside(&target)?;
    let mut conn = connect(path, Purpose::Read, Duration::ZERO)?;
    copying::copy_into(&mut conn, draft.path(), Box::new(|_, _| ()))?;
    copying::change::<Error>(draft.path(), |_| Ok(()), false)?;
    draft.sync()?;
    draft.replace(&target)?;
    files::sync_directory(&target)
}
