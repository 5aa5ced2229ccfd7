//! Objects as the store has them now, and their keys ready for use. Every C_…Init comes here.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::keytype::{Key, Material};
use crate::mechanism::{HotpKey, Keyring, Mechanism};
use crate::policy::{self, Action, Caller, Effect, Refusal, Use};
use crate::secret::{Secret, with_wiped_stack};
use crate::store::{MaterialRow, Row, Uid};

use super::Token;
use super::cache::object::{no_material, older_row};
use super::change::password_counter::PasswordCounter;
use super::external::version;
use super::identity::state::{CallKeys, Keys};
use super::record::external::older_uids;
use crate::token::cache::handles::{Named, UidStart};
use crate::token::cache::object::{Handle, Home, Object};
use crate::token::cache::objects::{Known, no_such_object};
use crate::token::record::key;
use crate::token::record::provided::Provided;
use crate::token::record::stored;

/// A key that policy allows to be used.
pub struct UsableKey {
    /// Its facts decide whether an operation may go on.
    pub object: Arc<Object>,
    pub key: Arc<Key>,
}

impl Token {
    /// The object of `handle`, as the store has it now.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, also for a private object while the user is not logged in.
    pub fn object(&self, handle: Handle) -> Result<Arc<Object>> {
        Ok(self.object_now(handle)?.0)
    }

    /// As `object`, with the token's time.
    pub(super) fn object_now(&self, handle: Handle) -> Result<(Arc<Object>, UnixTime)> {
        let generation = || self.state.store.generation();
        if let Known::Object(object) = self.state.objects.get(handle, generation)?
            && let Some(now) = self.plainly_allowed(Action::See, &object)
        {
            return Ok((object, now));
        }
        let (object, keys) = self.current(handle)?;
        let now = self.time_of_call(&object, &keys);
        self.decide_at(now, Action::See, &object, &keys, false)?;
        Ok((object, now))
    }

    /// The token's time for a call with `object`, which stores the clock mark where that is due.
    fn time_of_call(&self, object: &Object, keys: &Keys) -> UnixTime {
        let reading = self.state.time.reading();
        self.writer.keep_time(reading, keys, object.limited());
        self.state.time.judged(reading).at
    }

    /// The object of `handle`, as the store has it now, and the keys of this call. Policy was not asked
    /// yet: the caller must ask it before it uses the object.
    pub(super) fn current(&self, handle: Handle) -> Result<(Arc<Object>, CallKeys)> {
        let now = || self.state.store.generation();
        let object = match self.state.objects.get(handle, now)? {
            Known::Object(object) => object,
            Known::Stale(object, read_at) => self.look_again(object, read_at)?,
            Known::Absent(Named::Stored(start)) => self.read_object(handle, start)?,
            Known::Absent(Named::Provided(provided)) => Arc::new(provided_object(handle, provided)),
        };
        // Reading may have found another token in the store, which ends the login.
        Ok((object, self.keys()))
    }

    /// `object` itself, if its row is still the one that was read at generation `read_at`; else the object as
    /// it is now.
    fn look_again(&self, object: Arc<Object>, read_at: u64) -> Result<Arc<Object>> {
        self.state.keep_up()?;
        if !matches!(object.home, Home::Token { .. }) {
            return Ok(object);
        }
        if let Some(generation) = self.state.store.untouched(&[&object.uid], read_at) {
            if generation != read_at {
                object.presence.confirm(generation);
            }
            return Ok(object);
        }
        let handle = object.handle;
        let seen = self.state.objects.seen(handle);
        let (row, generation) = self.row(&object.uid)?;
        let Some(row) = row else {
            self.state.objects.remove(handle);
            return Err(no_such_object());
        };
        let known = Some(Known::Stale(object, read_at));
        self.reopened(known, (handle, seen), &row, generation)
    }

