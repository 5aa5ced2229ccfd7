//! TLS by the C functions: published secrets and key blocks, and what a caller must not learn of a closed secret.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{CKK_GENERIC_SECRET_BYTES, Hsm, len, open, plain, pointer, test};
use crate::client::{Attribute, Key, Mechanism, Way};
use crate::vectors::{bytes, list, load, text};

const AES: &[u8] = &CKK_AES.to_ne_bytes();
const TRUE: &[u8] = &[CK_TRUE];
const FALSE: &[u8] = &[CK_FALSE];

/// A mechanism with the structure `params`, which the call may write.
fn with<T>(kind: CK_MECHANISM_TYPE, params: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: std::ptr::from_mut(params).cast(),
        ulParameterLen: CK_ULONG::try_from(size_of::<T>()).unwrap(),
    }
}

fn randoms(client: &[u8], server: &[u8]) -> CK_SSL3_RANDOM_DATA {
    CK_SSL3_RANDOM_DATA {
        pClientRandom: pointer(client),
        ulClientRandomLen: len(client),
        pServerRandom: pointer(server),
        ulServerRandomLen: len(server),
    }
}

/// The handle that C_DeriveKey gives, or its refusal.
fn derive(
    hsm: &Hsm,
    mut mechanism: CK_MECHANISM,
    base: Key,
    template: &[Attribute<'_>],
) -> Result<Key, CK_RV> {
    let entry = |(kind, value): &Attribute<'_>| CK_ATTRIBUTE {
        type_: *kind,
        pValue: pointer(value).cast(),
        ulValueLen: len(value),
    };
    let mut list: Vec<_> = template.iter().map(entry).collect();
    let count = CK_ULONG::try_from(list.len()).unwrap();
    let mut key = 0;
    let rv = call!(
        hsm,
        C_DeriveKey(
            &raw mut mechanism,
            base,
            list.as_mut_ptr(),
            count,
            &raw mut key
        )
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

fn generic() -> Vec<Attribute<'static>> {
    open(CKK_GENERIC_SECRET_BYTES)
}

/// A secret of 48 bytes that derives and must not be read, with `more`.
fn closed(hsm: &Hsm, more: &[Attribute<'_>]) -> Key {
    let class = CKO_SECRET_KEY.to_ne_bytes();
    let mut template = vec![
        (CKA_CLASS, &class[..]),
        (CKA_KEY_TYPE, CKK_GENERIC_SECRET_BYTES),
        (CKA_VALUE, &[7; 48]),
        (CKA_SENSITIVE, TRUE),
        (CKA_EXTRACTABLE, FALSE),
        (CKA_DERIVE, TRUE),
    ];
    template.extend(more);
    hsm.client.create(&template).unwrap()
}

fn keys_of(bits: [CK_ULONG; 3], out: &mut CK_SSL3_KEY_MAT_OUT) -> CK_TLS12_KEY_MAT_PARAMS {
    let [mac, key, iv] = bits;
    CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: mac,
        ulKeySizeInBits: key,
        ulIVSizeInBits: iv,
        bIsExport: CK_FALSE,
        RandomInfo: randoms(&[1; 32], &[2; 32]),
        pReturnedKeyMaterial: out,
        prfHashMechanism: CKM_SHA256,
    }
}

fn nothing() -> CK_SSL3_KEY_MAT_OUT {
    CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 99,
        hServerMacSecret: 99,
        hClientKey: 99,
        hServerKey: 99,
        pIVClient: null_mut(),
        pIVServer: null_mut(),
    }
}

fn objects(hsm: &Hsm) -> usize {
    hsm.client.find(&[]).unwrap().len()
}

fn flag(hsm: &Hsm, key: Key, kind: CK_ATTRIBUTE_TYPE) -> bool {
    let mut value = [9];
    hsm.client
        .attributes(key, &mut [(kind, &mut value)])
        .unwrap();
    value == [CK_TRUE]
}

