//! Times as people write and read them: UTC, without leap seconds, as Unix time has it.

use der::DateTime;
use tenon_pkcs11::api::clock::UnixTime;

pub(crate) use tenon_pkcs11::api::clock::utc;

pub(crate) const DAY: UnixTime = 86_400;

/// Unix times below this, a second of 2001, are no future times: probably a duration lacks its
/// unit.
const LEAST_FUTURE: UnixTime = 1_000_000_000;

/// `seconds` in the two largest units that it has: `3 d 4 h`.
pub(crate) fn span(seconds: u64) -> String {
    let units = [
        (seconds / DAY, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let mut parts = units.iter().skip_while(|(count, _)| *count == 0).take(2);
    match (parts.next(), parts.next()) {
        (Some((a, of)), Some((b, and))) if *b != 0 => format!("{a} {of} {b} {and}"),
        (Some((a, of)), _) => format!("{a} {of}"),
        (None, _) => "0 s".to_owned(),
    }
}

/// A deadline for people: the moment, and how far away it is; 0 is never.
pub(crate) fn deadline(at: UnixTime, now: UnixTime) -> String {
    if at == 0 {
        return "never".to_owned();
    }
    let (moment, distance) = (utc(at), span(at.abs_diff(now)));
    if at > now {
        format!("{moment} (in {distance})")
    } else {
        format!("{moment} ({distance} ago)")
    }
}

/// A time of the past: a day (2027-01-15), a second of it (2027-01-15T08:00:00Z), so long before
/// `now` (90s, 30m, 24h, 7d), or Unix seconds.
pub(crate) fn past(text: &str, now: UnixTime) -> Result<UnixTime, String> {
    let expected = || {
        format!(
            "expected a time like 2027-01-15, 2027-01-15T08:00:00Z, 24h, 7d or {now}, not {text}"
        )
    };
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let before = duration(text).ok().map(|span| now.saturating_sub(span));
    before.or_else(|| instant(text)).ok_or_else(expected)
}

/// A future time that the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Never,
    At(UnixTime),
    /// So many seconds from now.
    In(UnixTime),
}

impl When {
    /// never, 0 (which the services take for it), so long from now (24h, 7d, 2w), a day (its first
    /// second), a second of it, or Unix seconds.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected never, a time like 24h, 7d, 2027-01-31 or \
                                2027-01-31T12:00:00Z, or Unix seconds";
        if matches!(text, "never" | "0") {
            return Ok(Self::Never);
        }
        if let Ok(seconds) = text.parse() {
            if seconds < LEAST_FUTURE {
                return Err(format!("{seconds} is no time to come: {EXPECTED}"));
            }
            return Ok(Self::At(seconds));
        }
        let ahead = duration(text).ok().map(Self::In);
        ahead
            .or_else(|| instant(text).map(Self::At))
            .ok_or_else(|| EXPECTED.to_owned())
    }

    /// Unix seconds, 0 for never.
    pub(crate) fn at(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Never => 0,
            Self::At(at) => at,
            Self::In(seconds) => now.saturating_add(seconds),
        }
    }
}

/// Seconds of a number with its unit: s, m, h, d or w.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let expected = || "expected a number and its unit, as in 90m, 24h, 7d or 2w".to_owned();
    let place = text.find(|c: char| !c.is_ascii_digit());
    let (count, unit) = text.split_at(place.unwrap_or(text.len()));
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(expected()),
    };
    let count: u64 = count.parse().map_err(|_| expected())?;
    count.checked_mul(unit).ok_or_else(expected)
}

/// A day, which is its first second, or an instant as RFC 3339 writes it: with an offset from UTC, and
/// with parts of a second, which are cut off.
fn instant(text: &str) -> Option<UnixTime> {
    let Some((day, time)) = text.split_once(['T', 't', ' ']) else {
        return seconds(&format!("{text}T00:00:00Z"));
    };
    let place = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(place);
    let time = match time.split_once('.') {
        Some((whole, parts)) if digits(parts) => whole,
        Some(_) => return None,
        None => time,
    };
    let local = seconds(&format!("{day}T{time}Z"))?;
    let offset = offset(zone)?;
    local.checked_add_signed(-offset)
}

