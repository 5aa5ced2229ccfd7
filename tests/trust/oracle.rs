//! What a key that unwraps and does not decrypt tells of its blobs: nothing. Blobs are made up by the
//! caller, so if the outcome of C_UnwrapKey depended on their plaintext, the plaintext of any other
//! blob could be found byte by byte (as in Bleichenbacher's and Vaudenay's attacks).

use std::collections::BTreeSet;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::mechanism::{Ecdh, EcdhWrap, Params, SharedKdf};
use tenon_pkcs11::api::token::Handle;

use super::keys::{read, trusted_key};
use crate::common::{
    Calls, Fixture, attrs, ec_material, ec_pair, full, returns, rsa_pair, rv, secret, with,
};

/// Of a key type: one key that encrypts alone and one that unwraps alone, with the same value.
struct Twins {
    encrypting: Handle,
    unwrapping: Handle,
}

fn twins(fixture: &Fixture, key_type: u64, more: Vec<RawAttribute>) -> Twins {
    let value = vec![0x5A; if key_type == ck::CKK_AES { 32 } else { 16 }];
    let make = |uses: Vec<RawAttribute>| {
        let uses = with(attrs![CKA_VALUE => &value], uses);
        secret(&fixture.session, key_type, uses).public
    };
    let none = || {
        attrs![
            CKA_ENCRYPT => false, CKA_DECRYPT => false, CKA_WRAP => false, CKA_UNWRAP => false,
            CKA_SIGN => false, CKA_VERIFY => false, CKA_DERIVE => false,
        ]
    };
    Twins {
        encrypting: make(with(none(), attrs![CKA_ENCRYPT => true])),
        unwrapping: make(with(with(none(), attrs![CKA_UNWRAP => true]), more)),
    }
}

fn iv(byte: u8) -> Params {
    Params::Iv(vec![byte; 16].into())
}

fn counter() -> Params {
    Params::Ctr {
        counter: [7; 16],
        bits: 128,
    }
}

/// Mechanisms without integrity: to unwrap with, and to make a blob of a plaintext with.
fn mechanisms() -> [(u64, u64, Params, u64); 6] {
    [
        (ck::CKK_AES, ck::CKM_AES_ECB, Params::None, ck::CKM_AES_ECB),
        (ck::CKK_AES, ck::CKM_AES_CBC, iv(7), ck::CKM_AES_CBC),
        (ck::CKK_AES, ck::CKM_AES_CBC_PAD, iv(7), ck::CKM_AES_CBC),
        (ck::CKK_AES, ck::CKM_AES_CTR, counter(), ck::CKM_AES_CTR),
        (
            ck::CKK_TENON_SM4,
            ck::CKM_TENON_SM4_ECB,
            Params::None,
            ck::CKM_TENON_SM4_ECB,
        ),
        (
            ck::CKK_TENON_SM4,
            ck::CKM_TENON_SM4_CBC,
            iv(7),
            ck::CKM_TENON_SM4_CBC,
        ),
    ]
}

/// Plaintexts that a template could tell apart: zeros and padding of several lengths at the end, equal
/// halves, the encoding of a private key.
fn plaintexts() -> Vec<Vec<u8>> {
    let mut all = vec![
        vec![0; 32],
        vec![0xFF; 32],
        [vec![1; 16], vec![2; 16]].concat(),
    ];
    for len in [1_u8, 2, 8, 16] {
        for end in [0, len] {
            let text = vec![0xC3; 32 - usize::from(len)];
            all.push([text, vec![end; usize::from(len)]].concat());
        }
    }
    let der = tenon_pkcs11::api::keytype::Material::pair(ec_material().clone());
    let mut der = der.to_pkcs8().unwrap().to_vec();
    der.resize(der.len().next_multiple_of(16), 0);
    all.push(der);
    all
}

