//! The key to wrap, read from its owner's file.

use std::path::{Path, PathBuf};

use clap::Args;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::secret::Secret;
use zeroize::Zeroizing;

use super::share::ShareFile;
use crate::ask::KeyPassword;
use crate::base64;
use crate::keyfile::{self, Item, kind};
use crate::output::unhex;
use crate::{Result, encoding, files};

#[derive(Args)]
pub(super) struct KeySource {
    /// The key: a private key in PEM, DER, PKCS#12 or OpenSSH's format, the bytes of a secret key, or a share
    /// that `split` made; - for standard input
    key: PathBuf,
    /// The file is hexadecimal digits
    #[arg(long, group = "writing")]
    hex: bool,
    /// The file is Base64
    #[arg(long, group = "writing")]
    base64: bool,
    /// The file is the bytes of a secret key, whatever they look like
    #[arg(long, group = "writing")]
    raw: bool,
    #[command(flatten)]
    password: KeyPassword,
}

/// The most bytes of a secret key that a service takes: those of Vault's HMAC keys.
const LONGEST_SECRET: usize = 512;

pub(super) enum Owned {
    /// Bytes of a secret key.
    Secret(Zeroizing<Vec<u8>>),
    /// Its values are proven to belong together.
    Private(Box<Material>),
    /// One share of a key.
    Share(Box<ShareFile>),
}

impl Owned {
    /// The bytes that are wrapped: those of a secret key or of a share, or PKCS#8.
    pub(super) fn bytes(&self) -> Result<Secret> {
        match self {
            Self::Secret(bytes) => Ok(Secret::copy(bytes)),
            Self::Share(share) => Ok(Secret::copy(&share.value)),
            Self::Private(material) => Ok(material.to_pkcs8()?),
        }
    }
}

impl KeySource {
    pub(super) fn read(&self) -> Result<Owned> {
        let file = files::read(&self.key)?;
        if self.raw {
            return secret(file);
        }
        let bytes = if self.hex {
            Zeroizing::new(unhex(&printed(&file)?)?)
        } else if self.base64 {
            encoding::text_or_bytes(&file)?;
            base64::decode(&file).ok_or("the file is not Base64")?
        } else {
            file
        };
        if let Some(share) = ShareFile::read(&bytes) {
            return Ok(Owned::Share(Box::new(share?)));
        }
        let written = self.hex || self.base64;
        self.of_bytes(bytes, written)
    }

    /// `written`: an option said that the file is hexadecimal or Base64, so the bytes are not text
    /// by mistake.
    fn of_bytes(&self, bytes: Zeroizing<Vec<u8>>, written: bool) -> Result<Owned> {
        let text = match written {
            true => &bytes,
            false => encoding::text_or_bytes(&bytes)?,
        };
        if is_pem(&bytes) || kind::is_der(&bytes) {
            return private(keyfile::items(&bytes, &|| self.password.source().read())?);
        }
        if let Some(what) = kind::of_no_key(&bytes) {
            return Err(format!("{what} (--raw wraps the very bytes)").into());
        }
        // PKCS#8 in Base64 without PEM's lines around it, as services and programs hand it out.
        let der = Some(text).filter(|_| !written).and_then(base64::decode);
        if let Some(der) = der.filter(|der| kind::is_der(der)) {
            return private(keyfile::items(&der, &|| self.password.source().read())?);
        }
        if !written && !text.is_empty() && is_text(text) {
            let file = if self.key == Path::new("-") {
                "standard input".to_owned()
            } else {
                self.key.display().to_string()
            };
            return Err(format!(
                "{file} is text: say --hex or --base64, or --raw if its very characters are the key"
            )
            .into());
        }
        if bytes.len() > LONGEST_SECRET {
            return Err(format!(
                "{} bytes are no secret key of any service, which have {LONGEST_SECRET} at most: say --raw if \
                 they are one all the same",
                bytes.len()
            )
            .into());
        }
        secret(bytes)
    }
}

fn secret(bytes: Zeroizing<Vec<u8>>) -> Result<Owned> {
    if bytes.is_empty() {
        return Err("the key to wrap is empty: the file has no bytes".into());
    }
    Ok(Owned::Secret(bytes))
}

fn private(items: Vec<Item>) -> Result<Owned> {
    let mut keys: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::PrivateKey(material) | Item::PssKey(material) => Some(material),
            Item::PublicKey(_) | Item::PssPublicKey(_) | Item::Certificate(_) => None,
        })
        .collect();
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(Owned::Private(key)),
        (Some(_), false) => Err("the file has more than one private key".into()),
        (None, _) => Err("the file has no private key, only certificates or public keys".into()),
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains("-----BEGIN "))
}

