//! The anchor: a small file on other storage that knows how many changes the token has had.
//!
//! After each change the token notes there the store's count of changes and the last record of its
//! audit chain. A token's file that has fewer changes, or another record at that position, is an older
//! copy or was changed from an older copy, and is refused. Both are compared, since anybody can write
//! another count into the file. The note also has the position of the latest sum of the rows (`rows`),
//! so that an old sum together with its old rows is refused as well.
//!
//! *A crash between a commit and its note* leaves the note behind the token, which is accepted; the
//! next change brings the note up to date. A note is written only of what was committed durably, so it
//! is never ahead of the right file. Where two processes write notes at once the earlier note may stay:
//! it is behind the token, and accepted.
//!
//! *A missing anchor.* The token remembers that it was noted once, and is then refused without the
//! note: otherwise it would be enough to take the medium away.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result};
use crate::log;
use crate::secret::Secret;
use crate::store::{self, Snapshot, Tx, Umask, WholeFile};

use super::rows::Rows;
use super::state::{Identity, TokenState};

/// Row that exists once the token was noted in an anchor.
pub(in crate::token) const ANCHORED_ROW: &str = "anchored";
/// First bytes of an anchor.
const MAGIC: &[u8; 8] = b"TENONAN2";
const TAG_LEN: usize = 32;

/// How far a token has come, as an anchor notes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct AnchorNote {
    /// How many transactions changed the store.
    changes: u64,
    /// Position of the last audit record, and its authentication code.
    records: u64,
    code: [u8; 32],
    /// Position of the audit record that the sum of the rows names.
    rows: u64,
}

impl AnchorNote {
    /// For a token of which nothing is noted yet. Every copy of it has come this far.
    const NONE: Self = Self {
        changes: 0,
        records: 0,
        code: [0; 32],
        rows: 0,
    };

    /// For a token that has ended. No copy of it has come this far.
    const ENDED: Self = Self {
        changes: u64::MAX,
        records: u64::MAX,
        code: [0; 32],
        rows: u64::MAX,
    };

    /// The state that the store's change number `changes` leaves.
    fn of(snapshot: &Snapshot<'_>, changes: u64) -> Result<Self> {
        let last = snapshot.audit_last()?;
        let (records, code) = last.map_or((0, Vec::new()), |row| (row.seq, row.mac));
        Ok(Self {
            changes,
            records,
            code: code.try_into().unwrap_or_default(),
            rows: Rows::position(snapshot)?,
        })
    }

    /// Whether a store with `changes` changes has come this far, by the same records.
    fn is_reached(&self, snapshot: &Snapshot<'_>, changes: u64) -> Result<bool> {
        if changes < self.changes {
            return Ok(false);
        }
        let rows = snapshot.audit(self.records, 1)?;
        let there = rows.first().filter(|row| row.seq == self.records);
        Ok(self.records == 0 || there.is_some_and(|row| row.mac == self.code))
    }
}

/// The token's file compared with its anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorStatus {
    /// Number of changes of the token's file.
    pub changes: u64,
    /// Number of changes that the anchor knows; `None` where there is no anchor.
    pub noted: Option<u64>,
    /// Why the token is refused; `None` when token and anchor agree.
    pub refused: Option<String>,
}

struct Anchor<'a> {
    file: WholeFile,
    identity: &'a Identity,
}

