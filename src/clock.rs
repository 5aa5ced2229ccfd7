//! Time as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use der::DateTime;

/// Unix time in whole seconds.
pub type UnixTime = u64;

/// Nanoseconds since some moment of this system's run, exact to a few milliseconds, for measuring
/// spans. The kernel's shared page is read directly: that costs no system call, and a preloaded library
/// that shows its program another time does not change it.
pub(crate) fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let rest = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds * 1_000_000_000 + rest
}

/// Nanoseconds since the system began, time in suspension included, without a system call. Leases count by it.
pub(crate) fn boot_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let rest = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds * 1_000_000_000 + rest
}

/// `at` by RFC 3339, `2027-01-15T08:00:00Z`: in UTC, and without leap seconds, as Unix time is.
#[must_use]
pub fn utc(at: UnixTime) -> String {
    let date = DateTime::from_unix_duration(Duration::from_secs(at));
    date.map_or_else(|_| format!("second {at}"), |date| date.to_string())
}

/// `at` as the utcTime of CK_TOKEN_INFO has it: YYYYMMDDhhmmss in UTC, and two zeros. Later than the year 9999 it
/// stands still.
#[must_use]
pub(crate) fn utc_time(at: UnixTime) -> [u8; 16] {
    const LAST: UnixTime = 253_402_300_799;
    let mut digits = [b'0'; 16];
    let text = utc(at.min(LAST));
    for (place, digit) in digits
        .iter_mut()
        .zip(text.bytes().filter(u8::is_ascii_digit))
    {
        *place = digit;
    }
    digits
}

/// First second, in UTC, of the day YYYYMMDD (CK_DATE, base specification section 3.4); 0 for a day
/// before 1970. `None` where there is no such day between 1900 and 9999.
#[must_use]
pub(crate) fn day(digits: &[u8]) -> Option<UnixTime> {
    if digits.len() != 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    let year = number(&digits[..4]);
    let month = u8::try_from(number(&digits[4..6])).ok()?;
    let day = u8::try_from(number(&digits[6..])).ok()?;
    // `DateTime` begins in 1970. The calendar repeats itself every 400 years.
    let counted = match year {
        1900..1970 => year + 400,
        1970.. => year,
        _ => return None,
    };
    let begin = DateTime::new(counted, month, day, 0, 0, 0).ok()?;
    Some(if counted == year {
        begin.unix_duration().as_secs()
    } else {
        0
    })
}

/// Where the present time comes from.
pub trait Clock: Send + Sync {
    /// Unix time in whole seconds; 0 when the system's clock stands before 1970.
    fn now(&self) -> UnixTime;
}

/// How far the kernel's coarse clocks may be behind, in nanoseconds: more than their step.
pub(crate) const COARSE: u64 = 20_000_000;

/// The system's real-time clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Reads the coarse clock, which takes a quarter of the time, and the exact one where a second may have begun that
    /// the coarse clock does not show yet.
    fn now(&self) -> UnixTime {
        match coarse() {
            Some((seconds, rest)) if rest < 1_000_000_000 - COARSE => seconds,
            _ => exact(),
        }
    }
}

/// Seconds and nanoseconds of the coarse real-time clock; `None` where it stands before 1970 or there is none. By the
/// C library, as `exact`, so that a preloaded library shows its program another time by both.
fn coarse() -> Option<(UnixTime, u64)> {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the place is ours and as large as the function wants it.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now) };
    let (seconds, rest) = (now.tv_sec.try_into().ok()?, now.tv_nsec.try_into().ok()?);
    (failed == 0).then_some((seconds, rest))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
fn exact() -> UnixTime {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// A clock that several hosts share, as it was last told, and carried on by `boot_time`.
#[derive(Debug, Default)]
pub struct SharedClock {
    /// What it showed when the system began, in milliseconds of Unix time; 0 where it was never told.
    at_boot: AtomicU64,
}

impl SharedClock {
    /// The clock showed `milliseconds` of Unix time when `boot_time` was `boot`.
    pub(crate) fn learn(&self, milliseconds: u64, boot: u64) {
        let at_boot = milliseconds.saturating_sub(boot / 1_000_000);
        self.at_boot.store(at_boot, Ordering::Relaxed);
    }

    /// What it shows, in milliseconds of Unix time; `None` where it was never told.
    #[must_use]
    pub fn milliseconds(&self) -> Option<u64> {
        match self.at_boot.load(Ordering::Relaxed) {
            0 => None,
            at_boot => Some(at_boot.saturating_add(boot_time() / 1_000_000)),
        }
    }

    /// Unix time in whole seconds.
    #[must_use]
    pub fn now(&self) -> Option<UnixTime> {
        self.milliseconds().map(|milliseconds| milliseconds / 1000)
    }
}

/// An end of waiting, measured by the monotonic clock, which nobody sets.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    begun: Instant,
    patience: Duration,
}

impl Deadline {
    /// `patience` from now on.
    #[must_use]
    pub fn after(patience: Duration) -> Self {
        Self {
            begun: instant(),
            patience,
        }
    }

    /// Time since the beginning.
    #[must_use]
    pub fn waited(&self) -> Duration {
        instant().saturating_duration_since(self.begun)
    }

    /// Time until the deadline; zero once it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.patience.saturating_sub(self.waited())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock"
)]
fn instant() -> Instant {
    Instant::now()
}

/// A clock that stands still until it is set, for tests and the demonstration of rules.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    /// Sets the clock.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, SystemClock, coarse, day, exact, utc_time};

    #[test]
    fn the_system_clock_is_exact_to_the_second() {
        let (_, rest) = coarse().unwrap();
        std::thread::sleep(Duration::from_nanos(990_000_000_u64.saturating_sub(rest)));
        let before = exact();
        while exact() == before {
            assert!(SystemClock.now() <= before + 1);
        }
        assert!(SystemClock.now() > before);
    }

    #[test]
    fn the_time_of_a_token_has_sixteen_digits() {
        for (at, digits) in [
            (0, b"1970010100000000"),
            (1_800_000_000, b"2027011508000000"),
            (253_402_300_799, b"9999123123595900"),
            (u64::MAX, b"9999123123595900"),
        ] {
            assert_eq!(&utc_time(at), digits);
        }
    }

    #[test]
    fn days_begin_in_utc() {
        for (digits, begin) in [
            (b"19700101", 0),
            (b"20000229", 951_782_400),
            (b"20000301", 951_868_800),
            (b"20380119", 2_147_472_000),
            (b"99991231", 253_402_214_400),
        ] {
            assert_eq!(day(digits), Some(begin));
        }
    }

    #[test]
    fn days_before_1970_begin_with_it() {
        for digits in [b"19000101", b"19040229", b"19690228", b"19691231"] {
            assert_eq!(day(digits), Some(0));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for digits in [
            "19000229",
            "19690229",
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
            "",
        ] {
            assert_eq!(day(digits.as_bytes()), None, "{digits}");
        }
    }
}
