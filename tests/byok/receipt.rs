//! BYOK section 7: receipts, verified by openssl.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::hmac_sha256;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::token::Receipt;

use super::jobs::{aes, external, job, job_with};
use super::outside::{Import, MATERIAL, find, request};
use crate::common::{
    Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, returns, session, uid, with,
};

/// Whether openssl finds the signature good under the key.
pub(crate) fn openssl_verifies(folder: &Path, receipt: &Receipt, public_key: &[u8]) -> bool {
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let pem = pem_rfc7468::encode_string("PUBLIC KEY", pem_rfc7468::LineEnding::LF, public_key);
    let outcome = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify"])
        .arg(write("key.pem", pem.unwrap().as_bytes()))
        .arg("-signature")
        .arg(write("signature.der", &receipt.signature))
        .arg(write("statement.json", &receipt.statement))
        .output()
        .unwrap();
    outcome.status.success()
}

pub(crate) fn attestation_key(module: &Module) -> Vec<u8> {
    module.token(SLOT).unwrap().attestation_key().unwrap()
}

#[test]
pub(crate) fn openssl_verifies_a_receipt_and_it_says_what_was_imported() {
    let token = Fixture::new();
    let known = {
        let logged_out = token.another();
        attestation_key(&logged_out)
    };
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "aws"]).unwrap();
    let job = job(session, key, 5).unwrap();
    let (mechanism, blob) = job.owner.wrap(5, MATERIAL);
    let expires = TODAY + 3600;
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES,
        CKA_TENON_EXPIRES_AT => &expires.to_be_bytes(),
        CKA_TENON_OWNER_NONCE => b"owner",
    ];
    let before: Value = serde_json::from_slice(&session.receipt(key).unwrap().statement).unwrap();
    assert_eq!(before["material_id"], Value::Null);
    assert_eq!(before["state"], "PendingImport");
    session
        .unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &template,
        )
        .unwrap();
    token.clock.set(TODAY + 7);
    let receipt = session.receipt(key).unwrap();
    assert_eq!(receipt.public_key, known);
    assert!(openssl_verifies(token.folder.path(), &receipt, &known));

    let uid = String::from_utf8(bytes(session, key, ck::CKA_UNIQUE_ID)).unwrap();
    let raw_uid = hex_bytes(uid.as_bytes());
    // RFC 5869 and RFC 2104 by another implementation.
    let mut mac_key = [0; 32];
    hkdf::Hkdf::<Sha256>::new(None, MATERIAL)
        .expand(b"tenon receipt 2", &mut mac_key)
        .unwrap();
    let proof = hmac_sha256(&mac_key, &[b"owner", &raw_uid]);
    let said: Value = serde_json::from_slice(&receipt.statement).unwrap();
    assert_eq!(said["audit_head"].as_str().unwrap().len(), 64);
    let serial = token.module.token_info(SLOT).unwrap().serialNumber;
    let expected = json!({
        "algorithm": "RSA_AES_KEY_WRAP_SHA_256",
        "audit_head": said["audit_head"],
        "audit_records": token.module.token(SLOT).unwrap().audit_end().unwrap(),
        "blob_sha256": hex(Sha256::digest(&blob)),
        "custody": null,
        "deletion_at": 0,
        "expires_at": expires,
        "extractable": false,
        "imported_at": TODAY,
        "independence": "envelope",
        "issued_at": TODAY + 7,
        "key_spec": "SYMMETRIC_DEFAULT",
        "material_id": hex(bytes(session, key, ck::CKA_TENON_MATERIAL_ID)),
        "material_proof": hex(proof),
        "owner_nonce": hex(b"owner"),
        "origin": "EXTERNAL",
        "profile": "aws",
        "serial": String::from_utf8_lossy(&serial).trim_end(),
        "spec": "AES-256",
        "spki_sha256": null,
        "state": "Enabled",
        "type": "tenon import receipt 2",
        "uid": uid,
        "usage": "ENCRYPT_DECRYPT",
        "version": 1,
        "current_version": 1,
        "versions": 1,
        "wrapping_key_sha256": hex(Sha256::digest(bytes(session, job.private, ck::CKA_PUBLIC_KEY_INFO))),
    });
    assert_eq!(said, expected);
    let canonical = br#"{"algorithm":"RSA_AES_KEY_WRAP_SHA_256","audit_head":""#;
    assert!(receipt.statement.starts_with(canonical));
    assert!(!receipt.statement.contains(&b'\n'));

    let mut forged = receipt.clone();
    forged.statement = String::from_utf8(forged.statement)
        .unwrap()
        .replace("\"extractable\":false", "\"extractable\":true")
        .into_bytes();
    assert!(!openssl_verifies(token.folder.path(), &forged, &known));
    let stranger = attestation_key(&Fixture::new().module);
    assert!(!openssl_verifies(token.folder.path(), &receipt, &stranger));
}

