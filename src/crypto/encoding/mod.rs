//! DER of keys: PKCS #8 (RFC 5208, 5958) around PKCS #1 (RFC 8017) and ECPrivateKey (RFC 5915),
//! and of CurvePrivateKey (RFC 8410); SubjectPublicKeyInfo (RFC 5280, 3279, 5480).

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, SequenceRef, UintRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, TagMode, TagNumber};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::PrivateKeyInfoRef;
use sec1::EcPrivateKey;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::crypto::ec::{Curve, PublicKey};
use crate::crypto::material::{EcMaterial, Material, OkpMaterial, RsaMaterial};
use crate::crypto::okp;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// rsaEncryption (RFC 8017 appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey (RFC 5480 section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// Algorithms that the object identifier alone says (RFC 8410 section 3).
const OKP: [(ObjectIdentifier, okp::Curve); 2] = [
    (
        ObjectIdentifier::new_unwrap("1.3.101.110"),
        okp::Curve::X25519,
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.101.112"),
        okp::Curve::Ed25519,
    ),
];

/// `attributes [0]` and `publicKey [1]` of OneAsymmetricKey (RFC 5958 section 2).
const ATTRIBUTES: TagNumber = TagNumber(0);
const PUBLIC_KEY: TagNumber = TagNumber(1);

const MISMATCH: Error = Error::InvalidKey("the public key is not that of the private key");

impl Material {
    /// Takes a private key from PKCS #8 DER, version 1 or 2, with nothing after it at any level and
    /// with all values proven to belong together. RSA has two primes, EC a named curve. Attributes
    /// are allowed and ignored.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let info = parse(der).map_err(|_| Error::InvalidKey("not PKCS #8 DER"))?;
        if info.algorithm.oid == RSA_ENCRYPTION {
            return rsa_from(&info).map(Self::Rsa);
        }
        if info.algorithm.oid == EC_PUBLIC_KEY {
            return ec_from(&info).map(Self::Ec);
        }
        if let Some((_, curve)) = OKP.iter().find(|(oid, _)| info.algorithm.oid == *oid) {
            return okp_from(*curve, &info).map(Self::Okp);
        }
        Err(Error::InvalidKey("PKCS #8 of an unknown algorithm"))
    }

    /// PKCS #8 version 1 DER of a key pair's private key; EC with its public point inside
    /// ECPrivateKey. `InvalidKey` for a secret key, which has no such form.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        match self {
            Self::Secret(_) => Err(Error::InvalidKey("a secret key has no PKCS #8 form")),
            Self::Rsa(key) => encode_rsa(key),
            Self::Ec(key) => encode_ec(key),
            Self::Okp(key) => encode_okp(key),
        }
    }

    /// SubjectPublicKeyInfo DER of a key pair; `None` for a secret key.
    #[must_use]
    pub fn spki(&self) -> Option<Vec<u8>> {
        match self {
            Self::Secret(_) => None,
            Self::Rsa(key) => rsa_spki(&key.n, &key.e).ok(),
            Self::Ec(key) => ec_spki(key.curve, &key.point).ok(),
            Self::Okp(key) => okp_spki(key.curve, &key.public).ok(),
        }
    }
}

/// SubjectPublicKeyInfo DER of an RSA public key, from its big-endian integers.
pub fn rsa_spki(n: &[u8], e: &[u8]) -> Result<Vec<u8>> {
    let key = pkcs1::RsaPublicKeyRef {
        modulus: uint(n)?,
        public_exponent: uint(e)?,
    };
    spki(rsa_algorithm(), &key.to_der().map_err(encoding)?)
}

/// SubjectPublicKeyInfo DER of an EC public key, from its SEC 1 point.
pub fn ec_spki(curve: Curve, point: &[u8]) -> Result<Vec<u8>> {
    spki(ec_algorithm(curve)?, point)
}

/// SubjectPublicKeyInfo DER of an Ed25519 or X25519 public key (RFC 8410 section 4).
pub fn okp_spki(curve: okp::Curve, public: &[u8]) -> Result<Vec<u8>> {
    spki(okp_algorithm(curve)?, public)
}

