//! Which log belongs to which database file. This is asked before the database is opened; from then
//! on `open_files` watches both.
//!
//! SQLite replays the log (`-wal`) that lies beside a database, whatever database that is. An
//! operator who copies a backup over the database and leaves the log of a killed process there
//! would get a mixture of two states. So database and log carry a mark in `meta`, and a log whose
//! mark does not continue the database's is set aside before SQLite sees it.
//!
//! A mark holds a random id and the generation of its commit, and each commit writes it anew.
//!
//! - The first process that opens the database changes the id and folds that into the database,
//!   before any log with a change in it exists (`renew`). So a copy of the database that was taken
//!   before has another id than every log written since.
//! - A database has the state from which its log starts, or a later one of the log that a
//!   checkpoint folded in. So its generation is at least that of the log's first commit less one,
//!   and at most that of the last.
//!
//! A power failure may tear the page that holds a mark. A mark that cannot be read proves nothing, so
//! the log then counts as the database's, as it does for SQLite.

use rusqlite::Connection;

use super::rows::FileRows;
use crate::store::error::Result;

pub(super) const ROW: &str = "store.log";
pub(super) const LEN: usize = 48;

/// Random; new each time a process that is alone opens the database.
pub(super) type LogId = [u8; 16];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogMark {
    id: LogId,
    /// The id that this commit replaced; zeros in a commit that replaced none.
    before: LogId,
    generation: u64,
}

/// The marks of a log's first and last commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogSpan {
    pub(super) first: LogMark,
    pub(super) last: LogMark,
}

impl LogMark {
    /// A mark with a new random id.
    pub(super) fn new(conn: &Connection, generation: u64) -> Result<Self> {
        let id = conn.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
        Ok(Self {
            id,
            before: LogId::default(),
            generation,
        })
    }

    /// The database's mark; `None` where there is none or it is torn.
    pub(super) fn read(conn: &Connection) -> Result<Option<Self>> {
        let bytes = FileRows::new(conn).value(ROW)?;
        Ok(bytes.and_then(|bytes| Self::decode(&bytes)))
    }

    pub(super) fn id(&self) -> LogId {
        self.id
    }

    pub(super) fn write(&self, conn: &Connection) -> Result<()> {
        FileRows::new(conn).set_value(ROW, &self.encode())
    }

    /// The mark of the commit with `generation`, under the same id.
    pub(super) fn at(self, generation: u64) -> Self {
        Self {
            before: LogId::default(),
            generation,
            ..self
        }
    }

    /// A new id in place of this mark's, at the same generation.
    pub(super) fn renewed(self, conn: &Connection) -> Result<Self> {
        let before = self.id;
        Ok(Self {
            before,
            ..Self::new(conn, self.generation)?
        })
    }

    /// Whether a log with these marks continues a database with this mark.
    pub(super) fn is_continued_by(&self, log: &LogSpan) -> bool {
        if self.id == log.last.id {
            let start = log.first.generation.saturating_sub(1);
            return (start..=log.last.generation).contains(&self.generation);
        }
        // A process was killed while it renewed the id; the log holds the renewal alone.
        self.id == log.last.before && self.generation == log.last.generation
    }

    /// id (16) ‖ id before (16) ‖ generation (8) ‖ checksum (8)
    fn encode(&self) -> [u8; LEN] {
        let mut out = [0; LEN];
        out[..16].copy_from_slice(&self.id);
        out[16..32].copy_from_slice(&self.before);
        out[32..40].copy_from_slice(&self.generation.to_be_bytes());
        let sum = checksum(&out[..40]);
        out[40..].copy_from_slice(&sum);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_first_chunk::<40>()?;
        if *sum != checksum(body) {
            return None;
        }
        let (id, rest) = body.split_first_chunk()?;
        let (before, generation) = rest.split_first_chunk()?;
        Some(Self {
            id: *id,
            before: *before,
            generation: u64::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

/// FNV-1a. It tells a torn mark from a whole one, and protects against no attacker.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    hash.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(id: u8, before: u8, generation: u64) -> LogMark {
        LogMark {
            id: [id; 16],
            before: [before; 16],
            generation,
        }
    }

    #[test]
    fn a_mark_survives_its_bytes_and_a_torn_one_does_not() {
        let whole = mark(1, 2, 3).encode();
        assert_eq!(LogMark::decode(&whole), Some(mark(1, 2, 3)));
        for at in 0..LEN {
            let mut torn = whole;
            torn[at] ^= 0x10;
            assert_eq!(LogMark::decode(&torn), None, "byte {at}");
        }
        assert_eq!(LogMark::decode(&whole[..47]), None);
    }

    #[test]
    fn a_log_continues_the_states_from_its_start_to_its_end() {
        let log = LogSpan {
            first: mark(1, 0, 11),
            last: mark(1, 0, 20),
        };
        for (generation, belongs) in [(9, false), (10, true), (20, true), (21, false)] {
            let file = mark(1, 0, generation);
            assert_eq!(file.is_continued_by(&log), belongs, "{generation}");
            assert!(!mark(2, 0, generation).is_continued_by(&log));
            assert!(!mark(2, 1, generation).is_continued_by(&log));
        }
    }

    #[test]
    fn a_renewal_that_did_not_reach_the_file_is_no_other_log() {
        let renewal = mark(2, 1, 20);
        let log = LogSpan {
            first: renewal,
            last: renewal,
        };
        assert!(mark(1, 0, 20).is_continued_by(&log));
        assert!(renewal.is_continued_by(&log));
        assert!(!mark(1, 0, 19).is_continued_by(&log));
        let changed = LogSpan {
            first: renewal,
            last: mark(2, 0, 21),
        };
        assert!(!mark(1, 0, 20).is_continued_by(&changed));
    }
}
