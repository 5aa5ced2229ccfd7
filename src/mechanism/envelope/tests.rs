use super::*;
use crate::crypto::vectors::hex;

const UID: [u8; ID] = [0x11; ID];
const NEW: [u8; ID] = [0x22; ID];
const OLD: [u8; ID] = [0x33; ID];
const GONE: [u8; ID] = [0x55; ID];
const SALT_BYTES: [u8; SALT] = [0x44; SALT];

fn version(id: [u8; ID], material: &[u8]) -> KeyringVersion {
    KeyringVersion::new(id, Secret::copy(material), 100)
}

fn keyring() -> Keyring {
    Keyring::new(
        UID,
        version(NEW, &[5; 32]),
        vec![(1, version(OLD, b"old"))],
        vec![(2, GONE)],
    )
}

fn sealed(keyring: &Keyring, data: &[u8], clear: &[u8]) -> Vec<u8> {
    let mut out = vec![0; clear.len() + OVERHEAD];
    let len = seal(keyring, data, SALT_BYTES, clear, &mut out).unwrap();
    assert_eq!(len, out.len());
    out
}

fn opened(keyring: &Keyring, data: &[u8], envelope: &[u8]) -> crypto::Result<Vec<u8>> {
    let mut out = vec![0; envelope.len().saturating_sub(OVERHEAD)];
    let len = open(keyring, data, envelope, &mut out)?;
    assert_eq!(len, out.len());
    Ok(out)
}

/// HKDF and AES-GCM of the crates `hkdf` and `aes-gcm`, after the layout alone.
fn elsewhere(material: &[u8], id: [u8; ID], data: &[u8], clear: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};

    let mut derived = [0; 44];
    hkdf::Hkdf::<sha2::Sha256>::new(Some(&SALT_BYTES), material)
        .expand(&[b"tenon envelope 1", &UID[..]].concat(), &mut derived)
        .unwrap();
    let header = [&[1][..], &UID, &id, &SALT_BYTES].concat();
    let aad = [&[0, 0, 0, 0, 0, 0, 0, 65][..], &header, data].concat();
    let payload = Payload {
        msg: clear,
        aad: &aad,
    };
    let nonce: [u8; 12] = derived[32..].try_into().unwrap();
    let body = aes_gcm::Aes256Gcm::new_from_slice(&derived[..32])
        .unwrap()
        .encrypt(&nonce.into(), payload)
        .unwrap();
    [header, body].concat()
}

#[test]
fn known_answer_of_other_implementations() {
    for (data, clear) in [
        (&b""[..], &b""[..]),
        (b"caller's data", b"clear text"),
        (&[7; CALLER_MAX], &[8; 5000]),
    ] {
        let ours = sealed(&keyring(), data, clear);
        assert_eq!(ours, elsewhere(&[5; 32], NEW, data, clear));
        let old = elsewhere(b"old", OLD, data, clear);
        assert_eq!(opened(&keyring(), data, &old).unwrap(), clear);
    }
    let fixed = sealed(&keyring(), b"data", b"text");
    assert_eq!(fixed[HEADER..], hex(FIXED));
}

/// Ciphertext and tag of "text", bound to "data", for the constants above: what is stored once has to
/// open for ever.
const FIXED: &str = "83a962e5aaa0e8eabf23911782047e92ad98036e";

#[test]
fn every_flipped_bit_is_detected() {
    let envelope = sealed(&keyring(), b"data", b"text");
    for bit in 0..envelope.len() * 8 {
        let mut damaged = envelope.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            opened(&keyring(), b"data", &damaged),
            Err(crypto::Error::BadCiphertext),
            "bit {bit}"
        );
    }
    assert_eq!(
        opened(&keyring(), b"Data", &envelope),
        Err(crypto::Error::BadCiphertext)
    );
    for len in 0..OVERHEAD {
        let outcome = opened(&keyring(), b"data", &envelope[..len]);
        assert_eq!(outcome, Err(crypto::Error::CiphertextLength), "{len}");
    }
}

