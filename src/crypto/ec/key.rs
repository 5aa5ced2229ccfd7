//! Keys, ECDSA and ECDH, whichever implementation computes on the curve.

use crate::crypto::sys::ec::{EcKey, Group};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::curve::{Curve, Implementation};
use super::material::EcMaterial;
use super::{secp256k1, sm2};

/// The error of ECDSA and ECDH with a key on SM2's curve.
const SM2_ALONE: Error = Error::InvalidKey("a key on SM2's curve is for SM2 alone");

/// A public key.
pub struct PublicKey {
    curve: Curve,
    key: Public,
}

enum Public {
    AwsLc(EcKey),
    K256(k256::ecdsa::VerifyingKey),
    Sm2(sm2::PublicKey),
}

/// A private key.
pub struct PrivateKey {
    curve: Curve,
    key: Private,
}

enum Private {
    AwsLc(EcKey),
    K256(k256::ecdsa::SigningKey),
    Sm2(sm2::PrivateKey),
}

impl PublicKey {
    /// A key from a SEC 1 point, compressed or not (not hybrid), which is on the curve and not
    /// infinity; else `InvalidKey`.
    pub fn new(curve: Curve, point: &[u8]) -> Result<Self> {
        let len = match point.first() {
            Some(0x02 | 0x03) => 1 + curve.field_len(),
            Some(0x04) => curve.point_len(),
            _ => return Err(Error::InvalidKey("the EC point is in no form of SEC 1")),
        };
        if point.len() != len {
            return Err(Error::InvalidKey("the EC point has the wrong length"));
        }
        if curve == Curve::P256 {
            p256::PublicKey::from_sec1_bytes(point)
                .map_err(|_| Error::InvalidKey("the EC point is not on its curve"))?;
        }
        let key = match curve.engine() {
            Implementation::AwsLc(group) => Public::AwsLc(EcKey::public(group, point)?),
            Implementation::K256 => Public::K256(secp256k1::public(point)?),
            Implementation::Sm2 => Public::Sm2(sm2::PublicKey::new(point)?),
        };
        Ok(Self { curve, key })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The point, SEC 1 uncompressed.
    pub fn point(&self) -> Result<Vec<u8>> {
        match &self.key {
            Public::AwsLc(key) => key.point(self.curve.point_len()),
            Public::K256(key) => Ok(secp256k1::point(key)),
            Public::Sm2(key) => Ok(key.point().to_vec()),
        }
    }

    /// The key for SM2's algorithms; `None` on any other curve.
    #[must_use]
    pub fn sm2(&self) -> Option<&sm2::PublicKey> {
        match &self.key {
            Public::Sm2(key) => Some(key),
            Public::AwsLc(_) | Public::K256(_) => None,
        }
    }

    /// Verifies ECDSA. The leftmost bits of `digest` count, as many as the order has. `signature`
    /// is r ‖ s in halves of equal length, each no longer than the order (`SignatureLength`); a
    /// high s is accepted like a low one. `BadSignature` for a wrong signature.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let half = signature.len() / 2;
        if half == 0 || !signature.len().is_multiple_of(2) || half > self.curve.order_len() {
            return Err(Error::SignatureLength);
        }
        let (r, s) = signature.split_at(half);
        match &self.key {
            Public::AwsLc(key) => key.verify(digest, r, s),
            Public::K256(key) => secp256k1::verify(key, digest, r, s),
            Public::Sm2(_) => Err(SM2_ALONE),
        }
    }
}

impl PrivateKey {
    /// A key from values that `EcMaterial::checked` or `generate` made.
    pub fn new(material: &EcMaterial) -> Result<Self> {
        let key = Private::new(material.curve, &material.scalar)?;
        Ok(Self {
            curve: material.curve,
            key,
        })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The key for SM2's algorithms; `None` on any other curve.
    #[must_use]
    pub fn sm2(&self) -> Option<&sm2::PrivateKey> {
        match &self.key {
            Private::Sm2(key) => Some(key),
            Private::AwsLc(_) | Private::K256(_) => None,
        }
    }

    /// Signs by ECDSA: writes r ‖ s, each as long as the order, to the start of `out`. The leftmost
    /// bits of `digest` count, as many as the order has.
    pub fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let half = self.curve.order_len();
        let out = out
            .get_mut(..2 * half)
            .ok_or(Error::Internal("output buffer"))?;
        let (r, s) = out.split_at_mut(half);
        match &self.key {
            Private::AwsLc(key) => key.sign(digest, r, s)?,
            Private::K256(key) => secp256k1::sign(key, digest, r, s)?,
            Private::Sm2(_) => return Err(SM2_ALONE),
        }
        Ok(2 * half)
    }
}

