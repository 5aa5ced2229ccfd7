//! Logins that overlap: right PINs are never refused for it, wrong ones never exceed the limit.

use std::fs;
use std::sync::Barrier;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::Module;

use crate::common::{
    Calls, Fixture, RO, RW, SO_PIN, USER_PIN, attrs, returns, rsa_pair, rv, session,
};

const LIMIT: usize = 10;
const LOCKS: ck::CK_FLAGS = ck::CKF_USER_PIN_COUNT_LOW
    | ck::CKF_USER_PIN_LOCKED
    | ck::CKF_SO_PIN_COUNT_LOW
    | ck::CKF_SO_PIN_LOCKED;

/// What each of the modules answers when all log the user in at once.
fn at_once(modules: &[&Module], pin: &[u8], flags: ck::CK_FLAGS) -> Vec<&'static str> {
    let barrier = Barrier::new(modules.len());
    std::thread::scope(|scope| {
        let logins: Vec<_> = modules
            .iter()
            .map(|module| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let session = session(module, flags);
                    barrier.wait();
                    let outcome = session.login(ck::CKU_USER, pin);
                    // The login is the token's, and ends with the last session.
                    barrier.wait();
                    rv(&outcome)
                })
            })
            .collect();
        logins
            .into_iter()
            .map(|login| login.join().unwrap())
            .collect()
    })
}

#[test]
fn threads_that_log_in_at_once_find_the_user_logged_in() {
    let fixture = Fixture::logged_out();
    for _ in 0..3 {
        let modules = vec![&fixture.module; 24];
        let answers = at_once(&modules, USER_PIN, RW);
        assert_eq!(answers.iter().filter(|rv| **rv == "CKR_OK").count(), 1);
        let already = |rv: &&str| matches!(*rv, "CKR_OK" | "CKR_USER_ALREADY_LOGGED_IN");
        assert!(answers.iter().all(already), "{answers:?}");
        fixture.session.logout().unwrap();
        assert_eq!(fixture.token_flags() & LOCKS, 0);
    }
}

/// Modules share nothing but the token's files, as processes do.
#[test]
fn more_right_pins_than_the_limit_all_log_in() {
    let fixture = Fixture::logged_out();
    let modules: Vec<_> = (0..3 * LIMIT)
        .map(|_| fixture.another_configured(|config| config.pin_retries = 3))
        .collect();
    let modules: Vec<_> = modules.iter().collect();
    assert_eq!(at_once(&modules, USER_PIN, RW), vec!["CKR_OK"; 3 * LIMIT]);
    assert_eq!(fixture.token_flags() & LOCKS, 0);
}

#[test]
fn wrong_pins_at_once_are_answered_up_to_the_limit() {
    let fixture = Fixture::logged_out();
    for read_only in [false, true] {
        let modules: Vec<_> = (0..16)
            .map(|_| {
                fixture.another_configured(|config| {
                    config.read_only = read_only;
                    config.read_only_login = read_only;
                })
            })
            .collect();
        // One module many times stands for threads; those of a read-only store count in memory.
        let modules: Vec<_> = match read_only {
            true => vec![&modules[0]; 16],
            false => modules.iter().collect(),
        };
        let flags = if read_only { RO } else { RW };
        let answers = at_once(&modules, b"wrong", flags);
        let of = |name| answers.iter().filter(|rv| **rv == name).count();
        assert_eq!(of("CKR_PIN_INCORRECT"), LIMIT, "{answers:?}");
        assert_eq!(of("CKR_PIN_LOCKED"), 16 - LIMIT, "{answers:?}");
        let officer = fixture.open(RW);
        officer.login(ck::CKU_SO, SO_PIN).unwrap();
        officer.init_pin(USER_PIN).unwrap();
        officer.logout().unwrap();
    }
}

#[test]
fn context_specific_logins_at_once_all_succeed() {
    let fixture = Fixture::new();
    let changes = attrs![CKA_PRIVATE => true, CKA_ALWAYS_AUTHENTICATE => true];
    let key = rsa_pair(&fixture.session, vec![], changes).private;
    let barrier = Barrier::new(16);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let (fixture, barrier) = (&fixture, &barrier);
            scope.spawn(move || {
                let session = fixture.open(RW);
                let request = fixture.plain(ck::CKM_RSA_PKCS);
                session.sign_init(request, key).unwrap();
                barrier.wait();
                let outcome = session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN);
                returns!(outcome, CKR_OK);
            });
        }
    });
    assert_eq!(fixture.token_flags() & LOCKS, 0);
}

#[test]
fn an_ordinary_login_writes_nothing() {
    let fixture = Fixture::logged_out();
    let log = fixture.folder.path().join("tokens/slot-0000.tenon-wal");
    let before = fs::read(&log).unwrap();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    fixture.session.logout().unwrap();
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    assert_eq!(fs::read(&log).unwrap(), before);
}

/// Guesses that nobody can keep apart are not made; the token is not locked by it.
#[test]
fn without_the_file_of_the_lines_there_is_no_login() {
    let fixture = Fixture::logged_out();
    let lock = fixture.folder.path().join("tokens/slot-0000.lock");
    let _ = fs::remove_file(&lock);
    fs::create_dir(&lock).unwrap();
    let refused = fixture.session.login(ck::CKU_USER, USER_PIN).unwrap_err();
    assert_eq!(refused.rv, ck::CKR_DEVICE_ERROR);
    assert!(refused.to_string().contains("slot-0000.lock"), "{refused}");
    fs::remove_dir(&lock).unwrap();
    returns!(fixture.session.login(ck::CKU_USER, USER_PIN), CKR_OK);
}

/// Held by the test that has the small disk.
pub(super) static SMALL_DISK: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Fills the disk, so it needs one of its own: `TENON_SMALL_DISK` names a directory on it.
#[test]
fn on_a_full_disk_right_pins_log_in_and_wrong_ones_are_counted() {
    let Some(disk) = std::env::var_os("TENON_SMALL_DISK") else {
        println!("not run: TENON_SMALL_DISK is not set");
        return;
    };
    let _alone = SMALL_DISK.lock().unwrap();
    let directory = tempfile::tempdir_in(disk).unwrap();
    let fixture = Fixture::configured(|config| config.token_dir = directory.path().join("tokens"));
    let session = &fixture.session;
    let filler = directory.path().join("filler");
    let fill = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&filler).unwrap();
        while std::io::Write::write_all(&mut file, &[1; 512]).is_ok() {}
    };
    fill();

    for _ in 0..2 {
        session.logout().unwrap();
        returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
        session.logout().unwrap();
        for _ in 1..LIMIT {
            returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
        }
        returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
        assert_eq!(fixture.token_flags() & LOCKS, 0);
    }

    // Without the reserve a wrong guess cannot be written. It is no guess that can be repeated.
    session.logout().unwrap();
    fs::remove_file(directory.path().join("tokens/slot-0000.reserve")).unwrap();
    fill();
    let answers: Vec<_> = (0..LIMIT)
        .map(|_| rv(&session.login(ck::CKU_USER, b"wrong")))
        .collect();
    let refused = |rv: &&str| matches!(*rv, "CKR_PIN_INCORRECT" | "CKR_DEVICE_MEMORY");
    assert!(answers.iter().all(refused), "{answers:?}");
    let outcome = session.login(ck::CKU_USER, USER_PIN);
    assert!(
        matches!(rv(&outcome), "CKR_PIN_LOCKED" | "CKR_DEVICE_MEMORY"),
        "{}",
        rv(&outcome)
    );

    fs::remove_file(&filler).unwrap();
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
}
