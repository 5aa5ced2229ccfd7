//! SM2 public-key encryption (GB/T 32918.4): C1, a point; C3, a digest; C2, the masked message. Raw they
//! are 04 ‖ x ‖ y ‖ C3 ‖ C2, in DER the SM2Cipher of GM/T 0009-2012 section 7.2.

use ::sm2::elliptic_curve::Group;
use ::sm2::elliptic_curve::sec1::ToSec1Point;
use ::sm2::{AffinePoint, NonZeroScalar, ProjectivePoint};
use der::asn1::{OctetStringRef, UintRef};
use der::{Decode, Sequence};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{LEN, PrivateKey, PublicKey, random};
use crate::crypto::encoding::der_len;
use crate::crypto::hash::Hash;
use crate::crypto::kdf::x963;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// First bytes of the two forms.
const RAW: u8 = 0x04;
const DER: u8 = 0x30;

/// Bytes of 04 ‖ x ‖ y, and of that with C3.
const POINT_LEN: usize = 1 + 2 * LEN;
const HEAD_LEN: usize = POINT_LEN + LEN;

/// Greatest length of a message in bytes. SM2 encrypts keys; longer messages are for SM4.
pub(crate) const MESSAGE_MAX: usize = 1 << 16;

/// Length in bytes of the shortest ciphertext: DER, with coordinates and a message of one byte
/// each.
pub(crate) const CIPHER_MIN: usize = 2 + 3 + 3 + (2 + LEN) + 3;

/// By how many bytes the DER form may be longer than the raw form: five headers of DER, and a zero
/// before each coordinate, in place of 04.
const DER_MORE: usize = 5 + 2 + 2 + 2 + 5 + 1 + 1 - 1;

/// Greatest length of a ciphertext in bytes: the DER form of the longest message.
pub(crate) const CIPHER_MAX: usize = raw_len(MESSAGE_MAX) + DER_MORE;

/// Length in bytes of the raw ciphertext of a message of `message` bytes.
#[must_use]
pub const fn raw_len(message: usize) -> usize {
    HEAD_LEN.saturating_add(message)
}

/// Length in bytes of the ciphertext, raw or DER, at the start of `bytes`, whose message has
/// `message` bytes; `None` where there is none.
#[must_use]
pub(crate) fn cipher_len(bytes: &[u8], message: usize) -> Option<usize> {
    let raw = raw_len(message);
    match *bytes.first()? {
        RAW => Some(raw),
        DER => der_len(bytes).filter(|len| *len <= raw + DER_MORE),
        _ => None,
    }
    .filter(|len| *len <= bytes.len())
}

/// GM/T 0009-2012 section 7.2.
#[derive(Sequence)]
struct Sm2Cipher<'a> {
    x: UintRef<'a>,
    y: UintRef<'a>,
    c3: &'a OctetStringRef,
    c2: &'a OctetStringRef,
}

/// A ciphertext whose point is proven to be on the curve.
struct Ciphertext<'a> {
    c1: ::sm2::PublicKey,
    c3: &'a [u8],
    c2: &'a [u8],
}

impl<'a> Ciphertext<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        if !(CIPHER_MIN..=CIPHER_MAX).contains(&bytes.len()) {
            return Err(Error::CiphertextLength);
        }
        let (point, c3, c2) = match bytes[0] {
            RAW => raw(bytes)?,
            DER => encoded(bytes)?,
            _ => return Err(Error::BadCiphertext),
        };
        if c2.is_empty() || c2.len() > MESSAGE_MAX {
            return Err(Error::CiphertextLength);
        }
        let c1 = ::sm2::PublicKey::from_sec1_bytes(&point).map_err(|_| Error::BadCiphertext)?;
        Ok(Self { c1, c3, c2 })
    }
}

type Parts<'a> = ([u8; POINT_LEN], &'a [u8], &'a [u8]);

