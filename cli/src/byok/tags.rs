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

/// The tags of options. Two with one key are an error: one of them would be lost.
pub(super) fn collect(tags: &[Tag]) -> Result<BTreeMap<String, String>, String> {
    let mut collected = BTreeMap::new();
    for (key, value) in tags.iter().map(Tag::pair) {
        if let Some(other) = collected.insert(key.clone(), value.clone()) {
            return Err(format!(
                "--tag names {key} twice, as {other:?} and {value:?}: a key has one value of each tag"
            ));
        }
    }
    Ok(collected)
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
        let read = |texts: &[&str]| {
            let tags: Result<Vec<Tag>, _> = texts.iter().map(|text| text.parse()).collect();
            collect(&tags.unwrap())
        };
        let tags = read(&["a=1", "b=x=y", "c="]).unwrap();
        let json = tags_json(&tags);
        assert_eq!(json, r#"{"a":"1","b":"x=y","c":""}"#);
        assert_eq!(parse_tags(json.as_bytes()), Some(tags));
        let twice = read(&["a=1", "b=2", "a=3"]).unwrap_err();
        assert!(twice.contains("names a twice"), "{twice}");
        for bad in ["", "a", "=1"] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
