//! What a call costs, through the C ABI of the built library: `cargo bench`.
//!
//! Beside it, each in a process of its own, SoftHSM2 (`SOFTHSM2_MODULE` or where Debian puts it)
//! and the algorithm alone, without PKCS#11. A line is microseconds for one Init and one-part call,
//! the best of several rounds; × is the other's time divided by ours.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and ends where it cannot go on"
)]

mod algorithms;
#[path = "../../tests/client/mod.rs"]
mod client;

use std::collections::HashMap;
use std::env;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use client::{Answer, Attribute, Client, Key, Mechanism, Pair, Way};
use cryptoki_sys::*;

/// Length of a round, and their number.
const ROUND: Duration = Duration::from_millis(60);
const ROUNDS: usize = 5;
/// Objects among which one is found.
const OBJECTS: usize = 1000;

/// Says to a child process what it measures.
const SUBJECT: &str = "TENON_BENCH_SUBJECT";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The cases, in the order of the table.
const CASES: &[&str] = &[
    "open and close a session",
    "random, 32 bytes",
    "SHA-256, 64 bytes",
    "HMAC-SHA256, 64 bytes",
    "AES-256-GCM, 64 bytes",
    "AES-256-GCM, 16 KiB",
    "AES-256-GCM, 1 MiB",
    "AES-256-CBC, 16 bytes",
    "AES-256-CBC, 16 KiB",
    "RSA-2048 sign, SHA-256",
    "ECDSA P-256 sign",
    "ECDSA P-384 sign",
    "ECDSA secp256k1 sign",
    "P-256 key pair, session",
    "AES-256 key, session",
    "AES-256 key, token",
    "read 4 attributes",
    "find by label among 1000",
];

fn main() {
    match env::var(SUBJECT).as_deref() {
        Ok("algorithm") => algorithms::run(&mut Meter),
        Ok(module) => run(&mut Meter, Path::new(module)),
        Err(_) => compare(),
    }
}

/// Measures and prints one line for each case: name, tab, microseconds.
struct Meter;

impl Meter {
    fn case<T>(&mut self, name: &str, mut work: impl FnMut() -> T) {
        assert!(CASES.contains(&name), "{name}");
        black_box(work());
        let mut best = f64::MAX;
        for _ in 0..ROUNDS {
            let (start, mut calls) = (Instant::now(), 0.0);
            while start.elapsed() < ROUND {
                black_box(work());
                calls += 1.0;
            }
            best = best.min(start.elapsed().as_secs_f64() * 1e6 / calls);
        }
        println!("{name}\t{best}");
        std::io::stdout().flush().unwrap();
    }
}

fn compare() {
    let other = env::var_os("SOFTHSM2_MODULE").map_or_else(|| SOFTHSM.into(), PathBuf::from);
    let tenon = measured(client::library().as_os_str());
    let softhsm = other.exists().then(|| measured(other.as_os_str()));
    let alone = measured("algorithm".as_ref());
    println!(
        "{:26} {:>10} {:>10} {:>6} {:>10} {:>6}",
        "µs a call", "Tenon", "SoftHSM2", "×", "alone", "×"
    );
    for case in CASES {
        let Some(ours) = tenon.get(*case) else {
            println!("{case:26} {:>10}", "failed");
            continue;
        };
        let column = |theirs: Option<&f64>| match theirs {
            Some(theirs) => format!("{theirs:>10.2} {:>6.2}", theirs / ours),
            None => format!("{:>10} {:>6}", "–", ""),
        };
        let softhsm = softhsm.as_ref().and_then(|times| times.get(*case));
        println!(
            "{case:26} {ours:>10.2} {} {}",
            column(softhsm),
            column(alone.get(*case))
        );
    }
}

