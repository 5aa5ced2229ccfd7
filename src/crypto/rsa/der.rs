//! DER of RSA keys (RFC 8017 appendix A.1).

use der::asn1::AnyRef;
use der::{Decode, Encode};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, MISMATCH, ObjectIdentifier, PrivateKeyInfoRef,
    SubjectPublicKeyInfoRef, encode, encoding, public_key, uint,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::material::RsaMaterial;

/// rsaEncryption.
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-RSAES-OAEP.
pub(crate) const OAEP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.7");
/// id-RSASSA-PSS.
pub(crate) const PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The only scheme that a key is for, by the algorithm of its PKCS #8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnlyFor {
    /// RSASSA-PSS.
    Pss,
    /// RSAES-OAEP.
    Oaep,
}

impl RsaMaterial {
    /// Takes the private key in PKCS #8: two primes, with all values proven to belong together.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        // RFC 8017 appendix A.1 has NULL parameters; some programs leave them out.
        let parameters = info.algorithm.parameters.unwrap_or(AnyRef::NULL);
        if info.algorithm.oid != OID || parameters != AnyRef::NULL {
            return Err(Error::InvalidKey("not rsaEncryption with NULL parameters"));
        }
        Self::from_info(info)
    }

    /// The same for a key that its algorithm keeps to one scheme. Parameters would keep it to hashes and a
    /// length of salt too, and are refused (RFC 4055 sections 3.3 and 4.1).
    pub(crate) fn from_limited_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<(Self, OnlyFor)> {
        let only = match info.algorithm.oid {
            PSS => OnlyFor::Pss,
            OAEP => OnlyFor::Oaep,
            _ => return Err(Error::InvalidKey("an RSA key for every scheme")),
        };
        if info.algorithm.parameters.is_some() {
            return Err(Error::InvalidKey("an RSA key for some parameters alone"));
        }
        Ok((Self::from_info(info)?, only))
    }

    /// The same for RSAPrivateKey, which PKCS #8 has inside.
    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self> {
        Self::read(der, None)
    }

    fn from_info(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        Self::read(info.private_key.as_bytes(), public_key(info)?)
    }

    /// `public`: RSAPublicKey, which must be that of the private key.
    fn read(der: &[u8], public: Option<&[u8]>) -> Result<Self> {
        let key = RsaPrivateKeyRef::from_der(der)
            .map_err(|_| Error::InvalidKey("not RSAPrivateKey DER"))?;
        if key.other_prime_infos.is_some() {
            return Err(Error::InvalidKey("an RSA key of more than two primes"));
        }
        let [n, e] = [key.modulus, key.public_exponent].map(|value| value.as_bytes());
        if let Some(der) = public {
            let public = RsaPublicKeyRef::from_der(der)
                .map_err(|_| Error::InvalidKey("not RSAPublicKey DER"))?;
            if public.modulus.as_bytes() != n || public.public_exponent.as_bytes() != e {
                return Err(MISMATCH);
            }
        }
        let [d, p, q] =
            [key.private_exponent, key.prime1, key.prime2].map(|value| value.as_bytes());
        let given = [key.exponent1, key.exponent2, key.coefficient];
        Self::checked(n, e, d, Some((p, q)))?.with_crt(given.map(|value| Some(value.as_bytes())))
    }

    /// PKCS #8 version 1 DER.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&RsaPrivateKeyRef {
            modulus: uint(&self.n)?,
            public_exponent: uint(&self.e)?,
            private_exponent: uint(&self.d)?,
            prime1: uint(&self.p)?,
            prime2: uint(&self.q)?,
            exponent1: uint(&self.dp)?,
            exponent2: uint(&self.dq)?,
            coefficient: uint(&self.qinv)?,
            other_prime_infos: None,
        })?;
        encoding::pkcs8(algorithm(), &inner)
    }
}

/// SubjectPublicKeyInfo DER of an RSA public key, from its big-endian integers.
pub fn spki(n: &[u8], e: &[u8]) -> Result<Vec<u8>> {
    let key = RsaPublicKeyRef {
        modulus: uint(n)?,
        public_exponent: uint(e)?,
    };
    encoding::spki(algorithm(), &key.to_der().map_err(encoding)?)
}

/// Modulus and exponent of the RSA key in SubjectPublicKeyInfo, whichever algorithm it is for.
pub(crate) fn public_numbers(info: &SubjectPublicKeyInfoRef<'_>) -> Result<[Vec<u8>; 2]> {
    let key = RsaPublicKeyRef::from_der(info.subject_public_key.raw_bytes())
        .map_err(|_| Error::InvalidKey("not RSAPublicKey DER"))?;
    Ok([key.modulus, key.public_exponent].map(|number| number.as_bytes().to_vec()))
}

fn algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: OID,
        parameters: Some(AnyRef::NULL),
    }
}
