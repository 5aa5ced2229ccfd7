//! Rows of a token's file that others put back, removed or added: what a login and a use find.

use std::path::Path;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::module::padded;
use tenon_pkcs11::api::store::{AuditRow, Options, Store};
use tenon_pkcs11::api::token::Handle;

use super::outside::{Import, MATERIAL, OTHER, find};
use super::tools::{copied, edited, put_back, sql, token, uid};
use super::verify::{put, rows};
use crate::common::{
    Calls, Fixture, RW, SLOT, SO_PIN, USER_PIN, attrs, open, returns, rv, secret, session,
};

fn key(fixture: &Fixture, name: &str) -> Handle {
    let template = attrs![CKA_TOKEN => true, CKA_PRIVATE => true, CKA_LABEL => name];
    secret(&fixture.session, ck::CKK_AES, template).public
}

fn encrypt(fixture: &Fixture, key: Handle) -> Result<()> {
    let session = &fixture.session;
    session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key)?;
    crate::common::full(|out| session.encrypt(&[7; 16], out)).map(drop)
}

/// What using each secret key comes to, in the order of their age.
fn uses(fixture: &Fixture) -> Vec<&'static str> {
    let mut template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY];
    let named = attrs![CKA_TENON_DISABLED => false];
    let mut keys = find(&fixture.session, &template);
    template.extend(named);
    for key in find(&fixture.session, &template) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter()
        .map(|key| rv(&encrypt(fixture, key)))
        .collect()
}

#[track_caller]
fn verify_finds(fixture: &Fixture, what: &str) {
    let found = token(&fixture.module)
        .verify_audit()
        .unwrap_err()
        .to_string();
    assert!(found.contains(what), "{found}");
}

#[test]
fn a_key_that_was_disabled_since_is_not_used() {
    let import = Import::new();
    let disabled = import.import(MATERIAL, vec![]).unwrap();
    let name = uid(&import.fixture.session, disabled);
    let fixture = import.fixture;
    let other = key(&fixture, "other");
    encrypt(&fixture, other).unwrap();
    let (row, material) = rows(&fixture, &name);
    fixture
        .session
        .set_attributes(disabled, &attrs![CKA_TENON_DISABLED => true])
        .unwrap();
    let fixture = edited(fixture, |file| put(file, &row, &material));
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR", "CKR_OK"]);
    verify_finds(&fixture, "is an older one");
}

#[test]
fn material_that_was_deleted_since_is_not_used() {
    let import = Import::new();
    let deleted = import.import(MATERIAL, vec![]).unwrap();
    let name = uid(&import.fixture.session, deleted);
    let (row, material) = rows(&import.fixture, &name);
    import.fixture.session.destroy_object(deleted).unwrap();
    let fixture = edited(import.fixture, |file| put(file, &row, &material));
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"]);
    verify_finds(&fixture, "is an older one");
}

#[test]
fn a_destroyed_key_that_was_put_back_is_not_used() {
    let fixture = Fixture::new();
    let destroyed = key(&fixture, "destroyed");
    let (row, material) = rows(&fixture, &uid(&fixture.session, destroyed));
    fixture.session.destroy_object(destroyed).unwrap();
    key(&fixture, "other");
    let fixture = edited(fixture, |file| put(file, &row, &material));
    let mut uses = uses(&fixture);
    uses.sort_unstable();
    assert_eq!(uses, ["CKR_DEVICE_ERROR", "CKR_OK"]);
    verify_finds(&fixture, "is there again");
}

#[test]
fn what_is_refused_can_neither_be_changed_nor_copied_nor_destroyed() {
    let fixture = Fixture::new();
    let changed = key(&fixture, "changed");
    let (row, material) = rows(&fixture, &uid(&fixture.session, changed));
    let label = attrs![CKA_LABEL => "newer"];
    fixture.session.set_attributes(changed, &label).unwrap();
    let fixture = edited(fixture, |file| put(file, &row, &material));
    let session = &fixture.session;
    let key = find(session, &attrs![CKA_CLASS => ck::CKO_SECRET_KEY])[0];
    returns!(session.set_attributes(key, &label), CKR_DEVICE_ERROR);
    returns!(session.copy_object(key, &[]), CKR_DEVICE_ERROR);
    returns!(session.destroy_object(key), CKR_DEVICE_ERROR);
    returns!(session.attributes(key, &[ck::CKA_LABEL]), CKR_DEVICE_ERROR);
}

