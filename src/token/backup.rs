//! Copies of a token's file: making a backup, and what putting a copy back would undo.
//!
//! A copy is sealed as the token is, so it is made without a PIN and needs the token's own PINs. It
//! has the PINs, bindings, counters and the clock mark of the moment at which it was made.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::ck;
use crate::clock::{Clock, UnixTime};
use crate::config::Config;
use crate::error::{Error, Result, refuse};
use crate::policy::Login;
use crate::rng::Rng;
use crate::store::{Catalog, CopyProgress, FileCopy, SearchConditions, Snapshot};

use super::Token;
use super::change::counter::Counter;
use super::identity::anchor;
use super::identity::state::{Identity, LABEL_LEN};
use crate::token::identity::audit::{self, Doing, Event, Verified};
use crate::token::identity::pin::{PinRow, Role};
use crate::token::identity::time::{ClockMark, MARK_ROW};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::KEY_LEN;

/// Row of the time of the last backup: Unix seconds (8).
const LAST_BACKUP_ROW: &str = "backup";

/// A verified copy under a temporary name, removed when it is dropped unless published or installed.
pub struct TokenCopy {
    copy: FileCopy,
    /// The copy, opened as a read-only token.
    token: Token,
    status: CopyStatus,
}

/// Whose token a copy is, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatus {
    /// Blank padded, UTF-8.
    pub label: [u8; LABEL_LEN],
    /// 16 hexadecimal digits.
    pub serial: String,
    /// How many transactions changed the token.
    pub changes: u64,
    /// How many there are, of every class.
    pub objects: u64,
    /// Position of the last audit record.
    pub records: u64,
    /// Whether the token was noted in an anchor. With `store.anchor`, a restored copy of such a token
    /// is refused until the security officer accepts it.
    pub anchored: bool,
}

/// What is lost when a copy takes the place of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The token as it is now.
    pub now: CopyStatus,
    /// The copy is one of this token: serial number and store key are the same.
    pub same_token: bool,
    /// The token's record continues that of the copy. Else each has records that the other has not, as
    /// when two copies were restored and used.
    pub continues: bool,
    /// Keys that the token has and the copy has not.
    pub keys_lost: u64,
    /// Keys that the copy has and the token no longer has.
    pub keys_back: u64,
    /// The security officer's PIN is another one in the copy.
    pub so_pin: bool,
    /// The user's PIN is another one in the copy.
    pub user_pin: bool,
}

impl Token {
    /// Copies the token as it is now, while it may be used and changed by others, and verifies the copy as
    /// `TokenCopy::of_file` does; after a login also its audit record and every object.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED for a target that is a token's file; CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR.
    pub fn back_up(&self, target: &Path, progress: CopyProgress) -> Result<TokenCopy> {
        self.state.refresh()?;
        if self.state.store.is_place_of_token(target) {
            return refuse(
                ck::CKR_ACTION_PROHIBITED,
                "a backup among the files of tokens would be a second token of this serial number: choose another folder",
            );
        }
        let copy = self.state.store.copy(target, progress)?;
        let clock = self.state.time.clock();
        let copy = TokenCopy::verified(
            copy,
            self.state.config.clone(),
            clock,
            self.state.rng.clone(),
        )?;
        let keys = self.keys();
        if let Some(master) = &keys.master {
            copy.token.state.begin_login(keys.login, master.clone());
        }
        Ok(copy)
    }

    /// Notes that a backup was made now, which a monitor asks for. The backup itself does not say so.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR.
    pub fn note_backup(&self) -> Result<()> {
        self.check_writable()?;
        let keys = self.keys();
        let at = self.state.time.now().at.to_be_bytes();
        self.writer.store.write(|tx| -> Result<()> {
            keys.identity.check(tx)?;
            Ok(tx.set_meta(LAST_BACKUP_ROW, &at)?)
        })
    }

    /// When the last backup was made, in Unix seconds; `None` where none was. The time is not authenticated, and
    /// decides nothing.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn last_backup(&self) -> Result<Option<UnixTime>> {
        let row = self
            .state
            .store
            .read(|snapshot| snapshot.meta(LAST_BACKUP_ROW))?;
        let at = row.map(TryInto::try_into).transpose();
        let at = at.map_err(|_| damaged("the time of the last backup"))?;
        Ok(at.map(UnixTime::from_be_bytes))
    }

    /// What is lost when `copy` takes this token's place.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn undone_by(&self, copy: &TokenCopy) -> Result<Undone> {
        let (ours, theirs) = (self.state.identity(), copy.token.state.identity());
        let same_token = ours.store_key.ct_eq(&theirs.store_key);
        self.state.store.read(|now| {
            copy.token.state.store.read(|then| {
                let same_pin = |role: Role| -> Result<bool> {
                    let row = |identity: &Identity, snapshot: &Snapshot<'_>| {
                        PinRow::decode(
                            &identity.public,
                            role,
                            snapshot.meta(role.row())?.as_deref(),
                        )
                    };
                    // A damaged row locks its PIN, so no PIN is the same then.
                    let Ok(ours) = row(&ours, now) else {
                        return Ok(false);
                    };
                    Ok(ours.same_pin(&row(&theirs, then)?))
                };
                Ok(Undone {
                    now: status(&ours, now)?,
                    same_token,
                    continues: same_token && anchor::goes_on(now, then)?,
                    keys_lost: keys_missing(now, then)?,
                    keys_back: keys_missing(then, now)?,
                    so_pin: !same_pin(Role::So)?,
                    user_pin: !same_pin(Role::User)?,
                })
            })
        })
    }
}

