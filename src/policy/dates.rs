//! CKA_START_DATE and CKA_END_DATE as instants (CK_DATE, base specification section 3.4).

use crate::clock::UnixTime;

const DAY: UnixTime = 86_400;

/// First second, in UTC, of the date in `bytes` (CK_DATE: eight ASCII digits, YYYYMMDD).
/// `None` for an empty or all-zero date; dates before 1970 begin with 1970.
#[must_use]
pub fn day_begins(bytes: &[u8]) -> Option<UnixTime> {
    if bytes.len() != 8 || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        bytes[range]
            .iter()
            .fold(0_i64, |n, digit| n * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    if year == 0 || month == 0 || day == 0 {
        return None;
    }
    let days = UnixTime::try_from(days_since_1970(year, month, day)).unwrap_or(0);
    Some(days * DAY)
}

/// First second after the day of the date in `bytes`: the day itself is included.
#[must_use]
pub fn day_ends(bytes: &[u8]) -> Option<UnixTime> {
    day_begins(bytes).map(|begin| begin + DAY)
}

/// Days of the proleptic Gregorian calendar, counted in years that begin in March so that the
/// leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc_and_inclusive() {
        assert_eq!(day_begins(b"19700101"), Some(0));
        assert_eq!(day_begins(b"19691231"), Some(0));
        assert_eq!(day_begins(b"20000229"), Some(951_782_400));
        assert_eq!(day_begins(b"20000301"), Some(951_868_800));
        assert_eq!(day_begins(b"20380119"), Some(2_147_472_000));
        assert_eq!(day_ends(b"20240228"), day_begins(b"20240229"));
        assert_eq!(day_ends(b"20230228"), day_begins(b"20230301"));
    }

    #[test]
    fn empty_dates_are_none() {
        for none in [&b""[..], b"00000000", b"        ", b"20240001", b"2024010"] {
            assert_eq!(day_begins(none), None);
        }
    }
}
