//! BYOK rule 12b: the binding holds for the name, (class, key type, CKA_ID), not only the object.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::secret::Secret;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::outside::{
    ID, Import, MATERIAL, OTHER, oaep, oaep_blob, private_template, rsa_aes, rsa_aes_blob,
};
use crate::common::{attrs, ec_material, returns, secret, session, with};

const ELSEWHERE: &[u8] = b"another name";

/// Ways to make an AES key with these attributes.
fn ways(token: &Import, more: &[RawAttribute]) -> Vec<(&'static str, Result<Handle>)> {
    let session = &token.fixture.session;
    let aes = || attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let all = |base: Vec<RawAttribute>| with(base, more.to_vec());
    let value = attrs![CKA_VALUE => OTHER];
    let private = more
        .iter()
        .any(|a| a.kind == ck::CKA_PRIVATE && a.bytes() == Some(&[1]));
    let free = |private: bool| {
        let private = attrs![CKA_PRIVATE => private];
        secret(session, ck::CKK_AES, private).public
    };
    let stored: Vec<_> = more
        .iter()
        .filter(|attribute| attribute.kind != ck::CKA_PRIVATE)
        .cloned()
        .collect();
    let base = secret(session, ck::CKK_GENERIC_SECRET, vec![]).public;
    let wrapping = secret(session, ck::CKK_AES, vec![]).public;
    let cbc = token
        .fixture
        .request(ck::CKM_AES_CBC, Params::Iv(vec![0; 16].into()));
    let data = Params::Data(Secret::copy(&[7; 32]));
    let xor = token.fixture.request(ck::CKM_XOR_BASE_AND_DATA, data);
    let len = attrs![CKA_VALUE_LEN => 32];
    vec![
        ("create", session.create_object(&all(with(aes(), value)))),
        (
            "generate",
            session.generate_key(token.fixture.plain(ck::CKM_AES_KEY_GEN), &all(len)),
        ),
        ("copy", session.copy_object(free(private), &stored)),
        ("derive", session.derive_key(xor, base, &all(aes()))),
        (
            "unwrap",
            session.unwrap_key(cbc, wrapping, &[9; 32], &all(aes())),
        ),
        (
            "unwrap, to leave",
            token.unwrap(
                oaep(),
                &oaep_blob(OTHER),
                &with(all(aes()), attrs![CKA_EXTRACTABLE => true]),
            ),
        ),
        (
            "external",
            session.generate_key(
                token.fixture.plain(ck::CKM_TENON_EXTERNAL_KEY_GEN),
                &all(with(aes(), attrs![CKA_VALUE_LEN => 32])),
            ),
        ),
    ]
}

fn named(id: &[u8], private: bool) -> Vec<RawAttribute> {
    attrs![CKA_TOKEN => true, CKA_ID => id, CKA_PRIVATE => private]
}

#[test]
fn rule_12b_no_call_puts_another_key_under_the_name() {
    let token = Import::new();
    let key = token.import(MATERIAL, vec![]).unwrap();
    for private in [false, true] {
        for (way, outcome) in ways(&token, &named(ID, private)) {
            // What proves no integrity brings nothing to a bound name, whatever it holds.
            match way {
                "unwrap" => returns!(outcome, CKR_MECHANISM_INVALID, "{way}"),
                _ => returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{way}"),
            }
            let said = outcome.unwrap_err().to_string();
            for (advice, of) in [
                ("CKA_EXTRACTABLE=TRUE", "unwrap, to leave"),
                ("tenon byok import", "external"),
            ] {
                assert_eq!(said.contains(advice), way == of, "{way}: {said}");
            }
        }
    }
    assert_eq!(token.find(&attrs![CKA_ID => ID]), [key]);

    // The name is that of the key also while it has no material.
    token.fixture.session.destroy_object(key).unwrap();
    for (way, outcome) in ways(&token, &named(ID, true)) {
        match way {
            "unwrap" => returns!(outcome, CKR_MECHANISM_INVALID, "{way}"),
            _ => returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{way}"),
        }
    }
    assert!(token.import(MATERIAL, vec![]).is_ok());
    for (way, outcome) in ways(&token, &named(ELSEWHERE, true)) {
        returns!(outcome, CKR_OK, "{way}");
    }
}

#[test]
fn rule_12b_no_key_is_renamed_to_it() {
    let token = Import::new();
    let bound = token.import(MATERIAL, vec![]).unwrap();
    let session = &token.fixture.session;
    for private in [false, true] {
        let template = with(
            named(ELSEWHERE, private),
            attrs![CKA_VALUE_LEN => 32, CKA_MODIFIABLE => true],
        );
        let key = session
            .generate_key(token.fixture.plain(ck::CKM_AES_KEY_GEN), &template)
            .unwrap();
        let renamed = session.set_attributes(key, &attrs![CKA_ID => ID]);
        returns!(renamed, CKR_TEMPLATE_INCONSISTENT);
        session
            .set_attributes(key, &attrs![CKA_ID => b"a third name"])
            .unwrap();
        session
            .set_attributes(key, &attrs![CKA_ID => b"a third name", CKA_LABEL => "x"])
            .unwrap();
    }
    assert_eq!(token.find(&attrs![CKA_ID => ID]), [bound]);
}

