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
        assert_eq!(known["Custodians"].as_array().unwrap().len(), 3);
        assert_eq!(known["Approvals"][0]["action"], "schedule-deletion");
        schedule(&desk, "7", &[&one, &one]).refused(1, &["and 1 have"]);
        schedule(&desk, "8", &[&one]).refused(1, &["in 8 days", "and 0 have"]);
        schedule(&desk, "7", &[&one, &two]).ok();
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

/// What no approval could bring about is not asked of custodians.
#[test]
fn an_approval_is_asked_for_what_can_be_done_alone() {
    let desk = guarded();
    let ask = |key: &str, more: &[&str]| byok(&desk, &[&["request-approval", key], more].concat());
    for days in ["6", "31"] {
        ask("k", &["--days", days]).refused(1, &["7 to 30 days", days]);
    }
    ask("k", &["--delete-material"]).refused(1, &["generated in the token", "schedule-deletion"]);
    ask("k", &["--days", "30", "-o", "longest"]).ok();
    ask("k", &[]).refused(2, &["--days", "--delete-material", "--withdraw"]);
    let custodian = ["--custodian", "ec.pub", "--quorum", "1"];
    let other = [
        "create",
        "--profile",
        "google",
        "--spec",
        "AES_256",
        "--alias",
        "g",
    ];
    byok(&desk, &[&other[..], &custodian].concat()).ok();
    ask("g", &["--days", "121"]).refused(1, &["Google", "1 to 120 days"]);
    ask("g", &["--days", "1", "-o", "soonest"]).ok();
    ask("g", &["--delete-material", "-o", "material"]).ok();
}

