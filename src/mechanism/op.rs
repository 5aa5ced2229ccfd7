//! What a mechanism does in an active operation. `session` decides when the operation ends.

use super::Params;
use super::saved::{Saved, unusable};
use crate::error::Result;

/// An operation whose state may be saved, and restored in a new operation; and whose work may serve another message
/// once its own has ended.
pub trait Resumable {
    /// With what a new operation with the same mechanism and key goes on as this one would, which was
    /// begun with `params`; `None` where that cannot be said.
    fn save(&self, _params: &Params) -> Option<Saved> {
        None
    }

    /// Puts an operation that has taken nothing yet, and was begun with the saved parameter, into
    /// the saved state.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID.
    fn restore(&mut self, _state: &[u8]) -> Result<()> {
        Err(unusable())
    }

    /// After the last step: forgets the message. Whether `begin_again` can be called then.
    fn rest(&mut self) -> bool {
        false
    }

    /// Begins another message by the same mechanism and key, as new work with `params` would.
    ///
    /// # Errors
    /// Those of the mechanism's column that makes such work.
    fn begin_again(&mut self, _params: &Params) -> Result<()> {
        Err(unusable())
    }
}

/// An encryption or decryption in progress. Output goes straight into the caller's buffer, so its
/// greatest length is asked for first.
pub trait Cipher: Resumable + Send {
    /// Greatest number of bytes that `update` writes for `input` more bytes; the others alike.
    fn update_bound(&self, input: usize) -> usize;

    fn finish_bound(&self) -> usize;

    fn one_shot_bound(&self, input: usize) -> usize {
        self.update_bound(input).saturating_add(self.finish_bound())
    }

    /// Whether the bounds are the very lengths: false for decryptions that remove padding.
    fn exact(&self) -> bool {
        true
    }

    /// Takes `input`; writes what is ready to the start of `out` (at least `update_bound` bytes long)
    /// and returns how many bytes.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize>;

    /// Ends the operation: writes the rest to `out` (at least `finish_bound` bytes long).
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;

    /// The whole message at once, on an operation that has taken nothing yet.
    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let written = self.update(input, out)?;
        Ok(written + self.finish(&mut out[written..])?)
    }
}

/// A signature or MAC of a message that comes in parts. It ends with `finish`.
pub trait Signer: Resumable + Send {
    /// Greatest length of the signature in bytes.
    fn len(&self) -> usize;

    /// Takes more of the message. CKR_DATA_LEN_RANGE when the mechanism's limit is passed.
    fn update(&mut self, message: &[u8]) -> Result<()>;

    /// Writes the signature to `out` (at least `len` bytes long) and returns its length.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
}

/// A check of a signature or MAC of a message that comes in parts. It ends with `finish`.
pub trait Verifier: Resumable + Send {
    fn update(&mut self, message: &[u8]) -> Result<()>;

    /// CKR_SIGNATURE_LEN_RANGE for a wrong length, CKR_SIGNATURE_INVALID for a wrong signature.
    fn finish(&mut self, signature: &[u8]) -> Result<()>;
}

/// A digest of a message that comes in parts.
pub trait Digester: Resumable + Send {
    fn len(&self) -> usize;

    fn update(&mut self, message: &[u8]) -> Result<()>;

    /// Writes the digest to `out` (at least `len` bytes long) and returns its length.
    fn finish(&mut self, out: &mut [u8]) -> Result<usize>;
}
