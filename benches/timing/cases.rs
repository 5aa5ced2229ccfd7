//! The calls whose time must not tell two classes of inputs apart.

use std::hint::black_box;

use cryptoki_sys::*;
use tenon_pkcs11::api::ck;

use super::client::{self, Answer, Attribute, Client, Key, Mechanism, PIN, Pair, Way};

/// Inputs of a class, among which each call has one.
const INPUTS: usize = 64;
/// Bytes of an RSA key's modulus.
const MODULUS: usize = 256;
/// Another key, tag or byte than the right one is this far from it.
const DAMAGE: u8 = 0x40;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) classes: &'static str,
    /// How many times fewer calls are made of it than asked for.
    pub(super) dearness: usize,
    /// The classes differ on purpose.
    pub(super) leaks: bool,
    pub(super) subject: for<'a> fn(&'a Client) -> Subject<'a>,
}

/// What a case needs on the token, and the call.
pub(super) struct Subject<'a> {
    /// All of one length.
    pub(super) inputs: [Vec<Vec<u8>>; 2],
    /// What every call answers.
    pub(super) expected: CK_RV,
    /// Gives the handle of the key that it makes, or 0.
    pub(super) call: Box<Call<'a>>,
    /// What is done after each call, and not measured.
    pub(super) after: Box<After<'a>>,
}

type Call<'a> = dyn Fn(&[u8]) -> Answer<Key> + 'a;
type After<'a> = dyn Fn(Answer<Key>) + 'a;

macro_rules! cases {
    ($($name:literal, $classes:literal $(, / $dearness:literal)? $(, leaks: $leaks:literal)?: $subject:expr;)+) => {
        /// In the order of the table.
        pub(super) static CASES: &[Case] = &[$(Case {
            name: $name,
            classes: $classes,
            dearness: 1 $(* $dearness)?,
            leaks: false $(|| $leaks)?,
            subject: $subject,
        }),+];
    };
}

cases! {
    "control", "first / last byte differs, compared up to there", leaks: true: control;
    "OAEP, C_Decrypt", "first byte 00 / 01": |client| rsa_decrypt(client, OAEP, CKR_ENCRYPTED_DATA_INVALID, [0, 1]);
    "OAEP, C_UnwrapKey", "first byte 00 / 01": oaep_unwrap;
    "PKCS #1 v1.5, C_Decrypt", "right / wrong padding": pkcs1_decrypt;
    "PKCS #1 v1.5, C_UnwrapKey", "right / wrong padding": pkcs1_unwrap;
    "RSA AES key wrap", "first byte of OAEP 00 / 01": |client| rsa_aes(client, RSA_AES, Damage::FirstByte);
    "RSA AES key wrap, stages", "OAEP / KWP is wrong": |client| rsa_aes(client, RSA_AES, Damage::Stage);
    "RSA AES-ECB PKCS #7, stages", "OAEP / AES is wrong": |client| rsa_aes(client, RSA_AES_ECB, Damage::Stage);
    "SM2 SM4-ECB, stages", "SM2 / SM4 is wrong": sm2_sm4;
    "SM2, C_Decrypt", "first / last byte of the ciphertext is wrong": sm2_decrypt;
    "AES-GCM", "first / last byte of the tag is wrong": gcm;
    "AES-CCM", "first / last byte of the tag is wrong": ccm;
    "ChaCha20-Poly1305", "first / last byte of the tag is wrong": chacha;
    "HMAC-SHA256, C_Verify", "first / last byte is wrong": hmac;
    "AES-KWP", "initial value / padding is wrong": kwp;
    "AES-CBC, PKCS #7", "last / first byte of a block of padding is wrong": cbc;
    "ML-KEM-768", "right / wrong ciphertext": ml_kem;
    "EC import", "scalar of 16 / 32 bytes": ec_import;
    "binding", "first / last byte of the material is wrong", / 10: binding;
    "PIN", "first / last byte is wrong", / 100: pin;
}

const OAEP: Mechanism<'_> = Mechanism::Oaep {
    hash: CKM_SHA256,
    mgf: CKG_MGF1_SHA256,
    label: &[],
};
const PKCS1: Mechanism<'_> = Mechanism::Plain(CKM_RSA_PKCS);
const RSA_AES: CK_MECHANISM_TYPE = CKM_RSA_AES_KEY_WRAP;
const RSA_AES_ECB: CK_MECHANISM_TYPE = ck::CKM_TENON_RSA_AES_ECB_PKCS7;

