//! Keys whose deletion custodians must approve.
//!
//! A key lists its custodians' public keys. An approval is a statement that names token, key, action, days and
//! the key's nonce, signed by one of them. The key notes each; an action that needs them uses up all and
//! gives the key a new nonce, so that no approval counts twice.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::attr::{Attributes, Value};
use crate::byok::{self, ApprovalRefusal, Deed, MOST_CUSTODIANS};
use crate::ck;
use crate::config::LogLevel;
use crate::crypto::{ec, encoding, rsa};
use crate::error::{Error, Result};
use crate::keytype;
use crate::log;
use crate::mechanism::{self, Params, Verifier};
use crate::rng::{Rng, random};
use crate::token::change::transaction::Change;
use crate::token::record::external::custodians;
use crate::token::record::statement::{approval_statement, sha256};
use crate::token::record::uid::hex;
use crate::token::record::vault::Record;

use super::public_half::with_components;

/// The least bits of an RSA key of a custodian.
const RSA_BITS: usize = 2048;
/// How custodians sign: ECDSA and RSASSA-PKCS1-v1_5 with SHA-256, Ed25519.
pub const SIGNATURES: [ck::CK_MECHANISM_TYPE; 3] =
    [ck::CKM_ECDSA_SHA256, ck::CKM_SHA256_RSA_PKCS, ck::CKM_EDDSA];
/// Bytes of a noted approval: the custodian's place in the list, and the days, 0 for a deletion of material.
const NOTED: usize = 3;

fn refused(why: ApprovalRefusal) -> Error {
    byok::Error::Approval(why).into()
}

/// Judges the custodians of a new key, and gives it its first nonce.
///
/// # Errors
/// `Count`, `Custodian`, `Repeated`, `Quorum`.
pub(in crate::token) fn settle(attributes: &mut Attributes, rng: &dyn Rng) -> Result<()> {
    let needed = attributes.ulong(ck::CKA_TENON_QUORUM);
    let listed = attributes.get(ck::CKA_TENON_CUSTODIANS).is_some();
    if needed.is_none() && !listed {
        return Ok(());
    }
    let keys = custodians(attributes);
    let count = keys.len();
    if !(1..=MOST_CUSTODIANS).contains(&count) {
        return Err(refused(ApprovalRefusal::Count(count)));
    }
    let mut known = Vec::new();
    for (number, key) in (1..).zip(&keys) {
        if verifier(key).is_none() {
            return Err(refused(ApprovalRefusal::Custodian(number)));
        }
        let components = components(key);
        if known.contains(&components) {
            return Err(refused(ApprovalRefusal::Repeated(number)));
        }
        known.push(components);
    }
    let enough = 1..=u64::try_from(count).unwrap_or(u64::MAX);
    if !needed.is_some_and(|needed| enough.contains(&needed)) {
        return Err(refused(ApprovalRefusal::Quorum {
            needed,
            custodians: count,
        }));
    }
    renew(attributes, rng);
    Ok(())
}

/// Gives the key a new nonce, so that no approval made before counts any more.
fn renew(attributes: &mut Attributes, rng: &dyn Rng) {
    let nonce: [u8; 16] = random(rng);
    let nonce = Value::Bytes(nonce.to_vec());
    attributes.set(ck::CKA_TENON_APPROVAL_NONCE, nonce);
    attributes.remove(ck::INTERNAL_APPROVALS);
}

/// What an index can find a public key by: its modulus or its point, as all keys have them.
fn components(spki: &[u8]) -> Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let Ok((row, values)) = keytype::from_spki(spki) else {
        return Vec::new();
    };
    let values = keytype::canonical(Some(row.id), &values).into_iter();
    let found = values.filter_map(|(kind, value)| match &Value::from(value) {
        Value::Bytes(bytes) if [ck::CKA_MODULUS, ck::CKA_EC_POINT].contains(&kind) => {
            Some((kind, bytes.clone()))
        }
        _ => None,
    });
    found.collect()
}

/// A verification by a custodian's key; `None` for keys that sign in none of these ways.
fn verifier(spki: &[u8]) -> Option<Box<dyn Verifier>> {
    let (of, _) = keytype::from_spki(spki).ok()?;
    let key = keytype::public_key(spki).ok()?;
    // A key that its algorithm keeps to PSS or OAEP makes no signature of PKCS #1 v1.5.
    let info = encoding::public_key_info(spki).ok()?;
    let unfit = |key: &rsa::PublicKey| key.bits() < RSA_BITS || info.algorithm.oid != rsa::OID;
    if key.of().is_some_and(unfit) {
        return None;
    }
    let key = Arc::new(key);
    let rows = SIGNATURES.into_iter().filter_map(mechanism::find);
    let mut rows = rows.filter(|row| row.key_types.contains(&of.id));
    rows.find_map(|row| (row.verify?)(&key, &Params::None).ok())
}

/// Whether the custodian's key made the signature: of ECDSA as DER, or r ‖ s as PKCS#11 has it.
fn verifies(spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let forms = [ec::raw_signature(signature), Some(signature.to_vec())];
    forms.into_iter().flatten().any(|signature| {
        let Some(mut verifier) = verifier(spki) else {
            return false;
        };
        let taken = verifier.update(message);
        taken.and_then(|()| verifier.finish(&signature)).is_ok()
    })
}

impl Change<'_> {
    /// Refuses a key of whose custodians one has his private key in this token.
    ///
    /// # Errors
    /// `OwnKey`.
    pub(in crate::token) fn may_have_custodians(&self, attributes: &Attributes) -> Result<()> {
        for spki in custodians(attributes) {
            let mut public = Attributes::default();
            for (kind, value) in components(spki) {
                public.set(kind, Value::Bytes(value));
            }
            let found = with_components(self, ck::CKO_PRIVATE_KEY, &public)?;
            if !found.is_empty() {
                return Err(refused(ApprovalRefusal::OwnKey));
            }
        }
        Ok(())
    }
}

