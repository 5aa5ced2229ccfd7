use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::cases::{Case, cases, message, parts};
use crate::common::{Calls, Fixture, exactly, full, needed, returns};

const SPLITS: u64 = 12;

fn encrypt(fixture: &Fixture, case: &Case, key: Handle, message: &[u8]) -> Vec<u8> {
    fixture.session.encrypt_init(case.request(), key).unwrap();
    full(|out| fixture.session.encrypt(message, out)).unwrap()
}

fn encrypt_in_parts(fixture: &Fixture, case: &Case, key: Handle, parts: &[&[u8]]) -> Vec<u8> {
    let session = &fixture.session;
    session.encrypt_init(case.request(), key).unwrap();
    let mut sealed = Vec::new();
    for part in parts {
        let need = needed(|out| session.encrypt_update(part, out)).unwrap();
        let written = exactly(need, |out| session.encrypt_update(part, out)).unwrap();
        let all_gathered = written.is_empty() && need == part.len();
        assert!(
            written.len() == need || all_gathered,
            "{}: a part's length",
            case.name()
        );
        sealed.extend(written);
    }
    let need = needed(|out| session.encrypt_final(out)).unwrap();
    if let Some(less) = need.checked_sub(1) {
        let outcome = exactly(less, |out| session.encrypt_final(out));
        returns!(outcome, CKR_BUFFER_TOO_SMALL, "{}", case.name());
    }
    sealed.extend(exactly(need, |out| session.encrypt_final(out)).unwrap());
    sealed
}

fn decrypt_in_parts(fixture: &Fixture, case: &Case, key: Handle, parts: &[&[u8]]) -> Vec<u8> {
    let session = &fixture.session;
    session.decrypt_init(case.request(), key).unwrap();
    let mut clear = Vec::new();
    for part in parts {
        let need = needed(|out| session.decrypt_update(part, out)).unwrap();
        clear.extend(exactly(need, |out| session.decrypt_update(part, out)).unwrap());
    }
    let need = needed(|out| session.decrypt_final(out)).unwrap();
    let rest = exactly(need, |out| session.decrypt_final(out)).unwrap();
    assert!(rest.len() <= need, "{}", case.name());
    clear.extend(rest);
    clear
}

#[test]
fn a_message_comes_back_whole() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.encrypt.is_some()) {
        let keys = case.keys(&fixture);
        for len in case.lengths {
            let message = message(*len);
            let sealed = encrypt(&fixture, &case, keys.public, &message);
            if case.repeats {
                let again = encrypt(&fixture, &case, keys.public, &message);
                assert_eq!(sealed, again, "{}", case.name());
            }
            session.decrypt_init(case.request(), keys.private).unwrap();
            let clear = full(|out| session.decrypt(&sealed, out)).unwrap();
            assert_eq!(clear, message, "{} of {len} bytes", case.name());
        }
    }
}

#[test]
fn a_message_comes_back_in_parts() {
    let fixture = Fixture::new();
    for case in cases(|row| row.encrypt.is_some()) {
        let keys = case.keys(&fixture);
        for len in case.lengths {
            let message = message(*len);
            let whole = encrypt(&fixture, &case, keys.public, &message);
            for seed in 0..SPLITS {
                let sealed = encrypt_in_parts(&fixture, &case, keys.public, &parts(&message, seed));
                if case.repeats {
                    assert_eq!(sealed, whole, "{} of {len} bytes, {seed}", case.name());
                }
                let split = parts(&sealed, seed + SPLITS);
                let clear = decrypt_in_parts(&fixture, &case, keys.private, &split);
                assert_eq!(clear, message, "{} of {len} bytes, {seed}", case.name());
            }
        }
    }
}

#[test]
fn lengths_are_told_and_too_small_a_buffer_ends_nothing() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.encrypt.is_some()) {
        let name = case.name();
        let keys = case.keys(&fixture);
        for len in case.lengths {
            let message = message(*len);
            session.encrypt_init(case.request(), keys.public).unwrap();
            let need = needed(|out| session.encrypt(&message, out)).unwrap();
            if let Some(less) = need.checked_sub(1) {
                let outcome = exactly(less, |out| session.encrypt(&message, out));
                returns!(outcome, CKR_BUFFER_TOO_SMALL, "{name} of {len} bytes");
            }
            let sealed = exactly(need, |out| session.encrypt(&message, out)).unwrap();
            assert_eq!(sealed.len(), need, "{name}: encryption tells exact lengths");

            session.decrypt_init(case.request(), keys.private).unwrap();
            let need = needed(|out| session.decrypt(&sealed, out)).unwrap();
            assert!(need >= *len, "{name}");
            if let Some(less) = len.checked_sub(1) {
                let outcome = exactly(less, |out| session.decrypt(&sealed, out));
                returns!(outcome, CKR_BUFFER_TOO_SMALL, "{name} of {len} bytes");
            }
            let clear = exactly(*len, |out| session.decrypt(&sealed, out)).unwrap();
            assert_eq!(clear, message, "{name} of {len} bytes");
            returns!(
                full(|out| session.decrypt(&sealed, out)),
                CKR_OPERATION_NOT_INITIALIZED
            );
        }
    }
}

