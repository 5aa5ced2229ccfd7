//! What a file holds: private keys, public keys and certificates, in every usual encoding.

mod certificate;
mod cost;
mod item;
pub(crate) mod kind;
mod openssh;
mod pem;
mod pkcs12;
mod private;

use std::error::Error;
use std::fmt;

use der::Decode;
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use spki::SubjectPublicKeyInfoRef;
use tenon_pkcs11::api::crypto::rsa;
use zeroize::Zeroizing;

use crate::{Result, encoding};

pub(crate) use certificate::Certificate;
use certificate::certificate;
pub(crate) use item::Item;
use private::{RSASSA_PSS, decrypted, from_pkcs1, from_sec1, private_key};

/// The error for a file that holds nothing known.
#[derive(Debug)]
pub(crate) struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither PEM nor the DER of a key or certificate")
    }
}

impl Error for Unknown {}

/// Label of the PEM block in which OpenSSH keeps a private key.
const OPENSSH: &str = "OPENSSH PRIVATE KEY";

/// What a user calls the format of `file`, where that is not an encoding of a single key.
pub(crate) fn format_name(file: &[u8]) -> Option<&'static str> {
    let blocks = std::str::from_utf8(file).ok().map(pem::blocks);
    let of_openssh = |blocks: &Vec<pem::Block>| blocks.iter().any(|block| block.label == OPENSSH);
    if blocks
        .and_then(Result::ok)
        .is_some_and(|blocks| of_openssh(&blocks))
    {
        return Some("OpenSSH");
    }
    pkcs12::is_one(file).then_some("PKCS#12")
}

/// Everything in `file`, which is PEM or one DER value. `password` is asked for when a key is
/// encrypted.
pub(crate) fn items(
    file: &[u8],
    password: &dyn Fn() -> Result<Zeroizing<String>>,
) -> Result<Vec<Item>> {
    let file = encoding::text_or_bytes(file)?;
    if file.is_empty() {
        return Err("the file is empty".into());
    }
    let blocks = match std::str::from_utf8(file) {
        Ok(text) => pem::blocks(text)?,
        Err(_) => Vec::new(),
    };
    if blocks.is_empty() {
        if pkcs12::is_one(file) {
            return pkcs12::items(file, password);
        }
        return Ok(vec![from_der(file, password)?]);
    }
    let mut items = Vec::new();
    for block in blocks {
        let der = &block.der;
        items.push(match block.label.as_str() {
            "PRIVATE KEY" => private_key(der)?,
            "ENCRYPTED PRIVATE KEY" => decrypted(der, password)?,
            "RSA PRIVATE KEY" => private_key(&from_pkcs1(der)?)?,
            "EC PRIVATE KEY" => private_key(&from_sec1(der)?)?,
            "PUBLIC KEY" => public_key(der)?,
            "RSA PUBLIC KEY" => Item::PublicKey(rsa_spki(der)?),
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                Item::Certificate(certificate(der)?)
            }
            // Stands before the key that `openssl ecparam -genkey` writes, and says nothing new.
            "EC PARAMETERS" => continue,
            OPENSSH => openssh::private_key(der, password)?,
            "PGP PRIVATE KEY BLOCK" => {
                return Err("the file is an OpenPGP key, which is not read: \
                            its program has to export the key as PKCS#8"
                    .into());
            }
            other => return Err(format!("the file has a {other}, which is not read").into()),
        });
    }
    Ok(items)
}

/// The encodings differ in what their outer SEQUENCE holds, so at most one fits.
fn from_der(der: &[u8], password: &dyn Fn() -> Result<Zeroizing<String>>) -> Result<Item> {
    if RsaPrivateKeyRef::from_der(der).is_ok() {
        return private_key(&from_pkcs1(der)?);
    }
    if EcPrivateKey::from_der(der).is_ok() {
        return private_key(&from_sec1(der)?);
    }
    if PrivateKeyInfoRef::from_der(der).is_ok() {
        return private_key(der);
    }
    if EncryptedPrivateKeyInfoRef::from_der(der).is_ok() {
        return decrypted(der, password);
    }
    if SubjectPublicKeyInfoRef::from_der(der).is_ok() {
        return public_key(der);
    }
    if RsaPublicKeyRef::from_der(der).is_ok() {
        return Ok(Item::PublicKey(rsa_spki(der)?));
    }
    if let Ok(certificate) = certificate(der) {
        return Ok(Item::Certificate(certificate));
    }
    Err(kind::of_no_key(der).map_or_else(|| Unknown.into(), Into::into))
}

/// SubjectPublicKeyInfo. The algorithm identifier id-RSASSA-PSS stands before the same key as rsaEncryption.
fn public_key(der: &[u8]) -> Result<Item> {
    match SubjectPublicKeyInfoRef::from_der(der) {
        Ok(info) if info.algorithm.oid == RSASSA_PSS => {
            let key = info.subject_public_key.raw_bytes();
            Ok(Item::PssPublicKey(rsa_spki(key)?))
        }
        _ => Ok(Item::PublicKey(der.to_vec())),
    }
}

/// SubjectPublicKeyInfo around a PKCS#1 key.
fn rsa_spki(der: &[u8]) -> Result<Vec<u8>> {
    let key = RsaPublicKeyRef::from_der(der)?;
    let (n, e) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    Ok(rsa::spki(n, e)?)
}