fn raw(bytes: &[u8]) -> Result<Parts<'_>> {
    let (point, rest) = bytes.split_first_chunk().ok_or(Error::CiphertextLength)?;
    let (c3, c2) = rest.split_at_checked(LEN).ok_or(Error::CiphertextLength)?;
    Ok((*point, c3, c2))
}

fn encoded(bytes: &[u8]) -> Result<Parts<'_>> {
    let Sm2Cipher { x, y, c3, c2 } =
        Sm2Cipher::from_der(bytes).map_err(|_| Error::BadCiphertext)?;
    if c3.as_bytes().len() != LEN {
        return Err(Error::BadCiphertext);
    }
    let mut point = [0; POINT_LEN];
    point[0] = RAW;
    for (coordinate, place) in [x, y].iter().zip(point[1..].chunks_mut(LEN)) {
        let bytes = coordinate.as_bytes();
        let start = LEN.checked_sub(bytes.len()).ok_or(Error::BadCiphertext)?;
        place[start..].copy_from_slice(bytes);
    }
    Ok((point, c3.as_bytes(), c2.as_bytes()))
}

/// x ‖ y of the point that only the two parties can compute.
struct Shared(Secret);

impl Shared {
    fn new(point: &AffinePoint, scalar: &NonZeroScalar) -> Self {
        let product = Zeroizing::new(ProjectivePoint::from(*point) * **scalar);
        let point = Zeroizing::new(product.to_affine().to_sec1_point(false));
        Self(Secret::copy(&point.as_bytes()[1..]))
    }

    /// `text` xored with the mask of section 5.4.3, and whether that mask is all zeros, which the
    /// section forbids.
    fn masked(&self, text: &[u8]) -> (Secret, subtle::Choice) {
        let mut out = Secret::zeroed(text.len());
        x963(Hash::Sm3, &self.0, &[], &mut out);
        let mask = out.iter().fold(0, |seen, byte| seen | byte);
        for (byte, text) in out.iter_mut().zip(text) {
            *byte ^= text;
        }
        (out, mask.ct_eq(&0))
    }

    /// C3 of a message.
    fn digest(&self, message: &[u8]) -> Zeroizing<Vec<u8>> {
        let (x, y) = self.0.split_at(LEN);
        Zeroizing::new(Hash::Sm3.digest(&[x, message, y]))
    }
}

impl PublicKey {
    /// The raw ciphertext of a message of 1 to [`MESSAGE_MAX`] bytes (`InputLength`), which is
    /// [`raw_len`] bytes long.
    pub fn encrypt(&self, message: &[u8]) -> Result<Vec<u8>> {
        if message.is_empty() || message.len() > MESSAGE_MAX {
            return Err(Error::InputLength);
        }
        loop {
            if let Some(ciphertext) = self.try_encrypt(message, &*random()?) {
                return Ok(ciphertext);
            }
        }
    }

    /// The ciphertext by the nonce `k`; `None` when its mask is all zeros, which would leave the
    /// message in clear.
    pub(super) fn try_encrypt(&self, message: &[u8], k: &NonZeroScalar) -> Option<Vec<u8>> {
        let c1 = ProjectivePoint::mul_by_generator(k).to_affine();
        let shared = Shared::new(self.key.as_affine(), k);
        let (c2, unmasked) = shared.masked(message);
        if bool::from(unmasked) {
            return None;
        }
        let c1 = c1.to_sec1_point(false);
        Some([c1.as_bytes(), &shared.digest(message), &c2].concat())
    }
}

impl PrivateKey {
    /// The message in a ciphertext of either form. `CiphertextLength` for lengths that none has;
    /// `BadCiphertext` for every other fault. The time tells only whether C1 is on the curve and
    /// the encoding right.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Secret> {
        let Ciphertext { c1, c3, c2 } = Ciphertext::parse(ciphertext)?;
        let shared = Shared::new(c1.as_affine(), &self.scalar);
        let (message, unmasked) = shared.masked(c2);
        let good = shared.digest(&message).as_slice().ct_eq(c3) & !unmasked;
        if !bool::from(good) {
            return Err(Error::BadCiphertext);
        }
        Ok(message)
    }
}
