//! BYOK section 7: the envelope, and rule 8.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{self, external};
use super::outside::{ID, Import, MATERIAL, request};
use crate::common::{Calls, Fixture, TODAY, attrs, bytes, full, returns, secret, with};

/// Bytes that an envelope adds, and those of its header.
pub(crate) const OVERHEAD: usize = 81;
const HEADER: usize = 65;

pub(crate) fn envelope(data: &[u8]) -> Request {
    let params = match data {
        [] => Params::None,
        _ => Params::CallerData(data.to_vec()),
    };
    request(ck::CKM_TENON_KMS_ENVELOPE, params)
}

pub(crate) fn seal(session: &Session, key: Handle, text: &[u8]) -> Result<Vec<u8>> {
    session.encrypt_init(envelope(b"data"), key)?;
    full(|out| session.encrypt(text, out))
}

pub(crate) fn open(session: &Session, key: Handle, sealed: &[u8]) -> Result<Vec<u8>> {
    session.decrypt_init(envelope(b"data"), key)?;
    full(|out| session.decrypt(sealed, out))
}

/// An external key of this material for every use that has an envelope.
fn key(token: &Import, id: &[u8], material: &[u8]) -> Handle {
    let uses = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_ID => id];
    token.import(material, uses).unwrap()
}

#[test]
fn an_envelope_is_laid_out_as_the_rules_say() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = key(&token, ID, MATERIAL);
    let text = b"something to keep";
    let sealed = seal(session, key, text).unwrap();
    assert_eq!(sealed.len(), text.len() + OVERHEAD);
    let uid = String::from_utf8(token.value(key, ck::CKA_UNIQUE_ID)).unwrap();
    let uid = u128::from_str_radix(&uid, 16).unwrap().to_be_bytes();
    assert_eq!(sealed[0], 1);
    assert_eq!(sealed[1..17], uid);
    assert_eq!(sealed[17..33], token.value(key, ck::CKA_TENON_MATERIAL_ID));
    let again = seal(session, key, text).unwrap();
    assert_ne!(sealed[33..65], again[33..65], "the salt is random");
    assert_eq!(elsewhere(&sealed, b"data"), text);
    assert_eq!(open(session, key, &sealed).unwrap(), text);
}

/// What an envelope under MATERIAL holds, by other implementations.
fn elsewhere(sealed: &[u8], data: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};

    let (header, body) = sealed.split_at(HEADER);
    let mut derived = [0; 44];
    hkdf::Hkdf::<sha2::Sha256>::new(Some(&header[33..]), MATERIAL)
        .expand(
            &[b"tenon envelope 1", &header[1..17]].concat(),
            &mut derived,
        )
        .unwrap();
    let aad = [&65_u64.to_be_bytes()[..], header, data].concat();
    let nonce: [u8; 12] = derived[32..].try_into().unwrap();
    aes_gcm::Aes256Gcm::new_from_slice(&derived[..32])
        .unwrap()
        .decrypt(
            &nonce.into(),
            Payload {
                msg: body,
                aad: &aad,
            },
        )
        .unwrap()
}

#[test]
fn rule_8_equal_material_opens_no_other_keys_envelopes() {
    let token = Import::new();
    let session = &token.fixture.session;
    let (one, two) = (key(&token, b"1", MATERIAL), key(&token, b"2", MATERIAL));
    let ecb = [one, two].map(|key| token.encrypt(key).unwrap());
    assert_eq!(ecb[0], ecb[1], "the material is the same");
    let sealed = seal(session, one, b"text").unwrap();
    returns!(open(session, two, &sealed), CKR_ENCRYPTED_DATA_INVALID);
    let theirs = seal(session, two, b"text").unwrap();
    for renamed in [1..17, 17..33, 1..33] {
        let mut forged = sealed.clone();
        forged[renamed.clone()].copy_from_slice(&theirs[renamed.clone()]);
        returns!(
            open(session, two, &forged),
            CKR_ENCRYPTED_DATA_INVALID,
            "{renamed:?}"
        );
        returns!(
            open(session, one, &forged),
            CKR_ENCRYPTED_DATA_INVALID,
            "{renamed:?}"
        );
    }
}

