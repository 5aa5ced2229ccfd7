//! BYOK rule 3: where a wrapping algorithm proves nothing, every bad blob has one refusal, whose text is the same too,
//! since CKA_TENON_LAST_ERROR shows it to whoever sent the blob.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{Curve, generate};
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;

use super::jobs::{aes, external, job};
use super::outside::{MATERIAL, OTHER, request};
use crate::common::{Fixture, attrs};

#[test]
fn every_bad_blob_by_ecb_is_refused_in_the_same_words() {
    let token = Fixture::new();
    let session = &token.session;
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_SIGN => true,
        CKA_EC_PARAMS => &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    ];
    let generation = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    let key = session.generate_key(generation, &template).unwrap();
    let job = job(session, key, 6).unwrap();
    let pkcs8 = |curve| Material::pair(generate(curve).unwrap()).to_pkcs8().unwrap();
    let wrapped = |clear: &[u8]| job.owner.wrap(6, clear);
    let import = |(mechanism, blob): (u64, Vec<u8>)| {
        let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC];
        let request = request(mechanism, Params::None);
        session.unwrap_key(request, job.private, &blob, &template)
    };
    let (own, other) = (pkcs8(Curve::P256), pkcs8(Curve::P256));
    assert_eq!(own.len(), other.len());
    import(wrapped(&own)).unwrap();
    let whole = wrapped(&other);
    let mut head = whole.clone();
    head.1[9] ^= 1;
    let mut padding = whole.clone();
    *padding.1.last_mut().unwrap() ^= 1;
    let mut inside = whole.clone();
    inside.1[256] ^= 1;
    let texts = [whole, head, padding, inside, wrapped(&vec![7; own.len()])].map(|blob| {
        let refused = import(blob).unwrap_err();
        assert_eq!(refused.rv, ck::CKR_WRAPPED_KEY_INVALID);
        refused.to_string()
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
}

#[test]
fn every_bad_blob_by_pkcs1_is_refused_in_the_same_words() {
    let token = Fixture::configured(|config| config.pkcs1_imports = true);
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 3).unwrap();
    let import = |(mechanism, blob): (u64, Vec<u8>)| {
        let request = request(mechanism, Params::None);
        session.unwrap_key(request, job.private, &blob, &aes())
    };
    let wrapped = |material: &[u8]| job.owner.wrap(3, material);
    for bound in [false, true] {
        let mut damaged = wrapped(OTHER);
        damaged.1[9] ^= 1;
        let mut bad = vec![
            damaged,
            wrapped(&OTHER[..16]),
            wrapped(&[&OTHER[..], OTHER].concat()),
        ];
        if bound {
            bad.push(wrapped(OTHER));
        }
        let texts: Vec<_> = bad
            .into_iter()
            .map(|blob| import(blob).unwrap_err().to_string())
            .collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
        import(wrapped(MATERIAL)).unwrap();
    }
}
