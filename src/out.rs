//! The two-call convention of output (PKCS#11 base specification, section 5.2).

use crate::ck;
use crate::error::{Error, Result};

/// The output of a function: the caller's buffer, and the length that the caller is told.
///
/// A query (the caller's pointer is NULL) learns the length; a buffer that is too small learns it
/// too, with CKR_BUFFER_TOO_SMALL, and not one byte of it is written.
pub struct Out<'a> {
    buffer: Option<&'a mut [u8]>,
    len: usize,
}

/// Why nothing can be written to a caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// The caller gave no buffer, to ask for the length.
    Query,
    /// The buffer is shorter than the output.
    TooSmall,
}

impl<'a> Out<'a> {
    /// Output into `buffer`; `None` asks for the length alone.
    #[must_use]
    pub fn new(buffer: Option<&'a mut [u8]>) -> Self {
        Self { buffer, len: 0 }
    }

    /// The caller only asks for the length.
    #[must_use]
    pub fn is_query(&self) -> bool {
        self.buffer.is_none()
    }

    /// Bytes that the caller's buffer holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.len())
    }

    /// Bytes written or needed, which the caller is told.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing was written and nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Tells the caller that `len` bytes are needed, and gives the buffer where it has `len` bytes or
    /// more.
    ///
    /// # Errors
    /// `Short` where not one byte may be written.
    pub fn room(&mut self, len: usize) -> std::result::Result<&mut [u8], Short> {
        self.len = len;
        match self.buffer.as_deref_mut() {
            None => Err(Short::Query),
            Some(buffer) if buffer.len() < len => Err(Short::TooSmall),
            Some(buffer) => Ok(buffer),
        }
    }

    /// As `room`, for a call that keeps nothing for the next: `Ok(None)` answers a query.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL.
    pub fn reserve(&mut self, len: usize) -> Result<Option<&mut [u8]>> {
        match self.room(len) {
            Ok(buffer) => Ok(Some(buffer)),
            Err(Short::Query) => Ok(None),
            Err(Short::TooSmall) => Err(too_small()),
        }
    }

    /// Tells the caller that `len` bytes were written.
    pub fn written(&mut self, len: usize) {
        self.len = len;
    }

    /// Writes all of `bytes`; false when this was a query.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL.
    pub fn put(&mut self, bytes: &[u8]) -> Result<bool> {
        let Some(buffer) = self.reserve(bytes.len())? else {
            return Ok(false);
        };
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(true)
    }

    /// What was written: the beginning of the caller's buffer; nothing where there is none.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.buffer
            .as_deref()
            .and_then(|buffer| buffer.get(..self.len))
            .unwrap_or_default()
    }
}

#[must_use]
pub(crate) fn too_small() -> Error {
    Error::new(ck::CKR_BUFFER_TOO_SMALL, "the output needs a larger buffer")
}
