use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::ManualClock;
use tenon_pkcs11::api::module::{NewToken, padded};

use crate::common::{
    Fixture, LABEL, RO, RW, SO_PIN, TODAY, USER_PIN, attrs, open, returns, session,
};

#[test]
fn one_free_slot_is_always_there() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let module = open(&folder, &clock, |_| ()).unwrap();
    assert_eq!(module.slots(), [0]);
    returns!(module.open_session(0, RW), CKR_TOKEN_NOT_RECOGNIZED);
    let info = module.token_info(0).unwrap();
    assert_eq!(info.flags & ck::CKF_TOKEN_INITIALIZED, 0);
    assert_eq!((info.label, info.serialNumber), ([b' '; 32], [b' '; 16]));

    for slot in 0..3 {
        module
            .init_token(slot, SO_PIN, &padded(&format!("token {slot}")))
            .unwrap();
        assert_eq!(module.slots(), (0..=slot + 1).collect::<Vec<_>>());
    }
    returns!(
        module.init_token(9, SO_PIN, &padded("x")),
        CKR_SLOT_ID_INVALID
    );
    drop(module);
    let module = open(&folder, &clock, |_| ()).unwrap();
    assert_eq!(module.slots(), [0, 1, 2, 3]);
    assert_eq!(module.token_info(2).unwrap().label, padded("token 2"));
}

#[test]
fn a_refused_token_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let key_file = folder.path().join("no-such-file");
    let files = || {
        let tokens = folder.path().join("tokens");
        std::fs::read_dir(tokens).map_or(0, |entries| entries.count())
    };
    let module = open(&folder, &clock, |_| ()).unwrap();
    for pin in [&b""[..], b"123", &[b'x'; 256]] {
        let outcome = module.init_token(0, pin, &padded("x"));
        returns!(outcome, CKR_PIN_LEN_RANGE);
    }
    let keyless = open(&folder, &clock, |config| {
        config.pin_key_file = Some(key_file)
    })
    .unwrap();
    returns!(
        keyless.init_token(0, SO_PIN, &padded("x")),
        CKR_DEVICE_ERROR
    );
    assert_eq!((files(), module.slots()), (0, vec![0]));
    module.init_token(0, SO_PIN, &padded("x")).unwrap();
    assert_ne!(files(), 0);
}

#[test]
fn slots_never_renumber() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let module = open(&folder, &clock, |_| ()).unwrap();
    for slot in 0..3 {
        module
            .init_token(slot, SO_PIN, &padded(&format!("token {slot}")))
            .unwrap();
    }
    drop(module);
    for entry in std::fs::read_dir(folder.path().join("tokens")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().unwrap() == "slot-0001" {
            std::fs::remove_file(path).unwrap();
        }
    }
    let module = open(&folder, &clock, |_| ()).unwrap();
    assert_eq!(module.slots(), [0, 1, 2]);
    returns!(module.open_session(1, RW), CKR_TOKEN_NOT_RECOGNIZED);
    assert_eq!(module.token_info(2).unwrap().label, padded("token 2"));
    returns!(module.init_token(1, SO_PIN, &padded("new")), CKR_OK);
    assert_eq!(module.slots(), [0, 1, 2, 3]);
}

#[test]
fn a_damaged_file_takes_no_other_token_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let module = open(&folder, &clock, |_| ()).unwrap();
    module.init_token(0, SO_PIN, &padded("zero")).unwrap();
    module.init_token(1, SO_PIN, &padded("one")).unwrap();
    drop(module);
    let damaged = folder.path().join("tokens/slot-0000.tenon");
    let good = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, b"no database").unwrap();
    std::fs::write(folder.path().join("tokens/notes.txt"), b"mine").unwrap();
    let module = open(&folder, &clock, |_| ()).unwrap();
    assert_eq!(module.slots(), [0, 1, 2]);
    let description = || module.slot_info(0).unwrap().slotDescription;
    assert_eq!(description(), padded("Tenon SoftHSM slot 0 (unreadable)"));
    assert!(module.unreadable(0).unwrap().is_some());
    returns!(module.token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
    returns!(module.open_session(0, RW), CKR_TOKEN_NOT_RECOGNIZED);
    let init = || module.init_token(0, SO_PIN, &padded("x"));
    returns!(init(), CKR_TOKEN_NOT_RECOGNIZED);
    assert_eq!(std::fs::read(&damaged).unwrap(), b"no database");
    returns!(module.open_session(1, RW), CKR_OK);

    // It is opened as soon as it can be, and not erased by who was never shown it.
    std::fs::write(&damaged, good).unwrap();
    returns!(init(), CKR_FUNCTION_FAILED);
    assert_eq!(module.slots(), [0, 1, 2]);
    assert_eq!(module.token_info(0).unwrap().label, padded("zero"));
    assert_eq!(description(), padded("Tenon SoftHSM slot 0"));
    returns!(init(), CKR_OK);
}