const AES: &[Attribute<'_>] = &[
    (CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
    (CKA_KEY_TYPE, &CKK_AES.to_ne_bytes()),
    (CKA_TOKEN, &[0]),
    (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
];
const PRIVATE: &[Attribute<'_>] = &[
    (CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes()),
    (CKA_TOKEN, &[0]),
    (CKA_EXTRACTABLE, &[1]),
    (CKA_SIGN, &[1]),
];

impl<'a> Subject<'a> {
    /// Of a call after which the key that it made is destroyed.
    fn new(
        client: &'a Client,
        inputs: [Vec<Vec<u8>>; 2],
        expected: CK_RV,
        call: impl Fn(&[u8]) -> Answer<Key> + 'a,
    ) -> Self {
        Self {
            inputs,
            expected,
            call: Box::new(call),
            after: Box::new(|answer| {
                if let Ok(key @ 1..) = answer {
                    client.destroy(key).unwrap();
                }
            }),
        }
    }
}

/// Inputs that `make` gives.
fn inputs(mut make: impl FnMut() -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..INPUTS).map(|_| make()).collect()
}

/// Two classes: what `make` gives, damaged at the one place and at the other.
fn damaged(places: [usize; 2], mut make: impl FnMut() -> Vec<u8>) -> [Vec<Vec<u8>>; 2] {
    places.map(|place| {
        inputs(|| {
            let mut input = make();
            input[place] ^= DAMAGE;
            input
        })
    })
}

fn random(client: &Client, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    client.random(&mut bytes).unwrap();
    bytes
}

fn control(client: &Client) -> Subject<'_> {
    let right = vec![0; 4096];
    let inputs = damaged([0, right.len() - 1], || right.clone());
    Subject::new(client, inputs, CKR_OK, move |input| {
        let same = |(a, b): (&u8, &u8)| black_box(*a) == black_box(*b);
        black_box(input.iter().zip(&right).all(same));
        Ok(0)
    })
}

fn rsa_pair(client: &Client) -> Pair {
    let uses = |kinds: [CK_ATTRIBUTE_TYPE; 2]| kinds.map(|kind| (kind, &[1][..]));
    let bits = 2048_u64.to_ne_bytes();
    let mut public = uses([CKA_ENCRYPT, CKA_WRAP]).to_vec();
    public.push((CKA_MODULUS_BITS, &bits));
    let private = uses([CKA_DECRYPT, CKA_UNWRAP]);
    let generate = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    client.generate_pair(generate, &public, &private).unwrap()
}

/// The RSA ciphertext of random bytes behind `head`.
fn raw(client: &Client, public: Key, head: &[u8]) -> Vec<u8> {
    let mut message = random(client, MODULUS);
    message[..head.len()].copy_from_slice(head);
    encrypt(client, Mechanism::Plain(CKM_RSA_X_509), public, &message)
}

fn encrypt(client: &Client, mechanism: Mechanism<'_>, key: Key, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + 2 * MODULUS];
    let len = client.encrypt(mechanism, key, Way::Whole, data, &mut out);
    out.truncate(len.unwrap());
    out
}

fn wrap(client: &Client, mechanism: Mechanism<'_>, with: Key, key: Key) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let len = client.wrap(mechanism, with, key, &mut out);
    out.truncate(len.unwrap());
    out
}

/// C_DecryptInit and C_Decrypt.
fn decrypt<'a>(
    client: &'a Client,
    mechanism: Mechanism<'a>,
    key: Key,
) -> impl Fn(&[u8]) -> Answer<Key> + 'a {
    move |input| {
        let mut out = [0; 2 * MODULUS];
        let done = client.decrypt(mechanism, key, Way::Whole, input, &mut out);
        done.map(|_| 0)
    }
}

/// C_UnwrapKey.
fn unwrap<'a>(
    client: &'a Client,
    mechanism: Mechanism<'a>,
    with: Key,
    template: &'a [Attribute<'a>],
) -> impl Fn(&[u8]) -> Answer<Key> + 'a {
    move |blob| client.unwrap(mechanism, with, blob, template)
}

fn rsa_decrypt<'a>(
    client: &'a Client,
    mechanism: Mechanism<'a>,
    expected: CK_RV,
    heads: [u8; 2],
) -> Subject<'a> {
    let pair = rsa_pair(client);
    let inputs = heads.map(|head| inputs(|| raw(client, pair.public, &[head])));
    let call = decrypt(client, mechanism, pair.private);
    Subject::new(client, inputs, expected, call)
}

fn oaep_unwrap(client: &Client) -> Subject<'_> {
    let pair = rsa_pair(client);
    let inputs = [0, 1].map(|head| inputs(|| raw(client, pair.public, &[head])));
    let call = unwrap(client, OAEP, pair.private, AES);
    Subject::new(client, inputs, CKR_WRAPPED_KEY_INVALID, call)
}