#[test]
fn a_receipt_needs_an_external_key_with_material_and_a_login() {
    let token = Import::new();
    let session = &token.fixture.session;
    returns!(session.receipt(token.wrapping), CKR_TEMPLATE_INCONSISTENT);
    let key = token
        .import(MATERIAL, attrs![CKA_PRIVATE => false])
        .unwrap();
    let receipt = session.receipt(key).unwrap();
    let said: Value = serde_json::from_slice(&receipt.statement).unwrap();
    assert_eq!(said["algorithm"], "RSAES_OAEP_SHA_256");
    session.logout().unwrap();
    returns!(session.receipt(key), CKR_USER_NOT_LOGGED_IN);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session.destroy_object(key).unwrap();
    returns!(session.receipt(key), CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn the_attestation_key_stays_the_tokens_own() {
    let token = Fixture::new();
    let first = attestation_key(&token.module);
    let token = token.reopened();
    assert_eq!(attestation_key(&token.module), first);
    let other = Fixture::new();
    assert_ne!(attestation_key(&other.module), first);
}

/// As a token of the time before there was an attestation key.
#[test]
fn an_old_token_gets_its_key_at_the_first_need() {
    let token = Fixture::new();
    let first = attestation_key(&token.module);
    let Fixture {
        module,
        session: open,
        clock,
        folder,
    } = token;
    drop((open, module));
    let file = folder.path().join("tokens/slot-0000.tenon");
    let database = rusqlite::Connection::open(&file).unwrap();
    database
        .execute("DELETE FROM meta WHERE name GLOB 'attestation.*'", [])
        .unwrap();
    drop(database);
    let module = crate::common::open(&folder, &clock, |_| ()).unwrap();
    let token = module.token(SLOT).unwrap();
    returns!(token.attestation_key(), CKR_USER_NOT_LOGGED_IN);
    let open = session(&module, RW);
    open.login(ck::CKU_USER, USER_PIN).unwrap();
    let records = token.audit_end().unwrap();
    let second = token.attestation_key().unwrap();
    assert_ne!(second, first);
    assert_eq!(token.attestation_key().unwrap(), second);
    assert_eq!(token.audit_end().unwrap(), records + 1);
}

#[test]
fn a_receipt_is_read_by_c_calls_in_every_state() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "alibaba-default"]).unwrap();
    let known = attestation_key(&token.module);
    let read = || {
        let [statement, signature] = [ck::CKA_TENON_RECEIPT, ck::CKA_TENON_RECEIPT_SIGNATURE]
            .map(|kind| bytes(session, key, kind));
        let receipt = Receipt {
            statement,
            signature,
            public_key: known.clone(),
        };
        assert!(openssl_verifies(token.folder.path(), &receipt, &known));
        serde_json::from_slice::<Value>(&receipt.statement).unwrap()
    };
    assert_eq!(read()["state"], "PendingImport");
    let job = job(session, key, 2).unwrap();
    let import = |nonce: &[u8]| {
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        session.unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &with(aes(), attrs![CKA_TENON_OWNER_NONCE => nonce]),
        )
    };
    returns!(import(&[7; 65]), CKR_ATTRIBUTE_VALUE_INVALID);
    import(&[7; 64]).unwrap();
    assert_eq!(read()["owner_nonce"], "07".repeat(64));
    import(&[8]).unwrap();
    assert_eq!(read()["owner_nonce"], "08", "of the last import");
    let set = |template: Vec<RawAttribute>| session.set_attributes(key, &template).unwrap();
    set(attrs![CKA_TENON_DISABLED => true]);
    assert_eq!(read()["state"], "Disabled");
    let at = TODAY + 8 * 86_400;
    set(attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()]);
    let dying = read();
    assert_eq!(
        (&dying["state"], &dying["deletion_at"]),
        (&json!("PendingDeletion"), &json!(at))
    );
    returns!(
        session.set_attributes(key, &attrs![CKA_TENON_RECEIPT => b"x"]),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn a_receipt_names_a_private_key_by_its_public_half() {
    let token = Import::new();
    let session = &token.fixture.session;
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
        CKA_EC_PARAMS => Curve::P256.params(), CKA_SIGN => true,
    ];
    let generation = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    let key = session.generate_key(generation, &template).unwrap();
    let job = job(session, key, 5).unwrap();
    let private = Material::pair(ec::generate(Curve::P256).unwrap());
    let (mechanism, blob) = job.owner.wrap(5, &private.to_pkcs8().unwrap());
    let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC];
    session
        .unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &template,
        )
        .unwrap();
    let said: Value = serde_json::from_slice(&session.receipt(key).unwrap().statement).unwrap();
    let digest = hex(Sha256::digest(private.spki().unwrap()));
    assert_eq!(said["spki_sha256"], digest);
    assert_eq!(said["material_proof"], Value::Null);
    assert_eq!(said["usage"], "SIGN_VERIFY");
}

