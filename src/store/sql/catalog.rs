//! The tokens of one database, each in a row whose slot number never changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::clock::Deadline;
use crate::config::Target;
use crate::store::catalog::{Catalog, Moving};
use crate::store::database::DatabaseStatus;
use crate::store::door::Tx;
use crate::store::error::{Error, Result};
use crate::store::file::{CopyProgress, FileCopy};
use crate::store::handle::Store;
use crate::store::line::Ticket;
use crate::store::modes::Options;
use crate::store::whole;

use super::answer::{Answer, Value};
use super::examine;
use super::lease::Losses;
use super::link::Link;
use super::pool::Pool;
use super::rows::SqlRows;
use super::schema;
use super::sql_store::SqlStore;

/// A process whose lease was asked for within this many seconds counts as using the token. One that has it open and
/// does nothing with it finds it gone.
const USED: f64 = 2.0;
/// How long a process that uses the token is waited for: it may have ended.
const PATIENCE: Duration = Duration::from_secs(4);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

const SLOTS: &str = "SELECT slot FROM tenon.token ORDER BY slot";
const MAKE: &str = "INSERT INTO tenon.token (slot, generation) VALUES ($1, $2) \
     ON CONFLICT (slot) DO NOTHING RETURNING id";
const REMOVE: &str = "DELETE FROM tenon.token WHERE slot = $1 RETURNING generation";
const USERS: &str = "SELECT count(*) FROM tenon.lease l JOIN tenon.token t ON t.id = l.token \
     WHERE t.slot = $1 AND l.seen > clock_timestamp() - make_interval(secs => $2) \
     AND l.writer <> ALL ($3)";

pub(in crate::store) struct SqlCatalog {
    pool: Arc<Pool>,
    busy_timeout: Duration,
    losses: Losses,
}

impl SqlCatalog {
    pub(in crate::store) fn new(target: Target, busy_timeout: Duration, losses: Losses) -> Self {
        Self {
            pool: Arc::new(Pool::new(target)),
            busy_timeout,
            losses,
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.busy_timeout)
    }

    fn place(&self, slot: u64) -> PathBuf {
        self.location(slot).into()
    }

