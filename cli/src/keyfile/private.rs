//! Private keys in DER: PKCS#8, plain and encrypted, PKCS#1 and SEC 1.

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Encode};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use spki::AlgorithmIdentifierRef;
use tenon_pkcs11::api::keytype::Material;
use zeroize::Zeroizing;

use crate::Result;

use super::item::Item;
use super::{cost, kind};

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-RSASSA-PSS (RFC 8017 appendix A.2.3).
pub(super) const RSASSA_PSS: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
/// id-ecPublicKey (RFC 5480 section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The error for a password that opens nothing.
pub(super) const WRONG_PASSWORD: &str = "the key does not decrypt: is the password right?";

pub(super) fn private_key(pkcs8: &[u8]) -> Result<Item> {
    if let Ok(info) = PrivateKeyInfoRef::from_der(pkcs8)
        && info.algorithm.oid == RSASSA_PSS
    {
        let rsa = from_pkcs1(info.private_key.as_bytes())?;
        return Ok(Item::PssKey(Box::new(Material::from_pkcs8(&rsa)?)));
    }
    Ok(Item::PrivateKey(Box::new(Material::from_pkcs8(pkcs8)?)))
}

pub(super) fn decrypted(
    der: &[u8],
    password: &dyn Fn() -> Result<Zeroizing<String>>,
) -> Result<Item> {
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
            _ => WRONG_PASSWORD.to_owned(),
        })?;
    private_key(clear.as_bytes())
}

/// PKCS#8 around a PKCS#1 key.
pub(super) fn from_pkcs1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    pkcs8(RSA_ENCRYPTION, AnyRef::NULL, der)
}

/// PKCS#8 around a SEC 1 key, which names its curve itself.
pub(super) fn from_sec1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
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
