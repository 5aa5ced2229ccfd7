//! Shares of an external key's material, which wait in the token until there are enough of them.
//!
//! A share that waits is a hidden record with a material of its own. Both the key and the import job that brought
//! it list it: the key to join its shares, the job to take those along that it brought.

use crate::attr::{Attributes, Value};
use crate::byok::{self, Act, Job, ShareRefusal};
use crate::ck;
use crate::config::LogLevel;
use crate::crypto::shares::{Sharing, check_value};
use crate::error::{Error, Result};
use crate::keytype::Material;
use crate::log;
use crate::mechanism::PrivateForm;
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::change::transaction::Change;
use crate::token::identity::state::Keys;
use crate::token::record::damaged::damaged;
use crate::token::record::external::{binding, facts, of_share, sharing};
use crate::token::record::key;
use crate::token::record::statement::{ImportFacts, shares_json};
use crate::token::record::stored;
use crate::token::record::vault::Record;
use crate::token::record::waiting::{WaitingShare, entries, set_entries};

use super::import::{UnwrappedMaterial, external_key, import_record};
use super::version::new_inner_record;

/// Which share comes, and by which job.
pub(in crate::token) struct NewShare<'a> {
    pub(in crate::token) number: u8,
    pub(in crate::token) job: &'a Job,
    /// The attributes that the whole material must fit.
    pub(in crate::token) shape: &'a Attributes,
}

/// A share with its value.
struct OpenedShare {
    number: u8,
    record: Record,
    value: Secret,
}

/// Takes a share of the key's material. The last one that is needed makes the material, which is imported
/// as any other is, and no share stays.
///
/// # Errors
/// `Share`, and those of an import; then nothing has changed.
pub(in crate::token) fn import_share(
    change: &mut Change<'_>,
    keys: &Keys,
    target: &Uid,
    new: &NewShare<'_>,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<()> {
    let mut key = external_key(change, target)?;
    byok::may(
        Act::Import,
        &facts(&key.attributes).unwrap_or_default(),
        change.now.at,
    )?;
    let sharing = sharing(&key.attributes).ok_or_else(|| refused(ShareRefusal::NotInShares))?;
    let came = share(change, &key, new, unwrapped)?;
    let mut shares = waiting(change, keys, &key)?;
    forget_same(change, &mut key, &mut shares, &came)?;
    differs_from_all(&shares, &came)?;
    if shares.len() + 1 < usize::from(sharing.needed()) {
        return keep(change, &mut key, came, new.job);
    }
    shares.push(came);
    shares.sort_by_key(|share| share.number);
    let whole = join(sharing, &shares)?;
    check(&whole, [&key.attributes, unwrapped.attributes])?;
    let material = key::from_clear(new.shape, &whole, PrivateForm::Pkcs8OrSm2Scalar)
        .ok_or_else(|| refused(ShareRefusal::Wrong))?;
    erase_waiting(change, &mut key)?;
    let joined = shares.iter().map(|share| &share.record.attributes);
    let facts = ImportFacts {
        shares: Some(shares_json(&check_value(&whole), joined)?),
        ..unwrapped.facts.clone()
    };
    let unwrapped = UnwrappedMaterial {
        material: &material,
        facts: &facts,
        ..*unwrapped
    };
    import_record(change, keys, &mut key, &unwrapped)
}

fn refused(why: ShareRefusal) -> Error {
    byok::Error::Share(why).into()
}

/// The share that comes, with what a receipt says of it.
fn share(
    change: &Change<'_>,
    key: &Record,
    new: &NewShare<'_>,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<OpenedShare> {
    let value = value_of(unwrapped.material)?.clone();
    let mut record = new_inner_record(change, key, ck::INTERNAL_SHARE_OF);
    let attributes = &mut record.attributes;
    let facts = unwrapped.facts;
    facts.note(attributes, &key.uid, unwrapped.material);
    for (kind, bytes) in [
        (ck::CKA_TENON_SHARE, vec![new.number]),
        (
            ck::CKA_TENON_SHARES_CHECK_VALUE,
            check_value(&value).to_vec(),
        ),
        (
            ck::INTERNAL_IMPORTED_AT,
            change.now.at.to_be_bytes().to_vec(),
        ),
        (
            ck::INTERNAL_IMPORTED_BY,
            unwrapped.algorithm.as_bytes().to_vec(),
        ),
    ] {
        attributes.set(kind, Value::Bytes(bytes));
    }
    Ok(OpenedShare {
        number: new.number,
        record,
        value,
    })
}

fn value_of(material: &Material) -> Result<&Secret> {
    match material {
        Material::Secret(value) => Ok(value),
        Material::Pair(_) => Err(damaged("a share")),
    }
}

/// The shares that wait, but for those whose job is over.
fn waiting(change: &Change<'_>, keys: &Keys, key: &Record) -> Result<Vec<OpenedShare>> {
    let mut shares = Vec::new();
    for entry in entries(&key.attributes) {
        if byok::expired(entry.not_after, change.now.at) {
            continue;
        }
        let missing = || damaged("a share of a key, which is missing,");
        let record = change.get(&entry.uid)?.ok_or_else(missing)?;
        let material = stored::read_material(
            &keys.vault(),
            change.snapshot(),
            &record.uid,
            &record.attributes,
        )?;
        shares.push(OpenedShare {
            number: entry.number,
            value: value_of(&material.ok_or_else(missing)?)?.clone(),
            record,
        });
    }
    Ok(shares)
}

