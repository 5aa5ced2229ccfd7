//! `tenon byok wrap`: for the key's owner, who has no token, only the service's public key.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use tenon_pkcs11::api::crypto::hash::Hash;

use super::algorithm::{self, Layout, NamedAlgorithm};
use super::azure;
use super::owned::KeySource;
use super::seal::{Choices, ServiceKey, seal};
use crate::base64;
use crate::output::{Format, uid};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: KeySource,
    /// The service's public key, in PEM, DER or Base64
    #[arg(long, short = 'k', value_name = "FILE")]
    public_key: PathBuf,
    /// How to wrap, by the name that the service gives it
    #[arg(long, short, value_name = "NAME", value_parser = algorithm::parse)]
    algorithm: NamedAlgorithm,
    /// Hash of MGF1, where a service's differs from OAEP's
    #[arg(long, value_name = "HASH")]
    mgf1: Option<Mgf1>,
    /// SM2's ciphertext in DER (GM/T 0009), not as 04 ‖ C1 ‖ C3 ‖ C2
    #[arg(long)]
    der: bool,
    /// HPKE: the blob is for the key with this KeyId alone, and a token takes it into no other
    #[arg(long, value_name = "ID", value_parser = key_id)]
    key_id: Option<[u8; 16]>,
    /// How the blob is written
    #[arg(long, value_enum, default_value_t = BlobForm::Base64)]
    form: BlobForm,
    /// Identifier of Azure's key exchange key, for the header of a .byok file
    #[arg(long, value_name = "URL", required_if_eq("form", "byok"))]
    kid: Option<String>,
    /// A new file to write; else standard output. Twice: the two parts of a composite blob apart, as
    /// Huawei takes them (EncryptedKeyMaterial.bin and the private key's ciphertext)
    #[arg(long, short, value_name = "FILE")]
    output: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// What the blob looks like.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BlobForm {
    /// One line of Base64
    Base64,
    /// The bytes themselves
    Binary,
    /// Azure's .byok file
    Byok,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mgf1 {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Mgf1 {
    fn hash(self) -> Hash {
        match self {
            Self::Sha1 => Hash::Sha1,
            Self::Sha224 => Hash::Sha224,
            Self::Sha256 => Hash::Sha256,
            Self::Sha384 => Hash::Sha384,
            Self::Sha512 => Hash::Sha512,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let form = arguments.form;
    let layout = arguments.algorithm.layout;
    if form == BlobForm::Byok && layout != Layout::OaepKwp(Hash::Sha1) {
        return Err("a .byok file holds what CKM_RSA_AES_KEY_WRAP makes: name that".into());
    }
    let public = ServiceKey::read(&arguments.public_key)?;
    let choices = Choices {
        mgf1: arguments.mgf1.map(Mgf1::hash),
        der: arguments.der,
        target: arguments.key_id,
    };
    let owned = arguments.source.read()?;
    let blob = seal(&arguments.algorithm, choices, &public, &owned)?;
    let written = |part: &[u8]| match form {
        BlobForm::Base64 => format!("{}\n", base64::encode(part)).into_bytes(),
        BlobForm::Binary => part.to_vec(),
        BlobForm::Byok => {
            let kid = arguments.kid.as_deref().unwrap_or_default();
            azure::write(kid, part).into_bytes()
        }
    };
    let parts = match arguments.output.as_slice() {
        // The blob itself is the answer.
        [] => return files::write(None, &written(&blob)),
        [_] => vec![&blob[..]],
        [_, _] => {
            let (head, tail) = parts(layout, form, &public, &blob)?;
            vec![head, tail]
        }
        _ => return Err("a blob has two parts at most: say --output once or twice".into()),
    };
    let mut made = Vec::new();
    for (file, part) in arguments.output.iter().zip(parts) {
        files::write_new(file, &written(part))?;
        made.push((file.display().to_string(), part.len()));
    }
    let files = made
        .iter()
        .map(|(file, len)| json!({ "File": file, "BlobBytes": len }));
    let answer = json!({ "Files": files.collect::<Vec<_>>() });
    arguments.format.print(&answer, |out| {
        made.iter()
            .try_for_each(|(file, len)| writeln!(out, "Wrapped: a blob of {len} bytes, in {file}"))
    })
}

/// The encrypted inner key, and the key encrypted under that.
fn parts<'a>(
    layout: Layout,
    form: BlobForm,
    public: &ServiceKey,
    blob: &'a [u8],
) -> Result<(&'a [u8], &'a [u8])> {
    if form == BlobForm::Byok {
        return Err("a .byok file is one file".into());
    }
    match layout {
        Layout::OaepKwp(_) | Layout::OaepEcb(_) => public
            .modulus_len()
            .and_then(|len| blob.split_at_checked(len))
            .ok_or_else(|| "the blob is too short".into()),
        Layout::Oaep(_)
        | Layout::Pkcs1
        | Layout::Sm2
        | Layout::Sm2Sm4
        | Layout::Ecdh(_)
        | Layout::Hpke(_) => {
            Err("the blob of this algorithm is one part: say --output once".into())
        }
    }
}

/// The 16 bytes of a KeyId.
fn key_id(text: &str) -> std::result::Result<[u8; 16], String> {
    uid(text).ok_or_else(|| {
        "a KeyId is 32 hexadecimal digits, or these as 8-4-4-4-12: `tenon byok describe` shows it".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::key_id;

    #[test]
    fn a_key_id_has_its_hyphens_where_they_belong_or_none() {
        let digits = "00112233445566778899aabbccddeeff";
        let known = key_id(digits).unwrap();
        assert_eq!(known[..4], [0, 0x11, 0x22, 0x33]);
        for written in [
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-AABBCCDDEEFF",
        ] {
            assert_eq!(key_id(written), Ok(known), "{written}");
        }
        for other in [
            "",
            "0-0112233445566778899aabbccddeeff",
            "-00112233445566778899aabbccddeeff",
            "0011223344556677-8899-aabb-ccddeeff",
            "00112233-4455-6677-8899-aabbccddeef",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "orders",
        ] {
            assert!(key_id(other).is_err(), "{other}");
        }
    }
}