/// The token's file was moved away under a client that knows the token, and under one that begins then.
#[test]
fn a_slot_whose_file_is_missing_is_not_free() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let known = open(&folder, &clock, |_| ()).unwrap();
    known.init_token(0, SO_PIN, &padded("zero")).unwrap();
    let file = folder.path().join("tokens/slot-0000.tenon");
    let away = folder.path().join("away");
    std::fs::rename(&file, &away).unwrap();
    let new = open(&folder, &clock, |_| ()).unwrap();
    for module in [&known, &new] {
        assert_eq!(module.slots(), [0, 1]);
        let why = module.unreadable(0).unwrap().unwrap();
        assert!(why.contains("file is missing"), "{why}");
        let description = module.slot_info(0).unwrap().slotDescription;
        assert_eq!(description, padded("Tenon SoftHSM slot 0 (unreadable)"));
        returns!(module.token_info(0), CKR_TOKEN_NOT_RECOGNIZED);
        let outcome = module.init_token(0, SO_PIN, &padded("x"));
        returns!(outcome, CKR_TOKEN_NOT_RECOGNIZED);
        let outcome = module.make_token(&NewToken {
            label: padded("zero"),
            so_pin: SO_PIN,
            user_pin: USER_PIN,
            slot: None,
            sure_of_name: true,
        });
        returns!(outcome, CKR_FUNCTION_FAILED);
    }
    std::fs::rename(&away, &file).unwrap();
    for module in [&known, &new] {
        assert_eq!(module.token_info(0).unwrap().label, padded("zero"));
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_no_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let tokens = folder.path().join("tokens");
    std::os::unix::fs::symlink("nowhere", &tokens).unwrap();
    returns!(open(&folder, &clock, |_| ()), CKR_DEVICE_ERROR);
    let below = |config: &mut tenon_pkcs11::api::config::Config| config.token_dir.push("below");
    returns!(open(&folder, &clock, below), CKR_DEVICE_ERROR);
    std::fs::remove_file(&tokens).unwrap();
    std::fs::write(&tokens, b"").unwrap();
    returns!(open(&folder, &clock, |_| ()), CKR_DEVICE_ERROR);
    std::fs::remove_file(&tokens).unwrap();
    let module = open(&folder, &clock, |_| ()).unwrap();
    module.init_token(0, SO_PIN, &padded("x")).unwrap();

    // What was known before stays known.
    let away = folder.path().join("away");
    std::fs::rename(&tokens, &away).unwrap();
    std::os::unix::fs::symlink("nowhere", &tokens).unwrap();
    assert_eq!(module.slots(), [0, 1]);
    std::fs::remove_file(&tokens).unwrap();
    std::os::unix::fs::symlink(&away, &tokens).unwrap();
    let module = open(&folder, &clock, |_| ()).unwrap();
    assert_eq!(module.token_info(0).unwrap().label, padded("x"));
}

#[test]
fn what_slots_and_tokens_say_of_themselves() {
    let fixture = Fixture::logged_out();
    let module = &fixture.module;
    let info = module.slot_info(0).unwrap();
    assert_eq!(info.flags, ck::CKF_TOKEN_PRESENT);
    assert_eq!(info.manufacturerID, padded("Tenon"));
    returns!(module.slot_info(9), CKR_SLOT_ID_INVALID);
    returns!(module.token_info(9), CKR_SLOT_ID_INVALID);

    let info = module.token_info(0).unwrap();
    assert_eq!(
        (info.label, info.model),
        (padded(LABEL), padded("Tenon SoftHSM"))
    );
    assert!(info.serialNumber.iter().all(u8::is_ascii_hexdigit));
    let flags = ck::CKF_RNG
        | ck::CKF_LOGIN_REQUIRED
        | ck::CKF_CLOCK_ON_TOKEN
        | ck::CKF_DUAL_CRYPTO_OPERATIONS
        | ck::CKF_TOKEN_INITIALIZED
        | ck::CKF_USER_PIN_INITIALIZED;
    assert_eq!(info.flags, flags);
    let again = fixture.reopened().module.token_info(0).unwrap();
    assert_eq!(again.serialNumber, info.serialNumber);

    let removable = Fixture::configured(|config| config.removable = true);
    let flags = removable.module.slot_info(0).unwrap().flags;
    assert_eq!(flags, ck::CKF_TOKEN_PRESENT | ck::CKF_REMOVABLE_DEVICE);
}

