//! The rows of the store: sealed bytes, and the few clear columns that searches and sweeps need.

/// Name of an object, unique and never changed: 16 bytes, chosen by the caller.
pub type Uid = [u8; 16];

/// Keyed hash of one searchable attribute value: 16 bytes.
pub type Posting = [u8; 16];

/// One object, without its material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name of the object.
    pub uid: Uid,
    /// CKA_CLASS; any number.
    pub class: u64,
    /// CKA_KEY_TYPE of keys; any number.
    pub key_type: Option<u64>,
    /// CKA_PRIVATE.
    pub private: bool,
    /// The object is found only by searches that ask for hidden objects.
    pub hidden: bool,
    /// End of the material's life, in Unix seconds; 0 = never.
    pub expires_at: u64,
    /// End of the object, in Unix seconds; 0 = never.
    pub deletion_at: u64,
    /// Number of the object's changes, from 1.
    pub version: u64,
    /// Format of `sealed`.
    pub format: u32,
    /// The object's attributes, encrypted. The clear columns are authenticated with them.
    pub sealed: Vec<u8>,
    /// Authentication code of the row under the master key; empty where nobody was logged in.
    pub mac: Vec<u8>,
}

/// The clear columns of a found object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Name of the object.
    pub uid: Uid,
    /// CKA_CLASS.
    pub class: u64,
    /// CKA_KEY_TYPE of keys.
    pub key_type: Option<u64>,
    /// CKA_PRIVATE.
    pub private: bool,
    /// The object is found only by searches that ask for hidden objects.
    pub hidden: bool,
    /// End of the material's life, in Unix seconds; 0 = never.
    pub expires_at: u64,
    /// End of the object, in Unix seconds; 0 = never.
    pub deletion_at: u64,
}

/// The material of a secret or private key, in a row of its own, so that it is read only when the key
/// is used, and erased while its object stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaterialRow {
    /// The data key, wrapped.
    pub data_key: Vec<u8>,
    /// The material, sealed under the data key.
    pub sealed: Vec<u8>,
}

/// One record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Position in the log, at most `i64::MAX`.
    pub seq: u64,
    /// The record's bytes.
    pub record: Vec<u8>,
    /// The record's authentication code.
    pub mac: Vec<u8>,
}

/// An object's last version that archived records of the audit log name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchivedObject {
    pub uid: Uid,
    pub class: u64,
    pub version: u64,
    /// Fingerprint of the object's row at that version.
    pub seal: [u8; 16],
}

/// The conditions of a search: an object is found when it meets every one that is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchConditions<'a> {
    /// CKA_CLASS.
    pub class: Option<u64>,
    /// CKA_KEY_TYPE.
    pub key_type: Option<u64>,
    /// CKA_PRIVATE.
    pub private: Option<bool>,
    /// Whether the object is left out of ordinary searches.
    pub hidden: Option<bool>,
    /// Keyed hashes that must all lead to the object.
    pub postings: &'a [Posting],
}

/// How far a search has come. The default is before every object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchPlace {
    /// What the search walks; the engine chooses it where the search begins.
    pub(super) walk: Option<Walk>,
    /// The engine's own number of the last object that was read there.
    pub(super) id: i64,
    /// The greatest number that an object had when the search was first broken off; later ones are not found.
    pub(super) last_id: Option<i64>,
}

impl SearchPlace {
    /// The beginning of another search, for objects that were there when this one was first broken off.
    #[must_use]
    pub fn from_the_beginning(self) -> Self {
        Self {
            last_id: self.last_id,
            ..Self::default()
        }
    }
}

/// The rows among which a search finds its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// Those of one posting.
    Posting(Posting),
    /// The objects of one kind, and then those of the kinds after it.
    Kind(Kind),
}

/// What objects of one kind have in common. Class and key type are the bit patterns of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) private: bool,
    pub(super) class: i64,
    pub(super) key_type: Option<i64>,
}

/// An object's place in the order in which objects become due: first by the end of their material,
/// then by the end of the object, each by time. The default is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DuePlace {
    /// Whether the place is among the ends of objects.
    pub(super) deletion: bool,
    /// The end, in Unix seconds.
    pub(super) at: i64,
    /// The engine's own number of the object.
    pub(super) id: i64,
}
