//! What is left in the memory of a program after C_Logout and after C_Finalize: no secret that went
//! through the library, neither one that it kept nor one that it handed out.
//!
//! A child process gets the secrets masked, unmasks each for the time of a call, and wipes its own
//! copy. Then this process reads all memory that the child can write and searches it.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod client;

use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use client::{Attribute, Client, Key, Mechanism, Way};
use cryptoki_sys::*;
use tempfile::TempDir;
use tenon_pkcs11::crypto::ec::{self, Curve};
use tenon_pkcs11::crypto::rand::SystemRng;
use tenon_pkcs11::crypto::rsa;
use tenon_pkcs11::rng::secret;
use zeroize::Zeroizing;

/// Tells the child where the masked secrets are.
const CHILD: &str = "TENON_TEST_SECRETS";
const MASK: u8 = 0xA5;
/// A piece of a secret that is found.
const PIECE: usize = 16;

type Secrets = HashMap<String, Vec<u8>>;

/// The secrets by name, masked.
fn secrets() -> Secrets {
    let key = rsa::generate(2048, &[1, 0, 1]).unwrap();
    let scalar = ec::generate(Curve::P256).unwrap();
    let random = |len| secret(&SystemRng, len).to_vec();
    let pin = random(16).iter().map(|byte| b'a' + byte % 26).collect();
    let mut all = vec![
        ("n", key.n.clone()),
        ("e", key.e.clone()),
        ("d", key.d.to_vec()),
        ("p", key.p.to_vec()),
        ("q", key.q.to_vec()),
        ("dp", key.dp.to_vec()),
        ("dq", key.dq.to_vec()),
        ("qinv", key.qinv.to_vec()),
        ("scalar", scalar.scalar.to_vec()),
        ("point", [&[4, 65][..], &scalar.point].concat()),
        ("pin", pin),
        ("data", random(200)),
        ("data again", random(3000)),
    ];
    for name in [
        "aes",
        "generic",
        "unwrapped",
        "by oaep",
        "base",
        "mask",
        "plain",
        "long plain",
    ] {
        let len = if name == "long plain" { 10_000 } else { 32 };
        all.push((name, random(len)));
    }
    let derived = |base: &[u8], with: &[u8]| base.iter().zip(with).map(|(a, b)| a ^ b).collect();
    let of = |name| &all.iter().find(|(of, _)| *of == name).unwrap().1;
    let xor = derived(of("base"), of("mask"));
    all.push(("derived", xor));
    let masked = |value: Vec<u8>| value.iter().map(|byte| byte ^ MASK).collect();
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), masked(value)))
        .collect()
}

fn write(secrets: &Secrets, file: &Path) {
    let mut out = File::create(file).unwrap();
    for (name, value) in secrets {
        let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{name}={digits}").unwrap();
    }
}

fn read(file: &Path) -> Secrets {
    let lines = BufReader::new(File::open(file).unwrap()).lines();
    lines
        .map(|line| {
            let line = line.unwrap();
            let (name, digits) = line.split_once('=').unwrap();
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let value = (0..digits.len()).step_by(2).map(byte).collect();
            (name.to_owned(), value)
        })
        .collect()
}

/// A secret in clear, for the time of a call.
fn clear(secrets: &Secrets, name: &str) -> Zeroizing<Vec<u8>> {
    let masked = &secrets[name];
    let mut value = Zeroizing::new(vec![0; masked.len()]);
    for (to, from) in value.iter_mut().zip(masked) {
        *to = from ^ MASK;
    }
    value
}

const TRUE: &[u8] = &[1];
const FALSE: &[u8] = &[0];

fn number(number: &CK_ULONG) -> [u8; 8] {
    number.to_ne_bytes()
}