/// The approvals that a key has noted: the custodian's place in the list, and of what.
fn noted(attributes: &Attributes) -> Vec<(u8, Deed)> {
    let bytes = attributes.bytes(ck::INTERNAL_APPROVALS).unwrap_or_default();
    let (entries, _) = bytes.as_chunks::<NOTED>();
    let of = |days| match days {
        0 => Deed::DeleteMaterial,
        days => Deed::ScheduleDeletion(days),
    };
    let entries = entries.iter();
    entries
        .map(|[custodian, high, low]| (*custodian, of(u16::from_be_bytes([*high, *low]))))
        .collect()
}

/// Notes an approval: a statement, a line feed and its signature. One that the custodian has given already is taken,
/// and counts once. An empty one withdraws all that are noted.
/// The caller stores the key.
///
/// # Errors
/// `Approval`.
pub(in crate::token) fn take(
    change: &Change<'_>,
    key: &mut Record,
    serial: &str,
    approval: &[u8],
) -> Result<()> {
    let keys = custodians(&key.attributes);
    if keys.is_empty() {
        return Err(refused(ApprovalRefusal::NoCustodians));
    }
    if approval.is_empty() {
        renew(&mut key.attributes, change.rng());
        return Ok(());
    }
    change.may_have_custodians(&key.attributes)?;
    let malformed = || refused(ApprovalRefusal::Malformed);
    let line = approval.iter().position(|byte| *byte == b'\n');
    let parts = line.and_then(|at| approval.split_at_checked(at));
    let (statement, signature) = parts.ok_or_else(malformed)?;
    let deed = judge(key, serial, statement)?;
    let by = keys
        .iter()
        .position(|spki| verifies(spki, statement, &signature[1..]));
    let by = by.and_then(|place| u8::try_from(place).ok());
    let by = by.ok_or_else(|| refused(ApprovalRefusal::Signature))?;
    if noted(&key.attributes).contains(&(by, deed)) {
        log::note(
            LogLevel::Warning,
            &format!("this custodian has approved {deed} already: the approval counts once"),
        );
        return Ok(());
    }
    let [high, low] = deed.days().unwrap_or(0).to_be_bytes();
    let present = key.attributes.bytes(ck::INTERNAL_APPROVALS);
    let all = [present.unwrap_or_default(), &[by, high, low]].concat();
    let all = Value::Bytes(all);
    key.attributes.set(ck::INTERNAL_APPROVALS, all);
    Ok(())
}

/// What a statement agrees to, if it is of this key, now.
fn judge(key: &Record, serial: &str, statement: &[u8]) -> Result<Deed> {
    let malformed = || refused(ApprovalRefusal::Malformed);
    let said: Json = serde_json::from_slice(statement).map_err(|_| malformed())?;
    let action = said["action"].as_str().unwrap_or_default();
    let deed = Deed::parse(action, said["days"].as_u64());
    let deed = deed.filter(|deed| deed.days() != Some(0));
    let deed = deed.ok_or_else(malformed)?;
    let nonce = key.attributes.bytes(ck::CKA_TENON_APPROVAL_NONCE);
    let nonce = nonce.unwrap_or_default();
    for (name, known, why) in [
        ("serial", serial.to_owned(), ApprovalRefusal::Other("token")),
        ("uid", hex(key.uid), ApprovalRefusal::Other("key")),
        ("nonce", hex(nonce), ApprovalRefusal::Spent),
    ] {
        if said[name] != known {
            return Err(refused(why));
        }
    }
    // Nothing else is said, and nothing twice.
    if approval_statement(serial, &key.uid, nonce, deed).as_bytes() != statement {
        return Err(malformed());
    }
    Ok(deed)
}

/// Refuses an import that erases live material of a key with custodians, without their approval.
///
/// # Errors
/// `Replaces`.
pub(in crate::token) fn may_replace(key: &Attributes) -> Result<()> {
    match key.ulong(ck::CKA_TENON_QUORUM) {
        Some(_) => Err(refused(ApprovalRefusal::Replaces)),
        None => Ok(()),
    }
}

/// Uses up the approvals of `deed`, where the key has custodians, and stores the key.
///
/// # Errors
/// `Missing`.
pub(in crate::token) fn spend(change: &mut Change<'_>, key: &mut Record, deed: Deed) -> Result<()> {
    let Some(needed) = key.attributes.ulong(ck::CKA_TENON_QUORUM) else {
        return Ok(());
    };
    let noted = noted(&key.attributes).into_iter();
    let there = noted.filter(|(_, of)| *of == deed).count();
    let there = u64::try_from(there).unwrap_or(u64::MAX);
    if there < needed {
        return Err(refused(ApprovalRefusal::Missing {
            deed,
            needed,
            there,
        }));
    }
    renew(&mut key.attributes, change.rng());
    change.put(key, None)
}

/// The approvals that a key has noted, as CKA_TENON_APPROVAL reads: a JSON array.
pub(in crate::token) fn json(attributes: &Attributes) -> String {
    let keys = custodians(attributes);
    let entries = noted(attributes).into_iter().map(|(custodian, deed)| {
        let spki = keys.get(usize::from(custodian));
        json!({
            "custodian_sha256": spki.map(|spki| hex(sha256(spki))),
            "action": deed.action(),
            "days": deed.days(),
        })
    });
    Json::Array(entries.collect()).to_string()
}
