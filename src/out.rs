//! The two-call convention of output (PKCS#11 base specification, section 5.2).

use crate::ck;
use crate::error::{Error, Result};

/// Where a function's output goes, and how long it is.
///
/// A query (the caller's pointer is NULL) learns the length; a buffer that is too small learns it
/// too, with CKR_BUFFER_TOO_SMALL, and not one byte of it is written.
pub struct Out<'a> {
    buffer: Option<&'a mut [u8]>,
    len: usize,
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

    /// Bytes written or needed: what the caller's length becomes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing was written and nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Says that `len` bytes are needed. `Ok(None)` answers a query; otherwise the caller's
    /// buffer, at least `len` bytes long.
    ///
    /// # Errors
    /// CKR_BUFFER_TOO_SMALL.
    pub fn reserve(&mut self, len: usize) -> Result<Option<&mut [u8]>> {
        self.len = len;
        match self.buffer.as_deref_mut() {
            Some(buffer) if buffer.len() < len => Err(Error::new(
                ck::CKR_BUFFER_TOO_SMALL,
                "the output needs a larger buffer",
            )),
            buffer => Ok(buffer),
        }
    }

    /// Says how many of the reserved bytes were written.
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
}
