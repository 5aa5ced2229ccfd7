//! Erasing what is due: at every touch of an expired key, at each login of the user, and by `sweep`.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Error, Result};
use crate::log;
use crate::store::{DuePlace, Tx, Uid};

use super::end;
use crate::token::change::writer::Writer;
use crate::token::identity::audit::Event;
use crate::token::identity::state::{Keys, TokenState};
use crate::token::record::external::{gone_at, of_job, stale};
use crate::token::record::vault::Record;

/// What a sweep has erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Materials of external keys that had expired.
    pub materials: u64,
    /// External keys whose scheduled deletion had come.
    pub keys: u64,
    /// Keys of import jobs that were over, both halves of a pair.
    pub job_keys: u64,
    /// Objects that were due and could not be erased; the log says why.
    pub failed: u64,
    /// More may be due: a login erases so many and no more.
    pub left: bool,
}

/// What is due of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Material,
    Key,
    JobKey,
}

/// How the log is emptied of what was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptying {
    /// With the change itself.
    AtOnce,
    /// After the last of several batches, by the caller.
    Postponed,
}

/// Objects that one transaction erases at most: other writers get their turn between two.
const BATCH: usize = 128;
/// Objects that a login erases at most, so that it stays fast. Of what is left each later change
/// erases a batch, and so does each further login; `Token::sweep` erases all.
const AT_LOGIN: usize = 5 * BATCH;

impl Swept {
    /// Objects that were erased.
    #[must_use]
    pub fn erased(&self) -> u64 {
        self.materials + self.keys + self.job_keys
    }

    fn count(&mut self, due: Option<Due>) {
        match due {
            None => {}
            Some(Due::Material) => self.materials += 1,
            Some(Due::Key) => self.keys += 1,
            Some(Due::JobKey) => self.job_keys += 1,
        }
    }
}

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.materials += other.materials;
        self.keys += other.keys;
        self.job_keys += other.job_keys;
        self.failed += other.failed;
        self.left = other.left;
    }
}

/// Erases what is due in one token.
pub(in crate::token) struct Sweeper {
    state: Arc<TokenState>,
    /// A login has not erased all that was due.
    due_left: AtomicBool,
}

impl Sweeper {
    pub(in crate::token) fn new(state: Arc<TokenState>) -> Self {
        Self {
            state,
            due_left: AtomicBool::new(false),
        }
    }

    /// What the user's login erases. A login is not refused because this fails.
    pub(in crate::token) fn sweep_at_login(&self, writer: &Writer) -> Swept {
        let keys = self.state.keys();
        let swept = keys.and_then(|keys| self.sweep(writer, &keys, AT_LOGIN, |_| ()));
        swept.unwrap_or_else(|error| {
            log::note(
                LogLevel::Error,
                &format!("what is due was not erased at the login: {error}"),
            );
            Swept::default()
        })
    }

    /// Erases a batch of what a login has left.
    pub(in crate::token) fn sweep_on(&self, writer: &Writer, keys: &Keys) {
        if keys.master.is_none() || !self.due_left.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.sweep(writer, keys, BATCH, |_| ()) {
            log::note(
                LogLevel::Error,
                &format!("what is due was not erased: {error}"),
            );
        }
    }

    /// Erases at most `limit` of the objects that are due.
    pub(in crate::token) fn sweep(
        &self,
        writer: &Writer,
        keys: &Keys,
        limit: usize,
        mut progress: impl FnMut(&Swept),
    ) -> Result<Swept> {
        let mut swept = Swept::default();
        if self.state.config.read_only {
            return Ok(swept);
        }
        let now = self.state.time.now();
        // A reading in doubt erases nothing.
        let limit = if now.believed { limit } else { 0 };
        let (mut after, mut tried) = (DuePlace::default(), 0);
        let mut left = now.believed;
        while tried < limit {
            let batch = self
                .state
                .store
                .read(|snapshot| snapshot.due(now.at, after, BATCH.min(limit - tried)))?;
            let Some((place, _)) = batch.last() else {
                left = false;
                break;
            };
            after = *place;
            tried += batch.len();
            swept += self.erase(writer, keys, &batch, Emptying::Postponed);
            progress(&swept);
        }
        swept.left = left;
        self.due_left.store(swept.left, Ordering::Relaxed);
        self.state.store.finish_erasing()?;
        Ok(swept)
    }

