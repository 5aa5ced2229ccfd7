//! BYOK section 7: the receipts of versions that are not current.

use serde_json::{Value, json};
use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::{Handle, Receipt};

use super::jobs::{Job, aes, external, job};
use super::outside::{MATERIAL, OTHER, find, request};
use super::receipt::{attestation_key, hex, hex_bytes, openssl_verifies};
use crate::common::{Fixture, TODAY, USER_PIN, attrs, bytes, returns, with};

struct Versioned {
    token: Fixture,
    uid: Vec<u8>,
    job: Job,
}

impl Versioned {
    fn new(profile: &str) -> Self {
        let token = Fixture::new();
        let session = &token.session;
        let key = external(session, attrs![CKA_TENON_PROFILE => profile]).unwrap();
        let uid = bytes(session, key, ck::CKA_UNIQUE_ID);
        let job = job(session, key, 2).unwrap();
        Self { token, uid, job }
    }

    fn key(&self) -> Handle {
        find(&self.token.session, &attrs![CKA_UNIQUE_ID => &self.uid])[0]
    }

    /// Returns the blob.
    fn import(&self, material: &[u8], nonce: &[u8], life: u64, next: bool) -> Vec<u8> {
        let (mechanism, blob) = self.job.owner.wrap(2, material);
        let expires = if life == 0 { 0 } else { TODAY + life };
        let mut template = attrs![
            CKA_TENON_OWNER_NONCE => nonce, CKA_TENON_EXPIRES_AT => &expires.to_be_bytes(),
        ];
        if next {
            template.extend(attrs![CKA_TENON_NEW_MATERIAL => true]);
        }
        let request = request(mechanism, Params::None);
        let session = &self.token.session;
        session
            .unwrap_key(request, self.job.private, &blob, &with(aes(), template))
            .unwrap();
        blob
    }

    fn set(&self, template: Vec<RawAttribute>) {
        self.token
            .session
            .set_attributes(self.key(), &template)
            .unwrap();
    }

    fn proven(&self, receipt: &Receipt) -> Value {
        let known = attestation_key(&self.token.module);
        assert!(openssl_verifies(self.token.folder.path(), receipt, &known));
        serde_json::from_slice(&receipt.statement).unwrap()
    }

    fn of_version(&self, number: usize) -> Value {
        let session = &self.token.session;
        let receipt = session.receipt_of_version(self.key(), number).unwrap();
        self.proven(&receipt)
    }

    fn read(&self) -> Vec<u8> {
        bytes(&self.token.session, self.key(), ck::CKA_TENON_RECEIPTS)
    }

    /// The statements in CKA_TENON_RECEIPTS.
    fn all(&self) -> Vec<Value> {
        let read: Vec<Value> = serde_json::from_slice(&self.read()).unwrap();
        let entries = read.iter().map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().as_bytes().to_vec();
            let said = self.proven(&Receipt {
                statement: text("statement"),
                signature: hex_bytes(&text("signature")),
                public_key: attestation_key(&self.token.module),
            });
            assert_eq!(said["version"], entry["number"]);
            assert_eq!(said["material_id"], entry["material_id"]);
            said
        });
        entries.collect()
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex(Sha256::digest(bytes))
}