/// Removes the share that waits under the number of the one that comes, if both are the same: it then
/// belongs to the job that brings it now.
fn forget_same(
    change: &mut Change<'_>,
    key: &mut Record,
    shares: &mut Vec<OpenedShare>,
    came: &OpenedShare,
) -> Result<()> {
    let Some(at) = shares.iter().position(|share| share.number == came.number) else {
        return Ok(());
    };
    let present = shares.remove(at);
    if !present.value.ct_eq(&came.value) {
        return Err(refused(ShareRefusal::Differs));
    }
    log::note(
        LogLevel::Warning,
        &format!(
            "share {} had come already, and is the same: it waits for the others",
            came.number
        ),
    );
    forget(key, &present.record.uid);
    change.remove(&present.record.uid)
}

/// Refuses a share whose value another number has already: two equal shares take each other out of an exclusive or,
/// and would make a key of what is left. All are compared, so that the time does not tell which one is equal.
fn differs_from_all(shares: &[OpenedShare], came: &OpenedShare) -> Result<()> {
    let equal = |share: &OpenedShare| share.value.ct_eq(&came.value);
    match shares.iter().fold(false, |any, share| equal(share) | any) {
        true => Err(refused(ShareRefusal::Repeats)),
        false => Ok(()),
    }
}

/// Takes a share off the key's list.
fn forget(key: &mut Record, share: &Uid) {
    let mut list = entries(&key.attributes);
    list.retain(|entry| entry.uid != *share);
    set_entries(&mut key.attributes, &list);
}

/// Stores a share that waits for others.
fn keep(
    change: &mut Change<'_>,
    key: &mut Record,
    mut share: OpenedShare,
    job: &Job,
) -> Result<()> {
    let entry = WaitingShare {
        number: share.number,
        not_after: job.not_after,
        uid: share.record.uid,
    };
    change.put(&mut share.record, Some(&Material::Secret(share.value)))?;
    add(change, key, entry)?;
    let brought_by = change.get(&job.wrapping)?;
    let mut brought_by = brought_by.ok_or_else(|| damaged("an import job, which is missing,"))?;
    add(change, &mut brought_by, entry)
}

/// Adds a share to the list of a key or a job, which forgets those that are gone.
fn add(change: &mut Change<'_>, owner: &mut Record, entry: WaitingShare) -> Result<()> {
    let mut list = Vec::new();
    for present in entries(&owner.attributes) {
        if change.get(&present.uid)?.is_some() {
            list.push(present);
        }
    }
    list.push(entry);
    set_entries(&mut owner.attributes, &list);
    change.put(owner, None)
}

fn join(sharing: Sharing, shares: &[OpenedShare]) -> Result<Secret> {
    let values = shares.iter().map(|share| (share.number, &*share.value));
    let values: Vec<(u8, &[u8])> = values.collect();
    let whole = sharing.join(&values);
    let whole = whole.map_err(|_| refused(ShareRefusal::Wrong))?;
    match Secret::zeroed(whole.len()).ct_eq(&whole) {
        true => Err(refused(ShareRefusal::Zero)),
        false => Ok(whole),
    }
}

/// Refuses what the shares make where the key or the import has another check value. That of the key is of its
/// first material: afterwards the binding tells, and a new version has a check value of its own.
fn check(whole: &[u8], [key, stated]: [&Attributes; 2]) -> Result<()> {
    let of_key = Some(key).filter(|key| binding(key).is_none());
    let expected = of_key.into_iter().chain([stated]);
    let expected = expected.filter_map(|of| of.bytes(ck::CKA_TENON_SHARES_CHECK_VALUE));
    let made = Secret::copy(&check_value(whole));
    for expected in expected {
        if !made.ct_eq(expected) {
            return Err(refused(ShareRefusal::Wrong));
        }
    }
    Ok(())
}

/// Erases the shares of a key that wait. The caller stores the key.
pub(in crate::token) fn erase_waiting(change: &mut Change<'_>, key: &mut Record) -> Result<()> {
    for entry in entries(&key.attributes) {
        if change.get(&entry.uid)?.is_some() {
            change.remove(&entry.uid)?;
        }
    }
    set_entries(&mut key.attributes, &[]);
    Ok(())
}

/// Erases the shares that an import job brought, or that wait for a key, before that is removed. Each key that
/// listed some of a job's shares is stored once.
pub(in crate::token) fn erase_with(change: &mut Change<'_>, owner: &Record) -> Result<()> {
    let mut erased = Vec::new();
    let mut keys = Vec::new();
    for entry in entries(&owner.attributes) {
        let Some(share) = change.get(&entry.uid)? else {
            continue;
        };
        let key = of_share(&share.attributes).filter(|key| *key != owner.uid);
        keys.extend(key.filter(|key| !keys.contains(key)));
        change.remove(&entry.uid)?;
        erased.push(entry);
    }
    for key in keys {
        let Some(mut key) = change.get(&key)? else {
            continue;
        };
        let mut list = entries(&key.attributes);
        list.retain(|entry| !erased.contains(entry));
        set_entries(&mut key.attributes, &list);
        change.put(&mut key, None)?;
    }
    Ok(())
}
