//! Every mechanism has test vectors, and `docs/mechanisms.md` is the table of mechanisms.

#![allow(clippy::panic, reason = "a failed helper is a failed test")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype;
use tenon_pkcs11::api::mechanism::{self, Mechanism, ParamKind, Unit};

const INTRODUCTION: &str = "\
# Mechanisms

Written from the rows in `src/mechanism/`; `TENON_REGENERATE=1 cargo test --test vectors` writes it anew.

Sizes are ulMinKeySize and ulMaxKeySize, in the unit that the standard has for the mechanism. Vectors are
files below `tests/vectors/`, or the test that stands for them where nobody published any.

| mechanism | number | keys | sizes | parameter | uses | vectors |
|---|---|---|---|---|---|---|
";

/// CKF_ flags in the order of the document.
const USES: &[(ck::CK_FLAGS, &str)] = &[
    (ck::CKF_ENCRYPT, "encrypt"),
    (ck::CKF_DECRYPT, "decrypt"),
    (ck::CKF_MESSAGE_ENCRYPT, "encrypt messages"),
    (ck::CKF_MESSAGE_DECRYPT, "decrypt messages"),
    (ck::CKF_SIGN, "sign"),
    (ck::CKF_VERIFY, "verify"),
    (ck::CKF_SIGN_RECOVER, "sign recover"),
    (ck::CKF_VERIFY_RECOVER, "verify recover"),
    (ck::CKF_DIGEST, "digest"),
    (ck::CKF_WRAP, "wrap"),
    (ck::CKF_UNWRAP, "unwrap"),
    (ck::CKF_GENERATE, "generate"),
    (ck::CKF_GENERATE_KEY_PAIR, "generate pair"),
    (ck::CKF_DERIVE, "derive"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_mechanism_has_vectors() {
    let mut missing = Vec::new();
    for row in mechanism::all() {
        if row.vectors.is_empty() {
            missing.push(format!("{} names none", row.name));
        }
        for vectors in row.vectors.iter().filter(|vectors| !exists(vectors)) {
            missing.push(format!("{}: {vectors}", row.name));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_does_not_exist_is_missed() {
    assert!(exists("aes_gcm.rsp"));
    assert!(exists(
        "mechanism::aes::tests::makes_new_keys_of_three_lengths"
    ));
    assert!(!exists("none.rsp"));
    assert!(!exists("README.md"));
    assert!(!exists("mechanism::aes::tests::no_such_test"));
    assert!(!exists(
        "mechanism::aes::no_such_module::makes_new_keys_of_three_lengths"
    ));
}

#[test]
fn numbers_and_names_are_unique() {
    let rows: Vec<_> = mechanism::all().collect();
    for (at, row) in rows.iter().enumerate() {
        let twice = |other: &&&Mechanism| other.id == row.id || other.name == row.name;
        assert!(rows[..at].iter().find(twice).is_none(), "{}", row.name);
    }
}

#[test]
fn the_document_is_the_table() {
    let path = root().join("docs/mechanisms.md");
    let wanted = document();
    if std::env::var_os("TENON_REGENERATE").is_some() {
        fs::write(&path, &wanted).expect("docs/mechanisms.md can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "stale: run `TENON_REGENERATE=1 cargo test --test vectors`"
    );
}

/// Whether `vectors` is a file with vectors, or the path of a `#[test]` of the library.
fn exists(vectors: &str) -> bool {
    if !vectors.contains("::") {
        let file = root().join("tests/vectors").join(vectors);
        let data = file.extension().is_some_and(|e| e == "rsp" || e == "json");
        return data && fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0);
    }
    let Some((module, test)) = vectors.rsplit_once("::") else {
        return false;
    };
    files_of(module).iter().any(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.split("#[test]").skip(1).any(|item| {
            let item = item.trim_start();
            item.strip_prefix("fn ")
                .is_some_and(|item| item.starts_with(&format!("{test}(")))
        })
    })
}

/// Files in which the module may be: its own, or that of the module around it.
fn files_of(module: &str) -> Vec<PathBuf> {
    let src = root().join("src");
    let path = module.replace("::", "/");
    let mut files = vec![
        src.join(format!("{path}.rs")),
        src.join(&path).join("mod.rs"),
    ];
    if let Some((around, "tests")) = path.rsplit_once('/') {
        files.push(src.join(format!("{around}.rs")));
        files.push(src.join(around).join("mod.rs"));
        files.push(src.join(format!("{around}_tests.rs")));
    }
    files
}

fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    for row in mechanism::all() {
        let flags = row.info().flags;
        let uses = USES.iter().filter(|(flag, _)| flags & flag != 0);
        let _ = writeln!(
            out,
            "| {} | {:#06x} | {} | {} | {} | {} | {} |",
            row.name,
            row.id,
            join(row.key_types.iter().map(|key_type| key_name(*key_type))),
            sizes(row),
            params(row.params),
            join(uses.map(|(_, name)| *name)),
            join(row.vectors.iter().map(|name| format!("`{name}`"))),
        );
    }
    out
}

fn sizes(row: &Mechanism) -> String {
    let unit = match row.unit {
        Unit::Bits => "bits",
        Unit::Bytes => "bytes",
    };
    match row.sizes {
        (0, 0) => "–".into(),
        (least, most) => format!("{least}–{most} {unit}"),
    }
}

fn params(kind: ParamKind) -> String {
    match kind {
        ParamKind::None => "–".into(),
        ParamKind::Iv(len) => format!("IV, {len} bytes"),
        ParamKind::OptionalIv(len) => format!("optional IV, {len} bytes"),
        ParamKind::Ctr => "CK_AES_CTR_PARAMS".into(),
        ParamKind::Ccm => "CK_CCM_PARAMS".into(),
        ParamKind::MacLen => "CK_MAC_GENERAL_PARAMS".into(),
        ParamKind::Data => "CK_KEY_DERIVATION_STRING_DATA".into(),
        ParamKind::Extract => "CK_EXTRACT_PARAMS".into(),
        ParamKind::CbcData => "CK_AES_CBC_ENCRYPT_DATA_PARAMS".into(),
        ParamKind::Hkdf => "CK_HKDF_PARAMS".into(),
        ParamKind::Pbkd2 => "CK_PKCS5_PBKD2_PARAMS2".into(),
        ParamKind::Key => "CK_OBJECT_HANDLE".into(),
        ParamKind::CallerData(most) => format!("optional data, at most {most} bytes"),
        ParamKind::Gcm => "CK_GCM_PARAMS".into(),
        ParamKind::Oaep => "CK_RSA_PKCS_OAEP_PARAMS".into(),
        ParamKind::OptionalOaep => "optional CK_RSA_PKCS_OAEP_PARAMS".into(),
        ParamKind::RsaAesKeyWrap => "CK_RSA_AES_KEY_WRAP_PARAMS".into(),
        ParamKind::Pss => "CK_RSA_PKCS_PSS_PARAMS".into(),
        ParamKind::Eddsa => "optional CK_EDDSA_PARAMS".into(),
        ParamKind::Ecdh => "CK_ECDH1_DERIVE_PARAMS".into(),
        ParamKind::EcdhAesKeyWrap => "CK_ECDH_AES_KEY_WRAP_PARAMS".into(),
    }
}

fn key_name(key_type: ck::CK_KEY_TYPE) -> &'static str {
    let row = keytype::find(key_type);
    row.unwrap_or_else(|| panic!("no key type {key_type:#x}"))
        .title
}

fn join(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        "–".into()
    } else {
        items.join(", ")
    }
}
