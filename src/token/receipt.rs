//! Receipts: signed statements of imports (BYOK section 7).

use serde_json::{Value, json};

use super::Token;
use super::identity::attestation;
use super::identity::audit::Event;
use super::record::damaged::damaged;
use crate::attr::Attributes;
use crate::ck;
use crate::error::{Error, Result};
use crate::policy::Action;
use crate::store::Uid;
use crate::token::cache::object::Handle;
use crate::token::record::external::time_value;
use crate::token::record::uid::unique_id;

use crate::token::record::external::{material_id, spec_of};

/// `type` of every statement.
const TYPE: &str = "tenon import receipt 1";

/// A signed statement of the last import into an external key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Canonical JSON: one object on one line without a line end, names in order, no blanks. It has `type`,
    /// `serial` (of the token), `uid` and `material_id` (hexadecimal digits), `spec`, `algorithm` (by
    /// which the material came), `extractable` (false), `expires_at` (0 = never), `imported_at` and
    /// `issued_at`, all in Unix seconds. What the token does not know is null.
    pub statement: Vec<u8>,
    /// ECDSA on P-256 with SHA-256 over `statement`, DER (RFC 3279 section 2.2.3).
    pub signature: Vec<u8>,
    /// The attestation key: SubjectPublicKeyInfo DER. A verifier must compare it with a copy that it got
    /// before; the one here proves nothing.
    pub public_key: Vec<u8>,
}

impl Token {
    /// The public key that verifies this token's receipts: SubjectPublicKeyInfo DER. A token made
    /// before there was such a key gets one when somebody is logged in.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN for a token without one, CKR_TOKEN_WRITE_PROTECTED,
    /// CKR_DEVICE_ERROR.
    pub fn attestation_key(&self) -> Result<Vec<u8>> {
        self.state.keep_up()?;
        let keys = self.keys()?;
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

    /// Signs a receipt of the last import into the current version of an external key.
    ///
    /// # Errors
    /// CKR_KEY_FUNCTION_NOT_PERMITTED for a key without live material or scheduled for deletion,
    /// CKR_TEMPLATE_INCONSISTENT for what is no external key, CKR_USER_NOT_LOGGED_IN,
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn receipt(&self, handle: Handle) -> Result<Receipt> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Attest, &object, &keys, false)?;
        let serial = keys.identity.serial_text();
        let now = self.state.time.now().at;
        let statement = statement(&serial, &object.uid, &object.attributes, now)?;
        let public_key = self.attestation_key()?;
        let master = keys.master("a receipt needs a login")?;
        let signature = self
            .state
            .store
            .read(|snapshot| attestation::sign(snapshot, master, &public_key, &statement))?;
        Ok(Receipt {
            statement,
            signature,
            public_key,
        })
    }
}

fn statement(serial: &str, uid: &Uid, attributes: &Attributes, now: u64) -> Result<Vec<u8>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let hex = |id: &[u8; 16]| text(&unique_id(id));
    let imported_at = attributes
        .get(ck::INTERNAL_IMPORTED_AT)
        .map(|_| time_value(attributes, ck::INTERNAL_IMPORTED_AT));
    // serde_json keeps the names of an object in order.
    let statement: Value = json!({
        "type": TYPE,
        "serial": serial,
        "uid": hex(uid),
        "material_id": material_id(attributes).as_ref().map(hex),
        "spec": spec_of(attributes).map(|spec| spec.to_string()),
        "algorithm": attributes.bytes(ck::INTERNAL_IMPORTED_BY).map(text),
        "extractable": attributes.bool(ck::CKA_EXTRACTABLE),
        "expires_at": time_value(attributes, ck::CKA_TENON_EXPIRES_AT),
        "imported_at": imported_at,
        "issued_at": now,
    });
    serde_json::to_vec(&statement).map_err(|error| {
        Error::new(ck::CKR_GENERAL_ERROR, "the receipt has no JSON form").because(error)
    })
}
