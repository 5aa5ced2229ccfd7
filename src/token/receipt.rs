//! Receipts and other signed statements (BYOK section 7).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Token;
use super::external::version::{self, Version};
use super::identity::attestation;
use super::identity::audit::Event;
use super::identity::state::{CallKeys, Keys};
use super::record::damaged::damaged;
use super::record::external::{
    ended, facts, is_external, material_id, material_row, next_uid, older_uids,
};
use super::record::statement::{Receipt, about_import, about_key, about_shares, canonical, fields};
use super::record::uid::hex;
use super::record::vault::Record;
use crate::attr::Attributes;
use crate::attr::Revealed;
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::policy::Action;
use crate::token::cache::object::{Handle, Object};

/// `type` of the statement that material ended, or that a key is gone.
pub(super) const END: &str = "tenon end statement 1";
/// `type` of a receipt.
const RECEIPT: &str = "tenon import receipt 2";

impl Token {
    /// The public key that verifies this token's receipts: SubjectPublicKeyInfo DER. A token made
    /// before there was such a key gets one when somebody is logged in.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN for a token without one, CKR_TOKEN_WRITE_PROTECTED,
    /// CKR_DEVICE_ERROR.
    pub fn attestation_key(&self) -> Result<Vec<u8>> {
        self.state.keep_up()?;
        let keys = self.keys();
        let public = &keys.identity.public;
        let stored = || {
            self.state
                .store
                .read(|snapshot| attestation::public_key(snapshot, public))
        };
        if let Some(spki) = stored()? {
            return Ok(spki);
        }
        let master = keys.master("the token has no attestation key yet: a login makes one")?;
        let rows = attestation::rows(self.rng(), public, master)?;
        self.change(&keys, Event::Attestation, |change| {
            // Another process may have made a key meanwhile.
            if attestation::public_key(change.snapshot(), public)?.is_some() {
                return Ok(());
            }
            rows.iter()
                .try_for_each(|(name, value)| change.set_value(name, value))
        })?;
        stored()?.ok_or_else(|| damaged("the attestation key"))
    }

    /// The signed statement of the last import into the current version of an external key; once the
    /// material has expired or was deleted, the statement of that. It is readable in every state; of a key
    /// that was never bound it says that nothing was imported.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key, CKR_USER_NOT_LOGGED_IN,
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn receipt(&self, handle: Handle) -> Result<Receipt> {
        let (object, keys) = self.attested(handle)?;
        self.receipt_of(&object, &keys)
    }

    /// As `receipt`, of the version with this number.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID where there is no such version, or it waits for its material.
    pub fn receipt_of_version(&self, handle: Handle, number: usize) -> Result<Receipt> {
        let (object, keys) = self.attested(handle)?;
        let versions = version::versions(&self.state, &keys, &object.uid)?;
        let named = versions
            .iter()
            .find(|(version, _)| version.number == number);
        let Some((version, Some(record))) = named else {
            return refuse(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                format!("the key has no version {number} into which material was imported"),
            );
        };
        self.receipt_of_record(&object, &keys, versions.len(), (version, record))
    }

    /// As `receipt`, of the material with this CKA_TENON_MATERIAL_ID: that of a version, or one that was imported for
    /// the next version and ended before it was current.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID where the key has no such material.
    pub fn receipt_of_material(&self, handle: Handle, id: &[u8; 16]) -> Result<Receipt> {
        let (object, keys) = self.attested(handle)?;
        let of = |version: &Version| version.material_id.as_ref() == Some(id);
        let versions = version::versions(&self.state, &keys, &object.uid)?;
        let named = versions.iter().find(|(version, _)| of(version));
        if let Some((version, Some(record))) = named {
            return self.receipt_of_record(&object, &keys, versions.len(), (version, record));
        }
        let unused = version::unused(&self.state, &keys, &object.uid)?;
        let Some((version, record)) = unused.iter().find(|(version, _)| of(version)) else {
            return refuse(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                "the key has no material of this id",
            );
        };
        self.receipt_of_record(&object, &keys, versions.len(), (version, record))
    }

