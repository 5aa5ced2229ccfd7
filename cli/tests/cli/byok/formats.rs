//! Keys of every spec come in every format.

use std::fs;

use super::common::{DAY, bring, byok, create, desk, metadata, now, state};
use super::openssl::{ec_key, openssl};
use crate::cli::common::{Desk, file, file_path, text};

#[test]
fn asymmetric_keys_bring_their_public_keys() {
    for (profile, spec, key, public, algorithm) in [
        (
            "alibaba-hardware",
            "RSA_2048",
            "rsa.pem",
            "rsa-public.pem",
            "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD",
        ),
        (
            "aws",
            "ECC_NIST_P256",
            "ec.pem",
            "ec-public.pem",
            "RSA_AES_KEY_WRAP_SHA_256",
        ),
        (
            "aws",
            "ECC_NIST_P256",
            "ec.pem",
            "ec-public.pem",
            "RSAES_OAEP_SHA_256",
        ),
    ] {
        let desk = desk();
        create(&desk, &["--profile", profile, "--spec", spec, "--id", "0a"]);
        let expires = ["--expires", "never"];
        let first = bring(&desk, &file_path(key), algorithm, &expires)
            .ok()
            .out();
        assert!(first.contains("public key object"), "{first}");
        let again = bring(&desk, &file_path(key), algorithm, &expires)
            .ok()
            .out();
        assert!(!again.contains("public key object"), "{again}");
        assert_eq!(desk.classes(&["--id", "0a"]), ["privkey", "pubkey"]);
        let export = ["export", "--type", "pubkey", "--id", "0a", "--login"];
        assert_eq!(desk.run(&export).ok().bytes(), file(public));
    }
}

#[test]
fn sm2_keys_come_by_sm2_and_sm4() {
    const NAME: &str = "SM2PKE_SM4_ECB";
    let desk = desk();
    for part in [
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out own.pem",
        "pkey -in own.pem -pubout -out public.pem",
    ] {
        openssl(&desk, &part.split(' ').collect::<Vec<_>>());
    }
    create(
        &desk,
        &[
            "--profile",
            "alibaba-software",
            "--spec",
            "EC_SM2",
            "--id",
            "0a",
        ],
    );
    bring(&desk, "own.pem", NAME, &[]).ok();
    let export = ["export", "--type", "pubkey", "--id", "0a", "--login"];
    let public = fs::read(desk.path("public.pem")).unwrap();
    assert_eq!(desk.run(&export).ok().bytes(), public);

    let request = ["byok", "parameters", "k", "--algorithm", NAME, "--json"];
    let request = desk.run(&request).json();
    assert_eq!(text(&request, "WrappingKeySpec"), "EC_SM2");
    desk.write("sm2.txt", text(&request, "PublicKey"));
    desk.write("token.txt", text(&request, "ImportToken"));
    let wrap = [
        "wrap", "own.pem", "-a", NAME, "-k", "sm2.txt", "--der", "-o", "der.txt",
    ];
    let told = byok(&desk, &wrap).ok().out();
    assert!(
        told.starts_with("Wrapped: a blob of ") && told.ends_with(" bytes, in der.txt\n"),
        "{told}"
    );
    byok(
        &desk,
        &["import", "k", "der.txt", "--import-token", "token.txt"],
    )
    .ok();
    openssl(
        &desk,
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:SM2",
            "-out",
            "other.pem",
        ],
    );
    // ECB protects no integrity: other material is like any other bad blob.
    bring(&desk, "other.pem", NAME, &[]).refused(1, &["CKR_WRAPPED_KEY_INVALID"]);
}