/// Templates of every kind of key that a blob may become, with every length.
fn templates() -> Vec<Vec<RawAttribute>> {
    let mut all = Vec::new();
    for key_type in [
        ck::CKK_GENERIC_SECRET,
        ck::CKK_AES,
        ck::CKK_AES_XTS,
        ck::CKK_TENON_SM4,
        ck::CKK_HKDF,
    ] {
        let template = || attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type];
        all.push(template());
        for len in [1_u64, 8, 15, 16, 17, 24, 31, 32, 33, 1 << 40] {
            all.push(with(template(), attrs![CKA_VALUE_LEN => len]));
        }
    }
    for key_type in [ck::CKK_RSA, ck::CKK_EC, ck::CKK_EC_EDWARDS] {
        all.push(attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type]);
    }
    all
}

fn encrypt(fixture: &Fixture, key: Handle, (id, params): (u64, Params), text: &[u8]) -> Vec<u8> {
    let session = &fixture.session;
    session
        .encrypt_init(fixture.request(id, params), key)
        .unwrap();
    full(|out| session.encrypt(text, out)).unwrap()
}

/// The outcome follows from the blob's length and the template, whatever the plaintext.
#[test]
fn no_unwrap_depends_on_the_plaintext() {
    let fixture = Fixture::new();
    for (key_type, unwrap, params, make) in mechanisms() {
        let keys = twins(&fixture, key_type, vec![]);
        for template in templates() {
            let mut outcomes = BTreeSet::new();
            for text in plaintexts() {
                let blob = encrypt(&fixture, keys.encrypting, (make, params.clone()), &text);
                let request = fixture.request(unwrap, params.clone());
                let outcome =
                    fixture
                        .session
                        .unwrap_key(request, keys.unwrapping, &blob, &template);
                // Of another length than the rest is the encoded private key alone.
                outcomes.insert((text.len(), rv(&outcome)));
                if let Ok(key) = outcome {
                    let len = read(&fixture.session, key, ck::CKA_VALUE_LEN);
                    assert_eq!(len, read_len(text.len()), "{unwrap:#x} {template:?}");
                }
            }
            assert_eq!(outcomes.len(), 2, "{unwrap:#x} {template:?} {outcomes:?}");
        }
    }
}

fn read_len(len: usize) -> tenon_pkcs11::api::attr::Revealed {
    let len = u64::try_from(len).unwrap();
    tenon_pkcs11::api::attr::Revealed::Value(len.to_ne_bytes().to_vec())
}

/// The attack on a block of unknown plaintext: which initialization vector makes its last byte a zero
/// that CKA_VALUE_LEN cuts off, or a padding of one byte.
#[test]
fn a_chosen_initialization_vector_finds_no_byte() {
    let fixture = Fixture::new();
    let keys = twins(&fixture, ck::CKK_AES, vec![]);
    let unknown = b"sixteen secrets.";
    let block = encrypt(
        &fixture,
        keys.encrypting,
        (ck::CKM_AES_ECB, Params::None),
        unknown,
    );
    let short = || {
        attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => 15,
        ]
    };
    for id in [ck::CKM_AES_CBC, ck::CKM_AES_CBC_PAD] {
        let asked = (0..=u8::MAX).map(|byte| {
            let mut iv = vec![0; 16];
            iv[15] = byte;
            let request = fixture.request(id, Params::Iv(iv.into()));
            rv(&fixture
                .session
                .unwrap_key(request, keys.unwrapping, &block, &short()))
        });
        let answers: BTreeSet<_> = asked.collect();
        assert_eq!(
            answers,
            BTreeSet::from(["CKR_KEY_FUNCTION_NOT_PERMITTED"]),
            "{id:#x}"
        );
    }
}

