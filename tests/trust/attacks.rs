//! Attacks, each as the sequence of calls that the literature gives.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::mechanism::{Oaep, Params};
use tenon_pkcs11::api::token::Handle;

use super::keys::{
    by_officer, find, flag, picky_key, read, trust, trusted_key, unwrap, wrap, wrapping_key,
};
use crate::common::{Calls, Fixture, attrs, ec_pair, full, returns, rsa_pair, rv, secret};

/// The value is shown in no way.
fn is_sealed(fixture: &Fixture, key: Handle) {
    let session = &fixture.session;
    assert_eq!(read(session, key, ck::CKA_VALUE), Revealed::Sensitive);
    let open = || attrs![CKA_SENSITIVE => false];
    returns!(
        session.set_attributes(key, &open()),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(session.copy_object(key, &open()), CKR_ATTRIBUTE_READ_ONLY);
    let anyone = attrs![CKA_WRAP_WITH_TRUSTED => false];
    returns!(
        session.set_attributes(key, &anyone),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(session.copy_object(key, &anyone), CKR_ATTRIBUTE_READ_ONLY);
}

fn decrypt(fixture: &Fixture, key: Handle, ciphertext: &[u8]) -> Vec<u8> {
    let session = &fixture.session;
    session
        .decrypt_init(fixture.plain(ck::CKM_AES_KEY_WRAP_KWP), key)
        .unwrap();
    full(|out| session.decrypt(ciphertext, out)).unwrap()
}

/// Wrap, then decrypt the blob as if it were a message. Works on what may leave under any key, and
/// on nothing else.
#[test]
fn wrap_then_decrypt() {
    let fixture = Fixture::new();
    let roles = attrs![CKA_DECRYPT => true, CKA_COPYABLE => true];
    let conflicting = wrapping_key(&fixture, roles).unwrap();
    let free = secret(
        &fixture.session,
        ck::CKK_AES,
        attrs![CKA_EXTRACTABLE => true],
    )
    .public;
    let blob = wrap(&fixture, conflicting, free).unwrap();
    assert_eq!(decrypt(&fixture, conflicting, &blob), [0x5A; 32]);

    let kept = secret(&fixture.session, ck::CKK_AES, vec![]).public;
    returns!(wrap(&fixture, conflicting, kept), CKR_KEY_UNEXTRACTABLE);
    let picky = picky_key(&fixture, vec![]);
    returns!(wrap(&fixture, conflicting, picky), CKR_KEY_NOT_WRAPPABLE);
    returns!(trust(&fixture, conflicting), CKR_TEMPLATE_INCONSISTENT);
}

/// A trusted key that is later given, or once had, or in a copy has, the use that opens its blobs.
#[test]
fn trusted_wrap_then_decrypt() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let set = |key, template: Vec<RawAttribute>| session.set_attributes(key, &template);
    let trusted = trusted_key(&fixture, vec![]);
    for kind in [
        ck::CKA_DECRYPT,
        ck::CKA_ENCRYPT,
        ck::CKA_SIGN,
        ck::CKA_DERIVE,
    ] {
        let role = vec![crate::common::ToAttribute::attribute(true, kind)];
        returns!(set(trusted, role), CKR_TEMPLATE_INCONSISTENT, "{kind:#x}");
    }
    returns!(
        session.copy_object(trusted, &attrs![CKA_DECRYPT => true]),
        CKR_ACTION_PROHIBITED
    );

    // An operation that was begun while the key could decrypt would go on.
    let once = wrapping_key(&fixture, attrs![CKA_DECRYPT => true]).unwrap();
    set(once, attrs![CKA_DECRYPT => false]).unwrap();
    returns!(trust(&fixture, once), CKR_TEMPLATE_INCONSISTENT);

    // A copy made before can decrypt.
    let copied = wrapping_key(&fixture, attrs![CKA_COPYABLE => true]).unwrap();
    let copy = session
        .copy_object(copied, &attrs![CKA_DECRYPT => true])
        .unwrap();
    set(copied, attrs![CKA_COPYABLE => false]).unwrap();
    returns!(trust(&fixture, copied), CKR_TEMPLATE_INCONSISTENT);
    let picky = picky_key(&fixture, vec![]);
    returns!(wrap(&fixture, copied, picky), CKR_KEY_NOT_WRAPPABLE);
    assert_eq!(read(session, copy, ck::CKA_TRUSTED), flag(false));
}

/// The officer takes the trust back, and what the key wrapped is opened by it as by any other key.
#[test]
fn trusted_wrap_then_no_trust() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let picky = picky_key(&fixture, vec![]);
    let blob = wrap(&fixture, trusted, picky).unwrap();
    by_officer(&fixture, |session| {
        let outcome = session.set_attributes(trusted, &attrs![CKA_TRUSTED => false]);
        returns!(outcome, CKR_ATTRIBUTE_READ_ONLY);
    });
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    returns!(
        unwrap(&fixture, trusted, &blob, open),
        CKR_TEMPLATE_INCONSISTENT
    );
    let decrypts = attrs![CKA_DECRYPT => true];
    returns!(
        session.set_attributes(trusted, &decrypts),
        CKR_TEMPLATE_INCONSISTENT
    );
    let again = unwrap(&fixture, trusted, &blob, attrs![CKA_EXTRACTABLE => true]).unwrap();
    is_sealed(&fixture, again);
}

