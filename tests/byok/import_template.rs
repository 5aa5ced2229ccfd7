//! What the template of an import says of the key: it is right, it is one of the few things that every client says, or
//! the import is refused and nothing changes.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use super::jobs::{aes, external, job};
use super::outside::{Import, MATERIAL, oaep, oaep_blob, request};
use crate::common::{Fixture, attrs, bytes, returns, state, with};

/// What this import brings has another check value.
const WRONG: &[u8; 3] = b"\x01\x02\x03";

/// The check value of `MATERIAL` as an AES key.
fn check_value() -> Vec<u8> {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    token.value(key, ck::CKA_CHECK_VALUE)
}

#[test]
fn a_job_takes_no_material_of_another_check_value() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 2).unwrap();
    let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
    let import = |check: &[u8]| {
        let template = with(aes(), attrs![CKA_CHECK_VALUE => check]);
        let request = request(mechanism, Params::None);
        session.unwrap_key(request, job.private, &blob, &template)
    };
    returns!(import(WRONG), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    let id = session
        .attributes(key, &[ck::CKA_TENON_MATERIAL_ID])
        .unwrap();
    assert!(matches!(id[..], [Revealed::Invalid]), "nothing is bound");
    let right = check_value();
    for _ in 0..2 {
        assert_eq!(import(&right).unwrap(), key);
        assert_eq!(bytes(session, key, ck::CKA_CHECK_VALUE), right);
        returns!(import(WRONG), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // Section 4.10.2: with a value of no bytes the key has none.
    assert_eq!(import(b"").unwrap(), key);
    assert_eq!(bytes(session, key, ck::CKA_CHECK_VALUE), b"");
}

#[test]
fn every_new_version_has_its_own_check_value() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "vault"]).unwrap();
    let job = super::jobs::job_with_bits(session, key, 5, 4096).unwrap();
    let mut seen = Vec::new();
    for material in [MATERIAL, super::outside::OTHER] {
        let (mechanism, blob) = job.owner.wrap(5, material);
        let import = |template| {
            let request = request(mechanism, Params::None);
            session.unwrap_key(request, job.private, &blob, &with(aes(), template))
        };
        let wrong = import(attrs![CKA_CHECK_VALUE => WRONG]);
        returns!(wrong, CKR_ATTRIBUTE_VALUE_INVALID);
        import(vec![]).unwrap();
        seen.push(bytes(session, key, ck::CKA_CHECK_VALUE));
    }
    assert_eq!(seen[0], check_value());
    assert_ne!(seen[0], seen[1]);
    // The older version's is compared with its own material.
    let (mechanism, blob) = job.owner.wrap(5, MATERIAL);
    for (check, right) in [(&seen[1], false), (&seen[0], true)] {
        let template = with(aes(), attrs![CKA_CHECK_VALUE => check]);
        let request = request(mechanism, Params::None);
        let outcome = session.unwrap_key(request, job.private, &blob, &template);
        assert_eq!(outcome.is_ok(), right);
    }
}

