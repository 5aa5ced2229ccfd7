//! Times, as people and services write them.

use std::time::Duration;

use der::DateTime;
use tenon_pkcs11::clock::UnixTime;

const MINUTE: UnixTime = 60;
const HOUR: UnixTime = 60 * MINUTE;
pub(super) const DAY: UnixTime = 24 * HOUR;

/// Unix times below this are taken for a duration whose unit was forgotten: it was 2001 then.
const LEAST_UNIX: UnixTime = 1_000_000_000;

/// A time that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Never,
    /// Unix time.
    At(UnixTime),
    /// So many seconds from now.
    In(UnixTime),
}

impl When {
    /// never, 0 (which the services take for it), a duration as in [`duration`], a date (the first
    /// second of its day, UTC), a date and time of RFC 3339 in UTC, or Unix seconds.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if matches!(text, "never" | "0") {
            return Ok(Self::Never);
        }
        if let Ok(seconds) = text.parse() {
            if seconds < LEAST_UNIX {
                return Err(format!(
                    "{seconds} is no Unix time of these days: {EXPECTED}"
                ));
            }
            return Ok(Self::At(seconds));
        }
        if let Ok(seconds) = duration(text) {
            return Ok(Self::In(seconds));
        }
        let date = if text.contains('T') {
            text.parse::<DateTime>()
        } else {
            format!("{text}T00:00:00Z").parse()
        };
        date.map(|date| Self::At(date.unix_duration().as_secs()))
            .map_err(|_| EXPECTED.to_owned())
    }

    /// Unix seconds, 0 for never.
    pub(super) fn at(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Never => 0,
            Self::At(at) => at,
            Self::In(seconds) => now.saturating_add(seconds),
        }
    }
}

const EXPECTED: &str =
    "say never, 24h or 7d, 2027-01-31, 2027-01-31T12:00:00Z, or a Unix time in seconds";

/// Seconds of a number with its unit: s, m, h, d or w.
pub(super) fn duration(text: &str) -> Result<UnixTime, String> {
    let place = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(place.unwrap_or(text.len()));
    let seconds = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err("say a number and its unit, as in 90m, 24h, 7d or 2w".to_owned()),
    };
    let number: UnixTime = number.parse().map_err(|_| "no such number".to_owned())?;
    number
        .checked_mul(seconds)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| "no such time".to_owned())
}

/// RFC 3339 in UTC, as the services write it; empty for 0, which is no time.
pub(super) fn rfc3339(at: UnixTime) -> String {
    if at == 0 {
        return String::new();
    }
    let date = DateTime::from_unix_duration(Duration::from_secs(at));
    date.map_or_else(|_| format!("@{at}"), |date| date.to_string())
}

/// A time for people: the moment, and how far away it is.
pub(super) fn words(at: UnixTime, now: UnixTime) -> String {
    if at == 0 {
        return "never".to_owned();
    }
    let distance = span(at.abs_diff(now));
    let moment = rfc3339(at);
    if at > now {
        format!("{moment} (in {distance})")
    } else {
        format!("{moment} ({distance} ago)")
    }
}

/// A number of seconds in its greatest whole unit, rounded down.
pub(super) fn span(seconds: UnixTime) -> String {
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} days", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z
    const NOW: UnixTime = 1_800_000_000;

    #[test]
    fn every_way_to_say_a_time() {
        for (text, at) in [
            ("never", 0),
            ("0", 0),
            ("1800000001", NOW + 1),
            ("30s", NOW + 30),
            ("90m", NOW + 90 * 60),
            ("24h", NOW + 86_400),
            ("7d", NOW + 7 * 86_400),
            ("2w", NOW + 14 * 86_400),
            ("2027-01-15", NOW - 8 * 3600),
            ("2027-01-15T08:00:00Z", NOW),
            ("2028-02-29", 1_835_395_200),
        ] {
            assert_eq!(When::parse(text).unwrap().at(NOW), at, "{text}");
        }
        assert_eq!(When::In(u64::MAX).at(NOW), u64::MAX);
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "d",
            "7",
            "30",
            "-1",
            "7 d",
            "7days",
            "0h",
            "1.5h",
            "tomorrow",
            "2027-02-29",
            "2027-13-01",
            "27-01-01",
            "2027-1-1",
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00+01:00",
            "2027-01-15 08:00",
            "99999999999999999999",
            "9999999999999999999d",
            "1969-12-31",
            "é",
        ] {
            assert!(When::parse(text).is_err(), "{text}");
        }
        assert!(When::parse("30").unwrap_err().contains("7d"));
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        assert_eq!(rfc3339(NOW), "2027-01-15T08:00:00Z");
        assert_eq!(When::parse(&rfc3339(NOW)), Ok(When::At(NOW)));
        assert_eq!(rfc3339(0), "");
        assert_eq!(rfc3339(u64::MAX), "@18446744073709551615");
        assert_eq!(words(0, NOW), "never");
        assert_eq!(words(NOW + 7200, NOW), "2027-01-15T10:00:00Z (in 2 h)");
        assert_eq!(words(NOW - 59, NOW), "2027-01-15T07:59:01Z (59 s ago)");
        for (seconds, text) in [(60, "1 min"), (172_799, "47 h"), (172_800, "2 days")] {
            assert_eq!(span(seconds), text);
        }
    }
}
