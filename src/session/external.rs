//! What PKCS#11 has no function for: versions and receipts of external keys.

use std::path::PathBuf;

use super::open::Session;
use crate::error::Result;
use crate::token::{Handle, Receipt, Version};

impl Session {
    /// Gives an external key its next version; with `force` a raw key too.
    ///
    /// # Errors
    /// As `Token::rotate`.
    pub fn rotate(&self, key: Handle, force: bool) -> Result<()> {
        self.token.rotate(self.caller(), key, force)
    }

    /// Erases the material of one version of an external key.
    ///
    /// # Errors
    /// As `Token::delete_material`.
    pub fn delete_material(&self, key: Handle, material_id: &[u8; 16]) -> Result<()> {
        self.token.delete_material(self.caller(), key, material_id)
    }

    /// The versions of an external key: the older ones, the oldest first, the current one, and one
    /// that waits for its material.
    ///
    /// # Errors
    /// As `Token::versions`.
    pub fn versions(&self, key: Handle) -> Result<Vec<Version>> {
        self.token.versions(key)
    }

    /// The `versions` of each of these keys, in their order, all as of one state of the token.
    ///
    /// # Errors
    /// As `Token::versions`.
    pub fn versions_of_each(&self, keys: &[Handle]) -> Result<Vec<Vec<Version>>> {
        self.token.versions_of_each(keys)
    }

    /// A signed statement of the last import into an external key.
    ///
    /// # Errors
    /// As `Token::receipt`.
    pub fn receipt(&self, key: Handle) -> Result<Receipt> {
        self.token.receipt(key)
    }

    /// The same of one version of the key.
    ///
    /// # Errors
    /// As `Token::receipt_of_version`.
    pub fn receipt_of_version(&self, key: Handle, number: usize) -> Result<Receipt> {
        self.token.receipt_of_version(key, number)
    }

    /// The same of one material of the key.
    ///
    /// # Errors
    /// As `Token::receipt_of_material`.
    pub fn receipt_of_material(&self, key: Handle, material_id: &[u8; 16]) -> Result<Receipt> {
        self.token.receipt_of_material(key, material_id)
    }

    /// The materials for a next version that ended before they were current.
    ///
    /// # Errors
    /// As `Token::unused_materials`.
    pub fn unused_materials(&self, key: Handle) -> Result<Vec<Version>> {
        self.token.unused_materials(key)
    }

    /// A signed statement that an external key is gone by its scheduled deletion.
    ///
    /// # Errors
    /// As `Token::end_of_key`.
    pub fn end_of_key(&self, uid: &[u8; 16], archives: &[PathBuf]) -> Result<Receipt> {
        self.token.end_of_key(uid, archives)
    }
}