/// The messages with the right padding are as long as the pseudo-random ones in place of those with the wrong one: the
/// length may take its time.
fn pkcs1_decrypt(client: &Client) -> Subject<'_> {
    let pair = rsa_pair(client);
    let wrong = inputs(|| raw(client, pair.public, &[0, 1]));
    let right = wrong.iter().map(|wrong| {
        let mut out = [0; MODULUS];
        let len = client.decrypt(PKCS1, pair.private, Way::Whole, wrong, &mut out);
        encrypt(client, PKCS1, pair.public, &random(client, len.unwrap()))
    });
    let inputs = [right.collect(), wrong];
    Subject::new(client, inputs, CKR_OK, decrypt(client, PKCS1, pair.private))
}

fn pkcs1_unwrap(client: &Client) -> Subject<'_> {
    let pair = rsa_pair(client);
    let right = inputs(|| encrypt(client, PKCS1, pair.public, &random(client, 32)));
    let wrong = inputs(|| raw(client, pair.public, &[0, 1]));
    let call = unwrap(client, PKCS1, pair.private, AES);
    Subject::new(client, [right, wrong], CKR_OK, call)
}

/// Where a blob of two stages is wrong.
#[derive(Clone, Copy)]
enum Damage {
    /// OAEP, whose first byte is 00 in one class and 01 in the other.
    FirstByte,
    /// The first stage in one class, the second in the other.
    Stage,
}

fn rsa_aes(client: &Client, kind: CK_MECHANISM_TYPE, damage: Damage) -> Subject<'_> {
    let pair = rsa_pair(client);
    let with_params = move |call: &mut dyn FnMut(Mechanism<'_>) -> Answer<Key>| {
        OAEP.with(|oaep| {
            // SAFETY: `with` passes a mechanism that lives through the call, with its parameter.
            let oaep = unsafe { (*oaep).pParameter };
            let params = CK_RSA_AES_KEY_WRAP_PARAMS {
                ulAESKeyBits: 256,
                pOAEPParams: oaep.cast(),
            };
            match kind {
                RSA_AES => call(Mechanism::Bytes(kind, Mechanism::structure(&params))),
                _ => call(Mechanism::Plain(kind)),
            }
        })
    };
    let key = p256_private(client);
    let whole = || {
        let mut blob = Vec::new();
        with_params(&mut |mechanism| {
            blob = wrap(client, mechanism, pair.public, key);
            Ok(0)
        })
        .unwrap();
        blob
    };
    let first = |head: u8| {
        let mut blob = whole();
        blob[..MODULUS].copy_from_slice(&raw(client, pair.public, &[head]));
        blob
    };
    let second = || {
        let mut blob = whole();
        blob[MODULUS..].fill(DAMAGE);
        blob
    };
    let inputs = match damage {
        Damage::FirstByte => [0, 1].map(|head| inputs(|| first(head))),
        Damage::Stage => [inputs(|| first(0)), inputs(second)],
    };
    let template = private_template();
    Subject::new(client, inputs, CKR_WRAPPED_KEY_INVALID, move |blob| {
        with_params(&mut |mechanism| client.unwrap(mechanism, pair.private, blob, &template))
    })
}

/// A private key on P-256 that can be wrapped.
fn p256_private(client: &Client) -> Key {
    let generate = Mechanism::Plain(CKM_EC_KEY_PAIR_GEN);
    let public = [(CKA_EC_PARAMS, client::P256)];
    let pair = client.generate_pair(generate, &public, PRIVATE);
    pair.unwrap().private
}

/// The template of such a key.
fn private_template() -> Vec<Attribute<'static>> {
    let mut template = PRIVATE.to_vec();
    template.push((CKA_KEY_TYPE, const { &CKK_EC.to_ne_bytes() }));
    template
}

fn sm2_pair(client: &Client) -> Pair {
    let generate = Mechanism::Plain(ck::CKM_TENON_SM2_KEY_PAIR_GEN);
    let public = [(CKA_ENCRYPT, &[1][..]), (CKA_WRAP, &[1])];
    let private = [(CKA_DECRYPT, &[1][..]), (CKA_UNWRAP, &[1])];
    client.generate_pair(generate, &public, &private).unwrap()
}

