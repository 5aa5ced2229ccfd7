//! The door between callers and an engine: what a snapshot reads, and what a change does.
//!
//! Callers use the names `Snapshot` and `Tx`. An engine implements the two traits behind them,
//! `ReadRows` and `ChangeRows`, so callers do not depend on an engine.

use std::ops::{ControlFlow, RangeInclusive};

use super::error::{Error, Result};
use super::row::{
    ArchivedObject, AuditRow, DuePlace, Head, MaterialRow, Posting, Row, SearchConditions,
    SearchPlace, Uid,
};

/// One consistent state of the store. It is valid while the closure that received it runs.
pub type Snapshot<'c> = dyn ReadRows + 'c;

/// A change that is being made. Its reads see its own writes; it is committed whole or not at all.
pub type Tx<'c> = dyn ChangeRows + 'c;

/// Reads of one state of the store.
///
/// # Errors
/// `Busy`, `Corrupt` or the engine's own failure, from every method.
pub trait ReadRows {
    /// How many transactions with changes the store had seen at this state: the key for a cache
    /// of what is read here. It never falls, and states with the same number are the same.
    ///
    /// Inside `write` it is the number of the last commit, while the reads see more: never key a
    /// cache by it there.
    fn generation(&self) -> Result<u64>;

    /// The value that `set_meta` stored under `name`.
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// The names of `set_meta`, in ascending order.
    fn meta_names(&self) -> Result<Vec<String>>;

    /// The object named `uid`.
    fn object(&self, uid: &Uid) -> Result<Option<Row>>;

    /// The object named `uid` and its material, both of them by one read.
    fn load(&self, uid: &Uid) -> Result<Option<(Row, Option<MaterialRow>)>> {
        self.load_among(&(*uid..=*uid))
    }

    /// As `load`, the object whose name is among `uids`; `None` where that is none or several.
    fn load_among(&self, uids: &RangeInclusive<Uid>) -> Result<Option<(Row, Option<MaterialRow>)>>;

    /// The material of the object named `uid`.
    fn material(&self, uid: &Uid) -> Result<Option<MaterialRow>>;

    /// Calls `each` with every object that meets the search, once each and in no particular order,
    /// until `each` breaks off. Costs O(log n + size of the smallest list among the postings and the
    /// objects of that class and key type).
    fn find(
        &self,
        search: &SearchConditions<'_>,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()> {
        self.find_from(search, &mut SearchPlace::default(), each)
    }

    /// As `find`, with the objects after `place`, which becomes that of the last object read. So a search that
    /// `each` broke off goes on in another state of the store: each object that is there all the time is
    /// found once.
    fn find_from(
        &self,
        search: &SearchConditions<'_>,
        place: &mut SearchPlace,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()>;

    /// How many objects meet the search.
    fn count(&self, search: &SearchConditions<'_>) -> Result<u64> {
        let mut count = 0;
        self.find(search, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// At most `limit` of the objects with an `expires_at` or `deletion_at` in 1..=`now`, each with
    /// its place, beginning after the place `after`. Times beyond `i64::MAX` are never due.
    fn due(&self, now: u64, after: DuePlace, limit: usize) -> Result<Vec<(DuePlace, Uid)>>;

    /// How many objects have an empty `mac`, and the sum of their `sealed` bytes. Costs O(number of
    /// these objects).
    fn without_mac(&self) -> Result<(u64, u64)>;

    /// At most `limit` records from position `from_seq` on, in order.
    fn audit(&self, from_seq: u64, limit: usize) -> Result<Vec<AuditRow>>;

    /// The record with the highest position.
    fn audit_last(&self) -> Result<Option<AuditRow>>;

    /// At most `limit` of the objects that archived records name, in ascending order of uid,
    /// beginning after `after`.
    fn archived(&self, after: Option<&Uid>, limit: usize) -> Result<Vec<ArchivedObject>>;

    /// What archived records say of one object.
    fn archived_object(&self, uid: &Uid) -> Result<Option<ArchivedObject>>;

    /// Calls `each` with every object, in no particular order, until `each` breaks off. Reads the
    /// whole table itself, without an index.
    fn objects(&self, each: &mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<()>;

    /// The index rows that lead to the object named `uid`, in ascending order.
    fn postings(&self, uid: &Uid) -> Result<Vec<Posting>>;

    /// How many index rows there are. Reads the whole table.
    fn posting_count(&self) -> Result<u64>;

    /// How many materials there are. Reads the whole table.
    fn material_count(&self) -> Result<u64>;

    /// At most `limit` of the wrapped data keys that do not begin with `prefix`, each with the uid of its
    /// object, in ascending order of uid, beginning after `after`.
    fn data_keys_without(
        &self,
        prefix: &[u8],
        after: Option<&Uid>,
        limit: usize,
    ) -> Result<Vec<(Uid, Vec<u8>)>>;

    /// What the engine finds wrong with what it keeps: pages, its own indexes, rows that belong to no
    /// object. Nothing when all is sound. Reads everything.
    fn faults(&self) -> Result<Vec<String>>;
}

/// Writes of one change.
pub trait ChangeRows: ReadRows {
    /// Keeps this change, which erases, from emptying the log when it is committed. A caller that
    /// makes several such changes empties the log once, by `Store::finish_erasing`, after the last.
    /// Where that call never comes, the next write or opening of any process empties it.
    fn postpone_emptying(&self);

    /// Runs a part of the change. Where `part` returns false nothing of that part is kept, and the
    /// change can go on.
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

    /// Replaces the wrapped data key `old` of the object named `uid` by `new`. Where another is there, or none,
    /// nothing is changed.
    fn replace_data_key(&self, uid: &Uid, old: &[u8], new: &[u8]) -> Result<()>;

    /// Erases the material of the object named `uid`. Once the change is committed and no reader
    /// needs an earlier state, nothing that the engine keeps holds the material. Returns whether
    /// there was material.
    fn erase_material(&self, uid: &Uid) -> Result<bool>;

    /// Appends a record to the audit log.
    fn append_audit(&self, row: &AuditRow) -> Result<()>;

    /// Removes the records up to and including position `up_to`.
    fn remove_audit(&self, up_to: u64) -> Result<()>;

    /// Stores what archived records say of an object, and returns what they said before.
    fn put_archived(&self, object: &ArchivedObject) -> Result<Option<ArchivedObject>>;

    /// Removes what archived records say of an object, and returns it.
    fn remove_archived(&self, uid: &Uid) -> Result<Option<ArchivedObject>>;

    /// Accepts that the store has lost changes (`Store::loss`): it is used as it is from now on, and its generation
    /// becomes higher than any that was lost.
    fn accept_loss(&self) -> Result<()> {
        Ok(())
    }

    /// Empties the store: objects, postings, material, audit log and every name in `meta`. The
    /// generation goes on counting.
    fn clear(&self) -> Result<()>;
}

/// Names in `meta` with this prefix are the engine's own.
const RESERVED: &str = "store.";

/// Refuses a name of `meta` that belongs to the engine.
///
/// # Errors
/// `ReservedName`.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.starts_with(RESERVED) {
        return Err(Error::ReservedName);
    }
    Ok(())
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
        answer.ok_or(Error::RolledBack)
    }
}