/// Everything that takes a secret in or hands one out.
fn work(client: &Client, secrets: &Secrets) {
    let of = |name| clear(secrets, name);
    client.set_pin(&of("pin")).unwrap();
    client.logout().unwrap();
    client.login(&of("pin")).unwrap();
    let aes = create_secret(client, CKK_AES, &of("aes"));
    let generic = create_secret(client, CKK_GENERIC_SECRET, &of("generic"));
    data_objects(client, secrets);
    let rsa = create_rsa(client, secrets);
    let ec = create_ec(client, secrets);
    for key in [aes, generic] {
        client.copy(key, &[(CKA_TOKEN, TRUE)]).unwrap();
        let mut value = Zeroizing::new([0; 32]);
        for _ in 0..3 {
            let places = &mut [(CKA_VALUE, &mut value[..])];
            client.attributes(key, places).unwrap();
        }
    }
    wrapped(client, secrets, aes, [generic, rsa.1, ec]);
    let oaep = Mechanism::Oaep {
        hash: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        label: &[],
    };
    let mut blob = [0; 256];
    let message = of("by oaep");
    client
        .encrypt(oaep, rsa.0, Way::Whole, &message, &mut blob)
        .unwrap();
    unwrap_secret(client, oaep, rsa.1, &blob);
    let mut out = Zeroizing::new([0; 256]);
    client
        .decrypt(oaep, rsa.1, Way::Whole, &blob, &mut out[..])
        .unwrap();
    drop((message, out));
    signatures(client, rsa.1, ec, generic);
    ciphers(client, secrets, aes);
    derivations(client, secrets);
}

fn create_secret(client: &Client, key_type: CK_KEY_TYPE, value: &[u8]) -> Key {
    let template: &[Attribute<'_>] = &[
        (CKA_CLASS, &number(&CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, &number(&key_type)),
        (CKA_TOKEN, TRUE),
        (CKA_PRIVATE, TRUE),
        (CKA_SENSITIVE, FALSE),
        (CKA_EXTRACTABLE, TRUE),
        (CKA_ENCRYPT, TRUE),
        (CKA_DECRYPT, TRUE),
        (CKA_WRAP, TRUE),
        (CKA_UNWRAP, TRUE),
        (CKA_DERIVE, TRUE),
        (CKA_SIGN, TRUE),
        (CKA_VALUE, value),
    ];
    let encrypts = key_type == CKK_AES;
    let fits = |(kind, _): &&Attribute<'_>| {
        encrypts || !matches!(*kind, CKA_ENCRYPT | CKA_DECRYPT | CKA_WRAP | CKA_UNWRAP)
    };
    let template: Vec<_> = template.iter().filter(fits).copied().collect();
    client.create(&template).unwrap()
}

/// Private data objects, on the token and in the session: made, found by their value, read, copied.
fn data_objects(client: &Client, secrets: &Secrets) {
    for (token, name) in [(TRUE, "data"), (FALSE, "data"), (TRUE, "data again")] {
        let data = clear(secrets, name);
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
        let mut value = Zeroizing::new([0; 3000]);
        for _ in 0..3 {
            let places = &mut [(CKA_VALUE, &mut value[..])];
            client.attributes(object, places).unwrap();
        }
    }
}

