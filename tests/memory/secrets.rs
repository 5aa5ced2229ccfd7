//! Secrets by name. Between calls of the library the child has them masked only.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::rsa;
use tenon_pkcs11::api::rng;
use zeroize::Zeroizing;

const MASK: u8 = 0xA5;

/// Begins the line in which the child tells a secret that the library made.
const TOLD: &str = "made: ";

/// Values by name, masked.
pub(crate) struct Secrets(HashMap<String, Vec<u8>>);

impl Secrets {
    /// New ones: a key of each type, and `others`, which are random bytes of these lengths.
    pub(crate) fn new(others: &[(&str, usize)]) -> Self {
        let key = rsa::generate(2048, &[1, 0, 1]).unwrap();
        let scalar = ec::generate(Curve::P256).unwrap();
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
        ];
        for (name, len) in others {
            let mut value = rng::secret(&SystemRng, *len).to_vec();
            if name.ends_with("pin") {
                value = value.iter().map(|byte| b'a' + byte % 26).collect();
            }
            all.push((name, value));
        }
        let mut secrets = Self(HashMap::new());
        for (name, value) in all {
            secrets.0.insert(name.to_owned(), masked(&value));
        }
        secrets
    }

    pub(crate) fn write(&self, file: &Path) {
        let mut out = File::create(file).unwrap();
        for (name, value) in &self.0 {
            writeln!(out, "{}", line(name, value)).unwrap();
        }
    }

    pub(crate) fn read(file: &Path) -> Self {
        let mut secrets = Self(HashMap::new());
        for line in fs::read_to_string(file).unwrap().lines() {
            assert!(secrets.take(line));
        }
        secrets
    }

    /// Takes the secret that `line` tells; false when it tells none.
    pub(crate) fn take(&mut self, line: &str) -> bool {
        let Some((_, told)) = line.split_once(TOLD) else {
            return false;
        };
        let (name, digits) = told.split_once('=').unwrap();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let value = (0..digits.len()).step_by(2).map(byte).collect();
        self.0.insert(name.to_owned(), value);
        true
    }

    /// A value in clear, for the time of a call.
    pub(crate) fn clear(&self, name: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(masked(&self.0[name]))
    }

    /// The names of what must not be found.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.0.keys().map(String::as_str);
        names.filter(|name| !matches!(*name, "n" | "e" | "point"))
    }
}

/// Tells the parent a secret that the library made.
pub(crate) fn tell(name: &str, value: &[u8]) {
    println!("{}", line(name, &masked(value)));
}

fn line(name: &str, masked: &[u8]) -> String {
    let digits: String = masked.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{TOLD}{name}={digits}")
}

fn masked(value: &[u8]) -> Vec<u8> {
    value.iter().map(|byte| byte ^ MASK).collect()
}
