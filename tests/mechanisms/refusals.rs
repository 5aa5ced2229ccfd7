use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{
    self, ByDefault, IkeParams, IkeStep, Mechanism, Params, Request,
};
use tenon_pkcs11::api::policy::Use;
use tenon_pkcs11::api::session::{SignRecover, VerifyRecover};

use super::cases::{Case, cases};
use crate::common::{
    Calls, Fixture, Pair, attrs, dh_material, ec_material, full, returns, rv, secret,
};

const USES: [Use; 9] = [
    Use::Encrypt,
    Use::Decrypt,
    Use::Sign,
    Use::Verify,
    Use::Wrap,
    Use::Unwrap,
    Use::Derive,
    Use::Encapsulate,
    Use::Decapsulate,
];

fn has(row: &Mechanism, what: Use) -> bool {
    match what {
        Use::Encrypt => row.encrypt.is_some(),
        Use::Decrypt => row.decrypt.is_some(),
        Use::Sign => row.sign.is_some(),
        Use::SignRecover => row.sign_recover.is_some(),
        Use::Verify => row.verify.is_some(),
        Use::VerifyRecover => row.verify_recover.is_some(),
        Use::Wrap => row.wrap.is_some(),
        Use::Unwrap => row.unwrap.is_some(),
        Use::Derive => row.derive.is_some() || row.derives_public,
        Use::Encapsulate | Use::Decapsulate => row.kem.is_some(),
    }
}

/// Begins `what` with the half of `keys` that it takes; what begins is cancelled again.
fn begin(fixture: &Fixture, what: Use, request: Request, keys: Pair) -> Result<()> {
    let session = &fixture.session;
    let outcome = match what {
        Use::Encrypt => session.encrypt_init(request, keys.public),
        Use::Decrypt => session.decrypt_init(request, keys.private),
        Use::Sign => session.sign_init(request, keys.private),
        Use::SignRecover => session.init(SignRecover, request, keys.private),
        Use::Verify => session.verify_init(request, keys.public),
        Use::VerifyRecover => session.init(VerifyRecover, request, keys.public),
        Use::Wrap => {
            let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
            full(|out| session.wrap_key(request, keys.public, key, out)).map(drop)
        }
        Use::Unwrap => {
            let template = attrs![
                CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 32,
            ];
            // Of the right length for none: what is refused sooner never sees it.
            session
                .unwrap_key(request, keys.private, &[], &template)
                .map(drop)
        }
        Use::Encapsulate => {
            let template = attrs![CKA_VALUE_LEN => 32];
            let request = without_peer(request);
            full(|out| {
                let made = session.encapsulate_key(request, keys.public, &template, out);
                made.map(drop)
            })
            .map(drop)
        }
        Use::Decapsulate => {
            let template = attrs![CKA_VALUE_LEN => 32];
            session
                .decapsulate_key(without_peer(request), keys.private, &[0; 3], &template)
                .map(drop)
        }
        Use::Derive => {
            let mut request = request;
            let template = match request.row.id {
                ck::CKM_IKE1_PRF_DERIVE => attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET],
                ck::CKM_EXTRACT_KEY_FROM_KEY
                | ck::CKM_TLS_KDF
                | ck::CKM_TLS12_KDF
                | ck::CKM_IKE1_EXTENDED_DERIVE
                | ck::CKM_IKE2_PRF_PLUS_DERIVE => attrs![CKA_VALUE_LEN => 32],
                _ => vec![],
            };
            match &mut request.params {
                Params::Key(other)
                | Params::Ike(IkeParams {
                    step: IkeStep::Further { shared: other, .. },
                    ..
                }) => *other = keys.private,
                _ => {}
            }
            session
                .derive_key(request, keys.private, &template)
                .map(drop)
        }
    };
    let every = ck::CKF_ENCRYPT | ck::CKF_DECRYPT | ck::CKF_SIGN | ck::CKF_VERIFY;
    session.cancel(every);
    outcome
}

/// A derivation's request without the other party's key, which an encapsulation makes itself.
fn without_peer(mut request: Request) -> Request {
    if let Params::Ecdh(ecdh) = &mut request.params
        && ecdh.public_data == ec_material().point
    {
        ecdh.public_data.clear();
    }
    if let Params::PublicValue(value) = &request.params
        && *value == dh_material().y
    {
        request.params = Params::None;
    }
    request
}

