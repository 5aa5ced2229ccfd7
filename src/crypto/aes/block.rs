//! What every mode of a block cipher has.

/// Length of a block in bytes.
pub(crate) const BLOCK: usize = 16;

/// Which way a cipher goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}
