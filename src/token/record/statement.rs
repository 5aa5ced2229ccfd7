//! What the token's signed statements say (BYOK section 7).

use serde_json::{Map, Value, json};

use crate::attr::{self, Attributes};
use crate::byok::{self, Deed, Usage};
use crate::ck;
use crate::crypto::hash::{Hash, hmac_sha256};
use crate::crypto::kdf::hkdf_sha256;
use crate::error::{Error, Result};
use crate::keytype::Material;
use crate::secret::Secret;
use crate::store::Uid;

use super::external::{custodians, sharing, spec_of};
use super::uid::hex;

/// The most bytes of CKA_TENON_OWNER_NONCE.
pub(in crate::token) const NONCE_MAX: usize = 64;

/// A signed statement of what was imported into an external key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Canonical JSON: one object on one line without a line end, names in order, no blanks. What the
    /// token does not know is null. docs/byok.md lists the names.
    pub statement: Vec<u8>,
    /// ECDSA on P-256 with SHA-256 over `statement`, DER (RFC 3279 section 2.2.3).
    pub signature: Vec<u8>,
    /// The attestation key: SubjectPublicKeyInfo DER. A verifier must compare it with a copy that it got
    /// before; the one here proves nothing.
    pub public_key: Vec<u8>,
}

/// Proof that the token has a secret key, for somebody who has the same key: HMAC-SHA-256 of the owner's
/// nonce ‖ the external key's uid, under HKDF-SHA-256 of the key without a salt and with the
/// info "tenon receipt 2".
#[must_use]
pub fn material_proof(material: &[u8], nonce: &[u8], uid: &Uid) -> [u8; 32] {
    let mut key = Secret::zeroed(32);
    hkdf_sha256(material, b"", &[b"tenon receipt 2"], &mut key);
    hmac_sha256(&key, &[nonce, uid])
}

/// What a custodian signs to approve a deletion of the key with this uid: canonical JSON, one line without a line
/// end.
#[must_use]
pub fn approval_statement(serial: &str, uid: &Uid, nonce: &[u8], deed: Deed) -> String {
    let statement = fields([
        ("type", json!("tenon approval 1")),
        ("serial", json!(serial)),
        ("uid", json!(hex(uid))),
        ("nonce", json!(hex(nonce))),
        ("action", json!(deed.action())),
        ("days", json!(deed.days())),
    ]);
    Value::Object(statement).to_string()
}

/// What is noted of an import for its receipt.
#[derive(Clone)]
pub(in crate::token) struct ImportFacts {
    /// SHA-256 of the blob as it came.
    pub(in crate::token) blob: [u8; 32],
    /// SHA-256 of the wrapping key's SubjectPublicKeyInfo; `None` for a secret key.
    pub(in crate::token) wrapping_key: Option<[u8; 32]>,
    /// CKA_TENON_OWNER_NONCE of the import's template.
    pub(in crate::token) nonce: Option<Vec<u8>>,
    /// What `shares_json` says of the shares that made the material. `None` where it came whole.
    pub(in crate::token) shares: Option<Vec<u8>>,
}

impl ImportFacts {
    /// Of an import with the attributes `said`, by the key with the attributes `wrapping`.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID for a nonce that is too long.
    pub(in crate::token) fn new(
        said: &Attributes,
        wrapping: &Attributes,
        blob: &[u8],
    ) -> Result<Self> {
        let nonce = said.bytes(ck::CKA_TENON_OWNER_NONCE);
        if nonce.is_some_and(|nonce| nonce.len() > NONCE_MAX) {
            return Err(Error::new(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                format!("the owner's nonce has more than {NONCE_MAX} bytes"),
            )
            .at("CKA_TENON_OWNER_NONCE"));
        }
        Ok(Self {
            blob: sha256(blob),
            wrapping_key: spki_digest(wrapping),
            nonce: nonce.map(<[u8]>::to_vec),
            shares: None,
        })
    }

