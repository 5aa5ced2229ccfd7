//! Why the store refused or failed, and what the operator can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::clock::{UnixTime, utc};

/// Result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the store refused or failed. Carries no stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no store at this path.
    NotFound(PathBuf),
    /// These files belong to a store whose own file is missing.
    DatabaseMissing(Vec<PathBuf>),
    /// Something is already at the path where a store was to be made; it is left alone.
    Exists(PathBuf),
    /// A symbolic link in the path of the store's folder leads nowhere.
    DanglingLink(PathBuf),
    /// A symbolic link stands where the store's file should be.
    Symlink(PathBuf),
    /// Something that is no regular file stands where the store's file should be.
    NotAFile(PathBuf),
    /// The user of this process may not use the file or its directory.
    PermissionsRefused(PathBuf),
    /// SQLite could not open the file; it does not say why.
    CannotOpen(PathBuf),
    /// The open file is not the one at its path any more.
    Moved(PathBuf),
    /// The operating system failed on a file of the store.
    Io(io::ErrorKind, PathBuf),
    /// The disk or a quota is full, or a file would be longer than this process may make it.
    Full,
    /// A change was asked of a store that was opened for reading, or lies on read-only media.
    ReadOnly,
    /// The transaction was rolled back because of another change that shared it.
    RolledBack,
    /// Another process held the store for longer than the busy timeout.
    Busy,
    /// A process has the store open, so it cannot be removed or replaced; the process's id, where the
    /// system tells it.
    InUse(Option<u32>),
    /// Another copy of this library in the same process has the store open.
    SecondCopy(PathBuf),
    /// The file is no token store; the text says how that shows.
    NotAToken(&'static str),
    /// The file is a token store with damage; the text says where.
    Corrupt(&'static str),
    /// A later release wrote the file; its schema version.
    SchemaTooNew(u32),
    /// An earlier release wrote the file, and a reader cannot upgrade it; its schema version.
    SchemaTooOld(u32),
    /// The log at this path belongs to another state of the database beside it.
    StaleLog(PathBuf),
    /// The log at this path holds the last changes, and cannot be read: its index is missing, and this
    /// process cannot make one.
    LogWithoutIndex(PathBuf),
    /// A log lies beside the file at this path, which was given as a whole copy.
    HasLog(PathBuf),
    /// Material was given for an object that is not in the store.
    NoSuchObject,
    /// A name of `meta` that belongs to the store itself.
    ReservedName,
    /// `write` was called inside `write` on one thread.
    Nested,
    /// SQLite failed for another reason, in its words.
    Sqlite(String),
    /// No server of the database answers; which one was asked last, and how it failed.
    Unreachable(String),
    /// The database refused for another reason, in its words.
    Database(String),
    /// Whether the last change was made cannot be told yet.
    OutcomeUnknown,
    /// The database has lost changes that it had acknowledged.
    WentBack(Loss),
    /// The token was removed from the database.
    TokenGone,
}

/// Acknowledged changes that a database does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many they are, at least.
    pub changes: u64,
    /// The generation of the store that was acknowledged last, as far as is known.
    pub known: u64,
    /// When the loss was noticed, by the database's clock.
    pub noticed: UnixTime,
}

