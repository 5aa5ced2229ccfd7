//! Alias, description and tags, as the services rule them (BYOK section 5).

use std::collections::BTreeMap;
use std::fmt;

use serde_core::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The service whose rules hold for alias, description and tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// Any text; tags are a JSON object of strings.
    Free,
    /// Alibaba Cloud's.
    Alibaba,
    /// Huawei Cloud's.
    Huawei,
}

/// Most tags of a key, where a service counts them.
const MOST_TAGS: usize = 20;
/// Longest tag key or value of Alibaba Cloud, in characters.
const LONGEST_TAG: usize = 128;
/// Longest alias and description of Huawei Cloud, in characters.
const LONGEST_TEXT: usize = 255;

/// The tags in the JSON of CKA_TENON_TAGS: an object whose values are strings, one for each key.
#[must_use]
pub fn parse_tags(json: &[u8]) -> Option<BTreeMap<String, String>> {
    let Tags(tags) = serde_json::from_slice(json).ok()?;
    Some(tags)
}

struct Tags(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OneValueAKey)
    }
}

/// JSON lets a name repeat, and readers differ in which of its values they take.
struct OneValueAKey;

impl<'de> Visitor<'de> for OneValueAKey {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tags, A::Error> {
        let mut tags = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            if tags.insert(key, value).is_some() {
                return Err(A::Error::custom("a repeated name"));
            }
        }
        Ok(Tags(tags))
    }
}

impl Metadata {
    /// An alias, which is CKA_LABEL; the empty one is none.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn alias(self, alias: &str) -> Result<(), &'static str> {
        let only = |others: &str| {
            alias
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        match self {
            Self::Free => Ok(()),
            Self::Alibaba if only("_-/") => Ok(()),
            Self::Alibaba => Err("has aliases of letters, digits, `_`, `-` and `/`"),
            Self::Huawei if only("_:/-") && alias.len() <= LONGEST_TEXT => Ok(()),
            Self::Huawei => {
                Err("has aliases of at most 255 letters, digits, `_`, `:`, `/` and `-`")
            }
        }
    }

    /// CKA_TENON_DESCRIPTION.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn description(self, text: &str) -> Result<(), &'static str> {
        match self {
            Self::Huawei if text.chars().count() > LONGEST_TEXT => {
                Err("has descriptions of at most 255 characters")
            }
            Self::Free | Self::Alibaba | Self::Huawei => Ok(()),
        }
    }

    /// CKA_TENON_TAGS, read out of its JSON.
    ///
    /// # Errors
    /// The rule that they break.
    pub fn tags(self, tags: &BTreeMap<String, String>) -> Result<(), &'static str> {
        if tags.keys().any(String::is_empty) {
            return Err("has no tags with an empty key");
        }
        if self == Self::Free {
            return Ok(());
        }
        if tags.len() > MOST_TAGS {
            return Err("has at most 20 tags on a key");
        }
        if self == Self::Huawei {
            return Ok(());
        }
        let short = |text: &str| {
            text.chars().count() <= LONGEST_TAG
                && text
                    .chars()
                    .all(|c| c.is_alphanumeric() || "/\\_-.+=:@ ".contains(c))
        };
        if !tags.iter().all(|(key, value)| short(key) && short(value)) {
            return Err(
                "has tag keys and values of at most 128 letters, digits, spaces and /\\_-.+=:@",
            );
        }
        let reserved = |key: &String| {
            let key = key.to_ascii_lowercase();
            key.starts_with("aliyun") || key.starts_with("acs:")
        };
        if tags.keys().any(reserved) {
            return Err(
                "keeps tag keys that begin with `aliyun` or `acs:`, in capitals or not, for itself",
            );
        }
        Ok(())
    }
}