fn sm2_decrypt(client: &Client) -> Subject<'_> {
    const SM2: Mechanism<'_> = Mechanism::Plain(ck::CKM_TENON_SM2PKE);
    let pair = sm2_pair(client);
    let message = random(client, 32);
    // The point is behind the first byte, then the digest (32 bytes), then the message.
    let make = || encrypt(client, SM2, pair.public, &message);
    let len = make().len();
    let inputs = damaged([len - 64, len - 1], make);
    let call = decrypt(client, SM2, pair.private);
    Subject::new(client, inputs, CKR_ENCRYPTED_DATA_INVALID, call)
}

/// Nothing proves what SM4 decrypts, but its length: 48 bytes are no private key.
fn sm2_sm4(client: &Client) -> Subject<'_> {
    const TAIL: usize = 48;
    let mechanism = Mechanism::Plain(ck::CKM_TENON_SM2_SM4_ECB);
    let pair = sm2_pair(client);
    let value = random(client, TAIL);
    let key = client.secret(CKK_GENERIC_SECRET, &value).unwrap();
    let make = || wrap(client, mechanism, pair.public, key);
    let end = make().len() - TAIL - 1;
    let [first, _] = damaged([end, end], make);
    let template = private_template();
    Subject::new(
        client,
        [first, inputs(make)],
        CKR_WRAPPED_KEY_INVALID,
        move |blob| client.unwrap(mechanism, pair.private, blob, &template),
    )
}

/// Decryption of 64 bytes whose tag (16 bytes) is wrong at its beginning or at its end.
fn tags<'a>(client: &'a Client, key_type: CK_KEY_TYPE, mechanism: Mechanism<'a>) -> Subject<'a> {
    let key = client.secret(key_type, &random(client, 32)).unwrap();
    let message = random(client, 64);
    let inputs = damaged([64, 79], || encrypt(client, mechanism, key, &message));
    let call = decrypt(client, mechanism, key);
    Subject::new(client, inputs, CKR_ENCRYPTED_DATA_INVALID, call)
}

fn gcm(client: &Client) -> Subject<'_> {
    let mechanism = Mechanism::Gcm {
        iv: &[2; 12],
        aad: &[],
        tag_bits: 128,
    };
    tags(client, CKK_AES, mechanism)
}

fn ccm(client: &Client) -> Subject<'_> {
    let mechanism = Mechanism::Ccm {
        data_len: 64,
        nonce: &[2; 12],
        aad: &[],
        mac_len: 16,
    };
    tags(client, CKK_AES, mechanism)
}

fn chacha(client: &Client) -> Subject<'_> {
    let mechanism = Mechanism::ChaCha20Poly1305 {
        nonce: &[2; 12],
        aad: &[],
    };
    tags(client, CKK_CHACHA20, mechanism)
}

fn hmac(client: &Client) -> Subject<'_> {
    const HMAC: Mechanism<'_> = Mechanism::Plain(CKM_SHA256_HMAC);
    let key = client
        .secret(CKK_GENERIC_SECRET, &random(client, 32))
        .unwrap();
    let data = random(client, 64);
    let inputs = damaged([0, 31], || {
        let mut mac = vec![0; 32];
        client.sign(HMAC, key, Way::Whole, &data, &mut mac).unwrap();
        mac
    });
    Subject::new(client, inputs, CKR_SIGNATURE_INVALID, move |mac| {
        client.verify(HMAC, key, Way::Whole, &data, mac).map(|()| 0)
    })
}

/// RFC 3394 section 2.2.1, around any initial value.
fn key_wrap(client: &Client, key: Key, initial: [u8; 8], data: &[u8]) -> Vec<u8> {
    let mut blob = [&initial, data].concat();
    let rounds = (0..6)
        .flat_map(|_| (8..blob.len()).step_by(8))
        .collect::<Vec<_>>();
    for (count, at) in (1_u64..).zip(rounds) {
        let block = [&blob[..8], &blob[at..at + 8]].concat();
        let block = encrypt(client, Mechanism::Plain(CKM_AES_ECB), key, &block);
        blob[..8].copy_from_slice(&block[..8]);
        blob[at..at + 8].copy_from_slice(&block[8..]);
        for (byte, count) in blob.iter_mut().zip(count.to_be_bytes()) {
            *byte ^= count;
        }
    }
    blob
}

/// Blobs of 20 bytes and 4 bytes of padding (RFC 5649 section 3).
fn kwp(client: &Client) -> Subject<'_> {
    const INITIAL: [u8; 8] = [0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 20];
    let key = client.secret(CKK_AES, &random(client, 32)).unwrap();
    let make = |initial, last| {
        let mut data = random(client, 24);
        data[20..].copy_from_slice(&[0, 0, 0, last]);
        key_wrap(client, key, initial, &data)
    };
    let mut wrong = INITIAL;
    wrong[0] ^= DAMAGE;
    let inputs = [inputs(|| make(wrong, 0)), inputs(|| make(INITIAL, DAMAGE))];
    let template = &AES[..3];
    let call = unwrap(
        client,
        Mechanism::Plain(CKM_AES_KEY_WRAP_KWP),
        key,
        template,
    );
    Subject::new(client, inputs, CKR_WRAPPED_KEY_INVALID, call)
}