/// A token whose key was changed after a copy was made of its file.
fn changed_since(fixture: Fixture) -> Fixture {
    key(&fixture, "changed");
    key(&fixture, "other");
    let fixture = copied(fixture, "before");
    let changed = find(&fixture.session, &attrs![CKA_LABEL => "changed"])[0];
    fixture
        .session
        .set_attributes(changed, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    fixture
}

#[test]
fn an_old_sum_that_was_put_back_with_the_rows_is_found() {
    let fixture = changed_since(Fixture::new());
    let fixture = edited(fixture, |file| put_back(file, "before", &["rows"]));
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR", "CKR_OK"]);
    verify_finds(&fixture, "is an older one");
}

/// A change is no reason to take the rows that are there for right.
#[test]
fn what_differs_is_still_found_after_a_change() {
    let fixture = changed_since(Fixture::new());
    let mut fixture = edited(fixture, |file| put_back(file, "before", &["rows"]));
    for name in ["one", "two"] {
        key(&fixture, name);
        fixture = fixture.reopened_as_user();
        let changed = find(&fixture.session, &attrs![CKA_LABEL => "changed"]);
        assert!(changed.iter().all(|key| encrypt(&fixture, *key).is_err()));
        assert!(uses(&fixture).contains(&"CKR_DEVICE_ERROR"));
        verify_finds(&fixture, "is an older one");
    }
}

/// The rows and the audit record are those of an older state, and agree; the sum is not.
#[test]
fn an_older_audit_record_that_was_put_back_with_the_rows_vouches_for_nothing() {
    let fixture = changed_since(Fixture::new());
    let fixture = edited(fixture, |file| {
        put_back(file, "before", &["audit.key"]);
        sql(
            file,
            &format!(
                "ATTACH '{}' AS copy; DELETE FROM main.audit; \
                 INSERT INTO main.audit SELECT * FROM copy.audit",
                file.with_file_name("before").display()
            ),
        );
    });
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"; 2]);
    verify_finds(&fixture, "rows of keys");
}

#[test]
fn with_an_anchor_an_old_sum_is_refused_at_the_door() {
    let anchors = tempfile::tempdir().unwrap();
    let anchored = |config: &mut Config| config.anchor = Some(anchors.path().to_owned());
    let fixture = Fixture::configured(anchored);
    key(&fixture, "changed");
    let Fixture {
        module,
        session: open_session,
        clock,
        folder,
    } = fixture;
    drop((open_session, module));
    let file = super::tools::file(folder.path());
    std::fs::copy(&file, file.with_file_name("before")).unwrap();
    let module = open(&folder, &clock, anchored).unwrap();
    let user = session(&module, RW);
    user.login(ck::CKU_USER, USER_PIN).unwrap();
    let key = find(&user, &attrs![CKA_LABEL => "changed"])[0];
    user.set_attributes(key, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    drop((user, module));
    put_back(&file, "before", &["rows"]);
    let module = open(&folder, &clock, anchored).unwrap();
    let opened = module.open_session(SLOT, RW);
    returns!(opened, CKR_DEVICE_ERROR);
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("the rows of keys"), "{error}");
    returns!(token(&module).login(true, SO_PIN), CKR_DEVICE_ERROR);
}

#[test]
fn without_a_genuine_sum_no_key_is_used() {
    for edit in [
        "DELETE FROM meta WHERE name = 'rows'",
        "UPDATE meta SET value = zeroblob(121) WHERE name = 'rows'",
    ] {
        let import = Import::new();
        import.import(MATERIAL, vec![]).unwrap();
        let fixture = edited(import.fixture, |file| sql(file, edit));
        assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"]);
        let import = Import::over(fixture);
        returns!(import.import(MATERIAL, vec![]), CKR_DEVICE_ERROR);
        verify_finds(&import.fixture, "the sum of the rows");
        let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
        import.fixture.session.create_object(&data).unwrap();
    }
}

/// Appends a record to the audit log as who has the file can: its next key lies there in clear.
fn forge(file: &Path, record: &[u8]) {
    use tenon_pkcs11::api::crypto::hash::hmac_sha256;
    use tenon_pkcs11::api::crypto::kdf;
    let store = Store::open(file, &Options::default()).unwrap();
    store
        .write(|tx| {
            let key = tx.meta("audit.key")?.unwrap();
            let last = tx.audit_last()?.unwrap();
            let seq = last.seq + 1;
            let mac = hmac_sha256(&key, &[&seq.to_be_bytes(), &last.mac, record]).to_vec();
            let record = record.to_vec();
            tx.append_audit(&AuditRow { seq, record, mac })?;
            let mut next = [0; 32];
            kdf::hkdf_sha256(&key, b"", &[b"tenon audit 1"], &mut next);
            tx.set_meta("audit.key", &next)
        })
        .unwrap();
}

/// A record of a change by the user that stored (1) or removed (2) a secret key.
fn forged(touch: u8, uid: &[u8; 16], version: u64, seal: &[u8]) -> Vec<u8> {
    let mut record = vec![1, 8, 1];
    record.extend_from_slice(&[0; 16]);
    record.extend_from_slice(&[5, 0, 49, touch]);
    record.extend_from_slice(uid);
    record.extend_from_slice(&ck::CKO_SECRET_KEY.to_be_bytes());
    record.extend_from_slice(&version.to_be_bytes());
    record.extend_from_slice(&seal[..16]);
    record
}

#[test]
fn an_audit_record_that_was_made_up_vouches_for_nothing() {
    use tenon_pkcs11::api::crypto::hash::Hash;
    // For an older row that was put back.
    let fixture = Fixture::new();
    let key = key(&fixture, "one");
    let name = uid(&fixture.session, key);
    let (row, material) = rows(&fixture, &name);
    let label = attrs![CKA_LABEL => "newer"];
    fixture.session.set_attributes(key, &label).unwrap();
    let length = (row.sealed.len() as u64).to_be_bytes();
    let seal = Hash::Sha256.digest(&[&length, &row.sealed, &row.mac]);
    let fixture = edited(fixture, |file| {
        put(file, &row, &material);
        forge(file, &forged(1, &name, row.version, &seal));
    });
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"]);

    // For the rows of a bound key that were removed.
    let import = Import::new();
    let bound = import.import(MATERIAL, vec![]).unwrap();
    let name = uid(&import.fixture.session, bound);
    let fixture = edited(import.fixture, |file| {
        let store = Store::open(file, &Options::default()).unwrap();
        store.write(|tx| tx.remove(&name)).unwrap();
        drop(store);
        forge(file, &forged(2, &name, 1, &[0; 16]));
    });
    let import = Import::over(fixture);
    returns!(import.import(OTHER, vec![]), CKR_DEVICE_ERROR);

    // For a key that is as it was: nothing is known of such a record but that it is none.
    let fixture = Fixture::new();
    let made = self::key(&fixture, "one");
    let name = uid(&fixture.session, made);
    let fixture = edited(fixture, |file| {
        forge(file, &forged(1, &name, 2, &[7; 16]));
    });
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"]);
}

/// The row goes back while the process has the key in memory, and nothing else of the store changes.
#[test]
fn older_material_is_not_read_for_a_key_that_is_known_by_a_newer_row() {
    let import = Import::new();
    let deleted = import.import(MATERIAL, vec![]).unwrap();
    let session = &import.fixture.session;
    let name = uid(session, deleted);
    let (row, material) = rows(&import.fixture, &name);
    let again = import
        .import(MATERIAL, attrs![CKA_LABEL => "newer"])
        .unwrap();
    let label = import.value(again, ck::CKA_LABEL);
    assert_eq!(label, b"newer");
    put(
        &super::tools::file(import.fixture.folder.path()),
        &row,
        &material,
    );
    returns!(import.encrypt(again), CKR_DEVICE_ERROR);
}

#[test]
fn where_the_audit_record_cannot_tell_no_key_is_used() {
    let fixture = changed_since(Fixture::new());
    let fixture = edited(fixture, |file| {
        put_back(file, "before", &[]);
        sql(file, "DELETE FROM audit WHERE seq = 2");
    });
    assert_eq!(uses(&fixture), ["CKR_DEVICE_ERROR"; 2]);
    // What was there before the login cannot be told from what is new.
    returns!(
        find_new(&fixture),
        CKR_DEVICE_ERROR,
        "not even a key made since"
    );
}

fn find_new(fixture: &Fixture) -> Result<()> {
    let made = key(fixture, "made since");
    encrypt(fixture, made)
}

#[test]
fn beyond_the_limit_a_login_does_not_compare_and_verifying_does() {
    let fixture = changed_since(Fixture::new());
    let fixture = edited(fixture, |file| put_back(file, "before", &[]));
    for (limit, expected) in [(0, "CKR_OK"), (1, "CKR_OK"), (2, "CKR_DEVICE_ERROR")] {
        let module = fixture.another_configured(|config| config.login_rows = limit);
        let session = session(&module, RW);
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        let keys = find(&session, &attrs![CKA_CLASS => ck::CKO_SECRET_KEY]);
        let used = session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), keys[0]);
        assert_eq!(rv(&used), expected, "{limit}");
        returns!(token(&module).verify_audit(), CKR_DEVICE_ERROR);
    }
}

