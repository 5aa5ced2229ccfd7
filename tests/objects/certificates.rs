//! WTLS certificates, attribute certificates and trust objects: what their templates must give, and what may be
//! changed. Kept, copied and destroyed they are as all stored objects.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, attrs, bytes, returns, with};

const UNKNOWN: u64 = ck::CKT_TRUST_UNKNOWN as u64;
const TRUSTED: u64 = ck::CKT_TRUSTED as u64;
const ANCHOR: u64 = ck::CKT_TRUST_ANCHOR as u64;
const NOT_TRUSTED: u64 = ck::CKT_NOT_TRUSTED as u64;

fn attribute_certificate() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509_ATTR_CERT,
        CKA_OWNER => b"owner", CKA_VALUE => b"certificate",
    ]
}

fn wtls() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_WTLS,
        CKA_SUBJECT => b"subject", CKA_VALUE => b"certificate",
    ]
}

fn trust() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_TRUST, CKA_ISSUER => b"issuer", CKA_SERIAL_NUMBER => b"serial",
        CKA_HASH_OF_CERTIFICATE => b"hash", CKA_NAME_HASH_ALGORITHM => ck::CKM_SHA256,
        CKA_TRUST_SERVER_AUTH => ANCHOR,
    ]
}

fn without(template: Vec<RawAttribute>, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<RawAttribute> {
    let others = template.into_iter().filter(|given| given.kind != kind);
    others.collect()
}

fn find(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let found = session.find(100).unwrap();
    session.find_final().unwrap();
    found
}

#[test]
fn each_is_kept_found_copied_and_destroyed() {
    for (template, wanted) in [
        (attribute_certificate(), attrs![CKA_OWNER => b"owner"]),
        (wtls(), attrs![CKA_SUBJECT => b"subject"]),
        (
            trust(),
            attrs![CKA_ISSUER => b"issuer", CKA_SERIAL_NUMBER => b"serial"],
        ),
    ] {
        let fixture = Fixture::new();
        let kept = with(template, attrs![CKA_TOKEN => true]);
        fixture.session.create_object(&kept).unwrap();
        // Without a login: they are not private by default.
        let fixture = fixture.reopened();
        let [object] = find(&fixture.session, &wanted)[..] else {
            panic!("the object is found");
        };
        assert_eq!(find(&fixture.session, &kept), [object]);
        let copy = fixture.session.copy_object(object, &[]).unwrap();
        assert_eq!(find(&fixture.session, &kept), [object, copy]);
        for object in [copy, object] {
            fixture.session.destroy_object(object).unwrap();
        }
        assert!(find(&fixture.session, &wanted).is_empty());
    }
}

#[test]
fn what_a_template_must_give_is_asked_for() {
    let fixture = Fixture::new();
    let needs = |template: Vec<RawAttribute>, kinds: &[ck::CK_ATTRIBUTE_TYPE]| {
        returns!(fixture.session.create_object(&template), CKR_OK);
        for kind in kinds {
            let lacking = without(template.clone(), *kind);
            returns!(
                fixture.session.create_object(&lacking),
                CKR_TEMPLATE_INCOMPLETE,
                "{kind:#x}"
            );
        }
    };
    let kind = ck::CKA_CERTIFICATE_TYPE;
    needs(
        attribute_certificate(),
        &[kind, ck::CKA_OWNER, ck::CKA_VALUE],
    );
    let nameless = with(wtls(), attrs![CKA_SUBJECT => b""]);
    returns!(
        fixture.session.create_object(&nameless),
        CKR_TEMPLATE_INCOMPLETE
    );
    needs(wtls(), &[kind, ck::CKA_SUBJECT, ck::CKA_VALUE]);
    needs(trust(), &[ck::CKA_ISSUER, ck::CKA_SERIAL_NUMBER]);
}

#[test]
fn each_type_of_certificate_has_attributes_of_its_own() {
    let fixture = Fixture::new();
    let create = |template, more| fixture.session.create_object(&with(template, more));
    let foreign = |outcome| returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    foreign(create(attribute_certificate(), attrs![CKA_SUBJECT => b"s"]));
    foreign(create(attribute_certificate(), attrs![CKA_ID => b"i"]));
    foreign(create(wtls(), attrs![CKA_SERIAL_NUMBER => b"1"]));
    foreign(create(wtls(), attrs![CKA_OWNER => b"o"]));
    foreign(create(trust(), attrs![CKA_SUBJECT => b"s"]));
    let unknown = attrs![CKA_CERTIFICATE_TYPE => ck::CKC_VENDOR_DEFINED];
    returns!(create(wtls(), unknown), CKR_ATTRIBUTE_VALUE_INVALID);
    let object = fixture.session.create_object(&wtls()).unwrap();
    let seen = fixture.session.attributes(object, &[ck::CKA_ID]).unwrap();
    assert_eq!(seen, [Revealed::Invalid]);
}

#[test]
fn what_may_be_changed_is_changed_and_nothing_else() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let tried = |template: Vec<RawAttribute>, free: Vec<RawAttribute>, fixed: Vec<RawAttribute>| {
        let object = session.create_object(&template).unwrap();
        for change in free {
            let wanted = change.bytes().unwrap().to_vec();
            let kind = change.kind;
            session.set_attributes(object, &[change]).unwrap();
            assert_eq!(bytes(session, object, kind), wanted);
        }
        for change in fixed {
            returns!(
                session.set_attributes(object, &[change]),
                CKR_ATTRIBUTE_READ_ONLY
            );
        }
    };
    tried(
        attribute_certificate(),
        attrs![
            CKA_AC_ISSUER => b"i", CKA_SERIAL_NUMBER => b"1", CKA_ATTR_TYPES => b"t",
            CKA_LABEL => "a",
        ],
        attrs![CKA_OWNER => b"other", CKA_VALUE => b"other"],
    );
    tried(
        wtls(),
        attrs![CKA_ISSUER => b"i", CKA_LABEL => "a"],
        attrs![CKA_SUBJECT => b"other", CKA_VALUE => b"other", CKA_URL => "other"],
    );
    tried(
        trust(),
        attrs![CKA_TRUST_SERVER_AUTH => NOT_TRUSTED, CKA_TRUST_OCSP_SIGNING => TRUSTED],
        attrs![CKA_ISSUER => b"other", CKA_HASH_OF_CERTIFICATE => b"other"],
    );
}

