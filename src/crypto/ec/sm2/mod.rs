//! SM2 (GB/T 32918.2 and .4, on the curve of .5): signatures and public-key encryption, both over SM3.
//! Key exchange (GB/T 32918.3) is not here.

use ::sm2::dsa::signature::hazmat::PrehashVerifier;
use ::sm2::dsa::{Signature, VerifyingKey};
use ::sm2::elliptic_curve::Group;
use ::sm2::elliptic_curve::ops::Reduce;
use ::sm2::elliptic_curve::point::AffineCoordinates;
use ::sm2::elliptic_curve::sec1::ToSec1Point;
use ::sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use zeroize::Zeroizing;

use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::sys::rand;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

mod cipher;
#[cfg(test)]
mod tests;

pub use cipher::raw_len;
pub(crate) use cipher::{CIPHER_MAX, CIPHER_MIN, MESSAGE_MAX, cipher_len};

/// Bytes of a scalar, a coordinate and a digest.
const LEN: usize = 32;

/// Bytes of a signature, r ‖ s.
pub(crate) const SIGNATURE_LEN: usize = 2 * LEN;

/// The signer's identity where the parties agreed on none (GM/T 0009-2012 section 10).
const ID: &str = "1234567812345678";

/// a ‖ b ‖ x ‖ y of the generator (GB/T 32918.5 section 4.2).
const PARAMETERS: [u8; 4 * LEN] = [
    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFC,
    0x28, 0xE9, 0xFA, 0x9E, 0x9D, 0x9F, 0x5E, 0x34, 0x4D, 0x5A, 0x9E, 0x4B, 0xCF, 0x65, 0x09, 0xA7,
    0xF3, 0x97, 0x89, 0xF5, 0x15, 0xAB, 0x8F, 0x92, 0xDD, 0xBC, 0xBD, 0x41, 0x4D, 0x94, 0x0E, 0x93,
    0x32, 0xC4, 0xAE, 0x2C, 0x1F, 0x19, 0x81, 0x19, 0x5F, 0x99, 0x04, 0x46, 0x6A, 0x39, 0xC9, 0x94,
    0x8F, 0xE3, 0x0B, 0xBF, 0xF2, 0x66, 0x0B, 0xE1, 0x71, 0x5A, 0x45, 0x89, 0x33, 0x4C, 0x74, 0xC7,
    0xBC, 0x37, 0x36, 0xA2, 0xF4, 0xF6, 0x77, 0x9C, 0x59, 0xBD, 0xCE, 0xE3, 0x6B, 0x69, 0x21, 0x53,
    0xD0, 0xA9, 0x87, 0x7C, 0xC6, 0x2A, 0x47, 0x40, 0x02, 0xDF, 0x32, 0xE5, 0x21, 0x39, 0xF0, 0xA0,
];

pub struct PublicKey {
    key: ::sm2::PublicKey,
    /// 04 ‖ x ‖ y.
    point: [u8; 1 + 2 * LEN],
}

pub struct PrivateKey {
    scalar: Zeroizing<NonZeroScalar>,
    /// (1 + d)^-1.
    inverse: Zeroizing<Scalar>,
    public: PublicKey,
}

impl PublicKey {
    /// A key from a SEC 1 point, which is on the curve and not infinity; else `InvalidKey`.
    pub(super) fn new(point: &[u8]) -> Result<Self> {
        ::sm2::PublicKey::from_sec1_bytes(point)
            .map_err(|_| Error::InvalidKey("the EC point is not on its curve"))
            .and_then(Self::from_key)
    }

