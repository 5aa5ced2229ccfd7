//! ONE table of profiles: what each service allows of an external key.

use crate::clock::UnixTime;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// CKA_TENON_PROFILE.
    pub name: &'static str,
    /// Seconds that material lives when the import names no expiry; `None` = for ever.
    pub default_life: Option<UnixTime>,
    /// Greatest life in seconds that an import may ask for; `None` = any.
    pub greatest_life: Option<UnixTime>,
}

/// Everything is allowed; the profile of keys that bind by (class, key type, CKA_ID).
pub static OPEN: Profile = Profile {
    name: "open",
    default_life: None,
    greatest_life: None,
};

static PROFILES: &[&Profile] = &[&OPEN];

/// The profile called `name`.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Profile> {
    PROFILES
        .iter()
        .copied()
        .find(|profile| profile.name.as_bytes() == name)
}
