//! A token that an earlier release made opens in every later one: `tests/fixtures/` has one for each release.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::useless_vec,
    reason = "what fails here fails the test"
)]

mod common;
#[path = "byok/outside.rs"]
#[allow(dead_code, reason = "a part of it does")]
mod outside;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Calls, Fixture, Pair, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, full, returns};
use outside::{ID, Import, MATERIAL, OTHER};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::ManualClock;

/// What the external key makes of sixteen bytes 7 (computed by `openssl enc -aes-256-ecb -nopad`).
const ENCRYPTED: [u8; 16] = [
    0x02, 0x64, 0x15, 0x4c, 0xfc, 0x07, 0x89, 0x90, 0xae, 0xfa, 0x1f, 0x69, 0xc3, 0xfb, 0xd3, 0x70,
];
const EXPIRES_AT: u64 = TODAY + 86_400;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A module on a copy of the token of `release`, and a read/write session of nobody.
fn opened(release: &Path) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::create_dir(&tokens).unwrap();
    let name = "slot-0000.tenon";
    fs::copy(release.join(name), tokens.join(name)).unwrap();
    let clock = ManualClock::at(TODAY);
    let module = common::open(&folder, &clock, |_| ()).unwrap();
    let session = common::session(&module, RW);
    Fixture {
        module,
        session,
        clock,
        folder,
    }
}

/// Makes the fixture of this release, which is kept as it is from then on.
#[test]
#[ignore = "makes a file: run it once for each release that changes the format"]
fn make_the_fixture_of_this_release() {
    let folder = fixtures().join(env!("CARGO_PKG_VERSION"));
    assert!(!folder.exists(), "{} is there already", folder.display());
    let token = Import::over(Fixture::new());
    let session = &token.fixture.session;
    let of_token = |label: &'static str| attrs![CKA_TOKEN => true, CKA_LABEL => label];
    common::rsa_pair(session, of_token("rsa"), of_token("rsa"));
    common::ec_pair(session, of_token("ec"), of_token("ec"));
    for (private, value) in [(true, "private"), (false, "public")] {
        let data = attrs![
            CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => private,
            CKA_LABEL => value, CKA_VALUE => value.as_bytes(),
        ];
        session.create_object(&data).unwrap();
    }
    let expires = EXPIRES_AT.to_be_bytes();
    let expiring = attrs![CKA_LABEL => "external", CKA_TENON_EXPIRES_AT => &expires];
    token.import(MATERIAL, expiring).unwrap();
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    session.logout().unwrap();
    returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);

    fs::create_dir(&folder).unwrap();
    let opened = token.fixture.module.token(SLOT).unwrap();
    let target = folder.join("slot-0000.tenon");
    let copy = opened.back_up(&target, Box::new(|_, _| ())).unwrap();
    copy.publish(false).unwrap();
}

#[test]
fn tokens_of_every_release_open() {
    let releases = fs::read_dir(fixtures()).unwrap();
    let releases: Vec<_> = releases
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(!releases.is_empty());
    for release in releases {
        check(&release);
    }
}

fn check(release: &Path) {
    let name = release.display();
    let fixture = opened(release);
    let status = fixture.module.token(SLOT).unwrap().status().unwrap();
    assert_eq!(status.user_tries, Some(9), "{name}: one wrong PIN counts");
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    fixture.session.logout().unwrap();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    let verified = fixture.module.token(SLOT).unwrap().verify_audit();
    assert!(verified.is_ok(), "{name}: {verified:?}");

    let token = Import::over(fixture);
    let session = &token.fixture.session;
    for (label, mechanism) in [
        ("rsa", ck::CKM_SHA256_RSA_PKCS),
        ("ec", ck::CKM_ECDSA_SHA256),
    ] {
        let of_class = |class: u64| {
            let found = token.find(&attrs![CKA_LABEL => label, CKA_CLASS => class]);
            let [key] = found[..] else {
                panic!("{name}: {label} {class}: {found:?}")
            };
            key
        };
        let pair = Pair {
            public: of_class(ck::CKO_PUBLIC_KEY),
            private: of_class(ck::CKO_PRIVATE_KEY),
        };
        let request = || token.fixture.plain(mechanism);
        session.sign_init(request(), pair.private).unwrap();
        let signature = full(|out| session.sign(b"data", out)).unwrap();
        session.verify_init(request(), pair.public).unwrap();
        session.verify(b"data", &signature).unwrap();
    }
    for value in ["private", "public"] {
        let found = token.find(&attrs![CKA_LABEL => value]);
        assert_eq!(found.len(), 1, "{name}: {value}");
        assert_eq!(token.value(found[0], ck::CKA_VALUE), value.as_bytes());
    }

    let external = token.find(&attrs![CKA_ID => ID]);
    assert_eq!(external.len(), 1, "{name}");
    assert_eq!(token.encrypt(external[0]).unwrap(), ENCRYPTED, "{name}");
    returns!(
        token.import(OTHER, vec![]),
        CKR_TENON_MATERIAL_MISMATCH,
        "{name}"
    );
    token.fixture.clock.set(EXPIRES_AT);
    returns!(
        token.encrypt(external[0]),
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        "{name}"
    );
    let again = token.import(MATERIAL, vec![]).unwrap();
    assert_eq!(token.encrypt(again).unwrap(), ENCRYPTED, "{name}");
}