#[test]
fn an_import_for_the_next_version_has_its_own_receipt() {
    let key = Versioned::new("aws");
    let session = &key.token.session;
    key.import(MATERIAL, b"one", 0, false);
    let blob = key.import(OTHER, b"two", 50, true);
    let of_key: Value =
        serde_json::from_slice(&bytes(session, key.key(), ck::CKA_TENON_RECEIPT)).unwrap();
    assert_eq!(
        (&of_key["owner_nonce"], &of_key["version"]),
        (&json!(hex(b"one")), &json!(1))
    );
    let places = |said: &Value| {
        ["version", "current_version", "versions"].map(|name| said[name].as_u64().unwrap())
    };
    assert_eq!(places(&of_key), [1, 1, 2]);
    let next = key.of_version(2);
    for (name, value) in [
        ("type", json!("tenon import receipt 2")),
        ("owner_nonce", json!(hex(b"two"))),
        ("blob_sha256", json!(sha256(&blob))),
        ("expires_at", json!(TODAY + 50)),
        ("state", json!("PendingRotation")),
        ("version", json!(2)),
        ("current_version", json!(1)),
        ("versions", json!(2)),
        ("key_spec", of_key["key_spec"].clone()),
        ("uid", of_key["uid"].clone()),
    ] {
        assert_eq!(next[name], value, "{name}");
    }
    assert_ne!(next["material_id"], of_key["material_id"]);
    assert_ne!(next["material_proof"], of_key["material_proof"]);
    let all = key.all();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["owner_nonce"], hex(b"one"));
    assert_eq!(all[1]["owner_nonce"], hex(b"two"));
    returns!(
        session.receipt_of_version(key.key(), 3),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    // Once current, it is the key's.
    key.set(attrs![CKA_TENON_ROTATE => true]);
    let current = key.proven(&session.receipt(key.key()).unwrap());
    for name in ["owner_nonce", "blob_sha256", "material_id", "version"] {
        assert_eq!(current[name], next[name], "{name}");
    }
    assert_eq!(places(&current), [2, 2, 2]);
    assert_eq!(places(&key.of_version(1)), [1, 2, 2]);
    // The older version's own material comes again.
    key.import(MATERIAL, b"again", 60, false);
    let older = key.of_version(1);
    assert_eq!(older["owner_nonce"], hex(b"again"));
    assert_eq!(older["expires_at"], TODAY + 60);
    let current = key.proven(&session.receipt(key.key()).unwrap());
    assert_eq!(current["owner_nonce"], hex(b"two"));
}

#[test]
fn the_end_of_an_older_versions_material_is_stated() {
    let key = Versioned::new("aws");
    key.import(MATERIAL, b"one", 10, false);
    key.import(OTHER, b"two", 0, true);
    key.set(attrs![CKA_TENON_ROTATE => true]);
    key.token.clock.set(TODAY + 20);
    // Reading attributes erases nothing; asking for the statement does.
    let read = key.all();
    assert_eq!(
        (&read[0]["type"], &read[0]["erased"]),
        (&json!("tenon end statement 1"), &json!(false))
    );
    let ended = key.of_version(1);
    for (name, value) in [
        ("type", json!("tenon end statement 1")),
        ("what", json!("material")),
        ("why", json!("expired")),
        ("ended_at", json!(TODAY + 10)),
        ("erased", json!(true)),
        ("owner_nonce", json!(hex(b"one"))),
    ] {
        assert_eq!(ended[name], value, "{name}");
    }
    assert_eq!(key.of_version(2)["type"], "tenon import receipt 2");
    key.import(MATERIAL, b"back", 0, false);
    let id = key.of_version(1)["material_id"].clone();
    let id = hex_bytes(id.as_str().unwrap().as_bytes());
    let now = (TODAY + 20).to_be_bytes();
    key.set(attrs![CKA_TENON_MATERIAL_ID => &id, CKA_TENON_ENDED_AT => &now]);
    let deleted = key.of_version(1);
    assert_eq!(
        (&deleted["why"], &deleted["ended_at"]),
        (&json!("deleted"), &json!(TODAY + 20))
    );
}

#[test]
fn a_version_that_waits_has_no_receipt_and_two_calls_read_the_same() {
    let key = Versioned::new("alibaba-software");
    let session = &key.token.session;
    assert_eq!(key.all()[0]["material_id"], Value::Null);
    key.import(MATERIAL, b"one", 0, false);
    key.set(attrs![CKA_TENON_ROTATE => true]);
    assert_eq!(session.versions(key.key()).unwrap().len(), 2);
    let first = key.read();
    key.token.clock.set(TODAY + 5);
    assert_eq!(key.read(), first, "as long as nothing has changed");
    assert_eq!(key.all().len(), 1);
    returns!(
        session.receipt_of_version(key.key(), 2),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    key.import(OTHER, b"two", 0, false);
    assert_ne!(key.read(), first);
    let all = key.all();
    assert_eq!(all[0]["owner_nonce"], hex(b"one"));
    assert_eq!(all[1]["owner_nonce"], hex(b"two"));
    returns!(
        session.set_attributes(key.key(), &attrs![CKA_TENON_RECEIPTS => b"[]"]),
        CKR_ATTRIBUTE_READ_ONLY
    );
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(key.all().len(), 2);
    // Only an external key has receipts.
    let pair = crate::common::rsa_pair(session, vec![], vec![]);
    let read = session.attributes(pair.private, &[ck::CKA_TENON_RECEIPTS]);
    assert!(matches!(read.unwrap()[0], Revealed::Invalid));
}
