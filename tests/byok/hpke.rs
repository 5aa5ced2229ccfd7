//! Imports under keys that withstand quantum computers: HPKE with X-Wing, ML-KEM-768 and ML-KEM-1024.

use serde_json::Value;
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype;
use tenon_pkcs11::api::mechanism::{self, Params};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{aes, external};
use super::outside::{MATERIAL, OTHER, request};
use crate::common::{Fixture, attrs, bytes, returns, state, uid, with};

/// The numbers of the algorithms, and their names.
const ALGORITHMS: [(u64, &str); 3] = [
    (14, "HPKE_XWING"),
    (16, "HPKE_ML_KEM_768"),
    (15, "HPKE_ML_KEM_1024"),
];

/// A job, with the public key in DER.
struct Job {
    private: Handle,
    public: Vec<u8>,
}

/// A job by an algorithm, with a wrapping key of the kind that `of` needs.
fn job_of(session: &Session, of: u64, algorithm: u64, private: Vec<RawAttribute>) -> Result<Job> {
    let ml_kem = |set| {
        (
            ck::CKM_ML_KEM_KEY_PAIR_GEN,
            attrs![CKA_PARAMETER_SET => set],
        )
    };
    let (generate, public) = match of {
        14 => (ck::CKM_TENON_XWING_KEY_PAIR_GEN, vec![]),
        15 => ml_kem(ck::CKP_ML_KEM_1024),
        _ => ml_kem(ck::CKP_ML_KEM_768),
    };
    let private = with(attrs![CKA_TENON_WRAP_ALGORITHM => algorithm], private);
    let (public, private) =
        session.generate_key_pair(request(generate, Params::None), &public, &private)?;
    Ok(Job {
        private,
        public: bytes(session, public, ck::CKA_PUBLIC_KEY_INFO),
    })
}

fn job(session: &Session, key: Handle, algorithm: u64) -> Job {
    let target = bytes(session, key, ck::CKA_UNIQUE_ID);
    let target = attrs![CKA_TENON_IMPORT_TARGET => &target];
    job_of(session, algorithm, algorithm, target).unwrap()
}

/// What the owner makes with the public key alone.
fn seal(job: &Job, info: &Params, material: &[u8]) -> Vec<u8> {
    let key = keytype::public_key(&job.public).unwrap();
    let wrap = mechanism::find(ck::CKM_TENON_HPKE).unwrap().wrap.unwrap();
    wrap(&key, info, &SystemRng, material).unwrap()
}

fn import(session: &Session, job: &Job, info: Params, blob: &[u8]) -> Result<Handle> {
    session.unwrap_key(request(ck::CKM_TENON_HPKE, info), job.private, blob, &aes())
}

/// HPKE's info for one key: the 16 bytes that CKA_UNIQUE_ID shows.
fn only_for(session: &Session, key: Handle) -> Params {
    Params::CallerData(uid(session, key).to_vec())
}

#[test]
fn material_comes_sealed_by_hpke() {
    let token = Fixture::new();
    let session = &token.session;
    for (algorithm, name) in ALGORITHMS {
        let key = external(session, vec![]).unwrap();
        let job = job(session, key, algorithm);
        let own = only_for(session, key);
        // For any key and for this key alone; the token is told which, or finds out.
        for (sealed, opened) in [
            (Params::None, Params::None),
            (Params::None, Params::CallerData(vec![])),
            (own.clone(), Params::None),
            (own.clone(), own.clone()),
        ] {
            let blob = seal(&job, &sealed, MATERIAL);
            assert_eq!(import(session, &job, opened, &blob).unwrap(), key);
            assert_eq!(state(session, key), ck::STATE_ENABLED);
        }
        let receipt: Value =
            serde_json::from_slice(&bytes(session, key, ck::CKA_TENON_RECEIPT)).unwrap();
        assert_eq!(receipt["algorithm"], name);
        // The blob is proven, so other material is named as such.
        let other = seal(&job, &own, OTHER);
        returns!(
            import(session, &job, Params::None, &other),
            CKR_TENON_MATERIAL_MISMATCH
        );
    }
}

#[test]
fn a_blob_for_one_key_is_for_no_other() {
    let token = Fixture::new();
    let session = &token.session;
    let in_google = |label: &str| {
        let template = attrs![CKA_TENON_PROFILE => "google", CKA_LABEL => label];
        external(session, template).unwrap()
    };
    let (one, two) = (in_google("one"), in_google("two"));
    for (algorithm, _) in ALGORITHMS {
        let profile = attrs![CKA_TENON_PROFILE => "google"];
        let job = job_of(session, algorithm, algorithm, profile).unwrap();
        let bring = |key, blob: &[u8]| {
            let target = bytes(session, key, ck::CKA_UNIQUE_ID);
            let template = with(aes(), attrs![CKA_TENON_IMPORT_TARGET => &target]);
            let request = request(ck::CKM_TENON_HPKE, Params::None);
            session.unwrap_key(request, job.private, blob, &template)
        };
        let blob = seal(&job, &only_for(session, one), MATERIAL);
        returns!(bring(two, &blob), CKR_WRAPPED_KEY_INVALID);
        assert_eq!(bring(one, &blob).unwrap(), one);
        let any = seal(&job, &Params::None, OTHER);
        assert_eq!(bring(two, &any).unwrap(), two);
    }
}

