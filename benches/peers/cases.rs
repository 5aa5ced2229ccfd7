//! The cases, each by the C functions of a module.

use cryptoki_sys::*;

use super::alone;
use super::client::{self, Answer, Attribute, Client, Key, Mechanism, Pair, Way};
use super::measure::Work;

/// Objects among which one is found.
const OBJECTS: usize = 1000;

pub(super) struct Case {
    pub(super) name: &'static str,
    /// Makes what the case needs on the token, and the call.
    pub(super) module: fn(&'static Client) -> Answer<Work>,
    /// The same without PKCS#11; `None` where there is no such thing.
    pub(super) alone: Option<fn() -> Work>,
}

macro_rules! cases {
    ($($name:literal: $module:expr $(, $alone:expr)?;)+) => {
        /// In the order of the table.
        pub(super) static CASES: &[Case] = &[$(Case {
            name: $name,
            module: $module,
            alone: cases!(@ $($alone)?),
        }),+];
    };
    (@) => { None };
    (@ $alone:expr) => { Some($alone) };
}

cases! {
    "open and close a session": |client| Ok(Box::new(|| client.open_and_close()));
    "random, 32 bytes": random, alone::random;
    "SHA-256, 64 bytes": |client| digest(client, 64), || alone::digest(64);
    "SHA-256, 1 MiB": |client| digest(client, 1 << 20), || alone::digest(1 << 20);
    "HMAC-SHA256, 64 bytes": hmac, alone::hmac;
    "AES-256-CBC, 16 bytes": |client| encrypt(client, CBC, 16), || alone::cbc(16);
    "AES-256-CBC, 16 KiB": |client| encrypt(client, CBC, 16 << 10), || alone::cbc(16 << 10);
    "AES-256-GCM, 64 bytes": |client| encrypt(client, GCM, 64), || alone::gcm(64);
    "AES-256-GCM, 16 KiB": |client| encrypt(client, GCM, 16 << 10), || alone::gcm(16 << 10);
    "AES-256-GCM, 1 MiB": |client| encrypt(client, GCM, 1 << 20), || alone::gcm(1 << 20);
    "read 4 attributes": attributes;
    "AES-256 key, session": |client| aes_key(client, false);
    "AES-256 key, token": |client| aes_key(client, true);
    "RSA-2048 sign, SHA-256": |client| rsa_sign(client, 2048), || alone::rsa_sign(2048);
    "RSA-4096 sign, SHA-256": |client| rsa_sign(client, 4096), || alone::rsa_sign(4096);
    "ECDSA P-256 sign": |client| ec_sign(client, client::P256, 32), || alone::ec_sign(client::P256, 32);
    "ECDSA P-384 sign": |client| ec_sign(client, client::P384, 48), || alone::ec_sign(client::P384, 48);
    "ECDSA secp256k1 sign": |client| ec_sign(client, client::SECP256K1, 32), || alone::ec_sign(client::SECP256K1, 32);
    "P-256 key pair, session": ec_pairs, alone::ec_pairs;
    "ECDH P-256": ecdh;
    "OAEP unwrap of an AES key, session": unwrap;
    "find by label, one session object": find_one;
    "find by label among 1000": find;
}

const CBC: Mechanism<'_> = Mechanism::Bytes(CKM_AES_CBC, &[2; 16]);
pub(super) const GCM: Mechanism<'_> = Mechanism::Gcm {
    iv: &[2; 12],
    aad: &[],
    tag_bits: 128,
};

fn random(client: &'static Client) -> Answer<Work> {
    let mut out = [0; 32];
    Ok(Box::new(move || client.random(&mut out)))
}

pub(super) fn digest(client: &'static Client, len: usize) -> Answer<Work> {
    let (data, mut out) = (vec![7; len], [0; 32]);
    Ok(Box::new(move || {
        client.digest(CKM_SHA256, &data, &mut out).map(drop)
    }))
}

fn hmac(client: &'static Client) -> Answer<Work> {
    let template: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[0]),
        (CKA_KEY_TYPE, &CKK_GENERIC_SECRET.to_ne_bytes()),
        (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
        (CKA_SIGN, &[1]),
    ];
    let key = client.generate(Mechanism::Plain(CKM_GENERIC_SECRET_KEY_GEN), template)?;
    Ok(sign(client, CKM_SHA256_HMAC, key, 64))
}

pub(super) fn sign(client: &'static Client, kind: CK_MECHANISM_TYPE, key: Key, len: usize) -> Work {
    let (data, mut out) = (vec![7; len], [0; 512]);
    Box::new(move || {
        let mechanism = Mechanism::Plain(kind);
        client
            .sign(mechanism, key, Way::Whole, &data, &mut out)
            .map(drop)
    })
}

fn encrypt(client: &'static Client, mechanism: Mechanism<'static>, len: usize) -> Answer<Work> {
    let key = aes(client, false, false)?;
    Ok(encrypt_with(client, mechanism, key, len))
}

pub(super) fn encrypt_with(
    client: &'static Client,
    mechanism: Mechanism<'static>,
    key: Key,
    len: usize,
) -> Work {
    let (data, mut out) = (vec![7; len], vec![0; len + 16]);
    Box::new(move || {
        client
            .encrypt(mechanism, key, Way::Whole, &data, &mut out)
            .map(drop)
    })
}

pub(super) fn aes(client: &Client, token: bool, extractable: bool) -> Answer<Key> {
    let template: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[u8::from(token)]),
        (CKA_PRIVATE, &[1]),
        (CKA_SENSITIVE, &[1]),
        (CKA_EXTRACTABLE, &[u8::from(extractable)]),
        (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
        (CKA_ENCRYPT, &[1]),
        (CKA_DECRYPT, &[1]),
        (CKA_LABEL, b"key"),
        (CKA_ID, b"key"),
    ];
    client.generate(Mechanism::Plain(CKM_AES_KEY_GEN), template)
}