    /// An external key whose statements the session may have, after what has expired of it was erased: then the
    /// statements say so.
    fn attested(&self, handle: Handle) -> Result<(Arc<Object>, CallKeys)> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Attest, &object, &keys, false)?;
        let next = next_uid(&object.attributes);
        for uid in older_uids(&object.attributes)
            .iter()
            .chain(&next)
            .chain([&object.uid])
        {
            self.sweeper.sweep_object(&self.writer, &keys, uid)?;
        }
        self.current(handle)
    }

    /// CKA_TENON_RECEIPT or CKA_TENON_RECEIPT_SIGNATURE. Both belong together as long as the object is the
    /// same, so they can be read by two calls.
    pub(super) fn revealed_receipt(
        &self,
        object: &Object,
        kind: ck::CK_ATTRIBUTE_TYPE,
    ) -> Result<Revealed> {
        let keys = self.keys();
        let allowed = self.decide(Action::Attest, object, &keys, false);
        let receipt = allowed.and_then(|_| self.receipt_of(object, &keys));
        revealed(receipt.map(|receipt| match kind {
            ck::CKA_TENON_RECEIPT => receipt.statement,
            _ => receipt.signature,
        }))
    }

    /// CKA_TENON_RECEIPTS: a JSON array with the number, the material id, the statement and its signature of
    /// each version, the signature in hexadecimal digits. A version that waits for its material is left out. After them
    /// come the materials for a next version that ended before they were current, whose number is null.
    pub(super) fn revealed_receipts(&self, object: &Object) -> Result<Revealed> {
        let keys = self.keys();
        let allowed = self.decide(Action::Attest, object, &keys, false);
        let receipts = allowed.and_then(|_| self.receipts_of(object, &keys));
        revealed(receipts.map(String::into_bytes))
    }

    /// The same text as long as nothing of the versions changes: a caller asks for its length first.
    fn receipts_of(&self, object: &Object, keys: &Keys) -> Result<String> {
        let versions = version::versions(&self.state, keys, &object.uid)?;
        let unused = version::unused(&self.state, keys, &object.uid)?;
        let all = versions.iter().map(|(version, _)| version);
        let of = version::json(all.chain(unused.iter().map(|(version, _)| version)));
        let mut known = object.receipts.lock();
        if let Some((_, receipts)) = known.as_ref().filter(|(known, _)| *known == of) {
            return Ok(receipts.clone());
        }
        let mut entries = Vec::new();
        let of_versions = versions
            .iter()
            .filter_map(|(version, record)| Some((version, record.as_ref()?)));
        for (version, record) in of_versions.chain(unused.iter().map(|(of, record)| (of, record))) {
            let receipt =
                self.receipt_of_record(object, keys, versions.len(), (version, record))?;
            entries.push(json!({
                "number": number_of(version),
                "material_id": version.material_id.map(hex),
                "statement": String::from_utf8_lossy(&receipt.statement),
                "signature": hex(&receipt.signature),
            }));
        }
        let receipts = Value::Array(entries).to_string();
        *known = Some((of, receipts.clone()));
        Ok(receipts)
    }

    fn receipt_of(&self, object: &Object, keys: &Keys) -> Result<Receipt> {
        let now = self.state.time.now().at;
        let attributes = &object.attributes;
        let state = facts(attributes).map(|facts| byok::state(&facts, now));
        let state = state.ok_or_else(|| {
            Error::new(ck::CKR_TEMPLATE_INCONSISTENT, "this is not an external key")
        })?;
        let versions = version::versions(&self.state, keys, &object.uid)?.len();
        let mut known = object.receipt.lock();
        let end = ended(attributes, now);
        if let Some((of, receipt)) = &*known
            && *of == (state, end.0, versions)
        {
            return Ok(receipt.clone());
        }
        let number = Some(current_number(object));
        let of = (attributes, number, Some(state.name()));
        let receipt = self.sign(keys, statement(keys, object, versions, of, end))?;
        *known = Some(((state, end.0, versions), receipt.clone()));
        Ok(receipt)
    }

    /// Of one version, or of material that was never current.
    fn receipt_of_record(
        &self,
        object: &Object,
        keys: &Keys,
        versions: usize,
        (version, record): (&Version, &Record),
    ) -> Result<Receipt> {
        if version.current {
            return self.receipt_of(object, keys);
        }
        let number = number_of(version);
        let state = number.map(|_| version.state_name());
        let of = (&record.attributes, number, state);
        let end = (version.ended_at, version.ended_by);
        self.sign(keys, statement(keys, object, versions, of, end))
    }

    /// Signs a statement with the attestation key, after adding the time and the head of the audit record.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR.
    pub(super) fn sign(&self, keys: &Keys, about: Map<String, Value>) -> Result<Receipt> {
        let public_key = self.attestation_key()?;
        let master = keys.master("a signed statement needs a login")?;
        let now = self.state.time.now().at;
        self.state.store.read(|snapshot| {
            let last = snapshot.audit_last()?;
            let mut statement = about.clone();
            statement.extend(fields([
                ("issued_at", json!(now)),
                (
                    "audit_records",
                    json!(last.as_ref().map_or(0, |row| row.seq)),
                ),
                ("audit_head", json!(last.map(|row| hex(row.mac)))),
            ]));
            let statement = canonical(statement)?;
            let signature = attestation::sign(snapshot, master, &public_key, &statement)?;
            Ok(Receipt {
                statement,
                signature,
                public_key: public_key.clone(),
            })
        })
    }
}

