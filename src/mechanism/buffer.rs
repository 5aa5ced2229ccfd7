//! The input of operations that can only be computed whole.

use zeroize::Zeroizing;

use crate::ck;
use crate::error::{Result, refuse};

/// Bytes collected part by part; zeroized when dropped and when they move to larger memory.
#[derive(Default)]
pub(super) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// Appends `part`. CKR_HOST_MEMORY when there is no room for it.
    pub(super) fn extend(&mut self, part: &[u8]) -> Result<()> {
        let spare = self.0.capacity() - self.0.len();
        if part.len() > spare {
            self.grow(part.len())?;
        }
        self.0.extend_from_slice(part);
        Ok(())
    }

    pub(super) fn into_inner(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// Moves to larger memory: for `more` further bytes, and at least twice as many as are there.
    fn grow(&mut self, more: usize) -> Result<()> {
        let mut larger = Zeroizing::new(Vec::new());
        let capacity = self.0.len().saturating_add(more.max(self.0.len()));
        if larger.try_reserve_exact(capacity).is_err() {
            return refuse(ck::CKR_HOST_MEMORY, "no memory for the collected input");
        }
        larger.extend_from_slice(&self.0);
        self.0 = larger;
        Ok(())
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_parts_in_order() {
        let mut buffer = Buffer::default();
        for part in [&b"one"[..], b"", b" and another"] {
            buffer.extend(part).unwrap();
        }
        assert_eq!(&buffer[..], b"one and another");
    }

    #[test]
    fn refuses_what_no_memory_holds() {
        let mut buffer = Buffer::default();
        buffer.extend(b"kept").unwrap();
        assert_eq!(buffer.grow(usize::MAX).unwrap_err().rv, ck::CKR_HOST_MEMORY);
        assert_eq!(&buffer[..], b"kept");
    }
}
