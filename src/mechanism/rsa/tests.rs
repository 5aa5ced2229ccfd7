use super::*;
use crate::crypto::rsa::RsaMaterial;
use crate::crypto::vectors::{bytes, list, load, text};
use crate::keytype::{PublicValue, PublicValues};
use crate::mechanism::Oaep;

/// A source that is random enough to tell two keys apart.
pub(super) struct Counting(pub(super) std::sync::atomic::AtomicU8);

impl Rng for Counting {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn seed(&self, _: &[u8]) {}
}

fn pair() -> (Arc<Key>, Arc<Key>) {
    let key = Material::from_pkcs8(&bytes(&load("rsa/openssl.json"), "pkcs8")).unwrap();
    let material: &RsaMaterial = key.of().unwrap();
    let public = PublicKey::new(&material.n, &material.e).unwrap();
    let private = PrivateKey::new(material).unwrap();
    (Arc::new(Key::new(private)), Arc::new(Key::new(public)))
}

/// The pair for the blobs of `aes_key_wrap.json` and `aes_ecb_pkcs7.json`.
pub(super) fn wrapping_pair() -> (Key, Key) {
    let key = Material::from_pkcs8(&bytes(&load("rsa/aes_key_wrap.json"), "pkcs8")).unwrap();
    let material: &RsaMaterial = key.of().unwrap();
    let public = PublicKey::new(&material.n, &material.e).unwrap();
    (
        Key::new(PrivateKey::new(material).unwrap()),
        Key::new(public),
    )
}

fn row(id: ck::CK_MECHANISM_TYPE) -> &'static Mechanism {
    crate::mechanism::find(id).unwrap()
}

pub(super) fn oaep(hash: Hash) -> Oaep {
    Oaep {
        hash,
        mgf: hash,
        label: Vec::new(),
    }
}

/// The parameters that a case names.
pub(super) fn named(case: &serde_json::Value) -> Oaep {
    let hash = |name| match text(case, name) {
        "sha1" => Hash::Sha1,
        "sha256" => Hash::Sha256,
        _ => Hash::Sha512,
    };
    Oaep {
        hash: hash("hash"),
        mgf: hash("mgf"),
        label: Vec::new(),
    }
}

pub(super) fn rv<T>(result: Result<T>) -> ck::CK_RV {
    result.err().map_or(ck::CKR_OK, |error| error.rv)
}

