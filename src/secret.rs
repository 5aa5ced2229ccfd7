//! Secret bytes: zeroized when dropped, never printed, compared in constant time.

use std::fmt;
use std::ops::{Deref, DerefMut};

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A secret of fixed length. `Clone` copies it; both copies are wiped.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// `len` zero bytes, to be filled.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self(Zeroizing::new(vec![0; len].into_boxed_slice()))
    }

    /// A copy of `bytes`; the caller's bytes are not wiped.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The first `len` bytes; the rest is wiped.
    #[must_use]
    pub fn truncated(self, len: usize) -> Self {
        if len >= self.len() {
            return self;
        }
        Self::copy(&self[..len])
    }

    /// Equality in time that depends on the lengths alone.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        bool::from(self.0.as_ref().ct_eq(other))
    }
}

impl From<Vec<u8>> for Secret {
    /// Copies and wipes `bytes`.
    fn from(mut bytes: Vec<u8>) -> Self {
        let secret = Self::copy(&bytes);
        bytes.zeroize();
        secret
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}
