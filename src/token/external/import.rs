//! Imports: material binds an external key, or comes again to a key that is bound to it.

use std::ops::ControlFlow;

use crate::attr::{Attributes, Value};
use crate::byok::{self, Import, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Result, refuse};
use crate::keytype::Material;
use crate::log;
use crate::rng::random;
use crate::secret::Secret;
use crate::store::{Search, Snapshot, Uid};
use crate::token::change::transaction::Change;
use crate::token::identity::state::Keys;
use crate::token::record::domain::Domain;
use crate::token::record::key;
use crate::token::record::new::New;
use crate::token::record::statement::ImportFacts;
use crate::token::record::vault::{Record, Vault};

use super::template::{coerce, refuse_bound_identity};
use super::version;
use crate::token::record::external::{BINDING, facts, is_bound_to, is_external, profile_of};

pub(in crate::token) struct UnwrappedMaterial<'a> {
    /// All attributes that follow from the unwrap's template.
    pub(in crate::token) attributes: &'a Attributes,
    /// CKA_TENON_EXPIRES_AT of the template.
    pub(in crate::token) expires_at: Option<UnixTime>,
    pub(in crate::token) material: &'a Material,
    /// Whether it came out of the blob, and is not a pseudo-random key in place of a bad blob.
    pub(in crate::token) genuine: bool,
    /// Whether the wrapping mechanism protects integrity.
    pub(in crate::token) integrity: bool,
    pub(in crate::token) facts: &'a ImportFacts,
    /// Name of the wrapping algorithm, or of the mechanism where no service has such an algorithm.
    pub(in crate::token) algorithm: &'static str,
}

