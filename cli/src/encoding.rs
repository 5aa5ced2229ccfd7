//! How editors and shells encode text.

use crate::Result;

const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// `file` without a byte order mark.
///
/// # Errors
/// For text in UTF-16, which is what PowerShell's `>` writes.
pub(crate) fn text_or_bytes(file: &[u8]) -> Result<&[u8]> {
    if is_utf16(file) {
        return Err("the file is text in UTF-16, as PowerShell's > writes it: \
                    `iconv -f utf-16 -t utf-8` makes it readable"
            .into());
    }
    Ok(without_mark(file))
}

/// `text` without the byte order mark that some editors put before UTF-8.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Whether `file` is ASCII text in UTF-16: every other byte is zero, and the others are characters. Without
/// a mark at the beginning it must have 8 characters.
fn is_utf16(file: &[u8]) -> bool {
    let (orders, text, least): (&[usize], _, _) = match file {
        [0xFF, 0xFE, text @ ..] => (&[1], text, 1),
        [0xFE, 0xFF, text @ ..] => (&[0], text, 1),
        text => (&[0, 1], text, 8),
    };
    let is_character = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let ascii = |zeros: usize| {
        let mut high = text.iter().skip(zeros).step_by(2);
        let mut low = text.iter().skip(1 - zeros).step_by(2);
        high.all(|byte| *byte == 0) && low.all(is_character)
    };
    text.len() >= 2 * least && orders.iter().any(|zeros| ascii(*zeros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_away_and_utf16_is_refused() {
        assert_eq!(text_or_bytes(b"\xEF\xBB\xBFtext").unwrap(), b"text");
        assert_eq!(text_or_bytes(b"text").unwrap(), b"text");
        assert!(text_or_bytes(b"\xFF\xFEt\0e\0").is_err());
        assert!(text_or_bytes(b"\xFE\xFF\0t\0e").is_err());
        assert!(text_or_bytes(b"-\0-\0-\0-\0-\0B\0E\0G\0").is_err());
        assert!(text_or_bytes(b"\0-\0-\0-\0-\0-\0B\0E\0G").is_err());
        for key in [
            &[0; 32][..],
            &[7, 0, 7, 0, 7, 0, 7, 0, 7, 0, 7, 0, 7, 0, 7, 0],
        ] {
            assert_eq!(text_or_bytes(key).unwrap(), key, "no text");
        }
        for key in [&b"\xFF\xFEkey"[..], b"\xFF\xFE", b""] {
            assert_eq!(text_or_bytes(key).unwrap(), key);
        }
    }
}