#[test]
fn what_does_not_belong_to_the_job_is_refused() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    for (algorithm, _) in ALGORITHMS {
        let job = job(session, key, algorithm);
        let blob = seal(&job, &Params::None, MATERIAL);
        let foreign = Params::CallerData(vec![7; 16]);
        returns!(
            import(session, &job, foreign, &blob),
            CKR_TEMPLATE_INCONSISTENT
        );
        let mut changed = blob.clone();
        changed[3] ^= 1;
        returns!(
            import(session, &job, Params::None, &changed),
            CKR_WRAPPED_KEY_INVALID
        );
        let short = &blob[..blob.len() - MATERIAL.len()];
        returns!(
            import(session, &job, Params::None, short),
            CKR_WRAPPED_KEY_LEN_RANGE
        );
        // A secret key of another length, and a job's key that is used by another mechanism.
        let long = seal(&job, &Params::None, &[7; 33]);
        returns!(
            import(session, &job, Params::None, &long),
            CKR_WRAPPED_KEY_INVALID
        );
        let kem = request(ck::CKM_ML_KEM, Params::None);
        let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
        let encapsulated = &blob[..blob.len() - MATERIAL.len() - 16];
        let taken = session.decapsulate_key(kem, job.private, encapsulated, &template);
        assert!(taken.is_err(), "{algorithm}");
        assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
        // The blob of another request.
        let other = self::job(session, key, algorithm);
        returns!(
            import(session, &other, Params::None, &blob),
            CKR_WRAPPED_KEY_INVALID
        );
    }
    // The algorithm of one kind of wrapping key, and another kind.
    let target = bytes(session, key, ck::CKA_UNIQUE_ID);
    for (of, algorithm) in [
        (14, 15),
        (15, 14),
        (16, 15),
        (15, 16),
        (16, 14),
        (14, 5),
        (16, 8),
    ] {
        let target = attrs![CKA_TENON_IMPORT_TARGET => &target];
        returns!(
            job_of(session, of, algorithm, target),
            CKR_TEMPLATE_INCONSISTENT
        );
    }
    let set = |algorithm: u64, set| {
        let public = attrs![CKA_PARAMETER_SET => set];
        let private = attrs![
            CKA_TENON_WRAP_ALGORITHM => algorithm, CKA_TENON_IMPORT_TARGET => &target,
        ];
        let generate = request(ck::CKM_ML_KEM_KEY_PAIR_GEN, Params::None);
        session.generate_key_pair(generate, &public, &private)
    };
    for algorithm in [15, 16] {
        returns!(
            set(algorithm, ck::CKP_ML_KEM_512),
            CKR_TEMPLATE_INCONSISTENT
        );
        returns!(set(algorithm, 9), CKR_PARAMETER_SET_NOT_SUPPORTED);
    }
    assert!(set(15, ck::CKP_ML_KEM_1024).is_ok());
    assert!(set(16, ck::CKP_ML_KEM_768).is_ok());
}

/// A blob that was sealed by another algorithm of HPKE is told by its length, and the refusal names both.
#[test]
fn a_blob_of_another_kind_of_hpke_is_named() {
    let token = Fixture::new();
    let session = &token.session;
    let pairs = ALGORITHMS
        .into_iter()
        .flat_map(|asked| ALGORITHMS.map(|sealed| (asked, sealed)));
    for ((asked, asked_name), (sealed, sealed_name)) in
        pairs.filter(|(asked, sealed)| asked != sealed)
    {
        let key = external(session, vec![]).unwrap();
        let [of_request, other] = [asked, sealed].map(|algorithm| job(session, key, algorithm));
        let blob = seal(&other, &Params::None, MATERIAL);
        let refused = import(session, &of_request, Params::None, &blob);
        let why = refused.err().unwrap().to_string();
        let said = format!("A blob of {sealed_name} has this length");
        assert!(why.contains(&said) && why.contains(asked_name), "{why}");
        // A damaged blob of the right kind is not told to be another's.
        let mut damaged = seal(&of_request, &Params::None, MATERIAL);
        damaged[3] ^= 1;
        let refused = import(session, &of_request, Params::None, &damaged);
        let why = refused.err().unwrap().to_string();
        assert!(!why.contains("A blob of"), "{why}");
    }
}

#[test]
fn ordinary_keys_open_what_is_for_any_key() {
    let token = Fixture::new();
    let session = &token.session;
    let (public, private) = session
        .generate_key_pair(
            request(ck::CKM_TENON_XWING_KEY_PAIR_GEN, Params::None),
            &[],
            &attrs![CKA_TOKEN => true, CKA_UNWRAP => true],
        )
        .unwrap();
    let public = bytes(session, public, ck::CKA_PUBLIC_KEY_INFO);
    let job = Job { private, public };
    let blob = seal(&job, &Params::None, MATERIAL);
    let named = with(
        aes(),
        attrs![CKA_TOKEN => true, CKA_ID => b"\x01", CKA_ENCRYPT => true],
    );
    let request = || request(ck::CKM_TENON_HPKE, Params::None);
    let key = session
        .unwrap_key(request(), private, &blob, &named)
        .unwrap();
    assert_eq!(
        bytes(session, key, ck::CKA_TENON_ORIGIN),
        ck::ORIGIN_EXTERNAL.to_ne_bytes()
    );
    let other = seal(&job, &Params::None, OTHER);
    let again = session.unwrap_key(request(), private, &other, &named);
    returns!(again, CKR_TENON_MATERIAL_MISMATCH);
}
