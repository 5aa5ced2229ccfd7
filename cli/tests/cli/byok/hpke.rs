//! Imports under keys that withstand quantum computers, by the owner's commands and the operator's.

use std::fs;

use super::common::{bring, byok, create, desk};
use super::openssl::openssl;
use crate::cli::common::{Answer, Desk, text};

const OF_GOOGLE: [&str; 3] = [
    "HPKE_KEM_XWING_HKDF_SHA256_AES_256_GCM",
    "hpke-kem-ml-kem-768-hkdf-sha256-aes-256-gcm",
    "hpke-kem-ml-kem-1024-hkdf-sha256-aes-256-gcm",
];

/// `tenon byok` with the words of a line.
fn say(desk: &Desk, line: &str) -> Answer {
    byok(desk, &line.split_whitespace().collect::<Vec<_>>())
}

/// Asks for the parameters of the key `k`, which are then in files, and gives what the answer calls the
/// wrapping key.
fn request(desk: &Desk, algorithm: &str) -> String {
    let line = format!("parameters k --algorithm {algorithm} --directory . --replace --json");
    text(&say(desk, &line).json(), "WrappingKeySpec").to_owned()
}

#[test]
fn a_key_is_brought_by_hpke_with_its_proofs() {
    for (algorithm, wrapping) in [
        ("HPKE_XWING", "XWING"),
        ("HPKE_ML_KEM_768", "ML_KEM_768"),
        ("HPKE_ML_KEM_1024", "ML_KEM_1024"),
    ] {
        let desk = desk();
        say(&desk, "attestation-key -o kept.pem").ok();
        let p256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
        openssl(
            &desk,
            &[&["genpkey"], &p256[..], &["-out", "owner.pem"]].concat(),
        );
        let id = create(&desk, &["--spec", "EC_P256"]);
        assert_eq!(request(&desk, algorithm), wrapping);

        let known = format!("--attestation-key kept.pem --key-id {id} -k publickey_{id}.pem");
        let check = format!("check-parameters wrapping-statement_{id}.json {known}");
        say(&desk, &format!("{check} -a {algorithm}")).ok();
        say(&desk, &format!("{check} -a RSAES_OAEP_SHA_256"))
            .refused(1, &["wrapping algorithm", algorithm]);

        let wrap = format!("wrap owner.pem -k publickey_{id}.pem -a {algorithm} --key-id {id}");
        say(&desk, &format!("{wrap} -o blob.txt")).ok();
        say(&desk, "import k blob.txt --nonce 5e7e").ok();
        say(&desk, "receipt k").ok();
        let check = format!("check-receipt owner.pem --receipt receipt_{id}.json {known}");
        say(&desk, &format!("{check} --blob blob.txt --nonce 5e7e")).ok();
        say(&desk, &format!("{wrap} -o again.txt")).ok();
        say(&desk, &format!("{check} --blob again.txt --nonce 5e7e")).refused(1, &["blob"]);
    }
}

#[test]
fn google_announces_the_same_under_its_own_names() {
    let desk = desk();
    create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    for name in OF_GOOGLE {
        bring(&desk, "secret.bin", name, &[]).ok();
    }
    say(&desk, "create --alias a --profile aws --spec AES_256").ok();
    let line = format!("parameters a --algorithm {}", OF_GOOGLE[0]);
    say(&desk, &line).refused(1, &["AWS"]);
}

#[test]
fn a_blob_that_was_sealed_for_another_key_is_explained() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256"]);
    request(&desk, "HPKE_XWING");
    let other = format!("{}-0000-0000-0000-000000000000", &id[..8]);
    let wrap = format!("wrap secret.bin -k publickey_{id}.pem -a HPKE_XWING");
    say(&desk, &format!("{wrap} --key-id {other} -o other.txt")).ok();
    say(&desk, "import k other.txt").refused(1, &["sealed for another KeyId", "--key-id"]);
    let digits = id.replace('-', "");
    let odd = format!("{}-{}", &digits[..1], &digits[1..]);
    say(&desk, &format!("{wrap} --key-id {odd} -o odd.txt")).refused(2, &["8-4-4-4-12"]);
    say(&desk, &format!("{wrap} --key-id {digits} -o blob.txt")).ok();
    say(&desk, "import k blob.txt").ok();
}

/// The service gives out the bare bytes of the key, which are the last of its DER.
#[test]
fn the_wrapping_key_may_be_its_bare_bytes() {
    let desk = desk();
    let id = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    say(&desk, "attestation-key -o kept.pem").ok();
    for (name, len) in OF_GOOGLE.into_iter().zip([1216, 1184, 1568]) {
        request(&desk, name);
        let der = fs::read(desk.path(&format!("publickey_{id}.bin"))).unwrap();
        let bare = &der[der.len() - len..];
        fs::write(desk.path("key.raw"), bare).unwrap();
        let wrap = format!("wrap secret.bin -a {name} -o blob.txt -k");
        let _ = fs::remove_file(desk.path("blob.txt"));
        say(&desk, &format!("{wrap} key.raw")).ok();
        let import = format!("import k blob.txt --import-token token_{id}.txt");
        say(&desk, &import).ok();
        say(&desk, "receipt k --replace").ok();
        for check in [
            "check-parameters",
            "check-receipt secret.bin --raw --receipt",
        ] {
            let statement = match check {
                "check-parameters" => "wrapping-statement",
                _ => "receipt",
            };
            let rest = format!("{statement}_{id}.json --attestation-key kept.pem -k key.raw");
            say(&desk, &format!("{check} {rest}")).ok();
        }
        fs::write(desk.path("short.raw"), &bare[1..]).unwrap();
        say(&desk, &format!("{wrap} short.raw")).refused(1, &["short.raw"]);
    }
}