#[test]
fn a_nonce_is_of_imports_alone() {
    let token = Import::new();
    let nonce = attrs![CKA_TENON_OWNER_NONCE => b"n", CKA_EXTRACTABLE => true];
    returns!(token.import(MATERIAL, nonce), CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn a_wrapping_statement_names_the_wrapping_key() {
    let token = Fixture::new();
    let session = &token.session;
    let known = attestation_key(&token.module);
    let key = external(session, attrs![CKA_TENON_PROFILE => "aws"]).unwrap();
    let job = job(session, key, 2).unwrap();
    let receipt = Receipt {
        statement: bytes(session, job.private, ck::CKA_TENON_WRAPPING_STATEMENT),
        signature: bytes(
            session,
            job.private,
            ck::CKA_TENON_WRAPPING_STATEMENT_SIGNATURE,
        ),
        public_key: known.clone(),
    };
    assert!(openssl_verifies(token.folder.path(), &receipt, &known));
    let said: Value = serde_json::from_slice(&receipt.statement).unwrap();
    let digest = hex(Sha256::digest(bytes(
        session,
        job.private,
        ck::CKA_PUBLIC_KEY_INFO,
    )));
    assert_eq!(said["wrapping_key_sha256"], digest);
    assert_eq!(said["type"], "tenon wrapping statement 1");
    assert_eq!(said["algorithm"], "RSAES_OAEP_SHA_256");
    assert_eq!(said["not_after"], TODAY + 86_400);
    let uid = String::from_utf8(bytes(session, key, ck::CKA_UNIQUE_ID)).unwrap();
    assert_eq!(said["uid"], uid);
    assert_eq!(said["serial"].as_str().unwrap().len(), 16);
    // It is the private half's alone, and no client gives it.
    let forged = attrs![CKA_TENON_WRAPPING_STATEMENT => b"{}"];
    returns!(
        job_with(session, key, 2, forged).map(drop),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn the_end_of_material_and_of_a_key_is_stated() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "alibaba-default"]).unwrap();
    let uid = bytes(session, key, ck::CKA_UNIQUE_ID);
    let job = job(session, key, 2).unwrap();
    let import = |expires: u64| {
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        let template = with(
            aes(),
            attrs![CKA_TENON_EXPIRES_AT => &expires.to_be_bytes()],
        );
        let request = request(mechanism, Params::None);
        session
            .unwrap_key(request, job.private, &blob, &template)
            .unwrap();
    };
    let said = |receipt: Receipt| {
        let known = attestation_key(&token.module);
        assert!(openssl_verifies(token.folder.path(), &receipt, &known));
        serde_json::from_slice::<Value>(&receipt.statement).unwrap()
    };
    let current = || find(session, &attrs![CKA_UNIQUE_ID => &uid])[0];
    import(TODAY + 10);
    let proof = said(session.receipt(key).unwrap())["material_proof"].clone();
    token.clock.set(TODAY + 20);
    let expired = said(session.receipt(current()).unwrap());
    for (name, value) in [
        ("type", json!("tenon end statement 1")),
        ("what", json!("material")),
        ("why", json!("expired")),
        ("ended_at", json!(TODAY + 10)),
        ("erased", json!(true)),
        ("material_proof", proof),
    ] {
        assert_eq!(expired[name], value, "{name}");
    }
    import(0);
    assert_eq!(
        said(session.receipt(current()).unwrap())["type"],
        "tenon import receipt 2"
    );
    session.destroy_object(current()).unwrap();
    let deleted = said(session.receipt(current()).unwrap());
    assert_eq!(
        (&deleted["why"], &deleted["ended_at"]),
        (&json!("deleted"), &json!(TODAY + 20))
    );
    // Also by C_GetAttributeValue.
    let read = bytes(session, current(), ck::CKA_TENON_RECEIPT);
    let read: Value = serde_json::from_slice(&read).unwrap();
    assert_eq!(read["why"], "deleted");

    let raw: [u8; 16] = hex_bytes(&uid).try_into().unwrap();
    returns!(session.end_of_key(&raw, &[]), CKR_OBJECT_HANDLE_INVALID);
    let at = TODAY + 8 * 86_400;
    let template = attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()];
    session.set_attributes(current(), &template).unwrap();
    token.clock.set(at - 86_400);
    drop(said(session.receipt(current()).unwrap()));
    token.clock.set(at);
    let gone = said(session.end_of_key(&raw, &[]).unwrap());
    for (name, value) in [
        ("type", json!("tenon end statement 1")),
        ("what", json!("key")),
        ("why", json!("scheduled deletion")),
        ("uid", json!(String::from_utf8(uid).unwrap())),
        ("erased", json!(true)),
    ] {
        assert_eq!(gone[name], value, "{name}");
    }
    returns!(session.end_of_key(&[9; 16], &[]), CKR_OBJECT_HANDLE_INVALID);
    // The last record stays in the token.
    external(session, attrs![CKA_LABEL => "later"]).unwrap();
    let archive = token.folder.path().join("archive");
    let opened = token.module.token(SLOT).unwrap();
    opened.archive_audit(&archive, |_| ()).unwrap();
    let refused = session.end_of_key(&raw, &[]);
    let why = refused.as_ref().unwrap_err().to_string();
    assert!(why.contains("are in archives"), "{why}");
    returns!(refused, CKR_OBJECT_HANDLE_INVALID);
    let archived = said(
        session
            .end_of_key(&raw, std::slice::from_ref(&archive))
            .unwrap(),
    );
    for name in ["type", "what", "uid", "ended_at", "audit_record", "serial"] {
        assert_eq!(archived[name], gone[name], "{name}");
    }
    returns!(
        session.end_of_key(&[9; 16], &[archive]),
        CKR_OBJECT_HANDLE_INVALID
    );
}

