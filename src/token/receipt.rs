//! Receipts and other signed statements (BYOK section 7).

use serde_json::{Map, Value, json};

use super::Token;
use super::identity::attestation;
use super::identity::audit::Event;
use super::identity::state::Keys;
use super::record::damaged::damaged;
use super::record::external::{ended, facts, is_external, material_row, stale};
use super::record::statement::{Receipt, about_import, about_key, about_shares, canonical, fields};
use super::record::uid::hex;
use crate::attr::Attributes;
use crate::attr::Revealed;
use crate::byok::{self, State};
use crate::ck;
use crate::error::{Error, Result};
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
        let (mut object, keys) = self.current(handle)?;
        self.decide(Action::Attest, &object, &keys, false)?;
        if stale(&object.attributes, self.state.time.now().at) {
            // The statement says that the material was erased.
            self.sweeper
                .sweep_object(&self.writer, &keys, &object.uid)?;
            (object, _) = self.current(handle)?;
        }
        self.receipt_of(&object, &keys)
    }

    /// CKA_TENON_RECEIPT or CKA_TENON_RECEIPT_SIGNATURE. Both belong together as long as the object is the
    /// same, so they can be read by two calls.
    pub(super) fn revealed_receipt(
        &self,
        object: &Object,
        kind: ck::CK_ATTRIBUTE_TYPE,
    ) -> Revealed {
        let keys = self.keys();
        let allowed = self.decide(Action::Attest, object, &keys, false);
        match allowed.and_then(|_| self.receipt_of(object, &keys)) {
            Ok(receipt) if kind == ck::CKA_TENON_RECEIPT => Revealed::Value(receipt.statement),
            Ok(receipt) => Revealed::Value(receipt.signature),
            Err(_) => Revealed::Invalid,
        }
    }

    fn receipt_of(&self, object: &Object, keys: &Keys) -> Result<Receipt> {
        let now = self.state.time.now().at;
        let state = facts(&object.attributes).map(|facts| byok::state(&facts, now));
        let state = state.ok_or_else(|| {
            Error::new(ck::CKR_TEMPLATE_INCONSISTENT, "this is not an external key")
        })?;
        let mut known = object.receipt.lock();
        let (end, why) = ended(&object.attributes, now);
        if let Some((of, at, receipt)) = &*known
            && (*of, *at) == (state, end)
        {
            return Ok(receipt.clone());
        }
        let mut statement = receipt_statement(keys, object, state);
        if end != 0 {
            statement.extend(fields([
                ("type", json!(END)),
                ("what", json!("material")),
                ("why", json!(why)),
                ("ended_at", json!(end)),
                ("erased", json!(!has_material(&object.attributes))),
            ]));
        }
        let receipt = self.sign(keys, statement)?;
        *known = Some((state, end, receipt.clone()));
        Ok(receipt)
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

fn has_material(attributes: &Attributes) -> bool {
    material_row(attributes).is_some()
}

fn receipt_statement(keys: &Keys, object: &Object, state: State) -> Map<String, Value> {
    let attributes = &object.attributes;
    let serial = keys.identity.serial_text();
    let mut statement = about_key(&serial, &object.uid, attributes);
    statement.extend(about_import(attributes));
    statement.extend(about_shares(attributes));
    statement.extend(fields([
        ("type", json!(RECEIPT)),
        ("origin", json!(origin(attributes))),
        ("state", json!(state.name())),
        (
            "deletion_at",
            json!(attributes.time(ck::CKA_TENON_DELETION_AT).unwrap_or(0)),
        ),
    ]));
    statement
}

fn origin(attributes: &Attributes) -> &'static str {
    if is_external(attributes) {
        return "EXTERNAL";
    }
    "GENERATED"
}
