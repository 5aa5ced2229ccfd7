//! The openssl program, in the folder of a test.

use std::process::{Command, Stdio};

use crate::cli::common::Desk;

/// Runs it.
#[track_caller]
pub(in crate::cli) fn openssl(desk: &Desk, arguments: &[&str]) -> Vec<u8> {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(desk.folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments:?}: {error}");
    done.stdout
}

/// Makes an RSA key pair: `NAME.pem`, and the public half as `NAME-public.pem` and `.der`.
pub(super) fn rsa_pair(desk: &Desk, name: &str, bits: u32) {
    let [private, pem, der] = ["", "-public", "-public"].map(|part| format!("{name}{part}"));
    let (private, pem, der) = (
        format!("{private}.pem"),
        format!("{pem}.pem"),
        format!("{der}.der"),
    );
    let size = format!("rsa_keygen_bits:{bits}");
    openssl(
        desk,
        &[
            "genpkey",
            "-quiet",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            &size,
            "-out",
            &private,
        ],
    );
    let public = ["pkey", "-in", &private, "-pubout", "-out", &pem];
    openssl(desk, &public);
    let public = [
        "pkey", "-in", &private, "-pubout", "-outform", "DER", "-out", &der,
    ];
    openssl(desk, &public);
}

/// RSAES-OAEP decryption of the file `blob` with the key `NAME.pem`.
#[track_caller]
pub(super) fn open_oaep(desk: &Desk, name: &str, hash: &str, mgf: &str, blob: &str) -> Vec<u8> {
    let key = format!("{name}.pem");
    let (hash, mgf) = (format!("rsa_oaep_md:{hash}"), format!("rsa_mgf1_md:{mgf}"));
    let arguments = [
        "pkeyutl",
        "-decrypt",
        "-inkey",
        &key,
        "-in",
        blob,
        "-pkeyopt",
        "rsa_padding_mode:oaep",
        "-pkeyopt",
        &hash,
        "-pkeyopt",
        &mgf,
    ];
    openssl(desk, &arguments)
}

/// Decryption of the file `blob` by a cipher without, or with an odd, initialization vector.
#[track_caller]
pub(super) fn open_cipher(desk: &Desk, cipher: &str, key: &[u8], iv: &str, blob: &str) -> Vec<u8> {
    let cipher = format!("-{cipher}");
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut arguments = vec!["enc", "-d", &cipher, "-K", &key, "-in", blob];
    if !iv.is_empty() {
        arguments.extend(["-iv", iv]);
    }
    openssl(desk, &arguments)
}

/// A new EC private key in `ec.pem`.
pub(super) fn ec_key(desk: &Desk, curve: &str) {
    let curve = format!("ec_paramgen_curve:{curve}");
    let pair = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        &curve,
        "-out",
        "ec.pem",
    ];
    openssl(desk, &pair);
}
