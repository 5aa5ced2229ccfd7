//! CKA_START_DATE and CKA_END_DATE as instants (CK_DATE, base specification section 3.4). Without a date
//! both functions answer `None`.

use crate::clock::{self, UnixTime};

const DAY: UnixTime = 86_400;

/// First second, in UTC, of the day in `bytes` (YYYYMMDD).
#[must_use]
pub(crate) fn day_begins(bytes: &[u8]) -> Option<UnixTime> {
    clock::day(bytes)
}

/// First second after the day in `bytes`: the day itself is included.
#[must_use]
pub(crate) fn day_ends(bytes: &[u8]) -> Option<UnixTime> {
    clock::day(bytes).map(|begin| begin + DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_inclusive() {
        assert_eq!(day_begins(b"20000229"), Some(951_782_400));
        assert_eq!(day_ends(b"20240228"), day_begins(b"20240229"));
        assert_eq!(day_ends(b"20230228"), day_begins(b"20230301"));
    }

    #[test]
    fn empty_dates_are_none() {
        for none in [&b""[..], b"00000000"] {
            assert_eq!(day_begins(none), None);
            assert_eq!(day_ends(none), None);
        }
    }
}
