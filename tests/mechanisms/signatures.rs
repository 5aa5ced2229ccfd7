use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::token::Handle;

use super::cases::{Case, cases, message, parts};
use crate::common::{Calls, Fixture, exactly, full, needed, returns};

fn sign(fixture: &Fixture, case: &Case, key: Handle, message: &[u8]) -> Vec<u8> {
    fixture.session.sign_init(case.request(), key).unwrap();
    full(|out| fixture.session.sign(message, out)).unwrap()
}

fn sign_in_parts(fixture: &Fixture, case: &Case, key: Handle, parts: &[&[u8]]) -> Vec<u8> {
    let session = &fixture.session;
    session.sign_init(case.request(), key).unwrap();
    for part in parts {
        session.sign_update(part).unwrap();
    }
    full(|out| session.sign_final(out)).unwrap()
}

fn verify(
    fixture: &Fixture,
    case: &Case,
    key: Handle,
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    fixture.session.verify_init(case.request(), key).unwrap();
    fixture.session.verify(message, signature)
}

fn verify_in_parts(
    fixture: &Fixture,
    case: &Case,
    key: Handle,
    parts: &[&[u8]],
    signature: &[u8],
) -> Result<()> {
    let session = &fixture.session;
    session.verify_init(case.request(), key).unwrap();
    for part in parts {
        session.verify_update(part)?;
    }
    session.verify_final(signature)
}

/// ECDSA, DSA, SM2, PSS, and ML-DSA and SLH-DSA where they are hedged, sign differently each time.
fn repeats(case: &Case) -> bool {
    let named = |part| case.name().contains(part);
    !["CKM_ECDSA", "CKM_DSA", "_SM2", "_PSS", "ML_DSA", "SLH_DSA"]
        .into_iter()
        .any(named)
}

// One-time passwords have no message, and a signature is more than what is verified: `tests/functions/hotp.rs`.

#[test]
fn whole_and_parts_verify_each_other() {
    let fixture = Fixture::new();
    for case in cases(|row| row.sign.is_some() && !row.counts) {
        let keys = case.keys(&fixture);
        for len in case.lengths {
            let message = message(*len);
            let whole = sign(&fixture, &case, keys.private, &message);
            for seed in 0..4 {
                let context = format!("{} of {len} bytes, {seed}", case.name());
                let split = parts(&message, seed);
                let signature = sign_in_parts(&fixture, &case, keys.private, &split);
                if repeats(&case) {
                    assert_eq!(signature, whole, "{context}");
                }
                let outcome = verify(&fixture, &case, keys.public, &message, &signature);
                returns!(outcome, CKR_OK, "{context}");
                let outcome = verify_in_parts(&fixture, &case, keys.public, &split, &whole);
                returns!(outcome, CKR_OK, "{context}");
            }
        }
    }
}

#[test]
fn only_the_signature_of_the_message_verifies() {
    let fixture = Fixture::new();
    for case in cases(|row| row.verify.is_some() && !row.counts) {
        let name = case.name();
        let keys = case.keys(&fixture);
        let message = message(32);
        let signature = sign(&fixture, &case, keys.private, &message);

        let mut other = message.clone();
        // Of a digest that is longer than the subprime of a DSA key the end does not count.
        other[0] ^= 1;
        let outcome = verify(&fixture, &case, keys.public, &other, &signature);
        returns!(outcome, CKR_SIGNATURE_INVALID, "{name}");
        let outcome = verify_in_parts(&fixture, &case, keys.public, &[&other], &signature);
        returns!(outcome, CKR_SIGNATURE_INVALID, "{name}");

        let mut damaged = signature.clone();
        damaged[signature.len() / 2] ^= 0x10;
        let outcome = verify(&fixture, &case, keys.public, &message, &damaged);
        returns!(outcome, CKR_SIGNATURE_INVALID, "{name}");

        for wrong in [
            &[][..],
            &signature[..signature.len() - 1],
            &[&signature[..], &[0]].concat(),
        ] {
            let outcome = verify(&fixture, &case, keys.public, &message, wrong);
            returns!(outcome, CKR_SIGNATURE_LEN_RANGE, "{name}");
            let outcome = verify_in_parts(&fixture, &case, keys.public, &[&message], wrong);
            returns!(outcome, CKR_SIGNATURE_LEN_RANGE, "{name}");
        }
        let outcome = fixture.session.verify(&message, &signature);
        returns!(outcome, CKR_OPERATION_NOT_INITIALIZED, "{name}");
    }
}

#[test]
fn lengths_are_told_and_too_small_a_buffer_ends_nothing() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.sign.is_some() && !row.counts) {
        let name = case.name();
        let keys = case.keys(&fixture);
        let message = message(32);
        session.sign_init(case.request(), keys.private).unwrap();
        let need = needed(|out| session.sign(&message, out)).unwrap();
        let outcome = exactly(need - 1, |out| session.sign(&message, out));
        returns!(outcome, CKR_BUFFER_TOO_SMALL, "{name}");
        let signature = exactly(need, |out| session.sign(&message, out)).unwrap();
        assert_eq!(signature.len(), need, "{name}");
        returns!(
            verify(&fixture, &case, keys.public, &message, &signature),
            CKR_OK,
            "{name}"
        );

        session.sign_init(case.request(), keys.private).unwrap();
        session.sign_update(&message).unwrap();
        assert_eq!(
            needed(|out| session.sign_final(out)).unwrap(),
            need,
            "{name}"
        );
        let outcome = exactly(need - 1, |out| session.sign_final(out));
        returns!(outcome, CKR_BUFFER_TOO_SMALL, "{name}");
        let signature = exactly(need, |out| session.sign_final(out)).unwrap();
        returns!(
            verify(&fixture, &case, keys.public, &message, &signature),
            CKR_OK,
            "{name}"
        );
    }
}

#[test]
fn messages_that_are_too_long_are_refused() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for (name, len) in [
        ("CKM_RSA_PKCS", 246),
        ("CKM_RSA_X_509", 257),
        ("CKM_RSA_PKCS_PSS", 33),
        ("CKM_RSA_PKCS_PSS", 31),
    ] {
        let [case] = &cases(|row| row.name == name)[..] else {
            panic!("{name} is one mechanism");
        };
        let keys = case.keys(&fixture);
        session.sign_init(case.request(), keys.private).unwrap();
        let outcome = full(|out| session.sign(&message(len), out));
        returns!(outcome, CKR_DATA_LEN_RANGE, "{name}");
        returns!(
            session.sign_update(b"more"),
            CKR_OPERATION_NOT_INITIALIZED,
            "{name}"
        );
    }
}

/// Barbican's HMAC keys are of type AES.
#[test]
fn hmac_takes_aes_keys_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = crate::common::secret(session, tenon_pkcs11::api::ck::CKK_AES, Vec::new());
    for case in cases(|row| row.sign.is_some() && row.name.ends_with("_HMAC")) {
        let mac = sign(&fixture, &case, key.private, b"message");
        let same = sign(&fixture, &case, case.keys(&fixture).private, b"message");
        assert_eq!(mac, same, "{}", case.name());
    }
}