#[test]
fn sessions_that_cannot_be_opened() {
    let fixture = Fixture::logged_out();
    let module = &fixture.module;
    returns!(module.open_session(9, RO), CKR_SLOT_ID_INVALID);
    returns!(module.open_session(1, RO), CKR_TOKEN_NOT_RECOGNIZED);
    for flags in [0, ck::CKF_RW_SESSION] {
        returns!(
            module.open_session(0, flags),
            CKR_SESSION_PARALLEL_NOT_SUPPORTED
        );
    }
    returns!(
        module.open_session(0, RO | ck::CKF_ASYNC_SESSION),
        CKR_SESSION_ASYNC_NOT_SUPPORTED
    );
}

#[test]
fn initializing_again_wipes_the_token() {
    let fixture = Fixture::new();
    let module = &fixture.module;
    let before = module.token_info(0).unwrap().serialNumber;
    let template = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    fixture.session.create_object(&template).unwrap();

    let init = |pin| module.init_token(0, pin, &padded("anew"));
    returns!(init(SO_PIN), CKR_SESSION_EXISTS);
    module.close_all_sessions(0).unwrap();
    returns!(init(b"wrong"), CKR_PIN_INCORRECT);
    returns!(init(USER_PIN), CKR_PIN_INCORRECT);
    returns!(init(SO_PIN), CKR_OK);

    assert_eq!(module.slots(), [0, 1]);
    let info = module.token_info(0).unwrap();
    assert_eq!(info.label, padded("anew"));
    assert_ne!(info.serialNumber, before);
    assert_eq!(info.flags & ck::CKF_USER_PIN_INITIALIZED, 0);
    let session = session(module, RW);
    session.find_init(&[]).unwrap();
    assert!(session.find(10).unwrap().is_empty());
    returns!(
        session.login(ck::CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    returns!(session.login(ck::CKU_SO, SO_PIN), CKR_OK);
}

#[test]
fn each_token_that_others_make_or_remove_is_one_event() {
    let fixture = Fixture::logged_out();
    let (here, there) = (&fixture.module, fixture.another());
    // What was there at C_Initialize, and what this program makes, is no event.
    assert_eq!(here.slot_event(), None);
    here.init_token(1, SO_PIN, &padded("own")).unwrap();
    assert_eq!(here.slot_event(), None);
    assert_eq!(there.slot_event(), Some(1));

    assert_eq!(there.slots(), [0, 1, 2]);
    there.init_token(2, SO_PIN, &padded("theirs")).unwrap();
    assert_eq!(here.slot_event(), Some(2));
    assert_eq!(here.slot_event(), None);
    assert_eq!(there.slot_event(), None);

    // Initialized again: another token.
    there.init_token(2, SO_PIN, &padded("again")).unwrap();
    assert_eq!(here.slot_event(), Some(2));
    assert_eq!(here.slot_event(), None);

    drop(there);
    std::fs::remove_file(fixture.folder.path().join("tokens/slot-0002.tenon")).unwrap();
    assert_eq!(here.slot_event(), Some(2));
}

/// Whoever opens the library makes tokens without a PIN, each of which is a file.
#[test]
fn no_free_slot_is_offered_beyond_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(TODAY);
    let module = open(&folder, &clock, |config| config.slot_limit = 2).unwrap();
    for slot in 0..2 {
        module.init_token(slot, SO_PIN, &padded("x")).unwrap();
    }
    assert_eq!(module.slots(), [0, 1]);
    returns!(
        module.init_token(2, SO_PIN, &padded("x")),
        CKR_SLOT_ID_INVALID
    );
    drop(module);
    let module = open(&folder, &clock, |config| config.slot_limit = 1).unwrap();
    assert_eq!(module.slots(), [0, 1], "those that are there stay");
}
