//! A derivation that keeps bytes of its operands (EXTRACT_KEY_FROM_KEY, CONCATENATE_…, XOR_BASE_AND_DATA) is a
//! copy: it may do no more than C_CopyObject, and the derived key no more than its operands.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{HkdfSalt, IkeParams, IkeStep, Params};
use tenon_pkcs11::api::token::Handle;

use super::keys::{flag, read};
use crate::common::{Fixture, attrs, full, no_uses, returns, secret, with};

/// A closed key of 32 bytes that derives and does nothing else; `changes` change it.
fn key(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    let closed = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
    let template = with(with(no_uses(), closed), changes);
    secret(&fixture.session, ck::CKK_GENERIC_SECRET, template).private
}

/// The steps by which a derived key keeps all bytes of `key`: mechanism, parameter, base key, length.
fn steps(fixture: &Fixture, closed: Handle) -> Vec<(u64, Params, Handle, u64)> {
    let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let own = key(fixture, open);
    let data = |len: usize| Params::Data(vec![0; len].into());
    let nothing_else = Params::Ike(IkeParams {
        hash: Hash::Sha256,
        step: IkeStep::Extended {
            shared: None,
            data: Vec::new(),
        },
    });
    vec![
        (ck::CKM_IKE1_EXTENDED_DERIVE, nothing_else, closed, 32),
        (ck::CKM_EXTRACT_KEY_FROM_KEY, Params::Extract(0), closed, 32),
        (ck::CKM_XOR_BASE_AND_DATA, data(32), closed, 32),
        (ck::CKM_CONCATENATE_BASE_AND_DATA, data(0), closed, 32),
        (ck::CKM_CONCATENATE_DATA_AND_BASE, data(3), closed, 35),
        (
            ck::CKM_CONCATENATE_BASE_AND_KEY,
            Params::Key(own),
            closed,
            64,
        ),
        (
            ck::CKM_CONCATENATE_BASE_AND_KEY,
            Params::Key(closed),
            own,
            64,
        ),
    ]
}

fn derive(
    fixture: &Fixture,
    (id, params, base, len): (u64, Params, Handle, u64),
    more: Vec<RawAttribute>,
) -> Result<Handle> {
    let template = attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_VALUE_LEN => len];
    let request = fixture.request(id, params);
    let template = with(template, more);
    fixture.session.derive_key(request, base, &template)
}

/// The whole value by CKM_EXTRACT_KEY_FROM_KEY.
fn extract(fixture: &Fixture, base: Handle, more: Vec<RawAttribute>) -> Result<Handle> {
    let step = (ck::CKM_EXTRACT_KEY_FROM_KEY, Params::Extract(0), base, 32);
    derive(fixture, step, more)
}