/// Every case and each use that its mechanism has.
fn uses() -> Vec<(Case, Use)> {
    USES.into_iter()
        .flat_map(|what| {
            // A public key is derived by a handle alone: `public_keys` has that.
            cases(|row| has(row, what) && !row.derives_public)
                .into_iter()
                .map(move |case| (case, what))
        })
        .collect()
}

/// What a use returns when nothing is wrong, with the blob that `begin` has for an unwrap.
fn success(what: Use) -> &'static str {
    match what {
        Use::Unwrap | Use::Decapsulate => "CKR_WRAPPED_KEY_LEN_RANGE",
        _ => "CKR_OK",
    }
}

#[test]
fn keys_of_another_type() {
    let fixture = Fixture::new();
    for (case, what) in uses() {
        let outcome = begin(&fixture, what, case.request(), case.other_keys(&fixture));
        let expected = match what {
            Use::Wrap => "CKR_WRAPPING_KEY_TYPE_INCONSISTENT",
            Use::Unwrap | Use::Decapsulate => "CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT",
            _ => "CKR_KEY_TYPE_INCONSISTENT",
        };
        assert_eq!(rv(&outcome), expected, "{what:?} by {}", case.name());
    }
}

#[test]
fn handles_of_no_key() {
    let fixture = Fixture::new();
    let data = fixture
        .session
        .create_object(&attrs![CKA_CLASS => ck::CKO_DATA])
        .unwrap();
    for handle in [data, 0, 999_999] {
        let keys = Pair {
            public: handle,
            private: handle,
        };
        for (case, what) in uses() {
            let outcome = begin(&fixture, what, case.request(), keys);
            let expected = match what {
                Use::Wrap => "CKR_WRAPPING_KEY_HANDLE_INVALID",
                Use::Unwrap | Use::Decapsulate => "CKR_UNWRAPPING_KEY_HANDLE_INVALID",
                _ => "CKR_KEY_HANDLE_INVALID",
            };
            assert_eq!(rv(&outcome), expected, "{what:?} by {}", case.name());
        }
    }
}

#[test]
fn parameters_that_do_not_fit() {
    let fixture = Fixture::new();
    for (case, what) in uses() {
        let keys = case.keys(&fixture);
        for wrong in &case.wrong {
            // By Diffie-Hellman an encapsulation takes no parameter.
            let taken = case.row.id == ck::CKM_DH_PKCS_DERIVE && *wrong == Params::None;
            if taken && matches!(what, Use::Encapsulate | Use::Decapsulate) {
                continue;
            }
            let outcome = case
                .request_with(wrong.clone())
                .and_then(|request| begin(&fixture, what, request, keys));
            returns!(
                outcome,
                CKR_MECHANISM_PARAM_INVALID,
                "{what:?} by {} with {wrong:?}",
                case.name()
            );
        }
        let outcome = begin(&fixture, what, case.request(), keys);
        assert_eq!(rv(&outcome), success(what), "{what:?} by {}", case.name());
    }
    for case in cases(|row| row.digest.is_some()) {
        for wrong in &case.wrong {
            let outcome = case
                .request_with(wrong.clone())
                .and_then(|request| fixture.session.digest_init(request));
            returns!(outcome, CKR_MECHANISM_PARAM_INVALID, "{}", case.name());
        }
    }
    for case in cases(|row| row.info().flags & (ck::CKF_GENERATE | ck::CKF_GENERATE_KEY_PAIR) != 0)
    {
        let len = case.row.only_len.unwrap_or(32);
        let template = attrs![CKA_KEY_TYPE => case.row.key_types[0], CKA_VALUE_LEN => len];
        for wrong in &case.wrong {
            let request = case.request_with(wrong.clone());
            let outcome =
                request.and_then(|request| fixture.session.generate_key(request, &template));
            returns!(outcome, CKR_MECHANISM_PARAM_INVALID, "{}", case.name());
        }
    }
}

#[test]
fn uses_that_the_key_does_not_allow() {
    let fixture = Fixture::new();
    for (case, what) in uses() {
        let outcome = begin(
            &fixture,
            what,
            case.request(),
            case.keys_without(&fixture, what),
        );
        returns!(
            outcome,
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            "{what:?} by {}",
            case.name()
        );
    }
}