#[test]
fn an_unwrap_makes_and_binds_no_key_of_another_check_value() {
    let token = Import::new();
    let check = check_value();
    for change in [
        vec![],
        attrs![CKA_TOKEN => false],
        attrs![CKA_EXTRACTABLE => true],
        attrs![CKA_ID => b""],
    ] {
        let wrong = with(change.clone(), attrs![CKA_CHECK_VALUE => WRONG]);
        let refused = token.import(MATERIAL, wrong);
        returns!(refused, CKR_ATTRIBUTE_VALUE_INVALID, "{change:?}");
        assert!(
            token
                .find(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY])
                .is_empty()
        );
        let all = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
        assert!(token.find(&all).is_empty());
    }
    let none = attrs![CKA_TOKEN => false, CKA_CHECK_VALUE => b""];
    let key = token.import(MATERIAL, none).unwrap();
    assert_eq!(token.value(key, ck::CKA_CHECK_VALUE), b"");
    let key = token.import(MATERIAL, attrs![CKA_CHECK_VALUE => &check]);
    assert_eq!(token.value(key.unwrap(), ck::CKA_CHECK_VALUE), check);
    let again = token.import(MATERIAL, attrs![CKA_CHECK_VALUE => WRONG]);
    returns!(again, CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn a_data_key_and_a_generated_key_have_the_check_value_that_is_said() {
    let token = Fixture::new();
    let session = &token.session;
    let wrong = attrs![CKA_CHECK_VALUE => WRONG];
    let template = with(aes(), attrs![CKA_VALUE_LEN => 32_u64]);
    let generate = |template: &[RawAttribute]| {
        session.generate_key(request(ck::CKM_AES_KEY_GEN, Params::None), template)
    };
    let generated = generate(&with(template.clone(), wrong.clone()));
    returns!(generated, CKR_ATTRIBUTE_VALUE_INVALID);
    let none = generate(&with(template.clone(), attrs![CKA_CHECK_VALUE => b""]));
    assert_eq!(bytes(session, none.unwrap(), ck::CKA_CHECK_VALUE), b"");

    let managed = with(
        template.clone(),
        attrs![CKA_TENON_PROFILE => "aws", CKA_TOKEN => true],
    );
    let key = generate(&managed).unwrap();
    let data = generate(&with(template, attrs![CKA_EXTRACTABLE => true])).unwrap();
    let envelope = || request(ck::CKM_TENON_KMS_ENVELOPE, Params::None);
    let wrapped = crate::common::full(|out| session.wrap_key(envelope(), key, data, out)).unwrap();
    let unwrap = |template| session.unwrap_key(envelope(), key, &wrapped, &with(aes(), template));
    returns!(unwrap(wrong), CKR_ATTRIBUTE_VALUE_INVALID);
    let check = bytes(session, data, ck::CKA_CHECK_VALUE);
    returns!(unwrap(attrs![CKA_CHECK_VALUE => &check]), CKR_OK);
}

#[test]
fn what_contradicts_the_key_is_refused_and_what_repeats_it_is_taken() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_ID => b"\x01"]).unwrap();
    let job = job(session, key, 2).unwrap();
    let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
    let import = |template: Vec<RawAttribute>| {
        let request = request(mechanism, Params::None);
        session.unwrap_key(request, job.private, &blob, &with(aes(), template))
    };
    let tomorrow = (crate::common::TODAY + 86_400).to_be_bytes();
    for (template, refused) in [
        (attrs![CKA_VALUE => &[1; 32]], "CKR_ATTRIBUTE_READ_ONLY"),
        (attrs![CKA_UNIQUE_ID => "0123"], "CKR_ATTRIBUTE_READ_ONLY"),
        (attrs![CKA_LOCAL => true], "CKR_ATTRIBUTE_READ_ONLY"),
        (
            attrs![CKA_TENON_PROFILE => "aws"],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_DISABLED => true],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (attrs![CKA_TENON_ROTATE => true], "CKR_ATTRIBUTE_READ_ONLY"),
        (
            attrs![CKA_TENON_TAGS => "{\"a\":\"b\"}"],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_DESCRIPTION => "other"],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_KEY_SPEC => "RSA_2048"],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (attrs![CKA_TENON_ORIGIN => 0_u64], "CKR_ATTRIBUTE_READ_ONLY"),
        (
            attrs![CKA_TENON_KEY_STATE => 3_u64],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_REQUIRE_TOKEN => true],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (attrs![CKA_TENON_QUORUM => 1_u64], "CKR_ATTRIBUTE_READ_ONLY"),
        (
            attrs![CKA_TENON_MATERIAL_ID => &[1; 16]],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_DELETION_AT => &tomorrow],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_ENDED_AT => &tomorrow],
            "CKR_ATTRIBUTE_READ_ONLY",
        ),
        (
            attrs![CKA_TENON_SHARES => b"\x02\x03"],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (attrs![CKA_MODULUS => b"\x01"], "CKR_TEMPLATE_INCONSISTENT"),
        (
            attrs![CKA_START_DATE => b"20300101"],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (attrs![CKA_COPYABLE => true], "CKR_TEMPLATE_INCONSISTENT"),
        (
            attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_GCM]],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (
            attrs![CKA_MODIFIABLE => b"\x02"],
            "CKR_ATTRIBUTE_VALUE_INVALID",
        ),
    ] {
        let outcome = import(template.clone());
        assert_eq!(crate::common::rv(&outcome), refused, "{template:?}");
        assert_eq!(
            state(session, key),
            ck::STATE_PENDING_IMPORT,
            "{template:?}"
        );
    }
    let unknown = vec![RawAttribute {
        kind: 0x1_2345,
        ..attrs![CKA_ID => b"x"].remove(0)
    }];
    returns!(import(unknown), CKR_ATTRIBUTE_TYPE_INVALID);
    let same = [
        ck::CKA_UNIQUE_ID,
        ck::CKA_LOCAL,
        ck::CKA_COPYABLE,
        ck::CKA_MODIFIABLE,
        ck::CKA_VALUE_LEN,
        ck::CKA_TENON_PROFILE,
        ck::CKA_TENON_ORIGIN,
        ck::CKA_START_DATE,
    ];
    for kind in same {
        let value = bytes(session, key, kind);
        let template = vec![RawAttribute {
            kind,
            ..attrs![CKA_ID => &value].remove(0)
        }];
        returns!(import(template), CKR_OK, "{kind:#x}");
    }
}