impl Anchor<'_> {
    /// Content: magic (8) ‖ serial (8) ‖ changes (8) ‖ records (8) ‖ code (32) ‖ rows (8) ‖ tag under
    /// the store key (32).
    fn encode(&self, progress: &AnchorNote) -> Vec<u8> {
        let mut out = [&MAGIC[..], &self.identity.serial].concat();
        out.extend_from_slice(&progress.changes.to_be_bytes());
        out.extend_from_slice(&progress.records.to_be_bytes());
        out.extend_from_slice(&progress.code);
        out.extend_from_slice(&progress.rows.to_be_bytes());
        let tag = self.identity.public.tag(&[b"anchor", &out]);
        out.extend_from_slice(&tag);
        out
    }

    fn decode(&self, content: &[u8]) -> Option<AnchorNote> {
        let (body, tag) = content.split_at_checked(content.len().checked_sub(TAG_LEN)?)?;
        let expected = Secret::copy(&self.identity.public.tag(&[b"anchor", body]));
        if !expected.ct_eq(tag) {
            return None;
        }
        let (changes, rest) = body
            .strip_prefix(MAGIC)?
            .strip_prefix(&self.identity.serial[..])?
            .split_first_chunk()?;
        let (records, rest) = rest.split_first_chunk()?;
        let (code, rows) = rest.split_first_chunk()?;
        Some(AnchorNote {
            changes: u64::from_be_bytes(*changes),
            records: u64::from_be_bytes(*records),
            code: *code,
            rows: u64::from_be_bytes(rows.try_into().ok()?),
        })
    }

    fn read(&self) -> Result<Option<AnchorNote>> {
        let Some(content) = self.file.read().map_err(|e| self.unusable(e))? else {
            return Ok(None);
        };
        match self.decode(&content) {
            Some(progress) => Ok(Some(progress)),
            None => Err(self.refused("the anchor is damaged, or another token's")),
        }
    }

    fn write(&self, progress: &AnchorNote) -> Result<()> {
        let content = self.encode(progress);
        self.file.replace(&content).map_err(|e| self.unusable(e))
    }

    /// Refuses to change the token if its anchor does not agree; makes an anchor for a token that has
    /// none. Called under the store's write lock, so what is noted was committed before this state.
    ///
    /// A token's first anchor is written before the row that says so is committed, since a token with that
    /// row and no anchor is refused. Where the row is not committed then, the anchor does no harm: it says
    /// `NONE`, which every copy has reached.
    fn admit(&self, tx: &Tx<'_>, changes: u64) -> Result<()> {
        let noted = self.read()?;
        self.check(noted.as_ref(), tx, changes)?;
        if tx.meta(ANCHORED_ROW)?.is_some() {
            return Ok(());
        }
        if noted.is_none() {
            self.write(&AnchorNote::NONE)?;
        }
        Ok(tx.set_meta(ANCHORED_ROW, &[1])?)
    }

    /// Compares the note with a store that has `changes` changes.
    fn check(
        &self,
        noted: Option<&AnchorNote>,
        snapshot: &Snapshot<'_>,
        changes: u64,
    ) -> Result<()> {
        match noted {
            None if snapshot.meta(ANCHORED_ROW)?.is_none() => Ok(()),
            None => Err(self.refused("the token has an anchor, which is not there")),
            Some(noted) if noted.is_reached(snapshot, changes)? => {
                if Rows::position(snapshot)? >= noted.rows {
                    return Ok(());
                }
                Err(self.refused(
                    "the rows of keys in the token's file are older than its anchor knows: they were put back",
                ))
            }
            Some(noted) => Err(self.refused(&format!(
                "the token's file is not the one of change {} that its anchor knows: an older copy was put back",
                noted.changes
            ))),
        }
    }

    fn refused(&self, what: &str) -> Error {
        Error::new(
            ck::CKR_DEVICE_ERROR,
            format!(
                "{what}; put the right file back, or let the security officer accept this one (`tenon anchor accept`)"
            ),
        )
        .at(self.file.path().display().to_string())
    }

    fn unusable(&self, error: crate::store::Error) -> Error {
        let folder = self.file.path().parent();
        if let Some(missing) = folder.filter(|folder| !folder.exists()) {
            return Error::new(
                ck::CKR_DEVICE_ERROR,
                "the folder of `store.anchor` is not there: mount it, or make it before a token's first use with an anchor",
            )
            .at(missing.display().to_string());
        }
        Error::new(
            ck::CKR_DEVICE_ERROR,
            "the anchor in the folder of `store.anchor` cannot be used",
        )
        .because(error)
    }
}

/// Whether the token was noted in an anchor.
pub(in crate::token) fn is_noted(snapshot: &Snapshot<'_>) -> Result<bool> {
    Ok(snapshot.meta(ANCHORED_ROW)?.is_some())
}

/// Whether the state `now` continues the state `then`.
pub(in crate::token) fn goes_on(now: &Snapshot<'_>, then: &Snapshot<'_>) -> Result<bool> {
    let progress = AnchorNote::of(then, then.generation()?)?;
    progress.is_reached(now, now.generation()?)
}

/// A token's store. Where `store.anchor` is set, its changes are noted in the anchor.
pub(in crate::token) struct AnchoredStore {
    state: Arc<TokenState>,
    /// Locked while a change is noted in the anchor.
    noting: Mutex<()>,
}

impl AnchoredStore {
    pub(in crate::token) fn new(state: Arc<TokenState>) -> Self {
        Self {
            state,
            noting: Mutex::default(),
        }
    }

