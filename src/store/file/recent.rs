//! What the latest transactions touched, so that a cache learns that what it holds is still right although
//! the store has changed.
//!
//! After its numbers, the file of the change counter has one mark for each of the latest generations: that
//! of generation g lies at place g modulo `MARKS`. A mark names the keys that its transaction touched, by a
//! filter that may name others too. The key of an object is its uid, that of a value in `meta` its name.
//!
//! A writer stores the mark of generation g before it announces g, and so before it commits g (see `counter`).
//! Whoever has seen the number announce g finds the mark of g afterwards, or another generation in its place,
//! and then has to ask the database. A commit that fails leaves its mark behind; the next transaction with
//! its generation overwrites the mark before it commits. A mark that was read while it was written has a wrong
//! check.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::gen_file::{LEN, store};

/// How many generations have a mark.
const MARKS: usize = 64;
/// Bytes of a mark, in the machine's order: generation, filter and check.
const MARK_LEN: usize = 24;

/// The keys that a transaction touched: each sets two of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Touched(u64);

impl Touched {
    pub(super) const EVERYTHING: Self = Self(u64::MAX);

    /// One key. Its bits are the same in every process.
    pub(super) fn key(key: &[u8]) -> Self {
        // FNV-1a, whose last bytes hardly reach the high bits without the last step.
        let hash = key.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self(1 << (hash >> 58) | 1 << (hash >> 52 & 63))
    }

    pub(super) fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// False where the key was certainly not touched.
    pub(super) fn may_hold(self, key: Self) -> bool {
        self.0 & key.0 == key.0
    }
}

/// The marks of a file, as they were read.
pub(super) struct Marks([u8; MARKS * MARK_LEN]);

impl Marks {
    /// The file is as long as the marks that were stored. Those beyond its end count as missing.
    pub(super) fn read(file: &File) -> Self {
        let mut bytes = [0; MARKS * MARK_LEN];
        // Whatever was not read has no right check.
        let _ = file.read_at(&mut bytes, LEN as u64);
        Self(bytes)
    }

    /// Whether none of the generations after `since`, up to `last`, touched any of `keys`. A `last` before `since`
    /// tells nothing: the file was overwritten by an older one.
    pub(super) fn untouched(&self, keys: &[&[u8]], since: u64, last: u64) -> bool {
        let touches = |touched: Touched| keys.iter().any(|key| touched.may_hold(Touched::key(key)));
        last.checked_sub(since)
            .is_some_and(|count| count <= MARKS as u64)
            && (since + 1..=last)
                .all(|generation| self.of(generation).is_some_and(|touched| !touches(touched)))
    }

    fn of(&self, generation: u64) -> Option<Touched> {
        let (numbers, _) = self.0[place(generation)..][..MARK_LEN].as_chunks();
        let [found, touched, check] = numbers else {
            return None;
        };
        let touched = Touched(u64::from_ne_bytes(*touched));
        let whole = u64::from_ne_bytes(*found) == generation
            && u64::from_ne_bytes(*check) == self::check(generation, touched);
        whole.then_some(touched)
    }
}

/// Stores the mark of a generation that is about to be announced.
pub(super) fn store_mark(file: &File, generation: u64, touched: Touched) -> io::Result<()> {
    let mark = [generation, touched.0, check(generation, touched)].map(u64::to_ne_bytes);
    store(file, mark.as_flattened(), (LEN + place(generation)) as u64)
}

fn check(generation: u64, touched: Touched) -> u64 {
    !(generation ^ touched.0)
}

/// Offset of a generation's mark among the marks.
fn place(generation: u64) -> usize {
    let place = generation % MARKS as u64;
    usize::try_from(place).unwrap_or_default() * MARK_LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&[u8]] = &[b"an object"];

    fn marks(touched: &[(u64, &[u8])]) -> (File, Marks) {
        let file = tempfile::tempfile().unwrap();
        for (generation, key) in touched {
            store_mark(&file, *generation, Touched::key(key)).unwrap();
        }
        let marks = Marks::read(&file);
        (file, marks)
    }

    #[test]
    fn a_key_is_untouched_by_changes_of_others_alone() {
        let (_, marks) = marks(&[(1, b"another"), (2, b"an object"), (3, b"a third")]);
        for (since, last, untouched) in [
            (0, 0, true),
            (0, 1, true),
            (0, 2, false),
            (1, 3, false),
            (2, 3, true),
            (3, 3, true),
            (5, 3, false),
        ] {
            assert_eq!(
                marks.untouched(KEYS, since, last),
                untouched,
                "{since}..{last}"
            );
        }
    }

    #[test]
    fn a_generation_without_its_mark_may_have_touched_everything() {
        let (file, marks) = marks(&[(1, b"another"), (65, b"another")]);
        assert!(!marks.untouched(KEYS, 0, 1), "overwritten by a later one");
        assert!(!marks.untouched(KEYS, 64, 66), "not there yet");
        assert!(marks.untouched(KEYS, 64, 65));
        assert!(!marks.untouched(KEYS, 0, 65), "more than there are marks");
        // Half of a mark was written.
        store_mark(&file, 2, Touched::key(b"another")).unwrap();
        file.write_all_at(&66_u64.to_ne_bytes(), (LEN + place(2)) as u64)
            .unwrap();
        assert!(!Marks::read(&file).untouched(KEYS, 65, 66));
    }

    #[test]
    fn a_file_without_marks_tells_nothing() {
        let (_, marks) = marks(&[]);
        assert!(!marks.untouched(KEYS, 0, 1));
        assert!(marks.untouched(KEYS, 1, 1));
    }

    #[test]
    fn everything_holds_every_key() {
        for key in 0..=255 {
            let key = Touched::key(&[key; 16]);
            assert!(Touched::EVERYTHING.may_hold(key) && !Touched::default().may_hold(key));
        }
    }
}
