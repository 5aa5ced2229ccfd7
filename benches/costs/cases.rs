//! The calls that are counted.

use std::fs;
use std::hint::black_box;
use std::ops::Range;

use cryptoki_sys::*;

use super::client::{self, Attribute, Client, Key, Mechanism, Pair, Way, library};

/// The cases, in the order in which they run.
pub(super) const NAMES: &[&str] = &[
    "open and close a session",
    "random, 32 bytes",
    "SHA-256, 64 bytes",
    "HMAC-SHA256, 64 bytes",
    "verify HMAC, 64 bytes",
    "AES-256-CBC, 16 bytes",
    "AES-256-GCM, 64 bytes",
    "AES-256-GCM back, 64 bytes",
    "AES-256-GCM in two parts",
    "read 4 attributes",
    "AES-256 key, session",
    "find by label among 100",
    "find by label among 2,000",
    "find all of 2,000",
    "P-256 key pair, session",
    "AES-256 key, token",
];

/// How often each case is counted, and the calls in one such window.
pub(super) const WINDOWS: usize = 3;
pub(super) const CALLS: u64 = 20;
/// The calls before the first window.
const WARM_UP: u64 = 100;

/// A path that nobody has: a look at it shows in strace's log where a window begins and ends.
pub(super) const MARK: &str = "/tenon-costs";

/// A window, which Callgrind knows by its name.
#[unsafe(export_name = "tenon_costs_window")]
#[inline(never)]
fn window(work: &mut dyn FnMut()) {
    for _ in 0..CALLS {
        work();
    }
}

/// Counts cases in their order.
struct Cases(std::slice::Iter<'static, &'static str>);

impl Cases {
    fn case<T>(&mut self, name: &str, mut work: impl FnMut() -> T) {
        assert_eq!(self.0.next(), Some(&name));
        let mut work = || drop(black_box(work()));
        // The first calls of a kind find memory in another state than those that follow.
        for _ in 0..WARM_UP {
            work();
        }
        for _ in 0..WINDOWS {
            work();
            let mark = || fs::metadata(MARK).is_ok();
            mark();
            window(&mut work);
            mark();
        }
    }
}

/// Makes a token and runs every case.
pub(super) fn run() {
    let client = Client::start(&library());
    let mut cases = Cases(NAMES.iter());
    let mut out = [0; 256];
    cases.case("open and close a session", || client.open_and_close());
    let mut random = [0; 32];
    cases.case("random, 32 bytes", || client.random(&mut random));
    let data = [7; 64];
    cases.case("SHA-256, 64 bytes", || {
        client.digest(CKM_SHA256, &data, &mut out).unwrap()
    });
    macs(&client, &mut cases);
    ciphers(&client, &mut cases);
    find(&client, &mut cases);
    short_lives(&client, &mut cases);
}

fn macs(client: &Client, cases: &mut Cases) {
    let key = secret(client, CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, true);
    let hmac = Mechanism::Plain(CKM_SHA256_HMAC);
    let (data, mut mac) = ([7; 64], [0; 32]);
    cases.case("HMAC-SHA256, 64 bytes", || {
        client.sign(hmac, key, Way::Whole, &data, &mut mac).unwrap()
    });
    cases.case("verify HMAC, 64 bytes", || {
        client.verify(hmac, key, Way::Whole, &data, &mac).unwrap();
    });
}

