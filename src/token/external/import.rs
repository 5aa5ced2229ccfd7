//! Imports: material binds an external key, or comes again to a key that is bound to it.

use crate::attr::{Attributes, Value};
use crate::byok::{self, Destination, Equal, Import, Imported, ShareRefusal, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::keytype::Material;
use crate::log;
use crate::rng::random;
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::change::transaction::Change;
use crate::token::identity::state::Keys;
use crate::token::record::domain::Domain;
use crate::token::record::key;
use crate::token::record::new::New;
use crate::token::record::statement::ImportFacts;
use crate::token::record::vault::Record;

use super::approval::may_replace;
use super::template::{coerce, refuse_bound_identity};
use super::{public_half, version};
use crate::token::record::external::{
    BINDING, REPLACED, facts, is_bound_to, is_external, is_managed, of_material, profile_of,
    sharing, spec_of,
};

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
    /// CKA_TENON_NEW_MATERIAL of the template.
    pub(in crate::token) new_material: bool,
    /// The template names CKA_ID, under which a private key's public key object is then made where there is none.
    pub(in crate::token) public_half: bool,
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
    import_record(change, keys, &mut record, unwrapped)?;
    Ok((record, shared))
}

pub(in crate::token) fn import_into(
    change: &mut Change<'_>,
    keys: &Keys,
    target: &Uid,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<()> {
    let mut record = external_key(change, target)?;
    import_record(change, keys, &mut record, unwrapped)
}

/// The external key into which an import goes.
pub(in crate::token) fn external_key(change: &Change<'_>, uid: &Uid) -> Result<Record> {
    let record = change.get(uid)?;
    let record = record.filter(|record| is_external(&record.attributes));
    Ok(record.ok_or(byok::Error::Job(byok::Refused::Target))?)
}

/// A new external key of profile `open`, under the name of these attributes.
fn new_by_id(change: &mut Change<'_>, attributes: &Attributes) -> Result<Record> {
    let mut attributes = attributes.clone();
    coerce(&mut attributes);
    attributes.remove(ck::CKA_TENON_NEW_MATERIAL);
    let created_at = Value::time(change.now.at);
    attributes.set(ck::CKA_TENON_CREATED_AT, created_at);
    let open = profile::open().name.as_bytes().to_vec();
    attributes.set(ck::CKA_TENON_PROFILE, Value::Bytes(open));
    let uid = change.begin_life(&attributes)?;
    let record = New::with_uid(change.rng(), uid, attributes, None).record();
    change.may_have_alias(&record.uid, &record.attributes)?;
    Ok(record)
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
            Some(record) if record.uid != *uid => refuse_bound_identity(""),
            _ => Ok(()),
        }
    }

    /// Whether an ordinary key has the name of a new external key. That key was there first, so it keeps its name,
    /// and the external key is bound all the same.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT where a managed key has the name.
    pub(in crate::token) fn shares_name(&self, attributes: &Attributes) -> Result<bool> {
        let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
        for uid in self.indexed(Some(attributes.class()), ck::CKA_ID, id)? {
            let other = self.get(&uid)?.map(|record| record.attributes);
            let Some(other) = other.filter(|other| other.key_type() == attributes.key_type())
            else {
                continue;
            };
            if is_managed(&other) {
                // It keeps its name for ever.
                return refuse_bound_identity("");
            }
            if !is_external(&other) {
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
    !id.is_empty() && ck::holds_secret(attributes.class())
}

/// Imports whole material into the key of this record, which this stores.
pub(in crate::token) fn import_record(
    change: &mut Change<'_>,
    keys: &Keys,
    record: &mut Record,
    unwrapped: &UnwrappedMaterial<'_>,
) -> Result<()> {
    if sharing(&record.attributes).is_some() && unwrapped.facts.shares.is_none() {
        return Err(byok::Error::Share(ShareRefusal::Whole).into());
    }
    let master = keys.master("an import needs the user's login")?;
    let fingerprint = Secret::copy(&fingerprint(
        master,
        &record.uid,
        &record.attributes,
        unwrapped.material,
    ));
    let (equal, version) = matching(change, record, &fingerprint)?;
    let external = facts(&record.attributes).unwrap_or_default();
    let profile = profile_of(&record.attributes)?;
    if unwrapped.new_material {
        byok::may_import_next(&external, profile, spec_of(&record.attributes))?;
    }
    let import = Import {
        equal: external.bound.then_some(equal),
        genuine: unwrapped.genuine,
        integrity: unwrapped.integrity,
        new_material: unwrapped.new_material,
        expires_at: unwrapped.expires_at,
    };
    let imported = byok::import(&external, &import, profile, change.now.at)
        .map_err(|refused| of_other(refused, profile, &record.attributes, unwrapped.material))?;
    let checked = key::agrees_with_check_value(unwrapped.attributes, unwrapped.material);
    checked.map_err(|error| of_check_value(error, unwrapped))?;
    name(change, record, unwrapped)?;
    if equal == Equal::None && external.bound {
        fits_again(&record.attributes, unwrapped)?;
        checked_shares(unwrapped)?;
    }
    match imported.to {
        Destination::Older | Destination::Next => {
            let version = version.map_or_else(|| next_version(change, record), Ok)?;
            let how = (&fingerprint, unwrapped, &imported);
            return into_version(change, record, version, how);
        }
        Destination::NewVersion => {
            if external.raw {
                note_raw_version();
            }
            version::supersede(change, &keys.vault(), record)?;
        }
        Destination::Current => {}
    }
    if equal != Equal::Current {
        bind(change, &mut record.attributes, &fingerprint);
    }
    set_imported(&mut record.attributes, unwrapped, &imported, change.now.at);
    unwrapped
        .facts
        .note(&mut record.attributes, &record.uid, unwrapped.material);
    if let Some(said) = unwrapped.attributes.get(ck::CKA_CHECK_VALUE) {
        record.attributes.set(ck::CKA_CHECK_VALUE, said.clone());
    }
    key::describe(&mut record.attributes, unwrapped.material)
        .map_err(|error| of_check_value(error, unwrapped))?;
    change.put(record, Some(unwrapped.material))?;
    if unwrapped.public_half && record.attributes.class() == ck::CKO_PRIVATE_KEY {
        public_half::make(change, keys, record)?;
    }
    Ok(())
}

/// Which of the key's materials has this fingerprint, and the record of its version where that is not the
/// key's own. All are compared, so that the time does not tell which one matched.
fn matching(
    change: &Change<'_>,
    key: &Record,
    fingerprint: &Secret,
) -> Result<(Equal, Option<Record>)> {
    let current = is_bound_to(&key.attributes, fingerprint);
    let mut found = (Equal::None, None);
    for older in version::older(change, &key.attributes)? {
        if is_bound_to(&older.attributes, fingerprint) {
            found = (Equal::Older, Some(older));
        }
    }
    // Material for the next version that has expired is forgotten, whether it was erased yet or not.
    if let Some(next) = version::next(change, &key.attributes)?
        && of_material(&next.attributes).live(change.now.at)
        && is_bound_to(&next.attributes, fingerprint)
    {
        found = (Equal::Next, Some(next));
    }
    Ok(if current {
        (Equal::Current, None)
    } else {
        found
    })
}

/// A record for the key's next version, in place of the one that is there.
fn next_version(change: &mut Change<'_>, key: &mut Record) -> Result<Record> {
    if let Some(present) = version::next(change, &key.attributes)? {
        if of_material(&present.attributes).live(change.now.at) {
            may_replace(&key.attributes)?;
        }
        version::end_next(change, key, REPLACED)?;
    }
    let next = version::new_record(change, key);
    let uid = Value::Bytes(next.uid.to_vec());
    key.attributes.set(ck::INTERNAL_NEXT_VERSION, uid);
    Ok(next)
}

/// Stores material in the record of a version that is not current.
fn into_version(
    change: &mut Change<'_>,
    key: &mut Record,
    mut version: Record,
    (fingerprint, unwrapped, imported): (&Secret, &UnwrappedMaterial<'_>, &Imported),
) -> Result<()> {
    if version.attributes.get(BINDING).is_none() {
        bind(change, &mut version.attributes, fingerprint);
    }
    set_imported(&mut version.attributes, unwrapped, imported, change.now.at);
    let facts = unwrapped.facts;
    facts.note(&mut version.attributes, &key.uid, unwrapped.material);
    change.put(&mut version, Some(unwrapped.material))?;
    version::note_older(change, key)?;
    change.put(key, None)
}

/// Binds a key or a version to the material with this fingerprint.
fn bind(change: &Change<'_>, attributes: &mut Attributes, fingerprint: &Secret) {
    let material_id: [u8; 16] = random(change.rng());
    attributes.set(BINDING, Value::Bytes(fingerprint.to_vec()));
    let material_id = Value::Bytes(material_id.to_vec());
    attributes.set(ck::CKA_TENON_MATERIAL_ID, material_id);
}

/// Warns in the log that a raw key has a new version.
fn note_raw_version() {
    log::note(
        LogLevel::Warning,
        "the import made a new version of a raw key: the key opens what the new material encrypts, and what it \
         encrypted before by AES or SM4 itself does not open any more. An independent key (one that works by \
         CKM_TENON_KMS_ENVELOPE alone) opens both",
    );
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
    imported: &Imported,
    now: UnixTime,
) {
    for (kind, value) in [
        (ck::CKA_TENON_EXPIRES_AT, Value::time(imported.expires_at)),
        (ck::INTERNAL_IMPORTED_AT, Value::time(now)),
        (
            ck::INTERNAL_IMPORTED_BY,
            Value::Bytes(unwrapped.algorithm.as_bytes().to_vec()),
        ),
    ] {
        attributes.set(kind, value);
    }
}

/// A refusal of other material, with what is wrong with its length, or how a new version comes, where the caller may
/// learn that.
fn of_other(
    refused: byok::Error,
    profile: &'static byok::Profile,
    attributes: &Attributes,
    material: &Material,
) -> Error {
    let (byok::Error::Mismatch { named: true }, Material::Secret(value)) = (refused, material)
    else {
        return refused.into();
    };
    match key::wrong_length(attributes, value.len()) {
        Some(why) => Error::new(ck::CKR_TENON_MATERIAL_MISMATCH, format!("{refused}: {why}")),
        None => byok::of_next_version(profile, spec_of(attributes))
            .unwrap_or(refused)
            .into(),
    }
}

/// The refusal of a check value. Where the wrapping does not protect integrity it is that of every bad blob: else
/// altered blobs could be tried, for nothing is bound, and the answers would tell which of them are well formed.
fn of_check_value(error: Error, unwrapped: &UnwrappedMaterial<'_>) -> Error {
    match unwrapped.integrity {
        true => error,
        false => byok::Error::Mismatch { named: false }.into(),
    }
}

/// Refuses material of a new version that is of another size or curve than the key.
fn fits_again(attributes: &Attributes, unwrapped: &UnwrappedMaterial<'_>) -> Result<()> {
    let material = unwrapped.material;
    let wrong = match material {
        Material::Secret(value) => key::wrong_length(attributes, value.len()),
        Material::Pair(_) => {
            let mut described = attributes.clone();
            key::describe(&mut described, material)?;
            let fits = spec_of(&described) == spec_of(attributes);
            let why = || "the blob does not hold a key of the external key's size".to_owned();
            (!fits).then(why)
        }
    };
    match wrong {
        None => Ok(()),
        Some(why) if unwrapped.integrity => refuse(ck::CKR_WRAPPED_KEY_INVALID, why),
        Some(_) => Err(byok::Error::Mismatch { named: false }.into()),
    }
}

/// Refuses material of a new version that was made of shares, unless its check value was said: a wrong share
/// makes other material too, and nobody has the original of that.
fn checked_shares(unwrapped: &UnwrappedMaterial<'_>) -> Result<()> {
    let stated = unwrapped.attributes.get(ck::CKA_TENON_SHARES_CHECK_VALUE);
    match unwrapped.facts.shares.is_some() && stated.is_none() {
        true => Err(byok::Error::Share(ShareRefusal::Unchecked).into()),
        false => Ok(()),
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