/// A client that knows CKA_ID alone sends what it sent the first time.
#[test]
fn an_import_by_id_may_not_contradict_the_bound_key() {
    let token = Import::new();
    let first = attrs![
        CKA_END_DATE => b"20991231", CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_GCM], CKA_COPYABLE => true,
        CKA_EXTRACTABLE => false, CKA_SENSITIVE => false,
    ];
    let key = token.import(MATERIAL, first.clone()).unwrap();
    assert_eq!(token.import(MATERIAL, first).unwrap(), key);
    let shown = |kind| token.value(key, kind);
    let before = [ck::CKA_END_DATE, ck::CKA_ALLOWED_MECHANISMS].map(shown);
    for template in [
        attrs![CKA_END_DATE => b"20981231"],
        attrs![CKA_START_DATE => b"20200101"],
        attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_CBC]],
        attrs![CKA_MODIFIABLE => false],
    ] {
        let again = token.import(MATERIAL, template.clone());
        returns!(again, CKR_TEMPLATE_INCONSISTENT, "{template:?}");
    }
    assert_eq!(
        [ck::CKA_END_DATE, ck::CKA_ALLOWED_MECHANISMS].map(shown),
        before
    );
    let less = attrs![CKA_LABEL => "another", CKA_ENCRYPT => false];
    assert_eq!(token.import(MATERIAL, less).unwrap(), key);
}

#[test]
fn a_key_without_material_has_no_check_value() {
    let token = Fixture::new();
    let of = |check: &[u8]| external(&token.session, attrs![CKA_CHECK_VALUE => check]);
    returns!(of(WRONG), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(
        bytes(&token.session, of(b"").unwrap(), ck::CKA_CHECK_VALUE),
        b""
    );
}

/// One thread imports and deletes the material, and ends the handle by it; for another the key is there all the time.
#[test]
fn a_key_is_found_while_another_thread_imports_and_deletes_its_material() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = token.import(MATERIAL, vec![]).unwrap();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let blob = oaep_blob(MATERIAL);
    let template = super::outside::aes_template();
    let searcher = crate::common::session(&token.fixture.module, crate::common::RW);
    std::thread::scope(|scope| {
        let search = scope.spawn(|| {
            let by_uid = attrs![CKA_UNIQUE_ID => &uid];
            let found = |_| super::outside::find(&searcher, &by_uid).len();
            (0..4000).map(found).filter(|found| *found != 1).count()
        });
        while !search.is_finished() {
            let key = session.unwrap_key(oaep(), token.wrapping, &blob, &template);
            session.destroy_object(key.unwrap()).unwrap();
        }
        assert_eq!(search.join().unwrap(), 0, "searches did not find the key");
    });
}
