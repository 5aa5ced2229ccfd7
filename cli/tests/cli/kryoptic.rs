//! A token that kryoptic 1.5.4 made, `files/kryoptic.sql`, comes in. The test `fill`, which others leave out, made the file:
//!
//! ```text
//! KRYOPTIC_CONF=token.conf KRYOPTIC_MODULE=libkryoptic_pkcs11.so cargo test --test cli -- --ignored kryoptic::fill
//! ```
//!
//! where token.conf has a slot with `dbtype = "sqlite"`, and the module is that of the crate kryoptic with the features
//! `standard` and `pqc`. Where `KRYOPTIC_MODULE` names such a module, each key is also compared in both.

use std::fs;

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{
    Attribute, CertificateType, KeyType, MlDsaParameterSetType, MlKemParameterSetType, ObjectClass,
};
use cryptoki::session::{Session, UserType};
use cryptoki::types::{AuthPin, Date};
use serde_json::Value;

use super::common::{Desk, file, file_path, text};

const SOURCE_PIN: &str = "kryoptic-1234";
const FILE: &str = "kryoptic.sql";
/// The value of the key "known", which is sensitive and does not leave.
const KNOWN: [u8; 32] = *b"a key of thirty-two bytes, known";

/// DER of the names of P-256, P-384, Ed25519 and X25519.
const CURVES: [(&str, &[u8]); 4] = [
    (
        "p256",
        &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
    ),
    ("p384", &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22]),
    ("ed25519", &[0x06, 0x03, 0x2B, 0x65, 0x70]),
    ("x25519", &[0x06, 0x03, 0x2B, 0x65, 0x6E]),
];

fn module() -> Option<String> {
    std::env::var("KRYOPTIC_MODULE").ok()
}

#[test]
#[ignore = "makes files/kryoptic.sql"]
fn fill() {
    let library = Pkcs11::new(module().unwrap()).unwrap();
    library
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slot = library.get_all_slots().unwrap()[0];
    let so = AuthPin::from("kryoptic-so".to_owned());
    let pin = AuthPin::from(SOURCE_PIN.to_owned());
    library.init_token(slot, &so, "old").unwrap();
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&so)).unwrap();
    session.init_pin(&pin).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(&pin)).unwrap();
    secret_keys(&session);
    pairs(&session);
    others(&session);
}

fn named(label: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Label(label.as_bytes().to_vec()),
        Attribute::Id(label.as_bytes().to_vec()),
    ]
}

/// A key that nobody may read, wrapped or not.
fn hidden(label: &str) -> Vec<Attribute> {
    let mut template = named(label);
    template.extend([
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
    ]);
    template
}

fn secret_keys(session: &Session) {
    let mut known = hidden("known");
    known.extend([
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Value(KNOWN.to_vec()),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::EndDate(Date::new_from_str_slice("2099", "12", "31").unwrap()),
        Attribute::AllowedMechanisms(vec![MechanismType::AES_CBC, MechanismType::AES_GCM]),
    ]);
    session.create_object(&known).unwrap();
    let mut made = hidden("made");
    made.extend([Attribute::ValueLen(16.into()), Attribute::Encrypt(true)]);
    session.generate_key(&Mechanism::AesKeyGen, &made).unwrap();
    let mut mac = hidden("mac");
    mac.extend([Attribute::ValueLen(32.into()), Attribute::Sign(true)]);
    session
        .generate_key(&Mechanism::GenericSecretKeyGen, &mac)
        .unwrap();
}

fn pairs(session: &Session) {
    let make = |label: &str, mechanism: Mechanism<'_>, public: Attribute, agrees: bool| {
        let mut template = named(label);
        template.push(public);
        let mut private = hidden(label);
        if agrees {
            private.push(Attribute::Derive(true));
        } else {
            template.push(Attribute::Verify(true));
            private.push(Attribute::Sign(true));
        }
        session
            .generate_key_pair(&mechanism, &template, &private)
            .unwrap();
    };
    for (label, oid) in CURVES {
        let mechanism = match label {
            "ed25519" => Mechanism::EccEdwardsKeyPairGen,
            "x25519" => Mechanism::EccMontgomeryKeyPairGen,
            _ => Mechanism::EccKeyPairGen,
        };
        let curve = Attribute::EcParams(oid.to_vec());
        make(label, mechanism, curve, label == "x25519");
    }
    let bits = Attribute::ModulusBits(2048.into());
    make("rsa", Mechanism::RsaPkcsKeyPairGen, bits, false);
    let set = Attribute::ParameterSet(MlDsaParameterSetType::ML_DSA_65.into());
    make("ml-dsa", Mechanism::MlDsaKeyPairGen, set, false);
    let (mut public, mut private) = (named("ml-kem"), hidden("ml-kem"));
    public.extend([
        Attribute::ParameterSet(MlKemParameterSetType::ML_KEM_768.into()),
        Attribute::Encapsulate(true),
    ]);
    private.push(Attribute::Decapsulate(true));
    session
        .generate_key_pair(&Mechanism::MlKemKeyPairGen, &public, &private)
        .unwrap();
}

