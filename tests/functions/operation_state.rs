//! C_GetOperationState and C_SetOperationState.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, plain, pointer, test};
use crate::client::Mechanism;

const MESSAGE: &[u8; 100] = &[0x5C; 100];
const PIN: &[u8] = crate::client::PIN;

/// A session of its own beside the one of `hsm`, which tests call by the same macro.
struct Session {
    table: &'static CK_FUNCTION_LIST_3_2,
    session: CK_SESSION_HANDLE,
}

fn session(hsm: &Hsm, flags: CK_FLAGS) -> Session {
    let mut session = 0;
    let (table, flags) = (hsm.table, flags | CKF_SERIAL_SESSION);
    let opened = &raw mut session;
    let rv = function!(table, C_OpenSession(0, flags, null_mut(), None, opened));
    assert_eq!(rv, CKR_OK);
    Session { table, session }
}

fn other(hsm: &Hsm) -> Session {
    session(hsm, CKF_RW_SESSION)
}

/// The session of `hsm` itself.
fn own(hsm: &Hsm) -> Session {
    let (table, session) = (hsm.table, hsm.session);
    Session { table, session }
}

impl Session {
    fn state(&self) -> Result<Vec<u8>, CK_RV> {
        let get = |out, len| call!(self, C_GetOperationState(out, len));
        let room = usize::try_from(needed(get)?).unwrap();
        assert_eq!(into(room - 1, get), Err(CKR_BUFFER_TOO_SMALL));
        into(room, get)
    }

    fn restore(&self, state: &[u8], encryption: u64, authentication: u64) -> CK_RV {
        let (state, len) = (pointer(state), len(state));
        call!(
            self,
            C_SetOperationState(state, len, encryption, authentication)
        )
    }
}

/// A kind of operation that takes parts and gives an output.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Work {
    Digest,
    Sign,
    Verify,
    Encrypt,
    Decrypt,
}

fn begin(at: &Session, work: Work, mechanism: Mechanism<'_>, key: CK_OBJECT_HANDLE) {
    let rv = mechanism.with(|mechanism| match work {
        Work::Digest => call!(at, C_DigestInit(mechanism)),
        Work::Sign => call!(at, C_SignInit(mechanism, key)),
        Work::Verify => call!(at, C_VerifyInit(mechanism, key)),
        Work::Encrypt => call!(at, C_EncryptInit(mechanism, key)),
        Work::Decrypt => call!(at, C_DecryptInit(mechanism, key)),
    });
    assert_eq!(rv, CKR_OK, "{work:?}");
}

/// Takes a part, and returns what came out.
fn take(at: &Session, work: Work, part: &[u8]) -> Vec<u8> {
    let (data, size) = (pointer(part), len(part));
    let nothing = |rv| {
        assert_eq!(rv, CKR_OK);
        Vec::new()
    };
    match work {
        Work::Digest => nothing(call!(at, C_DigestUpdate(data, size))),
        Work::Sign => nothing(call!(at, C_SignUpdate(data, size))),
        Work::Verify => nothing(call!(at, C_VerifyUpdate(data, size))),
        Work::Encrypt => into(200, |out, room| {
            call!(at, C_EncryptUpdate(data, size, out, room))
        })
        .unwrap(),
        Work::Decrypt => into(200, |out, room| {
            call!(at, C_DecryptUpdate(data, size, out, room))
        })
        .unwrap(),
    }
}

/// What comes out at the end; of a verification, whether `signature` is right.
fn finish(at: &Session, work: Work, signature: &[u8]) -> Result<Vec<u8>, CK_RV> {
    match work {
        Work::Digest => into(600, |out, room| call!(at, C_DigestFinal(out, room))),
        Work::Sign => into(600, |out, room| call!(at, C_SignFinal(out, room))),
        Work::Encrypt => into(600, |out, room| call!(at, C_EncryptFinal(out, room))),
        Work::Decrypt => into(600, |out, room| call!(at, C_DecryptFinal(out, room))),
        Work::Verify => match call!(at, C_VerifyFinal(pointer(signature), len(signature))) {
            CKR_OK => Ok(Vec::new()),
            rv => Err(rv),
        },
    }
}