/// A block of another blob may hold little that is unknown: the end of a padded key, a part of the
/// encoding of a private key. As a key it could be guessed, so no block becomes one.
#[test]
fn a_whole_key_is_unwrapped_by_keys_that_decrypt() {
    let fixture = Fixture::new();
    for (key_type, unwrap, params, make) in mechanisms() {
        for decrypts in [false, true] {
            let keys = twins(&fixture, key_type, attrs![CKA_DECRYPT => decrypts]);
            let text = match unwrap {
                ck::CKM_AES_CBC_PAD => [[0xC3; 16], [16; 16]].concat(),
                _ => vec![0xC3; 16],
            };
            let blob = encrypt(&fixture, keys.encrypting, (make, params.clone()), &text);
            let request = fixture.request(unwrap, params.clone());
            let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
            let outcome = fixture
                .session
                .unwrap_key(request, keys.unwrapping, &blob, &template);
            if decrypts {
                returns!(outcome, CKR_OK, "{unwrap:#x}");
            } else {
                returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{unwrap:#x}");
            }
        }
    }
}

/// The key stream of GCM and CCM is made of blocks that the key encrypts: by wrapping a known key in ECB,
/// by a MAC with a chosen initialization vector, by deriving from chosen data.
#[test]
fn a_key_with_another_use_opens_no_blob_of_a_counter_mode() {
    let fixture = Fixture::new();
    let gcm = Params::Gcm {
        iv: vec![7; 12].into(),
        aad: vec![],
        tag_len: 16,
    };
    let ccm = Params::Ccm {
        data_len: 32,
        nonce: vec![7; 12],
        aad: vec![],
        tag_len: 16,
    };
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    for (id, params) in [(ck::CKM_AES_GCM, gcm), (ck::CKM_AES_CCM, ccm)] {
        let unwrap = |more: Vec<RawAttribute>| {
            let keys = twins(&fixture, ck::CKK_AES, more);
            let blob = encrypt(&fixture, keys.encrypting, (id, params.clone()), &[0xC3; 32]);
            let request = fixture.request(id, params.clone());
            fixture
                .session
                .unwrap_key(request, keys.unwrapping, &blob, &template)
        };
        for more in [
            attrs![CKA_ENCRYPT => true],
            attrs![CKA_WRAP => true],
            attrs![CKA_SIGN => true],
            attrs![CKA_DERIVE => true],
            // A GMAC with a tag of 32 bits is found by trying, and tells of the key stream.
            attrs![CKA_VERIFY => true],
        ] {
            let decrypts = with(more.clone(), attrs![CKA_DECRYPT => true]);
            returns!(unwrap(more), CKR_KEY_FUNCTION_NOT_PERMITTED, "{id:#x}");
            returns!(unwrap(decrypts), CKR_OK, "{id:#x}");
        }
        returns!(unwrap(attrs![]), CKR_OK, "{id:#x}");
    }
}

/// A raw signature is the decryption of the data, and a shared secret opens what was wrapped for the key: by the keys of
/// clients that name every use ECDH derives, and then it unwraps nothing.
#[test]
fn raw_operations_of_a_key_that_unwraps_need_its_decrypt() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let ecdh = || {
        let params = Params::Ecdh(Ecdh {
            kdf: None,
            shared_data: Vec::new(),
            public_data: ec_material().point.clone(),
        });
        fixture.request(ck::CKM_ECDH1_DERIVE, params)
    };
    let derived_key =
        || attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET];
    for (decrypts, unwraps) in [(false, true), (true, true), (false, false)] {
        let uses = || attrs![CKA_DECRYPT => decrypts, CKA_UNWRAP => unwraps];
        let rsa = rsa_pair(session, attrs![], uses()).private;
        let ec = ec_pair(session, attrs![], uses()).private;
        let raw = fixture.open(crate::common::RW);
        let signed = raw.sign_init(fixture.plain(ck::CKM_RSA_X_509), rsa);
        let derived = session.derive_key(ecdh(), ec, &derived_key());
        returns!(derived, CKR_OK);
        let wrap = Params::EcdhAesKeyWrap(EcdhWrap {
            aes_bits: 256,
            kdf: Some(SharedKdf::X963(Hash::Sha256)),
            shared_data: Vec::new(),
        });
        let wrap = || fixture.request(ck::CKM_ECDH_AES_KEY_WRAP, wrap.clone());
        let pair = ec_pair(session, attrs![], uses());
        let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
        let blob = full(|out| session.wrap_key(wrap(), pair.public, key, out)).unwrap();
        let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
        let unwrapped = session.unwrap_key(wrap(), pair.private, &blob, &template);
        match (unwraps, decrypts) {
            (true, true) => returns!(unwrapped, CKR_OK),
            _ => returns!(unwrapped, CKR_KEY_FUNCTION_NOT_PERMITTED),
        }
        if unwraps && !decrypts {
            returns!(signed, CKR_KEY_FUNCTION_NOT_PERMITTED);
        } else {
            returns!(signed, CKR_OK);
        }
    }
}