fn attributes(client: &'static Client) -> Answer<Work> {
    let key = aes(client, false, false)?;
    let (mut label, mut id, mut flag, mut key_type) = ([0; 32], [0; 32], [0; 1], [0; 8]);
    Ok(Box::new(move || {
        let mut places = [
            (CKA_LABEL, &mut label[..]),
            (CKA_ID, &mut id[..]),
            (CKA_ENCRYPT, &mut flag[..]),
            (CKA_KEY_TYPE, &mut key_type[..]),
        ];
        client.attributes(key, &mut places).map(drop)
    }))
}

fn aes_key(client: &'static Client, token: bool) -> Answer<Work> {
    Ok(Box::new(move || client.destroy(aes(client, token, false)?)))
}

pub(super) fn rsa(client: &Client, bits: u64) -> Answer<Pair> {
    let public: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[0]),
        (CKA_VERIFY, &[1]),
        (CKA_ENCRYPT, &[1]),
        (CKA_WRAP, &[1]),
        (CKA_MODULUS_BITS, &bits.to_ne_bytes()),
        (CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
    ];
    let private: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[0]),
        (CKA_PRIVATE, &[1]),
        (CKA_SENSITIVE, &[1]),
        (CKA_SIGN, &[1]),
        (CKA_DECRYPT, &[1]),
        (CKA_UNWRAP, &[1]),
    ];
    let mechanism = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    client.generate_pair(mechanism, public, private)
}

fn rsa_sign(client: &'static Client, bits: u64) -> Answer<Work> {
    let key = rsa(client, bits)?.private;
    Ok(sign(client, CKM_SHA256_RSA_PKCS, key, 64))
}

pub(super) fn ec(client: &Client, curve: &[u8]) -> Answer<Pair> {
    let public: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[0]),
        (CKA_VERIFY, &[1]),
        (CKA_EC_PARAMS, curve),
    ];
    let private: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[0]),
        (CKA_PRIVATE, &[1]),
        (CKA_SENSITIVE, &[1]),
        (CKA_SIGN, &[1]),
        (CKA_DERIVE, &[1]),
    ];
    client.generate_pair(Mechanism::Plain(CKM_EC_KEY_PAIR_GEN), public, private)
}

fn ec_sign(client: &'static Client, curve: &[u8], len: usize) -> Answer<Work> {
    let key = ec(client, curve)?.private;
    Ok(sign(client, CKM_ECDSA, key, len))
}

fn ec_pairs(client: &'static Client) -> Answer<Work> {
    Ok(Box::new(move || {
        let pair = ec(client, client::P256)?;
        client.destroy(pair.private)?;
        client.destroy(pair.public)
    }))
}

fn ecdh(client: &'static Client) -> Answer<Work> {
    let pair = ec(client, client::P256)?;
    let mut point = [0; 67];
    let len = client.attributes(pair.public, &mut [(CKA_EC_POINT, &mut point)])?[0];
    // The point alone: some modules have it in an OCTET STRING.
    let point = point[len - 65..len].to_vec();
    Ok(Box::new(move || {
        let template: &[Attribute<'_>] = &[
            (CKA_TOKEN, &[0]),
            (CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
            (CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()),
            (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
            (CKA_ENCRYPT, &[1]),
        ];
        let mechanism = Mechanism::Ecdh { public: &point };
        client.destroy(client.derive(mechanism, pair.private, template)?)
    }))
}

fn unwrap(client: &'static Client) -> Answer<Work> {
    let oaep = Mechanism::Oaep {
        hash: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        label: &[],
    };
    let pair = rsa(client, 2048)?;
    let key = aes(client, false, true)?;
    let mut blob = [0; 256];
    let len = client.wrap(oaep, pair.public, key, &mut blob)?;
    Ok(Box::new(move || {
        let template: &[Attribute<'_>] = &[
            (CKA_TOKEN, &[0]),
            (CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
            (CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()),
            (CKA_PRIVATE, &[1]),
            (CKA_SENSITIVE, &[1]),
            (CKA_EXTRACTABLE, &[0]),
            (CKA_ENCRYPT, &[1]),
        ];
        client.destroy(client.unwrap(oaep, pair.private, &blob[..len], template)?)
    }))
}

/// A data object.
fn data(client: &Client, label: &str, token: bool) -> Answer<Key> {
    let template: &[Attribute<'_>] = &[
        (CKA_CLASS, &CKO_DATA.to_ne_bytes()),
        (CKA_TOKEN, &[u8::from(token)]),
        (CKA_LABEL, label.as_bytes()),
        (CKA_VALUE, label.as_bytes()),
    ];
    client.create(template)
}

fn find_one(client: &'static Client) -> Answer<Work> {
    let wanted = data(client, "the one", false)?;
    Ok(Box::new(move || {
        assert_eq!(client.find(&[(CKA_LABEL, b"the one")])?, [wanted]);
        Ok(())
    }))
}

fn find(client: &'static Client) -> Answer<Work> {
    let objects = (0..OBJECTS).map(|number| data(client, &format!("object {number}"), true));
    let objects = objects.collect::<Answer<Vec<_>>>()?;
    let wanted = objects[OBJECTS / 2];
    let label = format!("object {}", OBJECTS / 2);
    Ok(Box::new(move || {
        assert_eq!(client.find(&[(CKA_LABEL, label.as_bytes())])?, [wanted]);
        Ok(())
    }))
}
