//! SM2 keys and SM4 keys as objects: what they say of themselves, how they come in, and who takes them.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::crypto::encoding::to_octet_string;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::{EcdhWrap, Params, Request, SharedKdf};
use tenon_pkcs11::api::token::Handle;

use super::cases::{cases, ecdh};
use crate::common::{
    Calls, Fixture, attrs, bytes, ec_pair, full, returns, rsa_pair, secret, sm2_material, sm2_pair,
    with,
};

fn open() -> Vec<RawAttribute> {
    attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]
}

fn private_template() -> Vec<RawAttribute> {
    with(
        attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC],
        open(),
    )
}

fn sm4_template() -> Vec<RawAttribute> {
    with(
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_TENON_SM4],
        open(),
    )
}

/// `clear` as a data key under the SM2 or RSA public key: what C_WrapKey of a generic secret makes.
fn blob(fixture: &Fixture, request: Request, wrapping: Handle, clear: &[u8]) -> Vec<u8> {
    let changes = with(open(), attrs![CKA_VALUE => clear]);
    let key = secret(&fixture.session, ck::CKK_GENERIC_SECRET, changes).public;
    full(|out| fixture.session.wrap_key(request, wrapping, key, out)).unwrap()
}

#[test]
fn an_sm2_key_says_what_it_is() {
    let fixture = Fixture::new();
    let material = sm2_material();
    let pair = sm2_pair(&fixture.session, vec![], open());
    let point = to_octet_string(&material.point).unwrap();
    let spki = Material::pair(material.clone()).spki().unwrap();
    for key in [pair.public, pair.private] {
        let params = bytes(&fixture.session, key, ck::CKA_EC_PARAMS);
        assert_eq!(params, Curve::Sm2.params());
        assert_eq!(bytes(&fixture.session, key, ck::CKA_EC_POINT), point);
        assert_eq!(bytes(&fixture.session, key, ck::CKA_PUBLIC_KEY_INFO), spki);
    }
    let scalar = bytes(&fixture.session, pair.private, ck::CKA_VALUE);
    assert_eq!(scalar, material.scalar.to_vec());
}

