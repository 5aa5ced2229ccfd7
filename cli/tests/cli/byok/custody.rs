//! Custodians who must approve a deletion: each with a key of his own, made and used by openssl.

use std::fs;

use super::common::{byok, create, desk, metadata, state};
use super::openssl::openssl;
use crate::cli::common::{Answer, Desk, text};

const KINDS: [(&str, &[&str]); 3] = [
    (
        "ec",
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    ),
    (
        "rsa",
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    ),
    ("ed", &["-algorithm", "ed25519"]),
];

/// A key of the alias `k`, which two of three custodians guard.
fn guarded() -> Desk {
    let desk = desk();
    for (name, kind) in KINDS {
        let (key, public) = (format!("{name}.pem"), format!("{name}.pub"));
        openssl(&desk, &[&["genpkey"], kind, &["-out", &key]].concat());
        openssl(&desk, &["pkey", "-in", &key, "-pubout", "-out", &public]);
    }
    let custodians = ["ec.pub", "rsa.pub", "ed.pub"].map(|file| ["--custodian", file]);
    let arguments = [&custodians.concat()[..], &["--quorum", "2"]].concat();
    let more = ["--spec", "AES_256", "--origin", "generated"];
    create(&desk, &[&more[..], &arguments].concat());
    desk
}

fn request(desk: &Desk, file: &str, days: &str) {
    byok(desk, &["request-approval", "k", "--days", days, "-o", file]).ok();
}

fn approve(desk: &Desk, request: &str, custodian: &str) -> String {
    let (key, file) = (format!("{custodian}.pem"), format!("{request}.{custodian}"));
    byok(
        desk,
        &["approve", request, "-k", &key, "-o", &file, "--yes"],
    )
    .ok();
    file
}

fn schedule(desk: &Desk, days: &str, approvals: &[&str]) -> Answer {
    let known = ["schedule-deletion", "k", "--days", days, "--yes"];
    let approvals: Vec<_> = approvals
        .iter()
        .flat_map(|file| ["--approval", file])
        .collect();
    byok(desk, &[&known[..], &approvals].concat())
}

#[test]
fn any_two_custodians_let_a_key_be_deleted() {
    for pair in [["ec", "rsa"], ["ed", "ec"]] {
        let desk = guarded();
        schedule(&desk, "7", &[]).refused(1, &["2 of the key's custodians", "request-approval"]);
        request(&desk, "request", "7");
        let [one, two] = pair.map(|custodian| approve(&desk, "request", custodian));
        schedule(&desk, "7", &[&one]).refused(1, &["and 1 have"]);
        let known = metadata(&desk, &["describe", "k"]);
        assert_eq!(known["Quorum"], 2);
        assert_eq!(known["Approvals"][0]["action"], "schedule-deletion");
        schedule(&desk, "7", &[&one]).refused(1, &[&one, "approved it already"]);
        schedule(&desk, "8", &[&two]).refused(1, &["in 8 days", "and 0 have"]);
        schedule(&desk, "7", &[]).ok();
        assert_eq!(state(&desk), "PendingDeletion");
        byok(&desk, &["cancel-deletion", "k"]).ok();
        assert_eq!(state(&desk), "Enabled");
        schedule(&desk, "7", &[&one, &two]).refused(1, &["counts once"]);
    }
}

#[test]
fn a_signature_of_another_program_approves_too() {
    let desk = guarded();
    request(&desk, "request", "7");
    let sign = [
        "dgst", "-sha256", "-sign", "ec.pem", "-out", "sig", "request",
    ];
    openssl(&desk, &sign);
    let arguments = [
        "approve",
        "request",
        "--signature",
        "sig",
        "-o",
        "ec",
        "--yes",
    ];
    byok(&desk, &arguments).ok();
    let rsa = approve(&desk, "request", "rsa");
    schedule(&desk, "7", &["ec", &rsa]).ok();
}

/// A custodian signs the whole statement, so it says nothing that he was not asked.
#[test]
fn a_changed_statement_is_not_signed() {
    let desk = guarded();
    request(&desk, "request", "7");
    let statement = fs::read_to_string(desk.path("request")).unwrap();
    for (from, to) in [
        ("{\"action\"", "{\"more\":1,\"action\""),
        ("\"serial\":\"", "\"serial\":\"\\r"),
        ("\"days\":7", "\"days\": 7"),
        ("}", "}\n"),
    ] {
        assert!(statement.contains(from));
        desk.write("changed", statement.replace(from, to));
        let sign = ["approve", "changed", "-k", "ec.pem", "--yes"];
        byok(&desk, &sign).refused(1, &["was changed"]);
    }
}

#[test]
fn what_does_not_approve_is_said() {
    let desk = guarded();
    request(&desk, "request", "7");
    let said = std::fs::read_to_string(desk.path("request")).unwrap();
    desk.write("sooner", said.replace("\"days\":7", "\"days\":8"));
    openssl(
        &desk,
        &[
            "dgst", "-sha256", "-sign", "ec.pem", "-out", "sig", "request",
        ],
    );
    let arguments = [
        "approve",
        "sooner",
        "--signature",
        "sig",
        "-o",
        "changed",
        "--yes",
    ];
    byok(&desk, &arguments).ok();
    schedule(&desk, "8", &["changed"]).refused(1, &["no custodian of the key"]);
    let approved = approve(&desk, "request", "ec");
    byok(&desk, &["request-approval", "k", "--withdraw"]).ok();
    schedule(&desk, "7", &[&approved]).refused(1, &["withdrawn"]);
    byok(&desk, &["approve", "ec.pem", "-k", "ec.pem", "--yes"]).refused(1, &["no statement"]);
    let free = ["create", "--spec", "AES_256", "--alias", "free", "--json"];
    let free = text(
        &desk.run(&[&["byok"], &free[..]].concat()).json()["KeyMetadata"],
        "KeyId",
    )
    .to_owned();
    byok(&desk, &["request-approval", &free, "--days", "7"]).refused(1, &["no custodians"]);
    let alone = ["create", "--spec", "AES_256", "--custodian", "ec.pub"];
    byok(&desk, &alone).refused(2, &["--quorum"]);
    let many = ["--custodian", "ec.pub", "--quorum", "2"];
    byok(
        &desk,
        &[&["create", "--spec", "AES_256"], &many[..]].concat(),
    )
    .refused(1, &["CKA_TENON_QUORUM"]);
}
