//! The base: where the token's own records begin after archiving. It has the position, the authentication
//! code and the next key of the last archived record.
//!
//! An archived record may be the last one of an object, so version and fingerprint of each such object
//! stay in the store. The base has their number and a sum of keyed tags over them, and is sealed under
//! the master key.

use crate::error::Result;
use crate::rng::Rng;
use crate::store::{ArchivedObject, Snapshot, Tx, Uid};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

use super::chain::{self, FIRST_KEY_ROW, Link};
use super::{Entry, Touch, Touched};

/// Row of the base. It is absent until something is archived.
const BASE_ROW: &str = "audit.base";
/// How many objects are read at a time.
const PAGE: usize = 1000;

pub(in crate::token) struct Base {
    pub(in crate::token) link: Link,
    objects: u64,
    sum: [u8; 32],
}

impl Base {
    /// # Errors
    /// CKR_DEVICE_ERROR where the row is missing or damaged.
    pub(in crate::token) fn read(snapshot: &Snapshot<'_>, master: &Domain) -> Result<Self> {
        let Some(row) = snapshot.meta(BASE_ROW)? else {
            let first = snapshot.meta(FIRST_KEY_ROW)?;
            let first = first.ok_or_else(|| damaged("the audit record's key"))?;
            return Ok(Self {
                link: Link::first(master.open_value(FIRST_KEY_ROW, &first)?),
                objects: 0,
                sum: [0; 32],
            });
        };
        let value = master.open_value(BASE_ROW, &row)?;
        value
            .split_first_chunk()
            .and_then(|(objects, rest)| {
                let (sum, link) = rest.split_first_chunk()?;
                Some(Self {
                    objects: u64::from_be_bytes(*objects),
                    sum: *sum,
                    link: Link::decode(link)?,
                })
            })
            .ok_or_else(|| damaged("the base of the audit record"))
    }

    pub(in crate::token) fn write(
        &self,
        tx: &Tx<'_>,
        rng: &dyn Rng,
        master: &Domain,
    ) -> Result<()> {
        let clear = [
            &self.objects.to_be_bytes()[..],
            &self.sum,
            &self.link.encode(),
        ]
        .concat();
        let clear = crate::secret::Secret::from(clear);
        let sealed = master.seal_value(rng, BASE_ROW, &clear)?;
        Ok(tx.set_meta(BASE_ROW, &sealed)?)
    }

    /// Adds what an archived record says of its objects to what is kept of them.
    pub(in crate::token) fn take(
        &mut self,
        tx: &Tx<'_>,
        master: &Domain,
        object: &Touched,
    ) -> Result<()> {
        let before = match object.touch {
            Touch::Used => return Ok(()),
            Touch::Removed => tx.remove_archived(&object.uid)?,
            Touch::Put => {
                let kept = ArchivedObject {
                    uid: object.uid,
                    class: object.class,
                    version: object.version,
                    seal: object.seal,
                };
                self.objects += 1;
                self.toggle(master, &kept);
                tx.put_archived(&kept)?
            }
        };
        if let Some(before) = before {
            self.objects = self.objects.saturating_sub(1);
            self.toggle(master, &before);
        }
        Ok(())
    }

    /// Adds an object to the sum, or removes it: XOR of its tag. Each object is in the sum at most once.
    fn toggle(&mut self, master: &Domain, kept: &ArchivedObject) {
        let tag = master.tag(&[
            b"archived object",
            &kept.uid,
            &kept.class.to_be_bytes(),
            &kept.version.to_be_bytes(),
            &kept.seal,
        ]);
        for (sum, part) in self.sum.iter_mut().zip(tag) {
            *sum ^= part;
        }
    }

    /// Passes what archived records say of each object that was there at the base to `each`.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where what is kept of them was edited; those of `each`.
    pub(in crate::token) fn objects(
        &self,
        snapshot: &Snapshot<'_>,
        master: &Domain,
        mut each: impl FnMut(&ArchivedObject) -> Result<()>,
    ) -> Result<()> {
        let mut found = Self {
            link: self.link.clone(),
            objects: 0,
            sum: [0; 32],
        };
        each_archived(snapshot, |kept| {
            found.objects += 1;
            found.toggle(master, kept);
            Ok(())
        })?;
        if (found.objects, found.sum) != (self.objects, self.sum) {
            return Err(damaged("what archived audit records say of objects"));
        }
        each_archived(snapshot, &mut each)
    }
}

/// Passes what archived records say of objects to `archived`, then every record of the token to
/// `each`, both once known to be genuine; returns the last record's position.
///
/// # Errors
/// Those of `chain::walk`, and CKR_DEVICE_ERROR where what is kept of archived records was edited.
pub(in crate::token) fn walk(
    snapshot: &Snapshot<'_>,
    master: &Domain,
    archived: impl FnMut(&ArchivedObject) -> Result<()>,
    each: impl FnMut(u64, Entry) -> Result<()>,
) -> Result<u64> {
    let base = Base::read(snapshot, master)?;
    base.objects(snapshot, master, archived)?;
    chain::walk(snapshot, &base.link, each)
}

fn each_archived(
    snapshot: &Snapshot<'_>,
    mut each: impl FnMut(&ArchivedObject) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Uid> = None;
    loop {
        let page = snapshot.archived(after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.uid);
        page.iter().try_for_each(&mut each)?;
    }
}