/// DER of an ECDSA signature r ‖ s, halves of equal length (RFC 3279 section 2.2.3: Ecdsa-Sig-Value).
pub fn ecdsa_signature(signature: &[u8]) -> Result<Vec<u8>> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let value = EcdsaSigValue {
        r: uint(r)?,
        s: uint(s)?,
    };
    value.to_der().map_err(encoding)
}

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
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

/// OneAsymmetricKey; `read_value` inside `sequence` refuses what is left over.
/// Length of the DER value at the start of `bytes`, tag and length included; `None` where there is
/// none, or where it is longer than `bytes`.
#[must_use]
pub fn der_len(bytes: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let value = reader.tlv_bytes().ok()?;
    Some(value.len())
}

/// Identifier octet of a SEQUENCE (X.690 section 8.9).
const SEQUENCE: u8 = 0x30;

/// Whether `bytes` begin as every DER encoding of a private key does: a SEQUENCE that fills them, but for
/// less than 16 bytes, and whose first field is a small version number (PrivateKeyInfo of RFC 5208 and
/// 5958, ECPrivateKey of RFC 5915, RSAPrivateKey of RFC 8017). Of random bytes fewer than one in 2^32 do.
#[must_use]
pub fn holds_private_key(bytes: &[u8]) -> bool {
    let Some(len) = der_len(bytes).filter(|len| bytes.len() - len < 16) else {
        return false;
    };
    let version = AnyRef::from_der(&bytes[..len])
        .and_then(|value| u8::decode(&mut SliceReader::new(value.value())?));
    bytes[0] == SEQUENCE && version.is_ok_and(|version| version <= 2)
}

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

/// Bytes of the public key beside the private one.
fn public_key<'a>(info: &PrivateKeyInfoRef<'a>) -> Result<Option<&'a [u8]>> {
    info.public_key
        .map(|bits| {
            bits.as_bytes()
                .ok_or(Error::InvalidKey("the public key is not whole bytes"))
        })
        .transpose()
}

fn rsa_from(info: &PrivateKeyInfoRef<'_>) -> Result<RsaMaterial> {
    if info.algorithm != rsa_algorithm() {
        return Err(Error::InvalidKey("rsaEncryption takes NULL parameters"));
    }
    let key = RsaPrivateKeyRef::from_der(info.private_key.as_bytes())
        .map_err(|_| Error::InvalidKey("not RSAPrivateKey DER"))?;
    if key.other_prime_infos.is_some() {
        return Err(Error::InvalidKey("an RSA key of more than two primes"));
    }
    let [n, e] = [key.modulus, key.public_exponent].map(|value| value.as_bytes());
    if let Some(der) = public_key(info)? {
        let public = RsaPublicKeyRef::from_der(der)
            .map_err(|_| Error::InvalidKey("not RSAPublicKey DER"))?;
        if public.modulus.as_bytes() != n || public.public_exponent.as_bytes() != e {
            return Err(MISMATCH);
        }
    }
    let [d, p, q] = [key.private_exponent, key.prime1, key.prime2].map(|value| value.as_bytes());
    let material = RsaMaterial::checked(n, e, d, Some((p, q)))?;
    let own = [&material.dp, &material.dq, &material.qinv];
    let given = [key.exponent1, key.exponent2, key.coefficient];
    if own
        .iter()
        .zip(given)
        .any(|(own, given)| !own.ct_eq(given.as_bytes()))
    {
        return Err(Error::InvalidKey(
            "the RSA exponents do not belong to the primes",
        ));
    }
    Ok(material)
}

fn ec_from(info: &PrivateKeyInfoRef<'_>) -> Result<EcMaterial> {
    let curve = info
        .algorithm
        .parameters
        .and_then(|params| params.to_der().ok())
        .ok_or(Error::InvalidKey("an EC key without parameters"))
        .and_then(|params| Curve::from_params(&params))?;
    let key = EcPrivateKey::from_der(info.private_key.as_bytes())
        .map_err(|_| Error::InvalidKey("not ECPrivateKey DER"))?;
    if let Some(params) = key.parameters
        && params.to_der().map_err(encoding)? != curve.params()
    {
        return Err(Error::InvalidKey("the EC key names two curves"));
    }
    let material = EcMaterial::checked(curve, key.private_key, key.public_key)?;
    if let Some(point) = public_key(info)?
        && PublicKey::new(curve, point)?.point()? != material.point
    {
        return Err(MISMATCH);
    }
    Ok(material)
}

