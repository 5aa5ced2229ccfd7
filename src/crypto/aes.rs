//! Stand-in.

use crate::secret::Secret;

/// AES key.
pub struct Key(Secret);

impl Key {
    /// A key.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Secret::copy(bytes))
    }

    /// Its value.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