#[test]
fn every_spec_can_be_made_and_brought() {
    let desk = desk();
    for (spec, len) in [
        ("AES_128", "16"),
        ("Aliyun_AES_192", "24"),
        ("SM4", "16"),
        ("HMAC_512", "64"),
    ] {
        create(&desk, &["--spec", spec]);
        let key = ["rand", "-out", "spec.bin", len];
        openssl(&desk, &key);
        bring(&desk, "spec.bin", "RSAES_OAEP_SHA_512", &[]).ok();
        assert_eq!(state(&desk), "Enabled", "{spec}");
        byok(&desk, &["update", "k", "--alias", spec]).ok();
    }
    for (spec, curve) in [
        ("EC_P256", "P-256"),
        ("EC_P384", "P-384"),
        ("EC_P521", "P-521"),
        ("EC_P256K", "secp256k1"),
    ] {
        create(&desk, &["--spec", spec]);
        ec_key(&desk, curve);
        bring(&desk, "ec.pem", "RSA_AES_KEY_WRAP_SHA_384", &[]).ok();
        assert_eq!(text(&metadata(&desk, &["describe", "k"]), "KeySpec"), spec);
        byok(&desk, &["update", "k", "--alias", spec]).ok();
    }
    create(&desk, &["--spec", "ED25519"]);
    openssl(
        &desk,
        &["genpkey", "-algorithm", "ED25519", "-out", "ed.pem"],
    );
    bring(&desk, "ed.pem", "RSA_AES_KEY_WRAP_SHA_224", &[]).ok();
    assert_eq!(state(&desk), "Enabled");
}

#[test]
fn huaweis_two_files_and_azures_one() {
    let desk = desk();
    create(&desk, &["--profile", "huawei", "--spec", "EC_P256"]);
    let id = text(&metadata(&desk, &["describe", "k"]), "KeyId").to_owned();
    byok(&desk, &["parameters", "k"]).ok();
    byok(&desk, &["parameters", "k"]).refused(1, &["is there already", "--replace"]);
    let public = format!("publickey_{id}.bin");
    let wrap = [
        "wrap",
        &file_path("ec.pem"),
        "-a",
        "RSA_AES_KEY_WRAP_SHA_256",
        "-k",
        &public,
        "--form",
        "binary",
        "-o",
        "EncryptedKeyMaterial.bin",
        "-o",
        "out_private.der",
    ];
    byok(&desk, &wrap).ok();
    let import = ["import", "k", "EncryptedKeyMaterial.bin", "out_private.der"];
    let imported = metadata(&desk, &import);
    let left = imported["KeyMaterialExpireUnix"].as_u64().unwrap() - now();
    assert!(
        (DAY - 60..=DAY).contains(&left),
        "24 hours unless said: {left}"
    );

    let azure = ["--profile", "azure", "--spec", "RSA_2048", "--alias", "a"];
    byok(&desk, &[&["create"], &azure[..]].concat()).ok();
    let request = desk.run(&["byok", "parameters", "a", "--json"]).json();
    assert_eq!(text(&request, "WrappingAlgorithm"), "CKM_RSA_AES_KEY_WRAP");
    assert_eq!(text(&request, "TokenExpireTime"), "", "never");
    desk.write("azure.txt", text(&request, "PublicKey"));
    desk.write("token.txt", text(&request, "ImportToken"));
    let wrap = [
        "wrap",
        &file_path("rsa.pem"),
        "-a",
        "CKM_RSA_AES_KEY_WRAP",
        "-k",
        "azure.txt",
        "--form",
        "byok",
        "--kid",
        "https://vault.example/keys/a/1",
        "-o",
        "transfer.byok",
    ];
    byok(&desk, &wrap).ok();
    let import = [
        "import",
        "a",
        "transfer.byok",
        "--import-token",
        "token.txt",
    ];
    assert_eq!(text(&metadata(&desk, &import), "KeyState"), "Enabled");
}