    /// The rows that a query answers; none where the database has no tables of ours.
    fn ask(&self, sql: &str, values: &[Value<'_>]) -> Result<Answer> {
        let deadline = self.deadline();
        self.pool.with(deadline, |link| {
            if !schema::admit(link, deadline)? {
                return Ok(Answer::default());
            }
            link.collect(sql, values)?;
            Ok(link.run(deadline)?.last())
        })
    }

    /// Refuses a token that another process uses. One that has just ended is waited for.
    fn check_unused_by_others(&self, slot: u64) -> Result<()> {
        let waits = Deadline::after(PATIENCE);
        loop {
            let own = Value::Numbers(&self.pool.own());
            let answer = self.ask(USERS, &[number(slot), Value::Double(USED), own])?;
            match answer.rows.first().map(|row| row.int(0)).transpose()? {
                None | Some(0) => return Ok(()),
                Some(_) if waits.left().is_zero() => return Err(Error::InUse(None)),
                Some(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Makes a token's row, and what `fill` puts into it, in place of the one of that slot where `replace`.
    fn make_row(
        &self,
        slot: u64,
        replace: bool,
        least: u64,
        fill: &mut dyn FnMut(&Tx<'_>) -> Result<bool>,
    ) -> Result<()> {
        let deadline = self.deadline();
        let mut link = self.pool.take(deadline)?;
        schema::make(&mut link, deadline)?;
        let made = self.fill_row(&mut link, (slot, replace, least), deadline, fill);
        if made.is_err() {
            link.roll_back(self.deadline());
        }
        self.pool.give(link);
        made
    }

    fn fill_row(
        &self,
        link: &mut Link,
        (slot, replace, least): (u64, bool, u64),
        deadline: Deadline,
        fill: &mut dyn FnMut(&Tx<'_>) -> Result<bool>,
    ) -> Result<()> {
        link.begin()?;
        let mut generation = least;
        if replace {
            link.collect(REMOVE, &[number(slot)])?;
            let answer = link.run(deadline)?.last();
            if let Some(row) = answer.rows.first() {
                generation = generation.max(row.unsigned(0)? + 1);
            }
        }
        link.collect(MAKE, &[number(slot), Value::Int(generation.cast_signed())])?;
        let answer = link.run(deadline)?.last();
        let token = match answer.rows.first() {
            Some(row) => row.int(0)?,
            None => return Err(Error::Exists(self.place(slot))),
        };
        let rows = SqlRows::new(link, token, self.busy_timeout);
        if !fill(&rows)? {
            return Err(Error::RolledBack);
        }
        rows.flush()?;
        drop(rows);
        link.commit(self.deadline())
    }
}

fn number(slot: u64) -> Value<'static> {
    Value::Int(i64::try_from(slot).unwrap_or(i64::MAX))
}

impl Catalog for SqlCatalog {
    fn slots(&self) -> Result<Vec<u64>> {
        let answer = self.ask(SLOTS, &[])?;
        answer.rows.iter().map(|row| row.unsigned(0)).collect()
    }

    fn is_taken(&self, slot: u64) -> bool {
        // A database that does not answer has a token everywhere: nothing is made over it.
        self.slots().map_or(true, |slots| slots.contains(&slot))
    }

    fn misnamed(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(&self, slot: u64, options: &Options) -> Result<Store> {
        let pool = Arc::clone(&self.pool);
        SqlStore::open(pool, slot, self.place(slot), options, self.losses).map(Store::over)
    }

    /// The database lets one process alone make the row of a slot.
    fn lock(&self, _wait: Duration) -> Result<Ticket> {
        Ok(Ticket::of(()))
    }

    fn make_filled(&self, slot: u64, fill: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        self.make_row(slot, false, 0, &mut |tx| Ok(fill(tx)))
    }

    fn take_in(
        &self,
        slot: u64,
        moving: &Moving<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let least = moving.from.generation()?;
        self.make_row(slot, false, least, &mut |tx| {
            whole::copy_rows(moving.from, tx, Some(moving.but), progress)?;
            (moving.fill)(tx).map(|()| true)
        })
    }

    fn remove(&self, slot: u64) -> Result<()> {
        self.check_unused_by_others(slot)?;
        let deadline = self.deadline();
        let mut link = self.pool.take(deadline)?;
        link.collect(REMOVE, &[number(slot)])?;
        let answer = link.run(deadline)?.last();
        self.pool.give(link);
        match answer.rows.is_empty() {
            true => Err(Error::NotFound(self.place(slot))),
            false => Ok(()),
        }
    }

    fn read_backup(&self, file: &Path, progress: CopyProgress) -> Result<FileCopy> {
        FileCopy::of_file(file, &file.with_extension("restore"), progress)
    }

    fn check_unused(&self, slot: u64) -> Result<()> {
        self.check_unused_by_others(slot)
    }

    fn install(&self, copy: FileCopy, slot: u64) -> Result<()> {
        self.check_unused_by_others(slot)?;
        let source = copy.open()?;
        source.read(|snapshot| {
            let least = snapshot.generation()?;
            self.make_row(slot, true, least, &mut |tx| {
                whole::copy_rows(snapshot, tx, None, &mut |_, _| ()).map(|()| true)
            })
        })
    }

    fn is_place_of_token(&self, _path: &Path) -> bool {
        false
    }

    fn is_of_files(&self) -> bool {
        false
    }

    fn database(&self) -> Result<Option<DatabaseStatus>> {
        let deadline = self.deadline();
        let examined = self
            .pool
            .with(deadline, |link| examine::examine(link, deadline));
        examined.map(Some)
    }

    fn name(&self) -> String {
        self.pool.target().to_string()
    }

    fn location(&self, slot: u64) -> String {
        format!("{}, slot {slot}", self.pool.target())
    }
}
