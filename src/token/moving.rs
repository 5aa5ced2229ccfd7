//! Moving a token to another catalog: from files to a database, and back.
//!
//! The token is copied while it is used, into a store that nobody can use yet, and each row is compared. Then one
//! change closes the source, if nothing was changed there since the copy was made; else the copy is made anew. Only then
//! is the target opened. A process that is killed leaves the source in use, or a whole target that the same command opens.

use std::cell::RefCell;
use std::sync::Arc;

use crate::ck;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result, refuse};
use crate::policy::Login;
use crate::store::{self, Catalog, Moving, Options, Store, Tx};

use super::Token;
use super::identity::passage::{ARRIVING_ROW, MOVED_ROW, Passage};
use super::identity::state::{IDENTITY_ROW, Identity, Keys, STORE_KEY_ROW};
use super::identity::time::{ClockMark, MARK_ROW, TokenTime};
use crate::token::identity::audit::{self, Doing, Event, Verified};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

/// How often a token that others change meanwhile is copied.
const TRIES: usize = 5;

/// Rows that differ between the source and the target of a move.
const OF_ONE_SIDE: [&str; 3] = [STORE_KEY_ROW, MOVED_ROW, ARRIVING_ROW];

/// What there is of a token that was moved, or is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveState {
    /// Neither: a token in use, or none.
    Unmoved,
    /// The token was moved to this place.
    Moved(String),
    /// The token comes from this place, and has not all come.
    Arriving(String),
}

/// A slot from which or to which a token moves.
pub struct Place<'a> {
    /// The tokens among which it is.
    pub catalog: &'a dyn Catalog,
    /// Its number.
    pub slot: ck::CK_SLOT_ID,
    /// How to open it.
    pub config: &'a Config,
}

impl Place<'_> {
    fn open(&self) -> store::Result<Store> {
        let options = Options {
            read_only: false,
            busy_timeout: self.config.busy_timeout,
        };
        self.catalog.open(self.slot, &options)
    }

    fn location(&self) -> String {
        self.catalog.location(self.slot)
    }

    /// What there is of a token that was moved.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn state(&self) -> Result<MoveState> {
        if !self.catalog.is_taken(self.slot) {
            return Ok(MoveState::Unmoved);
        }
        state(&self.open()?)
    }

    /// Opens a token that has all come, when its source is closed: the end of a move, on record.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED where no token is on its way here; CKR_DEVICE_ERROR.
    pub fn admit(&self, clock: &Arc<dyn Clock>) -> Result<()> {
        self.reopen(ARRIVING_ROW, Event::Moved, clock)
    }

    /// Opens a token again that was moved away.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED where it was not moved; CKR_DEVICE_ERROR.
    pub fn take_back(&self, clock: &Arc<dyn Clock>) -> Result<()> {
        self.reopen(MOVED_ROW, Event::TakenBack, clock)
    }

    fn reopen(&self, row: &str, event: Event, clock: &Arc<dyn Clock>) -> Result<()> {
        self.open()?.write(|tx| {
            let Some(passage) = Passage::read(tx, row)? else {
                return refuse(
                    ck::CKR_FUNCTION_FAILED,
                    format!("the slot has no token in this state ({row})"),
                );
            };
            let identity = tx.meta(IDENTITY_ROW)?;
            let serial = identity.as_deref().and_then(<[u8]>::first_chunk);
            let serial = serial.ok_or_else(|| damaged("the token's identity"))?;
            let public = Domain::new(&passage.store_key, serial);
            let mark = ClockMark::decode(&public, tx.meta(MARK_ROW)?.as_deref())?;
            let time = TokenTime::new(clock.clone(), self.config.clock_leap);
            time.learn(mark);
            tx.set_meta(STORE_KEY_ROW, &passage.store_key)?;
            tx.remove_meta(row)?;
            let entry = Doing::from(event).entry(Login::Public, time.now().at, ck::CKR_OK);
            audit::append(tx, &entry).map(drop)
        })
    }

    /// Removes what a move of this token that was cut off has left here.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED where another token is here, or a whole one.
    fn clear(&self, identity: &Identity) -> Result<()> {
        if !self.catalog.is_taken(self.slot) {
            return Ok(());
        }
        let passage = self.open().and_then(|store| {
            store.read(|snapshot| Ok::<_, store::Error>(Passage::read(snapshot, ARRIVING_ROW)))
        })?;
        match passage? {
            Some(passage) if passage.store_key.ct_eq(&identity.store_key) => {
                Ok(self.catalog.remove(self.slot)?)
            }
            _ => Err(self.taken()),
        }
    }

    fn taken(&self) -> Error {
        Error::new(
            ck::CKR_FUNCTION_FAILED,
            "there is a token already, which a move does not replace: remove it, or restore a backup there instead",
        )
        .at(self.location())
    }
}