#[test]
fn sm2_keys_that_cannot_be() {
    let fixture = Fixture::new();
    let create = |template: Vec<RawAttribute>| fixture.session.create_object(&template);
    let mut off = sm2_material().point.clone();
    off[64] ^= 1;
    let public = |point: &[u8]| {
        create(attrs![
            CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC,
            CKA_EC_PARAMS => Curve::Sm2.params(), CKA_EC_POINT => point,
        ])
    };
    let private = |scalar: &[u8]| {
        let rest = attrs![CKA_EC_PARAMS => Curve::Sm2.params(), CKA_VALUE => scalar];
        create(with(private_template(), rest))
    };
    returns!(public(&sm2_material().point), CKR_OK);
    returns!(private(&sm2_material().scalar), CKR_OK);
    returns!(public(&off), CKR_ATTRIBUTE_VALUE_INVALID);
    for wrong in [&[0; 32][..], &[0xFF; 32], &[1; 33]] {
        returns!(private(wrong), CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

/// Whatever else CKK_EC keys do, those on SM2's curve do not.
#[test]
fn ecdsa_and_ecdh_take_no_sm2_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let pair = sm2_pair(session, vec![], vec![]);
    for case in cases(|row| row.name.starts_with("CKM_ECDSA")) {
        let name = case.name();
        let signed = session.sign_init(case.request(), pair.private);
        returns!(signed, CKR_KEY_TYPE_INCONSISTENT, "{name}");
        let verified = session.verify_init(case.request(), pair.public);
        returns!(verified, CKR_KEY_TYPE_INCONSISTENT, "{name}");
    }
    let params = ecdh(None, &sm2_material().point);
    for id in [ck::CKM_ECDH1_DERIVE, ck::CKM_ECDH1_COFACTOR_DERIVE] {
        let request = fixture.request(id, params.clone());
        let derived = session.derive_key(request, pair.private, &[]);
        returns!(derived, CKR_KEY_TYPE_INCONSISTENT);
    }
    let params = Params::EcdhAesKeyWrap(EcdhWrap {
        aes_bits: 256,
        kdf: Some(SharedKdf::X963(Hash::Sha256)),
        shared_data: Vec::new(),
    });
    let request = || fixture.request(ck::CKM_ECDH_AES_KEY_WRAP, params.clone());
    let key = secret(session, ck::CKK_AES, open()).public;
    let wrapped = full(|out| session.wrap_key(request(), pair.public, key, out));
    returns!(wrapped, CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    let template = sm4_template();
    let unwrapped = session.unwrap_key(request(), pair.private, &[4; 89], &template);
    returns!(unwrapped, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
}

#[test]
fn the_general_generation_makes_sm2_keys_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let params = attrs![CKA_EC_PARAMS => Curve::Sm2.params()];
    let request = fixture.plain(ck::CKM_EC_KEY_PAIR_GEN);
    let (public, private) = session.generate_key_pair(request, &params, &[]).unwrap();
    let sign = || fixture.plain(ck::CKM_TENON_SM2_SM3_SIGN);
    session.sign_init(sign(), private).unwrap();
    let signature = full(|out| session.sign(b"message", out)).unwrap();
    session.verify_init(sign(), public).unwrap();
    returns!(session.verify(b"message", &signature), CKR_OK);
}

/// The form of Alibaba Cloud's SM2PKE_SM4_ECB, and of Huawei Cloud's SM2_ENCRYPT.
#[test]
fn its_own_generation_needs_no_curve() {
    let fixture = Fixture::new();
    let generate = |public: Vec<RawAttribute>| {
        let request = fixture.plain(ck::CKM_TENON_SM2_KEY_PAIR_GEN);
        fixture.session.generate_key_pair(request, &public, &[])
    };
    let (public, private) = generate(attrs![]).unwrap();
    for key in [public, private] {
        let params = bytes(&fixture.session, key, ck::CKA_EC_PARAMS);
        assert_eq!(params, Curve::Sm2.params());
    }
    returns!(
        generate(attrs![CKA_EC_PARAMS => Curve::Sm2.params()]),
        CKR_OK
    );
    let other = attrs![CKA_EC_PARAMS => Curve::P256.params()];
    returns!(generate(other), CKR_CURVE_NOT_SUPPORTED);
}

#[test]
fn a_raw_scalar_becomes_an_sm2_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = sm2_pair(session, vec![], vec![]);
    let (scalar, point) = (&*sm2_material().scalar, &sm2_material().point);
    for id in [ck::CKM_TENON_SM2_SM4_ECB, ck::CKM_TENON_SM2PKE] {
        let unwrap = |clear: &[u8], template: Vec<RawAttribute>| {
            let blob = blob(&fixture, fixture.plain(id), wrapping.public, clear);
            session.unwrap_key(fixture.plain(id), wrapping.private, &blob, &template)
        };
        for params in [vec![], attrs![CKA_EC_PARAMS => Curve::Sm2.params()]] {
            let key = unwrap(scalar, with(private_template(), params)).unwrap();
            assert_eq!(bytes(&fixture.session, key, ck::CKA_VALUE), scalar);
            let encoded = to_octet_string(point).unwrap();
            assert_eq!(bytes(&fixture.session, key, ck::CKA_EC_POINT), encoded);
        }
        let p256 = attrs![CKA_EC_PARAMS => Curve::P256.params()];
        let outcome = unwrap(scalar, with(private_template(), p256));
        returns!(outcome, CKR_WRAPPED_KEY_INVALID);
        let rsa = attrs![CKA_KEY_TYPE => ck::CKK_RSA];
        let outcome = unwrap(scalar, with(private_template(), rsa));
        returns!(outcome, CKR_WRAPPED_KEY_INVALID);
        for wrong in [&[0; 32][..], &[0xFF; 32], &[7; 16], &[7; 48]] {
            let outcome = unwrap(wrong, private_template());
            returns!(outcome, CKR_WRAPPED_KEY_INVALID);
        }
    }
    // A wrap of AES does not hold scalars.
    let aes = secret(session, ck::CKK_AES, vec![]).public;
    let kwp = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let held = blob(&fixture, kwp(), aes, scalar);
    let outcome = session.unwrap_key(kwp(), aes, &held, &private_template());
    returns!(outcome, CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn what_sm4_without_padding_wraps() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = sm2_pair(session, vec![], vec![]).public;
    let wrap = |key| -> Result<Vec<u8>> {
        let request = fixture.plain(ck::CKM_TENON_SM2_SM4_ECB);
        full(|out| session.wrap_key(request, wrapping, key, out))
    };
    let sm2 = sm2_pair(session, vec![], open()).private;
    assert_eq!(wrap(sm2).unwrap().len(), 97 + 16 + 32);
    let short = with(open(), attrs![CKA_VALUE => &[7; 24]]);
    let short = secret(session, ck::CKK_AES, short).public;
    returns!(wrap(short), CKR_KEY_SIZE_RANGE);
    for other in [
        ec_pair(session, vec![], open()).private,
        rsa_pair(session, vec![], open()).private,
    ] {
        returns!(wrap(other), CKR_KEY_NOT_WRAPPABLE);
    }
}

#[test]
fn an_sm4_key_comes_in_by_every_wrap() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key_value = (0x01_u8..=0x10).collect::<Vec<_>>();
    for case in cases(|row| row.unwrap.is_some() && row.id != ck::CKM_AES_CCM) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        let unwrap = |clear: &[u8], template: &[RawAttribute]| {
            let blob = blob(&fixture, case.request(), wrapping.public, clear);
            session.unwrap_key(case.request(), wrapping.private, &blob, template)
        };
        let key = unwrap(&key_value, &sm4_template()).unwrap();
        assert_eq!(
            bytes(&fixture.session, key, ck::CKA_VALUE),
            key_value,
            "{name}"
        );
        let len = bytes(&fixture.session, key, ck::CKA_VALUE_LEN);
        assert_eq!(len, 16_u64.to_ne_bytes(), "{name}");
        if !case.row.for_secrets_alone() {
            let outcome = unwrap(&[7; 32], &sm4_template());
            returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
        }
    }
}

/// The first three bytes of the encryption of zeros.
#[test]
fn an_sm4_key_has_a_check_value() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let create = |len: usize| {
        let rest = attrs![CKA_VALUE => &vec![0x5A; len], CKA_ENCRYPT => true];
        session.create_object(&with(sm4_template(), rest))
    };
    let key = create(16).unwrap();
    let ecb = fixture.plain(ck::CKM_TENON_SM4_ECB);
    session.encrypt_init(ecb, key).unwrap();
    let block = full(|out| session.encrypt(&[0; 16], out)).unwrap();
    assert_eq!(
        bytes(&fixture.session, key, ck::CKA_CHECK_VALUE),
        block[..3]
    );
    let aes = secret(
        session,
        ck::CKK_AES,
        with(open(), attrs![CKA_VALUE => &[0x5A; 16]]),
    );
    let other = bytes(&fixture.session, aes.public, ck::CKA_CHECK_VALUE);
    assert_ne!(other, block[..3]);
    for len in [15, 17, 24, 32] {
        returns!(create(len), CKR_ATTRIBUTE_VALUE_INVALID, "{len}");
    }
}

