//! Message-based encryption and decryption.

use std::collections::HashSet;
use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, plain, pointer, test};
use crate::client::Mechanism;

/// The parameter of a message, and what it points to.
pub(super) struct Parameter {
    pub(super) iv: Vec<u8>,
    pub(super) tag: [u8; 16],
    gcm: CK_GCM_MESSAGE_PARAMS,
    ccm: CK_CCM_MESSAGE_PARAMS,
    poly1305: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS,
}

const GCM: CK_MECHANISM_TYPE = CKM_AES_GCM;
const CCM: CK_MECHANISM_TYPE = CKM_AES_CCM;
const POLY1305: CK_MECHANISM_TYPE = CKM_CHACHA20_POLY1305;

impl Parameter {
    pub(super) fn new(
        iv: &[u8],
        fixed: CK_ULONG,
        generator: CK_GENERATOR_FUNCTION,
        text: usize,
    ) -> Box<Self> {
        let mut parameter = Box::new(Self {
            iv: iv.to_vec(),
            tag: [0; 16],
            gcm: CK_GCM_MESSAGE_PARAMS::default(),
            ccm: CK_CCM_MESSAGE_PARAMS::default(),
            poly1305: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS::default(),
        });
        let iv = parameter.iv.as_mut_ptr();
        let tag = parameter.tag.as_mut_ptr();
        let iv_len = len(&parameter.iv);
        parameter.gcm = CK_GCM_MESSAGE_PARAMS {
            pIv: iv,
            ulIvLen: iv_len,
            ulIvFixedBits: fixed,
            ivGenerator: generator,
            pTag: tag,
            ulTagBits: 128,
        };
        parameter.ccm = CK_CCM_MESSAGE_PARAMS {
            ulDataLen: CK_ULONG::try_from(text).unwrap(),
            pNonce: iv,
            ulNonceLen: iv_len,
            ulNonceFixedBits: fixed,
            nonceGenerator: generator,
            pMAC: tag,
            ulMACLen: 16,
        };
        parameter.poly1305 = CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
            pNonce: iv,
            ulNonceLen: 8 * iv_len,
            pTag: tag,
        };
        parameter
    }

    pub(super) fn given(iv: &[u8], text: usize) -> Box<Self> {
        Self::new(iv, 0, CKG_NO_GENERATE, text)
    }

    pub(super) fn of(&mut self, kind: CK_MECHANISM_TYPE) -> (CK_VOID_PTR, CK_ULONG) {
        fn raw<T>(params: &mut T) -> (CK_VOID_PTR, CK_ULONG) {
            let size = CK_ULONG::try_from(size_of::<T>()).unwrap();
            ((&raw mut *params).cast(), size)
        }
        match kind {
            GCM => raw(&mut self.gcm),
            POLY1305 => raw(&mut self.poly1305),
            _ => raw(&mut self.ccm),
        }
    }
}

/// A key that the mechanism takes.
fn key_of(hsm: &Hsm, kind: CK_MECHANISM_TYPE) -> CK_OBJECT_HANDLE {
    match kind {
        POLY1305 => hsm.cipher_key(CKK_CHACHA20),
        _ => hsm.aes(),
    }
}

fn encrypt_init(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut mechanism = plain(kind);
    call!(hsm, C_MessageEncryptInit(&raw mut mechanism, key))
}

fn decrypt_init(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut mechanism = plain(kind);
    call!(hsm, C_MessageDecryptInit(&raw mut mechanism, key))
}

fn encrypt(
    hsm: &Hsm,
    (parameter, size): (CK_VOID_PTR, CK_ULONG),
    aad: &[u8],
    text: &[u8],
    (out, room): (CK_BYTE_PTR, CK_ULONG_PTR),
) -> CK_RV {
    let (aad, aad_len) = (pointer(aad), len(aad));
    let (text, text_len) = (pointer(text), len(text));
    call!(
        hsm,
        C_EncryptMessage(parameter, size, aad, aad_len, text, text_len, out, room)
    )
}

fn decrypt(
    hsm: &Hsm,
    (parameter, size): (CK_VOID_PTR, CK_ULONG),
    aad: &[u8],
    sealed: &[u8],
    (out, room): (CK_BYTE_PTR, CK_ULONG_PTR),
) -> CK_RV {
    let (aad, aad_len) = (pointer(aad), len(aad));
    let (sealed, sealed_len) = (pointer(sealed), len(sealed));
    call!(
        hsm,
        C_DecryptMessage(parameter, size, aad, aad_len, sealed, sealed_len, out, room)
    )
}