/// Keys with the same value: one wraps alone, one unwraps alone.
fn wrapping_twins(fixture: &Fixture) -> (Handle, Handle) {
    let make = |wraps: bool| {
        let template = attrs![
            CKA_VALUE => &[0x5A; 32], CKA_ENCRYPT => false, CKA_DECRYPT => false,
            CKA_WRAP => wraps, CKA_UNWRAP => !wraps,
        ];
        secret(&fixture.session, ck::CKK_AES, template).public
    };
    (make(true), make(false))
}

/// Who could cut a byte off a key and put a guessed one on again would find it by comparing. So a key wrap
/// cuts zeros alone, and those only by a key that decrypts: that a key ends with zeros is told too.
#[test]
fn a_key_wrap_cuts_zeros_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let plain = || fixture.plain(ck::CKM_AES_KEY_WRAP);
    let wrapped = |value: &[u8]| {
        let (wrapping, _) = wrapping_twins(&fixture);
        let template = attrs![CKA_VALUE => value, CKA_EXTRACTABLE => true];
        let key = secret(session, ck::CKK_GENERIC_SECRET, template).public;
        full(|out| session.wrap_key(plain(), wrapping, key, out)).unwrap()
    };
    let unwrap = |decrypts: bool, blob: &[u8], len: u64| {
        let unwrapping = attrs![
            CKA_VALUE => &[0x5A; 32], CKA_ENCRYPT => false, CKA_DECRYPT => decrypts,
            CKA_WRAP => false, CKA_UNWRAP => true,
        ];
        let unwrapping = secret(session, ck::CKK_AES, unwrapping).public;
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => len,
        ];
        session.unwrap_key(plain(), unwrapping, blob, &template)
    };
    for len in [24_u64, 27, 32] {
        let blob = wrapped(&vec![0xC3; usize::try_from(len).unwrap()]);
        for cut in [0, 1, 3, 7] {
            let outcome = unwrap(true, &blob, len - cut);
            if cut == 0 {
                returns!(outcome, CKR_OK, "{len}");
            } else {
                returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{len} {cut}");
            }
            let outcome = unwrap(false, &blob, len - cut);
            match ((len - cut) % 8, cut) {
                (0, 0) => returns!(outcome, CKR_OK, "{len}"),
                (0, _) => returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{len} {cut}"),
                _ => returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{len} {cut}"),
            }
        }
    }
    // The same answer whether the key ends with a zero or not.
    let mut ends_with_zero = vec![0xC3; 32];
    ends_with_zero[31] = 0;
    let blob = wrapped(&ends_with_zero);
    returns!(unwrap(false, &blob, 31), CKR_KEY_FUNCTION_NOT_PERMITTED);
    returns!(unwrap(true, &blob, 31), CKR_OK);
}

