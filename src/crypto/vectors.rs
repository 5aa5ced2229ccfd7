//! Reads the files below `tests/vectors/`: JSON, and records in the manner of NIST.

use std::collections::HashMap;

use serde_json::Value;

/// A file's JSON. Vectors stand in lists of objects whose byte strings are hexadecimal.
pub(crate) fn load(path: &str) -> Value {
    let path = format!("{}/tests/vectors/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// The objects in the list `name`.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name} is empty");
    list
}

/// The byte string `name`.
pub(crate) fn bytes(value: &Value, name: &str) -> Vec<u8> {
    hex(value[name].as_str().unwrap())
}

/// The text `name`.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// The records of an `.rsp` file: `name = hex` lines, parted by empty lines; `#` begins a comment.
pub(crate) fn records(text: &str) -> Vec<HashMap<&str, Vec<u8>>> {
    let mut records = vec![HashMap::new()];
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            records.push(HashMap::new());
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap();
        records
            .last_mut()
            .unwrap()
            .insert(name.trim(), hex(value.trim()));
    }
    records.retain(|record| !record.is_empty());
    assert!(!records.is_empty());
    records
}

/// The bytes of a hexadecimal string.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap())
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte");
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