/// The master secret of a published connection, by the mechanism for pre-master secrets with a version or without.
fn master(hsm: &Hsm, case: &serde_json::Value, agreed: bool) -> Key {
    let hex = |name| bytes(case, name);
    let pre = hsm.generic(&hex("pre_master"));
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let place = if agreed { null_mut() } else { &raw mut version };
    let made = match text(case, "name") {
        "extended" => {
            let session = hex("session_hash");
            let mut params = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
                prfHashMechanism: CKM_SHA256,
                pSessionHash: pointer(&session),
                ulSessionHashLen: len(&session),
                pVersion: place,
            };
            let kind = match agreed {
                true => CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
                false => CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
            };
            derive(hsm, with(kind, &mut params), pre, &generic())
        }
        "tls12" => {
            let (client, server) = (hex("hello_client"), hex("hello_server"));
            let mut params = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
                RandomInfo: randoms(&client, &server),
                pVersion: place,
                prfHashMechanism: CKM_SHA256,
            };
            let kind = match agreed {
                true => CKM_TLS12_MASTER_KEY_DERIVE_DH,
                false => CKM_TLS12_MASTER_KEY_DERIVE,
            };
            derive(hsm, with(kind, &mut params), pre, &generic())
        }
        _ => {
            let (client, server) = (hex("hello_client"), hex("hello_server"));
            let mut params = CK_SSL3_MASTER_KEY_DERIVE_PARAMS {
                RandomInfo: randoms(&client, &server),
                pVersion: place,
            };
            let kind = match agreed {
                true => CKM_TLS_MASTER_KEY_DERIVE_DH,
                false => CKM_TLS_MASTER_KEY_DERIVE,
            };
            derive(hsm, with(kind, &mut params), pre, &generic())
        }
    };
    if !agreed {
        let pre = hex("pre_master");
        assert_eq!([version.major, version.minor], pre[..2]);
    }
    made.unwrap()
}

test! {
    run_offering_all:
    fn published_connections(hsm) {
        for case in list(&load("tls.json"), "connections") {
            let hex = |name| bytes(case, name);
            for agreed in [false, true] {
                let master = master(hsm, case, agreed);
                assert_eq!(hsm.value(master), hex("master"));
                let (client, server, block) = (hex("client"), hex("server"), hex("block"));
                let mut ivs = [[0; 12], [0; 12]];
                let mut out = nothing();
                let [ref mut of_client, ref mut of_server] = ivs;
                (out.pIVClient, out.pIVServer) = (of_client.as_mut_ptr(), of_server.as_mut_ptr());
                let mut template = open(AES);
                let key_len = 16_u64.to_ne_bytes();
                template.push((CKA_VALUE_LEN, &key_len));
                let random = randoms(&client, &server);
                let made = if text(case, "name") == "tls10" {
                    let mut params = CK_SSL3_KEY_MAT_PARAMS {
                        ulMacSizeInBits: 160,
                        ulKeySizeInBits: 128,
                        ulIVSizeInBits: 96,
                        bIsExport: CK_FALSE,
                        RandomInfo: random,
                        pReturnedKeyMaterial: &raw mut out,
                    };
                    derive(hsm, with(CKM_TLS_KEY_AND_MAC_DERIVE, &mut params), master, &template)
                } else {
                    let mut params = CK_TLS12_KEY_MAT_PARAMS {
                        RandomInfo: random,
                        ..keys_of([160, 128, 96], &mut out)
                    };
                    derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), master, &template)
                };
                assert!(made.is_ok(), "{made:?}");
                let parts = [
                    hsm.value(out.hClientMacSecret),
                    hsm.value(out.hServerMacSecret),
                    hsm.value(out.hClientKey),
                    hsm.value(out.hServerKey),
                    ivs[0].to_vec(),
                    ivs[1].to_vec(),
                ];
                assert_eq!(parts.concat(), block[..96]);
                for (key, uses) in [
                    (out.hClientMacSecret, [true, true, false, false]),
                    (out.hServerKey, [false, false, true, true]),
                ] {
                    let kinds = [CKA_SIGN, CKA_VERIFY, CKA_ENCRYPT, CKA_DECRYPT];
                    assert_eq!(kinds.map(|kind| flag(hsm, key, kind)), uses);
                }
            }
        }
    }
}

