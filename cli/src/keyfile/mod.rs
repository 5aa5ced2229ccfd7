//! What a file holds: private keys, public keys and certificates, in every usual encoding.

mod pem;

use std::error::Error;
use std::fmt;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use tenon_pkcs11::api::crypto::rsa;
use tenon_pkcs11::api::keytype::Material;
use zeroize::Zeroizing;

use crate::{Result, encoding};

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
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
    /// SubjectPublicKeyInfo DER.
    PublicKey(Vec<u8>),
    Certificate(Certificate),
}

/// An X.509 certificate, and the parts that PKCS#11 names; all DER.
pub(crate) struct Certificate {
    pub(crate) value: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) spki: Vec<u8>,
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
    if is_pkcs12(der) {
        return Err("the file is PKCS#12 (.p12, .pfx), which is not read: \
                    `openssl pkcs12 -in FILE -nodes` writes what is in it as PEM"
            .into());
    }
    certificate(der)
        .map(Item::Certificate)
        .map_err(|_| Unknown.into())
}

/// PFX of RFC 7292 section 4: version 3 and a SEQUENCE, with which no encoding of a key begins.
fn is_pkcs12(der: &[u8]) -> bool {
    AnyRef::from_der(der).is_ok_and(|any| {
        any.tag() == Tag::Sequence && matches!(any.value(), [0x02, 0x01, 0x03, 0x30, ..])
    })
}

fn private_key(pkcs8: &[u8]) -> Result<Item> {
    Ok(Item::PrivateKey(Box::new(Material::from_pkcs8(pkcs8)?)))
}

fn decrypted(der: &[u8], password: &dyn Fn() -> Result<Zeroizing<String>>) -> Result<Item> {
    let sealed = EncryptedPrivateKeyInfoRef::from_der(der).map_err(
        |_| "the key is encrypted in a way that is not read: `openssl pkcs8 -topk8` makes PBES2",
    )?;
    let clear = sealed
        .decrypt(password()?.as_bytes())
        .map_err(|_| "the key does not decrypt: is the password right?")?;
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

/// Certificate of RFC 5280 section 4.1. OpenSSL's trusted certificates have more after it, which is
/// left out.
fn certificate(der: &[u8]) -> Result<Certificate> {
    let value = SliceReader::new(der)?.tlv_bytes()?;
    let certificate: der::Result<_> = SliceReader::new(value)?.sequence(|fields| {
        let certificate = fields.sequence(|tbs| to_be_signed(tbs, value));
        let _algorithm = fields.tlv_bytes()?;
        let _signature = fields.tlv_bytes()?;
        certificate
    });
    let certificate = certificate?;
    SubjectPublicKeyInfoRef::from_der(&certificate.spki)?;
    Ok(certificate)
}

/// TBSCertificate of the certificate `value`.
fn to_be_signed(tbs: &mut SliceReader<'_>, value: &[u8]) -> der::Result<Certificate> {
    const VERSION: Tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if Tag::peek(tbs)? == VERSION {
        tbs.tlv_bytes()?;
    }
    let serial = tbs.tlv_bytes()?;
    let _signature = tbs.tlv_bytes()?;
    let issuer = tbs.tlv_bytes()?;
    let _validity = tbs.tlv_bytes()?;
    let subject = tbs.tlv_bytes()?;
    let spki = tbs.tlv_bytes()?;
    while !tbs.is_finished() {
        tbs.tlv_bytes()?;
    }
    Ok(Certificate {
        value: value.to_vec(),
        subject: subject.to_vec(),
        issuer: issuer.to_vec(),
        serial: serial.to_vec(),
        spki: spki.to_vec(),
    })
}