/// Whether the bytes are UTF-8 without control characters, as those of a random key are not.
fn is_text(bytes: &[u8]) -> bool {
    let control = |c: char| c.is_control() && !c.is_ascii_whitespace();
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(control))
}

/// The characters that are not blank.
fn printed(bytes: &[u8]) -> Result<Zeroizing<String>> {
    let text = encoding::text_or_bytes(bytes)?;
    let text = std::str::from_utf8(text).map_err(|_| "the file is not text")?;
    let digits = text.chars().filter(|c| !c.is_whitespace());
    Ok(Zeroizing::new(digits.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(folder: &Path, content: &[u8]) -> KeySource {
        let key = folder.join("key");
        std::fs::write(&key, content).unwrap();
        KeySource {
            key,
            hex: false,
            base64: false,
            raw: false,
            password: KeyPassword::default(),
        }
    }

    fn bytes(owned: Result<Owned>) -> Option<Vec<u8>> {
        match owned.ok()? {
            Owned::Secret(bytes) => Some(bytes.to_vec()),
            Owned::Private(_) | Owned::Share(_) => None,
        }
    }

    #[test]
    fn secret_keys_are_bytes_or_say_how_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let with = |content: &[u8], hex, base64, raw| {
            bytes(
                KeySource {
                    hex,
                    base64,
                    raw,
                    ..source(folder.path(), content)
                }
                .read(),
            )
        };
        let text = b"000102030405060708090a0b0c0d0e0f\n";
        assert_eq!(with(&[0xF0; 16], false, false, false), Some(vec![0xF0; 16]));
        assert_eq!(with(text, true, false, false), Some((0..16).collect()));
        assert_eq!(with(b"8PDw\n8PDw", false, true, false), Some(vec![0xF0; 6]));
        assert_eq!(with(text, false, false, true), Some(text.to_vec()));
        assert_eq!(with(text, false, false, false), None, "text by mistake");
        let marked = |text: &[u8]| [b"\xEF\xBB\xBF", text].concat();
        assert_eq!(with(&marked(text), false, false, false), None, "as text");
        let read = with(&marked(text), true, false, false);
        assert_eq!(read, Some((0..16).collect()));
        let read = with(&marked(b"8PDw"), false, true, false);
        assert_eq!(read, Some(vec![0xF0; 3]));
        let read = with(&marked(text), false, false, true);
        assert_eq!(read, Some(marked(text)), "raw is raw");
        let key = marked(&[0xF0; 13]);
        assert_eq!(with(&key, false, false, false), Some(key), "not text");
        assert_eq!(with(b"xy", true, false, false), None);
        assert_eq!(with(b"*", false, true, false), None);
        assert_eq!(with(b"", false, false, true), None);
    }

    #[test]
    fn private_keys_are_told_from_bytes() {
        let folder = tempfile::tempdir().unwrap();
        for der in [
            &include_bytes!("../../tests/cli/files/ec.der")[..],
            include_bytes!("../../tests/cli/files/ec-traditional.der"),
            include_bytes!("../../tests/cli/files/rsa-traditional.der"),
            include_bytes!("../../tests/cli/files/rsa.pem"),
            include_bytes!("../../tests/cli/files/web.pem"),
        ] {
            let read = source(folder.path(), der).read();
            assert!(matches!(read, Ok(Owned::Private(_))));
            let written = base64::encode(der);
            let source = KeySource {
                base64: true,
                ..source(folder.path(), written.as_bytes())
            };
            assert!(matches!(source.read(), Ok(Owned::Private(_))));
        }
        // DER, but no private key: 32 bytes that begin like a SEQUENCE are a secret key.
        let unlucky = [&[0x30, 30][..], &[0xF0; 30]].concat();
        assert_eq!(bytes(source(folder.path(), &unlucky).read()), Some(unlucky));
        let der = include_bytes!("../../tests/cli/files/ec.der");
        let bare = base64::encode(der);
        let lines = bare
            .as_bytes()
            .chunks(64)
            .collect::<Vec<_>>()
            .join(&b"\r\n"[..]);
        for text in [bare.as_bytes(), &lines] {
            let read = source(folder.path(), text).read();
            assert!(matches!(read, Ok(Owned::Private(_))), "without PEM's lines");
        }
        let public = include_bytes!("../../tests/cli/files/rsa-public.pem");
        assert!(source(folder.path(), public).read().is_err());
        let encrypted = include_bytes!("../../tests/cli/files/ec-aes128-sha512.der");
        assert!(kind::is_der(encrypted));
    }
}