    fn from_key(key: ::sm2::PublicKey) -> Result<Self> {
        let point = key.to_sec1_point(false).as_bytes().try_into();
        let point = point.map_err(|_| Error::Internal("SM2 point"))?;
        Ok(Self { key, point })
    }

    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }

    /// SM3 that has already taken Z_A, the hash of the default identity and the key (GB/T 32918.2
    /// section 5.5): its digest of a message is what SM2 signs.
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        // The identity's length in bits.
        const ENTL: [u8; 2] = [0x00, 0x80];
        let point = &self.point[1..];
        let identity = Hash::Sm3.digest(&[&ENTL, ID.as_bytes(), &PARAMETERS, point]);
        let mut hasher = Hasher::new(Hash::Sm3);
        hasher.update(&identity);
        hasher
    }

    /// Verifies r ‖ s, 64 bytes, over a digest that `hasher` made (GB/T 32918.2 section 7.1).
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != SIGNATURE_LEN {
            return Err(Error::SignatureLength);
        }
        let signature = Signature::from_slice(signature).map_err(|_| Error::BadSignature)?;
        VerifyingKey::new(ID, self.key)
            .and_then(|key| key.verify_prehash(digest, &signature))
            .map_err(|_| Error::BadSignature)
    }
}

impl PrivateKey {
    /// A key from 32 bytes: a number in [1, n - 2], for 1 + d has an inverse.
    pub(super) fn new(scalar: &[u8]) -> Result<Self> {
        const OUT_OF_RANGE: Error = Error::InvalidKey("the EC scalar is outside [1, n - 2]");
        let scalar = NonZeroScalar::try_from(scalar).map_err(|_| OUT_OF_RANGE)?;
        let scalar = Zeroizing::new(scalar);
        let successor = Zeroizing::new(Scalar::ONE + **scalar);
        let inverse: Option<Scalar> = successor.invert().into();
        Ok(Self {
            inverse: Zeroizing::new(inverse.ok_or(OUT_OF_RANGE)?),
            public: PublicKey::from_key(::sm2::PublicKey::from_secret_scalar(&scalar))?,
            scalar,
        })
    }

    pub(super) fn point(&self) -> &[u8] {
        self.public.point()
    }

    /// As [`PublicKey::hasher`].
    #[must_use]
    pub fn hasher(&self) -> Hasher {
        self.public.hasher()
    }

    /// Signs a digest of 32 bytes that `hasher` made: writes r ‖ s to the start of `out` and returns
    /// their length (GB/T 32918.2 section 6.1).
    pub fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let digest = FieldBytes::try_from(digest).map_err(|_| Error::InputLength)?;
        let out = out
            .get_mut(..SIGNATURE_LEN)
            .ok_or(Error::Internal("output buffer"))?;
        let (r, s) = loop {
            if let Some(pair) = self.try_sign(&digest, &*random()?) {
                break pair;
            }
        };
        out[..LEN].copy_from_slice(&FieldBytes::from(r));
        out[LEN..].copy_from_slice(&FieldBytes::from(s));
        Ok(SIGNATURE_LEN)
    }

    /// r and s by the nonce `k`; `None` where one is zero or r + k is n, as for one nonce in 2^256.
    fn try_sign(&self, digest: &FieldBytes, k: &NonZeroScalar) -> Option<(Scalar, Scalar)> {
        let x = ProjectivePoint::mul_by_generator(k).to_affine().x();
        let r = Scalar::reduce(digest) + Scalar::reduce(&x);
        let difference = Zeroizing::new(**k - r * **self.scalar);
        let s = *self.inverse * *difference;
        let good = !(r.is_zero() | (r + **k).is_zero() | s.is_zero());
        bool::from(good).then_some((r, s))
    }
}

/// A new scalar in [1, n - 1]. The caller refuses n - 1, one in 2^256, which is no private key.
pub(super) fn generate() -> Result<Secret> {
    let scalar = random()?;
    let bytes = Zeroizing::new(FieldBytes::from(**scalar));
    Ok(Secret::copy(&bytes))
}

/// A random number in [1, n - 1]. One try in 2^32 is not below n.
fn random() -> Result<Zeroizing<NonZeroScalar>> {
    let mut bytes = Zeroizing::new(FieldBytes::default());
    loop {
        rand::fill(&mut bytes)?;
        if let Some(scalar) = NonZeroScalar::from_repr(*bytes).into_option() {
            return Ok(Zeroizing::new(scalar));
        }
    }
}
