//! How often a call reads the store, and how often it waits for the disk.

use std::ops::Range;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::AuditUse;
use tenon_pkcs11::api::token::Handle;

use super::rolled_back::UnsteadyToken;
use super::tools::{events, token as opened};
use crate::common::{Calls, TODAY, attrs};
use tenon_pkcs11::api::token::Event;

/// Token objects with the labels of `range`.
fn make(token: &UnsteadyToken, range: Range<u32>) {
    for number in range {
        let template = attrs![
            CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true,
            CKA_LABEL => number.to_string().as_str(), CKA_APPLICATION => "scale",
        ];
        token.session().create_object(&template).unwrap();
    }
}

/// The answer of a call, and how often it read the store.
fn counted<T>(token: &UnsteadyToken, call: impl FnOnce() -> T) -> (T, u64) {
    let before = token.reads();
    let answer = call();
    (answer, token.reads() - before)
}

fn next(token: &UnsteadyToken, most: usize) -> Vec<Handle> {
    token.session().find(most).unwrap()
}

#[test]
fn a_search_reads_page_by_page_and_finds_what_was_there_once() {
    const OBJECTS: u32 = 1600;
    let token = UnsteadyToken::new();
    make(&token, 0..OBJECTS);
    let session = token.session();
    for template in [
        attrs![],
        attrs![CKA_APPLICATION => "scale"],
        attrs![CKA_MODIFIABLE => true],
    ] {
        // The clock mark of the last change is learnt by the next call, whichever it is.
        all_found(&token, &attrs![CKA_LABEL => "none"]);
        let (begun, reads) = counted(&token, || session.find_init(&template));
        begun.unwrap();
        assert_eq!(reads, 1, "the first page alone is read");
        let (mut found, reads) = counted(&token, || next(&token, 200));
        assert_eq!((found.len(), reads), (200, 0), "the first page has 256");
        // An object that goes before its page is read is not found, and one that comes now may be left out.
        session.destroy_object(found.pop().unwrap()).unwrap();
        make(&token, OBJECTS..OBJECTS + 3);
        let (rest, reads) = counted(&token, || next(&token, 100_000));
        assert!(reads <= 3, "{reads} reads for pages of 1024");
        found.extend(rest);
        assert_eq!(next(&token, 1), [0; 0]);
        session.find_final().unwrap();
        let all = found.len();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), all, "no object is found twice");
        let lacking = all_found(&token, &template).len() - all;
        assert!(
            lacking <= 3,
            "{lacking} objects were left out: {template:?}"
        );
    }
}

fn all_found(token: &UnsteadyToken, template: &[RawAttribute]) -> Vec<Handle> {
    token.session().find_init(template).unwrap();
    let found = next(token, 100_000);
    token.session().find_final().unwrap();
    found
}

/// A client that makes an object for each that it finds comes to an end.
#[test]
fn a_search_does_not_find_what_is_made_for_what_it_finds() {
    let token = UnsteadyToken::new();
    make(&token, 0..300);
    let session = token.session();
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_DATA])
        .unwrap();
    let mut found = 0;
    while let [one] = next(&token, 1)[..] {
        session.copy_object(one, &attrs![]).unwrap();
        found += 1;
        assert!(found <= 300, "a copy was found");
    }
    assert_eq!(found, 300);
}

#[test]
fn the_first_use_of_a_key_reads_the_store_once() {
    let token = UnsteadyToken::new();
    let fixture = &token.import.fixture;
    let template = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32, CKA_ID => "first"];
    let made = token
        .session()
        .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template);
    let key = made.unwrap();
    let init = || {
        let mechanism = fixture.plain(ck::CKM_AES_ECB);
        let (begun, reads) = counted(&token, || token.session().encrypt_init(mechanism, key));
        begun.unwrap();
        token.session().cancel(ck::CKF_ENCRYPT);
        reads
    };
    assert_eq!((init(), init()), (1, 0));
}

#[test]
fn recorded_uses_wait_for_the_disk_once_a_second_or_each() {
    const USES: u64 = 20;
    for (audit, waits) in [(AuditUse::On, 1), (AuditUse::Strict, USES)] {
        let token = UnsteadyToken::configured(|config| config.audit_use = audit);
        let fixture = &token.import.fixture;
        let template = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32];
        let mechanism = fixture.plain(ck::CKM_AES_KEY_GEN);
        let key = token.session().generate_key(mechanism, &template).unwrap();
        for second in 1..=2 {
            fixture.clock.set(TODAY + second);
            let before = token.durable();
            for _ in 0..USES {
                let mechanism = fixture.plain(ck::CKM_AES_ECB);
                token.session().encrypt_init(mechanism, key).unwrap();
                token.session().cancel(ck::CKF_ENCRYPT);
            }
            assert_eq!(token.durable() - before, waits, "{audit:?}");
        }
        let all = events(&fixture.module);
        let uses = all.iter().filter(|event| **event == Event::Use);
        assert_eq!(uses.count() as u64, 2 * USES, "each use is on record");
        opened(&fixture.module).verify_audit().unwrap();
    }
}
