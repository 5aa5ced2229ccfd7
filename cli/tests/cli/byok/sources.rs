//! What a key's owner may have in a file: each form is read, or refused by a sentence that names it; and
//! nothing but a key is wrapped as one.

use std::fs;

use super::openssl::openssl;
use super::wrap::desk;
use crate::cli::common::{Answer, Desk, file_path};

fn wrap(desk: &Desk, key: &str, more: &[&str]) -> Answer {
    let common = [
        "byok",
        "wrap",
        key,
        "-a",
        "RSA_AES_KEY_WRAP_SHA_256",
        "-k",
        "service-public.pem",
        "--form",
        "binary",
    ];
    let password = [("TENON_IMPORT_PASSWORD", "secret")];
    desk.run_with(&password, &[&common[..], more].concat())
}

/// A key pair of each kind, and certificates and the like around one.
fn make_keys(desk: &Desk) {
    for (out, algorithm, option) in [
        ("rsa.pem", "RSA", "rsa_keygen_bits:2048"),
        ("pss.pem", "RSA-PSS", "rsa_keygen_bits:2048"),
        ("odd.pem", "RSA", "rsa_keygen_pubexp:4294967297"),
        ("ec.pem", "EC", "ec_paramgen_curve:P-256"),
    ] {
        let options = ["-algorithm", algorithm, "-pkeyopt", option, "-out", out];
        openssl(desk, &[&["genpkey"], &options[..]].concat());
    }
    openssl(
        desk,
        &["genpkey", "-algorithm", "ed25519", "-out", "ed.pem"],
    );
    let request = ["req", "-new", "-key", "ec.pem", "-subj", "/CN=x"];
    openssl(desk, &[&request[..], &["-out", "request.pem"]].concat());
    let own = ["-x509", "-days", "9", "-out", "certificate.pem"];
    openssl(desk, &[&request[..], &own[..]].concat());
}