#[test]
fn a_damaged_message_of_an_authenticated_cipher_does_not_decrypt() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let authenticated = [
        "CKM_AES_GCM",
        "CKM_AES_CCM",
        "CKM_CHACHA20_POLY1305",
        "CKM_AES_KEY_WRAP",
        "CKM_AES_KEY_WRAP_PAD",
        "CKM_AES_KEY_WRAP_KWP",
        "CKM_AES_KEY_WRAP_PKCS7",
        "CKM_RSA_PKCS_OAEP",
        "CKM_TENON_SM4_GCM",
        "CKM_TENON_KMS_ENVELOPE",
        "CKM_TENON_SM2PKE",
    ];
    for case in cases(|row| authenticated.contains(&row.name)) {
        let keys = case.keys(&fixture);
        let sealed = encrypt(&fixture, &case, keys.public, &message(32));
        for position in [0, sealed.len() / 2, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            session.decrypt_init(case.request(), keys.private).unwrap();
            let outcome = full(|out| session.decrypt(&damaged, out));
            returns!(outcome, CKR_ENCRYPTED_DATA_INVALID, "{}", case.name());
            let outcome = full(|out| session.decrypt_final(out));
            returns!(outcome, CKR_OPERATION_NOT_INITIALIZED, "{}", case.name());
        }
    }
}

#[test]
fn messages_and_ciphertexts_of_impossible_lengths_are_refused() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for (name, message_len, sealed_lens) in [
        ("CKM_RSA_PKCS", Some(246), &[255, 257][..]),
        ("CKM_RSA_PKCS_OAEP", Some(191), &[255, 257]),
        ("CKM_AES_ECB", Some(17), &[17]),
        ("CKM_AES_CBC", Some(15), &[15]),
        ("CKM_AES_CBC_PAD", None, &[0, 15, 33]),
        ("CKM_AES_GCM", None, &[0, 15]),
        ("CKM_AES_CCM", Some(31), &[0, 47, 49]),
        ("CKM_CHACHA20_POLY1305", None, &[0, 15]),
        ("CKM_AES_XTS", Some(15), &[0, 15]),
        ("CKM_AES_CTS", Some(15), &[0, 15]),
        ("CKM_AES_KEY_WRAP", Some(17), &[0, 16, 25]),
        ("CKM_AES_KEY_WRAP_PAD", Some(0), &[0, 8, 17]),
        ("CKM_AES_KEY_WRAP_PKCS7", Some(7), &[0, 16, 25]),
        ("CKM_AES_KEY_WRAP_KWP", Some(0), &[0, 8, 17]),
        ("CKM_TENON_SM4_ECB", Some(17), &[17]),
        ("CKM_TENON_SM4_CBC", Some(15), &[15]),
        ("CKM_TENON_SM4_GCM", None, &[0, 15]),
        ("CKM_TENON_KMS_ENVELOPE", None, &[0, 80]),
        ("CKM_TENON_SM2PKE", Some(0), &[0, 44, 70_000]),
    ] {
        let [case] = &cases(|row| row.name == name)[..] else {
            panic!("{name} is one mechanism");
        };
        let keys = case.keys(&fixture);
        if let Some(len) = message_len {
            session.encrypt_init(case.request(), keys.public).unwrap();
            let outcome = full(|out| session.encrypt(&message(len), out));
            returns!(outcome, CKR_DATA_LEN_RANGE, "{name}");
        }
        for len in sealed_lens {
            session.decrypt_init(case.request(), keys.private).unwrap();
            let outcome = full(|out| session.decrypt(&message(*len), out));
            returns!(outcome, CKR_ENCRYPTED_DATA_LEN_RANGE, "{name}, {len} bytes");
        }
    }
}

#[test]
fn gcm_takes_initialization_vectors_and_tags_of_many_lengths() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let text = message(40);
    let ciphers = cases(|row| row.name.ends_with("_GCM"));
    assert_eq!(ciphers.len(), 2);
    let lengths = [1, 8, 12, 16, 128, 256];
    for (case, iv) in ciphers.iter().flat_map(|case| lengths.map(|iv| (case, iv))) {
        let key = case.keys(&fixture).public;
        for tag_len in [4, 8, 12, 13, 14, 15, 16] {
            let params = || Params::Gcm {
                iv: vec![1; iv].into(),
                aad: Vec::new(),
                tag_len,
            };
            session
                .encrypt_init(case.request_with(params()).unwrap(), key)
                .unwrap();
            let sealed = full(|out| session.encrypt(&text, out)).unwrap();
            assert_eq!(sealed.len(), text.len() + tag_len);
            session
                .decrypt_init(case.request_with(params()).unwrap(), key)
                .unwrap();
            let clear = full(|out| session.decrypt(&sealed, out)).unwrap();
            assert_eq!(clear, text, "IV of {iv}, tag of {tag_len} bytes");
        }
    }
}

#[test]
fn a_counter_that_would_run_over_ends_the_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let [case] = &cases(|row| row.name == "CKM_AES_CTR")[..] else {
        panic!("CTR is one mechanism");
    };
    let keys = case.keys(&fixture);
    let request = || {
        case.request_with(Params::Ctr {
            counter: [0xFF; 16],
            bits: 8,
        })
    };
    session
        .encrypt_init(request().unwrap(), keys.public)
        .unwrap();
    let outcome = full(|out| session.encrypt(&[0; 17], out));
    returns!(outcome, CKR_DATA_LEN_RANGE);
    session
        .decrypt_init(request().unwrap(), keys.private)
        .unwrap();
    returns!(full(|out| session.decrypt_update(&[0; 16], out)), CKR_OK);
    let outcome = full(|out| session.decrypt_update(&[0], out));
    returns!(outcome, CKR_ENCRYPTED_DATA_LEN_RANGE);
}