/// The public and the private key.
fn create_rsa(client: &Client, secrets: &Secrets) -> (Key, Key) {
    let of = |name| clear(secrets, name);
    let (n, e) = (of("n"), of("e"));
    let public = client
        .create(&[
            (CKA_CLASS, &number(&CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, &number(&CKK_RSA)),
            (CKA_ENCRYPT, TRUE),
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
    let mut value = Zeroizing::new([0; 256]);
    for kind in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_COEFFICIENT] {
        let places = &mut [(kind, &mut value[..])];
        client.attributes(private, places).unwrap();
    }
    (public, private)
}

fn create_ec(client: &Client, secrets: &Secrets) -> Key {
    let key = client
        .create(&[
            (CKA_CLASS, &number(&CKO_PRIVATE_KEY)),
            (CKA_KEY_TYPE, &number(&CKK_EC)),
            (CKA_TOKEN, TRUE),
            (CKA_SENSITIVE, FALSE),
            (CKA_EXTRACTABLE, TRUE),
            (CKA_SIGN, TRUE),
            (CKA_EC_PARAMS, client::P256),
            (CKA_VALUE, &clear(secrets, "scalar")),
        ])
        .unwrap();
    let mut value = Zeroizing::new([0; 32]);
    let places = &mut [(CKA_VALUE, &mut value[..])];
    client.attributes(key, places).unwrap();
    key
}

/// Keys wrapped and unwrapped again, by several mechanisms.
fn wrapped(client: &Client, secrets: &Secrets, kek: Key, keys: [Key; 3]) {
    let extra = create_secret(client, CKK_AES, &clear(secrets, "unwrapped"));
    let iv = [7; 16];
    let [_, rsa, ec] = keys;
    for mechanism in [
        Mechanism::Plain(CKM_AES_KEY_WRAP),
        Mechanism::Plain(CKM_AES_KEY_WRAP_KWP),
        Mechanism::Bytes(CKM_AES_CBC_PAD, &iv),
        Mechanism::Gcm {
            iv: &iv[..12],
            aad: &[],
            tag_bits: 128,
        },
    ] {
        let mut blob = [0; 2000];
        let len = client.wrap(mechanism, kek, extra, &mut blob).unwrap();
        unwrap_secret(client, mechanism, kek, &blob[..len]);
        for (key, key_type) in [(rsa, CKK_RSA), (ec, CKK_EC)] {
            let len = client.wrap(mechanism, kek, key, &mut blob).unwrap();
            let template = [
                (CKA_CLASS, &number(&CKO_PRIVATE_KEY)[..]),
                (CKA_KEY_TYPE, &number(&key_type)),
                (CKA_TOKEN, TRUE),
                (CKA_SIGN, TRUE),
            ];
            let key = client
                .unwrap(mechanism, kek, &blob[..len], &template)
                .unwrap();
            client.destroy(key).unwrap();
        }
    }
}

fn unwrap_secret(client: &Client, mechanism: Mechanism<'_>, kek: Key, blob: &[u8]) {
    for (id, token) in [(&b""[..], FALSE), (b"bound", TRUE)] {
        let template = [
            (CKA_CLASS, &number(&CKO_SECRET_KEY)[..]),
            (CKA_KEY_TYPE, &number(&CKK_GENERIC_SECRET)),
            (CKA_TOKEN, token),
            (CKA_ID, id),
            (CKA_SENSITIVE, FALSE),
            (CKA_SIGN, TRUE),
        ];
        // What proves no integrity, and other material, is refused.
        let _ = client.unwrap(mechanism, kek, blob, &template);
    }
}

fn signatures(client: &Client, rsa: Key, ec: Key, generic: Key) {
    let mut out = [0; 256];
    for (mechanism, key) in [
        (CKM_SHA256_RSA_PKCS, rsa),
        (CKM_ECDSA_SHA256, ec),
        (CKM_SHA256_HMAC, generic),
    ] {
        let mechanism = Mechanism::Plain(mechanism);
        client
            .sign(mechanism, key, Way::Whole, b"message", &mut out)
            .unwrap();
    }
}

/// Messages encrypted and decrypted, whole and in parts.
fn ciphers(client: &Client, secrets: &Secrets, key: Key) {
    let iv = [7; 16];
    for name in ["plain", "long plain"] {
        for mechanism in [
            Mechanism::Bytes(CKM_AES_CBC_PAD, &iv),
            Mechanism::Gcm {
                iv: &iv[..12],
                aad: &[],
                tag_bits: 128,
            },
        ] {
            for way in [Way::Whole, Way::Parts(100)] {
                let mut sealed = [0; 10_100];
                let text = clear(secrets, name);
                let len = client
                    .encrypt(mechanism, key, way, &text, &mut sealed)
                    .unwrap();
                let mut out = Zeroizing::new([0; 10_100]);
                client
                    .decrypt(mechanism, key, way, &sealed[..len], &mut out[..])
                    .unwrap();
            }
        }
    }
}

fn derivations(client: &Client, secrets: &Secrets) {
    let base = create_secret(client, CKK_GENERIC_SECRET, &clear(secrets, "base"));
    let with = clear(secrets, "mask");
    let data = CK_KEY_DERIVATION_STRING_DATA {
        pData: with.as_ptr().cast_mut(),
        ulLen: 32,
    };
    // SAFETY: any structure of numbers and pointers may be read as bytes.
    let data = unsafe {
        std::slice::from_raw_parts(
            (&raw const data).cast::<u8>(),
            size_of::<CK_KEY_DERIVATION_STRING_DATA>(),
        )
    };
    for token in [TRUE, FALSE] {
        let template = [
            (CKA_TOKEN, token),
            (CKA_SENSITIVE, FALSE),
            (CKA_EXTRACTABLE, TRUE),
        ];
        let xor = Mechanism::Bytes(CKM_XOR_BASE_AND_DATA, data);
        let key = client.derive(xor, base, &template).unwrap();
        let mut value = Zeroizing::new([0; 32]);
        let places = &mut [(CKA_VALUE, &mut value[..])];
        client.attributes(key, places).unwrap();
    }
}

/// The child: works, then waits to be searched, twice.
fn child(file: &Path) {
    let secrets = read(file);
    let client = Client::start(&client::library());
    work(&client, &secrets);
    client.logout().unwrap();
    wait();
    client.finalize().unwrap();
    wait();
}

fn wait() {
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn spawn(file: &Path, tokens: &TempDir) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "no_secret_is_left",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, file)
        .env("TENON_DIRECTORIES_TOKENDIR", tokens.path())
        .env("TENON_CONF", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Pieces of the secrets as they are, and with their bytes in the order of a number in this machine's
/// memory: the beginning of each, and which it is.
struct Pieces {
    starts: Vec<bool>,
    all: HashMap<[u8; PIECE], String>,
}

impl Pieces {
    fn of(secrets: &Secrets) -> Self {
        let mut pieces = Self {
            starts: vec![false; 1 << 16],
            all: HashMap::new(),
        };
        for (name, masked) in secrets {
            if matches!(&name[..], "n" | "e" | "point") {
                continue;
            }
            let value: Vec<_> = masked.iter().map(|byte| byte ^ MASK).collect();
            let turned: Vec<_> = value.iter().rev().copied().collect();
            for form in [value, turned] {
                for (at, piece) in form.windows(PIECE).enumerate() {
                    pieces.starts[usize::from(u16::from_ne_bytes([piece[0], piece[1]]))] = true;
                    let piece = piece.try_into().unwrap();
                    pieces.all.insert(piece, format!("{name} at {at}"));
                }
            }
        }
        pieces
    }

    fn find<'a>(&'a self, memory: &[u8]) -> Option<(usize, &'a str)> {
        memory.windows(PIECE).enumerate().find_map(|(at, piece)| {
            if !self.starts[usize::from(u16::from_ne_bytes([piece[0], piece[1]]))] {
                return None;
            }
            Some((at, &self.all.get(piece)?[..]))
        })
    }
}

/// What of `pieces` is in memory that the process can write.
fn search(process: u32, pieces: &Pieces) -> Vec<String> {
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        let mut rest = &bytes[..];
        while let Some((at, name)) = pieces.find(rest) {
            let offset = bytes.len() - rest.len() + at;
            let place = fields.clone().last().unwrap_or_default();
            found.push(format!("{name}: {:#x} {place}", start + offset as u64));
            rest = &rest[at + PIECE..];
        }
    }
    found
}

/// Known gap, to be closed: pieces of values that went through calls of this thread may stay where the
/// calls had them until later ones overwrite them; an optimised build leaves more of them.
const KNOWN_GAP: [&str; 4] = ["by oaep ", "generic ", "unwrapped ", "derived "];

#[test]
fn no_secret_is_left() {
    if let Some(file) = env::var_os(CHILD) {
        child(Path::new(&file));
        return;
    }
    let tokens = tempfile::tempdir().unwrap();
    let file = tokens.path().join("secrets");
    let secrets = secrets();
    write(&secrets, &file);
    let pieces = Pieces::of(&secrets);
    let mut child = spawn(&file, &tokens);
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut questions = child.stdin.take().unwrap();
    let mut found = Vec::new();
    for moment in ["C_Logout", "C_Finalize"] {
        let ready = answers.any(|line| line.unwrap().ends_with("ready"));
        assert!(ready, "the child ends before {moment}");
        let mut left = search(child.id(), &pieces);
        left.retain(|what| !KNOWN_GAP.iter().any(|name| what.starts_with(name)));
        found.extend(
            left.into_iter()
                .map(|what| format!("after {moment}: {what}")),
        );
        writeln!(questions).unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert!(found.is_empty(), "{}\n{found:#?}", found.len());
}
