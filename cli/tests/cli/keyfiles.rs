//! Files that are more than one key: PKCS#12 of openssl, Java and NSS, and OpenSSH's own format.
//! `files/README.md` says how those were made that are there.

use std::fs;

use super::byok::openssl::openssl;
use super::common::{Answer, Desk, file_path, text};

fn import(desk: &Desk, file: &str, password: &str) -> Answer {
    let password = [("TENON_IMPORT_PASSWORD", password)];
    desk.run_with(&password, &["import", file, "--label", "k", "--json"])
}

fn delete(desk: &Desk) {
    desk.run(&["objects", "delete", "--label", "k", "--yes"])
        .ok();
}

#[test]
fn keys_of_other_programs_are_read_with_their_password() {
    let desk = Desk::new();
    for (name, id) in [
        ("ssh-ed25519", "36a859f98a846705e8d9090c181494e9d69e5cc8"),
        (
            "ssh-ecdsa-encrypted",
            "3ce114574cc13c9b75cb4411877048afd1fc51a6",
        ),
        ("ssh-rsa-cbc", "21d0dc03d68a08f69327531d5b89327c73f06912"),
        ("ssh-gcm", "4045a08ad009f558b056f9ecf4828e37d3b3bbf7"),
        ("java.p12", "1b36ddc743e7d4bcaacf8557c4d30ac1c7941afd"),
    ] {
        let file = file_path(name);
        if name != "ssh-ed25519" {
            import(&desk, &file, "open barley").refused(1, &["password right"]);
            assert!(desk.objects(&[]).is_empty());
        }
        let made = import(&desk, &file, "open sesame").json();
        assert_eq!(text(&made[0], "class"), "privkey", "{name}");
        assert_eq!(text(&made[0], "id"), id, "{name}");
        let classes = desk.classes(&["--label", "k"]);
        let certificate = name == "java.p12";
        assert_eq!(classes.contains(&"cert".to_owned()), certificate, "{name}");
        delete(&desk);
    }
}

#[test]
fn openssl_writes_pkcs12_in_many_ways() {
    let desk = Desk::new();
    desk.write("password", "open sesame\n");
    let (key, certificate) = (file_path("web.pem"), file_path("web-certificate.pem"));
    let export = |more: &[&str]| {
        let of = ["pkcs12", "-export", "-inkey", &key, "-in", &certificate];
        let to = ["-passout", "file:password", "-out", "k.p12"];
        openssl(&desk, &[&of[..], &to, more].concat());
    };
    for more in [
        &[][..],
        &["-nomac"],
        &["-macalg", "sha1"],
        &["-macalg", "sha512", "-keypbe", "AES-128-CBC"],
        &["-keypbe", "NONE", "-certpbe", "NONE"],
    ] {
        export(more);
        if !more.contains(&"NONE") {
            import(&desk, "k.p12", "open barley").refused(1, &["password right"]);
        }
        import(&desk, "k.p12", "open sesame").ok();
        let classes = desk.classes(&["--label", "k"]);
        assert_eq!(classes, ["cert", "privkey", "pubkey"], "{more:?}");
        delete(&desk);
    }
    let legacy = ["-provider", "legacy", "-provider", "default"];
    for (encryption, name) in [
        (&["-keypbe", "PBE-SHA1-3DES"][..], "triple DES"),
        (&["-certpbe", "PBE-SHA1-RC2-40"], "RC2"),
        (&["-descert"], "triple DES"),
    ] {
        export(&[encryption, &legacy].concat());
        let how = "openssl pkcs12 -in FILE -legacy -nodes";
        import(&desk, "k.p12", "open sesame").refused(1, &[name, how]);
    }
    // Made by somebody who had not the password: a byte of the certificate's ciphertext.
    export(&[]);
    let mut changed = fs::read(desk.path("k.p12")).unwrap();
    changed[200] ^= 1;
    desk.write("changed.p12", changed);
    import(&desk, "changed.p12", "open sesame").refused(1, &[]);
    assert!(desk.objects(&[]).is_empty());
}

#[test]
fn what_is_not_read_is_named_with_the_line_that_converts_it() {
    let desk = Desk::new();
    let read = |name: &str| import(&desk, &file_path(name), "open sesame");
    read("nss.p12").refused(1, &["PKCS#12", "openssl pkcs12 -in FILE"]);
    read("ssh-3des").refused(1, &["OpenSSH", "ssh-keygen -p -Z aes256-ctr"]);
    let body = fs::read_to_string(file_path("ssh-ed25519")).unwrap();
    desk.write("cut", body.replacen("AAAA", "", 1));
    import(&desk, "cut", "").refused(1, &["OpenSSH"]);
    assert!(desk.objects(&[]).is_empty());
}

/// Who gave the wrong file sees by the answer which it was.
#[test]
fn the_answer_names_what_the_file_is() {
    let desk = Desk::new();
    let import = |name: &str| desk.run(&["import", &file_path(name)]);
    import("java.p12").refused(1, &["PKCS#12", "$TENON_IMPORT_PASSWORD"]);
    let out = import("ssh-ed25519").ok().out();
    assert!(
        out.starts_with("Imported from OpenSSH: privkey ed25519"),
        "{out}"
    );
}
