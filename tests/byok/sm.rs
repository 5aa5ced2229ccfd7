//! Imports by the Chinese algorithms: the job's key is an SM2 pair, or what is imported is SM2 or SM4.
//! The key's owner encrypts by another SM2 than the token's.

use sm2::pke::EncryptingKey;
use sm4::Sm4;
use sm4::cipher::{BlockCipherEncrypt, KeyInit};
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::EcMaterial;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::encoding::{octet_string, to_octet_string};
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::job;
use super::outside::{OutsideRng, request};
use crate::common::{Calls, Fixture, attrs, bytes, full, returns, with};

const SM2PKE_SM4_ECB: u64 = 7;
const SM2PKE: u64 = 8;

/// An SM2 job's private key, and its public key as the owner has it.
struct Sm2Job {
    private: Handle,
    owner: EncryptingKey,
}

/// The two forms of an SM2 ciphertext.
#[derive(Clone, Copy)]
enum Form {
    Raw,
    Der,
}

impl Sm2Job {
    fn new(session: &Session, target: Handle, algorithm: u64) -> Result<Self> {
        let curve = (ck::CKM_TENON_SM2_KEY_PAIR_GEN, Curve::Sm2);
        let (public, private) = pair(session, target, algorithm, curve)?;
        let point = bytes(session, public, ck::CKA_EC_POINT);
        let key = sm2::PublicKey::from_sec1_bytes(octet_string(&point)).unwrap();
        Ok(Self {
            private,
            owner: EncryptingKey::new(key),
        })
    }

    fn encrypt(&self, form: Form, clear: &[u8]) -> Vec<u8> {
        match form {
            Form::Raw => self.owner.encrypt(&mut OutsideRng, clear),
            Form::Der => self.owner.encrypt_der(&mut OutsideRng, clear),
        }
        .unwrap()
    }

    /// The mechanism and the blob of this CKA_TENON_WRAP_ALGORITHM.
    fn wrap(&self, algorithm: u64, form: Form, clear: &[u8]) -> (u64, Vec<u8>) {
        if algorithm == SM2PKE {
            return (ck::CKM_TENON_SM2PKE, self.encrypt(form, clear));
        }
        let inner = [0x42; 16];
        let mut blob = self.encrypt(form, &inner);
        for block in clear.chunks(16) {
            let mut block = block.try_into().unwrap();
            Sm4::new(&inner.into()).encrypt_block(&mut block);
            blob.extend(block);
        }
        (ck::CKM_TENON_SM2_SM4_ECB, blob)
    }
}

fn pair(
    session: &Session,
    target: Handle,
    algorithm: u64,
    (mechanism, curve): (u64, Curve),
) -> Result<(Handle, Handle)> {
    let target = bytes(session, target, ck::CKA_UNIQUE_ID);
    session.generate_key_pair(
        request(mechanism, Params::None),
        &attrs![CKA_EC_PARAMS => curve.params(), CKA_TOKEN => true],
        &attrs![CKA_TENON_IMPORT_TARGET => &target, CKA_TENON_WRAP_ALGORITHM => algorithm],
    )
}

fn external(session: &Session, template: Vec<RawAttribute>) -> Handle {
    let generate = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    session.generate_key(generate, &template).unwrap()
}

fn external_ec(session: &Session, curve: Curve) -> Handle {
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
        CKA_EC_PARAMS => curve.params(), CKA_SIGN => true,
    ];
    external(session, template)
}

fn external_sm4(session: &Session) -> Handle {
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_TENON_SM4,
        CKA_VALUE_LEN => 16_u64, CKA_ENCRYPT => true,
    ];
    external(session, template)
}

fn signs_as(token: &Fixture, key: Handle, material: &EcMaterial, id: u64) {
    let session = &token.session;
    session.sign_init(token.plain(id), key).unwrap();
    let signature = full(|out| session.sign(b"message", out)).unwrap();
    let public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_VERIFY => true,
        CKA_EC_PARAMS => material.curve.params(),
        CKA_EC_POINT => &to_octet_string(&material.point).unwrap(),
    ];
    let public = session.create_object(&public).unwrap();
    session.verify_init(token.plain(id), public).unwrap();
    returns!(session.verify(b"message", &signature), CKR_OK);
}

