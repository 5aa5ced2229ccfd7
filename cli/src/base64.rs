//! Base64 (RFC 4648) as the services hand it out and take it.

use base64ct::{Base64, Base64Unpadded, Encoding};
use zeroize::Zeroizing;

use crate::{Result, encoding};

/// One line, padded, with nothing after it.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The bytes that a text stands for, in either alphabet, on any number of lines, padded or not.
/// `None` when it is not Base64: bytes of a cipher never are by chance.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = encoding::without_mark(text);
    // PEM would pass for Base64 otherwise: its labels are letters and hyphens.
    let mark = b"-----BEGIN ";
    if text.windows(mark.len()).any(|place| place == mark) {
        return None;
    }
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    for byte in text {
        match byte {
            byte if byte.is_ascii_whitespace() => {}
            b'-' => digits.push(b'+'),
            b'_' => digits.push(b'/'),
            byte => digits.push(*byte),
        }
    }
    let len = digits.iter().rposition(|digit| *digit != b'=')? + 1;
    let padded = digits.len();
    let whole = padded == len || (padded.is_multiple_of(4) && padded - len <= 2);
    digits.truncate(len);
    if !whole {
        return None;
    }
    let digits = std::str::from_utf8(&digits).ok()?;
    Base64Unpadded::decode_vec(digits).ok().map(Zeroizing::new)
}

/// The bytes of a blob or import token in a file: decoded if the file is Base64, else as they are.
///
/// # Errors
/// For text in UTF-16.
pub(crate) fn decode_file(file: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
    encoding::text_or_bytes(&file)?;
    Ok(decode(&file).unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it_is_read() {
        let bytes = [0xFB, 0xFF, 0xBE, 1];
        assert_eq!(encode(&bytes), "+/++AQ==");
        for text in [
            "+/++AQ==",
            "+/++AQ==\n",
            "+/++\r\nAQ==\r\n",
            "-_--AQ==",
            "-_--AQ",
            " +/++AQ ",
        ] {
            let read = decode(text.as_bytes());
            assert_eq!(read.as_deref(), Some(&bytes.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_base64_is_not_taken_for_it() {
        for text in [
            "",
            "\n",
            "=",
            "====",
            "+/++AQ=",
            "+/++AQ===",
            "A",
            "AB=C",
            "+/++AR==",
            "{}",
            "a.b",
            "Remark\n-----BEGIN A-----\nAQID\n-----END A-----",
            "\u{e9}AAA",
        ] {
            assert!(decode(text.as_bytes()).is_none(), "{text:?}");
        }
        let binary = Zeroizing::new(vec![0x80, b'A', b'A', b'A']);
        assert_eq!(*decode_file(binary.clone()).unwrap(), *binary);
        for text in [&b"AQID\n"[..], b"\xEF\xBB\xBFAQID\r\n"] {
            let text = Zeroizing::new(text.to_vec());
            assert_eq!(*decode_file(text).unwrap(), [1, 2, 3]);
        }
        let utf16 = Zeroizing::new(b"\xFF\xFEA\0Q\0I\0D\0".to_vec());
        assert!(decode_file(utf16).is_err());
    }
}