#[test]
fn the_callers_data_are_bound() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = key(&token, ID, MATERIAL);
    let sealed = seal(session, key, b"text").unwrap();
    for other in [&b""[..], b"Data", b"data "] {
        session.decrypt_init(envelope(other), key).unwrap();
        let outcome = full(|out| session.decrypt(&sealed, out));
        returns!(outcome, CKR_ENCRYPTED_DATA_INVALID);
    }
    let most = vec![7; 64 * 1024];
    session.encrypt_init(envelope(&most), key).unwrap();
    assert!(full(|out| session.encrypt(b"text", out)).is_ok());
    let row = tenon_pkcs11::api::mechanism::find(ck::CKM_TENON_KMS_ENVELOPE).unwrap();
    let more = Request::new(row, Params::CallerData(vec![7; 64 * 1024 + 1]));
    returns!(more.map(drop), CKR_MECHANISM_PARAM_INVALID);
}

fn data_key(
    blob: &[u8],
    token: &Import,
    key: Handle,
    changes: Vec<RawAttribute>,
) -> Result<Handle> {
    let template = with(
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES],
        changes,
    );
    let session = &token.fixture.session;
    session.unwrap_key(envelope(b"data"), key, blob, &template)
}

#[test]
fn data_keys_come_back_and_are_ordinary() {
    let token = Import::new();
    let session = &token.fixture.session;
    let (one, two) = (key(&token, b"1", MATERIAL), key(&token, b"2", MATERIAL));
    let plain = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let blob = full(|out| session.wrap_key(envelope(b"data"), one, plain, out)).unwrap();
    assert_eq!(blob.len(), 32 + OVERHEAD);
    let stored = attrs![CKA_TOKEN => true, CKA_ID => b"data key"];
    let back = data_key(&blob, &token, one, stored).unwrap();
    let origin = ck::ORIGIN_IMPORTED.to_ne_bytes();
    assert_eq!(token.value(back, ck::CKA_TENON_ORIGIN), origin);
    assert_eq!(token.encrypt(back).unwrap(), token.encrypt(plain).unwrap());

    returns!(
        data_key(&blob, &token, two, vec![]),
        CKR_WRAPPED_KEY_INVALID
    );
    for len in [0, 64, OVERHEAD] {
        returns!(
            data_key(&blob[..len], &token, one, vec![]),
            CKR_WRAPPED_KEY_LEN_RANGE
        );
    }
    for extractable in [false, true] {
        let bound = attrs![
            CKA_TOKEN => true, CKA_ID => b"2", CKA_EXTRACTABLE => extractable,
        ];
        let outcome = data_key(&blob, &token, one, bound);
        assert!(outcome.is_err(), "nothing comes to a bound key so");
    }
    let kept = full(|out| session.wrap_key(envelope(b"data"), one, two, out));
    returns!(kept, CKR_KEY_UNEXTRACTABLE);
}

#[test]
fn short_envelopes_have_their_own_code() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = key(&token, ID, MATERIAL);
    let sealed = seal(session, key, b"").unwrap();
    assert_eq!(sealed.len(), OVERHEAD);
    assert_eq!(open(session, key, &sealed).unwrap(), b"");
    for len in 0..OVERHEAD {
        let outcome = open(session, key, &sealed[..len]);
        returns!(outcome, CKR_ENCRYPTED_DATA_LEN_RANGE, "{len}");
    }
}

/// BYOK rule 8.
#[test]
fn a_services_symmetric_key_works_by_the_envelope_alone() {
    let token = Fixture::new();
    let session = &token.session;
    let imported = |changes| {
        let key = external(session, changes).unwrap();
        let job = jobs::job(session, key, 2).unwrap();
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        let plain = request(mechanism, Params::None);
        session
            .unwrap_key(plain, job.private, &blob, &jobs::aes())
            .unwrap();
        key
    };
    let ecb = |key| session.encrypt_init(token.plain(ck::CKM_AES_ECB), key);
    let only = ck::CKM_TENON_KMS_ENVELOPE.to_ne_bytes();
    let key = imported(attrs![CKA_TENON_PROFILE => "tencent"]);
    assert_eq!(bytes(session, key, ck::CKA_ALLOWED_MECHANISMS), only);
    let refused = ecb(key);
    returns!(refused, CKR_MECHANISM_INVALID);
    let why = refused.unwrap_err().to_string();
    assert!(
        why.contains("independent") && why.contains("--raw"),
        "{why}"
    );
    let sealed = seal(session, key, b"text").unwrap();
    assert_eq!(open(session, key, &sealed).unwrap(), b"text");
    let twin = imported(attrs![CKA_TENON_PROFILE => "tencent", CKA_LABEL => "twin"]);
    returns!(
        open(session, twin, &sealed),
        CKR_ENCRYPTED_DATA_INVALID,
        "equal material"
    );

    let raw = attrs![
        CKA_TENON_PROFILE => "tencent", CKA_LABEL => "raw",
        CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_ECB],
    ];
    let raw = imported(raw);
    returns!(seal(session, raw, b"text"), CKR_MECHANISM_INVALID);
    assert!(ecb(raw).is_ok(), "its template says so");
    full(|out| session.encrypt(&[0; 16], out)).unwrap();
    let open = imported(attrs![CKA_LABEL => "open"]);
    assert!(ecb(open).is_ok(), "keys of profile open are raw");
}

