//! External keys in the store: binding, import, expiry, erasure. What may be done is decided by
//! `byok` and `policy`; this does it.

use crate::attr::{self, Attributes, Revealed, Value};
use crate::byok::{self, Import, Profile, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::mechanism::Material;
use crate::policy::Facts;
use crate::rng::random;
use crate::secret::Secret;
use crate::store::Uid;

use super::audit::Event;
use super::change::Change;
use super::vault::{Domain, Record, Vault};
use super::{Keys, Token, key};

/// The binding: an attribute that no client can name, because it is not in the table.
const BINDING: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_BINDING;
/// Identifier of the material's row; absent while there is no material.
const MATERIAL_ROW: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_MATERIAL_ROW;

/// The binding of an external key that was imported once.
pub(super) fn binding(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(BINDING)
}

/// Identifier of the row that holds a key's material.
pub(super) fn material_row(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(MATERIAL_ROW)
}

/// Names the row that holds a key's material, or none.
pub(super) fn set_material_row(attributes: &mut Attributes, id: Option<&[u8]>) {
    match id {
        Some(id) => attributes.set(MATERIAL_ROW, Value::Bytes(id.to_vec())),
        None => drop(attributes.remove(MATERIAL_ROW)),
    }
}

/// Whether an object is left out of ordinary searches: an external key without material (rule 11).
pub(super) fn hidden(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_EXTERNAL)
        && material_row(attributes).is_none()
}

/// CKA_TENON_KEY_STATE as C_GetAttributeValue gives it.
pub(super) fn revealed_state(facts: &Facts, now: UnixTime) -> Revealed {
    facts
        .key
        .as_ref()
        .and_then(|key| key.external)
        .and_then(|facts| byok::state(&facts, now).number())
        .map_or(Revealed::Invalid, |state| {
            attr::revealed(&Value::Ulong(state))
        })
}

/// What an unwrap brings to an external key.
pub(super) struct Arrival<'a> {
    /// Attributes of the unwrap's template, complete.
    pub(super) attributes: &'a Attributes,
    /// CKA_TENON_EXPIRES_AT, if the template has it.
    pub(super) expires_at: Option<UnixTime>,
    pub(super) material: &'a Material,
    /// It came out of the blob, and does not stand for a bad one.
    pub(super) genuine: bool,
    /// The wrap protects integrity.
    pub(super) integrity: bool,
}

impl Token {
    /// The external key that an unwrap with these attributes binds to, if there is one: the same
    /// class, key type and CKA_ID.
    pub(super) fn bound_by_id(
        &self,
        keys: &Keys,
        attributes: &Attributes,
    ) -> Result<Option<Record>> {
        let vault = keys.vault();
        self.store.read(|snapshot| {
            let open = |uid: &Uid| -> Result<Option<Record>> {
                let row = snapshot.object(uid)?;
                row.map(|row| vault.open(&row)).transpose()
            };
            first_bound(&candidates(snapshot, &vault, attributes)?, open)
        })
    }

    /// Imports material by (class, key type, CKA_ID): makes the external key and binds it, or
    /// imports the same material into the one that is there. One transaction decides, so of two
    /// processes that race one binds and the other is measured against it.
    pub(super) fn import_by_id(&self, keys: &Keys, arrival: &Arrival<'_>) -> Result<(Uid, bool)> {
        self.change(keys, Event::Import, |change| {
            let found = change.bound_by_id(arrival.attributes)?;
            let mut record =
                found.unwrap_or_else(|| new_external(arrival.attributes, random(self.rng())));
            import(change, keys, &mut record, arrival)?;
            Ok((record.uid, record.attributes.bool(ck::CKA_PRIVATE)))
        })
    }

    /// Erases the material of an external key whose time has come.
    pub(super) fn erase_expired(&self, keys: &Keys, uid: &Uid) -> Result<()> {
        let now = self.time.now().at;
        let vault = keys.vault();
        let row = self
            .store
            .read(|snapshot| snapshot.object(uid).map_err(Error::from))?;
        let record = row.map(|row| vault.open(&row)).transpose()?;
        if self.config.read_only || !record.is_some_and(|record| stale(&record, now)) {
            return Ok(());
        }
        self.reduce(keys, Event::Expire, |change| match change.get(uid)? {
            Some(mut record) if stale(&record, now) => erase(change, &mut record),
            Some(_) | None => Ok(()),
        })
    }

    /// Erases whatever is due: what every login of the user does first.
    pub(super) fn sweep(&self) -> Result<()> {
        let now = self.time.now();
        if !now.believed || self.config.read_only {
            return Ok(());
        }
        let keys = self.keys()?;
        let due = self
            .store
            .read(|snapshot| snapshot.due(now.at).map_err(Error::from))?;
        for uid in due {
            self.erase_expired(&keys, &uid)?;
        }
        Ok(())
    }
}

impl Change<'_> {
    /// As `Token::bound_by_id`, within this change.
    fn bound_by_id(&self, attributes: &Attributes) -> Result<Option<Record>> {
        first_bound(
            &candidates(self.snapshot(), self.vault(), attributes)?,
            |uid| self.get(uid),
        )
    }
}

fn candidates(
    snapshot: &crate::store::Snapshot<'_>,
    vault: &Vault<'_>,
    attributes: &Attributes,
) -> Result<Vec<Uid>> {
    let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
    super::find::lookup(
        snapshot,
        vault,
        attributes.class(),
        attributes.key_type(),
        ck::CKA_ID,
        id,
    )
}