impl Error {
    pub(super) fn io(error: &io::Error, path: &Path) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(path.into()),
            io::ErrorKind::AlreadyExists => Self::Exists(path.into()),
            io::ErrorKind::PermissionDenied => Self::PermissionsRefused(path.into()),
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            kind => Self::Io(kind, path.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(path) => write!(f, "{}: no token store here", path.display()),
            Self::DatabaseMissing(left) => write!(
                f,
                "the token's file is missing, and {} is left of it: put the file back, or restore a \
                 backup into this slot (`tenon restore --slot`); `tenon token delete --slot` gives \
                 the token up and removes what is left",
                shown(left)
            ),
            Self::Exists(path) => write!(
                f,
                "{}: exists already; move it away to make a new token store",
                path.display()
            ),
            Self::DanglingLink(path) => write!(
                f,
                "{}: the symbolic link leads nowhere; mount or make the folder that it names",
                path.display()
            ),
            Self::Symlink(path) => write!(
                f,
                "{}: symbolic links are refused; configure the directory that holds the real file",
                path.display()
            ),
            Self::NotAFile(path) => write!(f, "{}: not a regular file", path.display()),
            Self::PermissionsRefused(path) => write!(
                f,
                "{}: permission denied; the user of this process must own the file and its \
                 directory, or be in their group where `objectstore.umask` lets it in; to only \
                 read it, set `store.read_only = auto`",
                path.display()
            ),
            Self::CannotOpen(path) => write!(
                f,
                "{}: cannot be opened; check the permissions of the file and its directory, and \
                 the limit of open files; to only read it, set `store.read_only = auto`",
                path.display()
            ),
            Self::Moved(path) => write!(
                f,
                "{}: the file was replaced or removed while it was in use, and what was asked is \
                 not in the one that is there now: close the sessions, new ones use that file",
                path.display()
            ),
            Self::Io(kind, path) => write!(f, "{}: {kind}", path.display()),
            Self::Full => f.write_str(
                "the disk or a quota is full, or the limit of this process on the length of files \
                 (`ulimit -f`) is reached; free some space, or raise the limit, and try again",
            ),
            Self::ReadOnly => f.write_str(
                "the token store cannot be written; put it where this process may write, or set \
                 `store.read_only = auto`",
            ),
            Self::Busy => f.write_str(
                "another process kept the token store locked; try again, or raise the busy timeout",
            ),
            Self::InUse(Some(process)) => write!(
                f,
                "process {process} has the token store open; end it and try again"
            ),
            Self::InUse(None) => {
                f.write_str("another process has the token store open; end it and try again")
            }
            Self::SecondCopy(path) => write!(
                f,
                "{}: another copy of this library, loaded into the same process from another file, has \
                 the token open; load it from one path only",
                path.display()
            ),
            Self::RolledBack => f.write_str(
                "another change made the common transaction fail; nothing was changed, try again",
            ),
            Self::NotAToken(how) => write!(f, "not a token store: {how}"),
            Self::Corrupt(place) => write!(
                f,
                "the token store is damaged ({place}); restore it from a backup"
            ),
            Self::SchemaTooNew(version) => write!(
                f,
                "the token store has schema version {version}, from a later release; \
                 upgrade this software"
            ),
            Self::SchemaTooOld(version) => write!(
                f,
                "the token store has schema version {version}, from an earlier release; \
                 open it once for writing to upgrade it"
            ),
            Self::StaleLog(path) => write!(
                f,
                "{}: this log does not belong to the token's file beside it, which was put there \
                 from a copy; stop whatever uses the token, and move the log away",
                path.display()
            ),
            Self::LogWithoutIndex(path) => write!(
                f,
                "{}: the token's last changes are in this log, which cannot be read without a \
                 `-shm` file beside it, and this process cannot make one: copy the token's file and \
                 the log to where they can be written, and run `tenon backup` there, which makes one \
                 file that needs no log",
                path.display()
            ),
            Self::HasLog(path) => write!(
                f,
                "{}: a log lies beside it, so it is the file of a token and no backup, and lacks \
                 what is in the log; `tenon backup` makes a copy that is whole",
                path.display()
            ),
            Self::NoSuchObject => f.write_str("the object is no longer in the token store"),
            Self::ReservedName => f.write_str("names that begin with \"store.\" are reserved"),
            Self::Nested => f.write_str("a write to the token store inside another one"),
            Self::Sqlite(what) => write!(f, "SQLite: {what}"),
            Self::Unreachable(what) => write!(
                f,
                "no server of the database can be used ({what}); see `store.url`, the network and the servers"
            ),
            Self::Database(what) => write!(f, "PostgreSQL: {what}"),
            Self::OutcomeUnknown => f.write_str(
                "the connection was lost while the change was committed, and whether it was made cannot be told \
                 before the database answers again: look for it then",
            ),
            Self::WentBack(loss) => write!(
                f,
                "the database has lost changes that it had acknowledged, {} or more, up to the token's change number \
                 {} (noticed {}): an older backup was restored, or a standby that lacked them took over; bring them \
                 back, or let the security officer accept the loss (`tenon anchor accept`)",
                loss.changes,
                loss.known,
                utc(loss.noticed)
            ),
            Self::TokenGone => f.write_str("the token was removed from the database"),
        }
    }
}

impl std::error::Error for Error {}

/// Their names without the folder.
fn shown(paths: &[PathBuf]) -> String {
    let names = paths.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    names.join(", ")
}
