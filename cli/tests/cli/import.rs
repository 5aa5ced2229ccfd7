//! Files of the openssl program go in, and public halves come out. `files/README.md` says how they
//! were made.

use super::byok::openssl::openssl;
use super::common::{Desk, PIN, file, file_path, text};

#[test]
fn private_keys_come_in_every_encoding() {
    let desk = Desk::new();
    for kind in ["ec", "rsa"] {
        for form in [".pem", ".der", "-traditional.pem", "-traditional.der"] {
            let name = format!("{kind}{form}");
            let import = ["import", &file_path(&name), "--label", &name, "--json"];
            let made = desk.run(&import).json();
            assert_eq!(text(&made[0], "class"), "privkey", "{name}");
            assert_eq!(text(&made[1], "class"), "pubkey", "{name}");
            assert_eq!(made[0]["id"], made[1]["id"]);
            assert_eq!(made[0]["external"], false);
            let export = ["export", "--label", &name, "--type", "pubkey"];
            let public = file(&format!("{kind}-public.pem"));
            assert_eq!(desk.run(&export).ok().bytes(), public, "{name}");
            desk.run(&import).refused(1, &["already has privkey"]);
            desk.run(&["objects", "delete", "--label", &name, "--yes"])
                .ok();
        }
    }
}

/// The private key of RFC 9881 appendix C.1 in the seed format.
const ML_DSA_44: &str = "\
-----BEGIN PRIVATE KEY-----
MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ
GhscHR4f
-----END PRIVATE KEY-----
";

#[test]
fn an_ml_dsa_key_is_made_and_comes_as_a_seed() {
    let desk = Desk::new();
    let generate = [
        "keys",
        "generate",
        "--type",
        "ml-dsa-65",
        "--label",
        "made",
        "--json",
    ];
    let made = desk.run(&generate).json();
    assert_eq!(text(&made[0], "key"), "ml-dsa-65");
    assert_eq!(text(&made[1], "key"), "ml-dsa-65");
    desk.write("seed.pem", ML_DSA_44);
    let import = ["import", "seed.pem", "--label", "seed", "--json"];
    let made = desk.run(&import).json();
    assert_eq!(text(&made[0], "class"), "privkey");
    assert_eq!(text(&made[1], "key"), "ml-dsa-44");
    assert_eq!(made[0]["id"], made[1]["id"]);
    let export = ["export", "--label", "seed", "--type", "pubkey"];
    let public = desk.run(&export).ok().bytes().to_vec();
    let pem = String::from_utf8(public).unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMIIFMjALBglghkgBZQMEAxEDggUhA"));
}

/// The private key of RFC 9909 appendix C, whose certificate is `slh-dsa-certificate.pem`.
const SLH_DSA: &str = "\
-----BEGIN PRIVATE KEY-----
MFICAQAwCwYJYIZIAWUDBAMUBECiJjvKRYYINlIxYASVI9YhZ3+tkNUetgZ6Mn4N
HmSlASuBCex3fKpOHwJMz8+Ul9mRgFCSgPQlavKwevgCibSU
-----END PRIVATE KEY-----
";

#[test]
fn an_slh_dsa_key_is_made_and_comes_with_its_certificate() {
    let desk = Desk::new();
    let generate = ["keys", "generate", "--type", "slh-dsa-sha2-128f"];
    let made = desk.run(&[&generate[..], &["--label", "made", "--json"]].concat());
    assert_eq!(text(&made.json()[0], "key"), "slh-dsa-sha2-128f");
    let certificate = String::from_utf8(file("slh-dsa-certificate.pem")).unwrap();
    desk.write("bundle.pem", format!("{SLH_DSA}{certificate}"));
    let import = ["import", "bundle.pem", "--label", "ca", "--json"];
    let made = desk.run(&import).json();
    let made = made.as_array().unwrap();
    let classes: Vec<_> = made.iter().map(|made| text(made, "class")).collect();
    assert_eq!(classes, ["privkey", "pubkey", "cert"]);
    // The certificate's SubjectKeyIdentifier.
    let id = "cd5936aafec411c7a472693f0be8b38b217b19ed";
    assert!(made.iter().all(|object| text(object, "id") == id));
    assert_eq!(text(&made[1], "key"), "slh-dsa-sha2-128s");
    let export = ["export", "--label", "ca", "--type", "pubkey"];
    let pem = String::from_utf8(desk.run(&export).ok().bytes().to_vec()).unwrap();
    assert_eq!(
        pem,
        "-----BEGIN PUBLIC KEY-----\n\
         MDAwCwYJYIZIAWUDBAMUAyEAK4EJ7Hd8qk4fAkzPz5SX2ZGAUJKA9CVq8rB6+AKJ\n\
         tJQ=\n\
         -----END PUBLIC KEY-----\n"
    );
}