    /// Erases what is due of the object that was touched.
    pub(in crate::token) fn sweep_object(
        &self,
        writer: &Writer,
        keys: &Keys,
        uid: &Uid,
    ) -> Result<()> {
        if self.state.config.read_only || keys.master.is_none() {
            return Ok(());
        }
        let now = self.state.time.now().at;
        let row = self.state.store.read(|snapshot| snapshot.object(uid))?;
        let record = row.map(|row| keys.vault().open(&row)).transpose()?;
        if record.is_some_and(|record| due(&record, now).is_some()) {
            self.erase_batch(
                writer,
                keys,
                &[(DuePlace::default(), *uid)],
                Emptying::AtOnce,
            )?;
        }
        Ok(())
    }

    /// Erases a batch; a batch that fails as a whole counts as failed.
    fn erase(
        &self,
        writer: &Writer,
        keys: &Keys,
        batch: &[(DuePlace, Uid)],
        emptying: Emptying,
    ) -> Swept {
        self.erase_batch(writer, keys, batch, emptying)
            .unwrap_or_else(|error| {
                not_erased(&error);
                Swept {
                    failed: batch.len() as u64,
                    ..Swept::default()
                }
            })
    }

    /// Erases what is due of the objects, in one transaction. An object that fails is left out.
    fn erase_batch(
        &self,
        writer: &Writer,
        keys: &Keys,
        batch: &[(DuePlace, Uid)],
        emptying: Emptying,
    ) -> Result<Swept> {
        let (swept, failures, mark) = self.state.on_a_full_disk_too(|| {
            writer.store.write(|tx| {
                if emptying == Emptying::Postponed {
                    tx.postpone_emptying();
                }
                let (mut swept, mut failures) = (Swept::default(), Vec::new());
                let mark = writer.store_mark(tx, keys)?;
                for (_, uid) in batch {
                    match tx.attempt(|| self.erase_due(writer, tx, keys, uid))? {
                        Ok(due) => swept.count(due),
                        // The whole batch is tried again with the space that the store keeps back.
                        Err(error) if error.rv == ck::CKR_DEVICE_MEMORY => return Err(error),
                        Err(error) => {
                            swept.failed += 1;
                            failures.push(error);
                        }
                    }
                }
                Ok((swept, failures, mark))
            })
        })?;
        failures.iter().for_each(not_erased);
        self.state.time.learn(mark);
        Ok(swept)
    }

    /// Erases what is due of one object. Another process may have done it, or a new import has come,
    /// since the object was listed.
    fn erase_due(
        &self,
        writer: &Writer,
        tx: &Tx<'_>,
        keys: &Keys,
        uid: &Uid,
    ) -> Result<Option<Due>> {
        let Some(row) = tx.object(uid)? else {
            return Ok(None);
        };
        let mut record = keys.vault().open(&row)?;
        let Some(due) = due(&record, self.state.time.now().at) else {
            return Ok(None);
        };
        let event = match due {
            Due::Key => Event::Delete,
            Due::Material | Due::JobKey => Event::Expire,
        };
        writer.record(tx, keys, event.into(), ck::CKR_OK, |change| match due {
            Due::Material => end::erase(change, &mut record),
            Due::Key | Due::JobKey => end::remove(change, &record),
        })?;
        Ok(Some(due))
    }
}

fn not_erased(error: &Error) {
    log::note(
        LogLevel::Error,
        &format!("an object that is due was not erased: {error}"),
    );
}

fn due(record: &Record, now: UnixTime) -> Option<Due> {
    let attributes = &record.attributes;
    if byok::expired(gone_at(attributes), now) {
        return Some(if of_job(attributes) {
            Due::JobKey
        } else {
            Due::Key
        });
    }
    stale(attributes, now).then_some(Due::Material)
}