/// The private key is an OCTET STRING inside the OCTET STRING (RFC 8410 section 7).
fn okp_from(curve: okp::Curve, info: &PrivateKeyInfoRef<'_>) -> Result<OkpMaterial> {
    if info.algorithm.parameters.is_some() {
        return Err(Error::InvalidKey(
            "Ed25519 and X25519 take no algorithm parameters",
        ));
    }
    let private = <&OctetStringRef>::from_der(info.private_key.as_bytes())
        .map_err(|_| Error::InvalidKey("not CurvePrivateKey DER"))?;
    OkpMaterial::checked(curve, private.as_bytes(), public_key(info)?)
}

fn encode_rsa(key: &RsaMaterial) -> Result<Secret> {
    let inner = encode(&RsaPrivateKeyRef {
        modulus: uint(&key.n)?,
        public_exponent: uint(&key.e)?,
        private_exponent: uint(&key.d)?,
        prime1: uint(&key.p)?,
        prime2: uint(&key.q)?,
        exponent1: uint(&key.dp)?,
        exponent2: uint(&key.dq)?,
        coefficient: uint(&key.qinv)?,
        other_prime_infos: None,
    })?;
    pkcs8(rsa_algorithm(), &inner)
}

fn encode_ec(key: &EcMaterial) -> Result<Secret> {
    let inner = encode(&EcPrivateKey {
        private_key: &key.scalar,
        parameters: None,
        public_key: Some(&key.point),
    })?;
    pkcs8(ec_algorithm(key.curve)?, &inner)
}

fn encode_okp(key: &OkpMaterial) -> Result<Secret> {
    let inner = encode(&OctetStringRef::new(&key.private).map_err(encoding)?)?;
    pkcs8(okp_algorithm(key.curve)?, &inner)
}

fn pkcs8(algorithm: AlgorithmIdentifierRef<'_>, inner: &[u8]) -> Result<Secret> {
    let inner = OctetStringRef::new(inner).map_err(encoding)?;
    encode(&PrivateKeyInfoRef::new(algorithm, inner))
}

fn spki(algorithm: AlgorithmIdentifierRef<'_>, key: &[u8]) -> Result<Vec<u8>> {
    SubjectPublicKeyInfoRef {
        algorithm,
        subject_public_key: BitStringRef::from_bytes(key).map_err(encoding)?,
    }
    .to_der()
    .map_err(encoding)
}

fn rsa_algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: RSA_ENCRYPTION,
        parameters: Some(AnyRef::NULL),
    }
}

fn ec_algorithm(curve: Curve) -> Result<AlgorithmIdentifierRef<'static>> {
    Ok(AlgorithmIdentifierRef {
        oid: EC_PUBLIC_KEY,
        parameters: Some(AnyRef::from_der(curve.params()).map_err(encoding)?),
    })
}

fn okp_algorithm(curve: okp::Curve) -> Result<AlgorithmIdentifierRef<'static>> {
    let row = OKP.iter().find(|(_, known)| *known == curve);
    let (oid, _) = row.ok_or(Error::UnsupportedCurve)?;
    Ok(AlgorithmIdentifierRef {
        oid: *oid,
        parameters: None,
    })
}

fn uint(bytes: &[u8]) -> Result<UintRef<'_>> {
    UintRef::new(bytes).map_err(encoding)
}

/// DER straight into memory that is wiped.
fn encode(value: &impl Encode) -> Result<Secret> {
    let len = value
        .encoded_len()
        .and_then(usize::try_from)
        .map_err(encoding)?;
    let mut out = Secret::zeroed(len);
    value.encode_to_slice(&mut out).map_err(encoding)?;
    Ok(out)
}

fn encoding(_: der::Error) -> Error {
    Error::Internal("DER encoding")
}
