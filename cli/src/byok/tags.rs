//! Tags, as options have them and as CKA_TENON_TAGS has them.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    key: String,
    value: String,
}

impl Tag {
    pub(super) fn pair(&self) -> (String, String) {
        (self.key.clone(), self.value.clone())
    }
}

impl FromStr for Tag {
    type Err = &'static str;

    /// `KEY=VALUE`; the value may be empty, and may have more of `=`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("say KEY=VALUE"),
        }
    }
}

/// The tags of options; of several with one key the last counts.
pub(super) fn collect(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(Tag::pair).collect()
}

/// CKA_TENON_TAGS.
pub(super) fn tags_json(tags: &BTreeMap<String, String>) -> String {
    json!(tags).to_string()
}

#[cfg(test)]
mod tests {
    use tenon_pkcs11::api::byok::parse_tags;

    use super::*;

    #[test]
    fn tags_are_read_and_written() {
        let read: Result<Vec<Tag>, _> = ["a=1", "b=x=y", "c=", "a=2"]
            .into_iter()
            .map(str::parse)
            .collect();
        let tags = collect(&read.unwrap());
        let json = tags_json(&tags);
        assert_eq!(json, r#"{"a":"2","b":"x=y","c":""}"#);
        assert_eq!(parse_tags(json.as_bytes()), Some(tags));
        for bad in ["", "a", "=1"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