#[test]
fn mechanisms_that_the_key_does_not_allow() {
    let fixture = Fixture::new();
    for (case, what) in uses() {
        let other = mechanism::all().find(|row| row.id != case.row.id).unwrap();
        let keys = case.keys_for(&fixture, other.id);
        let outcome = begin(&fixture, what, case.request(), keys);
        returns!(
            outcome,
            CKR_MECHANISM_INVALID,
            "{what:?} by {}",
            case.name()
        );
        let keys = case.keys_for(&fixture, case.row.id);
        let outcome = begin(&fixture, what, case.request(), keys);
        assert_eq!(rv(&outcome), success(what), "{what:?} by {}", case.name());
    }
}

#[test]
fn uses_that_the_mechanism_does_not_have() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|_| true) {
        let name = case.name();
        let keys = case.keys(&fixture);
        for what in USES {
            if has(case.row, what) {
                continue;
            }
            let outcome = begin(&fixture, what, case.request(), keys);
            returns!(outcome, CKR_MECHANISM_INVALID, "{what:?} by {name}");
        }
        if case.row.digest.is_none() {
            returns!(
                session.digest_init(case.request()),
                CKR_MECHANISM_INVALID,
                "{name}"
            );
        }
        let template: [RawAttribute; 0] = [];
        if case.row.info().flags & ck::CKF_GENERATE == 0 {
            let outcome = session.generate_key(case.request(), &template);
            returns!(outcome, CKR_MECHANISM_INVALID, "{name}");
        }
        if case.row.generate_pair.is_none() {
            let outcome = session.generate_key_pair(case.request(), &template, &template);
            returns!(outcome, CKR_MECHANISM_INVALID, "{name}");
        }
    }
}

#[test]
fn the_list_is_the_table() {
    let fixture = Fixture::new();
    let module = &fixture.module;
    let listed = module.mechanisms(0).unwrap();
    let (hidden, offered): (Vec<_>, Vec<_>) =
        mechanism::all().partition(|row| matches!(row.by_default, ByDefault::Hidden));
    let rows: Vec<_> = offered.iter().map(|row| row.id).collect();
    assert_eq!(listed, rows);
    for row in hidden {
        returns!(module.mechanism_info(0, row.id), CKR_MECHANISM_INVALID);
    }
    for row in offered {
        let info = module.mechanism_info(0, row.id).unwrap();
        let row = match row.by_default {
            ByDefault::Fewer(fewer) => fewer,
            _ => row,
        };
        assert_eq!(
            (info.ulMinKeySize, info.ulMaxKeySize),
            row.sizes,
            "{}",
            row.name
        );
        for (flag, offered) in [
            (ck::CKF_ENCRYPT, row.encrypt.is_some()),
            (ck::CKF_SIGN, row.sign.is_some()),
            (ck::CKF_UNWRAP, row.unwrap.is_some()),
            (ck::CKF_GENERATE_KEY_PAIR, row.generate_pair.is_some()),
        ] {
            assert_eq!(info.flags & flag != 0, offered, "{}", row.name);
        }
    }
    returns!(module.mechanism_info(0, 0x7FFF_FFFF), CKR_MECHANISM_INVALID);
    returns!(
        module.mechanism_info(7, ck::CKM_AES_GCM),
        CKR_SLOT_ID_INVALID
    );
    returns!(module.mechanisms(7), CKR_SLOT_ID_INVALID);
}

#[test]
fn the_configuration_takes_mechanisms_away() {
    use tenon_pkcs11::api::config::MechanismFilter;

    let fixture = Fixture::configured(|config| {
        config.mechanisms = MechanismFilter::Except(vec!["CKM_AES_ECB".into()]);
    });
    assert!(
        !fixture
            .module
            .mechanisms(0)
            .unwrap()
            .contains(&ck::CKM_AES_ECB)
    );
    returns!(
        fixture.module.mechanism(ck::CKM_AES_ECB),
        CKR_MECHANISM_INVALID
    );
    returns!(
        fixture.module.mechanism_info(0, ck::CKM_AES_ECB),
        CKR_MECHANISM_INVALID
    );
    returns!(fixture.module.mechanism(ck::CKM_AES_CBC), CKR_OK);
    assert_eq!(fixture.plain(ck::CKM_SHA256).params, Params::None);
}
