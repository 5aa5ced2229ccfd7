//! Groups: which are taken, and which numbers are public keys in them.

use std::cmp::Ordering;

use crate::crypto::hash::Hash;
use crate::crypto::prime::is_surely_prime;
use crate::crypto::sys::bn::Bn;
use crate::crypto::{Error, Result};

use super::rfc3526;

/// Least size of a prime in bits.
pub(crate) const MIN_BITS: usize = 2048;
/// Greatest size of a prime in bits.
pub(crate) const MAX_BITS: usize = 8192;

/// Greatest size in bits of a prime that is none of RFC 3526 and RFC 7919: to prove a longer one takes many seconds.
const MAX_UNNAMED_BITS: usize = 4096;

/// SHA-256 of the primes of RFC 7919, 2048 to 8192 bits. Their base is 2, as that of RFC 3526.
const RFC7919: [[u8; 32]; 5] = [
    [
        0x9C, 0xD3, 0xB7, 0xF3, 0x36, 0x87, 0x2F, 0x46, 0xC0, 0x94, 0x28, 0xD1, 0xBB, 0xC1, 0x98,
        0x77, 0xA4, 0xD4, 0x40, 0x51, 0x2C, 0xDA, 0x8D, 0x1C, 0x1C, 0xF0, 0xCD, 0x6E, 0x33, 0x69,
        0x89, 0x66,
    ],
    [
        0x0E, 0xAF, 0x67, 0xDB, 0x3A, 0x83, 0x91, 0x56, 0xD5, 0x01, 0x34, 0x94, 0xA5, 0x31, 0x8A,
        0x77, 0x2B, 0x56, 0x97, 0xD2, 0x70, 0xD7, 0x21, 0xF3, 0x7F, 0x09, 0x2E, 0xFC, 0x69, 0xEA,
        0x5A, 0x17,
    ],
    [
        0x46, 0x48, 0x41, 0x42, 0x24, 0xAC, 0x88, 0x1B, 0x3D, 0x0D, 0xC5, 0x9B, 0x46, 0x6F, 0x96,
        0xD0, 0x6A, 0x55, 0x82, 0x78, 0x77, 0x68, 0x07, 0x79, 0x7E, 0xCF, 0x1F, 0x66, 0xFF, 0x39,
        0x7B, 0x3E,
    ],
    [
        0x22, 0x7A, 0xC9, 0x06, 0x6B, 0x3D, 0xDD, 0x9E, 0x19, 0x36, 0x70, 0xCD, 0xA2, 0x38, 0x8F,
        0xA8, 0x84, 0xF6, 0x5B, 0xA0, 0xCF, 0x98, 0xB7, 0x42, 0xD1, 0xFE, 0x77, 0xA6, 0x68, 0x7C,
        0x79, 0xC7,
    ],
    [
        0x77, 0x0B, 0x14, 0xEF, 0xAF, 0x6F, 0x04, 0x99, 0x29, 0xC5, 0x23, 0x11, 0x3B, 0x3F, 0xA9,
        0x9A, 0x8D, 0x11, 0xDA, 0xB1, 0xB1, 0x8A, 0xF3, 0x60, 0x95, 0x90, 0x12, 0x20, 0x75, 0xD1,
        0x98, 0x33,
    ],
];

/// The numbers modulo a safe prime, with a base.
pub struct Group {
    p: Bn,
    g: Bn,
    /// (p - 1) / 2.
    half: Bn,
    named: bool,
}

impl Group {
    /// A group of RFC 3526 or RFC 7919, or one whose prime is proven here to be safe. `KeySize` for a prime of another
    /// size, `InvalidKey` for what is no such group.
    pub fn checked(p: &[u8], g: &[u8]) -> Result<Self> {
        let group = Self::proven(p, g)?;
        let bits = group.p.bits();
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(Error::KeySize);
        }
        let last = group.p.minus(1)?;
        if !group.p.is_odd() || group.g.bits() < 2 || group.g.cmp(&last) != Ordering::Less {
            return Err(Error::InvalidKey("the base is outside [2, p - 2]"));
        }
        if group.named {
            return Ok(group);
        }
        if bits > MAX_UNNAMED_BITS {
            return Err(Error::InvalidKey(
                "a prime of more than 4096 bits is taken where RFC 3526 or RFC 7919 has it",
            ));
        }
        if !group.half.is_odd() || !is_surely_prime(&group.half)? || !group.fermat()? {
            return Err(Error::InvalidKey("p is no safe prime"));
        }
        Ok(group)
    }

    /// A group whose numbers were proven before.
    pub fn proven(p: &[u8], g: &[u8]) -> Result<Self> {
        let (p, g) = (Bn::from_bytes(p)?, Bn::from_bytes(g)?);
        let half = p.shifted_right(1)?;
        let named = is_two(&g) && is_named(&p)?;
        Ok(Self { p, g, half, named })
    }

    /// Whether 2^(p - 1) is 1. Where (p - 1) / 2 is a prime this proves that p is one too (Pocklington 1914), since
    /// 2^2 - 1 has no factor in common with p.
    fn fermat(&self) -> Result<bool> {
        let two = Bn::from_bytes(&[2])?;
        let multiple_of_three = self.p.modulo_word(3) == 0;
        Ok(!multiple_of_three && two.power(&self.p.minus(1)?, &self.p)?.is_one())
    }

    /// The public value `y`, after the check of NIST SP 800-56A section 5.6.2.3.1. In a group that is none of the RFCs'
    /// the base may have the order p - 1, so that half of all public values are not in the subgroup of prime order.
    pub(super) fn public(&self, y: &[u8]) -> Result<Bn> {
        const OUTSIDE: Error = Error::InvalidKey("the public value is outside [2, p - 2]");
        let y = Bn::from_bytes(y)?;
        if y.bits() < 2 || y.cmp(&self.p.minus(1)?) != Ordering::Less {
            return Err(OUTSIDE);
        }
        if self.named && !y.power(&self.half, &self.p)?.is_one() {
            return Err(Error::InvalidKey(
                "the public value is not in the subgroup of prime order",
            ));
        }
        Ok(y)
    }

    pub(super) fn base(&self) -> &Bn {
        &self.g
    }

    pub(super) fn prime(&self) -> &Bn {
        &self.p
    }

    /// Size of the prime in bits.
    pub fn bits(&self) -> usize {
        self.p.bits()
    }

    /// Prime and base, big-endian without leading zeros.
    pub fn numbers(&self) -> [Vec<u8>; 2] {
        [&self.p, &self.g].map(|number| number.to_secret().to_vec())
    }

    /// The group of RFC 3526 whose prime has so many bits; `None` where there is none.
    pub fn of_rfc3526(bits: u64) -> Result<Option<Self>> {
        let Some(p) = rfc3526::prime(bits)? else {
            return Ok(None);
        };
        Self::proven(&p.to_secret(), &[2]).map(Some)
    }
}

fn is_two(g: &Bn) -> bool {
    g.bits() == 2 && !g.is_odd()
}

fn is_named(p: &Bn) -> Result<bool> {
    let bits = p.bits() as u64;
    if let Some(known) = rfc3526::prime(bits)?
        && known.cmp(p) == Ordering::Equal
    {
        return Ok(true);
    }
    let digest = Hash::Sha256.digest(&[&p.to_secret()]);
    Ok(RFC7919.iter().any(|known| digest == known))
}