#[test]
fn trust_needs_the_hash_and_distrust_does_not() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let bare = without(trust(), ck::CKA_HASH_OF_CERTIFICATE);
    let create = |trust: u64| {
        let trust = attrs![CKA_TRUST_SERVER_AUTH => trust];
        session.create_object(&with(bare.clone(), trust))
    };
    returns!(create(ANCHOR), CKR_TEMPLATE_INCOMPLETE);
    returns!(create(TRUSTED), CKR_TEMPLATE_INCOMPLETE);
    returns!(create(4), CKR_TEMPLATE_INCOMPLETE);
    returns!(create(5), CKR_ATTRIBUTE_VALUE_INVALID);
    returns!(create(UNKNOWN), CKR_OK);
    let distrust = create(NOT_TRUSTED).unwrap();
    let usage = bytes(session, distrust, ck::CKA_TRUST_CLIENT_AUTH);
    assert_eq!(usage, UNKNOWN.to_ne_bytes());
    returns!(
        session.set_attributes(distrust, &attrs![CKA_TRUST_CLIENT_AUTH => TRUSTED]),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn a_wtls_certificate_may_be_elsewhere() {
    let fixture = Fixture::new();
    let elsewhere = with(wtls(), attrs![CKA_VALUE => b"", CKA_URL => "http://there"]);
    returns!(
        fixture.session.create_object(&elsewhere),
        CKR_TEMPLATE_INCOMPLETE
    );
    let hashes = attrs![
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY => b"s", CKA_HASH_OF_ISSUER_PUBLIC_KEY => b"i",
    ];
    returns!(
        fixture.session.create_object(&with(elsewhere, hashes)),
        CKR_OK
    );
}
