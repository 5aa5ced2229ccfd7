//! Keys ready for use: parsed and scheduled once, shared by every operation that uses them.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use crate::crypto::hash::{Hash, Hmac};
use crate::secret::Secret;

/// A key in the form that operations use. Building one is the costly part of C_…Init, so the
/// token keeps them.
pub struct Key {
    ready: Box<dyn Ready>,
    /// The HMAC of the hash with which the key was first used, which has taken nothing but the key.
    hmac: OnceLock<Box<(Hash, Hmac)>>,
}

/// What a key type makes of its material for operations: a parsed key, or one with its schedule.
/// Operations ask for it by its type ([`Key::of`]).
pub trait Ready: Any + Send + Sync {
    /// Size in bits: of the modulus, the field or the value.
    fn bits(&self) -> u64;

    /// The value of a secret key; `None` for a key that is not a string of bytes, as those of pairs.
    fn secret_bytes(&self) -> Option<&[u8]> {
        None
    }
}

impl Key {
    /// A ready key.
    #[must_use]
    pub fn new(key: impl Ready) -> Self {
        Self {
            ready: Box::new(key),
            hmac: OnceLock::new(),
        }
    }

    /// The key as a `T`; `None` where it is another kind of key.
    #[must_use]
    pub fn of<T: Ready>(&self) -> Option<&T> {
        let key: &dyn Any = &*self.ready;
        key.downcast_ref()
    }

    /// Size in bits: of the modulus, the field or the value.
    #[must_use]
    pub fn bits(&self) -> u64 {
        self.ready.bits()
    }

    /// The value of a secret key; `None` for the keys of pairs.
    #[must_use]
    pub fn secret_bytes(&self) -> Option<&[u8]> {
        self.ready.secret_bytes()
    }
}

impl Key {
    /// An HMAC under the value of a secret key, which has taken nothing yet; `None` for the keys of pairs.
    #[must_use]
    pub fn hmac(&self, hash: Hash) -> Option<Hmac> {
        let bytes = self.secret_bytes()?;
        let first = || Box::new((hash, Hmac::new(hash, bytes)));
        match &**self.hmac.get_or_init(first) {
            (of, keyed) if *of == hash => Some(keyed.clone()),
            _ => Some(Hmac::new(hash, bytes)),
        }
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