/// BYOK rule 8: GenerateDataKey, and back.
#[test]
fn a_services_symmetric_key_wraps_data_keys() {
    let token = Fixture::new();
    let session = &token.session;
    let profile = attrs![
        CKA_TENON_PROFILE => "aws", CKA_CLASS => ck::CKO_SECRET_KEY, CKA_VALUE_LEN => 32_u64,
    ];
    let key = session
        .generate_key(token.plain(ck::CKM_AES_KEY_GEN), &profile)
        .unwrap();
    let data_key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let wrapped = full(|out| session.wrap_key(envelope(b"row 7"), key, data_key, out)).unwrap();
    let kwp = request(ck::CKM_AES_KEY_WRAP_KWP, Params::None);
    let by_kwp = full(|out| session.wrap_key(kwp, key, data_key, out));
    returns!(by_kwp, CKR_MECHANISM_INVALID);
    let inside = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let outside = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_EXTRACTABLE => true,
        CKA_SENSITIVE => false,
    ];
    let unwrap =
        |data: &[u8], template: &[_]| session.unwrap_key(envelope(data), key, &wrapped, template);
    let inside = unwrap(b"row 7", &inside).unwrap();
    let hidden = session.attributes(inside, &[ck::CKA_VALUE]).unwrap();
    assert_eq!(hidden, [tenon_pkcs11::api::attr::Revealed::Sensitive]);
    let outside = unwrap(b"row 7", &outside).unwrap();
    assert_eq!(bytes(session, outside, ck::CKA_VALUE), [0x5A; 32]);
    returns!(unwrap(b"row 8", &jobs::aes()), CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn symmetric_keys_of_every_kind_and_length_make_envelopes() {
    let token = Import::new();
    let session = &token.fixture.session;
    for (key_type, len) in [
        (ck::CKK_AES, 16),
        (ck::CKK_TENON_SM4, 16),
        (ck::CKK_GENERIC_SECRET, 1),
        (ck::CKK_GENERIC_SECRET, 150),
        (ck::CKK_SHA256_HMAC, 64),
    ] {
        let id = [&key_type.to_be_bytes()[..], &[len]].concat();
        let kind = attrs![CKA_KEY_TYPE => key_type, CKA_ID => &id];
        let key = token.import(&vec![7; len.into()], kind).unwrap();
        let sealed = seal(session, key, b"text").unwrap();
        assert_eq!(
            open(session, key, &sealed).unwrap(),
            b"text",
            "{key_type:#x}"
        );
    }
    let ordinary = secret(session, ck::CKK_AES, vec![]).public;
    returns!(seal(session, ordinary, b"text"), CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn an_envelope_ends_with_the_key() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = token
        .import(
            MATERIAL,
            attrs![CKA_TENON_EXPIRES_AT => &(TODAY + 60).to_be_bytes()],
        )
        .unwrap();
    let sealed = seal(session, key, b"text").unwrap();
    session.decrypt_init(envelope(b"data"), key).unwrap();
    token.fixture.clock.set(TODAY + 60);
    let outcome = full(|out| session.decrypt(&sealed, out));
    returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED);
    returns!(open(session, key, &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let back = token.import(MATERIAL, vec![]).unwrap();
    assert_eq!(open(session, back, &sealed).unwrap(), b"text");
}