/// A trusted key whose value the user knows: imported, read, or wrapped under a known key.
#[test]
fn trusted_wrap_under_a_known_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let token = || {
        attrs![
            CKA_TOKEN => true, CKA_PRIVATE => false, CKA_COPYABLE => false, CKA_WRAP => true,
            CKA_UNWRAP => true,
        ]
    };
    let mut created = token();
    created.extend(attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => &[7; 32],
    ]);
    let created = session.create_object(&created).unwrap();
    returns!(trust(&fixture, created), CKR_TEMPLATE_INCONSISTENT);

    let readable = wrapping_key(
        &fixture,
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true],
    )
    .unwrap();
    assert!(matches!(
        read(session, readable, ck::CKA_VALUE),
        Revealed::Value(_)
    ));
    let closed = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
    session.set_attributes(readable, &closed).unwrap();
    returns!(trust(&fixture, readable), CKR_TEMPLATE_INCONSISTENT);

    let extractable = wrapping_key(&fixture, attrs![CKA_EXTRACTABLE => true]).unwrap();
    let blob = wrap(&fixture, created, extractable).unwrap();
    let closed = attrs![CKA_EXTRACTABLE => false];
    session.set_attributes(extractable, &closed).unwrap();
    returns!(trust(&fixture, extractable), CKR_TEMPLATE_INCONSISTENT);

    // Its own blob, imported again, is a key of unknown past.
    let reimported = unwrap(&fixture, created, &blob, token()).unwrap();
    assert_eq!(read(session, reimported, ck::CKA_LOCAL), flag(false));
    assert_eq!(
        read(session, reimported, ck::CKA_NEVER_EXTRACTABLE),
        flag(false)
    );
    returns!(trust(&fixture, reimported), CKR_TEMPLATE_INCONSISTENT);
}

/// A trusted public key, whose private half decrypts what it wraps.
#[test]
fn trusted_wrap_under_a_public_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let public = attrs![CKA_TOKEN => true, CKA_MODULUS_BITS => 2048, CKA_WRAP => true];
    let mechanism = fixture.plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN);
    let private = attrs![CKA_DECRYPT => true];
    let (public, _private) = session
        .generate_key_pair(mechanism, &public, &private)
        .unwrap();
    trust(&fixture, public).unwrap();
    assert_eq!(read(session, public, ck::CKA_TRUSTED), flag(true));
    let oaep = Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        label: vec![],
    };
    let mechanism = fixture.request(ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep));
    let picky = picky_key(&fixture, vec![]);
    let outcome = full(|out| session.wrap_key(mechanism, public, picky, out));
    returns!(outcome, CKR_KEY_NOT_WRAPPABLE);
}