#[test]
fn header_and_callers_data_do_not_run_into_each_other() {
    let envelope = sealed(&keyring(), b"data", b"text");
    let (header, _) = envelope.split_at(HEADER);
    assert_ne!(bound_to(header, b"d"), bound_to(&header[..64], b"dd"));
    assert_ne!(
        bound_to(header, b""),
        bound_to(&header[..64], &header[64..])
    );
}

#[test]
fn another_key_with_the_same_material_opens_nothing() {
    let other = Keyring::new([0x12; ID], version(NEW, &[5; 32]), vec![], vec![]);
    let envelope = sealed(&keyring(), b"", b"text");
    assert_eq!(
        opened(&other, b"", &envelope),
        Err(crypto::Error::BadCiphertext),
        "as it is"
    );
    let mut renamed = envelope;
    renamed[1..17].copy_from_slice(other.uid());
    assert_eq!(
        opened(&other, b"", &renamed),
        Err(crypto::Error::BadCiphertext),
        "renamed"
    );
}

#[test]
fn an_older_version_opens_while_it_lives() {
    let keyring = keyring();
    let old = elsewhere(b"old", OLD, b"", b"text");
    assert!(keyring.judge(|expires_at| expires_at == 100));
    assert!(opened(&keyring, b"", &old).is_ok());
    assert!(!keyring.judge(|_| false));
    assert_eq!(
        opened(&keyring, b"", &old),
        Err(crypto::Error::BadCiphertext)
    );
    let new = sealed(&keyring, b"", b"text");
    assert!(opened(&keyring, b"", &new).is_ok(), "that is the key's own");
    keyring.judge(|_| true);
    assert!(opened(&keyring, b"", &old).is_ok());
}

/// What is gone is told by its own code, and no other key's envelope is taken for it.
#[test]
fn an_ended_version_is_no_bad_ciphertext() {
    let key = Arc::new(Key::new(keyring()));
    let opened = |envelope: &[u8]| {
        let mut cipher = begin(&key, &Params::None, Direction::Decrypt).unwrap();
        cipher.update(envelope, &mut []).unwrap();
        let mut out = vec![0; cipher.finish_bound()];
        cipher
            .finish(&mut out)
            .map(|_| ())
            .map_err(|error| error.rv)
    };
    let gone = elsewhere(b"gone", GONE, b"", b"text");
    assert_eq!(opened(&gone), Err(ck::CKR_KEY_FUNCTION_NOT_PERMITTED));
    let unknown = elsewhere(b"gone", [0x66; ID], b"", b"text");
    assert_eq!(opened(&unknown), Err(ck::CKR_ENCRYPTED_DATA_INVALID));
    let mut of_other = gone.clone();
    of_other[1] ^= 1;
    assert_eq!(opened(&of_other), Err(ck::CKR_ENCRYPTED_DATA_INVALID));
    let old = elsewhere(b"old", OLD, b"", b"text");
    assert_eq!(opened(&old), Ok(()));
    key.of::<Keyring>().unwrap().judge(|_| false);
    assert_eq!(opened(&old), Err(ck::CKR_KEY_FUNCTION_NOT_PERMITTED));
    let checked = (ROWS[0].check_blob.unwrap())(&key, &old).unwrap_err();
    assert_eq!(checked.rv, ck::CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn parts_are_gathered() {
    let key = Arc::new(Key::new(keyring()));
    let params = Params::CallerData(b"data".to_vec());
    let mut cipher = begin(&key, &params, Direction::Encrypt).unwrap();
    for part in [&b"a"[..], b"", b" message"] {
        assert_eq!(cipher.update(part, &mut []).unwrap(), 0);
    }
    let mut out = vec![0; cipher.finish_bound()];
    assert_eq!(cipher.finish(&mut out).unwrap(), OVERHEAD + 9);
    assert_eq!(opened(&keyring(), b"data", &out).unwrap(), b"a message");
    let again = wrap(&key, &params, &SystemRng, b"a message").unwrap();
    assert_ne!(again, out, "each has its own salt");
}
