//! The signature of a key over a DER structure, and the algorithm's name beside it.

use der::asn1::{Any, BitString, ObjectIdentifier, UintRef};
use der::{Decode, Encode};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use crate::Result;
use crate::object::{ulong, value};
use crate::our_key::OurKey;

/// How the keys of a type and curve sign.
pub(super) struct Scheme {
    mechanism: ck::CK_MECHANISM_TYPE,
    pub(super) algorithm: AlgorithmIdentifierOwned,
    pub(super) public: SubjectPublicKeyInfoOwned,
}

const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// Object identifier of a curve, mechanism, and identifier of the algorithm (RFC 5758 section 3.2).
const CURVES: [(ObjectIdentifier, ck::CK_MECHANISM_TYPE, ObjectIdentifier); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        ck::CKM_ECDSA_SHA256,
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        ck::CKM_ECDSA_SHA384,
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"),
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        ck::CKM_ECDSA_SHA512,
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"),
    ),
];

impl Scheme {
    pub(super) fn of(key: &OurKey<'_>) -> Result<Self> {
        let read = |kind| value(&key.open.session, key.handle, kind).map(Option::unwrap_or_default);
        let public = SubjectPublicKeyInfoOwned::from_der(&read(ck::CKA_PUBLIC_KEY_INFO)?)?;
        let plain = |oid, parameters| AlgorithmIdentifierOwned { oid, parameters };
        let (mechanism, algorithm) = match ulong(&read(ck::CKA_KEY_TYPE)?) {
            Some(ck::CKK_RSA) => (
                ck::CKM_SHA256_RSA_PKCS,
                plain(RSA_SHA256, Some(Any::null())),
            ),
            // RFC 8410 and RFC 9881: the algorithm of the signature is that of the key.
            Some(ck::CKK_EC_EDWARDS) => (ck::CKM_EDDSA, plain(public.algorithm.oid, None)),
            Some(ck::CKK_ML_DSA) => (ck::CKM_ML_DSA, plain(public.algorithm.oid, None)),
            Some(ck::CKK_EC) => {
                let curve = ObjectIdentifier::from_der(&read(ck::CKA_EC_PARAMS)?)?;
                let row = CURVES.iter().find(|row| row.0 == curve);
                let row = row.ok_or(
                    "certificates are signed on P-256, P-384 and P-521; the key is on another curve",
                )?;
                (row.1, plain(row.2, None))
            }
            _ => {
                return Err(
                    "certificates are signed by RSA, EC, Ed25519, Ed448 and ML-DSA keys".into(),
                );
            }
        };
        Ok(Self {
            mechanism,
            algorithm,
            public,
        })
    }

    pub(super) fn sign(&self, key: &OurKey<'_>, signed: &[u8]) -> Result<BitString> {
        let request = OurKey::request(self.mechanism, Params::None)?;
        let signature = key.sign(request, signed)?;
        let is_ecdsa = CURVES.iter().any(|row| row.1 == self.mechanism);
        Ok(BitString::from_bytes(&match is_ecdsa {
            true => ecdsa(&signature)?,
            false => signature,
        })?)
    }
}

/// The two halves of a signature as a SEQUENCE of INTEGER (RFC 5480, section 2.1.1 of RFC 3279).
fn ecdsa(halves: &[u8]) -> Result<Vec<u8>> {
    let (r, s) = halves.split_at(halves.len() / 2);
    let halves = [UintRef::new(r)?, UintRef::new(s)?];
    Ok(halves.to_vec().to_der()?)
}