fn others(session: &Session) {
    for (label, private) in [("note", true), ("notice", false)] {
        let mut data = named(label);
        data.retain(|one| !matches!(one, Attribute::Id(_)));
        data.extend([
            Attribute::Class(ObjectClass::DATA),
            Attribute::Private(private),
            Attribute::Application(b"test".to_vec()),
            Attribute::Value(format!("content of {label}").into_bytes()),
        ]);
        session.create_object(&data).unwrap();
    }
    let mut certificate = named("certificate");
    certificate.extend([
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
        Attribute::Private(false),
        Attribute::Subject(b"\x30\x00".to_vec()),
        Attribute::Value(file("web-certificate.der")),
    ]);
    session.create_object(&certificate).unwrap();
}

/// The exit status and the report of a move with these arguments.
fn migrate(desk: &Desk, more: &[&str]) -> (Option<i32>, Value) {
    // kryoptic opens its database for writing.
    fs::copy(file_path(FILE), desk.path(FILE)).unwrap();
    let mut arguments = vec!["migrate", "kryoptic", FILE, "--json"];
    arguments.extend(more);
    let mut command = desk.command(&arguments);
    command.env("TENON_SOURCE_PIN", SOURCE_PIN);
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), report)
}

fn check_counts(report: &Value, place: &str) {
    for (class, number) in [
        ("secrkey", 3),
        ("privkey", 7),
        ("pubkey", 7),
        ("data", 2),
        ("cert", 1),
    ] {
        assert_eq!(report["counts"][class][place], number, "{class}: {report}");
    }
}

#[test]
fn every_object_comes_in_with_its_value() {
    let desk = Desk::new();
    let (status, report) = migrate(&desk, &["--no-comparison"]);
    assert_eq!(status, Some(0), "{report}");
    check_counts(&report, "moved");
    let show = |class: &str, label: &str| -> Value {
        let show = ["objects", "show", "--login", "--json", "--type", class];
        let shown = desk.run(&[&show[..], &["--label", label]].concat()).json();
        shown[0].clone()
    };
    let known = show("secrkey", "known");
    let mut block = [0; 16].into();
    Aes256::new(&KNOWN.into()).encrypt_block(&mut block);
    let check_value: String = block[..3]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(text(&known, "CKA_CHECK_VALUE"), check_value);
    assert_eq!(text(&known, "CKA_END_DATE"), "20991231");
    assert_eq!(known["CKA_SENSITIVE"], true);
    assert_eq!(known["CKA_EXTRACTABLE"], false);
    assert_eq!(known["CKA_ALLOWED_MECHANISMS"].as_array().unwrap().len(), 2);
    // What a private key's own value says of its public key, beside the public key that kryoptic stored.
    for label in [
        "p256", "p384", "ed25519", "x25519", "rsa", "ml-dsa", "ml-kem",
    ] {
        let [private, public] = ["privkey", "pubkey"].map(|class| show(class, label));
        assert_eq!(
            text(&private, "CKA_PUBLIC_KEY_INFO"),
            text(&public, "CKA_PUBLIC_KEY_INFO"),
            "{label}"
        );
    }
    let (_, again) = migrate(&desk, &["--no-comparison"]);
    check_counts(&again, "present");
}

#[test]
fn every_key_computes_the_same_in_both() {
    let Some(module) = module() else {
        eprintln!("left out: KRYOPTIC_MODULE names no module");
        return;
    };
    let desk = Desk::new();
    let (status, report) = migrate(&desk, &["--module", &module]);
    assert_eq!(status, Some(0), "{report}");
    for key in report["objects"].as_array().unwrap() {
        let expected = match text(key, "class") {
            // No use of these is compared.
            "privkey" if text(key, "label").starts_with("ml-") => "not_compared",
            "privkey" | "secrkey" => "same",
            _ => continue,
        };
        assert_eq!(key["comparison"]["result"], expected, "{key}");
    }
    assert_eq!(fs::read(desk.path(FILE)).unwrap(), file(FILE));
}

#[test]
fn a_wrong_pin_and_another_file_are_told_and_a_dry_run_changes_nothing() {
    let desk = Desk::new();
    let (_, report) = migrate(&desk, &["--dry-run"]);
    check_counts(&report, "moved");
    assert!(desk.objects(&[]).is_empty());
    let move_it = ["migrate", "kryoptic", FILE, "--no-comparison"];
    desk.run_with(&[("TENON_SOURCE_PIN", "kryoptic-4321")], &move_it)
        .refused(1, &["the PIN does not open the token old of kryoptic"]);
    desk.write("text", "no database");
    desk.run(&["migrate", "kryoptic", "text"])
        .refused(1, &["text is no database of kryoptic"]);
}

#[test]
fn every_command_tells_of_a_token_of_kryoptic() {
    let desk = Desk::new();
    let database = file_path(FILE);
    let conf = format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{database}\"\n");
    desk.write("token.conf", conf);
    let conf = desk.path("token.conf").display().to_string();
    let variables = [("KRYOPTIC_CONF", conf.as_str())];
    for command in [&["slots"][..], &["objects", "list"]] {
        let told = desk.run_with(&variables, command);
        told.warned(&["kryoptic's token old", "`tenon migrate kryoptic"]);
    }
}
