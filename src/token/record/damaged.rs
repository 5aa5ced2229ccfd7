//! The error for stored bytes that this token did not write.

use crate::ck;
use crate::error::Error;

pub(in crate::token) fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(
        ck::CKR_DEVICE_ERROR,
        format!(
            "{what} is damaged or was put there by others: restore the token's file from a backup"
        ),
    )
}