#[test]
fn encrypted_keys_need_their_password() {
    let desk = Desk::new();
    for name in ["ec-aes256.pem", "ec-aes128-sha512.der", "ec-scrypt.pem"] {
        let path = file_path(name);
        let import = ["import", &path, "--label", "k"];
        desk.run(&import)
            .refused(1, &["no password of the key", "$TENON_IMPORT_PASSWORD"]);
        let wrong = [("TENON_IMPORT_PASSWORD", "open barley")];
        desk.run_with(&wrong, &import)
            .refused(1, &["password right"]);
        assert!(desk.objects(&[]).is_empty());
        desk.write("password", "open sesame\n");
        desk.run(&[&import[..], &["--password-file", "password"]].concat())
            .ok();
        let out = desk.run(&["export", "--label", "k"]).ok();
        assert_eq!(out.bytes(), file("ec-public.pem"));
        desk.run(&["objects", "delete", "--label", "k", "--yes"])
            .ok();
    }
    desk.run(&["import", &file_path("ec-old-encryption.pem")])
        .refused(1, &["openssl pkcs8 -topk8"]);
}

/// The file names the cost of stretching its password. More memory than there is would end the program.
#[test]
fn a_key_whose_password_costs_too_much_is_refused() {
    let desk = Desk::new();
    desk.write("password", "open sesame\n");
    let scrypt = String::from_utf8(file("ec-scrypt.pem")).unwrap();
    // N=16384, r=8, p=1; in their place N=32767, r=127, and p=127.
    for (there, costly, said) in [
        ("QAAC\nAQgC", "f/8C\nAX8C", "508 MiB"),
        ("AQgCAQEw", "AQgCAX8w", "parallelization of 127"),
    ] {
        assert!(scrypt.contains(there));
        desk.write("key.pem", scrypt.replace(there, costly));
        let password = ["--password-file", "password"];
        let import = [&["import", "key.pem", "--label", "k"][..], &password].concat();
        desk.run(&import)
            .refused(1, &[said, "at most", "openssl pkcs8 -topk8"]);
        assert!(desk.objects(&[]).is_empty());
    }
}

#[test]
fn a_key_and_its_certificate_come_in_one_file_and_share_the_id() {
    // Of the certificate's own extension.
    const IDENTIFIER: &str = "c7aa86b92870bbede390c519d1f9369f0fae6140";
    let desk = Desk::new();
    desk.join("bundle.pem", &["web.pem", "web-certificate.pem"]);
    let made = desk.run(&["import", "bundle.pem", "--label", "web", "--json"]);
    let made = made.json();
    let made = made.as_array().unwrap();
    let classes: Vec<_> = made.iter().map(|made| text(made, "class")).collect();
    assert_eq!(classes, ["privkey", "pubkey", "cert"]);
    assert!(made.iter().all(|object| text(object, "id") == IDENTIFIER));

    desk.run(&["export", "--label", "web"])
        .refused(1, &["more than one", "--type"]);
    let export = ["export", "--label", "web", "--type", "cert"];
    let answer = desk.run(&export).ok();
    assert_eq!(answer.bytes(), file("web-certificate.pem"));
    let to_file = [&export[..], &["--der", "--output", "out.der"]].concat();
    desk.run(&to_file).ok();
    let written = std::fs::read(desk.path("out.der")).unwrap();
    assert_eq!(written, file("web-certificate.der"));
    desk.run(&to_file).refused(1, &["cannot make out.der"]);

    // A certificate alone finds its key by the ID.
    desk.run(&[
        "objects", "delete", "--type", "cert", "--label", "web", "--yes",
    ])
    .ok();
    let made = desk.run(&["import", "out.der", "--json"]).json();
    assert_eq!(text(&made[0], "id"), IDENTIFIER);
    let shown = desk.run(&["objects", "show", "--type", "cert", "--json"]);
    let shown = shown.json();
    for name in [
        "CKA_SUBJECT",
        "CKA_ISSUER",
        "CKA_SERIAL_NUMBER",
        "CKA_VALUE",
    ] {
        let value = text(&shown[0], name);
        assert!(
            value.starts_with('3') || value.starts_with("02"),
            "{name}: {value}"
        );
    }
}

#[test]
fn public_keys_come_alone() {
    let desk = Desk::new();
    for name in ["ec-public.pem", "rsa-public.pem"] {
        desk.run(&["import", &file_path(name), "--label", name])
            .ok();
        assert_eq!(desk.classes(&["--label", name]), ["pubkey"]);
        let out = desk.run(&["export", "--label", name]).ok();
        assert_eq!(out.bytes(), file(name));
    }
    desk.run(&["import", &file_path("rsa-public-pkcs1.pem")])
        .refused(1, &["already has pubkey rsa:2048"]);
}

