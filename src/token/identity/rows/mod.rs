//! The sum of the rows: it shows that others put back, removed or added the row of a key.
//!
//! Each row of a key is authenticated by itself, so an old row is as genuine as the present one. What
//! tells them apart is one more authenticated row: the sum, modulo 2^256, of a keyed code of every
//! private and secret key. A change of a key subtracts the code of the row that it replaces and adds
//! that of the new row, in the same transaction. Such keys are changed only after a login, so the
//! master key, under which the codes are made, is there.
//!
//! The code is made of what the audit record says of the key. So the sum also vouches for the audit
//! record: the last states of all keys in the record have the same sum.
//!
//! *An old sum with old rows.* The sum names the audit record of the change that made it. A later record
//! of a change to a key shows that the sum is an old one; so does an anchor, which knows the position
//! of the latest sum.

mod differences;
mod login;

use std::ops::ControlFlow;

use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{Row, Snapshot, Tx, Uid};

use crate::token::identity::audit::{Entry, Touch, seal_of};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

pub(in crate::token) use differences::differences;
pub(in crate::token) use login::suspects;

/// Row of the sum.
const ROW: &str = "rows";
const FORMAT: u8 = 1;
const TAG_LEN: usize = 32;

/// How many audit records after the sum's own a login reads.
const LATER_RECORDS: usize = 1000;

/// Whether the sum includes objects of this class.
fn counted(class: ck::CK_OBJECT_CLASS) -> bool {
    ck::holds_secret(class)
}

/// One version of a key, as the sum includes it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct RowVersion {
    uid: Uid,
    version: u64,
    /// Fingerprint of the row, as the audit record has it.
    seal: [u8; 16],
}

impl RowVersion {
    /// `None` where the sum does not include objects of this class.
    fn of(row: &Row) -> Option<Self> {
        counted(row.class).then(|| Self {
            uid: row.uid,
            version: row.version,
            seal: seal_of(row),
        })
    }

    fn code(&self, master: &Domain) -> [u8; 32] {
        let version = self.version.to_be_bytes();
        master.tag(&[b"tenon row 1", &self.uid, &version, &self.seal])
    }
}

/// A number modulo 2^256, big-endian.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Sum([u8; 32]);

impl Sum {
    fn add(&mut self, code: &[u8; 32]) {
        let mut carry = 0;
        for (to, from) in self.0.iter_mut().zip(code).rev() {
            let (sum, over) = to.overflowing_add(*from);
            let (sum, again) = sum.overflowing_add(carry);
            (*to, carry) = (sum, u8::from(over | again));
        }
    }

    fn subtract(&mut self, code: &[u8; 32]) {
        let mut borrow = 0;
        for (to, from) in self.0.iter_mut().zip(code).rev() {
            let (rest, under) = to.overflowing_sub(*from);
            let (rest, again) = rest.overflowing_sub(borrow);
            (*to, borrow) = (rest, u8::from(under | again));
        }
    }
}

/// Number and sum of rows. In a difference the number may be negative: it wraps.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    count: u64,
    sum: Sum,
}

impl Total {
    fn add(&mut self, master: &Domain, state: &RowVersion) {
        self.count = self.count.wrapping_add(1);
        self.sum.add(&state.code(master));
    }

    fn subtract(&mut self, master: &Domain, state: &RowVersion) {
        self.count = self.count.wrapping_sub(1);
        self.sum.subtract(&state.code(master));
    }
}

/// The difference that one change makes to the total.
#[derive(Default)]
pub(in crate::token) struct Moved {
    by: Total,
    any: bool,
    /// The highest life of a name that the change began: see `record::name`.
    life: u64,
}

impl Moved {
    /// The row `old` is replaced by `new`; `None` where there was none or is none.
    pub(in crate::token) fn replace(
        &mut self,
        master: Option<&Domain>,
        old: Option<&Row>,
        new: Option<&Row>,
    ) -> Result<()> {
        let (old, new) = (old.and_then(RowVersion::of), new.and_then(RowVersion::of));
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        let master = master.ok_or_else(|| {
            Error::new(
                ck::CKR_USER_NOT_LOGGED_IN,
                "changing a private key or a secret key needs a login",
            )
        })?;
        self.any = true;
        if let Some(old) = old {
            self.by.subtract(master, &old);
        }
        if let Some(new) = new {
            self.by.add(master, &new);
        }
        Ok(())
    }

    /// Notes that the change begins this life of a name.
    pub(in crate::token) fn begin_life(&mut self, life: u64) {
        self.life = self.life.max(life);
    }

    pub(in crate::token) fn life(&self) -> u64 {
        self.life
    }

    /// Stores the new total, as of the audit record with this position and code. A stored sum that is
    /// damaged, or an old one that was put back, is left as it is, so that every login finds it.
    pub(in crate::token) fn store(
        &self,
        tx: &Tx<'_>,
        master: Option<&Domain>,
        (position, record): (u64, [u8; 32]),
    ) -> Result<()> {
        let (true, Some(master)) = (self.any, master) else {
            return Ok(());
        };
        let Some(stored) = Rows::read(tx, master)? else {
            return Ok(());
        };
        if !stored.is_latest(tx, position)? {
            return Ok(());
        }
        let mut total = stored.total;
        total.count = total.count.wrapping_add(self.by.count);
        total.sum.add(&self.by.sum.0);
        Rows {
            position,
            record,
            total,
            lives: stored.lives.max(self.life),
        }
        .write(tx, master)
    }
}