#[test]
fn an_sm2_key_comes_by_an_sm2_job() {
    let token = Fixture::new();
    let session = &token.session;
    let (material, other) = (
        ec::generate(Curve::Sm2).unwrap(),
        ec::generate(Curve::Sm2).unwrap(),
    );
    let pkcs8 = Material::pair(material.clone()).to_pkcs8().unwrap();
    let key = external_ec(session, Curve::Sm2);
    let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC];
    for algorithm in [SM2PKE_SM4_ECB, SM2PKE] {
        let job = Sm2Job::new(session, key, algorithm).unwrap();
        let import = |form, clear: &[u8]| {
            let (id, blob) = job.wrap(algorithm, form, clear);
            session.unwrap_key(token.plain(id), job.private, &blob, &template)
        };
        for form in [Form::Raw, Form::Der] {
            assert_eq!(import(form, &material.scalar).unwrap(), key);
            signs_as(&token, key, &material, ck::CKM_TENON_SM2_SM3_SIGN);
            // What proves nothing of what it brings names no mismatch (rule 3).
            let mismatch = import(form, &other.scalar);
            if algorithm == SM2PKE {
                returns!(mismatch, CKR_TENON_MATERIAL_MISMATCH);
                assert_eq!(import(form, &pkcs8).unwrap(), key);
            } else {
                returns!(mismatch, CKR_WRAPPED_KEY_INVALID);
            }
            returns!(import(form, &[0; 32]), CKR_WRAPPED_KEY_INVALID);
        }
    }
    signs_as(&token, key, &material, ck::CKM_TENON_SM2_SM3_SIGN);
    assert_eq!(
        bytes(session, key, ck::CKA_EC_POINT),
        to_octet_string(&material.point).unwrap()
    );
}

#[test]
fn an_sm4_key_comes_by_sm2_and_by_rsa() {
    let token = Fixture::new();
    let session = &token.session;
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_TENON_SM4];
    let value = *b"an SM4 key here.";
    let key = external_sm4(session);
    for algorithm in [SM2PKE_SM4_ECB, SM2PKE] {
        let job = Sm2Job::new(session, key, algorithm).unwrap();
        let (id, blob) = job.wrap(algorithm, Form::Raw, &value);
        let imported = session.unwrap_key(token.plain(id), job.private, &blob, &template);
        assert_eq!(imported.unwrap(), key);
    }
    for algorithm in [2, 5] {
        let job = job(session, key, algorithm).unwrap();
        let (id, blob) = job.owner.wrap(algorithm, &value);
        let imported = session.unwrap_key(token.plain(id), job.private, &blob, &template);
        assert_eq!(imported.unwrap(), key);
    }
    let ecb = token.plain(ck::CKM_TENON_SM4_ECB);
    session.encrypt_init(ecb, key).unwrap();
    let block = full(|out| session.encrypt(&[7; 16], out)).unwrap();
    let mut expected = [7; 16].into();
    Sm4::new(&value.into()).encrypt_block(&mut expected);
    assert_eq!(block, expected[..]);
}

#[test]
fn an_import_job_has_no_key_on_another_curve() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external_sm4(session);
    let ordered = |mechanism, curve| pair(session, key, SM2PKE, (mechanism, curve));
    let general = ck::CKM_EC_KEY_PAIR_GEN;
    returns!(ordered(general, Curve::P256), CKR_TEMPLATE_INCONSISTENT);
    returns!(ordered(general, Curve::Sm2), CKR_OK);
    // An RSA job does not go with an SM2 algorithm, nor the other way about.
    assert!(job(session, key, SM2PKE).is_err());
    assert!(Sm2Job::new(session, key, 2).is_err());
}

/// Alibaba Cloud's algorithm for RSA and EC keys.
#[test]
fn an_ec_key_comes_by_rsa_with_aes_ecb() {
    let token = Fixture::new();
    let session = &token.session;
    let material = ec::generate(Curve::P256).unwrap();
    let clear = Material::pair(material.clone()).to_pkcs8().unwrap();
    let key = external_ec(session, Curve::P256);
    let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC];
    let job = job(session, key, 6).unwrap();
    let (id, blob) = job.owner.wrap(6, &clear);
    let import = |blob: &[u8]| session.unwrap_key(token.plain(id), job.private, blob, &template);
    assert_eq!(import(&blob).unwrap(), key);
    signs_as(&token, key, &material, ck::CKM_ECDSA_SHA256);
    for place in [3, 300, blob.len() - 1] {
        let mut damaged = blob.clone();
        damaged[place] ^= 1;
        returns!(import(&damaged), CKR_WRAPPED_KEY_INVALID, "{place}");
    }
    returns!(import(&blob[1..]), CKR_WRAPPED_KEY_LEN_RANGE);
    let longer = with(
        template.clone(),
        attrs![CKA_EC_PARAMS => Curve::P384.params()],
    );
    let outcome = session.unwrap_key(token.plain(id), job.private, &blob, &longer);
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
}
