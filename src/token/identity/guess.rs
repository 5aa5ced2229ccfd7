//! Guesses at PINs: how many are answered, and which have to wait.
//!
//! A guess in flight holds a place in a line beside the store, which the kernel gives back when its
//! process ends. A wrong guess is counted in the PIN's row, durably, before it is answered and before
//! its place is given back. A guess begins when the wrong guesses counted so far and the guesses ahead
//! of it in the line are together fewer than `pin.retries`; otherwise it waits. So over all threads and
//! processes no more than `pin.retries` wrong guesses are answered, and a guess that was not answered
//! because its process died counts for nothing.
//!
//! The guesses ahead are counted before the row is read, so a guess that ends in between is counted
//! twice rather than not at all.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::ck;
use crate::clock::Deadline;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::secret::Secret;
use crate::store::{Ticket, Tx};

use super::anchor::AnchoredStore;
use super::state::{Identity, TokenState};
use crate::token::identity::pin::{self, PinRow, PinStatus, Role};
use crate::token::record::domain::{Domain, Serial};

/// How long a guess waits for its turn. Each guess ahead takes one run of Argon2id. A wait this long
/// means that processes were stopped during guesses, as many as `pin.retries` leaves.
const PATIENCE: Duration = Duration::from_secs(60);

/// Wrong guesses that no file counts, since the store is read-only or the disk did not take them. They
/// outlive the token, so that opening it again allows no more guesses.
static UNWRITTEN: Mutex<BTreeMap<(Serial, Role), u32>> = Mutex::new(BTreeMap::new());

/// Locked while a wrong guess is counted, so that no other guess writes the same unwritten ones too.
static COUNTING: Mutex<()> = Mutex::new(());

/// The guesses of this process at the PINs of one token.
pub(in crate::token) struct Guesses {
    state: Arc<TokenState>,
    running: Mutex<usize>,
    ended: Condvar,
}

struct Running<'a>(&'a Guesses);

impl Guesses {
    pub(in crate::token) fn new(state: Arc<TokenState>) -> Self {
        Self {
            state,
            running: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Waits until fewer guesses run than `most` returns; `most` is called again whenever one has ended.
    fn enter(
        &self,
        deadline: Deadline,
        mut most: impl FnMut() -> Result<usize>,
    ) -> Result<Running<'_>> {
        let mut running = self.running.lock();
        while *running >= most()? {
            let left = deadline.left();
            if left.is_zero() {
                return Err(too_many());
            }
            self.ended.wait_for(&mut running, left);
        }
        *running += 1;
        Ok(Running(self))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running.lock() -= 1;
        // Wakes all of them: in a read-only store some of those that wait may not begin.
        self.0.ended.notify_all();
    }
}

impl Guesses {
    /// The master key, if `pin` is right. `wanted` is called when the guess's turn has come; where it
    /// returns an error, no guess is made. `store` counts a wrong guess.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED; CKR_FUNCTION_FAILED when too
    /// many guesses are in flight; the store's error where a wrong guess cannot be counted.
    pub(in crate::token) fn guess(
        &self,
        store: &AnchoredStore,
        role: Role,
        pin: &[u8],
        wanted: impl Fn() -> Result<()>,
    ) -> Result<Secret> {
        let identity = self.state.identity();
        if pin::is_blank(pin) {
            self.guessable_row(&identity, role)?;
            return refuse(
                ck::CKR_PIN_INCORRECT,
                "the PIN that was given is empty or blank, and no PIN is; this is not counted as a wrong one",
            );
        }
        let deadline = Deadline::after(PATIENCE);
        let _running = self.enter(deadline, || self.most_guesses(&identity, role))?;
        wanted()?;
        let (row, place) = self.begin_guess(&identity, role, deadline)?;
        match row.open(&self.state.config, &identity.serial, role, pin) {
            Ok(master) => {
                self.forget_wrong_guesses(&identity, role);
                Ok(master)
            }
            Err(refused) => {
                if refused.rv == ck::CKR_PIN_INCORRECT {
                    self.count_wrong_guess(store, &identity, role)?;
                    // It took so long that another guess may have begun in its place: it is not answered.
                    if place.is_some_and(|place| !place.is_held()) {
                        return Err(too_many());
                    }
                }
                Err(refused)
            }
        }
    }

    /// How many guesses may run in this process at once: Argon2id needs a processor and much memory for
    /// each. In a read-only store, where guesses hold no place in a line, also at most the tries left.
    fn most_guesses(&self, identity: &Identity, role: Role) -> Result<usize> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        if !self.state.config.read_only {
            return Ok(processors);
        }
        if !self.state.config.read_only_login {
            return refuse(
                ck::CKR_TOKEN_WRITE_PROTECTED,
                "wrong PINs cannot be counted in a read-only store: set `policy.read_only_login` to allow it",
            );
        }
        let (_, left) = self.guessable_row(identity, role)?;
        Ok(processors.min(left))
    }

    /// Waits for the guess's turn. Returns the PIN's row and the guess's place in the line.
    fn begin_guess(
        &self,
        identity: &Identity,
        role: Role,
        deadline: Deadline,
    ) -> Result<(PinRow, Option<Ticket>)> {
        if self.state.config.read_only {
            return Ok((self.guessable_row(identity, role)?.0, None));
        }
        let mut admitted = None;
        let place = self.state.store.queue(line(role), deadline, |ahead| {
            let (row, left) = self.guessable_row(identity, role)?;
            let admit = ahead < left;
            admitted = Some(row);
            Ok::<_, Error>(admit)
        })?;
        match (admitted, place) {
            (Some(row), Some(place)) => Ok((row, Some(place))),
            _ => Err(too_many()),
        }
    }