/// Seconds that a zone is ahead of UTC: Z, +08:00 or -05:30.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("+", zone) => (1, zone),
        ("-", zone) => (-1, zone),
        _ => return None,
    };
    let (hours, minutes) = zone.split_once(':')?;
    let number = |text: &str, most: i64| {
        let value: i64 = text.parse().ok()?;
        (text.len() == 2 && digits(text) && value <= most).then_some(value)
    };
    Some(sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Unix time of an instant in UTC, in whole seconds.
fn seconds(text: &str) -> Option<UnixTime> {
    let date: DateTime = text.parse().ok()?;
    Some(date.unix_duration().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z
    const NOW: UnixTime = 1_800_000_000;
    /// The last second that RFC 3339 can write.
    const LAST: UnixTime = 253_402_300_799;

    #[test]
    fn instants_have_offsets_and_fractions() {
        for (text, expected) in [
            ("2027-01-15T08:00:00Z", Some(NOW)),
            ("2027-01-15t08:00:00z", Some(NOW)),
            ("2027-01-15 08:00:00Z", Some(NOW)),
            ("2027-01-15T16:00:00+08:00", Some(NOW)),
            ("2027-01-15T02:30:00-05:30", Some(NOW)),
            ("2027-01-15T08:00:00.999Z", Some(NOW)),
            ("2027-01-15T16:00:00.5+08:00", Some(NOW)),
            ("1970-01-01T00:00:00+00:01", None),
            ("2027-01-15T08:00:00", None),
            ("2027-01-15T08:00:00.Z", None),
            ("2027-01-15T08:00:00+8:00", None),
            ("2027-01-15T08:00:00+24:00", None),
            ("2027-01-15T08:00:00+08", None),
            ("2027-01-15T08:00:00ZZ", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_written_and_read() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(at), text);
            assert_eq!(past(text, NOW), Ok(at));
        }
        assert_eq!(utc(LAST + 1), format!("second {}", LAST + 1));
    }

    #[test]
    fn the_past_is_a_day_a_span_or_seconds() {
        for (text, at) in [
            ("2027-01-15", NOW - 8 * 3600),
            ("90s", NOW - 90),
            ("30m", NOW - 1800),
            ("24h", NOW - DAY),
            ("7d", NOW - 7 * DAY),
            ("99999999999999d", 0),
            ("17", 17),
        ] {
            assert_eq!(past(text, NOW), Ok(at), "{text}");
        }
    }

    #[test]
    fn the_future_is_that_or_never() {
        for (text, at) in [
            ("never", 0),
            ("0", 0),
            ("1800000001", NOW + 1),
            ("90m", NOW + 5400),
            ("24h", NOW + DAY),
            ("2w", NOW + 14 * DAY),
            ("99999999999999d", NOW + 99_999_999_999_999 * DAY),
            ("2028-02-29", 1_835_395_200),
            ("2027-01-15T08:00:01Z", NOW + 1),
        ] {
            assert_eq!(When::parse(text).map(|when| when.at(NOW)), Ok(at), "{text}");
        }
        assert_eq!(When::In(u64::MAX).at(NOW), u64::MAX);
        assert!(When::parse("30").unwrap_err().contains("7d"));
    }

    #[test]
    fn what_is_no_time() {
        for bad in [
            "",
            "d",
            "1y",
            "-1d",
            "1.5h",
            "7 d",
            "9999999999999999999d",
            "99999999999999999999",
            "2027-13-01",
            "2027-02-29",
            "27-01-01",
            "2027-1-1",
            "1969-12-31",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:00:00",
            "2027-01-15 08:00",
            "2027-01",
            "yesterday",
            "1é",
        ] {
            assert!(past(bad, NOW).is_err(), "{bad}");
            assert!(When::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_661, "1 h 1 min"),
            (90_000, "1 d 1 h"),
            (86_401, "1 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(deadline(0, NOW), "never");
        assert_eq!(deadline(NOW + 7200, NOW), "2027-01-15T10:00:00Z (in 2 h)");
        assert_eq!(deadline(NOW - 59, NOW), "2027-01-15T07:59:01Z (59 s ago)");
    }
}
