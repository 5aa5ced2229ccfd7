use tenon_pkcs11::api::ck;

use crate::common::{Fixture, attrs, returns};

#[test]
fn results_come_in_portions() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let mut made: Vec<_> = (0..7_u64)
        .map(|number| {
            let template = attrs![
                CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => number % 2 == 0, CKA_APPLICATION => "find",
            ];
            session.create_object(&template).unwrap()
        })
        .collect();
    session
        .find_init(&attrs![CKA_APPLICATION => "find"])
        .unwrap();
    let mut found = Vec::new();
    assert!(session.find(0).unwrap().is_empty());
    for expected in [3, 3, 1, 0, 0] {
        let portion = session.find(3).unwrap();
        assert_eq!(portion.len(), expected);
        found.extend(portion);
    }
    found.sort_unstable();
    made.sort_unstable();
    assert_eq!(found, made);
    session.find_final().unwrap();
    returns!(session.find(1), CKR_OPERATION_NOT_INITIALIZED);
    returns!(session.find_final(), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_search_shows_what_was_there_when_it_began() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let data = || {
        session
            .create_object(&attrs![CKA_CLASS => ck::CKO_DATA])
            .unwrap()
    };
    let first = data();
    session.find_init(&[]).unwrap();
    data();
    assert_eq!(session.find(10).unwrap(), [first]);
    session.find_final().unwrap();
    session.find_init(&[]).unwrap();
    assert_eq!(session.find(10).unwrap().len(), 2);
}