#[test]
fn pkcs1_is_off_unless_configured() {
    const NAME: &str = "RSAES_PKCS1_V1_5";
    let desk = desk();
    create(
        &desk,
        &["--profile", "alibaba-default", "--spec", "AES_256"],
    );
    let request = ["byok", "parameters", "k", "--algorithm", NAME];
    desk.run(&request).refused(1, &["byok.pkcs1"]);
    desk.write("softhsm.conf", "byok.pkcs1 = true\n");
    let on = [("TENON_CONF", "softhsm.conf")];
    let request = desk.run_with(&on, &[&request[..], &["--json"]].concat());
    let request = request.json();
    desk.write("public.txt", text(&request, "PublicKey"));
    openssl(&desk, &["rand", "-out", "other.bin", "32"]);
    for (key, blob) in [("secret.bin", "good"), ("other.bin", "other")] {
        let wrap = ["wrap", key, "-a", NAME, "-k", "public.txt", "-o", blob];
        byok(&desk, &wrap).ok();
    }
    desk.run_with(&on, &["byok", "import", "k", "good", "--without-token"])
        .ok();
    // The padding is a weak one: nobody learns more than that the blob is bad.
    desk.run_with(&on, &["byok", "import", "k", "other", "--without-token"])
        .refused(1, &["CKR_WRAPPED_KEY_INVALID"]);
}

/// Runs the words of each line with openssl.
fn lines(desk: &Desk, lines: &[String]) {
    for line in lines {
        openssl(desk, &line.split(' ').collect::<Vec<_>>());
    }
}

/// The file in hexadecimal digits, as openssl takes keys.
fn digits(desk: &Desk, file: &str) -> String {
    let bytes = fs::read(desk.path(file)).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_the_services_tell_to_do_with_openssl_is_imported() {
    const OAEP: &str = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256";
    let desk = desk();
    openssl(&desk, &["rand", "-out", "inner.bin", "32"]);
    let pkcs8 = format!(
        "pkcs8 -topk8 -nocrypt -in {} -outform DER -out own.der",
        file_path("rsa.pem")
    );
    let inner = digits(&desk, "inner.bin");
    let encrypt = |id: &str, key: &str| {
        format!(
            "pkeyutl -encrypt -in {key} -inkey publickey_{id}.bin -keyform DER -pubin {OAEP} -out head"
        )
    };
    let start = |profile: &str, spec: &str, algorithm: &str| {
        let make = [
            "create",
            "--profile",
            profile,
            "--spec",
            spec,
            "--alias",
            profile,
        ];
        byok(&desk, &make).ok();
        byok(&desk, &["parameters", profile, "--algorithm", algorithm]).ok();
        text(&metadata(&desk, &["describe", profile]), "KeyId").to_owned()
    };

    let id = start("alibaba-default", "AES_256", "RSAES_OAEP_SHA_256");
    let mgf = " -pkeyopt rsa_mgf1_md:sha256";
    let base64 = "enc -e -base64 -A -in head -out EncryptedKeyMaterial_base64.txt";
    lines(
        &desk,
        &[encrypt(&id, "secret.bin") + mgf, base64.to_owned()],
    );
    let token = format!("token_{id}.txt");
    let import = [
        "import",
        &id,
        "EncryptedKeyMaterial_base64.txt",
        "--import-token",
        &token,
    ];
    byok(&desk, &import).ok();

    let id = start(
        "alibaba-software",
        "RSA_2048",
        "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD",
    );
    let ecb = format!("enc -aes-256-ecb -e -K {inner} -in own.der -nosalt -out tail");
    lines(&desk, &[pkcs8, encrypt(&id, "inner.bin") + mgf, ecb]);
    let parts = ["head", "tail"].map(|part| fs::read(desk.path(part)).unwrap());
    desk.write("whole", parts.concat());
    byok(&desk, &["import", &id, "whole"]).ok();

    let id = start("huawei", "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256");
    let kwp = format!("enc -id-aes256-wrap-pad -K {inner} -iv A65959A6 -in own.der -out tail");
    lines(&desk, &[encrypt(&id, "inner.bin"), kwp]);
    byok(&desk, &["import", &id, "head", "tail"]).ok();
}