test! {
    fn exported_material_is_what_the_function_gives(hsm) {
        for case in list(&load("tls.json"), "prf") {
            if text(case, "hash") != "sha256" {
                continue;
            }
            let [secret, seed, output] = ["secret", "seed", "output"].map(|name| bytes(case, name));
            let (label, value_len) = (text(case, "label"), len(&output).to_ne_bytes());
            for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
                let mut params = CK_TLS_KDF_PARAMS {
                    prfMechanism: CKM_SHA256,
                    pLabel: pointer(label.as_bytes()),
                    ulLabelLength: len(label.as_bytes()),
                    RandomInfo: randoms(&seed[..seed.len() / 2], &seed[seed.len() / 2..]),
                    pContextData: null_mut(),
                    ulContextDataLength: 0,
                };
                let mut template = generic();
                template.push((CKA_VALUE_LEN, &value_len));
                let base = hsm.generic(&secret);
                let key = derive(hsm, with(kind, &mut params), base, &template).unwrap();
                assert_eq!(hsm.value(key), output);
                // RFC 5705 section 4: the context comes with its length, also where it has no bytes.
                let context = [0_u8; 1];
                params.pContextData = pointer(&context);
                let other = derive(hsm, with(kind, &mut params), base, &template).unwrap();
                assert_ne!(hsm.value(other), output);
            }
        }
    }

    // The answers are OpenSSL's (TLS1-PRF with MD5-SHA1).
    fn finished_messages_of_tls_1_0(hsm) {
        let base = hsm.generic(&[7; 48]);
        let handshake: Vec<u8> = (0..36).collect();
        for (side, expected) in [
            (2, [0xA4, 0x72, 0xB9, 0x7F, 0x20, 0x8B, 0x8C, 0x45, 0x01, 0xD7, 0x1A, 0x62]),
            (1, [0xEC, 0x08, 0x40, 0xB5, 0x31, 0xDD, 0xAF, 0x37, 0xAE, 0x94, 0xD7, 0x8B]),
        ] {
            let params = |mac_len| CK_TLS_MAC_PARAMS {
                prfHashMechanism: CKM_TLS_PRF,
                ulMacLength: mac_len,
                ulServerOrClient: side,
            };
            let right = params(12);
            let mechanism = Mechanism::Bytes(CKM_TLS_MAC, Mechanism::structure(&right));
            for way in [Way::Whole, Way::Parts(5)] {
                let mut out = [0; 64];
                let made = hsm.client.sign(mechanism, base, way, &handshake, &mut out);
                assert_eq!((made, &out[..12]), (Ok(12), &expected[..]));
                hsm.client.verify(mechanism, base, way, &handshake, &expected).unwrap();
            }
            let long = params(16);
            let mechanism = Mechanism::Bytes(CKM_TLS_MAC, Mechanism::structure(&long));
            let refused = hsm.client.sign(mechanism, base, Way::Whole, &handshake, &mut [0; 64]);
            assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
        }
    }

    // The function takes the halves apart: two bytes of a closed key in one of them would be found by trying.
    fn no_finished_message_tells_a_short_piece(hsm) {
        let base = closed(hsm, &[(CKA_SIGN, TRUE)]);
        let params = CK_TLS_MAC_PARAMS {
            prfHashMechanism: CKM_TLS_PRF,
            ulMacLength: 12,
            ulServerOrClient: 1,
        };
        let mechanism = Mechanism::Bytes(CKM_TLS_MAC, Mechanism::structure(&params));
        let sign = |key| hsm.client.sign(mechanism, key, Way::Whole, b"handshake", &mut [0; 64]);
        assert_eq!(sign(base), Ok(12));
        let data = [9; 46];
        let joined = CK_KEY_DERIVATION_STRING_DATA { pData: pointer(&data), ulLen: 46 };
        let mut template = vec![(CKA_KEY_TYPE, CKK_GENERIC_SECRET_BYTES), (CKA_SIGN, TRUE)];
        template.extend([(CKA_SENSITIVE, TRUE), (CKA_EXTRACTABLE, FALSE)]);
        let mut parts = joined;
        let long = derive(hsm, with(CKM_CONCATENATE_DATA_AND_BASE, &mut parts), base, &template).unwrap();
        assert_eq!(sign(long), Err(CKR_KEY_SIZE_RANGE));
    }

    fn finished_messages_are_signed_and_verified(hsm) {
        let vectors = load("tls.json");
        let case = &list(&vectors, "connections")[0];
        let base = hsm.generic(&bytes(case, "master"));
        for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
            let (mut seen, handshake) = (Vec::new(), [5; 32]);
            for (side, mac_len) in [(1, 12_u64), (2, 12), (2, 40)] {
                let params = CK_TLS_MAC_PARAMS {
                    prfHashMechanism: CKM_SHA256,
                    ulMacLength: mac_len,
                    ulServerOrClient: side,
                };
                let label: &[u8] = if side == 1 { b"server finished" } else { b"client finished" };
                let mut kdf = CK_TLS_KDF_PARAMS {
                    prfMechanism: CKM_SHA256,
                    pLabel: pointer(label),
                    ulLabelLength: len(label),
                    RandomInfo: randoms(&handshake, &[]),
                    pContextData: null_mut(),
                    ulContextDataLength: 0,
                };
                let (mut template, value_len) = (generic(), mac_len.to_ne_bytes());
                template.push((CKA_VALUE_LEN, &value_len));
                let exported = derive(hsm, with(CKM_TLS_KDF, &mut kdf), base, &template);
                let expected = hsm.value(exported.unwrap());
                for way in [Way::Whole, Way::Parts(5)] {
                    let mechanism = Mechanism::Bytes(kind, Mechanism::structure(&params));
                    let mut out = [0; 64];
                    let made = hsm.client.sign(mechanism, base, way, &handshake, &mut out).unwrap();
                    assert_eq!(out[..made], expected);
                    hsm.client.verify(mechanism, base, way, &handshake, &out[..made]).unwrap();
                    out[3] ^= 1;
                    let refused = hsm.client.verify(mechanism, base, way, &handshake, &out[..made]);
                    assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
                    let refused = hsm.client.verify(mechanism, base, way, &handshake, &out[..11]);
                    assert_eq!(refused, Err(CKR_SIGNATURE_LEN_RANGE));
                }
                seen.push(expected);
            }
            assert_ne!(seen[0], seen[1]);
            for (mac_len, side) in [(11, 1), (65, 1), (12, 0), (12, 3)] {
                let params = CK_TLS_MAC_PARAMS {
                    prfHashMechanism: CKM_SHA256,
                    ulMacLength: mac_len,
                    ulServerOrClient: side,
                };
                let mechanism = Mechanism::Bytes(kind, Mechanism::structure(&params));
                let refused = hsm.client.sign(mechanism, base, Way::Whole, &[], &mut [0; 64]);
                assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
            }
        }
    }

    fn all_keys_of_a_connection_are_made_or_none(hsm) {
        let base = hsm.generic(&[7; 48]);
        let before = objects(hsm);
        let mut out = nothing();
        let iv = &mut [0; 16];
        let key_len = 24_u64.to_ne_bytes();
        for (bits, template, expected) in [
            ([160, 128, 128], open(AES), CKR_MECHANISM_PARAM_INVALID),
            ([160, 120, 0], open(AES), CKR_TEMPLATE_INCOMPLETE),
            ([168, 129, 0], open(AES), CKR_MECHANISM_PARAM_INVALID),
            ([160, 264, 0], open(AES), CKR_MECHANISM_PARAM_INVALID),
            ([160, 128, 0], [open(AES), vec![(CKA_VALUE_LEN, &key_len[..])]].concat(), CKR_TEMPLATE_INCONSISTENT),
            ([160, 128, 0], vec![(CKA_SENSITIVE, TRUE)], CKR_TEMPLATE_INCONSISTENT),
            ([160, 128, 0], vec![(CKA_EXTRACTABLE, FALSE)], CKR_TEMPLATE_INCONSISTENT),
        ] {
            let mut params = keys_of(bits, &mut out);
            let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &template);
            assert_eq!(made, Err(expected), "{bits:?}");
            assert_eq!((objects(hsm), out.hClientKey, out.hServerMacSecret), (before, 99, 99));
        }
        let mut params = keys_of([0, 128, 0], &mut out);
        params.pReturnedKeyMaterial = null_mut();
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &open(AES));
        assert_eq!(made, Err(CKR_MECHANISM_PARAM_INVALID));
        params = keys_of([0, 128, 0], &mut out);
        params.bIsExport = CK_TRUE;
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &open(AES));
        assert_eq!(made, Err(CKR_MECHANISM_PARAM_INVALID));
        // The safe mechanism ignores the length of the vectors, and writes none.
        out.pIVClient = iv.as_mut_ptr();
        out.pIVServer = iv.as_mut_ptr();
        let mut params = keys_of([0, 128, 128], &mut out);
        let made = derive(hsm, with(CKM_TLS12_KEY_SAFE_DERIVE, &mut params), base, &open(AES));
        assert!(made.is_ok());
        assert_eq!((*iv, out.hClientMacSecret), ([0; 16], CK_INVALID_HANDLE));
        assert_eq!(objects(hsm), before + 2);
    }

    // What is made of a closed master secret is closed, and CKA_DERIVE_TEMPLATE keeps its bytes out of the vectors.
    fn a_closed_secret_tells_nothing(hsm) {
        let base = closed(hsm, &[]);
        let mut out = nothing();
        let mut params = keys_of([160, 128, 0], &mut out);
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &[(CKA_KEY_TYPE, AES)]);
        assert!(made.is_ok());
        for key in [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey] {
            assert!(flag(hsm, key, CKA_SENSITIVE) && !flag(hsm, key, CKA_EXTRACTABLE));
        }
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &open(AES));
        assert_eq!(made, Err(CKR_TEMPLATE_INCONSISTENT));
        // Keys that are guessed, and keys that end within 8 bytes of another one.
        for bits in [[8, 128, 0], [136, 128, 0], [0, 8, 0], [0, 136, 0]] {
            let mut params = keys_of(bits, &mut out);
            let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &[]);
            assert_eq!(made, Err(CKR_KEY_SIZE_RANGE), "{bits:?}");
        }
        let mut kdf = CK_TLS_KDF_PARAMS {
            prfMechanism: CKM_SHA256,
            pLabel: null_mut(),
            ulLabelLength: 0,
            RandomInfo: randoms(&[], &[]),
            pContextData: null_mut(),
            ulContextDataLength: 0,
        };
        let value_len = 32_u64.to_ne_bytes();
        let asked = [(CKA_VALUE_LEN, &value_len[..])];
        let key = derive(hsm, with(CKM_TLS_KDF, &mut kdf), base, &asked).unwrap();
        assert!(flag(hsm, key, CKA_SENSITIVE) && !flag(hsm, key, CKA_EXTRACTABLE));
        let opened = [&generic()[..], &asked].concat();
        let made = derive(hsm, with(CKM_TLS_KDF, &mut kdf), base, &opened);
        assert_eq!(made, Err(CKR_TEMPLATE_INCONSISTENT));
    }

    fn a_derive_template_keeps_vectors_back(hsm) {
        let entry = CK_ATTRIBUTE {
            type_: CKA_EXTRACTABLE,
            pValue: pointer(FALSE).cast(),
            ulValueLen: 1,
        };
        let base = closed(hsm, &[(CKA_DERIVE_TEMPLATE, Mechanism::structure(&entry))]);
        let mut iv = [0; 16];
        let mut out = nothing();
        (out.pIVClient, out.pIVServer) = (iv.as_mut_ptr(), iv.as_mut_ptr());
        let mut params = keys_of([0, 128, 128], &mut out);
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &[(CKA_KEY_TYPE, AES)]);
        assert_eq!((made, iv), (Err(CKR_MECHANISM_PARAM_INVALID), [0; 16]));
        let mut params = keys_of([0, 128, 0], &mut out);
        let made = derive(hsm, with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut params), base, &[(CKA_KEY_TYPE, AES)]);
        assert!(made.is_ok());
    }

    // Two bytes of a secret, which XOR with data of the caller's would make two bytes of his choice.
    fn the_version_of_a_closed_secret_is_told_where_the_caller_chose_it(hsm) {
        let mut version = CK_VERSION { major: 3, minor: 3 };
        let mechanism = with(CKM_TLS_PRE_MASTER_KEY_GEN, &mut version);
        let made = hsm.client.generate(Mechanism::Bytes(mechanism.mechanism, &[3, 3]), &[(CKA_DERIVE, TRUE)]);
        let mut told = CK_VERSION { major: 0, minor: 0 };
        let mut params = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
            RandomInfo: randoms(&[1; 32], &[2; 32]),
            pVersion: &raw mut told,
            prfHashMechanism: CKM_SHA256,
        };
        let mechanism = || CKM_TLS12_MASTER_KEY_DERIVE;
        derive(hsm, with(mechanism(), &mut params), made.unwrap(), &[]).unwrap();
        assert_eq!([told.major, told.minor], [3, 3]);
        told = CK_VERSION { major: 0, minor: 0 };
        let base = closed(hsm, &[]);
        let refused = derive(hsm, with(mechanism(), &mut params), base, &[]);
        assert_eq!((refused, told.major), (Err(CKR_MECHANISM_PARAM_INVALID), 0));
        params.pVersion = null_mut();
        let master = derive(hsm, with(mechanism(), &mut params), base, &[]).unwrap();
        // A master secret serves TLS alone.
        let signed = hsm.client.sign(Mechanism::Plain(CKM_SHA256_HMAC), master, Way::Whole, &[], &mut [0; 32]);
        assert!(matches!(signed, Err(CKR_MECHANISM_INVALID | CKR_KEY_FUNCTION_NOT_PERMITTED)));
        let joined = derive(hsm, plain(CKM_SHA256_KEY_DERIVATION), master, &[]);
        assert!(joined.is_err());
    }
}