#[test]
fn private_keys_come_in_every_form() {
    let desk = desk().0;
    make_keys(&desk);
    let pem = fs::read_to_string(desk.path("ec.pem")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let lines = |width: usize, end: &str| {
        let lines = body.as_bytes().chunks(width).map(String::from_utf8_lossy);
        let lines = lines.collect::<Vec<_>>().join(end);
        format!("-----BEGIN PRIVATE KEY-----{end}{lines}{end}-----END PRIVATE KEY-----{end}")
    };
    for (name, text) in [
        ("wide.pem", lines(1000, "\n")),
        ("76.pem", lines(76, "\n")),
        ("narrow.pem", lines(5, "\n")),
        ("crlf.pem", lines(64, "\r\n")),
        ("blank.pem", lines(64, "\n\n")),
        ("mark.pem", format!("\u{FEFF}{pem}")),
        ("remark.pem", format!("Bag Attributes\n    x: y\n{pem}\n")),
    ] {
        desk.write(name, text);
        wrap(&desk, name, &[]).ok();
    }
    for name in ["rsa.pem", "pss.pem", "odd.pem", "ec.pem", "ed.pem"] {
        wrap(&desk, name, &[]).ok();
    }
    // PKCS #8 by PBES2, with each hash and cipher that openssl and Java write.
    for (number, (cipher, hash)) in [
        ("aes-128-cbc", "hmacWithSHA1"),
        ("aes-256-cbc", "hmacWithSHA1"),
        ("des3", "hmacWithSHA1"),
        ("aes-256-cbc", "hmacWithSHA256"),
        ("aes-192-cbc", "hmacWithSHA512"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("encrypted{number}.pem");
        let encrypt = [
            "pkcs8",
            "-topk8",
            "-in",
            "ec.pem",
            "-v2",
            cipher,
            "-v2prf",
            hash,
            "-passout",
            "pass:secret",
            "-out",
            &out,
        ];
        openssl(&desk, &encrypt);
        wrap(&desk, &out, &[]).ok();
    }
    // The key in a PKCS#12 file, whose certificate is not wrapped; and none where there are two keys, or none.
    let p12 = ["pkcs12", "-export", "-passout", "pass:secret", "-out"];
    let both = ["key.p12", "-inkey", "ec.pem", "-in", "certificate.pem"];
    openssl(&desk, &[&p12[..], &both].concat());
    wrap(&desk, "key.p12", &[]).ok();
    let none = ["certificate.p12", "-nokeys", "-in", "certificate.pem"];
    openssl(&desk, &[&p12[..], &none].concat());
    wrap(&desk, "certificate.p12", &[]).refused(1, &["no private key"]);
    wrap(&desk, &file_path("ssh-ed25519"), &[]).ok();
}

#[test]
fn other_forms_are_named_with_what_to_do() {
    let desk = desk().0;
    make_keys(&desk);
    let legacy = ["-provider", "legacy", "-provider", "default"];
    for (out, scheme, words) in [
        ("pbes1.pem", "PBE-MD5-DES", "PBES1"),
        ("3des.pem", "PBE-SHA1-3DES", "PKCS#12's triple DES"),
    ] {
        let encrypt = [
            "pkcs8",
            "-topk8",
            "-in",
            "ec.pem",
            "-v1",
            scheme,
            "-passout",
            "pass:secret",
            "-out",
            out,
        ];
        openssl(&desk, &[&encrypt[..], &legacy].concat());
        wrap(&desk, out, &[]).refused(1, &[words, "openssl pkcs8 -in FILE -topk8 -v2"]);
        let der = out.replace("pem", "der");
        openssl(&desk, &["asn1parse", "-in", out, "-out", &der, "-noout"]);
        wrap(&desk, &der, &[]).refused(1, &[words]);
    }
    let old = file_path("ec-old-encryption.pem");
    wrap(&desk, &old, &[]).refused(1, &["old encryption", "openssl pkcs8 -topk8"]);
    desk.write(
        "ssh",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    wrap(&desk, "ssh", &[]).refused(1, &["OpenSSH", "ssh-keygen -p"]);
    desk.write(
        "key.ppk",
        "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n",
    );
    wrap(&desk, "key.ppk", &[]).refused(1, &["PuTTY", "puttygen"]);
    let pem = fs::read_to_string(desk.path("ec.pem")).unwrap();
    for (name, mark, big) in [
        ("le", true, false),
        ("be", true, true),
        ("bare", false, false),
    ] {
        let text = pem.encode_utf16();
        let units = mark.then_some(0xFEFF).into_iter().chain(text);
        let bytes = units.flat_map(|unit| match big {
            true => unit.to_be_bytes(),
            false => unit.to_le_bytes(),
        });
        desk.write(name, bytes.collect::<Vec<u8>>());
        wrap(&desk, name, &[]).refused(1, &["UTF-16", "iconv"]);
    }
}

#[test]
fn nothing_but_a_key_is_wrapped() {
    let desk = desk().0;
    make_keys(&desk);
    let convert = |arguments: &[&str]| drop(openssl(&desk, arguments));
    convert(&["pkey", "-in", "ec.pem", "-pubout", "-out", "public.pem"]);
    let der = ["-outform", "DER", "-out"];
    convert(
        &[
            &["pkey", "-in", "ec.pem", "-pubout"],
            &der[..],
            &["public.der"],
        ]
        .concat(),
    );
    convert(
        &[
            &["rsa", "-in", "rsa.pem", "-RSAPublicKey_out"],
            &der[..],
            &["pkcs1.der"],
        ]
        .concat(),
    );
    convert(
        &[
            &["x509", "-in", "certificate.pem"],
            &der[..],
            &["certificate.der"],
        ]
        .concat(),
    );
    convert(&[&["req", "-in", "request.pem"], &der[..], &["request.der"]].concat());
    let bag = ["crl2pkcs7", "-nocrl", "-certfile", "certificate.pem"];
    convert(&[&bag[..], &["-out", "bag.pem"]].concat());
    convert(&[&bag[..], &der[..], &["bag.der"]].concat());
    desk.write("key.json", "{\"kty\":\"oct\",\"k\":\"AAAA\"}");
    desk.write("empty", "");
    desk.write("blank", "\n\n");
    desk.write("words", "na\u{EF}ve text, not a key");
    desk.write("digits", "000102030405060708090a0b0c0d0e0f");
    desk.write("known_hosts", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x\n");
    desk.write("noise", vec![0xC3; 5000]);
    desk.write("archive", [&[0x1F, 0x8B, 8, 0][..], &[0xAA; 100]].concat());
    for (file, words) in [
        ("public.pem", "no private key"),
        ("certificate.pem", "no private key"),
        ("request.pem", "CERTIFICATE REQUEST"),
        ("bag.pem", "PKCS7"),
        ("public.der", "no private key"),
        ("pkcs1.der", "no private key"),
        ("certificate.der", "no private key"),
        ("request.der", "certificate request"),
        ("bag.der", "PKCS#7"),
        ("key.json", "JSON"),
        ("empty", "empty"),
        ("blank", "is text"),
        ("words", "is text"),
        ("digits", "--hex"),
        ("known_hosts", "OpenSSH public key"),
        ("noise", "5000 bytes"),
        ("archive", "gzip"),
    ] {
        wrap(&desk, file, &[]).refused(1, &[words]);
        if file != "digits" && file != "words" && file != "blank" {
            // Nor when the file is written in Base64.
            let bytes = fs::read(desk.path(file)).unwrap();
            desk.write("bytes", bytes);
            openssl(
                &desk,
                &["enc", "-base64", "-in", "bytes", "-out", "encoded"],
            );
            wrap(&desk, "encoded", &["--base64"]).refused(1, &[]);
        }
    }
    // Who says so wraps the very bytes.
    for file in ["digits", "certificate.der", "noise"] {
        wrap(&desk, file, &["--raw"]).ok();
    }
    wrap(&desk, "digits", &["--hex"]).ok();
}
