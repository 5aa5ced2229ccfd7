//! Erasing what is due: when an expired key is used, at each login of the user, and by `sweep`.

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

/// What a sweep erased.
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
    /// Whether more may be due, since a login erases a limited number.
    pub left: bool,
}

/// Why an object is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Material,
    Key,
    JobKey,
}

/// When the log is emptied of what was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptying {
    /// Together with the change.
    AtOnce,
    /// By the caller, after the last of several batches.
    Postponed,
}

/// The most objects that one transaction erases, so that other writers get their turn in between.
const BATCH: usize = 128;
/// The most objects that a login erases, so that it stays fast. Each later change and login erases
/// more of the rest; `Token::sweep` erases all.
const AT_LOGIN: usize = 5 * BATCH;

impl Swept {
    /// How many objects were erased.
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

/// Erases what is due in one token, and remembers whether a login left some of it.
pub(in crate::token) struct Sweeper {
    state: Arc<TokenState>,
    /// Whether a login left something that is due.
    due_left: AtomicBool,
}

impl Sweeper {
    pub(in crate::token) fn new(state: Arc<TokenState>) -> Self {
        Self {
            state,
            due_left: AtomicBool::new(false),
        }
    }

    /// Erases what is due, up to a login's limit. An error is only logged: it does not refuse the login.
    pub(in crate::token) fn sweep_at_login(&self, writer: &Writer) -> Swept {
        let keys = self.state.keys();
        let swept = self.sweep(writer, &keys, AT_LOGIN, |_| ());
        swept.unwrap_or_else(|error| {
            log::note(
                LogLevel::Error,
                &format!("what is due was not erased at the login: {error}"),
            );
            Swept::default()
        })
    }

    /// Erases one more batch, if a login left something.
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

    /// Erases at most `limit` of the objects that are due, and none while the clock is in doubt.
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

    /// Erases what is due of this object; nothing while the clock is in doubt.
    pub(in crate::token) fn sweep_object(
        &self,
        writer: &Writer,
        keys: &Keys,
        uid: &Uid,
    ) -> Result<()> {
        if self.state.config.read_only || keys.master.is_none() {
            return Ok(());
        }
        let now = self.state.time.now();
        if !now.believed {
            return Ok(());
        }
        let row = self.state.store.read(|snapshot| snapshot.object(uid))?;
        let record = row.map(|row| keys.vault().open(&row)).transpose()?;
        if record.is_some_and(|record| due(&record, now.at).is_some()) {
            self.erase_batch(
                writer,
                keys,
                &[(DuePlace::default(), *uid)],
                Emptying::AtOnce,
            )?;
        }
        Ok(())
    }

    /// Erases a batch. Where the transaction fails, every object of the batch counts as failed.
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

    /// Erases what is due of the objects, in one transaction. An object that fails is left out and counted.
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
                        // On a full disk the whole batch is tried again with the store's reserve of space.
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

    /// Erases what is due of one object now. Since the object was listed, another process may have erased
    /// it, or a new import may have come.
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
            Due::Key => {
                change.entry.number = Some(gone_at(&record.attributes));
                end::remove(change, &record)
            }
            Due::JobKey => end::remove(change, &record),
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
