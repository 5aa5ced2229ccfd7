//! Commands that write a file, and places where it would count as one of a token.

use std::fs;

use super::common::{Desk, file};

/// Stands for the file in the arguments of a command.
const FILE: &str = "{}";

/// The commands that write files of any name.
const COMMANDS: [&[&str]; 7] = [
    &["backup", FILE, "--replace"],
    &["audit", "archive", FILE],
    &["export", "--label", "pair", "--type", "pubkey", "-o", FILE],
    &["byok", "attestation-key", "-o", FILE],
    &["init", "--label", "new", "--attestation-key", FILE],
    &[
        "byok",
        "wrap",
        "blob",
        "--algorithm",
        "RSAES_OAEP_SHA_256",
        "-k",
        "public",
        "-o",
        FILE,
    ],
    &[
        "byok",
        "wrap",
        "blob",
        "--algorithm",
        "RSA_AES_KEY_WRAP_SHA_256",
        "-k",
        "public",
        "-o",
        "head",
        "-o",
        FILE,
    ],
];

#[test]
fn no_file_is_made_that_would_count_as_a_token_s() {
    let desk = Desk::new();
    desk.write("public", file("rsa-public.pem"));
    desk.write("blob", [1; 32]);
    let pair = ["keys", "generate", "--type", "ec:P-256", "--label", "pair"];
    desk.run(&pair).ok();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(desk.path("tokens"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    for name in [
        "slot-0001.tenon",
        "slot-0003.tenon-shm",
        "slot-0004.gen",
        "mine.tenon",
    ] {
        let place = format!("tokens/{name}");
        for command in COMMANDS {
            let mut arguments = command.to_vec();
            for argument in &mut arguments {
                if *argument == FILE {
                    *argument = &place;
                }
            }
            desk.run(&arguments).refused(1, &["choose another folder"]);
            let _ = fs::remove_file(desk.path("head"));
        }
    }
    assert_eq!(names(), before);
    // The same names elsewhere, and other names there, are free.
    desk.run(&["audit", "archive", "slot-0001.tenon"]).ok();
    desk.run(&["backup", "tokens/backup"]).ok();
    desk.run(&["init", "--label", "new"]).ok();
}
