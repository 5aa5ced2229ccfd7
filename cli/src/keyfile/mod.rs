//! What a file holds: private keys, public keys and certificates, in every usual encoding.

mod certificate;
mod cost;
pub(crate) mod kind;
mod pem;

use std::error::Error;
use std::fmt;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use tenon_pkcs11::api::crypto::rsa;
use tenon_pkcs11::api::keytype::Material;
use zeroize::Zeroizing;

use crate::{Result, encoding};

pub(crate) use certificate::Certificate;
use certificate::certificate;

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-RSASSA-PSS (RFC 8017 appendix A.2.3).
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// id-ecPublicKey (RFC 5480 section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The error for a file that holds nothing known.
#[derive(Debug)]
pub(crate) struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither PEM nor the DER of a key or certificate")
    }
}

impl Error for Unknown {}

pub(crate) enum Item {
    /// Its values are proven to belong together.
    PrivateKey(Box<Material>),
    /// An RSA key that its file keeps for RSASSA-PSS signatures.
    PssKey(Box<Material>),
    /// SubjectPublicKeyInfo DER.
    PublicKey(Vec<u8>),
    Certificate(Certificate),
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
            "PUBLIC KEY" => Item::PublicKey(der.to_vec()),
            "RSA PUBLIC KEY" => rsa_public_key(der)?,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                Item::Certificate(certificate(der)?)
            }
            // Stands before the key that `openssl ecparam -genkey` writes, and says nothing new.
            "EC PARAMETERS" => continue,
            "OPENSSH PRIVATE KEY" => {
                return Err("the file is an OpenSSH private key, which is not read: \
                            `ssh-keygen -p -m PKCS8 -f FILE` writes it anew as PKCS#8"
                    .into());
            }
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
        return Ok(Item::PublicKey(der.to_vec()));
    }
    if RsaPublicKeyRef::from_der(der).is_ok() {
        return rsa_public_key(der);
    }
    if let Ok(certificate) = certificate(der) {
        return Ok(Item::Certificate(certificate));
    }
    Err(kind::of_no_key(der).map_or_else(|| Unknown.into(), Into::into))
}

fn private_key(pkcs8: &[u8]) -> Result<Item> {
    if let Ok(info) = PrivateKeyInfoRef::from_der(pkcs8)
        && info.algorithm.oid == RSASSA_PSS
    {
        let rsa = from_pkcs1(info.private_key.as_bytes())?;
        return Ok(Item::PssKey(Box::new(Material::from_pkcs8(&rsa)?)));
    }
    Ok(Item::PrivateKey(Box::new(Material::from_pkcs8(pkcs8)?)))
}

fn decrypted(der: &[u8], password: &dyn Fn() -> Result<Zeroizing<String>>) -> Result<Item> {
    let unreadable = || {
        let named = kind::of_encrypted_key(der);
        named.unwrap_or_else(|| "the encrypted key is damaged".to_owned())
    };
    let sealed = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| unreadable())?;
    if sealed.encryption_algorithm.pbes2().is_none() {
        return Err(unreadable().into());
    }
    cost::check(&sealed.encryption_algorithm)?;
    let clear = sealed
        .decrypt(password()?.as_bytes())
        .map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm {
                ..
            }) => unreadable(),
            _ => "the key does not decrypt: is the password right?".to_owned(),
        })?;
    private_key(clear.as_bytes())
}

/// PKCS#8 around a PKCS#1 key.
fn from_pkcs1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    pkcs8(RSA_ENCRYPTION, AnyRef::NULL, der)
}

/// PKCS#8 around a SEC 1 key, which names its curve itself.
fn from_sec1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let params = EcPrivateKey::from_der(der)?
        .parameters
        .ok_or("the EC key does not name its curve")?
        .to_der()?;
    pkcs8(EC_PUBLIC_KEY, AnyRef::from_der(&params)?, der)
}

fn pkcs8(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let algorithm = AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    };
    let info = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(key)?);
    Ok(Zeroizing::new(info.to_der()?))
}

fn rsa_public_key(der: &[u8]) -> Result<Item> {
    let key = RsaPublicKeyRef::from_der(der)?;
    let (n, e) = (key.modulus.as_bytes(), key.public_exponent.as_bytes());
    Ok(Item::PublicKey(rsa::spki(n, e)?))
}
