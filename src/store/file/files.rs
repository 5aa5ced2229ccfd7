//! Paths of the store's files, and what may stand there.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::store::error::{Error, Result};

/// The path with its directory resolved. Links to a directory are followed, since the operator made
/// them; a link in place of the file itself is kept, so that callers can refuse it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(Error::NotAFile(path.into()));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = fs::canonicalize(parent).map_err(|e| Error::io(&e, path))?;
    Ok(parent.join(name))
}

/// Metadata of the regular file at `path`, without opening it.
///
/// # Errors
/// `NotFound`, `Symlink`, `NotAFile`, or what the system says.
pub(super) fn regular(path: &Path) -> Result<fs::Metadata> {
    let metadata = fs::symlink_metadata(path).map_err(|e| Error::io(&e, path))?;
    if metadata.is_symlink() {
        return Err(Error::Symlink(path.into()));
    }
    if !metadata.is_file() {
        return Err(Error::NotAFile(path.into()));
    }
    Ok(metadata)
}

/// Opens the regular file at `path`. Where something else is put there meanwhile, a link is not followed, and
/// nobody is waited for at the other end of a named pipe.
///
/// # Errors
/// Those of `regular`, but that a missing file may be made; those of the system.
pub(super) fn open_regular(path: &Path, options: &mut OpenOptions) -> Result<File> {
    match regular(path) {
        Ok(_) | Err(Error::NotFound(_)) => {}
        Err(e) => return Err(e),
    }
    options.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK);
    options.open(path).map_err(|e| match e.raw_os_error() {
        Some(libc::ELOOP) => Error::Symlink(path.into()),
        _ => Error::io(&e, path),
    })
}

/// Whether both describe the same file.
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// What tells a file from another one that takes its path: inode number and time of creation in
/// nanoseconds, which is 0 where the file system keeps none. The device's number is left out, since it may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FileId {
    pub(super) inode: u64,
    pub(super) born: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok();
        let since = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Self {
            inode: metadata.ino(),
            born: since.map_or(0, |since| {
                u64::try_from(since.as_nanos()).unwrap_or_default()
            }),
        }
    }

    /// The identity of the regular file at `path`; `None` where there is none.
    pub(super) fn at(path: &Path) -> Option<Self> {
        regular(path).ok().as_ref().map(Self::of)
    }
}

/// What SQLite appends to a database's name for the files that it makes beside it.
pub(super) const APPENDED: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Gives a file made beside the database the owner, group and mode of the database's metadata `model`,
/// so that whoever may use the database may use the file.
///
/// # Errors
/// Those of `own_like`.
pub(super) fn share_like(file: &File, model: &Metadata) -> io::Result<()> {
    own_like(file, model)?;
    file.set_permissions(Permissions::from_mode(model.mode() & 0o666))
}

/// Gives a file the owner and group of `model`.
///
/// # Errors
/// Those of the system, except that a change of owner which only root may make is left out: the
/// owner and the members of the group have the same rights.
pub(super) fn own_like(file: &File, model: &Metadata) -> io::Result<()> {
    let made = file.metadata()?;
    if made.gid() != model.gid() {
        fchown(file, None, Some(model.gid()))?;
    }
    if made.uid() != model.uid() {
        let _ = fchown(file, Some(model.uid()), None);
    }
    Ok(())
}

/// Gives SQLite's log and index beside the database at `path` the database's group: SQLite gives them
/// its mode, but the group of the process that made them. They are changed by path and not opened,
/// since closing any descriptor of SQLite's shared memory would drop the locks of this process.
pub(super) fn share_log(path: &Path, database: &Metadata) {
    for suffix in ["-wal", "-shm"] {
        let log = beside(path, suffix);
        let differs = |log: Metadata| log.gid() != database.gid();
        if fs::symlink_metadata(&log).is_ok_and(differs) {
            // Only the file's maker may do this, and has done it.
            let _ = lchown(&log, None, Some(database.gid()));
        }
    }
}

/// Whether the log of the database at `path` has anything in it.
pub(super) fn has_log(path: &Path) -> bool {
    let log = beside(path, "-wal");
    fs::symlink_metadata(log).is_ok_and(|metadata| metadata.len() > 0)
}

/// Whether this process may read the file at `path`, which is not opened: closing any descriptor of
/// SQLite's shared memory would drop the locks of this process.
pub(super) fn is_readable(path: &Path) -> bool {
    accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_ok()
}

/// Removes a file; none there is no error.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(&e, path)),
        _ => Ok(()),
    }
}

/// Makes the names in the folder of `path` survive a power loss.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::io(&e, parent))
}
