//! The store's error for each failure of SQLite.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::store::error::Error;

/// The error of opening the database at `path`.
pub(super) fn opening(error: rusqlite::Error, path: &Path) -> Error {
    let rusqlite::Error::SqliteFailure(failure, _) = &error else {
        return error.into();
    };
    match failure.code {
        _ if failure.extended_code == ffi::SQLITE_CANTOPEN_SYMLINK => Error::Symlink(path.into()),
        ErrorCode::PermissionDenied => Error::PermissionsRefused(path.into()),
        ErrorCode::CannotOpen => Error::CannotOpen(path.into()),
        _ => error.into(),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => Self::Busy,
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ReadOnly => Self::ReadOnly,
                ErrorCode::DatabaseCorrupt => Self::Corrupt("the database image is malformed"),
                ErrorCode::NotADatabase => Self::NotAToken("it is not an SQLite database"),
                // The shared index of the write-ahead log could not grow.
                ErrorCode::SystemIoFailure
                    if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE =>
                {
                    Self::Full
                }
                _ => Self::Sqlite(error.to_string()),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::Utf8Error(..) => Self::Corrupt("a row has an impossible shape"),
            _ => Self::Sqlite(error.to_string()),
        }
    }
}
