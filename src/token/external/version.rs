//! Versions of an external key (BYOK rule 10).
//!
//! The key's own record is the current version. Each older version is a hidden record with its own
//! binding, material and expiry, so that it expires and is erased as a key is.

use std::sync::Arc;

use serde_json::json;

use crate::attr::{Attributes, Value};
use crate::byok::{self, OlderVersion, Rotation, State};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result};
use crate::keytype::{Key, Material};
use crate::mechanism::{self, Keyring};
use crate::rng::random;
use crate::store::{Snapshot, Uid};
use crate::token::cache::object::no_material;
use crate::token::cache::object::{Home, Object};
use crate::token::cache::objects::no_such_object;
use crate::token::change::transaction::Change;
use crate::token::identity::state::{Keys, TokenState};
use crate::token::record::damaged::damaged;
use crate::token::record::vault::{Record, Vault};

use super::public_half;
use crate::token::record::external::{
    BINDING, EXPIRED, ended, facts, has_profile, material_id, next_uid, of_material, older_uids,
    profile_of, set_older_lacking, unused_uids,
};
use crate::token::record::key;
use crate::token::record::stored;
use crate::token::record::uid::unique_id;

/// The attributes that another version takes over from its key.
const OF_KEY: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_TOKEN,
    ck::CKA_PRIVATE,
];
/// The attributes of one version's material, which go with it to another record.
const OF_MATERIAL: [ck::CK_ATTRIBUTE_TYPE; 15] = [
    ck::CKA_TENON_MATERIAL_ID,
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_ENDED_AT,
    ck::CKA_TENON_OWNER_NONCE,
    ck::INTERNAL_BINDING,
    ck::INTERNAL_IMPORTED_BY,
    ck::INTERNAL_IMPORTED_AT,
    ck::INTERNAL_ENDED_BY,
    ck::INTERNAL_BLOB_DIGEST,
    ck::INTERNAL_WRAPPING_DIGEST,
    ck::INTERNAL_MATERIAL_PROOF,
    ck::INTERNAL_SHARES_JOINED,
    ck::CKA_PUBLIC_KEY_INFO,
    ck::CKA_MODULUS,
    ck::CKA_EC_POINT,
];

/// The most ended materials that were never current of which a key keeps a record; the oldest goes first.
const MOST_UNUSED: usize = 64;

/// One version of an external key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its place among the key's versions, from 1; 0 of material for the next version that ended before it was
    /// current.
    pub number: usize,
    /// CKA_TENON_MATERIAL_ID; `None` before the first import into it.
    pub material_id: Option<[u8; 16]>,
    /// Whether it is the one that encrypts, and that all mechanisms but envelopes use.
    pub current: bool,
    /// Whether `rotate` makes it current.
    pub next: bool,
    /// The state that the key would have with this version alone.
    pub state: State,
    /// End of the material's life in Unix seconds; 0 = never, or no material.
    pub expires_at: UnixTime,
    /// Time of the last import into it, in Unix seconds; 0 = never, or not known.
    pub imported_at: UnixTime,
    /// When its material ended; 0 = never, or it lives.
    pub ended_at: UnixTime,
    /// Why it ended: "expired", "deleted" or "replaced"; empty where it lives or never came.
    pub ended_by: &'static str,
}

/// The older versions of an external key, the oldest first.
pub(in crate::token) fn older(change: &Change<'_>, attributes: &Attributes) -> Result<Vec<Record>> {
    read_older(attributes, |uid| change.get(uid))
}

/// The record with the material that `rotate` makes current.
pub(in crate::token) fn next(
    change: &Change<'_>,
    attributes: &Attributes,
) -> Result<Option<Record>> {
    read_next(attributes, |uid| change.get(uid))
}

fn read_next(
    attributes: &Attributes,
    get: impl Fn(&Uid) -> Result<Option<Record>>,
) -> Result<Option<Record>> {
    let missing = || damaged("a key's next version, which is missing,");
    let next = next_uid(attributes).map(|uid| get(&uid)?.ok_or_else(missing));
    next.transpose()
}

/// Notes in a key that needs all of its versions (BYOK rule 10, *pending*) whether an older one lacks its
/// material, and when the first of them ends. The caller stores the key.
pub(in crate::token) fn note_older(change: &Change<'_>, record: &mut Record) -> Result<()> {
    if !matches!(
        profile_of(&record.attributes)?.rotation,
        Rotation::Pending { .. }
    ) {
        return Ok(());
    }
    let older = older(change, &record.attributes)?;
    let older = older.iter().zip(1..).map(|(older, number)| {
        let named = material_id(&older.attributes).map(|material_id| OlderVersion {
            number,
            material_id,
        });
        (of_material(&older.attributes), named)
    });
    let missing = older.clone().find(|(facts, _)| !facts.material);
    let ends = older.filter(|(facts, _)| facts.expires_at != 0);
    let ends = ends.min_by_key(|(facts, _)| facts.expires_at);
    let end = ends.map_or(0, |(facts, _)| facts.expires_at);
    let attributes = &mut record.attributes;
    attributes.set(ck::INTERNAL_OLDER_MISSING, Value::Bool(missing.is_some()));
    attributes.set(ck::INTERNAL_OLDER_END, Value::time(end));
    set_older_lacking(attributes, missing.or(ends).and_then(|(_, named)| named));
    Ok(())
}

