//! Erasing what is due: at every touch of an expired key, at each login of the user, and by `sweep`.

use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Result, refuse};
use crate::log;
use crate::store::Uid;

use super::audit::Event;
use super::vault::Record;
use super::{Keys, Token, external};

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
}

/// What is due of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Material,
    Key,
    JobKey,
}

impl Token {
    /// Erases everything that is due. Nothing is while the clock is not believed. Ends also the
    /// erasing that a reader had delayed.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR.
    pub fn sweep(&self) -> Result<Swept> {
        let keys = self.keys()?;
        if keys.master.is_none() {
            return refuse(ck::CKR_USER_NOT_LOGGED_IN, "sweeping needs a login");
        }
        let mut swept = Swept::default();
        let now = self.time.now();
        if self.config.read_only {
            return Ok(swept);
        }
        self.store.finish_erasing()?;
        if !now.believed {
            return Ok(swept);
        }
        for uid in self.store.read(|snapshot| snapshot.due(now.at))? {
            match self.erase_due(&keys, &uid) {
                Ok(None) => {}
                Ok(Some(Due::Material)) => swept.materials += 1,
                Ok(Some(Due::Key)) => swept.keys += 1,
                Ok(Some(Due::JobKey)) => swept.job_keys += 1,
                // One damaged object must not keep the others.
                Err(error) => {
                    swept.failed += 1;
                    log::note(
                        LogLevel::Error,
                        &format!("an object that is due was not erased: {error}"),
                    );
                }
            }
        }
        Ok(swept)
    }

    /// Erases what is due of the object that was touched.
    pub(super) fn sweep_object(&self, keys: &Keys, uid: &Uid) -> Result<()> {
        if self.config.read_only || keys.master.is_none() {
            return Ok(());
        }
        self.erase_due(keys, uid).map(drop)
    }

    fn erase_due(&self, keys: &Keys, uid: &Uid) -> Result<Option<Due>> {
        let now = self.time.now().at;
        let row = self.store.read(|snapshot| snapshot.object(uid))?;
        let record = row.map(|row| keys.vault().open(&row)).transpose()?;
        let Some(due) = record.and_then(|record| due(&record, now)) else {
            return Ok(None);
        };
        let event = match due {
            Due::Key => Event::Delete,
            Due::Material | Due::JobKey => Event::Expire,
        };
        self.reduce(keys, event, |change| {
            let Some(mut record) = change.get(uid)? else {
                return Ok(None);
            };
            // Another process may have done it, or a new import has come, meanwhile.
            if self::due(&record, now) != Some(due) {
                return Ok(None);
            }
            match due {
                Due::Material => external::erase(change, &mut record)?,
                Due::Key | Due::JobKey => external::remove(change, &record)?,
            }
            Ok(Some(due))
        })
    }
}

fn due(record: &Record, now: UnixTime) -> Option<Due> {
    let attributes = &record.attributes;
    if byok::expired(external::gone_at(attributes), now) {
        return Some(if external::of_job(attributes) {
            Due::JobKey
        } else {
            Due::Key
        });
    }
    external::stale(attributes, now).then_some(Due::Material)
}
