//! `tenon csr` and `tenon cert self-sign`, judged by the openssl program.

use std::process::Command;

use super::common::Desk;

/// What openssl says of a file; `None` where it refuses.
fn openssl(desk: &Desk, arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(&desk.folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.status.success().then_some(text)
}

const KINDS: [&str; 5] = ["rsa:2048", "ec:P-256", "ec:P-384", "ec:P-521", "ed25519"];

#[test]
fn requests_and_certificates_are_signed_by_the_key() {
    let desk = Desk::new();
    for kind in KINDS {
        let label = kind.replace(':', "-");
        let (request, certificate) = (format!("{label}.csr"), format!("{label}.pem"));
        desk.run(&["keys", "generate", "--type", kind, "--label", &label])
            .ok();
        let names = [
            "--label",
            &label,
            "--subject",
            "CN=www.example.org,O=Example",
            "--dns",
            "www.example.org",
            "--ip",
            "192.0.2.1",
            "--out",
        ];
        desk.run(&[&["csr"], &names[..], &[&request]].concat()).ok();
        let text = openssl(
            &desk,
            &["req", "-in", &request, "-verify", "-noout", "-text"],
        );
        let text = text.unwrap_or_else(|| panic!("{kind}: the request is refused"));
        assert!(
            text.contains("DNS:www.example.org, IP Address:192.0.2.1"),
            "{text}"
        );
        assert!(text.contains("www.example.org"), "{text}");
        let sign = [
            &["cert", "self-sign", "--valid", "30d"],
            &names[..],
            &[&certificate],
        ];
        desk.run(&sign.concat()).ok();
        let verify = [
            "verify",
            "-check_ss_sig",
            "-CAfile",
            &certificate,
            &certificate,
        ];
        assert!(
            openssl(&desk, &verify).is_some(),
            "{kind}: the certificate is refused"
        );
        let show = ["x509", "-in", &certificate, "-noout", "-text"];
        let text = openssl(&desk, &show).unwrap();
        assert!(
            text.contains("DNS:www.example.org, IP Address:192.0.2.1"),
            "{text}"
        );
        // It is the certificate of the key: it comes in beside it, with the key's ID.
        desk.run(&["import", &certificate, "--label", &label]).ok();
        let key = &desk.objects(&["--type", "privkey", "--label", &label])[0];
        let cert = &desk.objects(&["--type", "cert", "--label", &label])[0];
        assert_eq!(key["id"], cert["id"], "{kind}");
    }
    desk.run(&["csr", "--label", "none", "--subject", "CN=x"])
        .refused(1, &["no such private key"]);
    desk.run(&["csr", "--type", "privkey", "--subject", "CN=x"])
        .refused(1, &["more than one private key"]);
    desk.run(&["csr", "--label", "ec-P-256", "--subject", "what"])
        .refused(2, &[]);
}