/// Imports material by (class, key type, CKA_ID). Where no external key has that name, one is made and
/// bound; else the same material is imported into it again. This is decided in one transaction: of two
/// processes that import at once one binds the key, and the other's material is compared with it.
/// Returns the key, and whether a new key shares its name with a key that is not external.
pub(in crate::token) fn import_by_id(
    change: &mut Change<'_>,
    keys: &Keys,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<(Record, bool)> {
    let (mut record, shared) = match change.bound_by_id(unwrapped.attributes)? {
        Some(record) => (record, false),
        None => {
            let shared = change.shares_name(unwrapped.attributes)?;
            (new_by_id(change, unwrapped.attributes)?, shared)
        }
    };
    import(change, keys, &mut record, unwrapped)?;
    Ok((record, shared))
}

pub(in crate::token) fn import_into(
    change: &mut Change<'_>,
    keys: &Keys,
    target: &Uid,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<()> {
    let mut record = change
        .get(target)?
        .filter(|record| is_external(&record.attributes))
        .ok_or(byok::Error::Job(byok::Refused::Target))?;
    import(change, keys, &mut record, unwrapped)
}

/// A new external key of profile `open`, under the name of these attributes.
fn new_by_id(change: &mut Change<'_>, attributes: &Attributes) -> Result<Record> {
    let mut attributes = attributes.clone();
    coerce(&mut attributes);
    let open = profile::open().name.as_bytes().to_vec();
    attributes.set(ck::CKA_TENON_PROFILE, Value::Bytes(open));
    let uid = change.begin_life(&attributes)?;
    Ok(New::with_uid(change.rng(), uid, attributes, None).record())
}

impl Change<'_> {
    /// Refuses a key with this uid and these attributes if an external key has the same name (class, key
    /// type, CKA_ID): a search by the name would find both (BYOK rule 12b). Public keys have no material
    /// to bind, so their names are free.
    pub(in crate::token) fn may_be_named(&self, uid: &Uid, attributes: &Attributes) -> Result<()> {
        if !has_name(attributes) {
            return Ok(());
        }
        match self.bound_by_id(attributes)? {
            Some(record) if record.uid != *uid => refuse_bound_identity(),
            _ => Ok(()),
        }
    }

    /// Whether a key that is not external has the name of a new external key. That key was there first, so
    /// it keeps its name, and the external key is bound all the same.
    pub(in crate::token) fn shares_name(&self, attributes: &Attributes) -> Result<bool> {
        for uid in namesakes(self.snapshot(), self.vault(), attributes)? {
            let other = self.get(&uid)?;
            if other.is_some_and(|record| !is_external(&record.attributes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Warns in the log that a new external key shares its name. Call it once the key is committed.
pub(in crate::token) fn note_shared_name() {
    log::note(
        LogLevel::Warning,
        "another key of this class and key type has the CKA_ID of the new external key: a search by it \
         finds both, so destroy the other or give it another CKA_ID",
    );
}

/// Whether the attributes are those of a private or secret key with a CKA_ID.
pub(in crate::token) fn has_name(attributes: &Attributes) -> bool {
    let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
    !id.is_empty() && matches!(attributes.class(), ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY)
}

/// Uids of the objects that the index lists under the name of these attributes.
fn namesakes(
    snapshot: &Snapshot<'_>,
    vault: &Vault<'_>,
    attributes: &Attributes,
) -> Result<Vec<Uid>> {
    let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
    let mut uids = Vec::new();
    for private in [false, true] {
        let postings = vault.postings(private, &[(ck::CKA_ID, id.to_vec())])?;
        let search = Search {
            class: Some(attributes.class()),
            key_type: attributes.key_type(),
            private: Some(private),
            hidden: None,
            postings: &postings,
        };
        snapshot.find(&search, &mut |head| {
            uids.push(head.uid);
            ControlFlow::Continue(())
        })?;
    }
    Ok(uids)
}

fn import(
    change: &mut Change<'_>,
    keys: &Keys,
    record: &mut Record,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<()> {
    let master = keys.master("an import needs the user's login")?;
    let fingerprint = Secret::copy(&fingerprint(
        master,
        &record.uid,
        &record.attributes,
        unwrapped.material,
    ));
    let current = is_bound_to(&record.attributes, &fingerprint);
    let mut older = None;
    // All are compared, so that the time does not tell which one matched.
    for version in version::older(change, &record.attributes)? {
        if is_bound_to(&version.attributes, &fingerprint) {
            older = Some(version);
        }
    }
    let external = facts(&record.attributes).unwrap_or_default();
    let import = Import {
        same: external.bound.then_some(current || older.is_some()),
        genuine: unwrapped.genuine,
        integrity: unwrapped.integrity,
        expires_at: unwrapped.expires_at,
    };
    let after = byok::import(
        &external,
        &import,
        profile_of(&record.attributes)?,
        change.now.at,
    )?;
    name(change, record, unwrapped)?;
    if let Some(mut version) = older {
        set_imported(&mut version.attributes, unwrapped, &after, change.now.at);
        let facts = unwrapped.facts;
        facts.note(&mut version.attributes, &record.uid, unwrapped.material);
        change.put(&mut version, Some(unwrapped.material))?;
        return change.put(record, None);
    }
    if external.version_pending && !after.version_pending {
        fits_again(&record.attributes, unwrapped.material)?;
        version::supersede(change, &keys.vault(), record)?;
    }
    if !current {
        let material_id: [u8; 16] = random(change.rng());
        let attributes = &mut record.attributes;
        attributes.set(BINDING, Value::Bytes(fingerprint.to_vec()));
        attributes.set(
            ck::CKA_TENON_MATERIAL_ID,
            Value::Bytes(material_id.to_vec()),
        );
    }
    set_imported(&mut record.attributes, unwrapped, &after, change.now.at);
    let facts = unwrapped.facts;
    facts.note(&mut record.attributes, &record.uid, unwrapped.material);
    key::describe(&mut record.attributes, unwrapped.material)?;
    change.put(record, Some(unwrapped.material))
}

/// Gives the key the label of the import's template, if that has one.
fn name(change: &Change<'_>, record: &mut Record, unwrapped: &UnwrappedMaterial<'_>) -> Result<()> {
    let label = unwrapped.attributes.bytes(ck::CKA_LABEL);
    let Some(label) = label.filter(|label| !label.is_empty()) else {
        return Ok(());
    };
    if record.attributes.bytes(ck::CKA_LABEL) != Some(label) {
        let label = Value::Bytes(label.to_vec());
        record.attributes.set(ck::CKA_LABEL, label);
        change.may_have_alias(&record.uid, &record.attributes)?;
    }
    Ok(())
}

/// Sets expiry, time and algorithm of an import.
fn set_imported(
    attributes: &mut Attributes,
    unwrapped: &UnwrappedMaterial<'_>,
    after: &byok::ExternalFacts,
    now: UnixTime,
) {
    for (kind, value) in [
        (
            ck::CKA_TENON_EXPIRES_AT,
            after.expires_at.to_be_bytes().to_vec(),
        ),
        (ck::INTERNAL_IMPORTED_AT, now.to_be_bytes().to_vec()),
        (
            ck::INTERNAL_IMPORTED_BY,
            unwrapped.algorithm.as_bytes().to_vec(),
        ),
    ] {
        attributes.set(kind, Value::Bytes(value));
    }
}

/// Refuses material of a new version that is not as long as that of the versions before it.
fn fits_again(attributes: &Attributes, material: &Material) -> Result<()> {
    let len = attributes.ulong(ck::CKA_VALUE_LEN);
    match material {
        Material::Secret(value) if len == Some(value.len() as u64) => Ok(()),
        _ => refuse(
            ck::CKR_WRAPPED_KEY_INVALID,
            "the blob does not hold a key of the external key's size",
        ),
    }
}

/// The keyed fingerprint that binds material to an external key (BYOK rules, section 1).
fn fingerprint(
    master: &Domain,
    uid: &Uid,
    attributes: &Attributes,
    material: &Material,
) -> [u8; 32] {
    let class = attributes.class().to_be_bytes();
    let key_type = attributes
        .key_type()
        .unwrap_or(ck::CK_UNAVAILABLE_INFORMATION)
        .to_be_bytes();
    let [parameters, first, second] = material.canonical();
    master.fingerprint(&[
        b"tenon binding 1",
        uid,
        &class,
        &key_type,
        parameters,
        first,
        second,
    ])
}