#[test]
fn pkcs1_encrypts_in_parts_and_at_once() {
    let (private, public) = pair();
    let row = row(ck::CKM_RSA_PKCS);
    let mut ciphertext = vec![0; 256];
    let mut operation = row.encrypt.unwrap()(&public, &Params::None).unwrap();
    assert!(operation.exact() && operation.finish_bound() == 256);
    assert_eq!(operation.update(b"mor", &mut []).unwrap(), 0);
    operation.update(b"tise", &mut []).unwrap();
    assert_eq!(operation.finish(&mut ciphertext).unwrap(), 256);

    let mut operation = row.decrypt.unwrap()(&private, &Params::None).unwrap();
    assert!(!operation.exact());
    let mut message = vec![0; operation.one_shot_bound(256)];
    let len = operation.one_shot(&ciphertext, &mut message).unwrap();
    assert_eq!(&message[..len], b"mortise");

    let mut operation = row.encrypt.unwrap()(&public, &Params::None).unwrap();
    operation.update(&[1; 245], &mut []).unwrap();
    assert_eq!(rv(operation.update(&[1], &mut [])), ck::CKR_DATA_LEN_RANGE);
    let mut operation = row.decrypt.unwrap()(&private, &Params::None).unwrap();
    let refused = operation.one_shot(&[1; 255], &mut message);
    assert_eq!(rv(refused), ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
    let refused = operation.update(&[1; 257], &mut []);
    assert_eq!(rv(refused), ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
    let refused = operation.one_shot(&[0xFF; 256], &mut message);
    assert_eq!(rv(refused), ck::CKR_ENCRYPTED_DATA_INVALID);
    assert_eq!(
        rv(operation.one_shot(&[1; 256], &mut message)),
        ck::CKR_OK,
        "implicit rejection"
    );
}

#[test]
fn signatures_stream_or_take_what_fits() {
    let (private, public) = pair();
    for id in [ck::CKM_RSA_PKCS, ck::CKM_SHA256_RSA_PKCS] {
        let row = row(id);
        let mut signature = vec![0; 256];
        let mut signer = row.sign.unwrap()(&private, &Params::None).unwrap();
        assert_eq!(signer.len(), 256);
        signer.update(b"mor").unwrap();
        signer.update(b"tise").unwrap();
        assert_eq!(signer.finish(&mut signature).unwrap(), 256);
        let verify = |signature: &[u8]| {
            let mut verifier = row.verify.unwrap()(&public, &Params::None).unwrap();
            verifier.update(b"mortise").unwrap();
            rv(verifier.finish(signature))
        };
        assert_eq!(verify(&signature), ck::CKR_OK);
        assert_eq!(verify(&signature[1..]), ck::CKR_SIGNATURE_LEN_RANGE);
        signature[9] ^= 1;
        assert_eq!(verify(&signature), ck::CKR_SIGNATURE_INVALID);

        let mut signer = row.sign.unwrap()(&private, &Params::None).unwrap();
        let streams = id == ck::CKM_SHA256_RSA_PKCS;
        let limit = if streams {
            ck::CKR_OK
        } else {
            ck::CKR_DATA_LEN_RANGE
        };
        assert_eq!(rv(signer.update(&[7; 246])), limit);
    }
}

#[test]
fn the_wrong_key_or_parameter_is_refused() {
    let (private, public) = pair();
    let inconsistent = ck::CKR_KEY_TYPE_INCONSISTENT;
    for row in ROWS.iter().chain(signature::ROWS) {
        let parameter = Params::Oaep(oaep(Hash::Sha256));
        let begin = |begin: Option<crate::mechanism::Begin<dyn Cipher>>, key, params: &Params| {
            begin.map_or(inconsistent, |begin| rv(begin(key, params)))
        };
        assert_eq!(begin(row.encrypt, &private, &parameter), inconsistent);
        assert_eq!(begin(row.decrypt, &public, &parameter), inconsistent);
        assert_eq!(
            row.sign
                .map_or(inconsistent, |sign| rv(sign(&public, &Params::None))),
            inconsistent
        );
        assert_eq!(
            row.verify
                .map_or(inconsistent, |verify| rv(verify(&private, &Params::None))),
            inconsistent
        );
        if matches!(row.params, ParamKind::None | ParamKind::OptionalOaep) {
            continue;
        }
        let bad = ck::CKR_MECHANISM_PARAM_INVALID;
        if let (Some(sign), Some(verify)) = (row.sign, row.verify) {
            assert_eq!(rv(sign(&private, &Params::None)), bad);
            assert_eq!(rv(verify(&public, &Params::None)), bad);
            continue;
        }
        let rng = Counting(0.into());
        let wrapped = row.wrap.unwrap()(&public, &Params::None, &rng, &[7; 16]);
        assert_eq!(rv(wrapped), bad);
        let unwrap = row.unwrap.unwrap();
        assert_eq!(rv((unwrap.length)(&private, &Params::None, 256)), bad);
        assert!((unwrap.open)(&private, &Params::None, &[7; 512]).is_err());
        if row.encrypt.is_some() {
            assert_eq!(begin(row.encrypt, &public, &Params::None), bad);
            assert_eq!(begin(row.decrypt, &private, &Params::None), bad);
        }
    }
}

#[test]
fn oaep_wraps_what_it_unwraps() {
    let (private, public) = pair();
    let row = row(ck::CKM_RSA_PKCS_OAEP);
    let unwrap = row.unwrap.unwrap();
    let params = Params::Oaep(Oaep {
        mgf: Hash::Sha1,
        ..oaep(Hash::Sha256)
    });
    let rng = Counting(0.into());
    let blob = row.wrap.unwrap()(&public, &params, &rng, &[7; 32]).unwrap();
    assert!((unwrap.length)(&private, &params, blob.len()).is_ok());
    assert_eq!(&*(unwrap.open)(&private, &params, &blob).unwrap(), &[7; 32]);
    let other = Params::Oaep(oaep(Hash::Sha256));
    assert_eq!((unwrap.open)(&private, &other, &blob).unwrap_err(), BadBlob);
    for len in [0, 255, 257] {
        let refused = (unwrap.length)(&private, &params, len);
        assert_eq!(rv(refused), ck::CKR_WRAPPED_KEY_LEN_RANGE);
    }
    let too_long = row.wrap.unwrap()(&public, &params, &rng, &[7; 191]);
    assert_eq!(rv(too_long), ck::CKR_KEY_SIZE_RANGE);

    let mut ciphertext = vec![0; 256];
    let mut operation = row.encrypt.unwrap()(&public, &params).unwrap();
    operation.one_shot(b"", &mut ciphertext).unwrap();
    let mut operation = row.decrypt.unwrap()(&private, &params).unwrap();
    assert_eq!(operation.one_shot(&ciphertext, &mut [0; 256]).unwrap(), 0);
}

#[test]
fn blobs_of_an_independent_implementation_unwrap() {
    let (private, public) = wrapping_pair();
    let row = row(ck::CKM_RSA_AES_KEY_WRAP);
    let unwrap = row.unwrap.unwrap();
    for case in list(&load("rsa/aes_key_wrap.json"), "blobs") {
        let oaep = named(case);
        let bits = case["aes_bits"].as_u64().unwrap();
        let blob = bytes(case, "blob");
        let params = |aes_bits| Params::RsaAesKeyWrap {
            aes_bits,
            oaep: oaep.clone(),
        };
        for aes_bits in [None, Some(bits)] {
            (unwrap.length)(&private, &params(aes_bits), blob.len()).unwrap();
            let clear = (unwrap.open)(&private, &params(aes_bits), &blob).unwrap();
            assert_eq!(&*clear, &bytes(case, "clear")[..]);
        }
        let other = if bits == 256 { 128 } else { 256 };
        assert!((unwrap.open)(&private, &params(Some(other)), &blob).is_err());

        // The first half is wrong, the second, both.
        for places in [&[3][..], &[260], &[3, 260]] {
            let mut damaged = blob.clone();
            for place in places {
                damaged[*place] ^= 1;
            }
            assert_eq!(
                (unwrap.open)(&private, &params(None), &damaged).unwrap_err(),
                BadBlob
            );
        }
        let rng = Counting(0.into());
        let clear = bytes(case, "clear");
        let wrapped = row.wrap.unwrap()(&public, &params(Some(bits)), &rng, &clear).unwrap();
        assert_eq!(wrapped.len(), blob.len());
        assert_eq!(
            &*(unwrap.open)(&private, &params(Some(bits)), &wrapped).unwrap(),
            clear
        );
        let no_bits = row.wrap.unwrap()(&public, &params(None), &rng, &clear);
        assert_eq!(rv(no_bits), ck::CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn an_inner_key_that_is_no_aes_key_is_a_bad_blob() {
    let (private, public) = wrapping_pair();
    let public: &PublicKey = public.of().unwrap();
    let params = Params::RsaAesKeyWrap {
        aes_bits: None,
        oaep: oaep(Hash::Sha1),
    };
    for len in [0, 8, 20, 33] {
        let mut blob = vec![0; 256];
        oaep::seal(public, &oaep(Hash::Sha1), &vec![7; len], &mut blob).unwrap();
        blob.extend([0; 24]);
        let opened = (aes_key_wrap::UNWRAP.open)(&private, &params, &blob);
        assert_eq!(opened.unwrap_err(), BadBlob);
    }
}

#[test]
fn every_impossible_blob_length_is_refused_before_the_key_is_used() {
    let (private, _) = pair();
    let params = Params::RsaAesKeyWrap {
        aes_bits: Some(256),
        oaep: oaep(Hash::Sha1),
    };
    for len in 0..=256 + 64 {
        let fits = len >= 256 + 16 && len % 8 == 0;
        let expected = if fits {
            ck::CKR_OK
        } else {
            ck::CKR_WRAPPED_KEY_LEN_RANGE
        };
        let judged = (aes_key_wrap::UNWRAP.length)(&private, &params, len);
        assert_eq!(rv(judged), expected, "{len}");
        assert!((aes_key_wrap::UNWRAP.open)(&private, &params, &vec![1; len]).is_err());
    }
    let odd = Params::RsaAesKeyWrap {
        aes_bits: Some(160),
        oaep: oaep(Hash::Sha1),
    };
    let judged = (aes_key_wrap::UNWRAP.length)(&private, &odd, 280);
    assert_eq!(rv(judged), ck::CKR_MECHANISM_PARAM_INVALID);
}

fn pss(hash: Hash, mgf: Hash, salt_len: usize) -> Params {
    Params::Pss(crate::crypto::rsa::Pss {
        hash,
        mgf,
        salt_len,
    })
}

#[test]
fn pss_signs_a_message_or_the_digest_of_its_hash() {
    let (private, public) = pair();
    let params = pss(Hash::Sha256, Hash::Sha1, 7);
    let mut signature = vec![0; 256];
    let mut signer = row(ck::CKM_SHA256_RSA_PKCS_PSS).sign.unwrap()(&private, &params).unwrap();
    signer.update(b"mor").unwrap();
    signer.update(b"tise").unwrap();
    assert_eq!(signer.finish(&mut signature).unwrap(), 256);
    let verify = |digest: &[u8], params: &Params| {
        let mut verifier = row(ck::CKM_RSA_PKCS_PSS).verify.unwrap()(&public, params).unwrap();
        verifier.update(digest).unwrap();
        rv(verifier.finish(&signature))
    };
    let digest = Hash::Sha256.digest(&[b"mortise"]);
    assert_eq!(verify(&digest, &params), ck::CKR_OK);
    assert_eq!(verify(&digest[1..], &params), ck::CKR_DATA_LEN_RANGE);
    let other = pss(Hash::Sha256, Hash::Sha1, 8);
    assert_eq!(verify(&digest, &other), ck::CKR_SIGNATURE_INVALID);
    let bad = ck::CKR_MECHANISM_PARAM_INVALID;
    for (id, wrong) in [
        (ck::CKM_RSA_PKCS_PSS, pss(Hash::Sha256, Hash::Sha256, 223)),
        (
            ck::CKM_SHA256_RSA_PKCS_PSS,
            pss(Hash::Sha1, Hash::Sha256, 20),
        ),
        (
            ck::CKM_SHA256_RSA_PKCS_PSS,
            Params::Oaep(oaep(Hash::Sha256)),
        ),
    ] {
        assert_eq!(rv(row(id).sign.unwrap()(&private, &wrong)), bad);
        assert_eq!(rv(row(id).verify.unwrap()(&public, &wrong)), bad);
    }
}

#[test]
fn keys_of_1024_bits_work_and_smaller_ones_do_not() {
    let case = &list(&load("rsa/pss.json"), "cases")[0].clone();
    let small = PublicKey::new(&bytes(case, "n"), &bytes(case, "e")).unwrap();
    assert_eq!(small.bits(), 1024);
    for id in [ck::CKM_RSA_PKCS, ck::CKM_RSA_X_509, ck::CKM_RSA_PKCS_OAEP] {
        assert!(row(id).takes(1024) && !row(id).takes(1022));
    }
    let small = Arc::new(Key::new(small));
    let verify = row(ck::CKM_SHA1_RSA_PKCS_PSS).verify.unwrap();
    let mut verifier = verify(&small, &pss(Hash::Sha1, Hash::Sha1, 0)).unwrap();
    verifier.update(&bytes(case, "message")).unwrap();
    assert_eq!(rv(verifier.finish(&bytes(case, "signature"))), ck::CKR_OK);
}

#[test]
fn raw_rsa_refuses_what_is_not_below_the_modulus() {
    let (private, public) = pair();
    let row = row(ck::CKM_RSA_X_509);
    let mut out = vec![0; 256];
    let mut cipher = row.encrypt.unwrap()(&public, &Params::None).unwrap();
    let refused = cipher.one_shot(&[0xFF; 256], &mut out);
    assert_eq!(rv(refused), ck::CKR_DATA_INVALID);
    assert_eq!(
        rv(cipher.update(&[0; 257], &mut out)),
        ck::CKR_DATA_LEN_RANGE
    );
    let mut cipher = row.decrypt.unwrap()(&private, &Params::None).unwrap();
    let refused = cipher.one_shot(&[0xFF; 256], &mut out);
    assert_eq!(rv(refused), ck::CKR_ENCRYPTED_DATA_INVALID);
    let mut signer = row.sign.unwrap()(&private, &Params::None).unwrap();
    signer.update(&[0xFF; 256]).unwrap();
    assert_eq!(rv(signer.finish(&mut out)), ck::CKR_DATA_INVALID);
}

#[test]
fn key_pairs_are_made_to_order() {
    let generate = row(ck::CKM_RSA_PKCS_KEY_PAIR_GEN).generate_pair.unwrap();
    let make = |bits, exponent: &[u8]| {
        generate(&vec![
            (ck::CKA_MODULUS_BITS, PublicValue::Ulong(bits)),
            (
                ck::CKA_PUBLIC_EXPONENT,
                PublicValue::Bytes(exponent.to_vec()),
            ),
        ])
    };
    for exponent in [&[1, 0, 1][..], &[]] {
        let pair = make(2048, exponent).unwrap();
        assert_eq!(pair.of::<rsa::RsaMaterial>().unwrap().e, [1, 0, 1]);
    }
    assert_eq!(rv(make(1022, &[1, 0, 1])), ck::CKR_KEY_SIZE_RANGE);
    assert_eq!(rv(make(2048, &[2])), ck::CKR_ATTRIBUTE_VALUE_INVALID);
    let nothing = PublicValues::new();
    assert_eq!(rv(generate(&nothing)), ck::CKR_TEMPLATE_INCOMPLETE);
}
