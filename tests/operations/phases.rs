use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;

use crate::common::{Calls, Fixture, Pair, exactly, full, needed, returns, secret};

fn aes(session: &Session) -> Pair {
    secret(session, ck::CKK_AES, Vec::new())
}

fn iv() -> Params {
    Params::Iv(vec![3; 16].into())
}

#[test]
fn steps_need_an_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for outcome in [
        full(|out| session.encrypt(b"", out)),
        full(|out| session.encrypt_update(b"", out)),
        full(|out| session.encrypt_final(out)),
        full(|out| session.decrypt(b"", out)),
        full(|out| session.decrypt_update(b"", out)),
        full(|out| session.decrypt_final(out)),
        full(|out| session.sign(b"", out)),
        full(|out| session.sign_final(out)),
        full(|out| session.digest(b"", out)),
        full(|out| session.digest_final(out)),
    ] {
        returns!(outcome, CKR_OPERATION_NOT_INITIALIZED);
    }
    for outcome in [
        session.sign_update(b""),
        session.verify(b"", b""),
        session.verify_update(b""),
        session.verify_final(b""),
        session.digest_update(b""),
        session.find(1).map(drop),
        session.find_final(),
    ] {
        returns!(outcome, CKR_OPERATION_NOT_INITIALIZED);
    }
}

#[test]
fn a_second_init_is_refused_and_the_first_operation_goes_on() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let cbc = || fixture.request(ck::CKM_AES_CBC_PAD, iv());
    let hmac = || fixture.plain(ck::CKM_SHA256_HMAC);

    session.encrypt_init(cbc(), key).unwrap();
    returns!(session.encrypt_init(cbc(), key), CKR_OPERATION_ACTIVE);
    let sealed = full(|out| session.encrypt(b"text", out)).unwrap();

    session.decrypt_init(cbc(), key).unwrap();
    returns!(session.decrypt_init(cbc(), key), CKR_OPERATION_ACTIVE);
    assert_eq!(full(|out| session.decrypt(&sealed, out)).unwrap(), b"text");

    session.sign_init(hmac(), key).unwrap();
    returns!(session.sign_init(hmac(), key), CKR_OPERATION_ACTIVE);
    let mac = full(|out| session.sign(b"text", out)).unwrap();

    session.verify_init(hmac(), key).unwrap();
    returns!(session.verify_init(hmac(), key), CKR_OPERATION_ACTIVE);
    returns!(session.verify(b"text", &mac), CKR_OK);

    session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
    returns!(
        session.digest_init(fixture.plain(ck::CKM_SHA256)),
        CKR_OPERATION_ACTIVE
    );
    assert_eq!(full(|out| session.digest(b"text", out)).unwrap().len(), 32);

    session.find_init(&[]).unwrap();
    returns!(session.find_init(&[]), CKR_OPERATION_ACTIVE);
    assert_eq!(session.find(10).unwrap(), [key]);
}

#[test]
fn a_refused_init_leaves_no_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let cbc = |params| fixture.request(ck::CKM_AES_CBC, params);
    returns!(
        session.encrypt_init(cbc(Params::None), key),
        CKR_MECHANISM_PARAM_INVALID
    );
    returns!(session.encrypt_init(cbc(iv()), 0), CKR_KEY_HANDLE_INVALID);
    returns!(
        full(|out| session.encrypt(b"", out)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    returns!(session.encrypt_init(cbc(iv()), key), CKR_OK);
}

#[test]
fn operations_of_different_kinds_and_sessions_do_not_disturb_each_other() {
    let fixture = Fixture::new();
    let (one, other) = (&fixture.session, fixture.open(ck::CKF_SERIAL_SESSION));
    let key = aes(one).public;
    let cbc = || fixture.request(ck::CKM_AES_CBC, iv());
    one.encrypt_init(cbc(), key).unwrap();
    one.decrypt_init(cbc(), key).unwrap();
    one.sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    one.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
    other.encrypt_init(cbc(), key).unwrap();

    let first = full(|out| one.encrypt_update(&[1; 16], out)).unwrap();
    let second = full(|out| other.encrypt_update(&[2; 16], out)).unwrap();
    assert_eq!(
        full(|out| one.decrypt_update(&first, out)).unwrap(),
        [1; 16]
    );
    one.sign_update(b"a").unwrap();
    one.digest_update(b"a").unwrap();
    assert_ne!(first, second);
    assert_eq!(full(|out| other.encrypt_final(out)).unwrap(), b"");
    assert_eq!(full(|out| one.sign_final(out)).unwrap().len(), 32);
    assert_eq!(full(|out| one.digest_final(out)).unwrap().len(), 32);
    assert_eq!(full(|out| one.encrypt_final(out)).unwrap(), b"");
    assert_eq!(full(|out| one.decrypt_final(out)).unwrap(), b"");
}

/// A one-shot function cannot end a multi-part operation (section 5.8.2), and each of its errors ends the
/// operation.
#[test]
fn a_one_shot_after_an_update_ends_the_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let hmac = || fixture.plain(ck::CKM_SHA256_HMAC);
    let cbc = || fixture.request(ck::CKM_AES_CBC, iv());
    for _ in 0..2 {
        session.encrypt_init(cbc(), key).unwrap();
        full(|out| session.encrypt_update(&[0; 16], out)).unwrap();
        returns!(
            full(|out| session.encrypt(&[0; 16], out)),
            CKR_OPERATION_ACTIVE
        );

        session.sign_init(hmac(), key).unwrap();
        session.sign_update(b"message").unwrap();
        returns!(full(|out| session.sign(b"x", out)), CKR_OPERATION_ACTIVE);

        session.verify_init(hmac(), key).unwrap();
        session.verify_update(b"message").unwrap();
        returns!(session.verify(b"x", &[0; 32]), CKR_OPERATION_ACTIVE);

        session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
        session.digest_update(b"").unwrap();
        returns!(full(|out| session.digest(b"x", out)), CKR_OPERATION_ACTIVE);
    }
}

