//! What PKCS#11 has no function for: versions and receipts of external keys.

use super::open::Session;
use crate::error::Result;
use crate::token::{Handle, Receipt, Version};

impl Session {
    /// Opens a new version of an external key, which waits for its material.
    ///
    /// # Errors
    /// As `Token::rotate`.
    pub fn rotate(&self, key: Handle) -> Result<()> {
        self.token.rotate(self.caller(), key)
    }

    /// The versions of an external key: the older ones, the oldest first, the current one, and one
    /// that waits for its material.
    ///
    /// # Errors
    /// As `Token::versions`.
    pub fn versions(&self, key: Handle) -> Result<Vec<Version>> {
        self.token.versions(key)
    }

    /// A signed statement of the last import into an external key.
    ///
    /// # Errors
    /// As `Token::receipt`.
    pub fn receipt(&self, key: Handle) -> Result<Receipt> {
        self.token.receipt(key)
    }
}