fn first_bound(
    candidates: &[Uid],
    open: impl Fn(&Uid) -> Result<Option<Record>>,
) -> Result<Option<Record>> {
    for uid in candidates {
        let external = |record: &Record| {
            record.attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_EXTERNAL)
        };
        if let Some(record) = open(uid)?.filter(external) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// A new external key of profile `open` with the attributes of an unwrap's template, as far as
/// rules 7 and 13 leave them to the template.
fn new_external(template: &Attributes, uid: Uid) -> Record {
    let mut attributes = template.clone();
    attr::finish_key_facts(attr::How::Unwrap, &mut attributes, None);
    for (kind, value) in [
        (ck::CKA_SENSITIVE, true),
        (ck::CKA_EXTRACTABLE, false),
        (ck::CKA_COPYABLE, false),
        (ck::CKA_DERIVE, false),
    ] {
        attributes.set(kind, Value::Bool(value));
    }
    attributes.set(
        ck::CKA_UNIQUE_ID,
        Value::Bytes(super::make::unique_id(&uid)),
    );
    attributes.set(ck::CKA_TENON_ORIGIN, Value::Ulong(ck::ORIGIN_EXTERNAL));
    attributes.set(
        ck::CKA_TENON_PROFILE,
        Value::Bytes(profile::OPEN.name.as_bytes().to_vec()),
    );
    Record {
        uid,
        version: 0,
        attributes,
        trust_unproven: false,
    }
}

fn profile_of(attributes: &Attributes) -> Result<&'static Profile> {
    attributes
        .bytes(ck::CKA_TENON_PROFILE)
        .and_then(profile::find)
        .ok_or_else(|| super::vault::damaged("an external key's profile"))
}

fn import(
    change: &mut Change<'_>,
    keys: &Keys,
    record: &mut Record,
    arrival: &Arrival<'_>,
) -> Result<()> {
    let master = keys.master.as_ref().ok_or_else(|| {
        Error::new(
            ck::CKR_USER_NOT_LOGGED_IN,
            "an import needs the user's login",
        )
    })?;
    let fingerprint = fingerprint(
        &master.domain,
        &record.uid,
        &record.attributes,
        arrival.material,
    );
    let bound = binding(&record.attributes);
    let same = bound.map(|bound| Secret::copy(&fingerprint).ct_eq(bound));
    let facts = super::object::facts(&record.attributes, false);
    let external = facts.key.and_then(|key| key.external).unwrap_or_default();
    let import = Import {
        // What stands for a bad blob is other material than any, and takes as long to refuse.
        same: if arrival.genuine { same } else { Some(false) },
        integrity: arrival.integrity,
        expires_at: arrival.expires_at,
    };
    let after = byok::import(
        &external,
        &import,
        profile_of(&record.attributes)?,
        change.now.at,
    )?;
    if same.is_none() {
        let material_id: [u8; 16] = random(change.rng());
        let attributes = &mut record.attributes;
        attributes.set(BINDING, Value::Bytes(fingerprint.to_vec()));
        attributes.set(
            ck::CKA_TENON_MATERIAL_ID,
            Value::Bytes(material_id.to_vec()),
        );
    } else if let Some(label) = arrival
        .attributes
        .bytes(ck::CKA_LABEL)
        .filter(|l| !l.is_empty())
    {
        record
            .attributes
            .set(ck::CKA_LABEL, Value::Bytes(label.to_vec()));
    }
    record.attributes.set(
        ck::CKA_TENON_EXPIRES_AT,
        Value::Bytes(after.expires_at.to_be_bytes().to_vec()),
    );
    key::describe(&mut record.attributes, arrival.material)?;
    change.put(record, Some(arrival.material))
}

/// The record is an external key whose material has expired and is still there.
fn stale(record: &Record, now: UnixTime) -> bool {
    let facts = super::object::facts(&record.attributes, false);
    let external = facts.key.and_then(|key| key.external);
    external.is_some_and(|facts| facts.stale(now))
}

/// Erases the material of an external key with what belongs to it, its check value and its expiry;
/// public parts and binding stay.
pub(super) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    change.put(record, None)
}

/// The keyed fingerprint that binds material to an external key (BYOK rules, section 1).
///
/// Canonical material: the raw bytes of a secret key; (n, e) of an RSA key, since d is not unique;
/// the curve and scalar of an EC key; the curve and public key of an Ed25519 or X25519 key, since
/// X25519 ignores some bits of a scalar.
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
    let (parameters, canonical): (&[u8], [&[u8]; 2]) = match material {
        Material::Secret(value) => (b"", [value, b""]),
        Material::Rsa(key) => (b"", [&key.n, &key.e]),
        Material::Ec(key) => (key.curve.params(), [&key.scalar, b""]),
        Material::Okp(key) => (key.curve.params(), [&key.public, b""]),
    };
    master.fingerprint(&[
        b"tenon binding 1",
        uid,
        &class,
        &key_type,
        parameters,
        canonical[0],
        canonical[1],
    ])
}

/// An unwrap that makes an ordinary key must not share the identity of a bound one.
pub(super) fn refuse_bound_identity<T>() -> Result<T> {
    refuse(
        ck::CKR_TEMPLATE_INCONSISTENT,
        "this CKA_ID belongs to an external key, which is never CKA_EXTRACTABLE: leave that out, or use another CKA_ID",
    )
}
