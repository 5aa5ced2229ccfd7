//! DER around keys: PKCS #8 (RFC 5208, 5958), SubjectPublicKeyInfo (RFC 5280), and the OCTET STRINGs of
//! PKCS #11. What is inside is read and written by each kind of key.

use der::asn1::{AnyRef, BitStringRef, OctetStringRef, SequenceRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader, TagMode, TagNumber};

use crate::crypto::{Error, Result};
use crate::secret::Secret;

pub(crate) use der::asn1::ObjectIdentifier;
pub(crate) use pkcs8::PrivateKeyInfoRef;
pub(super) use spki::AlgorithmIdentifierRef;
pub(crate) use spki::SubjectPublicKeyInfoRef;

pub(super) mod seeded;
#[cfg(test)]
mod tests;

/// `attributes [0]` and `publicKey [1]` of OneAsymmetricKey (RFC 5958 section 2).
const ATTRIBUTES: TagNumber = TagNumber(0);
const PUBLIC_KEY: TagNumber = TagNumber(1);

/// The error for a private key that contains the public key of another one.
pub(super) const MISMATCH: Error =
    Error::InvalidKey("the public key is not that of the private key");

/// Reads PKCS #8 DER, version 1 or 2, with nothing after it at any level. Attributes are allowed and
/// ignored. `InvalidKey` for anything else.
pub(crate) fn private_key_info(der: &[u8]) -> Result<PrivateKeyInfoRef<'_>> {
    parse(der).map_err(|_| Error::InvalidKey("not PKCS #8 DER"))
}

/// Reads SubjectPublicKeyInfo DER with nothing after it. `InvalidKey` for anything else.
pub(crate) fn public_key_info(der: &[u8]) -> Result<SubjectPublicKeyInfoRef<'_>> {
    SubjectPublicKeyInfoRef::from_der(der)
        .map_err(|_| Error::InvalidKey("not SubjectPublicKeyInfo DER"))
}

/// DER OCTET STRING around `value`.
pub fn to_octet_string(value: &[u8]) -> Result<Vec<u8>> {
    let value = OctetStringRef::new(value).map_err(encoding)?;
    value.to_der().map_err(encoding)
}

/// What is inside a DER OCTET STRING; `value` itself when it is none.
#[must_use]
pub fn octet_string(value: &[u8]) -> &[u8] {
    <&OctetStringRef>::from_der(value).map_or(value, OctetStringRef::as_bytes)
}

/// Length of the DER value at the start of `bytes`, tag and length included; `None` where there is
/// none, or where it is longer than `bytes`.
#[must_use]
pub(crate) fn der_len(bytes: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let value = reader.tlv_bytes().ok()?;
    Some(value.len())
}

/// Identifier octet of a SEQUENCE (X.690 section 8.9).
const SEQUENCE: u8 = 0x30;

/// Whether `bytes` begin as every DER encoding of a private key does: a SEQUENCE that ends less
/// than 16 bytes before their end, and whose first field is a small version number (PrivateKeyInfo
/// of RFC 5208 and 5958, ECPrivateKey of RFC 5915, RSAPrivateKey of RFC 8017). Of random bytes
/// fewer than one in 2^32 do.
#[must_use]
pub(crate) fn holds_private_key(bytes: &[u8]) -> bool {
    let Some(len) = der_len(bytes).filter(|len| bytes.len() - len < 16) else {
        return false;
    };
    let version = AnyRef::from_der(&bytes[..len])
        .and_then(|value| u8::decode(&mut SliceReader::new(value.value())?));
    bytes[0] == SEQUENCE && version.is_ok_and(|version| version <= 2)
}

/// `sequence` refuses bytes that are left over inside, `finish` those that follow.
fn parse(der: &[u8]) -> der::Result<PrivateKeyInfoRef<'_>> {
    let mut reader = SliceReader::new(der)?;
    let info = reader.sequence(|fields| {
        let version = u8::decode(fields)?;
        let algorithm = AlgorithmIdentifierRef::decode(fields)?;
        let private_key = <&OctetStringRef>::decode(fields)?;
        fields.context_specific::<&SequenceRef>(ATTRIBUTES, TagMode::Implicit)?;
        let public_key = fields.context_specific(PUBLIC_KEY, TagMode::Implicit)?;
        // Version 1 (0) has no public key, version 2 (1) has one.
        if version != u8::from(public_key.is_some()) {
            return Err(der::Error::from(der::Tag::Integer.value_error()));
        }
        Ok(PrivateKeyInfoRef {
            algorithm,
            private_key,
            public_key,
        })
    })?;
    reader.finish()?;
    Ok(info)
}

/// `publicKey` of OneAsymmetricKey; `None` in version 1.
pub(super) fn public_key<'a>(info: &PrivateKeyInfoRef<'a>) -> Result<Option<&'a [u8]>> {
    info.public_key
        .map(|bits| {
            bits.as_bytes()
                .ok_or(Error::InvalidKey("the public key is not whole bytes"))
        })
        .transpose()
}

/// PKCS #8 version 1 DER of the encoded key `inner`.
pub(super) fn pkcs8(algorithm: AlgorithmIdentifierRef<'_>, inner: &[u8]) -> Result<Secret> {
    let inner = OctetStringRef::new(inner).map_err(encoding)?;
    encode(&PrivateKeyInfoRef::new(algorithm, inner))
}

/// SubjectPublicKeyInfo DER of the encoded key `key`.
pub(super) fn spki(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Vec<u8>> {
    SubjectPublicKeyInfoRef {
        algorithm,
        subject_public_key: BitStringRef::from_bytes(key).map_err(encoding)?,
    }
    .to_der()
    .map_err(encoding)
}

/// An INTEGER from big-endian bytes.
pub(super) fn uint(bytes: &[u8]) -> Result<UintRef<'_>> {
    UintRef::new(bytes).map_err(encoding)
}

/// Bits of a number without leading zeros.
pub(super) fn bits(number: &[u8]) -> u64 {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() as u64 * 8 - u64::from(zeros)
}

/// The big-endian bytes of a positive INTEGER. `InvalidKey` for anything else.
pub(super) fn integer(der: &[u8]) -> Result<&[u8]> {
    match UintRef::from_der(der) {
        Ok(number) => Ok(number.as_bytes()),
        Err(_) => Err(Error::InvalidKey("the key is not a positive INTEGER")),
    }
}

/// Encodes straight into memory that is wiped.
pub(super) fn encode(value: &impl Encode) -> Result<Secret> {
    let len = value
        .encoded_len()
        .and_then(usize::try_from)
        .map_err(encoding)?;
    let mut out = Secret::zeroed(len);
    value.encode_to_slice(&mut out).map_err(encoding)?;
    Ok(out)
}

/// Encoders fail only for lengths that no key has.
pub(super) fn encoding(_: der::Error) -> Error {
    Error::Internal("DER encoding")
}