/// The stored sum, with the audit record as of which it is.
pub(in crate::token) struct Rows {
    position: u64,
    /// Authentication code of that record.
    record: [u8; 32],
    total: Total,
    /// The highest life that any name of an external key has reached.
    lives: u64,
}

impl Rows {
    /// The sum of a token without objects, as of its first audit record.
    pub(in crate::token) fn first((position, record): (u64, [u8; 32])) -> Self {
        Self {
            position,
            record,
            total: Total::default(),
            lives: 0,
        }
    }

    /// Form: format (1) ‖ position (8) ‖ code of the record (32) ‖ count (8) ‖ lives (8) ‖ sum (32) ‖
    /// tag under the master key (32).
    pub(in crate::token) fn write(&self, tx: &Tx<'_>, master: &Domain) -> Result<()> {
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.position.to_be_bytes());
        out.extend_from_slice(&self.record);
        out.extend_from_slice(&self.total.count.to_be_bytes());
        out.extend_from_slice(&self.lives.to_be_bytes());
        out.extend_from_slice(&self.total.sum.0);
        let tag = master.tag(&[b"tenon rows 1", &out]);
        out.extend_from_slice(&tag);
        Ok(tx.set_meta(ROW, &out)?)
    }

    /// The stored sum; `None` when it is missing or not genuine.
    pub(in crate::token) fn read(snapshot: &Snapshot<'_>, master: &Domain) -> Result<Option<Self>> {
        let row = snapshot.meta(ROW)?;
        Ok(row.and_then(|row| Self::decode(&row, master)))
    }

    fn decode(row: &[u8], master: &Domain) -> Option<Self> {
        let (body, tag) = row.split_at_checked(row.len().checked_sub(TAG_LEN)?)?;
        let expected = Secret::copy(&master.tag(&[b"tenon rows 1", body]));
        if !expected.ct_eq(tag) {
            return None;
        }
        let (&[FORMAT], rest) = body.split_first_chunk()? else {
            return None;
        };
        let (position, rest) = rest.split_first_chunk()?;
        let (record, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (lives, sum) = rest.split_first_chunk()?;
        Some(Self {
            position: u64::from_be_bytes(*position),
            record: *record,
            total: Total {
                count: u64::from_be_bytes(*count),
                sum: Sum(sum.try_into().ok()?),
            },
            lives: u64::from_be_bytes(*lives),
        })
    }

    /// The highest life that any name of an external key has reached.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the stored sum is missing or not genuine.
    pub(in crate::token) fn lives(snapshot: &Snapshot<'_>, master: &Domain) -> Result<u64> {
        let rows = Self::read(snapshot, master)?;
        rows.map(|rows| rows.lives)
            .ok_or_else(|| damaged("the sum of the rows"))
    }

    /// Position of the audit record that the stored sum names, read without its tag, for the anchor; 0 when
    /// there is no sum.
    pub(in crate::token) fn position(snapshot: &Snapshot<'_>) -> Result<u64> {
        let row = snapshot.meta(ROW)?.unwrap_or_default();
        let position = row.get(1..9).and_then(|bytes| bytes.try_into().ok());
        Ok(position.map_or(0, u64::from_be_bytes))
    }

    /// What is wrong with the rows that are there; `None` when they agree with this sum, and the sum is the
    /// latest.
    pub(in crate::token) fn fault(
        &self,
        snapshot: &Snapshot<'_>,
        master: &Domain,
    ) -> Result<Option<&'static str>> {
        let present = present(snapshot, master, self.total.count)?;
        if present != self.total {
            return Ok(Some("rows of keys were put back, removed or added"));
        }
        Ok((!self.is_latest(snapshot, u64::MAX)?)
            .then_some("the sum of the rows is an old one, which was put back"))
    }

    /// Whether, by the audit record, no key changed after the record of this sum and before the record
    /// at `end`.
    fn is_latest(&self, snapshot: &Snapshot<'_>, end: u64) -> Result<bool> {
        let records = snapshot.audit(self.position, LATER_RECORDS + 1)?;
        let Some(first) = records.first() else {
            return Ok(false);
        };
        // A record that is missing here was archived.
        if first.seq == self.position && first.mac != self.record {
            return Ok(false);
        }
        let touches = |entry: Entry| {
            let mut objects = entry.objects.iter();
            objects.any(|object| object.touch != Touch::Used && counted(object.class))
        };
        let between = (self.position + 1)..end;
        let mut later = records.iter().filter(|row| between.contains(&row.seq));
        Ok(!later.any(|row| Entry::decode(&row.record).is_some_and(touches)))
    }
}

/// Total of the rows that are there. It stops early once there are more than `expected`.
fn present(snapshot: &Snapshot<'_>, master: &Domain, expected: u64) -> Result<Total> {
    let mut total = Total::default();
    snapshot.objects(&mut |row| {
        if let Some(state) = RowVersion::of(&row) {
            total.add(master, &state);
        }
        if total.count > expected {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_can_be_taken_out_again_in_any_order() {
        let codes = [[0xFF; 32], [0x80; 32], [1; 32], {
            let mut code = [0; 32];
            code[0] = 0xFE;
            code
        }];
        let mut sum = Sum::default();
        for code in &codes {
            sum.add(code);
        }
        let mut other = Sum::default();
        for code in codes.iter().rev() {
            other.add(code);
        }
        assert!(sum == other && sum != Sum::default());
        for code in [2, 0, 3, 1].map(|at: usize| codes[at]) {
            sum.subtract(&code);
        }
        assert!(sum == Sum::default());
        sum.subtract(&[0; 32]);
        assert!(sum == Sum::default());
    }
}