#[test]
fn a_key_that_is_not_copyable_is_not_copied_by_a_derivation() {
    let fixture = Fixture::new();
    let closed = key(&fixture, attrs![CKA_COPYABLE => false]);
    for step in steps(&fixture, closed) {
        let id = step.0;
        let refused = derive(&fixture, step, attrs![CKA_DERIVE => true]);
        returns!(refused, CKR_ACTION_PROHIBITED, "{id:#x}");
    }
    // What a one-way function makes of it is another value.
    let hash = (ck::CKM_SHA256_KEY_DERIVATION, Params::None, closed, 32);
    returns!(derive(&fixture, hash, attrs![CKA_SIGN => true]), CKR_OK);
    // Whoever may read a key need not copy it.
    let open = attrs![
        CKA_COPYABLE => false, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    let open = key(&fixture, open);
    returns!(extract(&fixture, open, attrs![CKA_SIGN => true]), CKR_OK);
}

#[test]
fn a_derivation_keeps_what_a_copy_would_keep() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let demanded = || attrs![CKA_SENSITIVE => true];
    let protection = || {
        attrs![
            CKA_ALLOWED_MECHANISMS => [
                ck::CKM_EXTRACT_KEY_FROM_KEY, ck::CKM_XOR_BASE_AND_DATA,
                ck::CKM_CONCATENATE_BASE_AND_DATA, ck::CKM_CONCATENATE_DATA_AND_BASE,
                ck::CKM_CONCATENATE_BASE_AND_KEY, ck::CKM_IKE1_EXTENDED_DERIVE,
            ],
            CKA_DERIVE_TEMPLATE => demanded(), CKA_UNWRAP_TEMPLATE => demanded(),
            CKA_WRAP_TEMPLATE => demanded(), CKA_MODIFIABLE => false,
        ]
    };
    let closed = key(&fixture, protection());
    for step in steps(&fixture, closed) {
        let id = step.0;
        let derived = derive(&fixture, step.clone(), attrs![CKA_DERIVE => true]).unwrap();
        for kind in [
            ck::CKA_ALLOWED_MECHANISMS,
            ck::CKA_DERIVE_TEMPLATE,
            ck::CKA_UNWRAP_TEMPLATE,
            ck::CKA_WRAP_TEMPLATE,
            ck::CKA_MODIFIABLE,
            ck::CKA_PRIVATE,
        ] {
            let kept = read(session, derived, kind) == read(session, closed, kind);
            assert!(kept, "{id:#x} {kind:#x}");
            assert_ne!(read(session, derived, kind), Revealed::Invalid);
        }
        for other in [
            attrs![CKA_ALLOWED_MECHANISMS => [ck::CKM_SHA256_HMAC]],
            attrs![CKA_DERIVE_TEMPLATE => attrs![CKA_SENSITIVE => false]],
            attrs![CKA_UNWRAP_TEMPLATE => attrs![CKA_EXTRACTABLE => true]],
            attrs![CKA_WRAP_TEMPLATE => attrs![CKA_EXTRACTABLE => true]],
            attrs![CKA_MODIFIABLE => true],
            attrs![CKA_PRIVATE => false],
        ] {
            let refused = derive(
                &fixture,
                step.clone(),
                with(attrs![CKA_DERIVE => true], other),
            );
            returns!(refused, CKR_TEMPLATE_INCONSISTENT, "{id:#x}");
        }
    }
    let hash = (ck::CKM_SHA256_KEY_DERIVATION, Params::None);
    let free = key(&fixture, attrs![CKA_MODIFIABLE => false]);
    let hashed = derive(&fixture, (hash.0, hash.1, free, 32), vec![]).unwrap();
    assert_eq!(read(session, hashed, ck::CKA_MODIFIABLE), flag(true));
}

/// A key that unwraps and does not decrypt would decrypt in its copy.
#[test]
fn a_derivation_gives_no_use_that_the_key_lacks() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let closed = key(&fixture, attrs![CKA_UNWRAP => true]);
    let others = || {
        [
            attrs![CKA_ENCRYPT => true],
            attrs![CKA_DECRYPT => true],
            attrs![CKA_SIGN => true],
            attrs![CKA_VERIFY => true],
            attrs![CKA_WRAP => true],
        ]
    };
    for step in steps(&fixture, closed) {
        let id = step.0;
        for more in others() {
            let refused = derive(&fixture, step.clone(), more);
            returns!(refused, CKR_TEMPLATE_INCONSISTENT, "{id:#x}");
        }
        // Without a use in the template the key gets none by default that its operand lacks.
        let derived = derive(&fixture, step.clone(), vec![]).unwrap();
        for kind in [ck::CKA_SIGN, ck::CKA_VERIFY, ck::CKA_DECRYPT] {
            assert_eq!(read(session, derived, kind), flag(false), "{id:#x}");
        }
        let unwraps = attrs![CKA_UNWRAP => true, CKA_DERIVE => true];
        returns!(derive(&fixture, step, unwraps), CKR_OK, "{id:#x}");
    }
    // A master secret is split into keys of any use.
    let master = key(&fixture, vec![]);
    for more in others() {
        returns!(extract(&fixture, master, more), CKR_OK);
    }
}