fn state(store: &Store) -> Result<MoveState> {
    store.read(|snapshot| {
        if let Some(passage) = Passage::read(snapshot, MOVED_ROW)? {
            return Ok(MoveState::Moved(passage.place));
        }
        let arriving = Passage::read(snapshot, ARRIVING_ROW)?;
        Ok(arriving.map_or(MoveState::Unmoved, |passage| {
            MoveState::Arriving(passage.place)
        }))
    })
}

impl Token {
    /// Moves the token from `from`, which it was opened from, to `to`: whole and verified, and closed here. `progress`
    /// is called with the number of objects that were copied, and how many there are. Returns what the audit record of
    /// the target proves.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_TOKEN_WRITE_PROTECTED; CKR_FUNCTION_FAILED where there is a token already, or others
    /// change this one all the time; CKR_DEVICE_ERROR.
    pub fn move_to(
        &self,
        from: &Place<'_>,
        to: &Place<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Verified> {
        self.check_writable()?;
        let keys = self.keys();
        let master = keys.master("moving a token needs a login")?;
        let progress = RefCell::new(progress);
        for _ in 0..TRIES {
            let changes = self.copy_to(from, to, &keys.identity, &progress)?;
            if let Some(verified) = self.verify_copy(to, &keys, master, changes)?
                && self.close(to, &keys.identity, changes)?
            {
                to.admit(&self.state.time.clock())?;
                return Ok(verified);
            }
        }
        refuse(
            ck::CKR_FUNCTION_FAILED,
            "the token was changed each time while it was copied: stop the programs that change it, and try again",
        )
    }

    /// Copies the token, and returns the number of changes that the copy has.
    fn copy_to(
        &self,
        from: &Place<'_>,
        to: &Place<'_>,
        identity: &Identity,
        progress: &RefCell<&mut dyn FnMut(u64, u64)>,
    ) -> Result<u64> {
        self.state.store.read(|snapshot| {
            identity.check(snapshot)?;
            to.clear(identity)?;
            let key = &identity.store_key;
            let fill = |tx: &Tx<'_>| Passage::write(tx, ARRIVING_ROW, key, from.location());
            let moving = Moving {
                from: snapshot,
                but: STORE_KEY_ROW,
                fill: &fill,
            };
            let mut progress = progress.borrow_mut();
            match to.catalog.take_in(to.slot, &moving, &mut **progress) {
                Err(store::Error::Exists(_)) => Err(to.taken()),
                taken => Ok(taken.and_then(|()| snapshot.generation())?),
            }
        })
    }

    /// Compares each row, and verifies the audit record of the copy; `None` where the token has other changes.
    fn verify_copy(
        &self,
        to: &Place<'_>,
        keys: &Keys,
        master: &Domain,
        changes: u64,
    ) -> Result<Option<Verified>> {
        let target = to.open()?;
        self.state.store.read(|here| {
            if here.generation()? != changes {
                return Ok(None);
            }
            target.read(|there| {
                if let Some(what) = store::difference(here, there, &OF_ONE_SIDE)? {
                    return Err(damaged(format!("{what} in the copy of the token")));
                }
                audit::verify(there, &keys.vault(), master).map(Some)
            })
        })
    }

    /// Closes the token, unless it has other changes.
    fn close(&self, to: &Place<'_>, identity: &Identity, changes: u64) -> Result<bool> {
        self.state.store.write(|tx| {
            identity.check(tx)?;
            if tx.generation()? != changes {
                return Ok(false);
            }
            tx.remove_meta(STORE_KEY_ROW)?;
            Passage::write(tx, MOVED_ROW, &identity.store_key, to.location())?;
            Ok(true)
        })
    }
}
