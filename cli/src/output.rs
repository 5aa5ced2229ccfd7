//! What is printed: tables for people, one JSON value a line for programs.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;
use tenon_pkcs11::api::store::Uid;

use crate::Result;

#[derive(Args)]
pub(crate) struct Format {
    /// Print JSON, one value on one line
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Whether a program reads the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `value` with --json, else what `people` writes.
    pub(crate) fn print(
        &self,
        value: &Value,
        people: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{value}")?;
        } else {
            people(&mut out)?;
        }
        Ok(out.flush()?)
    }
}

/// Writes `rows` below `header`, columns aligned, nothing after the last one of a line.
pub(crate) fn table<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let mut widths = header.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in [header.map(str::to_owned)].iter().chain(rows) {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:<width$}  "))
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Text of a token. Control characters, which could move a terminal's cursor, are replaced.
pub(crate) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits, as an option has them.
pub(crate) fn unhex(text: &str) -> std::result::Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits.as_deref().map(<[u8]>::as_chunks) {
        Some((pairs, [])) if !pairs.is_empty() => {
            Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
        }
        _ => Err("expected an even number of hexadecimal digits, as in 01 or c0ffee".to_owned()),
    }
}

/// CKA_UNIQUE_ID as the services write a KeyId: 8-4-4-4-12 hexadecimal digits.
pub(crate) fn key_id(unique_id: &str) -> String {
    let ends = [0, 8, 12, 16, 20, 32];
    let parts: Option<Vec<_>> = ends
        .windows(2)
        .map(|part| unique_id.get(part[0]..part[1]))
        .collect();
    parts.map_or_else(|| unique_id.to_owned(), |parts| parts.join("-"))
}

/// CKA_UNIQUE_ID of a KeyId, with hyphens or without.
pub(crate) fn unique_id(name: &str) -> String {
    let parts: Vec<_> = name.split('-').collect();
    let hyphened = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]);
    let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hyphened && parts.iter().all(digits) {
        true => parts.concat().to_ascii_lowercase(),
        false => name.to_owned(),
    }
}

/// The bytes of a CKA_UNIQUE_ID, of a KeyId with hyphens too.
pub(crate) fn uid(name: &str) -> Option<Uid> {
    unhex(&unique_id(name)).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut out = Vec::new();
        let rows = [["1".into(), "é".into()], ["10".into(), String::new()]];
        table(&mut out, ["slot", "label"], &rows).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "slot  label\n1     é\n10\n"
        );
    }

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(unhex("00fFa1").unwrap(), [0, 0xFF, 0xA1]);
        assert_eq!(hex(&[0, 0xFF, 0xA1]), "00ffa1");
        for bad in ["", "0", "0g", "0x01", "é1"] {
            assert!(unhex(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable(b"a\x1b[2Jb\n"), "a\u{FFFD}[2Jb\u{FFFD}");
    }
}