#[test]
fn secret_keys_are_raw_bytes_and_never_come_out() {
    let desk = Desk::new();
    desk.write("value", [7; 32]);
    desk.run(&["import", "value"]).refused(1, &["--type"]);
    let import = [
        "import", "value", "--type", "aes", "--label", "k", "--id", "01",
    ];
    let usage = ["--usage", "encrypt", "--json"];
    let made = desk.run(&[&import[..], &usage].concat()).json();
    assert_eq!(text(&made[0], "key"), "aes:256");
    assert_eq!(made[0]["uses"], serde_json::json!(["encrypt", "decrypt"]));
    desk.run(&import).refused(1, &["already has secrkey"]);
    desk.run(&["export", "--label", "k"])
        .refused(1, &["not exported", "C_WrapKey"]);
    desk.run(&["export", "--type", "secrkey"])
        .refused(1, &["not exported"]);
    desk.run(&["export", "--label", "absent"])
        .refused(1, &["no such public key"]);
    desk.write("short", [7; 31]);
    desk.run(&["import", "short", "--type", "aes"])
        .refused(1, &["CKR_ATTRIBUTE_VALUE_INVALID"]);
    desk.write("pin", PIN);
    let piped = ["import", "-", "--type", "generic", "--label", "g"];
    let piped = [&piped[..], &["--pin-file", "pin"]].concat();
    desk.run_input(&[9; 20], &piped).ok();
    let key = &desk.objects(&["--label", "g"])[0];
    assert_eq!(text(key, "key"), "generic:20");
}

#[test]
fn a_private_key_alone_exports_its_public_half() {
    let desk = Desk::new();
    desk.run(&["import", &file_path("ec.pem"), "--label", "k"])
        .ok();
    desk.run(&[
        "objects", "delete", "--type", "pubkey", "--label", "k", "--yes",
    ])
    .ok();
    let out = desk.run(&["export", "--type", "pubkey", "--label", "k"]);
    assert_eq!(out.ok().bytes(), file("ec-public.pem"));
}

#[test]
fn a_file_comes_in_whole_or_not_at_all() {
    let desk = Desk::new();
    desk.join("both.pem", &["ec.pem", "sect233k1.pem"]);
    desk.run(&["import", "both.pem"]).refused(1, &["curve"]);
    // What the token alone refuses, after the first objects were made.
    desk.join("later.pem", &["ec.pem", "sect233k1-public.pem"]);
    desk.run(&["import", "later.pem"])
        .refused(1, &["CKR_CURVE_NOT_SUPPORTED"]);
    assert!(desk.objects(&[]).is_empty());
    desk.join("two.pem", &["ec.pem", "rsa.pem"]);
    desk.run(&["import", "two.pem", "--id", "01"])
        .refused(1, &["more than one key"]);
    desk.join("twice.pem", &["ec.pem", "ec.pem"]);
    desk.run(&["import", "twice.pem", "--id", "01"]).ok();
    assert_eq!(desk.classes(&["--id", "01"]), ["privkey", "pubkey"]);
    for (content, why) in [
        ("-----BEGIN CRL-----\nAQID\n-----END CRL-----\n", "a CRL"),
        (
            "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n",
            "PKCS #8",
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAQID\n-----END OPENSSH PRIVATE KEY-----\n",
            "the OpenSSH private key is not read",
        ),
        (
            "\u{FEFF}-----BEGIN CRL-----\nAQID\n-----END CRL-----\n",
            "a CRL",
        ),
        ("", "the file is empty"),
        ("text", "neither PEM nor"),
    ] {
        desk.write("bad", content);
        desk.run(&["import", "bad"]).refused(1, &[why]);
    }
    // PFX: version 3, a ContentInfo of type data.
    let pfx = b"\x30\x10\x02\x01\x03\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
    std::fs::write(desk.path("bad"), pfx).unwrap();
    desk.run(&["import", "bad"])
        .refused(1, &["PKCS#12", "openssl pkcs12"]);
    std::fs::write(desk.path("bad"), b"\xFF\xFE-\0-\0").unwrap();
    desk.run(&["import", "bad"])
        .refused(1, &["UTF-16", "iconv"]);
    desk.run(&["import", "absent"])
        .refused(1, &["cannot read absent"]);
}

