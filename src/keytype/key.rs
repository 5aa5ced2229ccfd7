//! Keys ready for use: parsed and scheduled once, shared by every operation that uses them.

use std::any::Any;
use std::fmt;

use crate::secret::Secret;

/// A key in the form that operations use. Building one is the costly part of C_…Init, so the
/// token keeps them.
pub struct Key(Box<dyn Ready>);

pub trait Ready: Any + Send + Sync {
    /// Size in bits: of the modulus, the field or the value.
    fn bits(&self) -> u64;

    fn secret_bytes(&self) -> Option<&[u8]> {
        None
    }
}

impl Key {
    /// A ready key.
    #[must_use]
    pub fn new(key: impl Ready) -> Self {
        Self(Box::new(key))
    }

    /// The key as a `T`; `None` where it is another kind of key.
    #[must_use]
    pub fn of<T: Ready>(&self) -> Option<&T> {
        let key: &dyn Any = &*self.0;
        key.downcast_ref()
    }

    /// Size in bits: of the modulus, the field or the value.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.0.bits()
    }

    /// The value of a secret key; `None` for the keys of pairs.
    #[must_use]
    pub fn secret_bytes(&self) -> Option<&[u8]> {
        self.0.secret_bytes()
    }
}

impl Ready for Secret {
    fn bits(&self) -> u64 {
        self.len() as u64 * 8
    }

    fn secret_bytes(&self) -> Option<&[u8]> {
        Some(self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bits)", self.bits())
    }
}