impl PrivateKey {
    /// ECDH (SEC 1 section 3.3.1): the x coordinate of the product with `peer`, as long as a field
    /// element. All curves have cofactor 1, so it is cofactor Diffie-Hellman too. `InvalidKey` when
    /// `peer` is a point of another curve.
    pub fn agree(&self, peer: &PublicKey) -> Result<Secret> {
        const OTHER_CURVE: Error = Error::InvalidKey("the public key is of another curve");
        if self.curve != peer.curve {
            return Err(OTHER_CURVE);
        }
        let mut shared = Secret::zeroed(self.curve.field_len());
        match (&self.key, &peer.key) {
            (Private::AwsLc(key), Public::AwsLc(peer)) => key.agree(peer, &mut shared)?,
            (Private::K256(key), Public::K256(peer)) => secp256k1::agree(key, peer, &mut shared),
            (Private::Sm2(_), Public::Sm2(_)) => return Err(SM2_ALONE),
            _ => return Err(OTHER_CURVE),
        }
        Ok(shared)
    }
}

impl Private {
    fn new(curve: Curve, scalar: &[u8]) -> Result<Self> {
        match curve.engine() {
            Implementation::AwsLc(group) => EcKey::private(group, scalar).map(Self::AwsLc),
            Implementation::K256 => secp256k1::private(scalar).map(Self::K256),
            Implementation::Sm2 => sm2::PrivateKey::new(scalar).map(Self::Sm2),
        }
    }

    fn point(&self, curve: Curve) -> Result<Vec<u8>> {
        match self {
            Self::AwsLc(key) => key.point(curve.point_len()),
            Self::K256(key) => Ok(secp256k1::point(key.verifying_key())),
            Self::Sm2(key) => Ok(key.point().to_vec()),
        }
    }
}

/// Makes a key pair.
pub fn generate(curve: Curve) -> Result<EcMaterial> {
    let group = match curve.engine() {
        Implementation::AwsLc(group) => group,
        Implementation::K256 => Group::SECP256K1,
        Implementation::Sm2 => return EcMaterial::checked(curve, &sm2::generate()?, None),
    };
    let key = EcKey::generate(group)?;
    Ok(EcMaterial {
        curve,
        scalar: key.scalar(curve.order_len())?,
        point: key.point(curve.point_len())?,
    })
}

impl EcMaterial {
    /// Takes an imported key: `scalar` is big-endian, with any number of leading zeros, in [1, n - 1];
    /// `point`, where there is one, is its public point in any form of SEC 1 but hybrid. Else
    /// `InvalidKey`.
    pub fn checked(curve: Curve, scalar: &[u8], point: Option<&[u8]>) -> Result<Self> {
        const OUT_OF_RANGE: Error = Error::InvalidKey("the EC scalar is outside [1, n - 1]");
        let mut padded = Secret::zeroed(curve.order_len());
        let (zeros, scalar) = scalar.split_at(scalar.len().saturating_sub(padded.len()));
        if zeros.iter().fold(0, |any, byte| any | byte) != 0 {
            return Err(OUT_OF_RANGE);
        }
        let start = padded.len() - scalar.len();
        padded[start..].copy_from_slice(scalar);
        if padded.ct_eq(&Secret::zeroed(curve.order_len())) {
            return Err(OUT_OF_RANGE);
        }
        let own = Private::new(curve, &padded)?.point(curve)?;
        if let Some(point) = point
            && PublicKey::new(curve, point)?.point()? != own
        {
            return Err(Error::InvalidKey("the EC point is not that of the scalar"));
        }
        Ok(Self {
            curve,
            scalar: padded,
            point: own,
        })
    }
}