/// Wrap, then unwrap the blob with attributes that let the value out.
#[test]
fn unwrap_with_other_attributes_then_read() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let picky = picky_key(&fixture, vec![]);
    let blob = wrap(&fixture, trusted, picky).unwrap();
    for open in [
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true],
        attrs![CKA_WRAP_WITH_TRUSTED => false],
    ] {
        let outcome = unwrap(&fixture, trusted, &blob, open);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    }
    let known = secret(session, ck::CKK_AES, vec![]).public;
    for key_type in [ck::CKK_AES, ck::CKK_GENERIC_SECRET] {
        let template = attrs![CKA_KEY_TYPE => key_type, CKA_EXTRACTABLE => true];
        let again = unwrap(&fixture, trusted, &blob, template).unwrap();
        is_sealed(&fixture, again);
        returns!(wrap(&fixture, known, again), CKR_KEY_NOT_WRAPPABLE);
        returns!(wrap(&fixture, trusted, again), CKR_OK);
    }
    is_sealed(&fixture, picky);
}

/// The unwrap template of a trusted key cannot say otherwise either.
#[test]
fn unwrap_by_a_template_that_lets_out() {
    let fixture = Fixture::new();
    for open in [
        attrs![CKA_SENSITIVE => false],
        attrs![CKA_WRAP_WITH_TRUSTED => false],
    ] {
        let template = attrs![CKA_UNWRAP_TEMPLATE => open];
        let trusted = trusted_key(&fixture, template);
        let blob = wrap(&fixture, trusted, picky_key(&fixture, vec![])).unwrap();
        let outcome = unwrap(&fixture, trusted, &blob, vec![]);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    }
}

/// CKA_SENSITIVE=FALSE with CKA_WRAP_WITH_TRUSTED=TRUE: the stricter one holds.
#[test]
fn a_key_for_trusted_keys_alone_is_not_read() {
    let fixture = Fixture::new();
    let key = picky_key(&fixture, attrs![CKA_SENSITIVE => false]);
    assert_eq!(
        read(&fixture.session, key, ck::CKA_VALUE),
        Revealed::Sensitive
    );
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let open = secret(&fixture.session, ck::CKK_AES, open).public;
    let read_open = || read(&fixture.session, open, ck::CKA_VALUE);
    assert!(matches!(read_open(), Revealed::Value(_)));
    let closed = attrs![CKA_WRAP_WITH_TRUSTED => true];
    fixture.session.set_attributes(open, &closed).unwrap();
    assert_eq!(read_open(), Revealed::Sensitive);
}

/// A blob that the token made itself comes back as a token key with a CKA_ID: it is bound, and
/// leaves no more.
#[test]
fn reimport_of_an_own_blob_binds_it() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = wrapping_key(&fixture, vec![]).unwrap();
    let free = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let blob = wrap(&fixture, wrapping, free).unwrap();
    let bound = || attrs![CKA_TOKEN => true, CKA_ID => b"bound", CKA_SENSITIVE => false];
    let key = unwrap(&fixture, wrapping, &blob, bound()).unwrap();
    let origin = Revealed::Value(ck::ORIGIN_EXTERNAL.to_ne_bytes().to_vec());
    assert_eq!(read(session, key, ck::CKA_TENON_ORIGIN), origin);
    assert_eq!(read(session, key, ck::CKA_VALUE), Revealed::Sensitive);
    returns!(wrap(&fixture, wrapping, key), CKR_KEY_UNEXTRACTABLE);
    let mut open = bound();
    open.extend(attrs![CKA_EXTRACTABLE => true]);
    returns!(
        unwrap(&fixture, wrapping, &blob, open),
        CKR_TEMPLATE_INCONSISTENT,
        "the identity is taken"
    );

    // Under a trusted key the same, and the copy of the user's own is as picky as the first.
    let trusted = trusted_key(&fixture, vec![]);
    let blob = wrap(&fixture, trusted, picky_key(&fixture, vec![])).unwrap();
    let own = attrs![CKA_TOKEN => true, CKA_EXTRACTABLE => true];
    let own = unwrap(&fixture, trusted, &blob, own).unwrap();
    assert_eq!(read(session, own, ck::CKA_WRAP_WITH_TRUSTED), flag(true));
    returns!(wrap(&fixture, wrapping, own), CKR_KEY_NOT_WRAPPABLE);
}