fn ciphers(client: &Client, cases: &mut Cases) {
    let key = secret(client, CKM_AES_KEY_GEN, CKK_AES, true);
    let cbc = Mechanism::Bytes(CKM_AES_CBC, &[2; 16]);
    let gcm = Mechanism::Gcm {
        iv: &[2; 12],
        aad: &[],
        tag_bits: 128,
    };
    let (data, mut out, mut back) = ([7; 64], [0; 96], [0; 96]);
    cases.case("AES-256-CBC, 16 bytes", || {
        client
            .encrypt(cbc, key, Way::Whole, &data[..16], &mut out)
            .unwrap()
    });
    cases.case("AES-256-GCM, 64 bytes", || {
        client
            .encrypt(gcm, key, Way::Whole, &data, &mut out)
            .unwrap()
    });
    cases.case("AES-256-GCM back, 64 bytes", || {
        client
            .decrypt(gcm, key, Way::Whole, &out[..80], &mut back)
            .unwrap()
    });
    cases.case("AES-256-GCM in two parts", || {
        client
            .encrypt(gcm, key, Way::Parts(32), &data, &mut out)
            .unwrap()
    });
    let mut values = [[0; 8]; 4];
    cases.case("read 4 attributes", || {
        let [a, b, c, d] = &mut values;
        let mut places = [
            (CKA_CLASS, &mut a[..]),
            (CKA_KEY_TYPE, &mut b[..]),
            (CKA_TOKEN, &mut c[..]),
            (CKA_SENSITIVE, &mut d[..]),
        ];
        client.attributes(key, &mut places).unwrap();
    });
    cases.case("AES-256 key, session", || {
        let key = secret(client, CKM_AES_KEY_GEN, CKK_AES, false);
        client.destroy(key).unwrap();
    });
}

fn find(client: &Client, cases: &mut Cases) {
    let (few, all) = (100, 2_000);
    let mut case = |name, numbers: Range<u32>| {
        numbers.for_each(|number| make(client, number));
        cases.case(name, || {
            let found = client.find(&[(CKA_LABEL, b"object 50")]).unwrap();
            assert_eq!(found.len(), 1);
        });
    };
    case("find by label among 100", 0..few);
    case("find by label among 2,000", few..all);
    cases.case("find all of 2,000", || {
        let template = [(CKA_CLASS, &CKO_DATA.to_ne_bytes()[..])];
        let found = client.find_up_to(all as usize, &template).unwrap();
        assert_eq!(found.len(), all as usize);
    });
}

/// Keys that are made and destroyed again. A token key is on the disk before the call that makes it returns, and
/// nothing of it is left there when the call that destroys it does.
fn short_lives(client: &Client, cases: &mut Cases) {
    cases.case("P-256 key pair, session", || {
        let pair = p256(client);
        client.destroy(pair.private).unwrap();
        client.destroy(pair.public).unwrap();
    });
    cases.case("AES-256 key, token", || {
        let key = secret(client, CKM_AES_KEY_GEN, CKK_AES, true);
        client.destroy(key).unwrap();
    });
}

/// A private data object of the token, `object NUMBER`.
fn make(client: &Client, number: u32) {
    let label = format!("object {number}");
    let template: &[Attribute<'_>] = &[
        (CKA_CLASS, &CKO_DATA.to_ne_bytes()),
        (CKA_TOKEN, &[1]),
        (CKA_PRIVATE, &[1]),
        (CKA_LABEL, label.as_bytes()),
    ];
    client.create(template).unwrap();
}

/// A P-256 key pair of the session.
fn p256(client: &Client) -> Pair {
    let public: &[Attribute<'_>] = &[(CKA_VERIFY, &[1]), (CKA_EC_PARAMS, client::P256)];
    let private: &[Attribute<'_>] = &[(CKA_PRIVATE, &[1]), (CKA_SIGN, &[1])];
    let mechanism = Mechanism::Plain(CKM_EC_KEY_PAIR_GEN);
    client.generate_pair(mechanism, public, private).unwrap()
}

/// A 256-bit secret key.
fn secret(client: &Client, kind: CK_MECHANISM_TYPE, key_type: CK_KEY_TYPE, token: bool) -> Key {
    let template: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[u8::from(token)]),
        (CKA_KEY_TYPE, &key_type.to_ne_bytes()),
        (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
        (CKA_ENCRYPT, &[1]),
        (CKA_DECRYPT, &[1]),
        (CKA_SIGN, &[1]),
        (CKA_VERIFY, &[1]),
    ];
    client.generate(Mechanism::Plain(kind), template).unwrap()
}
