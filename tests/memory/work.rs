//! Everything that takes a secret in or hands one out.

use cryptoki_sys::*;
use tenon_pkcs11::api::ck;
use zeroize::Zeroizing;

use super::client::{self, Attribute, Client, Key, Mechanism, Pair, Way};
use super::secrets::{Secrets, tell};
use super::wraps::{self, Wrapping};

pub(crate) const TRUE: &[u8] = &[1];
pub(crate) const FALSE: &[u8] = &[0];
const SECRET_KEY: &[u8] = &CKO_SECRET_KEY.to_ne_bytes();
const GENERIC_SECRET: &[u8] = &CKK_GENERIC_SECRET.to_ne_bytes();

pub(crate) fn number(number: &CK_ULONG) -> [u8; 8] {
    number.to_ne_bytes()
}

/// A parameter that is a structure of numbers and pointers.
pub(crate) fn bytes_of<T>(params: &T) -> &[u8] {
    // SAFETY: the structures of PKCS#11 that are used here have no gaps.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(params).cast(), size_of::<T>()) }
}

pub(crate) fn everything(client: &Client, secrets: &Secrets) {
    pins(client, secrets);
    data_objects(client, secrets);
    secret_keys(client, secrets);
    let rsa = create_rsa(client, secrets);
    let ec = create_ec(client, secrets);
    let aes = create_secret(client, CKK_AES, &secrets.clear("aes"));
    let sm4 = create_secret(client, ck::CKK_TENON_SM4, &secrets.clear("sm4"));
    let private = [(rsa.private, CKK_RSA), (ec, CKK_EC)];
    signatures(client, rsa.private, ec);
    let both = |key| Pair {
        public: key,
        private: key,
    };
    let wrapping = Wrapping {
        rsa,
        p256: generated_pair(client, CKM_EC_KEY_PAIR_GEN, "P-256"),
        sm2: generated_pair(client, ck::CKM_TENON_SM2_KEY_PAIR_GEN, "SM2"),
        aes: both(aes),
        sm4: both(sm4),
    };
    wraps::everything(client, secrets, &wrapping, private);
    ciphers(client, secrets, &wrapping);
    derivations(client, secrets, ec);
    from_password(client, secrets);
    generated(client);
}

fn pins(client: &Client, secrets: &Secrets) {
    let of = |name| secrets.clear(name);
    client.logout().unwrap();
    client.login_officer(client::PIN).unwrap();
    client.init_pin(&of("initial pin")).unwrap();
    client.set_pin(client::PIN, &of("officer's pin")).unwrap();
    client.logout().unwrap();
    client.login_officer(&of("officer's pin")).unwrap();
    client.logout().unwrap();
    client.login(&of("initial pin")).unwrap();
    client.set_pin(&of("initial pin"), &of("pin")).unwrap();
    client.logout().unwrap();
    client.login(&of("pin")).unwrap();
}

/// The value of an attribute.
pub(crate) fn value(client: &Client, key: Key, kind: CK_ATTRIBUTE_TYPE) -> Zeroizing<Vec<u8>> {
    let mut value = Zeroizing::new(vec![0; 4000]);
    let places = &mut [(kind, &mut value[..])];
    let len = client.attributes(key, places).unwrap()[0];
    value.truncate(len);
    value
}

pub(crate) fn sign(client: &Client, mechanism: Mechanism<'_>, key: Key) {
    for way in [Way::Whole, Way::Parts(3)] {
        let mut out = [0; 256];
        client
            .sign(mechanism, key, way, b"message", &mut out)
            .unwrap();
    }
}