/// Every way to ask for a sensitive value, of every kind of token key, also after reopening.
#[test]
fn no_route_shows_a_sensitive_value() {
    let fixture = Fixture::new();
    let token = || {
        attrs![
            CKA_TOKEN => true, CKA_ID => b"sensitive", CKA_EXTRACTABLE => true,
            CKA_SENSITIVE => true
        ]
    };
    let rsa = rsa_pair(&fixture.session, vec![], token()).private;
    ec_pair(&fixture.session, vec![], token());
    secret(&fixture.session, ck::CKK_AES, token());
    fixture
        .session
        .set_attributes(rsa, &attrs![CKA_LABEL => "a change"])
        .unwrap();
    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    let known = find(session, &attrs![CKA_ID => b"sensitive"]);
    assert_eq!(known.len(), 3);
    let copies: Vec<_> = known
        .iter()
        .map(|key| {
            session
                .copy_object(*key, &attrs![CKA_ID => b"copy"])
                .unwrap()
        })
        .collect();
    for key in known.into_iter().chain(copies) {
        for kind in [
            ck::CKA_VALUE,
            ck::CKA_PRIVATE_EXPONENT,
            ck::CKA_PRIME_1,
            ck::CKA_PRIME_2,
            ck::CKA_EXPONENT_1,
            ck::CKA_EXPONENT_2,
            ck::CKA_COEFFICIENT,
        ] {
            let shown = read(session, key, kind);
            assert!(!matches!(shown, Revealed::Value(_)), "{kind:#x}");
        }
        let open = || attrs![CKA_SENSITIVE => false];
        returns!(
            session.set_attributes(key, &open()),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(session.copy_object(key, &open()), CKR_ATTRIBUTE_READ_ONLY);
        session
            .set_attributes(key, &attrs![CKA_EXTRACTABLE => false])
            .unwrap();
        let kek = secret(session, ck::CKK_AES, vec![]).public;
        returns!(wrap(&fixture, kek, key), CKR_KEY_UNEXTRACTABLE);
    }
    assert!(find(session, &attrs![CKA_VALUE => &[0x5A; 32]]).is_empty());
}

/// Whether a chosen block opens as a key that is filled up with zeros tells one byte of what it
/// decrypts to, and after many questions what a trusted key's blob holds. So trusted keys unwrap by
/// key wraps alone.
#[test]
fn trusted_unwrap_as_an_oracle() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let plain = wrapping_key(&fixture, attrs![CKA_DECRYPT => true]).unwrap();
    let blob = wrap(&fixture, trusted, picky_key(&fixture, vec![])).unwrap();
    let block = |iv| Params::Iv(vec![iv; 16].into());
    for (id, params) in [
        (ck::CKM_AES_ECB, Params::None),
        (ck::CKM_AES_CBC, block(0)),
        (ck::CKM_AES_CBC_PAD, block(0)),
    ] {
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => 15,
        ];
        let ask = |key| {
            let request = fixture.request(id, params.clone());
            session.unwrap_key(request, key, &blob[8..24], &template)
        };
        returns!(ask(trusted), CKR_KEY_FUNCTION_NOT_PERMITTED, "{id:#x}");
        // A key that decrypts answers, as the question has it.
        let answer = rv(&ask(plain));
        assert!(["CKR_OK", "CKR_WRAPPED_KEY_INVALID"].contains(&answer));
    }
}
