//! CK_DATE: eight ASCII digits, YYYYMMDD, or nothing.

use crate::clock;

/// The date in `bytes`: 8 digits of a day that exists between 1900 and 9999, or empty for no date.
/// Eight zeros, as digits or as bytes, are no date: clients send a cleared CK_DATE.
pub(super) fn parse(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() || bytes == [0; 8] || bytes == b"00000000" {
        return Some(Vec::new());
    }
    clock::day(bytes).map(|_| bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn days_that_exist_are_kept() {
        for day in [b"19000101", b"20240229", b"99991231"] {
            assert_eq!(parse(day), Some(day.to_vec()));
        }
    }

    #[test]
    fn cleared_dates_are_none() {
        for cleared in [&b""[..], &[0; 8], b"00000000"] {
            assert_eq!(parse(cleared), Some(Vec::new()));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for day in [&b"20230229"[..], b"2026010", b"2026-1-1", b"        "] {
            assert_eq!(parse(day), None);
        }
    }
}