/// Erases the material of this row, and notes when and why it ended: `why`, unless it had expired. The caller stores
/// the record.
pub(super) fn erase_material(
    change: &mut Change<'_>,
    record: &mut Record,
    why: &[u8],
) -> Result<()> {
    let facts = of_material(&record.attributes);
    if facts.material {
        let expired = facts.stale(change.now.at);
        let at = if expired {
            facts.expires_at
        } else {
            change.now.at
        };
        let why = if expired { EXPIRED } else { why };
        let attributes = &mut record.attributes;
        let at = Value::time(at);
        attributes.set(ck::CKA_TENON_ENDED_AT, at);
        attributes.set(ck::INTERNAL_ENDED_BY, Value::Bytes(why.to_vec()));
    }
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    Ok(())
}

/// Ends the material that was imported for the key's next version, which is never current then. Its record stays,
/// for the statement of its end. `why` it ends, unless it has expired. The caller stores the key.
pub(super) fn end_next(change: &mut Change<'_>, key: &mut Record, why: &[u8]) -> Result<()> {
    let Some(mut next) = next(change, &key.attributes)? else {
        return Ok(());
    };
    erase_material(change, &mut next, why)?;
    // It is no version any more, so the key is not bound to it, and no monitor counts it.
    next.attributes.remove(BINDING);
    next.attributes.remove(ck::INTERNAL_VERSION_OF);
    let owner = Value::Bytes(key.uid.to_vec());
    next.attributes.set(ck::INTERNAL_UNUSED_OF, owner);
    change.put(&mut next, None)?;
    let mut unused = [unused_uids(&key.attributes), &[next.uid]].concat();
    while unused.len() > MOST_UNUSED {
        change.remove(&unused.remove(0))?;
    }
    let unused = Value::Bytes(unused.concat());
    key.attributes.set(ck::INTERNAL_UNUSED_VERSIONS, unused);
    key.attributes.remove(ck::INTERNAL_NEXT_VERSION);
    Ok(())
}

/// A new hidden record of a version of `key`, without material.
pub(in crate::token) fn new_record(change: &Change<'_>, key: &Record) -> Record {
    new_inner_record(change, key, ck::INTERNAL_VERSION_OF)
}

/// A new hidden record without material, which names `key` in its attribute `owner`.
pub(in crate::token) fn new_inner_record(
    change: &Change<'_>,
    key: &Record,
    owner: ck::CK_ATTRIBUTE_TYPE,
) -> Record {
    let mut attributes = Attributes::default();
    take_over(&mut attributes, &key.attributes, &OF_KEY);
    attributes.set(owner, Value::Bytes(key.uid.to_vec()));
    Record {
        uid: random(change.rng()),
        version: 0,
        attributes,
        trust_unproven: false,
    }
}

/// Gives attributes the values that others have of these kinds, and no value where they have none.
fn take_over(attributes: &mut Attributes, others: &Attributes, kinds: &[ck::CK_ATTRIBUTE_TYPE]) {
    for kind in kinds {
        match others.get(*kind) {
            Some(value) => attributes.set(*kind, value.clone()),
            None => drop(attributes.remove(*kind)),
        }
    }
}

/// Makes the next version current; what was current becomes an older version. The caller stores the key
/// with the material that this returns.
///
/// # Errors
/// `NoNext` where its material has expired meanwhile.
pub(in crate::token) fn promote(
    change: &mut Change<'_>,
    vault: &Vault<'_>,
    record: &mut Record,
) -> Result<Material> {
    let next = next(change, &record.attributes)?.ok_or(byok::Error::NoNext)?;
    let material = stored::read_material(vault, change.snapshot(), &next.uid, &next.attributes)?;
    let live = of_material(&next.attributes).live(change.now.at);
    let material = material.filter(|_| live).ok_or(byok::Error::NoNext)?;
    supersede(change, vault, record)?;
    take_over(&mut record.attributes, &next.attributes, &OF_MATERIAL);
    change.remove(&next.uid)?;
    record.attributes.remove(ck::INTERNAL_NEXT_VERSION);
    key::describe(&mut record.attributes, &material)?;
    note_older(change, record)?;
    Ok(material)
}