/// A length query begins the operation in one of the two ways.
#[test]
fn a_length_query_decides_between_one_shot_and_parts() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let cbc = || fixture.request(ck::CKM_AES_CBC, iv());
    for _ in 0..2 {
        session.encrypt_init(cbc(), key).unwrap();
        needed(|out| session.encrypt(&[0; 16], out)).unwrap();
        returns!(
            full(|out| session.encrypt_update(&[0; 16], out)),
            CKR_OPERATION_ACTIVE
        );
        session.encrypt_init(cbc(), key).unwrap();
        needed(|out| session.encrypt_update(&[0; 16], out)).unwrap();
        returns!(
            full(|out| session.encrypt(&[0; 16], out)),
            CKR_OPERATION_ACTIVE
        );
    }
}

#[test]
fn asking_for_the_length_of_a_part_takes_no_part() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    session
        .encrypt_init(fixture.request(ck::CKM_AES_CBC, iv()), key)
        .unwrap();
    assert_eq!(
        needed(|out| session.encrypt_update(&[0; 40], out)).unwrap(),
        32
    );
    let taken = full(|out| session.encrypt_update(&[0; 16], out)).unwrap();
    assert_eq!(taken.len(), 16);
}

/// A client with a buffer of no bytes has no pointer to give: the answer to its query is not 0 as long
/// as there is something to take.
#[test]
fn a_part_that_is_only_gathered_is_not_lost_in_a_query() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    for mechanism in [ck::CKM_AES_CBC, ck::CKM_AES_CBC_PAD] {
        session
            .encrypt_init(fixture.request(mechanism, iv()), key)
            .unwrap();
        let need = needed(|out| session.encrypt_update(&[7; 5], out)).unwrap();
        assert_eq!(need, 5);
        let written = exactly(need, |out| session.encrypt_update(&[7; 5], out)).unwrap();
        assert_eq!(written.len(), 0);
        let rest = full(|out| session.encrypt_update(&[7; 27], out)).unwrap();
        assert!(!rest.is_empty());
        full(|out| session.encrypt_final(out)).unwrap();
    }
}

#[test]
fn a_part_that_does_not_fit_is_not_taken() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let cbc = || fixture.request(ck::CKM_AES_CBC_PAD, iv());
    session.encrypt_init(cbc(), key).unwrap();
    let whole = full(|out| session.encrypt(&[7; 40], out)).unwrap();

    session.encrypt_init(cbc(), key).unwrap();
    let outcome = exactly(31, |out| session.encrypt_update(&[7; 40], out));
    returns!(outcome, CKR_BUFFER_TOO_SMALL);
    let mut sealed = exactly(32, |out| session.encrypt_update(&[7; 40], out)).unwrap();
    sealed.extend(full(|out| session.encrypt_final(out)).unwrap());
    assert_eq!(sealed, whole);
}

/// The length of a padded text is known only once it is decrypted: the text then waits for a
/// buffer that holds it. Another step than the one that it waits for ends the operation.
#[test]
fn a_text_that_waits_for_its_buffer_is_not_mixed_with_another() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = aes(session).public;
    let cbc = || fixture.request(ck::CKM_AES_CBC_PAD, iv());
    session.encrypt_init(cbc(), key).unwrap();
    let sealed = full(|out| session.encrypt(&[7; 40], out)).unwrap();

    let waits = || {
        session.decrypt_init(cbc(), key).unwrap();
        returns!(
            exactly(39, |out| session.decrypt(&sealed, out)),
            CKR_BUFFER_TOO_SMALL
        );
    };
    waits();
    returns!(
        full(|out| session.decrypt_update(&sealed, out)),
        CKR_OPERATION_ACTIVE
    );
    waits();
    returns!(full(|out| session.decrypt_final(out)), CKR_OPERATION_ACTIVE);
    waits();
    assert_eq!(needed(|out| session.decrypt(&sealed, out)).unwrap(), 40);
    assert_eq!(
        exactly(40, |out| session.decrypt(&sealed, out)).unwrap(),
        [7; 40]
    );

    let waits = || {
        session.decrypt_init(cbc(), key).unwrap();
        let clear = full(|out| session.decrypt_update(&sealed, out)).unwrap();
        returns!(
            exactly(7, |out| session.decrypt_final(out)),
            CKR_BUFFER_TOO_SMALL
        );
        clear
    };
    waits();
    returns!(
        full(|out| session.decrypt_update(&sealed, out)),
        CKR_OPERATION_ACTIVE
    );
    let mut clear = waits();
    clear.extend(exactly(8, |out| session.decrypt_final(out)).unwrap());
    assert_eq!(clear, [7; 40]);
}

#[test]
fn what_no_operation_is_needed_for() {
    let fixture = Fixture::blank(|_| ());
    let session = &fixture.session;
    let (mut one, mut other) = ([0; 32], [0; 32]);
    session.random(&mut one);
    session.random(&mut other);
    assert_ne!(one, other);
    session.seed_random(b"seed");
    session.random(&mut other);
    assert_ne!(one, other);
    returns!(session.digest_key(0), CKR_OPERATION_NOT_INITIALIZED);
}