/// Through a key that only derives: derived, copied, changed, or each after another.
#[test]
fn no_second_step_gives_a_use_that_the_first_could_not() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let only_derives = || {
        attrs![
            CKA_DERIVE => true, CKA_UNWRAP => false,
        ]
    };
    let closed = || key(&fixture, attrs![CKA_UNWRAP => true]);
    let derived = extract(&fixture, closed(), only_derives()).unwrap();
    let twice = extract(&fixture, derived, only_derives()).unwrap();
    let copy = session.copy_object(closed(), &only_derives()).unwrap();
    let of_copy = extract(&fixture, copy, only_derives()).unwrap();
    let copy_of_derived = session
        .copy_object(derived, &attrs![CKA_LABEL => "copy"])
        .unwrap();
    let changed = closed();
    session.set_attributes(changed, &only_derives()).unwrap();
    let without = extract(&fixture, closed(), attrs![CKA_LABEL => "no use"]).unwrap();
    session
        .set_attributes(without, &attrs![CKA_DERIVE => true])
        .unwrap();
    for base in [
        derived,
        twice,
        copy,
        of_copy,
        copy_of_derived,
        changed,
        without,
    ] {
        let refused = extract(&fixture, base, attrs![CKA_DECRYPT => true]);
        returns!(refused, CKR_TEMPLATE_INCONSISTENT);
        returns!(extract(&fixture, base, attrs![CKA_UNWRAP => true]), CKR_OK);
    }
}

/// Two operands: the derived key has the uses that both have, and neither of two contradicting protections.
#[test]
fn two_operands_bound_a_key_together() {
    let fixture = Fixture::new();
    let joined = |one, other, more| {
        let step = (
            ck::CKM_CONCATENATE_BASE_AND_KEY,
            Params::Key(other),
            one,
            64,
        );
        derive(&fixture, step, more)
    };
    let signs = key(&fixture, attrs![CKA_SIGN => true, CKA_VERIFY => true]);
    let verifies = key(&fixture, attrs![CKA_VERIFY => true, CKA_WRAP => true]);
    let master = key(&fixture, vec![]);
    for (one, other, more, allowed) in [
        (signs, verifies, attrs![CKA_VERIFY => true], true),
        (signs, verifies, attrs![CKA_SIGN => true], false),
        (verifies, signs, attrs![CKA_WRAP => true], false),
        (master, signs, attrs![CKA_SIGN => true], true),
        (master, signs, attrs![CKA_WRAP => true], false),
        (signs, master, attrs![CKA_WRAP => true], false),
    ] {
        let outcome = joined(one, other, more.clone());
        if allowed {
            returns!(outcome, CKR_OK, "{more:?}");
        } else {
            returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{more:?}");
        }
    }
    let joining = ck::CKM_CONCATENATE_BASE_AND_KEY;
    let allows = |other: u64| key(&fixture, attrs![CKA_ALLOWED_MECHANISMS => [joining, other]]);
    let (hmac, hash) = (allows(ck::CKM_SHA256_HMAC), allows(ck::CKM_SHA512_HMAC));
    returns!(joined(hmac, hash, vec![]), CKR_TEMPLATE_INCONSISTENT);
    returns!(joined(hmac, master, vec![]), CKR_OK);
}

fn hkdf(salt: Option<HkdfSalt>, expand: bool) -> Params {
    Params::Hkdf {
        hash: Hash::Sha256,
        salt,
        info: b"session 1".to_vec(),
        expand,
    }
}

