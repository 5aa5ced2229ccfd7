//! Versions of an external key (BYOK rule 10).
//!
//! The key's own record is the current version. Each older version is a hidden record with its own
//! binding, material and expiry, so that it expires and is erased as a key is.

use std::sync::Arc;

use crate::attr::{Attributes, Value};
use crate::byok::{self, State};
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
use crate::token::record::external::time_value;
use crate::token::record::vault::{Record, Vault};

use crate::token::record::external::{facts, has_profile, material_id, of_material, older_uids};
use crate::token::record::stored;

/// The attributes that an older version takes over from its key.
const KEPT: [ck::CK_ATTRIBUTE_TYPE; 9] = [
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_TOKEN,
    ck::CKA_PRIVATE,
    ck::CKA_TENON_MATERIAL_ID,
    ck::CKA_TENON_EXPIRES_AT,
    ck::INTERNAL_BINDING,
    ck::INTERNAL_IMPORTED_BY,
    ck::INTERNAL_IMPORTED_AT,
];

/// One version of an external key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// CKA_TENON_MATERIAL_ID; `None` before the first import into it.
    pub material_id: Option<[u8; 16]>,
    /// Whether it is the one that encrypts, and that all mechanisms but envelopes use.
    pub current: bool,
    /// The state that the key would have with this version alone.
    pub state: State,
    /// End of the material's life in Unix seconds; 0 = never, or no material.
    pub expires_at: UnixTime,
    /// Time of the last import into it, in Unix seconds; 0 = never, or not known.
    pub imported_at: UnixTime,
}

/// The older versions of an external key, the oldest first.
pub(in crate::token) fn older(change: &Change<'_>, attributes: &Attributes) -> Result<Vec<Record>> {
    read_older(attributes, |uid| change.get(uid))
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
    let mut attributes = Attributes::default();
    for kind in KEPT {
        if let Some(value) = record.attributes.get(kind) {
            attributes.set(kind, value.clone());
        }
    }
    let key = Value::Bytes(record.uid.to_vec());
    attributes.set(ck::INTERNAL_VERSION_OF, key);
    let material =
        stored::read_material(vault, change.snapshot(), &record.uid, &record.attributes)?;
    let mut version = Record {
        uid: random(change.rng()),
        version: 0,
        attributes,
        trust_unproven: false,
    };
    change.put(&mut version, material.as_ref())?;
    let uids = [older_uids(&record.attributes), &[version.uid]].concat();
    record
        .attributes
        .set(ck::INTERNAL_OLDER_VERSIONS, Value::Bytes(uids.concat()));
    record.attributes.remove(ck::INTERNAL_VERSION_PENDING);
    Ok(())
}

/// See `Token::versions`.
pub(in crate::token) fn versions(
    state: &TokenState,
    keys: &Keys,
    uid: &Uid,
) -> Result<Vec<Version>> {
    let now = state.time.now().at;
    let vault = keys.vault();
    let (key, older) = state.store.read(|snapshot| {
        let get = |uid: &Uid| stored::read(&vault, snapshot, uid);
        let key = get(uid)?.ok_or_else(no_such_object)?;
        let older = read_older(&key.attributes, get)?;
        Ok::<_, Error>((key.attributes, older))
    })?;
    let of = facts(&key)
        .ok_or_else(|| Error::new(ck::CKR_TEMPLATE_INCONSISTENT, "this is not an external key"))?;
    let version = |attributes: &Attributes, current| Version {
        material_id: material_id(attributes),
        current,
        state: byok::state(
            &byok::ExternalFacts {
                disabled: of.disabled,
                deletion_at: of.deletion_at,
                ..of_material(attributes)
            },
            now,
        ),
        expires_at: time_value(attributes, ck::CKA_TENON_EXPIRES_AT),
        imported_at: time_value(attributes, ck::INTERNAL_IMPORTED_AT),
    };
    let mut versions: Vec<_> = older
        .iter()
        .map(|record| version(&record.attributes, false))
        .collect();
    versions.push(version(&key, true));
    if of.version_pending {
        versions.push(version(&Attributes::default(), false));
    }
    Ok(versions)
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
        let mut ready_versions = Vec::new();
        for older in read_older(&key.attributes, get)? {
            ready_versions.extend(ready(&vault, snapshot, &older)?);
        }
        Ok::<_, Error>(Keyring::new(object.uid, current, ready_versions))
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
    let expires_at = time_value(&record.attributes, ck::CKA_TENON_EXPIRES_AT);
    Ok(Some(mechanism::KeyringVersion::new(
        id, material, expires_at,
    )))
}