    /// The object whose row is `row` at that generation: the one that is known, when it was read from
    /// this very row. `seen` is the highest version of the object that was read before the row was.
    pub(super) fn reopened(
        &self,
        known: Option<Known>,
        (handle, seen): (Handle, u64),
        row: &Row,
        generation: u64,
    ) -> Result<Arc<Object>> {
        if let Some(Known::Object(object) | Known::Stale(object, _)) = known
            && let Home::Token { version, seal } = &object.home
            && row.version == *version
            && end_of(row) == *seal
        {
            object.presence.confirm(generation);
            return Ok(object);
        }
        self.open_row((handle, seen), row, generation, None)
    }

    fn read_object(&self, handle: Handle, start: UidStart) -> Result<Arc<Object>> {
        self.state.keep_up()?;
        let uids = start.uids();
        let seen = self.state.objects.seen(handle);
        // The material comes with the row, so that the first use of the key reads nothing more.
        let (loaded, generation) = self.state.store.read(|snapshot| {
            Ok::<_, Error>((snapshot.load_among(&uids)?, snapshot.generation()?))
        })?;
        let Some((row, material)) = loaded.filter(|(row, _)| row.private == start.private) else {
            self.state.objects.remove(handle);
            return Err(no_such_object());
        };
        self.open_row((handle, seen), &row, generation, material)
    }

    /// The row of `uid`, and the store's generation at which it was read.
    fn row(&self, uid: &Uid) -> Result<(Option<Row>, u64)> {
        self.state
            .store
            .read(|snapshot| Ok((snapshot.object(uid)?, snapshot.generation()?)))
    }

    /// `material` was read with the row, if it was read. A row below the version that was `seen` before it was read
    /// was put back by others; what other threads see meanwhile says nothing of it.
    fn open_row(
        &self,
        (handle, seen): (Handle, u64),
        row: &Row,
        generation: u64,
        material: Option<MaterialRow>,
    ) -> Result<Arc<Object>> {
        let keys = self.keys();
        if row.private && keys.master.is_none() {
            return Err(no_such_object());
        }
        let record = keys.vault().open(row)?;
        if row.version < seen {
            return Err(older_row(&row.uid));
        }
        let home = Home::Token {
            version: row.version,
            seal: end_of(row),
        };
        let dates = self.state.config.enforce_dates;
        let mut object = Object::new(handle, record.uid, record.attributes, home, dates);
        object.sealed = Mutex::new(material);
        let object = Arc::new(object);
        // Without a login the tag under the master key was not checked, so a login drops what was read
        // before it, and an object read meanwhile is not remembered.
        self.state.while_login_lasts(&keys, || {
            self.state.objects.remember(object.clone(), generation);
        });
        Ok(object)
    }

    /// The key of `handle`, ready for use, if policy allows its use `what` by `mechanism` to begin.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE, and what
    /// `policy::decide` says.
    pub fn usable_key(
        &self,
        handle: Handle,
        what: Use,
        mechanism: &Mechanism,
    ) -> Result<UsableKey> {
        let (object, keys) = self.current(handle).map_err(as_key_error)?;
        self.decide(Action::Begin(what, mechanism.id), &object, &keys, false)?;
        fits(mechanism, &object)?;
        let key = if mechanism.keyring {
            version::keyring(&self.state, &object, &keys)
        } else if mechanism.counts {
            self.ready_to_count(&object, &keys)
        } else {
            self.ready(&object, &keys)
        };
        let key = key.map_err(as_key_error)?;
        self.hold_to_time(&object, &keys)?;
        if !mechanism.takes(key.bits()) {
            return refuse(
                ck::CKR_KEY_SIZE_RANGE,
                format!("{} takes no key of this size", mechanism.name),
            );
        }
        self.writer
            .record_use(&keys, &object, what.attribute(), mechanism.id)?;
        Ok(UsableKey { object, key })
    }