impl TokenCopy {
    /// Copies the backup at `file`, to take the place of a token of the catalog, and verifies it:
    /// SQLite's integrity check, the token's identity, the PINs' rows, the clock mark and the audit
    /// record's key. What only a PIN can decrypt is not checked.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED for what is no token, CKR_DEVICE_ERROR for one that is damaged, or whose keys are
    /// sealed under a key that the file of `store.key_file` does not have.
    pub fn of_file(
        catalog: &dyn Catalog,
        file: &Path,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        progress: CopyProgress,
    ) -> Result<Self> {
        let copy = Self::verified(catalog.read_backup(file, progress)?, config, clock, rng)?;
        copy.token.check_numbered_key()?;
        Ok(copy)
    }

    fn verified(
        copy: FileCopy,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let mut read_only = (*config).clone();
        read_only.read_only = true;
        let token = Token::over(copy.open()?, Arc::new(read_only), clock, rng)?;
        let identity = token.state.identity();
        let status = token.state.store.read(|snapshot| {
            check(&identity, snapshot)?;
            status(&identity, snapshot)
        })?;
        Ok(Self {
            copy,
            token,
            status,
        })
    }

    /// What the copy holds.
    #[must_use]
    pub fn status(&self) -> &CopyStatus {
        &self.status
    }

    /// Checks the copy's audit record and every object. The token must have been logged in when it was
    /// copied.
    ///
    /// # Errors
    /// Those of `Token::verify_audit`.
    pub fn verify(&self) -> Result<Verified> {
        self.token.verify_audit()
    }

    /// Gives the copy its name, durably; with `replace` in place of a file that is there.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY.
    pub fn publish(self, replace: bool) -> Result<()> {
        let Self { copy, token, .. } = self;
        drop(token);
        Ok(copy.publish(replace)?)
    }

    /// Puts the copy in the place of the token of a slot, durably, and records that in its audit record;
    /// `replaced` is the number of changes of the token that was there. A process that is killed
    /// leaves the old token or the new one, whole. No token of this process may have the slot open.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR, when another process has the old token open too; CKR_DEVICE_MEMORY.
    pub fn install(
        self,
        catalog: &dyn Catalog,
        slot: ck::CK_SLOT_ID,
        replaced: Option<u64>,
    ) -> Result<()> {
        let Self { copy, token, .. } = self;
        let identity = token.state.identity();
        let mark = token.state.store.read(|snapshot| {
            ClockMark::decode(&identity.public, snapshot.meta(MARK_ROW)?.as_deref())
        })?;
        token.state.time.learn(mark);
        let now = token.state.time.now().at;
        drop(token);
        copy.amend(|tx| {
            let doing = match replaced {
                Some(changes) => Doing::from(Event::Restored).and(changes),
                None => Event::Restored.into(),
            };
            Counter::read(tx)?.after_restoring().write(tx)?;
            audit::append(tx, &doing.entry(Login::Public, now, ck::CKR_OK)).map(drop)
        })?;
        Ok(catalog.install(copy, slot)?)
    }
}

/// Reads everything that a token needs and that can be read without a PIN.
fn check(identity: &Identity, snapshot: &Snapshot<'_>) -> Result<()> {
    for role in [Role::So, Role::User] {
        PinRow::decode(
            &identity.public,
            role,
            snapshot.meta(role.row())?.as_deref(),
        )?;
    }
    ClockMark::decode(&identity.public, snapshot.meta(MARK_ROW)?.as_deref())?;
    let key = snapshot.meta(audit::KEY_ROW)?;
    let first = snapshot.meta(audit::FIRST_KEY_ROW)?;
    if first.is_none() || key.is_none_or(|key| key.len() != KEY_LEN) {
        return Err(damaged("the audit record's key"));
    }
    Ok(())
}

fn status(identity: &Identity, snapshot: &Snapshot<'_>) -> Result<CopyStatus> {
    Ok(CopyStatus {
        label: identity.label,
        serial: identity.serial_text(),
        changes: snapshot.generation()?,
        objects: snapshot.count(&SearchConditions::default())?,
        records: snapshot.audit_last()?.map_or(0, |row| row.seq),
        anchored: anchor::is_noted(snapshot)?,
    })
}

/// How many private and secret keys are in `there` and not in `here`.
fn keys_missing(there: &Snapshot<'_>, here: &Snapshot<'_>) -> Result<u64> {
    let mut missing = 0;
    for class in [ck::CKO_PRIVATE_KEY, ck::CKO_SECRET_KEY, ck::CKO_OTP_KEY] {
        let search = SearchConditions {
            class: Some(class),
            ..SearchConditions::default()
        };
        let mut failed = None;
        there.find(&search, &mut |head| match here.object(&head.uid) {
            Ok(object) => {
                missing += u64::from(object.is_none());
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        if let Some(error) = failed {
            return Err(Error::from(error));
        }
    }
    Ok(missing)
}