#[test]
fn sm4_keys_derive_and_are_derived() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let base = secret(session, ck::CKK_GENERIC_SECRET, open()).public;
    let derive = |base, changes| {
        let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
        let template = with(sm4_template(), changes);
        session.derive_key(request, base, &template)
    };
    let len = |len: u64| attrs![CKA_VALUE_LEN => len, CKA_DERIVE => true];
    let key = derive(base, len(16)).unwrap();
    assert_eq!(bytes(&fixture.session, key, ck::CKA_VALUE).len(), 16);
    returns!(derive(base, len(24)), CKR_KEY_SIZE_RANGE);
    let further = derive(key, len(16)).unwrap();
    let (one, other) = (
        bytes(&fixture.session, key, ck::CKA_VALUE),
        bytes(&fixture.session, further, ck::CKA_VALUE),
    );
    assert_eq!(other, Hash::Sha256.digest(&[&one])[..16]);
}

/// A token key is the same after the module was opened again.
#[test]
fn sm2_and_sm4_keys_are_kept() {
    let fixture = Fixture::new();
    let kept = |id: &[u8]| attrs![CKA_TOKEN => true, CKA_ID => id];
    let session = &fixture.session;
    let params = with(attrs![CKA_EC_PARAMS => b"\x13\x09sm2p256v1"], kept(b"2"));
    let request = fixture.plain(ck::CKM_TENON_SM2_KEY_PAIR_GEN);
    let (_, private) = session
        .generate_key_pair(request, &params, &kept(b"2"))
        .unwrap();
    let sign = ck::CKM_TENON_SM2_SM3_SIGN;
    session.sign_init(fixture.plain(sign), private).unwrap();
    let signature = full(|out| session.sign(b"message", out)).unwrap();
    let request = fixture.plain(ck::CKM_TENON_SM4_KEY_GEN);
    let template = with(attrs![CKA_VALUE_LEN => 16], kept(b"4"));
    let key = session.generate_key(request, &template).unwrap();
    let ecb = ck::CKM_TENON_SM4_ECB;
    session.encrypt_init(fixture.plain(ecb), key).unwrap();
    let sealed = full(|out| session.encrypt(&[1; 32], out)).unwrap();

    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    let find = |class: u64, id: &[u8]| {
        session
            .find_init(&attrs![CKA_CLASS => class, CKA_ID => id])
            .unwrap();
        let found = session.find(2).unwrap();
        session.find_final().unwrap();
        assert_eq!(found.len(), 1);
        found[0]
    };
    let public = find(ck::CKO_PUBLIC_KEY, b"2");
    session.verify_init(fixture.plain(sign), public).unwrap();
    returns!(session.verify(b"message", &signature), CKR_OK);
    let private = find(ck::CKO_PRIVATE_KEY, b"2");
    session.sign_init(fixture.plain(sign), private).unwrap();
    returns!(full(|out| session.sign(b"message", out)), CKR_OK);
    let key = find(ck::CKO_SECRET_KEY, b"4");
    session.decrypt_init(fixture.plain(ecb), key).unwrap();
    assert_eq!(full(|out| session.decrypt(&sealed, out)).unwrap(), [1; 32]);
}

/// Both parts of the parameter may be left out; then it is SHA-256.
#[test]
fn rsa_with_aes_ecb_needs_no_parameter() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = rsa_pair(session, vec![], vec![]);
    let request = || fixture.plain(ck::CKM_TENON_RSA_AES_ECB_PKCS7);
    let ec = ec_pair(session, vec![], open()).private;
    let blob = full(|out| session.wrap_key(request(), wrapping.public, ec, out)).unwrap();
    let unwrapped = session
        .unwrap_key(request(), wrapping.private, &blob, &private_template())
        .unwrap();
    let [one, other] = [ec, unwrapped].map(|key| bytes(&fixture.session, key, ck::CKA_VALUE));
    assert_eq!(one, other);
}