    /// As `usable_key`, for work that is ready with the key of `object` and was begun with the same mechanism for the
    /// same use. False where the object may no longer be what the store has: then `usable_key` is to be asked.
    ///
    /// # Errors
    /// As `usable_key`.
    pub(crate) fn usable_again(
        &self,
        object: &Object,
        what: Use,
        mechanism: &Mechanism,
    ) -> Result<bool> {
        let presence = &object.presence;
        if !presence.is_current(|| self.state.store.generation()) {
            return Ok(false);
        }
        presence.note_use();
        let action = Action::Begin(what, mechanism.id);
        if self.plainly_allowed(action, object).is_some() {
            return Ok(true);
        }
        let keys = self.keys();
        self.decide(action, object, &keys, false)?;
        self.writer
            .record_use(&keys, object, what.attribute(), mechanism.id)?;
        Ok(true)
    }

    /// Refuses to go on with an operation that was begun with `object`, if its use has ended since.
    ///
    /// # Errors
    /// Those of `policy::decide`.
    pub fn may_continue(&self, object: &Object) -> Result<()> {
        if !object.limited() && !self.state.store.is_shared_by_lease() {
            return Ok(());
        }
        let (current, keys) = self.current(object.handle).map_err(as_key_error)?;
        self.decide(Action::Continue, &current, &keys, false)?;
        self.hold_to_time(object, &keys)
    }

    /// The token's time, where policy allows an action from which nothing else follows: no record of the use and no clock
    /// mark. Needs no keys of the login.
    fn plainly_allowed(&self, action: Action, object: &Object) -> Option<UnixTime> {
        let login = self.state.login();
        let reading = self.state.time.reading();
        let caller = Caller {
            login,
            read_write: false,
        };
        let now = self.state.time.judged(reading).at;
        let is_plain = !self.writer.records_uses()
            && !self.writer.is_mark_due(reading, login, object.limited())
            && matches!(
                policy::decide(action, &object.facts, &caller, now),
                Ok(Effect::Done)
            );
        is_plain.then_some(now)
    }

    /// Asks policy. After a refusal because of time the clock mark is committed and expired material
    /// erased before this returns.
    pub(super) fn decide(
        &self,
        action: Action,
        object: &Object,
        keys: &Keys,
        read_write: bool,
    ) -> Result<Effect> {
        let now = self.time_of_call(object, keys);
        self.decide_at(now, action, object, keys, read_write)
    }

    /// As `decide`, at the time that `time_of_call` gave.
    fn decide_at(
        &self,
        now: UnixTime,
        action: Action,
        object: &Object,
        keys: &Keys,
        read_write: bool,
    ) -> Result<Effect> {
        match policy::decide(action, &object.facts, &keys.caller(read_write), now) {
            Ok(effect) => Ok(effect),
            Err(Refusal { error, time: false }) => Err(error),
            Err(Refusal { error, time: true }) => {
                self.writer.commit_mark(keys)?;
                // The commit may have made a reading that was in doubt the mark.
                if self.state.time.now().believed && matches!(object.home, Home::Token { .. }) {
                    self.sweeper.sweep_object(&self.writer, keys, &object.uid)?;
                    for older in older_uids(&object.attributes) {
                        self.sweeper.sweep_object(&self.writer, keys, older)?;
                    }
                }
                Err(self.state.time.explained(error))
            }
        }
    }

    pub(super) fn ready(&self, object: &Object, keys: &Keys) -> Result<Arc<Key>> {
        if let Some(key) = object.key.get() {
            return Ok(key.clone());
        }
        let key = with_wiped_stack(|| self.make_ready(object, keys))?;
        Ok(object.key.get_or_init(|| Arc::new(key)).clone())
    }

    /// A key for one-time passwords, with its counter.
    fn ready_to_count(&self, object: &Arc<Object>, keys: &Keys) -> Result<Arc<Key>> {
        let key = self.ready(object, keys)?;
        let Some(secret) = key.of::<Secret>() else {
            return Ok(key);
        };
        let number = |kind| object.attributes.ulong(kind).unwrap_or_default();
        Ok(Arc::new(Key::new(HotpKey {
            secret: secret.clone(),
            digits: usize::try_from(number(ck::CKA_OTP_LENGTH)).unwrap_or_default(),
            friendly: object.attributes.bool(ck::CKA_OTP_USER_FRIENDLY_MODE),
            requirement: number(ck::CKA_OTP_COUNTER_REQUIREMENT),
            counter: Box::new(PasswordCounter {
                writer: Arc::clone(&self.writer),
                object: Arc::clone(object),
            }),
        })))
    }