/// The output for the whole message, in parts, with the state carried to another session after `cut` bytes.
fn carried(
    hsm: &Hsm,
    work: Work,
    mechanism: Mechanism<'_>,
    key: CK_OBJECT_HANDLE,
    message: &[u8],
    cut: usize,
) -> Vec<u8> {
    let from = own(hsm);
    begin(&from, work, mechanism, key);
    let mut out = take(&from, work, &message[..cut]);
    let state = from.state().unwrap();
    // The saved operation goes on, and what it does changes no state.
    take(&from, work, b"0123456789abcdef");
    assert_eq!(
        call!(
            from,
            C_SessionCancel(CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_DIGEST)
        ),
        CKR_OK
    );
    let to = other(hsm);
    let keys = match work {
        Work::Digest => (0, 0),
        Work::Sign | Work::Verify => (0, key),
        Work::Encrypt | Work::Decrypt => (key, 0),
    };
    // Twice: a state serves more than once.
    for _ in 0..2 {
        assert_eq!(to.restore(&state, keys.0, keys.1), CKR_OK, "{work:?} {cut}");
    }
    out.extend(take(&to, work, &message[cut..]));
    out.extend(finish(&to, work, &[]).unwrap());
    assert_eq!(function!(to.table, C_CloseSession(to.session)), CKR_OK);
    out
}

/// The output for the whole message, in one session.
fn whole(hsm: &Hsm, work: Work, mechanism: Mechanism<'_>, key: u64, message: &[u8]) -> Vec<u8> {
    let at = own(hsm);
    begin(&at, work, mechanism, key);
    let mut out = take(&at, work, message);
    out.extend(finish(&at, work, &[]).unwrap());
    out
}

/// Where a state is taken: around the blocks of every hash and cipher.
const CUTS: [usize; 9] = [0, 1, 15, 16, 17, 32, 63, 64, 99];

fn secret(hsm: &Hsm, kind: CK_KEY_TYPE) -> CK_OBJECT_HANDLE {
    let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), kind.to_ne_bytes());
    let template = [
        (CKA_CLASS, &class[..]),
        (CKA_KEY_TYPE, &kind),
        (CKA_VALUE, &[0x77; 32]),
        (CKA_SIGN, &[CK_TRUE]),
        (CKA_VERIFY, &[CK_TRUE]),
        (CKA_EXTRACTABLE, &[CK_TRUE]),
        (CKA_SENSITIVE, &[CK_FALSE]),
    ];
    hsm.client.create(&template).unwrap()
}

/// Mechanisms that begin with nothing but a key, from the token's own list.
fn offered(hsm: &Hsm, flag: CK_FLAGS) -> Vec<CK_MECHANISM_TYPE> {
    let mut count = 1000;
    let mut kinds = vec![0; 1000];
    let list = kinds.as_mut_ptr();
    let rv = function!(hsm.table, C_GetMechanismList(0, list, &raw mut count));
    assert_eq!(rv, CKR_OK);
    kinds.truncate(usize::try_from(count).unwrap());
    kinds.retain(|kind| hsm.flags(*kind) & flag != 0);
    kinds
}

