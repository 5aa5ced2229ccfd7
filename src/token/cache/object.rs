//! An object in memory: its attributes, what policy knows of it, and its key once that is ready.

use std::sync::{Arc, OnceLock};

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::mechanism::{Key, Material};
use crate::policy::{Facts, KeyFacts, Pieces, Use, dates};
use crate::store::Uid;

use crate::token::SessionHandle;
use crate::token::external;
use crate::token::record::vault::time_value;

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

    /// CKA_ALWAYS_AUTHENTICATE.
    #[must_use]
    pub fn always_authenticate(&self) -> bool {
        self.attributes.bool(ck::CKA_ALWAYS_AUTHENTICATE)
    }
}

/// What policy has to know of an object with these attributes.
pub(in crate::token) fn facts(attributes: &Attributes, enforce_dates: bool) -> Facts {
    let class = attributes.class();
    let is_key = matches!(
        class,
        ck::CKO_PUBLIC_KEY | ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY
    );
    Facts {
        token: attributes.bool(ck::CKA_TOKEN),
        private: attributes.bool(ck::CKA_PRIVATE),
        modifiable: attributes.bool(ck::CKA_MODIFIABLE),
        copyable: attributes.bool(ck::CKA_COPYABLE),
        destroyable: attributes.bool(ck::CKA_DESTROYABLE),
        key: is_key.then(|| key_facts(attributes, class, enforce_dates)),
    }
}

fn key_facts(attributes: &Attributes, class: ck::CK_OBJECT_CLASS, enforce_dates: bool) -> KeyFacts {
    const USES: [Use; 7] = [
        Use::Encrypt,
        Use::Decrypt,
        Use::Sign,
        Use::Verify,
        Use::Wrap,
        Use::Unwrap,
        Use::Derive,
    ];
    let secret = class != ck::CKO_PUBLIC_KEY;
    let date = |kind| attributes.bytes(kind).filter(|_| enforce_dates && secret);
    KeyFacts {
        secret,
        sensitive: attributes.bool(ck::CKA_SENSITIVE),
        extractable: attributes.bool(ck::CKA_EXTRACTABLE),
        wrap_with_trusted: attributes.bool(ck::CKA_WRAP_WITH_TRUSTED),
        trusted: class == ck::CKO_SECRET_KEY && attributes.bool(ck::CKA_TRUSTED),
        value_len: value_len(attributes),
        pieces: attributes
            .ulongs(ck::INTERNAL_PIECES)
            .map(Pieces::from_stored),
        uses: USES
            .into_iter()
            .filter(|what| attributes.bool(what.attribute()))
            .collect(),
        allowed: attributes
            .ulongs(ck::CKA_ALLOWED_MECHANISMS)
            .map(<[_]>::to_vec),
        not_before: date(ck::CKA_START_DATE).and_then(dates::day_begins),
        not_after: date(ck::CKA_END_DATE).and_then(dates::day_ends),
        expires_at: time_value(attributes, ck::CKA_TENON_EXPIRES_AT),
        gone_at: external::gone_at(attributes),
        external: external::facts(attributes),
    }
}

fn value_len(attributes: &Attributes) -> usize {
    let len = attributes.ulong(ck::CKA_VALUE_LEN).unwrap_or(0);
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Notes what a secret key's value consists of.
pub(in crate::token) fn set_pieces(attributes: &mut Attributes, pieces: &Pieces) {
    match pieces.stored() {
        Some(numbers) => attributes.set(ck::INTERNAL_PIECES, Value::Ulongs(numbers)),
        None => drop(attributes.remove(ck::INTERNAL_PIECES)),
    }
}
