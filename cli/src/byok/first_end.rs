//! Which of a key's materials is gone, or expires first: that of its current version or of another one.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::{SealedKey, Version};

use crate::when::deadline;

/// Of the materials that were imported into a key's versions, one that is gone, else the one that expires first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstEnd {
    pub(super) live: bool,
    /// Unix seconds; 0 = not known, of a material that is gone.
    pub(super) expires_at: UnixTime,
    /// Whether it is the current version's; without a login false where it may be an older version's.
    pub(super) current: bool,
    /// The version's number; `None` without a login.
    pub(super) number: Option<usize>,
}

impl FirstEnd {
    /// `None` where no material is gone and none expires.
    pub(super) fn of(versions: &[Version]) -> Option<Self> {
        let imported = versions.iter();
        let imported = imported.filter(|version| version.material_id.is_some());
        Self::among(imported.map(|version| Self {
            live: version.has_material(),
            expires_at: version.expires_at,
            current: version.current,
            number: Some(version.number),
        }))
    }

    /// As `of`, of a key as it is known without a login.
    pub(super) fn of_sealed(key: &SealedKey) -> Option<Self> {
        let end = |live, expires_at, current| Self {
            live,
            expires_at,
            current,
            number: None,
        };
        let older = key.older.iter();
        let older = older.map(|version| end(version.live, version.expires_at, false));
        let live = key.state.number() != Some(ck::STATE_PENDING_IMPORT);
        let own = key.bound.then(|| end(live, key.expires_at, true));
        // The key's own end may be an older version's, so of two equal ends it is the older version's.
        Self::among(older.chain(own))
    }

    /// The first of equal ends.
    fn among(materials: impl Iterator<Item = Self>) -> Option<Self> {
        let ending = materials.filter(|material| !material.live || material.expires_at != 0);
        ending.min_by_key(|material| (material.live, material.live.then_some(material.expires_at)))
    }

    /// Whether the material is gone, or ends at `by` or before.
    pub(super) fn is_by(&self, by: UnixTime) -> bool {
        !self.live || self.expires_at <= by
    }

    /// For people, of a version that is not the current one.
    pub(super) fn words(&self, now: UnixTime) -> String {
        let version = self.number.map_or_else(
            || "an older version".to_owned(),
            |number| format!("version {number}"),
        );
        match self.live {
            true => format!(
                "the material of {version} expires {}",
                deadline(self.expires_at, now)
            ),
            false => format!("the material of {version} is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tenon_pkcs11::api::byok::State;
    use tenon_pkcs11::api::token::SealedVersion;

    use super::*;

    /// Whether it is the current version's, and its end; 0 = gone.
    fn first(
        state: State,
        expires_at: UnixTime,
        older: &[(bool, UnixTime)],
    ) -> Option<(bool, u64)> {
        let older = older.iter();
        let key = SealedKey {
            uid: [7; 16],
            class: ck::CKO_SECRET_KEY,
            state,
            generated: false,
            bound: true,
            expires_at,
            deletion_at: 0,
            older: older
                .map(|&(live, expires_at)| SealedVersion { live, expires_at })
                .collect(),
        };
        let end = FirstEnd::of_sealed(&key)?;
        Some((end.current, if end.live { end.expires_at } else { 0 }))
    }

    #[test]
    fn what_is_gone_comes_first_and_then_the_earliest() {
        use State::{Enabled, PendingImport};
        for (state, expires_at, older, expected) in [
            (Enabled, 0, &[][..], None),
            (Enabled, 0, &[(true, 0)], None),
            (Enabled, 9, &[(true, 0)], Some((true, 9))),
            (Enabled, 9, &[(true, 8)], Some((false, 8))),
            (Enabled, 9, &[(true, 9)], Some((false, 9))),
            (Enabled, 9, &[(true, 8), (false, 0)], Some((false, 0))),
            (Enabled, 0, &[(true, 8), (true, 7)], Some((false, 7))),
            (PendingImport, 0, &[(true, 8)], Some((true, 0))),
            (PendingImport, 0, &[(false, 8)], Some((false, 0))),
        ] {
            let found = first(state, expires_at, older);
            assert_eq!(found, expected, "{state:?} {expires_at} {older:?}");
        }
    }
}
