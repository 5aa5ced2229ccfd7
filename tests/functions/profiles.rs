//! The mandatory test cases of the profiles of OASIS for PKCS #11 3.2, and the profiles that the token says it
//! conforms to: the steps of each case with a token that holds what the case presumes. What a case prints of the
//! token that it was recorded from (names, versions, key sizes, values) is left out.

use std::ptr::null_mut;

use cryptoki_sys::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hsm::{Hsm, Table, into, len, plain, pointer, test};
use super::steps::of;
use crate::client::{self, Mechanism};

const TRUE: &[u8] = &[CK_TRUE];

fn ok(rv: CK_RV) {
    assert_eq!(rv, CKR_OK);
}

/// Begins a case: C_Initialize, C_GetInfo, and C_GetSlotList twice. The slot is the first one.
fn begin(table: Table) -> CK_SLOT_ID {
    ok(function!(table, C_Initialize(null_mut())));
    let mut info = CK_INFO::default();
    ok(function!(table, C_GetInfo(&raw mut info)));
    let version = info.cryptokiVersion;
    assert_eq!((version.major, version.minor, info.flags), (3, 2, 0));
    let mut count = 0;
    ok(function!(
        table,
        C_GetSlotList(CK_TRUE, null_mut(), &raw mut count)
    ));
    let mut slots = vec![0; usize::try_from(count).unwrap()];
    ok(function!(
        table,
        C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &raw mut count)
    ));
    slots[0]
}

/// Ends a case: C_CloseSession, C_CloseAllSessions, C_Finalize.
fn end(table: Table, slot: CK_SLOT_ID, session: CK_SESSION_HANDLE) {
    ok(function!(table, C_CloseSession(session)));
    ok(function!(table, C_CloseAllSessions(slot)));
    ok(function!(table, C_Finalize(null_mut())));
}

