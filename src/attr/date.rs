//! CK_DATE: eight ASCII digits, YYYYMMDD, or nothing.

/// The date in `bytes`: 8 digits of a day that exists between 1900 and 9999, or empty for no date.
/// Eight zeros, as digits or as bytes, are no date: clients send a cleared CK_DATE.
pub(super) fn parse(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.is_empty() || bytes == [0; 8] || bytes == b"00000000" {
        return Some(Vec::new());
    }
    if bytes.len() != 8 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
    let (year, month, day) = (
        number(&bytes[..4]),
        number(&bytes[4..6]),
        number(&bytes[6..]),
    );
    let exists = (1900..=9999).contains(&year) && (1..=days(year, month)).contains(&day);
    exists.then(|| bytes.to_vec())
}

/// Days of a month of the Gregorian calendar; 0 when there is no such month.
fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn days_that_exist_are_kept() {
        for day in [
            "19000101", "20240229", "20000229", "99991231", "20230228", "20260430",
        ] {
            assert_eq!(
                parse(day.as_bytes()),
                Some(day.as_bytes().to_vec()),
                "{day}"
            );
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
        for day in [
            "20230229",
            "21000229",
            "20260431",
            "20261301",
            "20260001",
            "20260100",
            "20260132",
            "18991231",
            "2026010",
            "202601011",
            "2026010a",
            "2026-1-1",
            "        ",
        ] {
            assert_eq!(parse(day.as_bytes()), None, "{day}");
        }
    }
}
