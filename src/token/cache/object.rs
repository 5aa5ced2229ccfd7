//! An object in memory: its attributes, its facts for policy, and its key once ready for use.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::attr::{Attributes, Reader, Rows};
use crate::byok::State;
use crate::ck;
use crate::clock::UnixTime;
use crate::keytype::{Key, Material};
use crate::policy::{Facts, KeyFacts};
use crate::store::{MaterialRow, Uid};

use crate::error::{Error, Result};
use crate::token::cache::presence::Presence;
use crate::token::record::damaged::damaged;
use crate::token::record::external::material_id;
use crate::token::record::facts::facts;
use crate::token::record::provided::Provided;
use crate::token::record::statement::Receipt;
use crate::token::record::uid::shown;

/// A session's handle. The token uses it only to know whose the session objects are.
pub(crate) type SessionHandle = ck::CK_SESSION_HANDLE;

/// C's handle of an object. It is valid in this process alone, and never used again.
pub type Handle = ck::CK_OBJECT_HANDLE;

/// Bytes that are allowed for a ready secret key: an estimate for AES with its schedules and the table of GCM.
const READY_SECRET: usize = 4 << 10;
/// Bytes that are allowed for a ready half of a pair: an estimate for RSA-4096 with what its operations keep.
const READY_HALF: usize = 12 << 10;

#[derive(Clone)]
pub(in crate::token) enum Home {
    /// In the token's file.
    Token {
        /// The number of the object's changes.
        version: u64,
        /// The tag of its sealed bytes. With the version, it tells whether the row is still this one.
        seal: [u8; 16],
    },
    /// In the memory of a session.
    Session {
        owner: SessionHandle,
        material: Option<Box<Material>>,
    },
    /// Nowhere: the token provides it.
    Provided(Provided),
}

/// A receipt, with the state in which the key was, when its material ended, and how many versions there were.
type KnownReceipt = ((State, UnixTime, usize), Receipt);

/// An object as it was when it was read. A changed object is another `Object`.
pub struct Object {
    pub(in crate::token) handle: Handle,
    pub(in crate::token) uid: Uid,
    pub(in crate::token) attributes: Attributes,
    key_type: Option<ck::CK_KEY_TYPE>,
    always_authenticate: bool,
    pub(in crate::token) facts: Facts,
    /// Found when an attribute is read first.
    rows: OnceLock<Rows>,
    pub(in crate::token) home: Home,
    pub(in crate::token) presence: Presence,
    pub(in crate::token) key: OnceLock<Arc<Key>>,
    /// The material that was read with the object's row, sealed, until the key is used first.
    pub(in crate::token) sealed: Mutex<Option<MaterialRow>>,
    /// All versions of an external key, ready for use.
    pub(in crate::token) keyring: OnceLock<Arc<Key>>,
    /// The last receipt that was signed.
    pub(in crate::token) receipt: Mutex<Option<KnownReceipt>>,
    /// The last CKA_TENON_RECEIPTS that was read, with the CKA_TENON_VERSIONS of that time.
    pub(in crate::token) receipts: Mutex<Option<(String, String)>>,
}

impl Object {
    pub(in crate::token) fn new(
        handle: Handle,
        uid: Uid,
        attributes: Attributes,
        home: Home,
        enforce_dates: bool,
    ) -> Self {
        let facts = facts(&attributes, enforce_dates);
        Self::of_facts(handle, uid, attributes, facts, home)
    }

    /// As `new`, with the facts of the attributes.
    pub(in crate::token) fn of_facts(
        handle: Handle,
        uid: Uid,
        attributes: Attributes,
        facts: Facts,
        home: Home,
    ) -> Self {
        Self {
            handle,
            uid,
            key_type: attributes.key_type(),
            always_authenticate: attributes.bool(ck::CKA_ALWAYS_AUTHENTICATE),
            facts,
            rows: OnceLock::new(),
            attributes,
            home,
            presence: Presence::default(),
            key: OnceLock::new(),
            sealed: Mutex::default(),
            keyring: OnceLock::new(),
            receipt: Mutex::new(None),
            receipts: Mutex::new(None),
        }
    }

    /// The object with other attributes.
    pub(in crate::token) fn with_attributes(
        &self,
        attributes: Attributes,
        enforce_dates: bool,
    ) -> Self {
        Self::new(
            self.handle,
            self.uid,
            attributes,
            self.home.clone(),
            enforce_dates,
        )
    }

    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Reads the object's attributes.
    pub(in crate::token) fn reader(&self) -> Reader<'_> {
        let rows = self.rows.get_or_init(|| Rows::of(&self.attributes));
        Reader::of_rows(&self.attributes, *rows)
    }

    /// CKA_KEY_TYPE of a key.
    #[must_use]
    pub fn key_type(&self) -> Option<ck::CK_KEY_TYPE> {
        self.key_type
    }

    /// CKA_CLASS.
    #[must_use]
    pub fn class(&self) -> ck::CK_OBJECT_CLASS {
        self.attributes.class()
    }

    /// About how many bytes of memory the object takes, with its key ready for use.
    pub(in crate::token) fn weight(&self) -> usize {
        let key = match (self.key_type(), self.class()) {
            (None, _) => 0,
            (Some(_), class) if ck::is_secret_key(class) => READY_SECRET,
            (Some(_), _) => READY_HALF,
        };
        size_of::<Self>() + self.attributes.len_in_memory() + key
    }

    /// Notes that a session keeps work that is ready with the key.
    pub(crate) fn note_kept(&self) {
        self.presence.note_kept();
    }

    /// Whether a session may keep work that is ready with the key.
    pub(crate) fn was_kept(&self) -> bool {
        self.presence.was_kept()
    }

    /// Whether the object was destroyed or changed, or has left memory otherwise.
    pub(crate) fn has_ended(&self) -> bool {
        self.presence.has_ended()
    }

    /// Whether time or an operator can end the key's use while an operation runs.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.facts.key.as_ref().is_some_and(KeyFacts::limited)
    }

    /// Whether operations with the object end with the user's login.
    #[must_use]
    pub fn needs_login(&self) -> bool {
        self.facts.private
            || (self.facts.token && self.facts.key.as_ref().is_some_and(|key| key.secret))
    }

    /// Tells the object, and which material it has, from all others.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        let material = material_id(&self.attributes);
        [self.uid.as_slice(), material.as_ref().map_or(&[], |id| id)].concat()
    }

    /// Refuses a row of this object with a lower version than this process has read before. Versions only
    /// grow, so somebody else has put back an old row.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(in crate::token) fn check_not_older(&self, version: u64) -> Result<()> {
        match &self.home {
            Home::Token { version: known, .. } if version < *known => Err(older_row(&self.uid)),
            Home::Token { .. } | Home::Session { .. } | Home::Provided(_) => Ok(()),
        }
    }

    /// CKA_ALWAYS_AUTHENTICATE.
    #[must_use]
    pub fn always_authenticate(&self) -> bool {
        self.always_authenticate
    }
}

/// The error for a row of an object that others have put back.
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