fn cbc(client: &Client) -> Subject<'_> {
    let key = client.secret(CKK_AES, &random(client, 32)).unwrap();
    let make = |place: usize| {
        let mut text = random(client, 48);
        text[32..].fill(16);
        text[place] = 17;
        encrypt(client, Mechanism::Bytes(CKM_AES_CBC, &[2; 16]), key, &text)
    };
    let inputs = [47, 32].map(|place| inputs(|| make(place)));
    let call = decrypt(client, Mechanism::Bytes(CKM_AES_CBC_PAD, &[2; 16]), key);
    Subject::new(client, inputs, CKR_ENCRYPTED_DATA_INVALID, call)
}

fn ml_kem(client: &Client) -> Subject<'_> {
    const ML_KEM: Mechanism<'_> = Mechanism::Plain(CKM_ML_KEM);
    const SHARED: &[Attribute<'_>] = &[
        AES[0],
        (CKA_KEY_TYPE, &CKK_GENERIC_SECRET.to_ne_bytes()),
        (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
    ];
    let generate = Mechanism::Plain(CKM_ML_KEM_KEY_PAIR_GEN);
    let set = CKP_ML_KEM_768.to_ne_bytes();
    let public = [(CKA_PARAMETER_SET, &set[..]), (CKA_ENCAPSULATE, &[1])];
    let pair = client.generate_pair(generate, &public, &[(CKA_DECAPSULATE, &[1])]);
    let Pair { public, private } = pair.unwrap();
    let right = inputs(|| client.encapsulate(ML_KEM, public, SHARED).unwrap());
    let wrong = right.iter().map(|right| {
        let mut wrong = right.clone();
        wrong[7] ^= DAMAGE;
        wrong
    });
    let inputs = [right.clone(), wrong.collect()];
    Subject::new(client, inputs, CKR_OK, move |ciphertext| {
        client.decapsulate(ML_KEM, private, ciphertext, SHARED)
    })
}

fn ec_import(client: &Client) -> Subject<'_> {
    let scalar = |zeros: usize| {
        let mut scalar = random(client, 32);
        scalar[0] = 1;
        scalar[..zeros].fill(0);
        scalar
    };
    let inputs = [16, 0].map(|zeros| inputs(|| scalar(zeros)));
    Subject::new(client, inputs, CKR_OK, |scalar| {
        let mut template = private_template();
        template.extend([(CKA_EC_PARAMS, client::P256), (CKA_VALUE, scalar)]);
        client.create(&template)
    })
}

/// Another material for a key that is bound to one.
fn binding(client: &Client) -> Subject<'_> {
    const KWP: Mechanism<'_> = Mechanism::Plain(CKM_AES_KEY_WRAP_KWP);
    const BOUND: &[Attribute<'_>] = &[
        AES[0],
        AES[1],
        (CKA_TOKEN, &[1]),
        (CKA_ID, b"bound"),
        (CKA_ENCRYPT, &[1]),
    ];
    let wrapping = client.secret(CKK_AES, &random(client, 32)).unwrap();
    let material = random(client, 32);
    let wrapped = |material: &[u8]| {
        let key = client.secret(CKK_AES, material).unwrap();
        let blob = wrap(client, KWP, wrapping, key);
        client.destroy(key).unwrap();
        blob
    };
    client
        .unwrap(KWP, wrapping, &wrapped(&material), BOUND)
        .unwrap();
    let inputs = damaged([0, 31], || material.clone());
    let inputs = inputs.map(|class| class.iter().map(|material| wrapped(material)).collect());
    let call = unwrap(client, KWP, wrapping, BOUND);
    Subject::new(client, inputs, ck::CKR_TENON_MATERIAL_MISMATCH, call)
}

/// A wrong PIN, and then the right one, so that none is the last that is allowed.
fn pin(client: &Client) -> Subject<'_> {
    client.logout().unwrap();
    let inputs = damaged([0, PIN.len() - 1], || PIN.to_vec());
    let after = |_| {
        client.login(PIN).unwrap();
        client.logout().unwrap();
    };
    Subject {
        inputs,
        expected: CKR_PIN_INCORRECT,
        call: Box::new(|pin| client.login(pin).map(|()| 0)),
        after: Box::new(after),
    }
}
