//! What is printed: tables for people, one JSON value a line for programs.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;
use tenon_pkcs11::api::store::Uid;
use textwrap::core::display_width;

use crate::Result;
use crate::table::{LINE, Table, lines};

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

/// A text that stands behind other words: on their line where it is short, else below, indented, in lines of up to
/// `LINE` columns, broken between words.
pub(crate) fn folded(text: &str) -> String {
    const INDENT: &str = "  ";

    if display_width(text) <= LINE / 2 {
        return text.to_owned();
    }
    let lines = lines(text, LINE - INDENT.len());
    lines
        .iter()
        .map(|line| format!("\n{INDENT}{line}"))
        .collect()
}

/// Rows of a table that are looked at for the width of its columns before any is written.
const BLOCK: usize = 1000;

impl Format {
    /// As `print`, of an array whose elements come one by one and are not kept: a table for people. Columns are
    /// as wide as the rows so far need, of which `BLOCK` are looked at before they are written.
    pub(crate) fn print_each<const N: usize, T>(
        &self,
        mut items: impl Iterator<Item = Result<T>>,
        json: impl Fn(&T) -> Value,
        header: [&str; N],
        row: impl Fn(&T) -> [String; N],
    ) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        if self.json {
            write!(out, "[")?;
            for (index, item) in items.enumerate() {
                let comma = if index == 0 { "" } else { "," };
                write!(out, "{comma}{}", json(&item?))?;
            }
            writeln!(out, "]")?;
            return Ok(out.flush()?);
        }
        let mut table = Table::below(header);
        loop {
            let block = items.by_ref().take(BLOCK);
            let rows = block
                .map(|item| Ok(row(&item?)))
                .collect::<Result<Vec<_>>>()?;
            if rows.is_empty() && table.is_begun() {
                return Ok(out.flush()?);
            }
            table.write(&mut out, &rows)?;
        }
    }
}

/// Text of a token. Characters that `misleads` names are replaced.
pub(crate) fn printable(bytes: &[u8]) -> String {
    replaced(&String::from_utf8_lossy(bytes), misleads)
}

/// As `printable`, of a text with several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    replaced(text, |c| c != '\n' && misleads(c))
}

fn replaced(text: &str, wrong: impl Fn(char) -> bool) -> String {
    text.replace(wrong, "\u{FFFD}")
}

/// Whether the character could make a terminal show another text than there is: control characters, which move its
/// cursor, those that turn the direction of writing or part lines and paragraphs, and those that are not seen.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
            | '\u{E0000}'..='\u{E007F}')
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

/// CKA_UNIQUE_ID of a KeyId as `uid` reads it; what is no KeyId stays as it is.
pub(crate) fn unique_id(name: &str) -> String {
    uid(name).map_or_else(|| name.to_owned(), |uid| hex(&uid))
}

/// The bytes of a KeyId: 32 hexadecimal digits, in capitals too, with the hyphens of 8-4-4-4-12 or without any.
pub(crate) fn uid(name: &str) -> Option<Uid> {
    let parts: Vec<_> = name.split('-').collect();
    let hyphened = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]);
    if parts.len() > 1 && !hyphened {
        return None;
    }
    unhex(&parts.concat()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_folded_between_words() {
        let text = "there are rsa:BITS, ec:CURVE ".repeat(9);
        let folded = folded(&text);
        assert!(folded.lines().count() > 3);
        assert!(folded.lines().all(|line| line.len() <= LINE), "{folded}");
        assert!(folded.starts_with("\n  there are"), "{folded}");
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(&folded), words(&text));
        assert_eq!(super::folded("a b"), "a b");
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
    fn a_key_id_is_read_as_people_write_it() {
        let digits = "0123456789abcdef0123456789abcdef";
        let hyphened = key_id(digits);
        for name in [digits, &hyphened] {
            assert_eq!(unique_id(name), digits);
            assert_eq!(unique_id(&name.to_uppercase()), digits);
        }
        for none in [
            &digits[1..],
            "c0ffee",
            "0123-456789abcdef0123456789abcdef",
            "0123456789abcdef-0123456789abcdef",
            "g1234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert_eq!((uid(none), &*unique_id(none)), (None, none));
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable(b"a\x1b[2Jb\n"), "a\u{FFFD}[2Jb\u{FFFD}");
        assert_eq!(printable_lines("a\x1b\nb\r"), "a\u{FFFD}\nb\u{FFFD}");
    }

    #[test]
    fn characters_that_turn_or_hide_text_do_not_reach_the_terminal() {
        for c in "\u{200B}\u{200F}\u{2028}\u{2029}\u{202A}\u{202E}\u{2066}\u{2069}\u{FEFF}\u{E0000}\u{E007F}".chars() {
            let text = format!("a{c}b");
            assert_eq!(printable(text.as_bytes()), "a\u{FFFD}b", "{c:?}");
            assert_eq!(printable_lines(&text), "a\u{FFFD}b", "{c:?}");
        }
        let plain = "Schlüssel 鍵 מפתח \u{2010}\u{2027}\u{202F}\u{2065}\u{206A} 🔑";
        assert_eq!(printable(plain.as_bytes()), plain);
    }
}
