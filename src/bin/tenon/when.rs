//! Times as people write and read them: UTC, without leap seconds, as Unix time has it.

use tenon_pkcs11::clock::UnixTime;
use tenon_pkcs11::policy::dates::day_begins;

const DAY: UnixTime = 86_400;
/// The last second of year 9999, the last that RFC 3339 can write.
const LAST: UnixTime = 253_402_300_799;

/// `at` as RFC 3339 has it, `2027-01-15T08:00:00Z`.
pub(crate) fn utc(at: UnixTime) -> String {
    if at > LAST {
        return format!("second {at}");
    }
    let (mut day, second) = (at / DAY, at % DAY);
    let mut year = 1970;
    while day >= year_len(year) {
        day -= year_len(year);
        year += 1;
    }
    let mut month = 1;
    while day >= month_len(year, month) {
        day -= month_len(year, month);
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        day + 1
    )
}

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
    before(text, now)
        .or_else(|| instant(text))
        .ok_or_else(expected)
}

fn before(text: &str, now: UnixTime) -> Option<UnixTime> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        _ => return None,
    };
    let count: u64 = count.parse().ok()?;
    Some(now.saturating_sub(count.saturating_mul(unit)))
}

fn instant(text: &str) -> Option<UnixTime> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let (year, month, day) = triple(date, '-')?;
    let (hour, minute, second) = triple(time.strip_suffix('Z')?, ':')?;
    let real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_len(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !real {
        return None;
    }
    let begins = day_begins(format!("{year:04}{month:02}{day:02}").as_bytes())?;
    Some(begins + hour * 3600 + minute * 60 + second)
}

fn triple(text: &str, between: char) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(between).map(|part| part.parse().ok());
    let three = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(three)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_len(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn month_len(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_800_000_000;

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
        assert_eq!(utc(u64::MAX), format!("second {}", u64::MAX));
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
        for bad in [
            "",
            "d",
            "1y",
            "-1d",
            "2027-13-01",
            "2027-02-29",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:00:00",
            "2027-01",
            "yesterday",
            "1é",
        ] {
            assert!(past(bad, NOW).is_err(), "{bad}");
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
    }
}