    /// Notes the facts in the attributes of the external key with this uid, whose material came.
    pub(in crate::token) fn note(
        &self,
        attributes: &mut Attributes,
        uid: &Uid,
        material: &Material,
    ) {
        let nonce = self.nonce.as_deref().unwrap_or_default();
        let proof = match material {
            Material::Secret(value) => Some(material_proof(value, nonce, uid).to_vec()),
            Material::Pair(_) => None,
        };
        let wrapping_key = self.wrapping_key.map(|digest| digest.to_vec());
        for (kind, value) in [
            (ck::INTERNAL_BLOB_DIGEST, Some(self.blob.to_vec())),
            (ck::INTERNAL_WRAPPING_DIGEST, wrapping_key),
            (ck::INTERNAL_MATERIAL_PROOF, proof),
            (ck::CKA_TENON_OWNER_NONCE, self.nonce.clone()),
            (ck::INTERNAL_SHARES_JOINED, self.shares.clone()),
        ] {
            match value {
                Some(value) => attributes.set(kind, attr::Value::Bytes(value)),
                None => drop(attributes.remove(kind)),
            }
        }
    }
}

pub(in crate::token) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(&Hash::Sha256.digest(&[bytes]));
    digest
}

/// SHA-256 of a key's CKA_PUBLIC_KEY_INFO.
pub(in crate::token) fn spki_digest(attributes: &Attributes) -> Option<[u8; 32]> {
    let spki = attributes.bytes(ck::CKA_PUBLIC_KEY_INFO)?;
    (!spki.is_empty()).then(|| sha256(spki))
}

/// What every statement says of an external key: which one, of which token, with which material, and its rules.
pub(in crate::token) fn about_key(
    serial: &str,
    uid: &Uid,
    attributes: &Attributes,
    material_id: Option<[u8; 16]>,
) -> Map<String, Value> {
    fields([
        ("serial", json!(serial)),
        ("uid", json!(hex(uid))),
        ("material_id", json!(material_id.map(hex))),
        ("profile", json!(text(attributes, ck::CKA_TENON_PROFILE))),
        ("key_spec", json!(text(attributes, ck::CKA_TENON_KEY_SPEC))),
        (
            "spec",
            json!(spec_of(attributes).map(|spec| spec.to_string())),
        ),
        ("usage", json!(usage(attributes))),
        ("independence", json!(independence(attributes))),
        ("extractable", json!(attributes.bool(ck::CKA_EXTRACTABLE))),
        ("custody", custody(attributes)),
    ])
}

/// Who must approve a deletion of the key: how many of which custodians, by SHA-256 of their SubjectPublicKeyInfo in
/// the order of CKA_TENON_CUSTODIANS; null where nobody must.
fn custody(attributes: &Attributes) -> Value {
    let Some(quorum) = attributes.ulong(ck::CKA_TENON_QUORUM) else {
        return Value::Null;
    };
    let custodians = custodians(attributes).into_iter();
    let custodians: Vec<_> = custodians.map(|spki| hex(sha256(spki))).collect();
    json!({ "quorum": quorum, "custodians": custodians })
}

/// What the statement of an import job says that serves every key of its profile.
pub(in crate::token) fn about_profile(serial: &str, job: &Attributes) -> Map<String, Value> {
    fields([
        ("serial", json!(serial)),
        ("uid", Value::Null),
        ("profile", json!(text(job, ck::CKA_TENON_PROFILE))),
    ])
}

