//! CKA_START_DATE and CKA_END_DATE: UTC days, the last one included.

use tenon_pkcs11::api::ck;

use crate::common::{Calls, Fixture, RW, TODAY, attrs, full, returns, rsa_pair, secret};

const DAY: u64 = 86_400;

/// An expired public key still verifies; nothing new is encrypted or wrapped for it.
#[test]
fn an_expired_public_key_protects_nothing_new() {
    let fixture = Fixture::new();
    let secret = secret(
        &fixture.session,
        ck::CKK_AES,
        attrs![CKA_EXTRACTABLE => true, CKA_SENSITIVE => false],
    )
    .public;
    for dates in [
        attrs![CKA_END_DATE => "20200101"],
        attrs![CKA_START_DATE => "20990101"],
    ] {
        let session = fixture.open(RW);
        let public = rsa_pair(&session, dates, attrs![]).public;
        let pkcs1 = || fixture.plain(ck::CKM_RSA_PKCS);
        returns!(
            session.encrypt_init(pkcs1(), public),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        returns!(
            full(|out| session.wrap_key(pkcs1(), public, secret, out)),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        returns!(
            session.verify_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), public),
            CKR_OK
        );
    }
}

/// The dates of a private or secret key may become narrower, not wider.
#[test]
fn dates_become_narrower_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let dates = attrs![CKA_START_DATE => "20270116", CKA_END_DATE => "20270120"];
    let key = secret(session, ck::CKK_AES, dates).public;
    for (wider, narrower) in [
        (
            attrs![CKA_START_DATE => "20270115"],
            attrs![CKA_START_DATE => "20270117"],
        ),
        (
            attrs![CKA_END_DATE => "20270121"],
            attrs![CKA_END_DATE => "20270119"],
        ),
        (
            attrs![CKA_START_DATE => b""],
            attrs![CKA_START_DATE => "20270118"],
        ),
    ] {
        returns!(session.set_attributes(key, &wider), CKR_ATTRIBUTE_READ_ONLY);
        returns!(session.set_attributes(key, &narrower), CKR_OK);
    }
}

#[test]
fn a_key_works_from_its_first_to_its_last_day() {
    for token in [false, true] {
        let fixture = Fixture::new();
        let session = &fixture.session;
        let dates = attrs![
            CKA_TOKEN => token, CKA_START_DATE => "20270116", CKA_END_DATE => "20270117",
        ];
        let key = secret(session, ck::CKK_AES, dates).public;
        let midnight = TODAY - TODAY % DAY;
        let init = || session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key);

        returns!(
            init(),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "before its first day"
        );
        fixture.clock.set(midnight + DAY - 1);
        returns!(
            init(),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "before its first day"
        );
        fixture.clock.set(midnight + DAY);
        returns!(init(), CKR_OK);
        full(|out| session.encrypt(&[0; 16], out)).unwrap();
        fixture.clock.set(midnight + 3 * DAY - 1);
        returns!(init(), CKR_OK);
        returns!(full(|out| session.encrypt_update(&[0; 16], out)), CKR_OK);

        fixture.clock.set(midnight + 3 * DAY);
        let outcome = full(|out| session.encrypt_final(out));
        returns!(
            outcome,
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "begun in time, ended too late"
        );
        returns!(
            full(|out| session.encrypt_final(out)),
            CKR_OPERATION_NOT_INITIALIZED
        );
        returns!(init(), CKR_KEY_FUNCTION_NOT_PERMITTED);

        fixture.clock.set(midnight + DAY);
        returns!(
            init(),
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "a clock turned back revives nothing"
        );
    }
}

#[test]
fn a_clock_turned_back_revives_nothing_after_reopening() {
    let fixture = Fixture::new();
    let template = attrs![CKA_TOKEN => true, CKA_END_DATE => "20270115", CKA_ID => b"old"];
    let key = secret(&fixture.session, ck::CKK_AES, template).public;
    fixture.clock.set(TODAY + DAY);
    let init = |fixture: &Fixture, key| {
        fixture
            .session
            .encrypt_init(fixture.plain(ck::CKM_AES_ECB), key)
    };
    returns!(init(&fixture, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let fixture = fixture.reopened_as_user();
    fixture.clock.set(TODAY);
    fixture
        .session
        .find_init(&attrs![CKA_ID => b"old"])
        .unwrap();
    let key = fixture.session.find(1).unwrap()[0];
    returns!(init(&fixture, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn dates_are_not_enforced_where_the_configuration_says_so() {
    let fixture = Fixture::configured(|config| config.enforce_dates = false);
    let dates = attrs![CKA_END_DATE => "20200101"];
    let key = secret(&fixture.session, ck::CKK_AES, dates).public;
    let outcome = fixture
        .session
        .encrypt_init(fixture.plain(ck::CKM_AES_ECB), key);
    returns!(outcome, CKR_OK);
}
