//! All versions of an external key, for the envelopes that name one of them.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::UnixTime;
use crate::keytype::Ready;
use crate::secret::Secret;

/// The materials of one external key. It has a version at least, the current one.
pub(crate) struct Keyring {
    uid: [u8; 16],
    current: KeyringVersion,
    /// Each with its number, from 1.
    older: Vec<(usize, KeyringVersion)>,
    /// Number and CKA_TENON_MATERIAL_ID of the versions whose material is gone.
    ended: Vec<(usize, [u8; 16])>,
}

/// One version of an external key's material.
pub(crate) struct KeyringVersion {
    /// CKA_TENON_MATERIAL_ID.
    pub(super) id: [u8; 16],
    pub(super) material: Secret,
    expires_at: UnixTime,
    live: AtomicBool,
}

impl KeyringVersion {
    /// `expires_at` is the end of the material's life, 0 for never.
    #[must_use]
    pub(crate) fn new(id: [u8; 16], material: Secret, expires_at: UnixTime) -> Self {
        Self {
            id,
            material,
            expires_at,
            live: AtomicBool::new(true),
        }
    }
}

impl Keyring {
    #[must_use]
    pub(crate) fn new(
        uid: [u8; 16],
        current: KeyringVersion,
        older: Vec<(usize, KeyringVersion)>,
        ended: Vec<(usize, [u8; 16])>,
    ) -> Self {
        Self {
            uid,
            current,
            older,
            ended,
        }
    }

    /// CKA_UNIQUE_ID of the key, as 16 bytes.
    pub(super) fn uid(&self) -> &[u8; 16] {
        &self.uid
    }

    pub(super) fn current(&self) -> &KeyringVersion {
        &self.current
    }

    /// The version of this material id, while it lives.
    pub(super) fn find(&self, id: &[u8]) -> Option<&KeyringVersion> {
        std::iter::once(&self.current)
            .chain(self.older.iter().map(|(_, version)| version))
            .find(|version| version.id == id && version.live.load(Ordering::SeqCst))
    }

    /// The number of the older version of this material id, if that material has expired or is deleted.
    pub(super) fn ended_version(&self, id: &[u8]) -> Option<usize> {
        let shut = |version: &KeyringVersion| !version.live.load(Ordering::SeqCst);
        let shut = self.older.iter().filter(|(_, version)| shut(version));
        let shut = shut.map(|(number, version)| (*number, version.id));
        let mut ended = shut.chain(self.ended.iter().copied());
        ended.find_map(|(number, of)| (of == id).then_some(number))
    }

    /// Notes for each older version whether it lives, which `live` says of the end of its life.
    /// Whether the current version lives is the key's own state. Returns whether all older versions
    /// live.
    pub(crate) fn judge(&self, live: impl Fn(UnixTime) -> bool) -> bool {
        self.older.iter().fold(true, |all, (_, version)| {
            let lives = live(version.expires_at);
            version.live.store(lives, Ordering::SeqCst);
            all && lives
        })
    }
}

impl Ready for Keyring {
    /// Bits of the current material.
    fn bits(&self) -> u64 {
        self.current.material.len() as u64 * 8
    }
}
