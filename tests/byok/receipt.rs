//! BYOK section 7: receipts, verified by openssl.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::token::Receipt;

use super::jobs::{bytes, external, job};
use super::outside::{Import, MATERIAL, request};
use crate::common::{Fixture, RW, SLOT, TODAY, USER_PIN, attrs, returns, session};

/// Whether openssl finds the signature good under the key.
fn openssl_verifies(folder: &Path, receipt: &Receipt, public_key: &[u8]) -> bool {
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

fn attestation_key(module: &Module) -> Vec<u8> {
    module.token(SLOT).unwrap().attestation_key().unwrap()
}

#[test]
fn openssl_verifies_a_receipt_and_it_says_what_was_imported() {
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
    ];
    returns!(session.receipt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
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

    let hex = |kind| -> String {
        let value = bytes(session, key, kind);
        value.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let serial = token.module.token_info(SLOT).unwrap().serialNumber;
    let expected = json!({
        "algorithm": "RSA_AES_KEY_WRAP_SHA_256",
        "expires_at": expires,
        "extractable": false,
        "imported_at": TODAY,
        "issued_at": TODAY + 7,
        "material_id": hex(ck::CKA_TENON_MATERIAL_ID),
        "serial": String::from_utf8_lossy(&serial).trim_end(),
        "spec": "AES-256",
        "type": "tenon import receipt 1",
        "uid": String::from_utf8(bytes(session, key, ck::CKA_UNIQUE_ID)).unwrap(),
    });
    let said: Value = serde_json::from_slice(&receipt.statement).unwrap();
    assert_eq!(said, expected);
    let canonical = br#"{"algorithm":"RSA_AES_KEY_WRAP_SHA_256","expires_at":"#;
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