fn look_at_slot_and_token(table: Table, slot: CK_SLOT_ID) {
    let mut info = CK_SLOT_INFO::default();
    ok(function!(table, C_GetSlotInfo(slot, &raw mut info)));
    assert_eq!(info.flags & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    let mut info = CK_TOKEN_INFO::default();
    ok(function!(table, C_GetTokenInfo(slot, &raw mut info)));
    let flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED;
    assert_eq!(info.flags & flags, flags);
    assert_eq!(info.ulMaxSessionCount, 0);
    assert!(info.utcTime.iter().all(u8::is_ascii_digit));
    assert_eq!(info.utcTime[14..], *b"00");
}

fn open(table: Table, slot: CK_SLOT_ID, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let place = &raw mut session;
    ok(function!(
        table,
        C_OpenSession(slot, flags | CKF_SERIAL_SESSION, null_mut(), None, place)
    ));
    session
}

fn login(table: Table, session: CK_SESSION_HANDLE) {
    let pin = pointer(client::PIN);
    ok(function!(
        table,
        C_Login(session, CKU_USER, pin, len(client::PIN))
    ));
}

/// At most `most` objects that match.
fn find(
    table: Table,
    session: CK_SESSION_HANDLE,
    template: &[CK_ATTRIBUTE],
    most: CK_ULONG,
) -> Vec<CK_OBJECT_HANDLE> {
    let start = template.as_ptr().cast_mut();
    let count = CK_ULONG::try_from(template.len()).unwrap();
    ok(function!(table, C_FindObjectsInit(session, start, count)));
    let (mut objects, mut found) = (vec![0; usize::try_from(most).unwrap()], 0);
    ok(function!(
        table,
        C_FindObjects(session, objects.as_mut_ptr(), most, &raw mut found)
    ));
    ok(function!(table, C_FindObjectsFinal(session)));
    objects.truncate(usize::try_from(found).unwrap());
    objects
}

/// An attribute by two calls: its length, then its value.
fn read(
    table: Table,
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    kind: CK_ATTRIBUTE_TYPE,
) -> Vec<u8> {
    let mut attribute = CK_ATTRIBUTE {
        type_: kind,
        pValue: null_mut(),
        ulValueLen: 0,
    };
    ok(function!(
        table,
        C_GetAttributeValue(session, object, &raw mut attribute, 1)
    ));
    let mut value = vec![0; usize::try_from(attribute.ulValueLen).unwrap()];
    attribute.pValue = value.as_mut_ptr().cast();
    ok(function!(
        table,
        C_GetAttributeValue(session, object, &raw mut attribute, 1)
    ));
    value
}

/// Whether the token says that it conforms to a profile.
fn claims(table: Table, session: CK_SESSION_HANDLE, profile: CK_PROFILE_ID) -> bool {
    let (class, id) = (CKO_PROFILE.to_ne_bytes(), profile.to_ne_bytes());
    let template = [of(CKA_CLASS, &class), of(CKA_PROFILE_ID, &id)];
    find(table, session, &template, 2).len() == 1
}

fn mechanism_info(table: Table, slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE) -> CK_MECHANISM_INFO {
    let mut info = CK_MECHANISM_INFO::default();
    ok(function!(
        table,
        C_GetMechanismInfo(slot, kind, &raw mut info)
    ));
    info
}

fn mechanism_list(table: Table, slot: CK_SLOT_ID) -> Vec<CK_MECHANISM_TYPE> {
    let mut count = 0;
    ok(function!(
        table,
        C_GetMechanismList(slot, null_mut(), &raw mut count)
    ));
    let mut list = vec![0; usize::try_from(count).unwrap()];
    ok(function!(
        table,
        C_GetMechanismList(slot, list.as_mut_ptr(), &raw mut count)
    ));
    list
}

/// Ends what the test began, so that a case begins with C_Initialize.
fn finalize(hsm: &Hsm) -> Table {
    hsm.client.finalize().unwrap();
    hsm.table
}

/// The key of Authentication Token: pair named testrsa-pub and testrsa-pri.
fn make_pair(hsm: &Hsm) {
    let bits = 2048_u64.to_ne_bytes();
    let public = [
        (CKA_TOKEN, TRUE),
        (CKA_LABEL, b"testrsa-pub"),
        (CKA_MODULUS_BITS, &bits),
    ];
    let private = [
        (CKA_TOKEN, TRUE),
        (CKA_LABEL, b"testrsa-pri"),
        (CKA_SIGN, TRUE),
    ];
    let generate = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    hsm.client
        .generate_pair(generate, &public, &private)
        .unwrap();
}

fn make_certificate(hsm: &Hsm, label: &[u8], value: &[u8]) {
    let (class, kind) = (CKO_CERTIFICATE.to_ne_bytes(), CKC_X_509.to_ne_bytes());
    let template = [
        (CKA_CLASS, &class[..]),
        (CKA_CERTIFICATE_TYPE, &kind),
        (CKA_TOKEN, TRUE),
        (CKA_LABEL, label),
        (CKA_SUBJECT, b"subject"),
        (CKA_VALUE, value),
    ];
    hsm.client.create(&template).unwrap();
}

test! {
    fn baseline_provider(hsm) {
        let table = finalize(hsm);
        let slot = begin(table);
        look_at_slot_and_token(table, slot);
        let session = open(table, slot, 0);
        assert_eq!(find(table, session, &[of(CKA_TOKEN, TRUE)], 1), [0; 0]);
        assert!(claims(table, session, CKP_BASELINE_PROVIDER));
        end(table, slot, session);
    }

    fn extended_provider(hsm) {
        let table = finalize(hsm);
        let slot = begin(table);
        look_at_slot_and_token(table, slot);
        let list = mechanism_list(table, slot);
        for (kind, flags) in [
            (CKM_SHA512, CKF_DIGEST),
            (CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR),
            (
                CKM_RSA_PKCS,
                CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY | CKF_WRAP | CKF_UNWRAP,
            ),
        ] {
            assert!(list.contains(&kind));
            assert_eq!(mechanism_info(table, slot, kind).flags & flags, flags);
        }
        let session = open(table, slot, CKF_RW_SESSION);
        login(table, session);
        assert_eq!(find(table, session, &[of(CKA_TOKEN, TRUE)], 1), [0; 0]);
        assert!(claims(table, session, CKP_EXTENDED_PROVIDER));
        ok(function!(table, C_Logout(session)));
        // The case does not call it, the profile names it.
        let pin = pointer(client::PIN);
        let user = (CKU_USER, pin, len(client::PIN), null_mut(), 0);
        ok(function!(table, C_LoginUser(session, user.0, user.1, user.2, user.3, user.4)));
        end(table, slot, session);
    }

    fn authentication_token(hsm) {
        make_pair(hsm);
        let table = finalize(hsm);
        let slot = begin(table);
        let session = open(table, slot, CKF_RW_SESSION);
        login(table, session);
        let named = |label: &[u8], class: CK_OBJECT_CLASS| {
            let class = class.to_ne_bytes();
            let template = [of(CKA_TOKEN, TRUE), of(CKA_LABEL, label), of(CKA_CLASS, &class)];
            let [object] = find(table, session, &template, 1)[..] else {
                panic!("the key is there");
            };
            object
        };
        let public = named(b"testrsa-pub", CKO_PUBLIC_KEY);
        assert_eq!(read(table, session, public, CKA_MODULUS).len(), 256);
        assert_eq!(read(table, session, public, CKA_PUBLIC_EXPONENT), [1, 0, 1]);
        let private = named(b"testrsa-pri", CKO_PRIVATE_KEY);
        let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
        let data = [7; 391];
        ok(function!(table, C_SignInit(session, &raw mut mechanism, private)));
        let signature = into(256, |out, out_len| {
            function!(table, C_Sign(session, pointer(&data), len(&data), out, out_len))
        });
        let signature = signature.unwrap();
        ok(function!(table, C_VerifyInit(session, &raw mut mechanism, public)));
        let (data, signature) = ((pointer(&data), len(&data)), (pointer(&signature), 256));
        ok(function!(table, C_Verify(session, data.0, data.1, signature.0, signature.1)));
        assert!(claims(table, session, CKP_AUTHENTICATION_TOKEN));
        ok(function!(table, C_Logout(session)));
        end(table, slot, session);
    }

    fn public_certificates_token(hsm) {
        for number in 0..5 {
            make_certificate(hsm, &[b'a' + number; 21], &[number; 889]);
        }
        let table = finalize(hsm);
        let slot = begin(table);
        let session = open(table, slot, 0);
        let found = find(table, session, &[of(CKA_TOKEN, TRUE)], 5);
        assert_eq!(found.len(), 5);
        for (number, object) in (0..).zip(found) {
            let number: u8 = number;
            assert_eq!(read(table, session, object, CKA_LABEL), [b'a' + number; 21]);
            assert_eq!(read(table, session, object, CKA_VALUE), [number; 889]);
        }
        assert!(claims(table, session, CKP_PUBLIC_CERTIFICATES_TOKEN));
        end(table, slot, session);
    }

    // The profile has no published case: what CKM_HKDF_DATA gives for the two strings that it names.
    fn hkdf_tls_token(hsm) {
        const SECRET: &[u8] = &[0x42; 32];
        let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_HKDF.to_ne_bytes());
        let secret = hsm.client.create(&[
            (CKA_CLASS, &class[..]),
            (CKA_KEY_TYPE, &kind),
            (CKA_VALUE, SECRET),
            (CKA_DERIVE, TRUE),
        ]);
        for label in ["tls iv", "tls quic iv"] {
            let info = [&[0, 12][..], label.as_bytes(), &[0]].concat();
            let value_len = 12_u64.to_ne_bytes();
            let expand = Mechanism::HkdfData { info: &info };
            let data = hsm.client.derive(expand, secret.unwrap(), &[(CKA_VALUE_LEN, &value_len)]);
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
            mac.update(&info);
            mac.update(&[1]);
            let expected = mac.finalize().into_bytes();
            let value = read(hsm.table, hsm.session, data.unwrap(), CKA_VALUE);
            assert_eq!(value, expected[..12], "{label}");
        }
        assert!(claims(hsm.table, hsm.session, CKP_HKDF_TLS_TOKEN));
    }

    fn a_token_that_lacks_a_mechanism_is_no_complete_provider(hsm) {
        assert!(!claims(hsm.table, hsm.session, CKP_COMPLETE_PROVIDER));
    }
}
