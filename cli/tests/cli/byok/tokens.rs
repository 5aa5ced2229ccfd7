//! Import tokens: of the key, of the day, of the same download.

use std::fs;

use super::common::{byok, create, desk, now, state};
use super::openssl::openssl;
use crate::cli::common::Desk;

#[test]
fn import_tokens_are_checked_and_say_what_to_do() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256", "--require-token"]);
    byok(&desk, &["create", "--spec", "AES_256", "--alias", "other"]).ok();
    desk.write("blob", [0x80; 256]);
    let import = ["import", "k", "blob", "--import-token", "token"];
    desk.write("token", "bm90aGluZw==");
    byok(&desk, &import).refused(1, &["no import token"]);
    byok(&desk, &["import", "k", "blob"]).refused(1, &["tenon byok parameters k"]);

    // The statement of a token: version, key, wrapping key, algorithm, end.
    let statement = |key: &str, end: u64| {
        let key: Vec<u8> = key
            .replace('-', "")
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let number = 2_u64.to_be_bytes();
        [
            &[1],
            &key[..],
            &[7; 16],
            &number,
            &end.to_be_bytes(),
            &[0; 32],
        ]
        .concat()
    };
    desk.write("token", statement(&id, now() - 3 * 3600 - 60));
    byok(&desk, &import).refused(1, &["expired 3 h 1 min ago", "tenon byok parameters k"]);
    desk.write("token", statement(&"0b".repeat(16), now() + 60));
    byok(&desk, &import).refused(1, &["belongs to the key 0b0b"]);
    desk.write("token", statement(&id, now() + 60));
    byok(&desk, &import).refused(1, &["is gone", "tenon byok parameters k"]);

    for key in ["k", "k", "other"] {
        let folder = desk.path(key);
        fs::create_dir_all(&folder).unwrap();
        byok(&desk, &["parameters", key, "--replace", "-d", key]).ok();
    }
    let public = format!("k/publickey_{id}.pem");
    let wrap = [
        "wrap",
        "secret.bin",
        "-a",
        "RSAES_OAEP_SHA_256",
        "-k",
        &public,
    ];
    byok(&desk, &[&wrap[..], &["-o", "good"]].concat()).ok();
    byok(&desk, &["import", "k", "good"]).refused(1, &["more than one", "--import-token"]);
    let token = format!("k/token_{id}.txt");
    let import = ["import", "k", "blob", "--import-token", &token];
    byok(&desk, &import).refused(1, &["CKR_WRAPPED_KEY_INVALID", "tenon byok parameters"]);
    desk.write("blob", [0x80; 255]);
    byok(&desk, &import).refused(1, &["CKR_WRAPPED_KEY_LEN_RANGE"]);
    let read = fs::read(desk.path(&token)).unwrap();
    let mut damaged = decode(&desk, &read);
    *damaged.last_mut().unwrap() ^= 1;
    desk.write("token", damaged);
    byok(&desk, &["import", "k", "good", "--import-token", "token"])
        .refused(1, &["CKR_TEMPLATE_INCONSISTENT"]);
    byok(&desk, &["import", "k", "good", "--import-token", &token]).ok();
    assert_eq!(state(&desk), "Enabled");
}

fn decode(desk: &Desk, text: &[u8]) -> Vec<u8> {
    desk.write("text", text);
    openssl(desk, &["enc", "-d", "-base64", "-A", "-in", "text"])
}