    /// Makes one durable change, if the file is the one that the anchor knows, and notes it there. `change`
    /// must change something, and may run again: see `Store::write`.
    pub(in crate::token) fn write<T>(&self, change: impl Fn(&Tx<'_>) -> Result<T>) -> Result<T> {
        self.write_checked(true, change)
    }

    /// As `write`, without comparing file and anchor: for counting guesses at PINs, and for what the
    /// security officer does with a file that is refused.
    pub(in crate::token) fn write_anyhow<T>(
        &self,
        change: impl Fn(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_checked(false, change)
    }

    fn write_checked<T>(&self, checked: bool, change: impl Fn(&Tx<'_>) -> Result<T>) -> Result<T> {
        let identity = self.state.identity();
        let Some(anchor) = self.anchor(&identity) else {
            return self.state.store.write(change);
        };
        let (out, progress) = self.state.store.write(|tx| {
            anchor.identity.check(tx)?;
            let changes = tx.generation()?;
            let right = anchor.admit(tx, changes);
            let noted = match (right, checked) {
                (Ok(()), _) => true,
                (Err(error), true) => return Err(error),
                (Err(_), false) => false,
            };
            let out = change(tx)?;
            let progress = AnchorNote::of(tx, changes + 1)?;
            Ok((out, Some(progress).filter(|_| noted)))
        })?;
        // The change is committed, so an error of its note is only logged.
        if let Some(Err(error)) = progress.map(|progress| self.note(&anchor, &progress)) {
            log::note(LogLevel::Error, &format!("a change was not noted: {error}"));
        }
        Ok(out)
    }

    fn note(&self, anchor: &Anchor<'_>, progress: &AnchorNote) -> Result<()> {
        let _alone = self.noting.lock();
        let noted = anchor.read()?;
        if noted.is_none_or(|noted| noted >= *progress) {
            return Ok(());
        }
        anchor.write(progress)
    }

    /// Refuses a token's file that is not the one its anchor knows.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when it is not, or the anchor is missing, damaged or cannot be read.
    pub(in crate::token) fn check(&self) -> Result<()> {
        if let Some(loss) = self.state.store.loss() {
            return Err(store::Error::WentBack(loss).into());
        }
        if self.state.config.anchor.is_none() {
            return Ok(());
        }
        let keys = self.state.keys();
        let Some(anchor) = self.anchor(&keys.identity) else {
            return Ok(());
        };
        // The note is read first: what it says was committed before the state that is read next.
        let noted = anchor.read()?;
        self.state
            .store
            .read(|snapshot| anchor.check(noted.as_ref(), snapshot, snapshot.generation()?))
    }

    /// `None` where there is neither an anchor, nor a database that has lost changes.
    pub(in crate::token) fn status(&self) -> Result<Option<AnchorStatus>> {
        let changes = self.state.store.read(|snapshot| snapshot.generation())?;
        let refused = self.check().err().map(|error| error.to_string());
        let identity = self.state.identity();
        let anchor = self.anchor(&identity);
        if anchor.is_none() && refused.is_none() {
            return Ok(None);
        }
        let noted = anchor.and_then(|anchor| anchor.read().ok().flatten());
        Ok(Some(AnchorStatus {
            changes,
            noted: noted.map(|noted| noted.changes),
            refused,
        }))
    }

    /// Notes the token's file with `changes` changes, in place of what the anchor knows.
    pub(in crate::token) fn accept(&self, changes: u64) -> Result<()> {
        let identity = self.state.identity();
        let Some(anchor) = self.anchor(&identity) else {
            return Ok(());
        };
        let progress = self
            .state
            .store
            .read(|snapshot| AnchorNote::of(snapshot, changes))?;
        anchor.write(&progress)
    }

    /// Position of the last record that the anchor knows, which must stay in the token; `None` where there
    /// is no anchor.
    pub(in crate::token) fn noted_records(&self) -> Result<Option<u64>> {
        let identity = self.state.identity();
        let Some(anchor) = self.anchor(&identity) else {
            return Ok(None);
        };
        Ok(Some(anchor.read()?.map_or(0, |noted| noted.records)))
    }

    /// Notes that the token has ended, so that no copy of it is accepted any more.
    pub(in crate::token) fn end(&self, ended: &Identity) {
        let Some(anchor) = self.anchor(ended) else {
            return;
        };
        if let Err(error) = anchor.write(&AnchorNote::ENDED) {
            log::note(
                LogLevel::Error,
                &format!("the end of a token was not noted: {error}"),
            );
        }
    }

    fn anchor<'a>(&self, identity: &'a Identity) -> Option<Anchor<'a>> {
        let config = &self.state.config;
        let folder = config.anchor.as_ref()?;
        let name = format!("{}.anchor", identity.serial_text());
        Some(Anchor {
            file: WholeFile::new(folder, &name).shared(Umask(config.umask)),
            identity,
        })
    }
}