/// Nothing is signed that stands in a record which the token did not write.
#[test]
fn no_end_is_stated_by_a_record_that_was_edited() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let uid = uid(session, key);
    let due = TODAY + 7 * 86_400;
    let template = attrs![CKA_TENON_DELETION_AT => &due.to_be_bytes()];
    session.set_attributes(key, &template).unwrap();
    token.clock.set(due);
    session.end_of_key(&uid, &[]).unwrap();
    let opened = token.module.token(SLOT).unwrap();
    let archive = token.folder.path().join("archive");
    opened.archive_audit(&archive, |_| ()).unwrap();
    let whole = std::fs::read(&archive).unwrap();
    let at = whole.windows(16).position(|bytes| bytes == uid).unwrap();
    let mut edited = whole.clone();
    edited[at] ^= 1;
    std::fs::write(&archive, &edited).unwrap();
    let mut other = uid;
    other[0] ^= 1;
    for uid in [uid, other] {
        let refused = session.end_of_key(&uid, std::slice::from_ref(&archive));
        returns!(refused, CKR_DEVICE_ERROR);
    }
    std::fs::write(&archive, &whole).unwrap();
    session.end_of_key(&uid, &[archive]).unwrap();
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter();
    digits.map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hex_bytes(digits: &[u8]) -> Vec<u8> {
    let pairs = digits.as_chunks::<2>().0.iter();
    let pairs = pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}
