//! The blocks of a PEM file.

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use crate::Result;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

pub(super) struct Block {
    pub(super) label: String,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// Every block of `text`, with whatever stands around them left out; none in a file that is no PEM. Lines end as on
/// any system, or with the two characters `\n` or `\r\n`, as in JSON and environment files; they may be indented, and the whole
/// may be in quotation marks.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>> {
    let text = Zeroizing::new(text.replace("\\r", "\r").replace("\\n", "\n"));
    let mut blocks = Vec::new();
    let mut rest = text.as_str();
    while let Some(begin) = find_line(rest, BEGIN) {
        rest = &rest[begin..];
        let end = find_line(rest, END).ok_or("a PEM block does not end")?;
        let end = end + rest[end..].find(['\n', '\r']).unwrap_or(rest[end..].len());
        let (block, tail) = rest.split_at(end);
        // RFC 1421 headers, which OpenSSL's own encryption uses.
        if block.contains("Proc-Type:") {
            return Err("keys in OpenSSL's old encryption are not read: \
                        `openssl pkcs8 -topk8` turns them into PKCS#8"
                .into());
        }
        blocks.push(decode(block.trim_end_matches(is_around))?);
        rest = tail;
    }
    Ok(blocks)
}

/// One block, with lines of any length (RFC 7468 section 2: parsers may take them).
fn decode(block: &str) -> Result<Block> {
    let text = block.strip_prefix(BEGIN).and_then(|text| {
        let (label, text) = text.split_once("-----")?;
        let body = text.strip_suffix(&format!("{END}{label}-----"))?;
        Some((label, body))
    });
    let (label, body) = text.ok_or("a PEM block begins and ends with different labels")?;
    let digits: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let der = Base64::decode_vec(&digits)
        .map_err(|_| format!("the PEM block {label} is not Base64: was it cut or edited?"))?;
    Ok(Block {
        label: label.to_owned(),
        der: Zeroizing::new(der),
    })
}

/// What may stand around a line: blanks, and the quotation marks or the comma of JSON.
fn is_around(c: char) -> bool {
    c.is_whitespace() || ['"', '\'', ','].contains(&c)
}

/// The place of `mark` in the first line that begins with it.
fn find_line(text: &str, mark: &str) -> Option<usize> {
    let mut places = text.match_indices(mark).map(|(place, _)| place);
    places.find(|place| {
        let before =
            text[..*place].trim_end_matches(|c| is_around(c) && !['\n', '\r'].contains(&c));
        before.is_empty() || before.ends_with(['\n', '\r'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = "a comment\n-----BEGIN A-----\nAQID\n-----END A-----\r\nmore\n\
                    -----BEGIN LONG NAME-----\nBA==\n-----END LONG NAME-----";
        let found = blocks(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|block| (block.label.as_str(), block.der.as_slice()))
            .collect();
        assert_eq!(found, [("A", &[1, 2, 3][..]), ("LONG NAME", &[4][..])]);
        for width in [1, 4, 60, 64, 76, 1000] {
            let body: Vec<_> = "AQIDBAUGBwgJCgsMDQ4PEA=="
                .as_bytes()
                .chunks(width)
                .map(String::from_utf8_lossy)
                .collect();
            let text = format!(
                "-----BEGIN A-----\r\n{}\r\n-----END A-----\r\n",
                body.join("\r\n \t")
            );
            let found = blocks(&text).unwrap();
            assert_eq!(found[0].der[..], (1..=16).collect::<Vec<u8>>(), "{width}");
        }
        for text in [
            "-----BEGIN A-----\rAQID\r-----END A-----\r",
            "  -----BEGIN A-----\n  AQID\n  -----END A-----\n",
            "\t-----BEGIN A-----\r\n\tAQ\r\n\tID\r\n\t-----END A-----",
            "-----BEGIN A-----\\nAQID\\n-----END A-----\\n",
            "-----BEGIN A-----\\r\\nAQID\\r\\n-----END A-----",
            "\"-----BEGIN A-----\\nAQID\\n-----END A-----\\n\"\n",
            "key:\n  '-----BEGIN A-----\n   AQID\n   -----END A-----',\n",
        ] {
            let found = blocks(text).unwrap();
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].der[..], [1, 2, 3], "{text}");
        }
        assert!(blocks("no PEM at all").unwrap().is_empty());
        assert!(
            blocks("a -----BEGIN A-----\nAQID\n-----END A-----")
                .unwrap()
                .is_empty()
        );
        for bad in [
            "-----BEGIN A-----\nAQID\n",
            "-----BEGIN A-----\nAQID\n-----END B-----\n",
            "-----BEGIN A-----\nAQ*D\n-----END A-----\n",
            "-----BEGIN A-----\nAQI\n-----END A-----\n",
            "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END A-----\n",
        ] {
            assert!(blocks(bad).is_err(), "{bad}");
        }
    }
}