#[test]
fn rule_12b_holds_for_private_keys_too() {
    let token = Import::new();
    let session = &token.fixture.session;
    let pkcs8 = tenon_pkcs11::api::keytype::Material::pair(ec_material().clone())
        .to_pkcs8()
        .unwrap();
    let template = private_template(ck::CKK_EC);
    let bound = token
        .unwrap(rsa_aes(), &rsa_aes_blob(&pkcs8), &template)
        .unwrap();
    let p256 = token.value(bound, ck::CKA_EC_PARAMS);
    let pair = |id: &[u8]| {
        let public = attrs![CKA_TOKEN => true, CKA_EC_PARAMS => &p256, CKA_ID => ID];
        let private = attrs![CKA_TOKEN => true, CKA_ID => id];
        let mechanism = token.fixture.plain(ck::CKM_EC_KEY_PAIR_GEN);
        session.generate_key_pair(mechanism, &public, &private)
    };
    let before = token.find(&attrs![CKA_ID => ID]).len();
    returns!(pair(ID), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(
        token.find(&attrs![CKA_ID => ID]).len(),
        before,
        "no half is left"
    );
    // A public key binds nothing: it may stand beside the private key, as clients store it.
    returns!(pair(ELSEWHERE), CKR_OK);
    let (_, private) = pair(b"a third name").unwrap();
    let rename = attrs![CKA_ID => ID];
    returns!(
        session.set_attributes(private, &rename),
        CKR_TEMPLATE_INCONSISTENT
    );
}

/// Another class or key type is another name; a session object, which ends with its program, takes no
/// name, but does not become a token object under it either (rule 13).
#[test]
fn rule_12b_session_objects_and_other_types_are_other_names() {
    let token = Import::new();
    token.import(MATERIAL, vec![]).unwrap();
    let session = &token.fixture.session;
    let mine = secret(session, ck::CKK_AES, attrs![CKA_ID => ID]).public;
    let to_token = session.copy_object(mine, &attrs![CKA_TOKEN => true]);
    returns!(to_token, CKR_TEMPLATE_INCONSISTENT);
    let elsewhere = attrs![CKA_TOKEN => true, CKA_ID => ELSEWHERE];
    returns!(session.copy_object(mine, &elsewhere), CKR_OK);
    let generic = attrs![CKA_TOKEN => true, CKA_ID => ID];
    let generic = with(
        attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE => OTHER,
        ],
        generic,
    );
    returns!(session.create_object(&generic), CKR_OK);
    let unbound = session.set_attributes(mine, &attrs![CKA_ID => b""]);
    returns!(unbound, CKR_OK);
}

/// The other way round: a key that was there before the name was bound stays what it is, and the
/// binding holds.
#[test]
fn rule_12b_an_older_key_of_the_name_stays() {
    let token = Import::new();
    let session = &token.fixture.session;
    let template = with(named(ID, false), attrs![CKA_VALUE_LEN => 32]);
    let mechanism = || token.fixture.plain(ck::CKM_AES_KEY_GEN);
    let older = session.generate_key(mechanism(), &template).unwrap();
    let bound = token.import(MATERIAL, vec![]).unwrap();
    assert_ne!(older, bound);
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    assert_eq!(token.import(MATERIAL, vec![]).unwrap(), bound);
    let second = session.generate_key(mechanism(), &template);
    returns!(second, CKR_TEMPLATE_INCONSISTENT);
    let label = attrs![CKA_LABEL => "no change of name", CKA_ID => ID];
    returns!(session.set_attributes(older, &label), CKR_OK);
}

/// One transaction decides: a process whose view of the store is older finds the name bound.
#[test]
fn rule_12b_holds_between_processes() {
    let token = Import::new();
    let other = token.fixture.another();
    let there: &Session = &session(&other, crate::common::RW);
    there.login(ck::CKU_USER, crate::common::USER_PIN).unwrap();
    for round in 0_u8..4 {
        let id = [b'r', round];
        let created = std::thread::scope(|scope| {
            let creating = scope.spawn(|| {
                there.create_object(&with(
                    attrs![
                        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES,
                        CKA_VALUE => OTHER,
                    ],
                    named(&id, true),
                ))
            });
            let imported = token.import(MATERIAL, attrs![CKA_ID => &id]);
            imported.unwrap();
            creating.join().unwrap().is_ok()
        });
        let found = token.find(&attrs![CKA_ID => &id]).len();
        assert_eq!(found, 1 + usize::from(created), "{round}");
        let later = there.create_object(&with(
            attrs![
                CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => OTHER,
            ],
            named(&id, true),
        ));
        returns!(later, CKR_TEMPLATE_INCONSISTENT, "{round}");
    }
}