/// One part by C_EncryptMessageNext or C_DecryptMessageNext.
macro_rules! next {
    ($hsm:expr, $name:ident, $parameter:expr, $part:expr, $last:expr, $room:expr) => {{
        let ((parameter, size), part) = ($parameter, $part);
        let flags = if $last { CKF_END_OF_MESSAGE } else { 0 };
        into($room, |out, room| {
            call!(
                $hsm,
                $name(parameter, size, pointer(part), len(part), out, room, flags)
            )
        })
    }};
}

/// By C_Encrypt: the ciphertext with its tag.
fn sealed_by_c_encrypt(
    hsm: &Hsm,
    kind: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
    iv: &[u8],
    text: &[u8],
) -> Vec<u8> {
    let mechanism = match kind {
        GCM => Mechanism::Gcm {
            iv,
            aad: b"aad",
            tag_bits: 128,
        },
        POLY1305 => Mechanism::ChaCha20Poly1305 {
            nonce: iv,
            aad: b"aad",
        },
        _ => Mechanism::Ccm {
            data_len: len(text),
            nonce: iv,
            aad: b"aad",
            mac_len: 16,
        },
    };
    let mut out = vec![0; text.len() + 16];
    let way = crate::client::Way::Whole;
    let written = hsm
        .client
        .encrypt(mechanism, key, way, text, &mut out)
        .unwrap();
    assert_eq!(written, out.len());
    out
}