/// Writes to the file as a process would that does not keep to the token's rules.
fn behind_its_back(file: &Path, fixture: &Fixture, uid: &[u8; 16], edit: impl FnOnce()) {
    edit();
    let store = Store::open(file, &Options::default()).unwrap();
    assert!(store.read(|s| s.object(uid)).unwrap().is_some());
    drop(fixture.another());
}

#[test]
fn a_running_process_refuses_a_row_older_than_it_has_read() {
    let fixture = Fixture::new();
    let key = key(&fixture, "one");
    let name = uid(&fixture.session, key);
    let (row, material) = rows(&fixture, &name);
    encrypt(&fixture, key).unwrap();
    let label = attrs![CKA_LABEL => "newer"];
    fixture.session.set_attributes(key, &label).unwrap();
    encrypt(&fixture, key).unwrap();
    let file = super::tools::file(fixture.folder.path());
    behind_its_back(&file, &fixture, &name, || put(&file, &row, &material));
    returns!(encrypt(&fixture, key), CKR_DEVICE_ERROR);
    returns!(
        fixture.session.set_attributes(key, &label),
        CKR_DEVICE_ERROR
    );
}

#[test]
fn all_honest_changes_keep_the_sum_right() {
    let import = Import::new();
    let verify = |import: &Import| token(&import.fixture.module).verify_audit().unwrap();
    let session_of = |import: &Import| import.fixture.session.clone();
    let bound = import.import(MATERIAL, vec![]).unwrap();
    let session = session_of(&import);
    let made = key(&import.fixture, "made");
    session
        .set_attributes(made, &attrs![CKA_LABEL => "renamed"])
        .unwrap();
    let copy = session
        .copy_object(made, &attrs![CKA_PRIVATE => true, CKA_LABEL => "copy"])
        .unwrap();
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true];
    let data = session.create_object(&data).unwrap();
    verify(&import);
    session.destroy_object(copy).unwrap();
    session.destroy_object(data).unwrap();
    session.destroy_object(bound).unwrap();
    verify(&import);

    // Another process, and one without a login.
    let module = import.fixture.another();
    let public = crate::common::session(&module, RW);
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false];
    let data = public.create_object(&data).unwrap();
    public
        .set_attributes(data, &attrs![CKA_LABEL => "x"])
        .unwrap();
    public.login(ck::CKU_USER, USER_PIN).unwrap();
    let template = attrs![CKA_TOKEN => true];
    let other = secret(&public, ck::CKK_AES, template).public;
    verify(&import);
    public.destroy_object(other).unwrap();
    public.destroy_object(data).unwrap();
    verify(&import);
    drop((public, module));

    // A refused change leaves nothing in the sum.
    let fixed = attrs![CKA_EXTRACTABLE => true];
    assert!(session.set_attributes(made, &fixed).is_err());
    verify(&import);

    // C_InitToken begins the sum anew.
    let fixture = import.fixture;
    drop(session);
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = fixture;
    drop(session);
    module.close_all_sessions(SLOT).unwrap();
    module.init_token(SLOT, SO_PIN, &padded("new")).unwrap();
    let session = crate::common::session(&module, RW);
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(USER_PIN).unwrap();
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    let fixture = Fixture {
        module,
        session,
        clock,
        folder,
    };
    key(&fixture, "first");
    assert_eq!(uses(&fixture), ["CKR_OK"]);
    token(&fixture.module).verify_audit().unwrap();
}