/// The number of the key's current version.
fn current_number(object: &Object) -> usize {
    older_uids(&object.attributes).len() + 1
}

/// The number of a version; `None` of material that was never current.
fn number_of(version: &Version) -> Option<usize> {
    (version.number != 0).then_some(version.number)
}

/// The value of an attribute that is signed when it is read. Only an external key has it, and only the user reads it.
///
/// # Errors
/// Those of the signature.
fn revealed(signed: Result<Vec<u8>>) -> Result<Revealed> {
    match signed {
        Ok(value) => Ok(Revealed::Value(value)),
        Err(error) if error.rv == ck::CKR_USER_NOT_LOGGED_IN => Ok(Revealed::NeedsLogin),
        Err(error) if error.rv == ck::CKR_TEMPLATE_INCONSISTENT => Ok(Revealed::Invalid),
        Err(error) => Err(error),
    }
}

/// What is signed of the version with these attributes, this number and this state, whose material ended then and
/// for this reason, or lives. The key has so many `versions`.
fn statement(
    keys: &Keys,
    object: &Object,
    versions: usize,
    (version, number, state): (&Attributes, Option<usize>, Option<&str>),
    (end, why): (UnixTime, &str),
) -> Map<String, Value> {
    let key = &object.attributes;
    let serial = keys.identity.serial_text();
    let mut statement = about_key(&serial, &object.uid, key, material_id(version));
    statement.extend(about_import(version));
    statement.extend(about_shares(key, version));
    statement.extend(fields([
        ("type", json!(RECEIPT)),
        ("origin", json!(origin(key))),
        ("version", json!(number)),
        ("current_version", json!(current_number(object))),
        ("versions", json!(versions)),
        ("state", json!(state)),
        (
            "deletion_at",
            json!(key.time(ck::CKA_TENON_DELETION_AT).unwrap_or(0)),
        ),
    ]));
    if end != 0 {
        statement.extend(fields([
            ("type", json!(END)),
            ("what", json!("material")),
            ("why", json!(why)),
            ("ended_at", json!(end)),
            ("erased", json!(material_row(version).is_none())),
        ]));
    }
    statement
}

fn origin(attributes: &Attributes) -> &'static str {
    if is_external(attributes) {
        return "EXTERNAL";
    }
    "GENERATED"
}