/// What a receipt says of the last import into a version, or of a share, from its attributes.
pub(in crate::token) fn about_import(attributes: &Attributes) -> Map<String, Value> {
    let digest = |kind| attributes.bytes(kind).map(hex);
    let imported_at = attributes.time(ck::INTERNAL_IMPORTED_AT);
    let private = attributes.class() == ck::CKO_PRIVATE_KEY;
    let spki = spki_digest(attributes).filter(|_| private);
    fields([
        (
            "algorithm",
            json!(text(attributes, ck::INTERNAL_IMPORTED_BY)),
        ),
        ("imported_at", json!(imported_at)),
        (
            "expires_at",
            json!(attributes.time(ck::CKA_TENON_EXPIRES_AT).unwrap_or(0)),
        ),
        ("spki_sha256", json!(spki.map(hex))),
        ("material_proof", json!(digest(ck::INTERNAL_MATERIAL_PROOF))),
        ("owner_nonce", json!(digest(ck::CKA_TENON_OWNER_NONCE))),
        ("blob_sha256", json!(digest(ck::INTERNAL_BLOB_DIGEST))),
        (
            "wrapping_key_sha256",
            json!(digest(ck::INTERNAL_WRAPPING_DIGEST)),
        ),
    ])
}

/// What a receipt says of the shares that made a material with this check value, from their attributes: a JSON
/// object.
///
/// # Errors
/// CKR_GENERAL_ERROR.
pub(in crate::token) fn shares_json<'a>(
    check_value: &[u8],
    shares: impl Iterator<Item = &'a Attributes>,
) -> Result<Vec<u8>> {
    let about_share = |share: &Attributes| {
        let mut said = about_import(share);
        said.retain(|name, _| !["expires_at", "spki_sha256"].contains(&name.as_str()));
        let number = share.bytes(ck::CKA_TENON_SHARE).unwrap_or_default().first();
        let check_value = share.bytes(ck::CKA_TENON_SHARES_CHECK_VALUE).map(hex);
        said.extend(fields([
            ("share", json!(number)),
            ("check_value", json!(check_value)),
        ]));
        Value::Object(said)
    };
    let joined: Vec<_> = shares.map(about_share).collect();
    json_bytes(&json!({ "check_value": hex(check_value), "joined": joined }))
}

/// How many shares there are of a key's material, and which of them made that of the version; nothing of a key whose
/// material comes whole.
pub(in crate::token) fn about_shares(key: &Attributes, version: &Attributes) -> Map<String, Value> {
    let Some(sharing) = sharing(key) else {
        return Map::new();
    };
    let expected = key.bytes(ck::CKA_TENON_SHARES_CHECK_VALUE);
    let mut about = fields([
        ("needed", json!(sharing.needed())),
        ("of", json!(sharing.of())),
        ("check_value", json!(expected.map(hex))),
        ("joined", json!([])),
    ]);
    let joined = version.bytes(ck::INTERNAL_SHARES_JOINED);
    if let Some(Ok(Value::Object(joined))) = joined.map(serde_json::from_slice) {
        about.extend(joined);
    }
    fields([("shares", Value::Object(about))])
}

/// The canonical JSON of a statement.
///
/// # Errors
/// CKR_GENERAL_ERROR.
pub(in crate::token) fn canonical(statement: Map<String, Value>) -> Result<Vec<u8>> {
    json_bytes(&Value::Object(statement))
}

fn json_bytes(value: &Value) -> Result<Vec<u8>> {
    // serde_json keeps the names of an object in order.
    serde_json::to_vec(value).map_err(|error| {
        Error::new(ck::CKR_GENERAL_ERROR, "the statement has no JSON form").because(error)
    })
}

pub(in crate::token) fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<String> {
    let bytes = attributes.bytes(kind)?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// KeyUsage, in the words that most services share.
fn usage(attributes: &Attributes) -> String {
    let usage = Usage {
        encrypt: attributes.bool(ck::CKA_DECRYPT),
        sign: attributes.bool(ck::CKA_SIGN),
    };
    usage.name(spec_of(attributes))
}

/// Whether what is encrypted under the key can open under no other key (rule 8).
fn independence(attributes: &Attributes) -> &'static str {
    match byok::is_independent(attributes.ulongs(ck::CKA_ALLOWED_MECHANISMS)) {
        true => "envelope",
        false => "raw",
    }
}