fn read_older(
    attributes: &Attributes,
    get: impl Fn(&Uid) -> Result<Option<Record>>,
) -> Result<Vec<Record>> {
    older_uids(attributes)
        .iter()
        .map(|uid| get(uid)?.ok_or_else(|| damaged("a key's older version, which is missing,")))
        .collect()
}

/// Makes the current version an older one, so that `record` can be bound to other material.
pub(in crate::token) fn supersede(
    change: &mut Change<'_>,
    vault: &Vault<'_>,
    record: &mut Record,
) -> Result<()> {
    let material =
        stored::read_material(vault, change.snapshot(), &record.uid, &record.attributes)?;
    let mut version = new_record(change, record);
    take_over(&mut version.attributes, &record.attributes, &OF_MATERIAL);
    change.put(&mut version, material.as_ref())?;
    public_half::retire(change, record, older_uids(&record.attributes).len() + 1)?;
    let uids = [older_uids(&record.attributes), &[version.uid]].concat();
    record
        .attributes
        .set(ck::INTERNAL_OLDER_VERSIONS, Value::Bytes(uids.concat()));
    for kind in [
        ck::CKA_CHECK_VALUE,
        ck::INTERNAL_VERSION_PENDING,
        ck::CKA_TENON_ENDED_AT,
        ck::INTERNAL_ENDED_BY,
    ] {
        record.attributes.remove(kind);
    }
    Ok(())
}

/// The versions of the key with this uid as `Token::versions` lists them, each with its record; a version that
/// waits for its material has none.
///
/// # Errors
/// As `Token::versions`.
pub(in crate::token) fn versions(
    state: &TokenState,
    keys: &Keys,
    uid: &Uid,
) -> Result<Vec<(Version, Option<Record>)>> {
    let now = state.time.now().at;
    let vault = keys.vault();
    state
        .store
        .read(|snapshot| versions_at(snapshot, &vault, uid, now))
}

/// The versions of each of the keys with these uids, all as of one state of the store.
///
/// # Errors
/// As `Token::versions`.
pub(in crate::token) fn versions_of_each(
    state: &TokenState,
    keys: &Keys,
    uids: &[Uid],
) -> Result<Vec<Vec<Version>>> {
    let now = state.time.now().at;
    let vault = keys.vault();
    state.store.read(|snapshot| {
        let versions = |uid| {
            let versions = versions_at(snapshot, &vault, uid, now)?.into_iter();
            Ok(versions.map(|(version, _)| version).collect())
        };
        uids.iter().map(versions).collect()
    })
}

/// What `versions` lists, of a key in one state of the store.
fn versions_at(
    snapshot: &Snapshot<'_>,
    vault: &Vault<'_>,
    uid: &Uid,
    now: UnixTime,
) -> Result<Vec<(Version, Option<Record>)>> {
    let get = |uid: &Uid| stored::read(vault, snapshot, uid);
    let key = get(uid)?.ok_or_else(no_such_object)?;
    let older = read_older(&key.attributes, get)?;
    let next = read_next(&key.attributes, get)?;
    let of = facts(&key.attributes).ok_or_else(|| {
        Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "this is no key with a profile, so it has no versions",
        )
    })?;
    let of_record = |record: &Record| of_attributes(&record.attributes, &of, now);
    let mut versions: Vec<_> = older
        .into_iter()
        .map(|record| (of_record(&record), Some(record)))
        .collect();
    let current = Version {
        current: true,
        ..of_record(&key)
    };
    versions.push((current, Some(key)));
    let waiting = of
        .version_pending
        .then(|| (of_attributes(&Attributes::default(), &of, now), None));
    let next = next.filter(|record| of_material(&record.attributes).live(now));
    let next = next.map(|record| (of_record(&record), Some(record)));
    versions.extend(waiting.into_iter().chain(next).map(|(version, record)| {
        let next = Version {
            next: true,
            ..version
        };
        (next, record)
    }));
    for (at, (version, _)) in versions.iter_mut().enumerate() {
        version.number = at + 1;
    }
    Ok(versions)
}

/// The materials that were imported for the next version of the key with this uid and ended before they were current,
/// the oldest first, each with its record.
///
/// # Errors
/// As `versions`.
pub(in crate::token) fn unused(
    state: &TokenState,
    keys: &Keys,
    uid: &Uid,
) -> Result<Vec<(Version, Record)>> {
    let vault = keys.vault();
    let now = state.time.now().at;
    state.store.read(|snapshot| {
        let get = |uid: &Uid| stored::read(&vault, snapshot, uid);
        let key = get(uid)?.ok_or_else(no_such_object)?;
        let of = facts(&key.attributes).unwrap_or_default();
        let records = unused_records(&key.attributes, get)?.into_iter();
        let listed = records.map(|record| (of_attributes(&record.attributes, &of, now), record));
        Ok::<_, Error>(listed.collect())
    })
}

