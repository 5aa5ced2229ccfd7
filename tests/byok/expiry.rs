//! BYOK rule 4, the clock mark, and the dates.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use super::outside::{ID, Import, MATERIAL, OTHER};
use crate::common::{Calls, RW, TODAY, attrs, full, returns, session};

fn at(time: u64) -> [u8; 8] {
    time.to_be_bytes()
}

#[test]
fn rule_4_expiry_is_to_the_second() {
    let token = Import::new();
    let key = token
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &at(TODAY + 60)])
        .unwrap();
    assert_eq!(token.value(key, ck::CKA_TENON_EXPIRES_AT), at(TODAY + 60));
    token.fixture.clock.set(TODAY + 59);
    assert!(token.encrypt(key).is_ok());
    token.fixture.clock.set(TODAY + 60);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert!(token.find(&attrs![CKA_ID => ID]).is_empty());
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    let back = token.import(MATERIAL, vec![]).unwrap();
    assert_eq!(back, key, "a handle held while the key expires stays valid");
    assert_eq!(token.value(key, ck::CKA_TENON_EXPIRES_AT), at(0));
    assert!(token.encrypt(key).is_ok());
}

#[test]
fn rule_4_a_running_operation_ends_with_the_material() {
    for last_step in ["update", "final", "one-shot"] {
        let token = Import::new();
        let session = &token.fixture.session;
        let key = token
            .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &at(TODAY + 60)])
            .unwrap();
        let cbc = token
            .fixture
            .request(ck::CKM_AES_CBC_PAD, Params::Iv(vec![0; 16].into()));
        session.encrypt_init(cbc, key).unwrap();
        if last_step != "one-shot" {
            full(|out| session.encrypt_update(&[1; 20], out)).unwrap();
        }
        token.fixture.clock.set(TODAY + 60);
        let outcome = match last_step {
            "update" => full(|out| session.encrypt_update(&[1; 20], out)),
            "final" => full(|out| session.encrypt_final(out)),
            _ => full(|out| session.encrypt(&[1; 20], out)),
        };
        returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{last_step}");
        let after = full(|out| session.encrypt_final(out));
        returns!(after, CKR_OPERATION_NOT_INITIALIZED, "{last_step}");
    }
}

#[test]
fn a_clock_turned_back_revives_nothing_even_after_reopening() {
    let token = Import::new();
    let key = token
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &at(TODAY + 60)])
        .unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    token.fixture.clock.set(TODAY + 61);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    token.fixture.clock.set(TODAY);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let token = Import::over(token.fixture.reopened_as_user());
    assert!(token.find(&attrs![CKA_ID => ID]).is_empty());
    let [dormant] = token.find(&attrs![CKA_UNIQUE_ID => &uid])[..] else {
        panic!("the key itself is gone")
    };
    returns!(token.encrypt(dormant), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn a_clock_thrown_ahead_refuses_and_erases_nothing() {
    let token = Import::new();
    let key = token
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &at(TODAY + 60)])
        .unwrap();
    token.fixture.clock.set(TODAY + 401 * 86_400);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    token.fixture.clock.set(TODAY + 30);
    returns!(
        token.encrypt(key),
        CKR_OK,
        "what was refused in doubt works again"
    );
    let token = Import::over(token.fixture.reopened_as_user());
    let [key] = token.find(&attrs![CKA_ID => ID])[..] else {
        panic!("the material was erased")
    };
    assert!(token.encrypt(key).is_ok());
}

#[test]
fn an_expiry_in_the_past_is_refused_before_anything() {
    let token = Import::new();
    for past in [1, TODAY - 1, TODAY] {
        let expired = attrs![CKA_TENON_EXPIRES_AT => &at(past)];
        returns!(token.import(MATERIAL, expired), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    assert!(
        token
            .find(&attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL])
            .is_empty()
    );
}

#[test]
fn another_module_sees_disable_at_its_next_init() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    let other = token.fixture.another();
    let there = session(&other, RW);
    there.login(ck::CKU_USER, crate::common::USER_PIN).unwrap();
    let [same] = super::outside::find(&there, &attrs![CKA_ID => ID])[..] else {
        panic!("not found")
    };
    let ecb = || token.fixture.plain(ck::CKM_AES_ECB);
    there.encrypt_init(ecb(), same).unwrap();
    full(|out| there.encrypt(&[0; 16], out)).unwrap();
    let session = &token.fixture.session;
    session
        .set_attributes(key, &attrs![CKA_TENON_DISABLED => true])
        .unwrap();
    returns!(
        there.encrypt_init(ecb(), same),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    session
        .set_attributes(key, &attrs![CKA_TENON_DISABLED => false])
        .unwrap();
    returns!(there.encrypt_init(ecb(), same), CKR_OK);
}

#[test]
fn dates_are_enforced_in_utc_with_the_last_day_included() {
    let token = Import::new();
    let session = &token.fixture.session;
    // TODAY is 2027-01-15, 08:00 UTC.
    let make = |start: &[u8], end: &[u8]| {
        session.create_object(&attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => &[1; 16],
            CKA_ENCRYPT => true, CKA_START_DATE => start, CKA_END_DATE => end,
        ])
    };
    let key = make(b"20270115", b"20270115").unwrap();
    returns!(token.encrypt(key), CKR_OK);
    let early = make(b"20270116", b"").unwrap();
    returns!(token.encrypt(early), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let late = make(b"", b"20270114").unwrap();
    returns!(token.encrypt(late), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let zero = make(b"00000000", b"00000000").unwrap();
    returns!(token.encrypt(zero), CKR_OK);
    token.fixture.clock.set(TODAY + 16 * 3600 - 1);
    returns!(token.encrypt(key), CKR_OK);
    token.fixture.clock.set(TODAY + 16 * 3600);
    returns!(token.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    returns!(token.encrypt(early), CKR_OK);
    let later = session.set_attributes(key, &attrs![CKA_END_DATE => b"20280101"]);
    assert!(later.is_err(), "an END_DATE that is set only moves earlier");
}