/// HKDF-Extract with a key as salt is HMAC under that key, and so is HKDF-Expand: what the key's
/// CKA_DERIVE_TEMPLATE keeps closed must not be read from the other.
#[test]
fn the_derive_template_of_each_operand_holds() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let demanded = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
    let guarded = key(&fixture, attrs![CKA_DERIVE_TEMPLATE => demanded]);
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let own = key(
        &fixture,
        with(open(), attrs![CKA_VALUE => b"session 1\x01"]),
    );
    let salted = || hkdf(Some(HkdfSalt::Key(guarded)), false);
    let joined = Params::Key(guarded);
    for (id, params, base, len) in [
        (ck::CKM_HKDF_DERIVE, hkdf(None, true), guarded, 32),
        (ck::CKM_HKDF_DERIVE, salted(), own, 32),
        (ck::CKM_CONCATENATE_BASE_AND_KEY, joined, own, 42),
    ] {
        let step = (id, params, base, len);
        let refused = derive(&fixture, step.clone(), open());
        returns!(refused, CKR_TEMPLATE_INCONSISTENT, "{id:#x}");
        let derived = derive(&fixture, step, vec![]).unwrap();
        assert_eq!(read(session, derived, ck::CKA_VALUE), Revealed::Sensitive);
    }
    // A data object is read by whoever sees it, so it meets no such template.
    let data = |params| {
        let request = fixture.request(ck::CKM_HKDF_DATA, params);
        let template = attrs![CKA_CLASS => ck::CKO_DATA, CKA_VALUE_LEN => 32];
        session.derive_key(request, own, &template)
    };
    returns!(data(salted()), CKR_TEMPLATE_INCONSISTENT);
    let free = key(&fixture, vec![]);
    returns!(data(hkdf(Some(HkdfSalt::Key(free)), false)), CKR_OK);
}

/// A key of three parts, of which the attacker knows one, is found with the work of one part of 7 bytes twice.
#[test]
fn a_closed_key_does_not_become_a_key_of_des() {
    let fixture = Fixture::new();
    let of_type = |key_type, len: u64| attrs![CKA_KEY_TYPE => key_type, CKA_VALUE_LEN => len];
    let derive = |step: (u64, Params), base, key_type, len| {
        let request = fixture.request(step.0, step.1);
        fixture
            .session
            .derive_key(request, base, &of_type(key_type, len))
    };
    let extract = || (ck::CKM_EXTRACT_KEY_FROM_KEY, Params::Extract(0));
    let data = |len: usize| Params::Data(vec![7; len].into());
    let closed = key(&fixture, attrs![CKA_VALUE => &[0x5A; 16]]);
    for (step, key_type, len) in [
        (extract(), ck::CKK_DES2, 16),
        (
            (ck::CKM_CONCATENATE_BASE_AND_DATA, data(8)),
            ck::CKK_DES3,
            24,
        ),
        (
            (ck::CKM_CONCATENATE_DATA_AND_BASE, data(8)),
            ck::CKK_DES3,
            24,
        ),
        ((ck::CKM_XOR_BASE_AND_DATA, data(16)), ck::CKK_DES2, 16),
    ] {
        let refused = derive(step, closed, key_type, len);
        returns!(refused, CKR_TEMPLATE_INCONSISTENT);
    }
    let hashed = derive(
        (ck::CKM_SHA256_KEY_DERIVATION, Params::None),
        closed,
        ck::CKK_DES3,
        24,
    );
    returns!(hashed, CKR_OK);
    let open = attrs![CKA_VALUE => &[0x5A; 16], CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    returns!(
        derive(extract(), key(&fixture, open), ck::CKK_DES2, 16),
        CKR_OK
    );
}

#[test]
fn no_part_of_a_wrapped_key_becomes_a_key_of_des() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = secret(session, ck::CKK_AES, vec![]).private;
    let value = attrs![
        CKA_VALUE => b"three different keys: 24", CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    let des = secret(session, ck::CKK_DES3, value).private;
    let template = || attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_DES3];
    for (id, params, proven) in [
        (ck::CKM_AES_KEY_WRAP_KWP, Params::None, true),
        (ck::CKM_AES_CBC_PAD, Params::Iv(vec![0; 16].into()), false),
        (ck::CKM_AES_ECB, Params::None, false),
    ] {
        let request = || fixture.request(id, params.clone());
        let blob = full(|out| session.wrap_key(request(), wrapping, des, out)).unwrap();
        let unwrapped = session.unwrap_key(request(), wrapping, &blob, &template());
        match proven {
            true => returns!(unwrapped, CKR_OK),
            false => returns!(unwrapped, CKR_TEMPLATE_INCONSISTENT, "{id:#x}"),
        }
    }
}
