//! Block length and direction, which every mode of a block cipher has, and the modes with feedback.

/// Length of an AES block in bytes (FIPS 197).
pub(crate) const BLOCK: usize = 16;

/// Which way a cipher goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Plaintext to ciphertext.
    Encrypt,
    /// Ciphertext to plaintext.
    Decrypt,
}

/// A mode in which the cipher's output or the ciphertext makes the next part of the key stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feedback {
    Ofb,
    /// Cipher feedback of single bits; a message is whole bytes.
    Cfb1,
    /// Of bytes.
    Cfb8,
    /// Of blocks.
    Cfb128,
}