/// A key that was wrapped without padding ends like a padding of one byte in one case of 256. Opened by a
/// mechanism that takes the padding away, it would tell that byte by its success.
#[test]
fn an_unwrap_tells_nothing_of_what_looks_like_padding() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let keys = |decrypts: bool| {
        let (wrapping, _) = wrapping_twins(&fixture);
        let template = attrs![
            CKA_VALUE => &[0x5A; 32], CKA_ENCRYPT => false, CKA_DECRYPT => decrypts,
            CKA_WRAP => false, CKA_UNWRAP => true,
        ];
        let unwrapping = secret(session, ck::CKK_AES, template).public;
        (wrapping, unwrapping)
    };
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
    ];
    let ways = [ck::CKM_AES_KEY_WRAP_PKCS7, ck::CKM_AES_KEY_WRAP_PAD];
    for decrypts in [false, true] {
        let (wrapping, unwrapping) = keys(decrypts);
        let wrap = |id, value: &[u8]| {
            let template = attrs![CKA_VALUE => value, CKA_EXTRACTABLE => true];
            let key = secret(session, ck::CKK_GENERIC_SECRET, template).public;
            full(|out| session.wrap_key(fixture.plain(id), wrapping, key, out)).unwrap()
        };
        for id in ways {
            let unwrap =
                |blob: &[u8]| session.unwrap_key(fixture.plain(id), unwrapping, blob, &template);
            for padding in 0..=9_u8 {
                let mut value = vec![0xC3; 32];
                value[32 - usize::from(padding)..].fill(padding);
                let outcome = unwrap(&wrap(ck::CKM_AES_KEY_WRAP, &value));
                let opens = padding == 8 || decrypts && (1..=8).contains(&padding);
                assert_eq!(outcome.is_ok(), opens, "{id:#x} {padding} {decrypts}");
                assert!(opens || rv(&outcome) == "CKR_WRAPPED_KEY_INVALID");
            }
            // What the mechanism itself pads: by a key that decrypts, each length.
            for len in [16, 20, 32] {
                let blob = wrap(ck::CKM_AES_KEY_WRAP_PKCS7, &vec![0xC3; len]);
                let opens = decrypts || len % 8 == 0;
                assert_eq!(unwrap(&blob).is_ok(), opens, "{id:#x} {len} {decrypts}");
            }
        }
        // RFC 5649 protects the length, so it is taken as it is.
        let blob = wrap(ck::CKM_AES_KEY_WRAP_KWP, &[0xC3; 20]);
        let pad = fixture.plain(ck::CKM_AES_KEY_WRAP_PAD);
        returns!(
            session.unwrap_key(pad, unwrapping, &blob, &template),
            CKR_OK
        );
    }
}

/// Of a private key's encoding most bytes are known; as a secret key it would be taken for unknown ones.
#[test]
fn the_encoding_of_a_private_key_is_no_secret_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let (wrapping, unwrapping) = wrapping_twins(&fixture);
    let extractable = || attrs![CKA_EXTRACTABLE => true];
    let keys = [
        rsa_pair(session, attrs![], extractable()).private,
        ec_pair(session, attrs![], extractable()).private,
    ];
    for key in keys {
        for id in [ck::CKM_AES_KEY_WRAP, ck::CKM_AES_KEY_WRAP_KWP] {
            let wrapped = full(|out| session.wrap_key(fixture.plain(id), wrapping, key, out));
            let template = attrs![
                CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            ];
            let plain = fixture.plain(id);
            let outcome = session.unwrap_key(plain, unwrapping, &wrapped.unwrap(), &template);
            returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{id:#x}");
        }
    }
}

/// With CKA_DECRYPT the key tells its plaintexts anyway, and cuts and pads as the standard has it.
#[test]
fn a_key_that_decrypts_unwraps_everything() {
    let fixture = Fixture::new();
    for (key_type, unwrap, params, make) in mechanisms() {
        let keys = twins(&fixture, key_type, attrs![CKA_DECRYPT => true]);
        let mut text = vec![0xC3; 31];
        match unwrap {
            // A stream has the length of the key.
            ck::CKM_AES_CTR => {}
            ck::CKM_AES_CBC_PAD => text.push(1),
            _ => text.push(0),
        }
        let blob = encrypt(&fixture, keys.encrypting, (make, params.clone()), &text);
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => 31,
        ];
        let request = fixture.request(unwrap, params);
        let outcome = fixture
            .session
            .unwrap_key(request, keys.unwrapping, &blob, &template);
        returns!(outcome, CKR_OK, "{unwrap:#x}");
    }
}

