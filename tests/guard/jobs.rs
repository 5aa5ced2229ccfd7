//! Import jobs: their end, and what is recorded of them.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Event, Handle, Swept};

use super::outside::request;
use super::tools::{last, token, uid};
use crate::common::{Fixture, TODAY, attrs, returns};

const DAY: u64 = 86_400;

/// An external key, and the private key of an import job for it.
fn job(session: &Session) -> (Handle, Handle) {
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 32_u64,
    ];
    let make = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    let target = session.generate_key(make, &template).unwrap();
    let name = format!("{:032x}", u128::from_be_bytes(uid(session, target)));
    let (_, private) = session
        .generate_key_pair(
            request(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, Params::None),
            &attrs![CKA_TOKEN => true, CKA_MODULUS_BITS => 2048_u64],
            &attrs![CKA_TENON_IMPORT_TARGET => name.as_str(), CKA_TENON_WRAP_ALGORITHM => 2_u64],
        )
        .unwrap();
    (target, private)
}

#[test]
fn a_refused_import_by_a_job_names_its_target() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let (target, private) = job(session);
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let oaep = || request(ck::CKM_RSA_PKCS_OAEP, Params::None);
    returns!(
        session.unwrap_key(oaep(), private, &[0; 256], &template),
        CKR_WRAPPED_KEY_INVALID
    );
    let refused = last(&fixture.module);
    assert_eq!(refused.event, Event::ImportRefused);
    assert_eq!(refused.rv, ck::CKR_WRAPPED_KEY_INVALID);
    assert_eq!(refused.by, Some(uid(session, private)));
    assert_eq!(refused.target, Some(uid(session, target)));
}

#[test]
fn the_keys_of_a_job_that_is_over_are_swept() {
    let fixture = Fixture::new();
    let (_, private) = job(&fixture.session);
    fixture.clock.set(TODAY + DAY);
    let both = Swept {
        job_keys: 2,
        ..Swept::default()
    };
    let token = token(&fixture.module);
    assert_eq!(token.sweep().unwrap(), both);
    assert_eq!(last(&fixture.module).event, Event::Expire);
    returns!(
        fixture.session.object_size(private),
        CKR_OBJECT_HANDLE_INVALID
    );
    token.verify_audit().unwrap();
}