test! {
    run_offering_all:
    fn a_closed_secret_is_not_halved_where_its_bytes_are_guessed(hsm) {
        let base = closed(hsm, &[]);
        let mut params = CK_SSL3_MASTER_KEY_DERIVE_PARAMS {
            RandomInfo: randoms(&[1; 32], &[2; 32]),
            pVersion: null_mut(),
        };
        let halved = |params: &mut CK_SSL3_MASTER_KEY_DERIVE_PARAMS, key| {
            derive(hsm, with(CKM_TLS_MASTER_KEY_DERIVE_DH, params), key, &[]).err()
        };
        assert_eq!(halved(&mut params, base), None);
        // Known bytes before the secret move the middle to any of its bytes.
        for data_len in 1..=47 {
            let mut data = vec![9; data_len];
            let mut string = CK_KEY_DERIVATION_STRING_DATA {
                pData: data.as_mut_ptr(),
                ulLen: len(&data),
            };
            let mechanism = with(CKM_CONCATENATE_DATA_AND_BASE, &mut string);
            let joined = derive(hsm, mechanism, base, &[(CKA_DERIVE, TRUE)]).unwrap();
            let middle = (48 + data_len) / 2;
            let into = middle.saturating_sub(data_len) % 16;
            let harmless = data_len % 16 == 0 && (into == 0 || into == 8);
            let expected = if harmless { None } else { Some(CKR_KEY_SIZE_RANGE) };
            assert_eq!(halved(&mut params, joined), expected, "{data_len}");
        }
    }
}
