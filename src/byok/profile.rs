//! What each service allows of an external key (BYOK section 5): the row's columns in `row`, the rows in
//! `services`, the names that the services give to specs and algorithms in `names`.

mod name;
mod names;
mod refusal;
mod row;
mod services;
#[cfg(test)]
mod tests;
mod usage;

pub use name::{AlgorithmName, SpecName};
pub use row::{Profile, Rotation, Rule};
pub use usage::Usage;

use services::PROFILES;

/// Every profile.
pub fn all() -> impl Iterator<Item = &'static Profile> {
    PROFILES.iter()
}

/// The profile that allows everything: of keys that bind by (class, key type, CKA_ID), and of those
/// whose template names none.
#[must_use]
pub(crate) fn open() -> &'static Profile {
    &PROFILES[0]
}

/// The profile called `name`.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Profile> {
    all().find(|profile| profile.name.as_bytes() == name)
}

/// The spec that a service calls `text`, in capitals or not, with hyphens or underscores: a general name
/// that is written just so, else a name of any profile, else a general one, else a type of keys in one of the sizes that
/// it has.
#[must_use]
pub fn read_spec(text: &str) -> Option<SpecName> {
    let general = SpecName::general(text);
    if general.as_ref().is_some_and(|known| known.name == text) {
        return general;
    }
    let mut of_services = all().flat_map(|profile| profile.spec_names);
    let named = of_services.find(|known| name::same(&known.name, text));
    let of_type = || {
        let mut types = names::TYPES.iter();
        types.find(|(known, _)| name::same(known, text))
    };
    named
        .cloned()
        .or(general)
        .or_else(|| of_type().map(|(_, spec)| spec.clone()))
}

/// The usage that a service calls `text`.
#[must_use]
pub fn read_usage(text: &str) -> Option<Usage> {
    all().find_map(|profile| profile.usage_words.read(text))
}

/// Whether `text` is a service's word for the usage of HMAC keys alone.
#[must_use]
pub fn is_usage_of_hmac(text: &str) -> bool {
    all().any(|profile| profile.usage_words.is_of_hmac(text))
}
