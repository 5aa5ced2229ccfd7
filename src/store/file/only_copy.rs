//! One copy of this library per process for each store.
//!
//! SQLite's locks are POSIX locks, which a process holds as a whole: two copies of the library in one
//! process (one file under two paths, say, or two releases) would not see each other's, both would write at
//! once, and either would lose the other's locks when it closes a file. Within one copy SQLite prevents
//! that. So a copy that has a store open holds a lock of its open file description on one byte of the
//! `.lock` file. The byte names the process and the copy, and whoever opens the store in the same process
//! refuses where he finds a lock on a byte of another copy.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::process;
use std::sync::atomic::AtomicU8;

use super::queue::Queue;
use super::range_lock::Description;
use crate::store::error::{Error, Result};

/// Bytes from here on, far behind those of the lines in `queue`, belong to processes.
const FIRST: i64 = 1 << 62;
/// Bytes that belong to one process: one for each copy of the library, which `of_this_copy` chooses.
const COPIES: i64 = 1 << 8;
/// Linux has fewer processes than this in a namespace, and numbers its namespaces with 32 bits.
const PROCESSES: i64 = 1 << 22;

/// Held while this copy has the store open.
#[derive(Debug)]
pub(super) struct OnlyCopy(#[expect(dead_code, reason = "holds the lock")] Description);

impl OnlyCopy {
    /// Claims the store of these lines; `None` where the system or the rights of the files leave no way to
    /// tell copies apart. Call it before the database is opened: closing it again would lose the locks of the
    /// other copy.
    ///
    /// # Errors
    /// `SecondCopy` when another copy of the library in this process has the store open.
    pub(super) fn claim(queue: &Queue, writable: bool) -> Result<Option<Self>> {
        let opened = if writable {
            queue.open()
        } else {
            queue.open_to_read()
        };
        match (opened, of_this_process()) {
            (Ok(description), Some(process)) => {
                Self::claim_among(description, queue, &process, of_this_copy())
            }
            _ => Ok(None),
        }
    }

    fn claim_among(
        description: Description,
        queue: &Queue,
        process: &Range<i64>,
        copy: i64,
    ) -> Result<Option<Self>> {
        let own = process.start + copy;
        if !matches!(description.try_lock_shared(own..own + 1), Ok(true)) {
            return Ok(None);
        }
        for others in [process.start..own, own + 1..process.end] {
            if let Ok(Some(_)) = description.find(others) {
                return Err(Error::SecondCopy(queue.database().into()));
            }
        }
        Ok(Some(Self(description)))
    }
}

/// The bytes of this process: of its number, and of the namespace in which that is its number.
fn of_this_process() -> Option<Range<i64>> {
    let namespace = i64::try_from(fs::metadata("/proc/self/ns/pid").ok()?.ino()).ok()?;
    let number = i64::from(process::id());
    if namespace >= 1 << 32 || number >= PROCESSES {
        return None;
    }
    let first = FIRST + (namespace * PROCESSES + number) * COPIES;
    Some(first..first + COPIES)
}

/// Differs between two copies in one process, but for one pair of 256: from the address at which this copy
/// lies. The kernel may align copies to 2 MiB, so that only the upper bits of their addresses differ.
fn of_this_copy() -> i64 {
    static HERE: AtomicU8 = AtomicU8::new(0);
    (&raw const HERE)
        .addr()
        .to_le_bytes()
        .iter()
        .fold(0, |sum, byte| (sum * 31 + i64::from(*byte)) % COPIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_for_one_copy_of_a_process_and_for_any_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot-0000.tenon");
        fs::write(&path, b"").unwrap();
        let queue = Queue::of(&path).unwrap();
        let (one, another) = (FIRST..FIRST + COPIES, FIRST + COPIES..FIRST + 2 * COPIES);
        let claim =
            |process, copy| OnlyCopy::claim_among(queue.open().unwrap(), &queue, process, copy);

        let first = claim(&one, 3).unwrap();
        let again = claim(&one, 3).unwrap();
        let other_process = claim(&another, 4).unwrap();
        for copy in [0, 2, 4, COPIES - 1] {
            assert_eq!(
                claim(&one, copy).unwrap_err(),
                Error::SecondCopy(path.clone())
            );
        }
        drop(first);
        assert!(claim(&one, 4).is_err());
        drop(again);
        assert!(claim(&one, 4).is_ok());
        drop(other_process);
    }

    #[test]
    fn bytes_of_a_process_are_within_a_file() {
        let bytes = of_this_process().unwrap();
        assert!(bytes.start >= FIRST && bytes.end > bytes.start);
        assert!((0..COPIES).contains(&of_this_copy()));
    }
}