/// A statement of a wrapping key that serves many keys names none of them.
#[test]
fn the_check_of_a_wrapping_key_says_for_which_keys_it_is() {
    let desk = desk();
    let id = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    say(&desk, "attestation-key -o kept.pem").ok();
    let check = format!(
        "check-parameters wrapping-statement_{id}.json --attestation-key kept.pem -k publickey_{id}.pem"
    );
    request(&desk, OF_GOOGLE[0]);
    let own = say(&desk, &check).ok().out();
    assert!(
        own.contains("for the key ") && own.contains("profile google, independence envelope)"),
        "{own}"
    );
    request(&desk, &format!("{} --every-key", OF_GOOGLE[0]));
    let all = say(&desk, &check).ok().out();
    assert!(
        all.contains("for every key of the profile google, until"),
        "{all}"
    );
    assert!(all.contains("not checked: --algorithm\n"), "{all}");
}

/// Swap 17: a blob for one key is brought into another one, by a wrapping key that serves both.
#[test]
fn a_wrapping_key_of_many_keys_brings_a_blob_to_its_own_key_alone() {
    let desk = desk();
    say(&desk, "attestation-key -o kept.pem").ok();
    let one = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    let other = say(
        &desk,
        "create --alias o --profile google --spec AES_256 --json",
    );
    let other = text(&other.json()["KeyMetadata"], "KeyId").to_owned();
    for name in OF_GOOGLE {
        request(&desk, &format!("{name} --every-key"));
        // The statement of such a wrapping key names neither key.
        let check = format!(
            "check-parameters wrapping-statement_{one}.json --attestation-key kept.pem -k publickey_{one}.pem -a {name}"
        );
        let said = say(&desk, &check).ok().out();
        assert!(
            said.contains("for every key of the profile google"),
            "{said}"
        );
        let many = "every key of the profile google";
        say(&desk, &format!("{check} --key-id {one}")).refused(1, &["names no KeyId", many]);
        say(&desk, &format!("{check} --spec AES_256")).refused(1, &["names no spec", many]);

        let wrap = format!("wrap secret.bin --raw -k publickey_{one}.pem -a {name}");
        for file in ["own.txt", "any.txt"] {
            let _ = fs::remove_file(desk.path(file));
        }
        say(&desk, &format!("{wrap} --key-id {one} -o own.txt")).ok();
        say(&desk, &format!("{wrap} -o any.txt")).ok();
        let import = |key: &str, file: &str| {
            say(
                &desk,
                &format!("import {key} {file} --import-token token_{one}.txt --nonce 5e7e"),
            )
        };
        import("o", "own.txt").refused(1, &["sealed for another KeyId"]);
        import("k", "own.txt").ok();
        // Without --key-id the token cannot know; the receipt then tells the owner.
        import("o", "any.txt").ok();
        say(&desk, "receipt o --replace").ok();
        let check = format!(
            "check-receipt secret.bin --raw --receipt receipt_{other}.json --attestation-key kept.pem --blob any.txt --nonce 5e7e"
        );
        say(&desk, &check).ok();
        say(&desk, &format!("{check} --key-id {one}")).refused(1, &["KeyId"]);
    }
}

#[test]
fn a_key_and_a_key_id_are_those_of_the_algorithm() {
    let desk = desk();
    let id = create(&desk, &["--spec", "AES_256"]);
    request(&desk, "HPKE_XWING");
    let wrap = |more: &str| {
        let line = format!("wrap secret.bin -k publickey_{id}.pem {more}");
        say(&desk, &line)
    };
    wrap("-a HPKE_ML_KEM_1024").refused(
        1,
        &["of ML-KEM-1024, not of X-Wing, for which there are HPKE_XWING"],
    );
    wrap("-a HPKE_ML_KEM_768").refused(1, &["of ML-KEM-768, not of X-Wing"]);
    wrap("-a RSAES_OAEP_SHA_256").refused(1, &["of RSA, not of X-Wing"]);
    wrap("-a SM2_ENCRYPT").refused(1, &["of SM2, not of X-Wing"]);
    wrap("-a HPKE_XWING --key-id 00").refused(2, &["32 hexadecimal digits"]);
    wrap("-a HPKE_XWING --mgf1 sha1").refused(1, &["MGF1"]);
    wrap("-a HPKE_XWING --output a --output b").refused(1, &["one part"]);
    // For a key that is none of the token's.
    let other = "0".repeat(32);
    wrap(&format!("-a HPKE_XWING --key-id {other} -o blob.txt")).ok();
    say(&desk, "import k blob.txt").refused(1, &["blob"]);
    request(&desk, "RSAES_OAEP_SHA_256");
    wrap("-a HPKE_XWING").refused(1, &["of X-Wing, not of RSA", "RSA_AES_KEY_WRAP_SHA_256"]);
    wrap(&format!("-a RSAES_OAEP_SHA_256 --key-id {id}")).refused(1, &["no certain key"]);
}

/// It is read once.
#[test]
fn the_wrapping_key_may_come_by_a_pipe() {
    let desk = desk();
    let id = create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    for (name, form) in OF_GOOGLE.into_iter().zip(["bin", "pem", "bin"]) {
        request(&desk, name);
        let key = fs::read(desk.path(&format!("publickey_{id}.{form}"))).unwrap();
        let line = format!("byok wrap secret.bin -k - -a {name} -o blob.txt");
        let words: Vec<_> = line.split_whitespace().collect();
        let _ = fs::remove_file(desk.path("blob.txt"));
        desk.run_input(&key, &words).ok();
        say(
            &desk,
            &format!("import k blob.txt --import-token token_{id}.txt"),
        )
        .ok();
    }
}
