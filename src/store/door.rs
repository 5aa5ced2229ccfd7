//! The door between callers and an engine: what a snapshot reads, and what a change does.
//!
//! Callers write `Snapshot` and `Tx`. An engine implements the two traits that stand behind these
//! names, and callers cannot tell which engine keeps their rows.

use std::ops::ControlFlow;

use super::error::Result;
use super::row::{
    ArchivedObject, AuditRow, DuePlace, Head, MaterialRow, Posting, Row, Search, Uid,
};

/// One consistent state of the store, for as long as the closure runs that got it.
pub type Snapshot<'c> = dyn ReadRows + 'c;

/// A change in the making. It reads its own changes, and is kept whole or not at all.
pub type Tx<'c> = dyn ChangeRows + 'c;

/// What can be read of one state. Every method also answers `Busy`, `Corrupt` or the engine's own
/// failure.
pub trait ReadRows {
    /// How many transactions with changes the store had seen at this state: the key for a cache
    /// of what is read here. It never falls, and no two states with one number differ.
    ///
    /// Inside `write` it is the number of the last commit, while the reads see more: never key a
    /// cache by it there.
    fn generation(&self) -> Result<u64>;

    /// The value that `set_meta` stored under `name`.
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// The object named `uid`.
    fn object(&self, uid: &Uid) -> Result<Option<Row>>;

    /// The object named `uid` and its material, both of them by one read.
    fn load(&self, uid: &Uid) -> Result<Option<(Row, Option<MaterialRow>)>>;

    /// The material of the object named `uid`.
    fn material(&self, uid: &Uid) -> Result<Option<MaterialRow>>;

    /// Calls `each` with every object that meets the search, once each and in no particular order,
    /// until it breaks off. Costs O(log n + size of the smallest list among the postings and the
    /// objects of that class and key type).
    fn find(
        &self,
        search: &Search<'_>,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()>;

    /// How many objects meet the search.
    fn count(&self, search: &Search<'_>) -> Result<u64> {
        let mut count = 0;
        self.find(search, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// At most `limit` of the objects with an `expires_at` or `deletion_at` in 1..=`now`, each with
    /// its place, from behind `after` on. Times beyond `i64::MAX` are never due.
    fn due(&self, now: u64, after: DuePlace, limit: usize) -> Result<Vec<(DuePlace, Uid)>>;

    /// Number of the objects whose `mac` is empty, and of the bytes that are sealed in them. Costs
    /// O(that number).
    fn without_mac(&self) -> Result<(u64, u64)>;

    /// At most `limit` records from position `from_seq` on, in order.
    fn audit(&self, from_seq: u64, limit: usize) -> Result<Vec<AuditRow>>;

    /// The record with the highest position.
    fn audit_last(&self) -> Result<Option<AuditRow>>;

    /// At most `limit` of what archived records say of objects, in the order of their names, from
    /// behind `after` on.
    fn archived(&self, after: Option<&Uid>, limit: usize) -> Result<Vec<ArchivedObject>>;

    /// What archived records say of one object.
    fn archived_object(&self, uid: &Uid) -> Result<Option<ArchivedObject>>;

    /// Calls `each` with every object, in no particular order, until it breaks off. Reads the whole
    /// table itself, and not what an index says of it.
    fn objects(&self, each: &mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<()>;

    /// The index rows that lead to the object named `uid`, in ascending order.
    fn postings(&self, uid: &Uid) -> Result<Vec<Posting>>;

    /// How many index rows there are. Reads the whole table.
    fn posting_count(&self) -> Result<u64>;

    /// How many materials there are. Reads the whole table.
    fn material_count(&self) -> Result<u64>;

    /// What the engine finds wrong with what it keeps: pages, its own indexes, rows that belong to no
    /// object. Nothing when all is sound. Reads everything.
    fn faults(&self) -> Result<Vec<String>>;
}

/// What one change may do.
pub trait ChangeRows: ReadRows {
    /// Leaves the emptying of the log, which follows a change that erases, to the caller: he makes
    /// several such changes and ends with `Store::finish_erasing`. If he never comes to that, the
    /// next write or opening of any process does it.
    fn postpone_emptying(&self);

    /// Runs a part of the change. Where it answers false nothing of that part is kept, and the change
    /// can go on.
    ///
    /// # Errors
    /// `RolledBack` where the engine has given up the whole transaction: the change fails then.
    fn part(&self, part: &mut dyn FnMut() -> bool) -> Result<()>;

    /// Inserts the object, or replaces the one of that name; exactly `postings` lead to it
    /// afterwards. Its material stays.
    fn put(&self, row: &Row, postings: &[Posting]) -> Result<()>;

    /// Removes the object, its postings and its material. Returns whether it was there.
    fn remove(&self, uid: &Uid) -> Result<bool>;

    /// Stores `value` under `name`, in place of what was there.
    ///
    /// # Errors
    /// `ReservedName` for names that begin with "store.".
    fn set_meta(&self, name: &str, value: &[u8]) -> Result<()>;

    /// Removes the value under `name`, if there is one.
    ///
    /// # Errors
    /// `ReservedName` for names that begin with "store.".
    fn remove_meta(&self, name: &str) -> Result<()>;

    /// Stores the material of the object named `uid`; material that was there is erased.
    ///
    /// # Errors
    /// `NoSuchObject` when the object is not in the store.
    fn put_material(&self, uid: &Uid, material: &MaterialRow) -> Result<()>;

    /// Erases the material of the object named `uid`, so that once the change is committed no earlier
    /// state of it remains in what the engine keeps, as soon as readers let it. Returns whether there
    /// was material.
    fn erase_material(&self, uid: &Uid) -> Result<bool>;

    /// Appends a record to the audit log.
    fn append_audit(&self, row: &AuditRow) -> Result<()>;

    /// Removes the records up to a position, that one included.
    fn remove_audit(&self, up_to: u64) -> Result<()>;

    /// Stores what archived records say of an object, and returns what they said before.
    fn put_archived(&self, object: &ArchivedObject) -> Result<Option<ArchivedObject>>;

    /// Removes what archived records say of an object, and returns it.
    fn remove_archived(&self, uid: &Uid) -> Result<Option<ArchivedObject>>;

    /// Empties the store: objects, postings, material, audit log and every name in `meta`. The
    /// generation goes on counting.
    fn clear(&self) -> Result<()>;
}

impl dyn ChangeRows + '_ {
    /// Runs a part of the change. On an error of `part` nothing of that part is kept, and the
    /// change can go on. The inner result is that of `part`.
    ///
    /// # Errors
    /// `RolledBack` where the engine has given up the whole transaction: the change fails then.
    pub fn attempt<T, E>(
        &self,
        part: impl Fn() -> std::result::Result<T, E>,
    ) -> Result<std::result::Result<T, E>> {
        let mut answer = None;
        self.part(&mut || answer.insert(part()).is_ok())?;
        answer.ok_or(super::error::Error::RolledBack)
    }
}
