//! What a signature costs while other processes sign with the same keys of one token. A process that shares nothing it
//! writes with the others takes the CPU time that it takes alone; the algorithm without PKCS#11 runs in between, in each
//! of them.

use std::env;
use std::process::{Command, Stdio};

use cryptoki_sys::{CKA_LABEL, CKA_TOKEN, CKM_ECDSA, CKM_SHA256_RSA_PKCS};

use super::client::{self, Client, Key};
use super::measure::{self, ALONE, Subject, Work, percentile};
use super::modules::TENON;
use super::{alone, cases};

/// Says to a child process that it is one of several.
const PROCESS: &str = "TENON_PEERS_PROCESS";
/// How many processes there are at a time.
const COUNTS: [usize; 3] = [1, 2, 4];

struct Case {
    name: &'static str,
    make: fn(&Client) -> Key,
    module: fn(&'static Client, Key) -> Work,
    alone: fn() -> Work,
}

static CASES: &[Case] = &[
    Case {
        name: "RSA-2048 sign, SHA-256",
        make: |client| cases::rsa(client, 2048).unwrap().private,
        module: |client, key| cases::sign(client, CKM_SHA256_RSA_PKCS, key, 64),
        alone: || alone::rsa_sign(2048),
    },
    Case {
        name: "ECDSA P-256 sign",
        make: |client| cases::ec(client, client::P256).unwrap().private,
        module: |client, key| cases::sign(client, CKM_ECDSA, key, 32),
        alone: || alone::ec_sign(client::P256, 32),
    },
];

/// Whether this process is one of several.
pub(super) fn is_one() -> bool {
    env::var_os(PROCESS).is_some()
}

/// Makes the token and its keys, and measures so many processes at a time.
pub(super) fn run() {
    let client = Client::start(&client::library());
    for case in CASES {
        let stored = [(CKA_TOKEN, &[1][..]), (CKA_LABEL, case.name.as_bytes())];
        client.copy((case.make)(&client), &stored).unwrap();
    }
    client.finalize().unwrap();
    println!(
        "{:30}{:>10}{:>10}{:>10}{:>10}",
        "µs of CPU time a call", "processes", TENON, ALONE, "ratio"
    );
    for count in COUNTS {
        let rows = measured(count);
        for case in CASES {
            let of = |column: usize| {
                let rows = rows.iter().filter(|row| row[0] == case.name);
                let mut times: Vec<f64> = rows.map(|row| row[column].parse().unwrap()).collect();
                assert_eq!(times.len(), count);
                percentile(&mut times, 50)
            };
            let [tenon, alone] = [of(1), of(2)];
            println!(
                "{:30}{count:>10}{tenon:>10.2}{alone:>10.2}{:>10.2}",
                case.name,
                alone / tenon
            );
        }
    }
}

/// The rows that so many processes print, which run at the same time.
fn measured(count: usize) -> Vec<Vec<String>> {
    let start = || {
        Command::new(env::current_exe().unwrap())
            .args(env::args_os().skip(1))
            .env(PROCESS, "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = (0..count).map(|_| start()).collect();
    let ended = started.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    });
    ended.flat_map(|text| lines(&text)).collect()
}

fn lines(text: &str) -> Vec<Vec<String>> {
    let columns = |line: &str| line.split('\t').map(str::to_owned).collect();
    text.lines().map(columns).collect()
}

/// One of several processes: measures every case and prints a row for each.
pub(super) fn run_one() {
    let client: &'static Client = Box::leak(Box::new(Client::join(&client::library())));
    for case in CASES {
        let key = client.find(&[(CKA_LABEL, case.name.as_bytes())]).unwrap()[0];
        let subjects = vec![
            Subject::new(TENON, Ok((case.module)(client, key))),
            Subject::new(ALONE, Ok((case.alone)())),
        ];
        let measured = measure::interleaved(case.name, subjects);
        let [tenon, alone] = [TENON, ALONE].map(|name| measured.of(name).unwrap().cpu);
        println!("{}\t{tenon}\t{alone}", case.name);
    }
}