    fn make_ready(&self, object: &Object, keys: &Keys) -> Result<Key> {
        match &object.home {
            _ if object.class() == ck::CKO_PUBLIC_KEY => key::public(&object.attributes),
            Home::Session { material, .. } => {
                let material = material.as_ref().ok_or_else(no_material)?;
                key::ready(&object.attributes, material)
            }
            Home::Provided(_) => Err(no_material()),
            Home::Token { .. } => {
                let material = self
                    .stored_material(object, keys)?
                    .ok_or_else(no_material)?;
                key::ready(&object.attributes, &material)
            }
        }
    }

    /// Shuts the expired versions of a key that is ready for envelopes, and erases their material.
    fn hold_to_time(&self, object: &Object, keys: &Keys) -> Result<()> {
        let Some(keyring) = object.keyring.get().and_then(|key| key.of::<Keyring>()) else {
            return Ok(());
        };
        let now = self.state.time.now();
        if keyring.judge(|expires_at| !byok::expired(expires_at, now.at)) {
            return Ok(());
        }
        self.writer.commit_mark(keys)?;
        if !self.state.time.now().believed {
            return Ok(());
        }
        for uid in older_uids(&object.attributes) {
            self.sweeper.sweep_object(&self.writer, keys, uid)?;
        }
        Ok(())
    }

    pub(super) fn material(&self, object: &Object, keys: &Keys) -> Result<Option<Material>> {
        match &object.home {
            Home::Session { material, .. } => Ok(material.as_deref().cloned()),
            Home::Token { .. } => self.stored_material(object, keys),
            Home::Provided(_) => Ok(None),
        }
    }

    /// The material of a token object as it is now. Row and material are of one moment: either they were read together,
    /// or both are read here, since another process may have imported other material since `object` was read.
    fn stored_material(&self, object: &Object, keys: &Keys) -> Result<Option<Material>> {
        let vault = keys.vault();
        let sealed = object.sealed.lock().take();
        if let Some(row) = &sealed
            && vault.numbered.can_open(&row.data_key)
        {
            return stored::open_material(&vault, &object.uid, &object.attributes, sealed);
        }
        self.state.store.read(|snapshot| {
            let loaded = snapshot.load(&object.uid)?;
            let (row, material) = loaded.ok_or_else(no_such_object)?;
            object.check_not_older(row.version)?;
            let record = vault.open(&row)?;
            stored::open_material(&vault, &object.uid, &record.attributes, material)
        })
    }
}

fn provided_object(handle: Handle, provided: Provided) -> Object {
    let home = Home::Provided(provided);
    Object::new(handle, provided.uid(), provided.attributes(), home, false)
}

/// An invalid handle of a key is CKR_KEY_HANDLE_INVALID, and not CKR_OBJECT_HANDLE_INVALID.
pub(super) fn as_key_error(mut error: Error) -> Error {
    if error.rv == ck::CKR_OBJECT_HANDLE_INVALID {
        error.rv = ck::CKR_KEY_HANDLE_INVALID;
    }
    error
}

/// Refuses a key of a type that the mechanism does not take.
fn fits(mechanism: &Mechanism, object: &Object) -> Result<()> {
    if object
        .key_type()
        .is_some_and(|key_type| mechanism.key_types.contains(&key_type))
    {
        return Ok(());
    }
    refuse(
        ck::CKR_KEY_TYPE_INCONSISTENT,
        format!("{} takes no key of this type", mechanism.name),
    )
}

/// The last 16 bytes of the sealed object: its tag.
pub(super) fn end_of(row: &Row) -> [u8; 16] {
    let mut seal = [0; 16];
    if let Some(end) = row.sealed.last_chunk() {
        seal = *end;
    }
    seal
}