pub(crate) fn create_secret(client: &Client, key_type: CK_KEY_TYPE, value: &[u8]) -> Key {
    let template: &[Attribute<'_>] = &[
        (CKA_CLASS, &number(&CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, &number(&key_type)),
        (CKA_TOKEN, TRUE),
        (CKA_PRIVATE, TRUE),
        (CKA_SENSITIVE, FALSE),
        (CKA_EXTRACTABLE, TRUE),
        (CKA_VALUE, value),
    ];
    let uses: &[_] = if matches!(key_type, CKK_AES | ck::CKK_TENON_SM4) {
        &[CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP]
    } else {
        &[CKA_DERIVE, CKA_SIGN]
    };
    let uses: Vec<_> = uses.iter().map(|usage| (*usage, TRUE)).collect();
    client.create(&[template, &uses].concat()).unwrap()
}

/// Secret keys of several types: made, copied, read, used.
fn secret_keys(client: &Client, secrets: &Secrets) {
    for (name, key_type) in [
        ("aes", CKK_AES),
        ("generic", CKK_GENERIC_SECRET),
        ("hmac", CKK_SHA256_HMAC),
        ("long hmac", CKK_SHA256_HMAC),
        ("long hmac", CKK_SHA3_512_HMAC),
        ("sm4", ck::CKK_TENON_SM4),
    ] {
        let key = create_secret(client, key_type, &secrets.clear(name));
        let copy = client.copy(key, &[(CKA_TOKEN, FALSE)]).unwrap();
        for _ in 0..3 {
            assert!(value(client, copy, CKA_VALUE) == secrets.clear(name));
        }
        match key_type {
            CKK_AES | ck::CKK_TENON_SM4 => {}
            CKK_SHA3_512_HMAC => sign(client, Mechanism::Plain(CKM_SHA3_512_HMAC), key),
            _ => sign(client, Mechanism::Plain(CKM_SHA256_HMAC), key),
        }
    }
}

/// Private data objects, on the token and in the session: made, found by their value, read, copied.
fn data_objects(client: &Client, secrets: &Secrets) {
    for (token, name) in [(TRUE, "data"), (FALSE, "data"), (TRUE, "data again")] {
        let data = secrets.clear(name);
        let template = [
            (CKA_CLASS, &number(&CKO_DATA)[..]),
            (CKA_TOKEN, token),
            (CKA_PRIVATE, TRUE),
            (CKA_VALUE, &data[..]),
        ];
        let object = client.create(&template).unwrap();
        assert!(client.find(&template[3..]).unwrap().contains(&object));
        let copy = client.copy(object, &[]).unwrap();
        client.change(copy, &[(CKA_LABEL, b"a copy")]).unwrap();
        for _ in 0..3 {
            assert!(value(client, object, CKA_VALUE) == data);
        }
    }
}

/// The public and the private key.
fn create_rsa(client: &Client, secrets: &Secrets) -> Pair {
    let of = |name| secrets.clear(name);
    let (n, e) = (of("n"), of("e"));
    let public = client
        .create(&[
            (CKA_CLASS, &number(&CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, &number(&CKK_RSA)),
            (CKA_ENCRYPT, TRUE),
            (CKA_WRAP, TRUE),
            (CKA_MODULUS, &n),
            (CKA_PUBLIC_EXPONENT, &e),
        ])
        .unwrap();
    let private = client
        .create(&[
            (CKA_CLASS, &number(&CKO_PRIVATE_KEY)),
            (CKA_KEY_TYPE, &number(&CKK_RSA)),
            (CKA_TOKEN, TRUE),
            (CKA_SENSITIVE, FALSE),
            (CKA_EXTRACTABLE, TRUE),
            (CKA_SIGN, TRUE),
            (CKA_DECRYPT, TRUE),
            (CKA_UNWRAP, TRUE),
            (CKA_MODULUS, &n),
            (CKA_PUBLIC_EXPONENT, &e),
            (CKA_PRIVATE_EXPONENT, &of("d")),
            (CKA_PRIME_1, &of("p")),
            (CKA_PRIME_2, &of("q")),
            (CKA_EXPONENT_1, &of("dp")),
            (CKA_EXPONENT_2, &of("dq")),
            (CKA_COEFFICIENT, &of("qinv")),
        ])
        .unwrap();
    for (kind, name) in RSA_VALUES {
        assert!(value(client, private, *kind) == of(name));
    }
    Pair { public, private }
}

const RSA_VALUES: &[(CK_ATTRIBUTE_TYPE, &str)] = &[
    (CKA_PRIVATE_EXPONENT, "d"),
    (CKA_PRIME_1, "p"),
    (CKA_PRIME_2, "q"),
    (CKA_EXPONENT_1, "dp"),
    (CKA_EXPONENT_2, "dq"),
    (CKA_COEFFICIENT, "qinv"),
];

fn create_ec(client: &Client, secrets: &Secrets) -> Key {
    let key = client
        .create(&[
            (CKA_CLASS, &number(&CKO_PRIVATE_KEY)),
            (CKA_KEY_TYPE, &number(&CKK_EC)),
            (CKA_TOKEN, TRUE),
            (CKA_SENSITIVE, FALSE),
            (CKA_EXTRACTABLE, TRUE),
            (CKA_SIGN, TRUE),
            (CKA_DERIVE, TRUE),
            (CKA_EC_PARAMS, client::P256),
            (CKA_VALUE, &secrets.clear("scalar")),
        ])
        .unwrap();
    assert!(value(client, key, CKA_VALUE) == secrets.clear("scalar"));
    key
}

fn signatures(client: &Client, rsa: Key, ec: Key) {
    for (mechanism, key) in [(CKM_SHA256_RSA_PKCS, rsa), (CKM_ECDSA_SHA256, ec)] {
        sign(client, Mechanism::Plain(mechanism), key);
    }
}

/// Messages encrypted and decrypted, whole and in parts.
fn ciphers(client: &Client, secrets: &Secrets, keys: &Wrapping) {
    let iv = [7; 16];
    let counter = CK_AES_CTR_PARAMS {
        ulCounterBits: 128,
        cb: iv,
    };
    let cbc = Mechanism::Bytes(CKM_AES_CBC_PAD, &iv);
    let gcm = Mechanism::Gcm {
        iv: &iv[..12],
        aad: &[],
        tag_bits: 128,
    };
    let ctr = Mechanism::Bytes(CKM_AES_CTR, bytes_of(&counter));
    for name in ["plain", "long plain"] {
        for mechanism in [cbc, gcm, ctr] {
            for way in [Way::Whole, Way::Parts(100)] {
                cipher(client, mechanism, &keys.aes, way, &secrets.clear(name));
            }
        }
    }
    let oaep = Mechanism::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        label: &[],
    };
    for (mechanism, keys) in [
        (oaep, &keys.rsa),
        (Mechanism::Plain(CKM_RSA_PKCS), &keys.rsa),
        (Mechanism::Plain(ck::CKM_TENON_SM2PKE), &keys.sm2),
        (Mechanism::Plain(ck::CKM_TENON_SM4_ECB), &keys.sm4),
    ] {
        cipher(client, mechanism, keys, Way::Whole, &secrets.clear("plain"));
    }
}

fn cipher(client: &Client, mechanism: Mechanism<'_>, keys: &Pair, way: Way, text: &[u8]) {
    let mut sealed = [0; 10_100];
    let len = client
        .encrypt(mechanism, keys.public, way, text, &mut sealed)
        .unwrap();
    let mut out = Zeroizing::new([0; 10_100]);
    let len = client
        .decrypt(mechanism, keys.private, way, &sealed[..len], &mut out[..])
        .unwrap();
    assert!(out[..len] == *text);
}

fn derivations(client: &Client, secrets: &Secrets, ec: Key) {
    let base = create_secret(client, CKK_GENERIC_SECRET, &secrets.clear("base"));
    let (mask, point) = (secrets.clear("mask"), secrets.clear("point"));
    let data = CK_KEY_DERIVATION_STRING_DATA {
        pData: mask.as_ptr().cast_mut(),
        ulLen: 32,
    };
    let with_data = |kind| Mechanism::Bytes(kind, bytes_of(&data));
    let hkdf = Mechanism::Hkdf {
        hash: CKM_SHA256,
        salt: &[],
        info: b"info",
    };
    let ecdh = Mechanism::Ecdh {
        public: &point[2..],
    };
    let with_key = Mechanism::Number(CKM_CONCATENATE_BASE_AND_KEY, base);
    let extract = Mechanism::Number(CKM_EXTRACT_KEY_FROM_KEY, 128);
    let hash = Mechanism::Plain(CKM_SHA256_KEY_DERIVATION);
    for (name, mechanism, base, len) in [
        ("by XOR", with_data(CKM_XOR_BASE_AND_DATA), base, None),
        (
            "base and data",
            with_data(CKM_CONCATENATE_BASE_AND_DATA),
            base,
            None,
        ),
        (
            "data and base",
            with_data(CKM_CONCATENATE_DATA_AND_BASE),
            base,
            None,
        ),
        ("base and key", with_key, base, None),
        ("extracted", extract, base, Some(&number(&16))),
        ("hashed", hash, base, None),
        ("by HKDF", hkdf, base, Some(&number(&32))),
        ("by ECDH", ecdh, ec, None),
    ] {
        for token in [TRUE, FALSE] {
            let template = readable_secret(token, len);
            let key = client.derive(mechanism, base, &template).unwrap();
            tell(name, &value(client, key, CKA_VALUE));
        }
    }
}

/// A key that is made of a password.
fn from_password(client: &Client, secrets: &Secrets) {
    let password = secrets.clear("password");
    let pbkdf2 = Mechanism::Pbkdf2 {
        prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
        password: &password,
        salt: b"salt",
        iterations: 2,
    };
    let len = number(&32);
    let template = readable_secret(TRUE, Some(&len));
    let key = client.generate(pbkdf2, &template).unwrap();
    tell("by PBKDF2", &value(client, key, CKA_VALUE));
}

/// The template of a generic secret that can be read.
fn readable_secret<'a>(token: &'a [u8], len: Option<&'a [u8; 8]>) -> Vec<Attribute<'a>> {
    let mut template = vec![
        (CKA_CLASS, SECRET_KEY),
        (CKA_KEY_TYPE, GENERIC_SECRET),
        (CKA_TOKEN, token),
        (CKA_SENSITIVE, FALSE),
        (CKA_EXTRACTABLE, TRUE),
    ];
    template.extend(len.map(|len| (CKA_VALUE_LEN, &len[..])));
    template
}

/// What the library makes: keys, which are read, and random bytes.
fn generated(client: &Client) {
    let readable = [(CKA_SENSITIVE, FALSE), (CKA_EXTRACTABLE, TRUE)];
    let len = number(&32);
    for (name, mechanism) in [
        ("new AES", CKM_AES_KEY_GEN),
        ("new generic", CKM_GENERIC_SECRET_KEY_GEN),
    ] {
        let template = [&readable[..], &[(CKA_VALUE_LEN, &len)]].concat();
        let key = client
            .generate(Mechanism::Plain(mechanism), &template)
            .unwrap();
        tell(name, &value(client, key, CKA_VALUE));
    }
    let bits = number(&2048);
    let rsa = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let rsa = client
        .generate_pair(rsa, &[(CKA_MODULUS_BITS, &bits)], &readable)
        .unwrap();
    for (kind, name) in RSA_VALUES {
        tell(&format!("new {name}"), &value(client, rsa.private, *kind));
    }
    for len in [32, 1000] {
        let mut random = Zeroizing::new(vec![0; len]);
        client.random(&mut random).unwrap();
        tell(&format!("random {len}"), &random);
    }
}

/// A pair of an elliptic curve that does everything it can.
fn generated_pair(client: &Client, mechanism: CK_MECHANISM_TYPE, name: &str) -> Pair {
    let uses: &[_] = &[(CKA_WRAP, TRUE), (CKA_ENCRYPT, TRUE)];
    let public = match mechanism {
        CKM_EC_KEY_PAIR_GEN => &[(CKA_EC_PARAMS, client::P256), uses[0]][..],
        _ => uses,
    };
    let private = [
        (CKA_SENSITIVE, FALSE),
        (CKA_EXTRACTABLE, TRUE),
        (CKA_TOKEN, TRUE),
        (CKA_UNWRAP, TRUE),
        (CKA_DECRYPT, TRUE),
    ];
    let private = match mechanism {
        CKM_EC_KEY_PAIR_GEN => &private[..4],
        _ => &private,
    };
    let pair = client
        .generate_pair(Mechanism::Plain(mechanism), public, private)
        .unwrap();
    tell(
        &format!("new {name}"),
        &value(client, pair.private, CKA_VALUE),
    );
    pair
}