/// The records of the materials that were imported for the next version and ended before they were current.
pub(in crate::token) fn unused_records(
    attributes: &Attributes,
    get: impl Fn(&Uid) -> Result<Option<Record>>,
) -> Result<Vec<Record>> {
    let missing = || damaged("a key's ended material, which is missing,");
    let uids = unused_uids(attributes).iter();
    uids.map(|uid| get(uid)?.ok_or_else(missing)).collect()
}

/// What the attributes of a version's record say of it, in a key with the facts `of`.
fn of_attributes(attributes: &Attributes, of: &byok::ExternalFacts, now: UnixTime) -> Version {
    let facts = of_material(attributes);
    let (ended_at, ended_by) = ended(attributes, now);
    Version {
        number: 0,
        material_id: material_id(attributes),
        current: false,
        next: false,
        state: byok::state(
            &byok::ExternalFacts {
                disabled: of.disabled,
                deletion_at: of.deletion_at,
                ..facts
            },
            now,
        ),
        expires_at: facts.expires_at,
        imported_at: attributes.time(ck::INTERNAL_IMPORTED_AT).unwrap_or(0),
        ended_at,
        ended_by,
    }
}

/// The versions as CKA_TENON_VERSIONS has them.
pub(in crate::token) fn json<'a>(versions: impl Iterator<Item = &'a Version>) -> String {
    let hex = |id: &[u8; 16]| String::from_utf8_lossy(&unique_id(id)).into_owned();
    let entries = versions.map(|version| {
        json!({
            "number": version.number,
            "material_id": version.material_id.as_ref().map(hex),
            "current": version.current,
            "state": version.state_name(),
            "expires_at": version.expires_at,
            "imported_at": version.imported_at,
            "ended_at": version.ended_at,
            "ended_by": version.ended_by,
        })
    });
    serde_json::Value::Array(entries.collect()).to_string()
}

impl Version {
    /// Whether the material is there and has not expired.
    #[must_use]
    pub fn has_material(&self) -> bool {
        self.material_id.is_some() && self.ended_at == 0
    }

    /// The state as the services name it: PendingImport, PendingRotation, Enabled, Disabled or
    /// PendingDeletion.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Enabled | State::Disabled if self.next => "PendingRotation",
            state => state.name(),
        }
    }
}

/// All versions of an external or managed key, ready to open envelopes; the current one also makes them.
///
/// # Errors
/// CKR_KEY_TYPE_INCONSISTENT for every other key.
pub(in crate::token) fn keyring(
    state: &TokenState,
    object: &Object,
    keys: &Keys,
) -> Result<Arc<Key>> {
    if let Some(keyring) = object.keyring.get() {
        return Ok(keyring.clone());
    }
    if !has_profile(&object.attributes) || !matches!(object.home, Home::Token { .. }) {
        return Err(Error::new(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "the mechanism takes external and managed keys alone, which have a CKA_TENON_PROFILE",
        ));
    }
    let vault = keys.vault();
    let keyring = state.store.read(|snapshot| {
        let get = |uid: &Uid| stored::read(&vault, snapshot, uid);
        // The versions and their material are read at one moment.
        let key = get(&object.uid)?.ok_or_else(no_such_object)?;
        object.check_not_older(key.version)?;
        let current = ready(&vault, snapshot, &key)?.ok_or_else(no_material)?;
        let (mut ready_versions, mut ended) = (Vec::new(), Vec::new());
        for (older, number) in read_older(&key.attributes, get)?.into_iter().zip(1..) {
            match ready(&vault, snapshot, &older)? {
                Some(version) => ready_versions.push((number, version)),
                None => ended.extend(material_id(&older.attributes).map(|id| (number, id))),
            }
        }
        Ok::<_, Error>(Keyring::new(object.uid, current, ready_versions, ended))
    })?;
    let keyring = Arc::new(Key::new(keyring));
    Ok(object.keyring.get_or_init(|| keyring).clone())
}

fn ready(
    vault: &Vault<'_>,
    snapshot: &Snapshot<'_>,
    record: &Record,
) -> Result<Option<mechanism::KeyringVersion>> {
    let material = stored::read_material(vault, snapshot, &record.uid, &record.attributes)?;
    let (Some(Material::Secret(material)), Some(id)) = (material, material_id(&record.attributes))
    else {
        return Ok(None);
    };
    let expires_at = record
        .attributes
        .time(ck::CKA_TENON_EXPIRES_AT)
        .unwrap_or(0);
    Ok(Some(mechanism::KeyringVersion::new(
        id, material, expires_at,
    )))
}