#[test]
fn what_was_asked_approved_and_withdrawn_is_said() {
    let desk = guarded();
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    let say = |words: &[&str]| byok(&desk, words).ok().out();
    // Without a file the statement alone is written, for another program to read.
    let plain = say(&["request-approval", "k", "--days", "7"]);
    let said = say(&["request-approval", "k", "--days", "7", "-o", "request"]);
    assert!(
        said.contains("Wrote request") && said.contains("schedule-deletion in 7 days of k"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(desk.path("request")).unwrap(), plain);
    let asked = byok(&desk, &["request-approval", "k", "--days", "7", "--json"]).json();
    assert_eq!(text(&asked, "Statement"), plain);
    assert_eq!(
        (text(&asked, "KeyId"), text(&asked, "Action")),
        (&*id, "schedule-deletion")
    );
    assert_eq!(asked["Days"], 7);

    let approve = ["approve", "request", "-k", "ec.pem", "--yes"];
    let said = say(&[&approve[..], &["-o", "approval"]].concat());
    let digits = id.replace('-', "");
    assert!(
        said.contains("Wrote approval") && said.contains(&digits),
        "{said}"
    );
    let approved = byok(&desk, &[&approve[..], &["--json"]].concat()).json();
    assert_eq!(
        (text(&approved, "KeyId"), approved["Days"].as_u64()),
        (&*id, Some(7))
    );
    desk.write("approval.txt", text(&approved, "Approval"));
    openssl(
        &desk,
        &[
            "enc",
            "-d",
            "-base64",
            "-A",
            "-in",
            "approval.txt",
            "-out",
            "from-json",
        ],
    );
    schedule(&desk, "7", &["from-json"]).refused(1, &["and 1 have"]);

    // A file that is in the way is found before anything is withdrawn.
    let into = [
        "request-approval",
        "k",
        "--withdraw",
        "--output",
        "approval",
    ];
    byok(&desk, &[&into[..], &["--days", "7"]].concat()).refused(1, &["approval is there already"]);
    let said = say(&["request-approval", "k", "--withdraw"]);
    assert!(
        said.contains("Withdrew the approvals of k: 1 were there"),
        "{said}"
    );
    let answer = byok(&desk, &["request-approval", "k", "--withdraw", "--json"]).json();
    assert_eq!(answer["Withdrawn"], 0);
    assert!(answer["Statement"].is_null());
    schedule(&desk, "7", &["approval"]).refused(1, &["withdrawn"]);
    let both = ["request-approval", "k", "--withdraw", "--days", "8"];
    let both = byok(&desk, &both).warned(&["Withdrew", "0 were there"]);
    assert!(both.out().starts_with('{'), "the statement alone");
}

/// A check of a statement by the owner, with these options.
type Check<'a> = dyn Fn(&[&str]) -> Answer + 'a;

/// Swap 19: an owner finds custodians whom he did not name, another quorum, and another number of shares.
#[test]
fn an_owner_checks_who_guards_the_key() {
    let desk = guarded();
    openssl(
        &desk,
        &["genpkey", "-algorithm", "ed25519", "-out", "eve.pem"],
    );
    openssl(
        &desk,
        &["pkey", "-in", "eve.pem", "-pubout", "-out", "eve.pub"],
    );
    byok(&desk, &["attestation-key", "--output", "kept.pem"]).ok();
    let json = byok(&desk, &["attestation-key", "--json"]).ok().json();
    desk.write("kept.b64", text(&json, "PublicKey"));
    let custodians = ["ec.pub", "rsa.pub", "ed.pub"].map(|file| ["--custodian", file]);
    let guards = [&custodians.concat()[..], &["--quorum", "2"]].concat();
    let wrapping = ["--algorithm", "RSAES_OAEP_SHA_256"];
    for (alias, more) in [("guarded", &guards[..]), ("free", &[])] {
        let make = ["create", "--alias", alias, "--spec", "AES_256"];
        byok(&desk, &[&make[..], more].concat()).ok();
        fs::create_dir(desk.path(alias)).unwrap();
        let parameters = ["parameters", alias, "--directory", alias];
        byok(&desk, &[&parameters[..], &wrapping].concat()).ok();
    }
    let in_folder = |folder: &str, part: &str| {
        let files = fs::read_dir(desk.path(folder)).unwrap();
        let mut files = files.map(|file| file.unwrap().path().to_str().unwrap().to_owned());
        files
            .find(|path| path.contains(part) && !path.ends_with(".sig"))
            .unwrap()
    };
    let public = in_folder("guarded", ".pem");
    byok(
        &desk,
        &[
            &["wrap", "secret.bin", "-k", &public, "-o", "blob"],
            &wrapping[..],
        ]
        .concat(),
    )
    .ok();
    byok(&desk, &["import", "guarded", "blob"]).ok();
    byok(&desk, &["receipt", "guarded", "--directory", "guarded"]).ok();
    let receipt = in_folder("guarded", "receipt_");
    let [statement, of_free] = ["guarded", "free"].map(|of| in_folder(of, "wrapping-statement_"));
    let of_free_key = in_folder("free", ".pem");
    let kept = ["--attestation-key", "kept.b64"];
    let before = |more: &[&str]| {
        let known = ["check-parameters", &statement, "-k", &public];
        byok(&desk, &[&known[..], &kept, more].concat())
    };
    let after = |more: &[&str]| {
        let known = [
            "check-receipt",
            "secret.bin",
            "--raw",
            "--receipt",
            &receipt,
        ];
        byok(&desk, &[&known[..], &kept, more].concat())
    };
    for check in [&before as &Check, &after] {
        let said = check(&[]).ok().out();
        assert!(said.contains("must approve a deletion: 2 of 3"), "{said}");
        assert!(
            said.contains("--quorum, --custodian"),
            "not checked: {said}"
        );
        let said = check(&guards).ok().out();
        assert!(
            said.contains("quorum: 2") && !said.contains("--custodian"),
            "{said}"
        );
        check(&["--quorum", "3"]).refused(1, &["says 2, expected 3"]);
        check(&["--shares", "2/3"]).refused(1, &["says none, expected 2 of 3"]);
        check(&["--custodian", "eve.pub"]).refused(1, &["eve.pub", "no custodian of the key"]);
        let fewer = ["--custodian", "ec.pub", "--custodian", "rsa.pub"];
        check(&fewer).refused(1, &["a custodian more"]);
    }
    let free = ["check-parameters", &of_free, "-k", &of_free_key];
    let free = |more: &[&str]| byok(&desk, &[&free[..], &kept, more].concat());
    free(&[]).ok();
    free(&["--custodian", "ec.pub"]).refused(1, &["names none"]);
    free(&["--quorum", "1"]).refused(1, &["says 0, expected 1"]);
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
    .refused(1, &["2 custodians must approve (`--quorum`", "lists 1"]);
}

/// --if-missing goes on with a key only where everything that is fixed for its life is as asked.
#[test]
fn a_key_that_is_there_is_compared_with_the_one_asked_for() {
    let desk = guarded();
    let ask = |more: &[&str]| {
        let known = [
            "create",
            "--alias",
            "k",
            "--if-missing",
            "--spec",
            "AES_256",
        ];
        byok(
            &desk,
            &[&known[..], &["--origin", "generated"], more].concat(),
        )
    };
    let custodians = |files: &[&'static str], quorum: &'static str| {
        let files = files.iter().flat_map(|file| ["--custodian", file]);
        files.chain(["--quorum", quorum]).collect::<Vec<_>>()
    };
    ask(&custodians(&["ec.pub", "rsa.pub", "ed.pub"], "2")).ok();
    ask(&custodians(&["ed.pub", "ec.pub", "rsa.pub"], "2")).ok();
    ask(&[]).refused(1, &["quorum 2, not 0"]);
    ask(&custodians(&["ec.pub", "rsa.pub", "ed.pub"], "3")).refused(1, &["quorum 2, not 3"]);
    ask(&custodians(&["ec.pub", "rsa.pub"], "2")).refused(1, &["other custodians"]);
    openssl(
        &desk,
        &["genpkey", "-algorithm", "ed25519", "-out", "eve.pem"],
    );
    openssl(
        &desk,
        &["pkey", "-in", "eve.pem", "-pubout", "-out", "eve.pub"],
    );
    ask(&custodians(&["ec.pub", "rsa.pub", "eve.pub"], "2")).refused(1, &["other custodians"]);

    let other = |alias: &str, more: &[&str]| {
        let known = ["create", "--alias", alias, "--if-missing"];
        byok(&desk, &[&known[..], more].concat())
    };
    let service = ["--profile", "tencent", "--spec", "AES_256"];
    for (alias, made, asked, difference) in [
        ("independent", &[][..], &["--raw"][..], "without --raw"),
        ("raw", &["--raw"], &[], "with --raw"),
        ("free", &[], &["--require-token"], "without --require-token"),
        ("strict", &["--require-token"], &[], "with --require-token"),
        (
            "whole",
            &[],
            &["--shares", "2/3", "--check-value", "0011223344556677"],
            "no shares",
        ),
    ] {
        other(alias, &[&service[..], made].concat()).ok();
        other(alias, &[&service[..], made].concat()).ok();
        other(alias, &[&service[..], asked].concat()).refused(1, &[difference]);
    }
    let rsa = ["--profile", "aws", "--spec", "RSA_2048", "--usage"];
    other("pair", &[&rsa[..], &["SIGN_VERIFY"]].concat()).ok();
    let encrypts = [&rsa[..], &["ENCRYPT_DECRYPT"]].concat();
    other("pair", &encrypts).refused(1, &["usage SIGN_VERIFY, not ENCRYPT_DECRYPT"]);
}