/// A tag of 32 or 64 bits is found by trying, and then the blob is the caller's own.
#[test]
fn a_short_tag_proves_nothing() {
    let fixture = Fixture::new();
    let gcm = |tag_len| Params::Gcm {
        iv: vec![7; 12].into(),
        aad: vec![],
        tag_len,
    };
    let ccm = |tag_len| Params::Ccm {
        data_len: 32,
        nonce: vec![7; 12],
        aad: vec![],
        tag_len,
    };
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let unwrap = |key_type, id, params: Params, more: Vec<RawAttribute>| {
        let keys = twins(&fixture, key_type, more);
        let blob = encrypt(&fixture, keys.encrypting, (id, params.clone()), &[0xC3; 32]);
        let request = fixture.request(id, params);
        fixture
            .session
            .unwrap_key(request, keys.unwrapping, &blob, &template)
    };
    let decrypts = || attrs![CKA_DECRYPT => true];
    for (tag_len, long) in [(4, false), (8, false), (12, true), (14, true), (16, true)] {
        for (key_type, id, params) in [
            (ck::CKK_AES, ck::CKM_AES_GCM, gcm(tag_len)),
            (ck::CKK_AES, ck::CKM_AES_CCM, ccm(tag_len)),
            (ck::CKK_TENON_SM4, ck::CKM_TENON_SM4_GCM, gcm(tag_len)),
        ] {
            let outcome = unwrap(key_type, id, params.clone(), vec![]);
            if long {
                returns!(outcome, CKR_OK, "{id:#x} {tag_len}");
            } else {
                returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED, "{id:#x} {tag_len}");
            }
            returns!(unwrap(key_type, id, params, decrypts()), CKR_OK, "{id:#x}");
        }
    }
}

/// CKM_AES_KEY_WRAP fills keys up with zeros. Whether a key wrapped by a trusted one ends with zeros
/// would tell it byte by byte, after XOR with known data and another wrap; so CKA_VALUE_LEN cuts
/// nothing off it, whatever is there.
#[test]
fn a_key_wrap_does_not_tell_whether_it_cuts_zeros() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let unwrap = |last: u8, id, len: u64| {
        let mut value = vec![0xC3; 32];
        value[31] = last;
        let picky = attrs![
            CKA_VALUE => &value, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true,
        ];
        let key = secret(session, ck::CKK_GENERIC_SECRET, picky).public;
        let blob = full(|out| session.wrap_key(fixture.plain(id), trusted, key, out)).unwrap();
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => len,
        ];
        session.unwrap_key(fixture.plain(id), trusted, &blob, &template)
    };
    for id in [
        ck::CKM_AES_KEY_WRAP,
        ck::CKM_AES_KEY_WRAP_PAD,
        ck::CKM_AES_KEY_WRAP_KWP,
        ck::CKM_AES_KEY_WRAP_PKCS7,
    ] {
        for len in [1_u64, 9, 15, 16, 24, 25, 31, 32, 33] {
            let answers = [0, 1, 0xC3].map(|last| rv(&unwrap(last, id, len)));
            assert!(
                answers.iter().all(|answer| *answer == answers[0]),
                "{id:#x} {len} {answers:?}"
            );
        }
    }
    returns!(unwrap(1, ck::CKM_AES_KEY_WRAP, 32), CKR_OK);
    for len in [15, 31] {
        returns!(
            unwrap(0, ck::CKM_AES_KEY_WRAP, len),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
    }
}