test! {
    fn every_digest_goes_on_in_another_session(hsm) {
        let unsaved = [CKM_BLAKE2B_160, CKM_BLAKE2B_256, CKM_BLAKE2B_384, CKM_BLAKE2B_512];
        for kind in unsaved {
            let at = own(hsm);
            begin(&at, Work::Digest, Mechanism::Plain(kind), 0);
            assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
            assert_eq!(call!(at, C_SessionCancel(CKF_DIGEST)), CKR_OK);
        }
        let mut digests = offered(hsm, CKF_DIGEST);
        digests.retain(|kind| !unsaved.contains(kind));
        assert!(digests.len() >= 12);
        for kind in digests {
            let mechanism = Mechanism::Plain(kind);
            let expected = whole(hsm, Work::Digest, mechanism, 0, MESSAGE);
            for cut in CUTS {
                let digest = carried(hsm, Work::Digest, mechanism, 0, MESSAGE, cut);
                assert_eq!(digest, expected, "{kind:#x} {cut}");
            }
        }
    }

    fn macs_go_on_in_another_session(hsm) {
        let (generic, aes) = (secret(hsm, CKK_GENERIC_SECRET), hsm.aes());
        let macs = [
            (Mechanism::Plain(CKM_SHA_1_HMAC), generic),
            (Mechanism::Plain(CKM_SHA256_HMAC), generic),
            (Mechanism::Plain(CKM_SHA384_HMAC), generic),
            (Mechanism::Plain(CKM_SHA3_224_HMAC), generic),
            (Mechanism::Number(CKM_SHA512_HMAC_GENERAL, 11), generic),
            (Mechanism::Plain(CKM_AES_CMAC), aes),
            (Mechanism::Number(CKM_AES_CMAC_GENERAL, 8), aes),
        ];
        for (mechanism, key) in macs {
            let expected = whole(hsm, Work::Sign, mechanism, key, MESSAGE);
            for cut in CUTS {
                let mac = carried(hsm, Work::Sign, mechanism, key, MESSAGE, cut);
                assert_eq!(mac, expected, "{cut}");
            }
        }
    }

    fn a_verification_goes_on_and_still_refuses(hsm) {
        let key = secret(hsm, CKK_GENERIC_SECRET);
        let mechanism = Mechanism::Plain(CKM_SHA256_HMAC);
        let mut mac = whole(hsm, Work::Sign, mechanism, key, MESSAGE);
        for expected in [Ok(Vec::new()), Err(CKR_SIGNATURE_INVALID)] {
            let at = own(hsm);
            begin(&at, Work::Verify, mechanism, key);
            take(&at, Work::Verify, &MESSAGE[..70]);
            let state = at.state().unwrap();
            assert_eq!(at.restore(&state, 0, key), CKR_OK);
            take(&at, Work::Verify, &MESSAGE[70..]);
            assert_eq!(finish(&at, Work::Verify, &mac), expected);
            mac[0] ^= 1;
        }
    }

    fn signatures_that_hash_go_on(hsm) {
        let pair = hsm.rsa(&[]);
        let mechanism = Mechanism::Plain(CKM_SHA256_RSA_PKCS);
        let expected = whole(hsm, Work::Sign, mechanism, pair.private, MESSAGE);
        for cut in CUTS {
            let signature = carried(hsm, Work::Sign, mechanism, pair.private, MESSAGE, cut);
            assert_eq!(signature, expected, "{cut}");
        }
    }

    fn ciphers_go_on_in_another_session(hsm) {
        let key = hsm.aes();
        let mut counter = [0xFF; 16];
        counter[0] = 0;
        let ctr = |bits: u64| [&bits.to_ne_bytes()[..], &counter].concat();
        let (all_bits, few_bits) = (ctr(128), [&8_u64.to_ne_bytes()[..], &[0; 16]].concat());
        let modes = [
            (Mechanism::Plain(CKM_AES_ECB), 96),
            (Mechanism::Bytes(CKM_AES_CBC, &[9; 16]), 96),
            (Mechanism::Bytes(CKM_AES_CBC_PAD, &[9; 16]), 100),
            (Mechanism::Bytes(CKM_AES_CTR, &all_bits), 100),
            (Mechanism::Bytes(CKM_AES_CTR, &few_bits), 100),
        ];
        for (mechanism, size) in modes {
            let message = &MESSAGE[..size];
            let sealed = whole(hsm, Work::Encrypt, mechanism, key, message);
            for cut in CUTS.into_iter().filter(|cut| *cut <= size) {
                let out = carried(hsm, Work::Encrypt, mechanism, key, message, cut);
                assert_eq!(out, sealed, "{size} {cut}");
                let back = carried(hsm, Work::Decrypt, mechanism, key, &sealed, cut);
                assert_eq!(back, message, "{size} {cut}");
            }
        }
    }

    fn a_counter_at_its_end_is_not_saved(hsm) {
        let key = hsm.aes();
        let last = [&1_u64.to_ne_bytes()[..], &[0xFE; 16]].concat();
        let at = own(hsm);
        begin(&at, Work::Encrypt, Mechanism::Bytes(CKM_AES_CTR, &last), key);
        take(&at, Work::Encrypt, &MESSAGE[..31]);
        assert!(at.state().is_ok());
        take(&at, Work::Encrypt, &MESSAGE[..1]);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
    }

    fn two_operations_go_on_together(hsm) {
        let (aes, mac) = (hsm.aes(), secret(hsm, CKK_GENERIC_SECRET));
        let cbc = Mechanism::Bytes(CKM_AES_CBC, &[3; 16]);
        let hmac = Mechanism::Plain(CKM_SHA256_HMAC);
        let expected = (
            whole(hsm, Work::Encrypt, cbc, aes, &MESSAGE[..64]),
            whole(hsm, Work::Sign, hmac, mac, &MESSAGE[..64]),
        );
        let (at, to) = (own(hsm), other(hsm));
        begin(&at, Work::Encrypt, cbc, aes);
        begin(&at, Work::Sign, hmac, mac);
        let both = |at: &Session, part: &[u8]| {
            let (data, size) = (pointer(part), len(part));
            into(64, |out, room| call!(at, C_SignEncryptUpdate(data, size, out, room))).unwrap()
        };
        let mut sealed = both(&at, &MESSAGE[..20]);
        let state = at.state().unwrap();
        for (encryption, authentication, rv) in [
            (0, mac, CKR_KEY_NEEDED),
            (aes, 0, CKR_KEY_NEEDED),
            (0, 0, CKR_KEY_NEEDED),
            (mac, aes, CKR_KEY_CHANGED),
            (aes, mac, CKR_OK),
        ] {
            assert_eq!(to.restore(&state, encryption, authentication), rv);
        }
        sealed.extend(both(&to, &MESSAGE[20..64]));
        assert_eq!(sealed, expected.0);
        assert_eq!(finish(&to, Work::Encrypt, &[]), Ok(Vec::new()));
        assert_eq!(finish(&to, Work::Sign, &[]), Ok(expected.1));
    }

    fn the_token_says_that_two_operations_go_together_and_need_their_keys(hsm) {
        let mut info = CK_TOKEN_INFO::default();
        assert_eq!(function!(hsm.table, C_GetTokenInfo(0, &raw mut info)), CKR_OK);
        assert_ne!(info.flags & CKF_DUAL_CRYPTO_OPERATIONS, 0);
        assert_eq!(info.flags & CKF_RESTORE_KEY_NOT_NEEDED, 0);
    }

    fn the_keys_are_the_same_ones(hsm) {
        let key = secret(hsm, CKK_GENERIC_SECRET);
        let twin = secret(hsm, CKK_GENERIC_SECRET);
        let at = own(hsm);
        begin(&at, Work::Sign, Mechanism::Plain(CKM_SHA256_HMAC), key);
        take(&at, Work::Sign, MESSAGE);
        let state = at.state().unwrap();
        assert_eq!(at.restore(&state, key, key), CKR_KEY_NOT_NEEDED);
        assert_eq!(at.restore(&state, 0, twin), CKR_KEY_CHANGED);
        assert_eq!(at.restore(&state, 0, 4711), CKR_KEY_CHANGED);
        // None of this touched the operation.
        assert_eq!(finish(&at, Work::Sign, &[]).unwrap().len(), 32);
        let mut digest = plain(CKM_SHA256);
        assert_eq!(call!(at, C_DigestInit(&raw mut digest)), CKR_OK);
        let digest = at.state().unwrap();
        assert_eq!(at.restore(&digest, 0, key), CKR_KEY_NOT_NEEDED);
        // A key that may not sign any more signs no more.
        hsm.client.change(key, &[(CKA_SIGN, &[CK_FALSE])]).unwrap();
        assert_eq!(at.restore(&state, 0, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        hsm.client.destroy(key).unwrap();
        assert_eq!(at.restore(&state, 0, key), CKR_KEY_CHANGED);
    }

    fn a_state_belongs_to_a_kind_of_session(hsm) {
        let at = own(hsm);
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        take(&at, Work::Digest, MESSAGE);
        let state = at.state().unwrap();
        let reader = session(hsm, 0);
        assert_eq!(reader.restore(&state, 0, 0), CKR_SAVED_STATE_INVALID);
        hsm.client.logout().unwrap();
        assert_eq!(at.restore(&state, 0, 0), CKR_SAVED_STATE_INVALID);
        hsm.client.login(PIN).unwrap();
        assert_eq!(at.restore(&state, 0, 0), CKR_OK);
        assert_eq!(function!(hsm.table, C_Finalize(null_mut())), CKR_OK);
        assert_eq!(function!(hsm.table, C_Initialize(null_mut())), CKR_OK);
        let after = other(hsm);
        let (pin, size) = (pointer(PIN), len(PIN));
        assert_eq!(call!(after, C_Login(CKU_USER, pin, size)), CKR_OK);
        assert_eq!(after.restore(&state, 0, 0), CKR_SAVED_STATE_INVALID);
    }

    fn a_state_tells_nothing_and_is_not_forged(hsm) {
        let at = own(hsm);
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        take(&at, Work::Digest, b"sixteen bytes...");
        let state = at.state().unwrap();
        assert!(!state.windows(8).any(|part| b"sixteen bytes...".windows(8).any(|own| own == part)));
        for at_byte in 0..state.len() {
            let mut forged = state.clone();
            forged[at_byte] ^= 1;
            assert_eq!(at.restore(&forged, 0, 0), CKR_SAVED_STATE_INVALID);
            assert_eq!(at.restore(&state[..at_byte], 0, 0), CKR_SAVED_STATE_INVALID);
        }
        // The digest is as it was.
        assert!(finish(&at, Work::Digest, &[]).is_ok());
    }

    fn a_restored_operation_is_as_far_as_it_was(hsm) {
        let at = own(hsm);
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        let fresh = at.state().unwrap();
        take(&at, Work::Digest, MESSAGE);
        let begun = at.state().unwrap();
        let digest = |data: &[u8]| {
            let (data, size) = (pointer(data), len(data));
            into(32, |out, room| call!(at, C_Digest(data, size, out, room)))
        };
        assert_eq!(at.restore(&begun, 0, 0), CKR_OK);
        assert_eq!(digest(MESSAGE), Err(CKR_OPERATION_ACTIVE));
        assert_eq!(at.restore(&fresh, 0, 0), CKR_OK);
        let once = digest(MESSAGE).unwrap();
        assert_eq!(at.restore(&begun, 0, 0), CKR_OK);
        assert_eq!(finish(&at, Work::Digest, &[]), Ok(once));
    }

    fn restoring_ends_what_was_active(hsm) {
        let key = hsm.aes();
        let at = own(hsm);
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        let state = at.state().unwrap();
        begin(&at, Work::Encrypt, Mechanism::Plain(CKM_AES_ECB), key);
        assert_eq!(call!(at, C_FindObjectsInit(null_mut(), 0)), CKR_OK);
        assert_eq!(at.restore(&state, 0, 0), CKR_OK);
        assert_eq!(finish(&at, Work::Encrypt, &[]), Err(CKR_OPERATION_NOT_INITIALIZED));
        assert_eq!(call!(at, C_FindObjectsFinal()), CKR_OPERATION_NOT_INITIALIZED);
        assert!(finish(&at, Work::Digest, &[]).is_ok());
    }

    fn what_cannot_be_saved_says_so(hsm) {
        let (aes, readable) = (hsm.aes(), secret(hsm, CKK_GENERIC_SECRET));
        let at = own(hsm);
        assert_eq!(at.state(), Err(CKR_OPERATION_NOT_INITIALIZED));
        assert_eq!(call!(at, C_FindObjectsInit(null_mut(), 0)), CKR_OK);
        assert_eq!(at.state(), Err(CKR_OPERATION_NOT_INITIALIZED));
        let gcm = Mechanism::Gcm { iv: &[1; 12], aad: &[], tag_bits: 128 };
        begin(&at, Work::Encrypt, gcm, aes);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
        // The operation goes on.
        take(&at, Work::Encrypt, MESSAGE);
        assert_eq!(finish(&at, Work::Encrypt, &[]).unwrap().len(), 16);
        // Of two keys C_SetOperationState could be given only one.
        begin(&at, Work::Encrypt, Mechanism::Plain(CKM_AES_ECB), aes);
        begin(&at, Work::Decrypt, Mechanism::Plain(CKM_AES_ECB), aes);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
        let ended = call!(at, C_SessionCancel(CKF_ENCRYPT | CKF_DECRYPT));
        assert_eq!(ended, CKR_OK);
        // The signature is not in a state, alone and beside a digest; the verification goes on.
        let mut hmac = plain(CKM_SHA256_HMAC);
        let begun = call!(at, C_VerifySignatureInit(&raw mut hmac, readable, pointer(&[7; 32]), 32));
        assert_eq!(begun, CKR_OK);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
        assert!(finish(&at, Work::Digest, &[]).is_ok());
        let verified = call!(at, C_VerifySignature(pointer(MESSAGE), 100));
        assert_eq!(verified, CKR_SIGNATURE_INVALID);
        // A key's value is in this digest.
        begin(&at, Work::Digest, Mechanism::Plain(CKM_SHA256), 0);
        assert_eq!(call!(at, C_DigestKey(readable)), CKR_OK);
        assert_eq!(at.state(), Err(CKR_STATE_UNSAVEABLE));
        assert!(finish(&at, Work::Digest, &[]).is_ok());
    }
}