test! {
    fn messages_are_what_c_encrypt_makes(hsm) {
        for kind in [GCM, CCM, POLY1305] {
            let key = key_of(hsm, kind);
            assert_eq!(encrypt_init(hsm, kind, key), CKR_OK);
            assert_eq!(decrypt_init(hsm, kind, key), CKR_OK);
            for text in [&b""[..], b"one", &[7; 100]] {
                let iv = [9; 12];
                let expected = sealed_by_c_encrypt(hsm, kind, key, &iv, text);
                let mut parameter = Parameter::given(&iv, text.len());
                let of = parameter.of(kind);
                let query = needed(|out, room| encrypt(hsm, of, b"aad", text, (out, room)));
                assert_eq!(query, Ok(len(text)));
                if !text.is_empty() {
                    let small = into(text.len() - 1, |out, room| encrypt(hsm, of, b"aad", text, (out, room)));
                    assert_eq!(small, Err(CKR_BUFFER_TOO_SMALL));
                }
                let sealed = into(200, |out, room| encrypt(hsm, of, b"aad", text, (out, room))).unwrap();
                assert_eq!([&sealed[..], &parameter.tag].concat(), expected);
                assert_eq!(parameter.iv, iv);
                let of = parameter.of(kind);
                let opened = into(200, |out, room| decrypt(hsm, of, b"aad", &sealed, (out, room)));
                assert_eq!(opened.unwrap(), text);
            }
            assert_eq!(call!(hsm, C_MessageEncryptFinal()), CKR_OK);
            assert_eq!(call!(hsm, C_MessageDecryptFinal()), CKR_OK);
            assert_eq!(call!(hsm, C_MessageEncryptFinal()), CKR_OPERATION_NOT_INITIALIZED);
        }
    }

    fn parts_make_the_same_message(hsm) {
        let text: Vec<u8> = (0..100).collect();
        for kind in [GCM, CCM, POLY1305] {
            let key = key_of(hsm, kind);
            assert_eq!(encrypt_init(hsm, kind, key), CKR_OK);
            assert_eq!(decrypt_init(hsm, kind, key), CKR_OK);
            for size in [1, 16, 33, 100] {
                let iv = [size; 12];
                let size = usize::from(size);
                let expected = sealed_by_c_encrypt(hsm, kind, key, &iv, &text);
                let mut parameter = Parameter::given(&iv, text.len());
                let (of, of_len) = parameter.of(kind);
                assert_eq!(call!(hsm, C_EncryptMessageBegin(of, of_len, pointer(b"aad"), 3)), CKR_OK);
                let mut sealed = Vec::new();
                let parts: Vec<_> = text.chunks(size).collect();
                for (at, part) in parts.iter().enumerate() {
                    let last = at + 1 == parts.len();
                    sealed.extend(next!(hsm, C_EncryptMessageNext, (of, of_len), part, last, 100).unwrap());
                }
                assert_eq!([&sealed[..], &parameter.tag].concat(), expected);

                let (of, of_len) = parameter.of(kind);
                assert_eq!(call!(hsm, C_DecryptMessageBegin(of, of_len, pointer(b"aad"), 3)), CKR_OK);
                let mut opened = Vec::new();
                for part in sealed.chunks(size) {
                    // Nothing comes out before the tag is verified.
                    let part = next!(hsm, C_DecryptMessageNext, (of, of_len), part, false, 100);
                    assert_eq!(part.unwrap(), b"");
                }
                let small = next!(hsm, C_DecryptMessageNext, (of, of_len), &[], true, 99);
                assert_eq!(small, Err(CKR_BUFFER_TOO_SMALL));
                opened.extend(next!(hsm, C_DecryptMessageNext, (of, of_len), &[], true, 100).unwrap());
                assert_eq!(opened, text);
            }
            assert_eq!(call!(hsm, C_SessionCancel(CKF_MESSAGE_ENCRYPT)), CKR_OK);
            assert_eq!(call!(hsm, C_MessageEncryptFinal()), CKR_OPERATION_NOT_INITIALIZED);
            assert_eq!(call!(hsm, C_MessageDecryptFinal()), CKR_OK);
        }
    }

    fn generators_make_vectors_that_open(hsm) {
        let key = hsm.aes();
        let base = [0xEE; 12];
        for kind in [GCM, CCM] {
            for generator in [CKG_GENERATE, CKG_GENERATE_RANDOM, CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR] {
                assert_eq!(encrypt_init(hsm, kind, key), CKR_OK);
                assert_eq!(decrypt_init(hsm, kind, key), CKR_OK);
                let mut seen = HashSet::new();
                for count in 0..20_u64 {
                    let mut parameter = Parameter::new(&base, 32, generator, 4);
                    let of = parameter.of(kind);
                    let query = needed(|out, room| encrypt(hsm, of, b"", b"text", (out, room)));
                    assert_eq!(query, Ok(4));
                    assert_eq!(parameter.iv, base, "a query makes no vector");
                    let of = parameter.of(kind);
                    let sealed = into(4, |out, room| encrypt(hsm, of, b"", b"text", (out, room))).unwrap();
                    assert_eq!(parameter.iv[..4], base[..4]);
                    let made = u64::from_be_bytes(parameter.iv[4..].try_into().unwrap());
                    match generator {
                        CKG_GENERATE_COUNTER if kind == GCM => assert_eq!(made, count),
                        CKG_GENERATE_COUNTER_XOR if kind == GCM => assert_eq!(made, count ^ 0xEEEE_EEEE_EEEE_EEEE),
                        _ => {}
                    }
                    assert!(seen.insert(made));
                    let of = parameter.of(kind);
                    let opened = into(4, |out, room| decrypt(hsm, of, b"", &sealed, (out, room)));
                    assert_eq!(opened.unwrap(), b"text");
                }
                let mut narrow = Parameter::new(&base, 90, generator, 4);
                let of = narrow.of(kind);
                let refused = into(4, |out, room| encrypt(hsm, of, b"", b"text", (out, room)));
                assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
                assert_eq!(call!(hsm, C_MessageEncryptFinal()), CKR_OK);
                assert_eq!(call!(hsm, C_MessageDecryptFinal()), CKR_OK);
            }
        }
    }

    fn another_process_of_the_session_does_not_count_the_same_again(hsm) {
        let key = hsm.aes();
        for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR] {
            let mut seen = HashSet::new();
            for _process in 0..3 {
                assert_eq!(encrypt_init(hsm, GCM, key), CKR_OK);
                for _message in 0..2 {
                    let mut parameter = Parameter::new(&[0xEE; 12], 32, generator, 4);
                    let of = parameter.of(GCM);
                    into(4, |out, room| encrypt(hsm, of, b"", b"text", (out, room))).unwrap();
                    assert!(seen.insert(parameter.iv.clone()), "{generator}");
                }
                assert_eq!(call!(hsm, C_MessageEncryptFinal()), CKR_OK);
            }
        }
        assert_eq!(encrypt_init(hsm, GCM, key), CKR_OK);
        let mut other = Parameter::new(&[0xDD; 12], 32, CKG_GENERATE_COUNTER_XOR, 4);
        let of = other.of(GCM);
        into(4, |out, room| encrypt(hsm, of, b"", b"text", (out, room))).unwrap();
        assert_eq!(other.iv, [0xDD; 12], "each value has its own counter");
    }

    fn an_error_ends_the_message_and_not_the_process(hsm) {
        for kind in [GCM, CCM, POLY1305] {
            let key = key_of(hsm, kind);
            assert_eq!(encrypt_init(hsm, kind, key), CKR_OK);
            assert_eq!(encrypt_init(hsm, kind, key), CKR_OPERATION_ACTIVE);
            assert_eq!(decrypt_init(hsm, kind, key), CKR_OK);
            let mut parameter = Parameter::given(&[1; 12], 4);
            let (of, of_len) = parameter.of(kind);
            let seal = |of| into(4, |out, room| encrypt(hsm, of, b"", b"text", (out, room)));
            let none = next!(hsm, C_EncryptMessageNext, (of, of_len), b"text", true, 4);
            assert_eq!(none, Err(CKR_OPERATION_NOT_INITIALIZED), "no message was begun");
            assert_eq!(call!(hsm, C_EncryptMessageBegin(of, of_len, null_mut(), 0)), CKR_OK);
            assert_eq!(seal((of, of_len)), Err(CKR_OPERATION_ACTIVE), "in the middle of a message");
            let over = next!(hsm, C_EncryptMessageNext, (of, of_len), b"text", true, 4);
            assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED), "and that message is over");
            assert_eq!(call!(hsm, C_EncryptMessageBegin(of, of_len, null_mut(), 0)), CKR_OK);
            assert_eq!(call!(hsm, C_EncryptMessageNext(of, of_len, null_mut(), 4, null_mut(), null_mut(), 0)), CKR_ARGUMENTS_BAD);
            assert_eq!(call!(hsm, C_EncryptMessageBegin(of, of_len, null_mut(), 0)), CKR_OK);
            let last = next!(hsm, C_EncryptMessageNext, (of, of_len), b"text", true, 4);
            let sealed = last.unwrap();
            assert_eq!(seal((null_mut(), 0)), Err(CKR_MECHANISM_PARAM_INVALID));

            let open = |of, sealed: &[u8]| into(4, |out, room| decrypt(hsm, of, b"", sealed, (out, room)));
            parameter.tag[0] ^= 1;
            let of = parameter.of(kind);
            assert_eq!(open(of, &sealed), Err(CKR_AEAD_DECRYPT_FAILED));
            parameter.tag[0] ^= 1;
            let of = parameter.of(kind);
            assert_eq!(open(of, &[0; 4]), Err(CKR_AEAD_DECRYPT_FAILED));
            assert_eq!(open(of, &sealed).unwrap(), b"text");
            assert_eq!(call!(hsm, C_MessageEncryptInit(null_mut(), key)), CKR_OK);
            assert_eq!(call!(hsm, C_MessageEncryptInit(null_mut(), key)), CKR_ARGUMENTS_BAD);
            assert_eq!(call!(hsm, C_MessageDecryptFinal()), CKR_OK);
        }
    }

    fn mechanisms_say_that_they_take_messages(hsm) {
        let key = hsm.aes();
        let flags = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
        for (kind, expected) in [(GCM, flags), (CCM, flags), (POLY1305, flags), (CKM_AES_CBC, 0)] {
            assert_eq!(hsm.flags(kind) & flags, expected);
        }
        assert_eq!(encrypt_init(hsm, CKM_AES_CBC, key), CKR_MECHANISM_INVALID);
        let mut mechanism = plain(GCM);
        let mut parameter = Parameter::given(&[1; 12], 0);
        (mechanism.pParameter, mechanism.ulParameterLen) = parameter.of(GCM);
        assert_eq!(call!(hsm, C_MessageEncryptInit(&raw mut mechanism, key)), CKR_OK);
        mechanism.ulParameterLen -= 1;
        let rv = call!(hsm, C_MessageDecryptInit(&raw mut mechanism, key));
        assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
    }
}