    /// The row of a PIN that may be guessed at, and how many tries are left.
    fn guessable_row(&self, identity: &Identity, role: Role) -> Result<(PinRow, usize)> {
        let row = self.pin_row(&identity.public, role)?;
        match usize::try_from(self.tries_left(identity, role, &row)) {
            Ok(0) | Err(_) => Err(locked(role)),
            _ if !row.is_set() => Err(pin::not_initialized()),
            Ok(left) => Ok((row, left)),
        }
    }

    fn tries_left(&self, identity: &Identity, role: Role, row: &PinRow) -> u32 {
        let wrong = row.failures.saturating_add(unwritten(identity, role));
        self.state.config.pin_retries.saturating_sub(wrong)
    }

    /// Counts a wrong guess, durably. A count that cannot be written is remembered until it can be.
    fn count_wrong_guess(
        &self,
        store: &AnchoredStore,
        identity: &Identity,
        role: Role,
    ) -> Result<()> {
        let whose = (identity.serial, role);
        let _alone = COUNTING.lock();
        let wrong = {
            let mut counts = UNWRITTEN.lock();
            let wrong = counts.entry(whose).or_default();
            *wrong += 1;
            *wrong
        };
        if self.state.config.read_only {
            return Ok(());
        }
        self.state.on_a_full_disk_too(|| {
            store.write_anyhow(|tx| {
                set_wrong_guesses(tx, identity, role, |n| n.saturating_add(wrong))
            })
        })?;
        UNWRITTEN.lock().remove(&whose);
        Ok(())
    }

    /// Sets the count to 0 after a right guess. Nothing is written where nothing was counted. A count that
    /// cannot be reset does not refuse the login: it stays, and the log says so.
    fn forget_wrong_guesses(&self, identity: &Identity, role: Role) {
        UNWRITTEN.lock().remove(&(identity.serial, role));
        if self.state.config.read_only {
            return;
        }
        let forgotten = self.pin_row(&identity.public, role).and_then(|row| {
            if row.failures == 0 {
                return Ok(());
            }
            self.state.on_a_full_disk_too(|| {
                self.state
                    .store
                    .write_relaxed(|tx| set_wrong_guesses(tx, identity, role, |_| 0))
            })
        });
        if let Err(error) = forgotten {
            log::note(
                LogLevel::Warning,
                &format!("the count of wrong PINs was not set back after a right one: {error}"),
            );
        }
    }

    fn pin_row(&self, public: &Domain, role: Role) -> Result<PinRow> {
        let row = self
            .state
            .store
            .read(|snapshot| snapshot.meta(role.row()).map_err(Error::from))?;
        PinRow::decode(public, role, row.as_deref())
    }

    pub(in crate::token) fn status(&self, role: Role) -> Result<PinStatus> {
        let identity = self.state.identity();
        match self.pin_row(&identity.public, role) {
            Ok(row) => {
                let unwritten = match self.state.config.read_only {
                    true => unwritten(&identity, role),
                    false => 0,
                };
                let wrong = row.failures.saturating_add(unwritten);
                Ok(PinStatus {
                    initialized: row.is_set(),
                    tries_left: self.state.config.pin_retries.saturating_sub(wrong),
                    guessed: wrong > 0,
                })
            }
            Err(error) if error.rv == ck::CKR_PIN_LOCKED => Ok(PinStatus::DAMAGED),
            Err(error) => Err(error),
        }
    }
}

fn unwritten(identity: &Identity, role: Role) -> u32 {
    let counts = UNWRITTEN.lock();
    counts.get(&(identity.serial, role)).copied().unwrap_or(0)
}

fn set_wrong_guesses(
    tx: &Tx<'_>,
    identity: &Identity,
    role: Role,
    change: impl FnOnce(u32) -> u32,
) -> Result<()> {
    identity.check(tx)?;
    let stored = tx.meta(role.row())?;
    let mut row = PinRow::decode(&identity.public, role, stored.as_deref())?;
    row.failures = change(row.failures);
    Ok(tx.set_meta(role.row(), &row.encode(&identity.public, role))?)
}

/// Number of the line in which guesses at this PIN wait.
fn line(role: Role) -> NonZeroU8 {
    match role {
        Role::So => NonZeroU8::MIN,
        Role::User => NonZeroU8::MIN.saturating_add(1),
    }
}

fn locked(role: Role) -> Error {
    Error::new(
        ck::CKR_PIN_LOCKED,
        match role {
            Role::User => {
                "too many wrong PINs have locked the user's PIN: the security officer sets a new one \
                 with C_InitPIN or `tenon pin unlock`"
            }
            Role::So => {
                "too many wrong PINs have locked the security officer's PIN for good: the user's PIN \
                 still opens the token's keys, so wrap those out that may leave, and make a new token \
                 (`tenon token delete` removes this one)"
            }
        },
    )
}

fn too_many() -> Error {
    Error::new(
        ck::CKR_FUNCTION_FAILED,
        format!(
            "many logins at once: this one waited {} seconds for its turn; try again, and look for \
             processes that were stopped in the middle of a login",
            PATIENCE.as_secs()
        ),
    )
}
