//! An object in memory: its attributes, what policy knows of it, and its key once that is ready.

use std::sync::{Arc, OnceLock};

use crate::attr::Attributes;
use crate::ck;
use crate::keytype::{Key, Material};
use crate::policy::{Facts, KeyFacts};
use crate::store::Uid;

use crate::error::{Error, Result};
use crate::token::record::damaged::damaged;
use crate::token::record::facts::facts;
use crate::token::record::uid::shown;

/// A session's handle, as far as the token needs it: session objects belong to one.
pub(crate) type SessionHandle = ck::CK_SESSION_HANDLE;

/// C's handle of an object: of this process alone, and never used again.
pub type Handle = ck::CK_OBJECT_HANDLE;

/// Where an object lives.
pub(in crate::token) enum Home {
    /// In the token's file.
    Token {
        /// Counts the object's changes.
        version: u64,
        /// End of its sealed bytes: with the version, tells whether the row is still this one.
        seal: [u8; 16],
    },
    /// In the memory of a session.
    Session {
        owner: SessionHandle,
        material: Option<Box<Material>>,
    },
}

/// An object as it was when it was read. Changing it makes another.
pub struct Object {
    pub(in crate::token) handle: Handle,
    pub(in crate::token) uid: Uid,
    pub(in crate::token) attributes: Attributes,
    pub(in crate::token) facts: Facts,
    pub(in crate::token) home: Home,
    pub(in crate::token) key: OnceLock<Arc<Key>>,
    /// All versions of an external key.
    pub(in crate::token) keyring: OnceLock<Arc<Key>>,
}

impl Object {
    pub(in crate::token) fn new(
        handle: Handle,
        uid: Uid,
        attributes: Attributes,
        home: Home,
        enforce_dates: bool,
    ) -> Self {
        Self {
            handle,
            uid,
            facts: facts(&attributes, enforce_dates),
            attributes,
            home,
            key: OnceLock::new(),
            keyring: OnceLock::new(),
        }
    }

    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// What policy knows of it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// CKA_KEY_TYPE of a key.
    #[must_use]
    pub fn key_type(&self) -> Option<ck::CK_KEY_TYPE> {
        self.attributes.key_type()
    }

    /// CKA_CLASS.
    #[must_use]
    pub fn class(&self) -> ck::CK_OBJECT_CLASS {
        self.attributes.class()
    }

    /// Time or an operator can end the key's use while an operation runs.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.facts.key.as_ref().is_some_and(KeyFacts::limited)
    }

    /// Belongs to the user's login: its operations end with it.
    #[must_use]
    pub fn needs_login(&self) -> bool {
        self.facts.private
            || (self.facts.token && self.facts.key.as_ref().is_some_and(|key| key.secret))
    }

    /// Refuses a row of this object with a lower version than this process has read: it was put back
    /// by others, for an object never goes back.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(in crate::token) fn check_not_older(&self, version: u64) -> Result<()> {
        match &self.home {
            Home::Token { version: known, .. } if version < *known => Err(older_row(&self.uid)),
            Home::Token { .. } | Home::Session { .. } => Ok(()),
        }
    }

    /// CKA_ALWAYS_AUTHENTICATE.
    #[must_use]
    pub fn always_authenticate(&self) -> bool {
        self.attributes.bool(ck::CKA_ALWAYS_AUTHENTICATE)
    }
}

/// The row of an object that was put back by others.
pub(in crate::token) fn older_row(uid: &Uid) -> Error {
    damaged(format!(
        "object {}, whose row is an older one than this process has read,",
        shown(uid)
    ))
}

pub(in crate::token) fn no_material() -> Error {
    Error::new(
        ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
        "the key has no material: import it first",
    )
}