/// `openssl genpkey -algorithm RSA-PSS` writes a key that is for these signatures alone.
#[test]
fn an_rsa_pss_key_stays_one() {
    let desk = Desk::new();
    let genpkey = ["genpkey", "-algorithm", "RSA-PSS", "-out", "pss.pem"];
    openssl(&desk, &genpkey);
    let pubout = ["pkey", "-in", "pss.pem", "-pubout", "-out", "public.pem"];
    openssl(&desk, &pubout);
    // CKM_RSA_PKCS_PSS and those with each hash, by their numbers.
    let pss = "CKA_ALLOWED_MECHANISMS: [13,14,71,67,68,69,103,99,100,101]";
    // Both halves of a private key's file, and the one of a public key's file.
    for (file, id, keys) in [("pss.pem", "01", 2), ("public.pem", "02", 1)] {
        desk.run(&["import", file, "--label", file, "--id", id])
            .ok();
        let shown = desk
            .run(&["objects", "show", "--label", file, "--login"])
            .ok()
            .out();
        let kept = shown.lines().filter(|line| *line == pss).count();
        assert_eq!(kept, keys, "{shown}");
    }
}

/// A certificate of `subject` for the key in `key`, by the key of `issuer` or its own.
fn certificate(desk: &Desk, name: &str, issuer: Option<&str>) {
    let (key, pem, subject) = (
        format!("{name}.key"),
        format!("{name}.pem"),
        format!("/O=Example/CN={name}"),
    );
    let make = [
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-keyout",
        &key,
        "-subj",
        &subject,
    ];
    match issuer {
        None => {
            let more = ["-x509", "-days", "30", "-out", &pem];
            openssl(desk, &[&make[..], &more].concat());
        }
        Some(issuer) => {
            openssl(desk, &[&make[..], &["-out", "request"]].concat());
            let (by, with) = (format!("{issuer}.pem"), format!("{issuer}.key"));
            openssl(
                desk,
                &[
                    "x509",
                    "-req",
                    "-in",
                    "request",
                    "-days",
                    "30",
                    "-CA",
                    &by,
                    "-CAkey",
                    &with,
                    "-CAcreateserial",
                    "-out",
                    &pem,
                ],
            );
        }
    }
}

#[test]
fn a_chain_comes_in_with_labels_of_its_own_and_is_replaced() {
    let desk = Desk::new();
    certificate(&desk, "root", None);
    certificate(&desk, "ca", Some("root"));
    certificate(&desk, "www", Some("ca"));
    let join = |name: &str, parts: &[&str]| {
        let parts = parts
            .iter()
            .map(|part| std::fs::read(desk.path(part)).unwrap());
        desk.write(name, parts.collect::<Vec<_>>().concat());
    };
    join("bundle", &["www.key", "www.pem", "ca.pem", "root.pem"]);
    desk.run(&["import", "bundle", "--label", "site", "--id", "0a"])
        .ok();
    let names = |arguments: &[&str]| -> Vec<(String, String)> {
        let objects = desk.objects(arguments);
        let names = objects
            .iter()
            .map(|one| (text(one, "class").to_owned(), text(one, "label").to_owned()));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let own = |class: &str, label: &str| (class.to_owned(), label.to_owned());
    assert_eq!(
        names(&[]),
        [
            own("cert", "ca"),
            own("cert", "root"),
            own("cert", "site"),
            own("privkey", "site"),
            own("pubkey", "site")
        ]
    );
    assert_eq!(
        names(&["--id", "0a"]).len(),
        3,
        "the chain has IDs of its own"
    );
    let leaf = &desk.objects(&["--type", "cert", "--label", "site"])[0];
    assert_eq!(text(leaf, "subject"), "CN=www,O=Example");
    assert_eq!(text(leaf, "issuer"), "CN=ca,O=Example");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs();
    let left = leaf["not_after"].as_u64().unwrap() - now;
    assert!((29 * 86_400..=30 * 86_400).contains(&left), "{left}");
    let table = desk.run(&["objects", "list", "--type", "cert"]).ok().out();
    assert!(
        table.contains("CN=www,O=Example by CN=ca,O=Example until 20"),
        "{table}"
    );

    // A renewed certificate comes alone, takes the ID that its key has here, and the place of the old one.
    std::fs::copy(desk.path("www.key"), desk.path("kept")).unwrap();
    let request = [
        "req",
        "-new",
        "-key",
        "kept",
        "-subj",
        "/O=Example/CN=renewed",
        "-x509",
        "-days",
        "60",
        "-out",
        "renewed.pem",
    ];
    openssl(&desk, &request);
    let import = ["import", "renewed.pem", "--label", "site", "--json"];
    desk.run(&import).refused(1, &["already has cert"]);
    let made = desk.run(&[&import[..], &["--replace"]].concat()).json();
    assert_eq!(text(&made[0], "id"), "0a");
    let certificates = desk.objects(&["--type", "cert", "--id", "0a"]);
    assert_eq!(certificates.len(), 1, "the old one is gone");
    assert_eq!(text(&certificates[0], "subject"), "CN=renewed,O=Example");
}