/// Runs the cases in a child process with a token directory of its own.
fn measured(subject: &std::ffi::OsStr) -> HashMap<String, f64> {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let config = folder.path().join("softhsm2.conf");
    std::fs::write(
        &config,
        format!("directories.tokendir = {}\n", tokens.display()),
    )
    .unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .env(SUBJECT, subject)
        .env("SOFTHSM2_CONF", &config)
        .env("TENON_CONF", "/dev/null")
        .env("TENON_DIRECTORIES_TOKENDIR", &tokens)
        .output()
        .unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let parse = |line: &str| {
        let (name, time) = line.split_once('\t')?;
        Some((name.to_owned(), time.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

fn run(meter: &mut Meter, module: &Path) {
    let client = Client::start(module);
    let (mut random, mut out) = ([0; 32], [0; 256]);
    meter.case("open and close a session", || {
        client.open_and_close().unwrap();
    });
    meter.case("random, 32 bytes", || client.random(&mut random).unwrap());
    meter.case("SHA-256, 64 bytes", || {
        client.digest(CKM_SHA256, &[7; 64], &mut out).unwrap()
    });

    let hmac = secret(
        &client,
        CKM_GENERIC_SECRET_KEY_GEN,
        CKK_GENERIC_SECRET,
        false,
    );
    let mut sign = |kind, key, data: &[u8]| {
        client
            .sign(Mechanism::Plain(kind), key, Way::Whole, data, &mut out)
            .unwrap()
    };
    meter.case("HMAC-SHA256, 64 bytes", || {
        sign(CKM_SHA256_HMAC, hmac, &[7; 64])
    });
    let aes = secret(&client, CKM_AES_KEY_GEN, CKK_AES, true);
    let gcm = Mechanism::Gcm {
        iv: &[2; 12],
        aad: &[],
        tag_bits: 128,
    };
    let cbc = Mechanism::Bytes(CKM_AES_CBC, &[2; 16]);
    for (name, mechanism, len) in [
        ("AES-256-GCM, 64 bytes", gcm, 64),
        ("AES-256-GCM, 16 KiB", gcm, 16 << 10),
        ("AES-256-GCM, 1 MiB", gcm, 1 << 20),
        ("AES-256-CBC, 16 bytes", cbc, 16),
        ("AES-256-CBC, 16 KiB", cbc, 16 << 10),
    ] {
        let (data, mut out) = (vec![7; len], vec![0; len + 16]);
        meter.case(name, || {
            client
                .encrypt(mechanism, aes, Way::Whole, &data, &mut out)
                .unwrap()
        });
    }
    let rsa = rsa_pair(&client).private;
    meter.case("RSA-2048 sign, SHA-256", || {
        sign(CKM_SHA256_RSA_PKCS, rsa, &[7; 64])
    });
    for (name, curve, len) in [
        ("ECDSA P-256 sign", client::P256, 32),
        ("ECDSA P-384 sign", client::P384, 48),
        ("ECDSA secp256k1 sign", client::SECP256K1, 32),
    ] {
        // Not every module has every curve.
        if let Ok(key) = ec_pair(&client, curve, true) {
            meter.case(name, || sign(CKM_ECDSA, key.private, &[7; 48][..len]));
        }
    }
    meter.case("P-256 key pair, session", || {
        let pair = ec_pair(&client, client::P256, false).unwrap();
        client.destroy(pair.private).unwrap();
        client.destroy(pair.public).unwrap();
    });
    for (name, token) in [
        ("AES-256 key, session", false),
        ("AES-256 key, token", true),
    ] {
        meter.case(name, || {
            let key = secret(&client, CKM_AES_KEY_GEN, CKK_AES, token);
            client.destroy(key).unwrap();
        });
    }
    let kinds = [CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_SENSITIVE];
    let mut values = [[0; 8]; 4];
    meter.case("read 4 attributes", || {
        let [a, b, c, d] = &mut values;
        let mut places = [
            (kinds[0], &mut a[..]),
            (kinds[1], &mut b[..]),
            (kinds[2], &mut c[..]),
            (kinds[3], &mut d[..]),
        ];
        client.attributes(aes, &mut places).unwrap()
    });
    let wanted: Vec<Key> = (0..OBJECTS)
        .map(|n| data(&client, &format!("object {n}")))
        .collect();
    meter.case("find by label among 1000", || {
        let found = client.find(&[(CKA_LABEL, b"object 500")]);
        assert_eq!(found.unwrap(), [wanted[500]]);
    });
}

/// A 256-bit secret key.
fn secret(client: &Client, kind: CK_MECHANISM_TYPE, key_type: CK_KEY_TYPE, token: bool) -> Key {
    let template: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[u8::from(token)]),
        (CKA_KEY_TYPE, &key_type.to_ne_bytes()),
        (CKA_VALUE_LEN, &32_u64.to_ne_bytes()),
        (CKA_ENCRYPT, &[1]),
        (CKA_SIGN, &[1]),
    ];
    client.generate(Mechanism::Plain(kind), template).unwrap()
}

fn rsa_pair(client: &Client) -> Pair {
    let public: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[1]),
        (CKA_VERIFY, &[1]),
        (CKA_MODULUS_BITS, &2048_u64.to_ne_bytes()),
        (CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
    ];
    pair(client, CKM_RSA_PKCS_KEY_PAIR_GEN, public, true).unwrap()
}

fn ec_pair(client: &Client, curve: &[u8], token: bool) -> Answer<Pair> {
    let public: &[Attribute<'_>] = &[
        (CKA_TOKEN, &[u8::from(token)]),
        (CKA_VERIFY, &[1]),
        (CKA_EC_PARAMS, curve),
    ];
    pair(client, CKM_EC_KEY_PAIR_GEN, public, token)
}

fn pair(
    client: &Client,
    kind: CK_MECHANISM_TYPE,
    public: &[Attribute<'_>],
    token: bool,
) -> Answer<Pair> {
    let private: &[Attribute<'_>] = &[(CKA_TOKEN, &[u8::from(token)]), (CKA_SIGN, &[1])];
    client.generate_pair(Mechanism::Plain(kind), public, private)
}

/// A data object on the token.
fn data(client: &Client, label: &str) -> Key {
    let template: &[Attribute<'_>] = &[
        (CKA_CLASS, &CKO_DATA.to_ne_bytes()),
        (CKA_TOKEN, &[1]),
        (CKA_LABEL, label.as_bytes()),
        (CKA_VALUE, label.as_bytes()),
    ];
    client.create(template).unwrap()
}
