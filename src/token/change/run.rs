//! Running a closure on a [`Change`] in one durable transaction.

use std::sync::atomic::Ordering;

use crate::ck;
use crate::config::AuditUse;
use crate::error::Result;
use crate::store::Tx;
use crate::token::cache::object::Object;
use crate::token::identity::audit::{Doing, Event, Touch, Touched};
use crate::token::identity::state::Keys;
use crate::token::identity::time::ClockMark;

use super::transaction::Change;
use super::writer::Writer;

impl Writer {
    /// Runs `f` in one durable transaction; on an error nothing of it is kept.
    pub(in crate::token) fn change<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        let counted = self.refusals.take(self.state.time.now().at);
        let done = self.store.write(|tx| {
            self.append_refusals(tx, keys, &counted)?;
            if !keys.logged_in() && doing.is_of_objects() {
                self.count_public_change(tx, keys)?;
            }
            self.record(tx, keys, doing, ck::CKR_OK, &f)
        });
        if done.is_err() {
            self.refusals.give_back(counted);
        }
        let (out, mark) = done?;
        self.state.time.learn(mark);
        Ok(out)
    }

    /// As `change`, without comparing the file with its anchor: see `AnchoredStore::write_anyhow`.
    pub(in crate::token) fn change_anyhow<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        let (out, mark) = self
            .store
            .write_anyhow(|tx| self.record(tx, keys, doing, ck::CKR_OK, &f))?;
        self.state.time.learn(mark);
        Ok(out)
    }

    /// Whether uses of keys are recorded at all.
    pub(in crate::token) fn records_uses(&self) -> bool {
        self.state.config.audit_use != AuditUse::Off && !self.state.config.read_only
    }

    /// Records that the use of a private or secret key begins, where `audit.use` is set. With `true` only the
    /// first use in each second waits for the disk, and what was written before it is then on the disk too.
    /// The anchor notes what is on the disk, so it notes that use alone.
    pub(in crate::token) fn record_use(
        &self,
        keys: &Keys,
        object: &Object,
        what: ck::CK_ATTRIBUTE_TYPE,
        mechanism: ck::CK_MECHANISM_TYPE,
    ) -> Result<()> {
        let secret = object.facts.key.as_ref().is_some_and(|key| key.secret);
        if !self.records_uses() || !secret {
            return Ok(());
        }
        let audit = self.state.config.audit_use;
        let doing = Event::Use.with(mechanism).and(what);
        let used = |change: &mut Change<'_>| {
            let label = change.sealed_label(&object.uid, object.attributes.bytes(ck::CKA_LABEL))?;
            change.entry.objects.push(Touched {
                touch: Touch::Used,
                uid: object.uid,
                class: object.class(),
                version: 0,
                seal: [0; 16],
                sealed_label: label,
                label: None,
            });
            Ok(())
        };
        if audit == AuditUse::Strict || self.begins_second() {
            return self.change(keys, doing, used);
        }
        let ((), mark) = self
            .state
            .store
            .write_relaxed(|tx| self.record(tx, keys, doing, ck::CKR_OK, used))?;
        self.state.time.learn(mark);
        Ok(())
    }

    /// Whether no use was recorded yet in this second of the token's time.
    fn begins_second(&self) -> bool {
        let now = self.state.time.now().at;
        self.use_recorded_at.swap(now, Ordering::Relaxed) != now
    }

    /// Runs `f` in `tx` and appends its record; also returns the clock mark that is committed with it.
    pub(in crate::token) fn record<T>(
        &self,
        tx: &Tx<'_>,
        keys: &Keys,
        doing: Doing,
        rv: ck::CK_RV,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<(T, ClockMark)> {
        let mut change = Change::new(tx, &self.state, keys, doing, rv)?;
        let out = f(&mut change)?;
        Ok((out, change.finish(keys)?))
    }
}
