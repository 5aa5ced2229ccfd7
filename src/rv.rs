//! The one place where the rooms' errors become PKCS#11 return values.

use crate::ck;
use crate::error::Error;
use crate::store;

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        use store::Error as E;
        let rv = match &error {
            E::Full => ck::CKR_DEVICE_MEMORY,
            E::ReadOnly => ck::CKR_TOKEN_WRITE_PROTECTED,
            E::NotFound(_) => ck::CKR_TOKEN_NOT_PRESENT,
            E::NotAToken(_)
            | E::Corrupt(_)
            | E::SchemaTooNew(_)
            | E::SchemaTooOld(_)
            | E::Symlink(_)
            | E::NotAFile(_) => ck::CKR_TOKEN_NOT_RECOGNIZED,
            E::Exists(_)
            | E::PermissionsRefused(_)
            | E::CannotOpen(_)
            | E::Io(..)
            | E::Busy
            | E::RolledBack
            | E::Sqlite(_) => ck::CKR_DEVICE_ERROR,
            E::NoSuchObject => ck::CKR_OBJECT_HANDLE_INVALID,
            E::ReservedName | E::Nested => ck::CKR_GENERAL_ERROR,
        };
        Self::new(rv, "token store").because(error)
    }
}
