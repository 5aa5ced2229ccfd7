//! Reads `tests/vectors`: records of `name = hex` lines, parted by empty lines; `#` begins a comment.

use std::collections::HashMap;

/// The records of a file.
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
