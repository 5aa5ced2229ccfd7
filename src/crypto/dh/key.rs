//! Keys and key agreement.

use std::cmp::Ordering;

use crate::crypto::encoding::{MISMATCH, bits};
use crate::crypto::sys::bn::Bn;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::group::Group;
use super::material::DhMaterial;

/// Bits of a private value whose length nobody asked for: twice the strength of the longest prime, and more (NIST
/// SP 800-56A section 5.6.1.1).
const PRIVATE_BITS: u64 = 512;

/// Fewest bits of a private value that is generated: twice the strength of the shortest prime.
pub(crate) const LEAST_PRIVATE_BITS: u64 = 224;

/// A public key.
pub(crate) struct PublicKey {
    p: Vec<u8>,
    g: Vec<u8>,
    y: Vec<u8>,
}

/// A private key.
pub(crate) struct PrivateKey {
    p: Vec<u8>,
    g: Vec<u8>,
    x: Secret,
}

impl PublicKey {
    /// A key whose group and value pass the checks of `Group`.
    pub(crate) fn new(p: &[u8], g: &[u8], y: &[u8]) -> Result<Self> {
        let group = Group::checked(p, g)?;
        let y = group.public(y)?.to_secret().to_vec();
        let [p, g] = group.numbers();
        Ok(Self { p, g, y })
    }

    /// Prime, base and public value, big-endian without leading zeros.
    pub(crate) fn numbers(&self) -> [&[u8]; 3] {
        [&self.p, &self.g, &self.y]
    }

    /// Length of the prime in bytes.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.p.len()
    }

    /// Size of the prime in bits.
    #[must_use]
    pub(crate) fn bits(&self) -> u64 {
        bits(&self.p)
    }

    /// The public value of a new key in the same group, as long as the prime, and the secret that both share.
    pub(crate) fn transport(&self) -> Result<(Vec<u8>, Secret)> {
        let group = Group::proven(&self.p, &self.g)?;
        let pair = generate_in(&group, None)?;
        let shared = PrivateKey::new(&pair).agree(&self.y)?;
        let public = Bn::from_bytes(&pair.y)?.to_padded(self.len())?;
        Ok((public.to_vec(), shared))
    }
}

impl PrivateKey {
    /// A key from values that `DhMaterial::checked` or `generate` made.
    #[must_use]
    pub(crate) fn new(material: &DhMaterial) -> Self {
        Self {
            p: material.p.clone(),
            g: material.g.clone(),
            x: material.x.clone(),
        }
    }

    /// Length of the prime in bytes.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.p.len()
    }

    /// Size of the prime in bits.
    #[must_use]
    pub(crate) fn bits(&self) -> u64 {
        bits(&self.p)
    }

    /// The secret that is shared with the party whose public value is `peer`, as long as the prime. `InvalidKey` for what
    /// is no public value of the group.
    pub(crate) fn agree(&self, peer: &[u8]) -> Result<Secret> {
        let group = Group::proven(&self.p, &self.g)?;
        let peer = group.public(peer)?;
        let x = Bn::from_bytes(&self.x)?;
        peer.power(&x, group.prime())?.to_padded(self.len())
    }
}

/// Makes a key pair whose private value has exactly `bits` bits (PKCS #3 section 7.1). `KeySize` for fewer than 224 bits,
/// or as many as the prime has.
pub fn generate(p: &[u8], g: &[u8], bits: Option<u64>) -> Result<DhMaterial> {
    generate_in(&Group::checked(p, g)?, bits)
}

fn generate_in(group: &Group, bits: Option<u64>) -> Result<DhMaterial> {
    let bits = bits.unwrap_or(PRIVATE_BITS);
    if !(LEAST_PRIVATE_BITS..group.bits() as u64).contains(&bits) {
        return Err(Error::KeySize);
    }
    let top = power_of_two(bits - 1)?;
    let x = Bn::random(1, &top)?.plus(&top)?;
    let y = group.base().power(&x, group.prime())?;
    let [p, g] = group.numbers();
    Ok(DhMaterial {
        p,
        g,
        x: x.to_secret(),
        y: y.to_secret().to_vec(),
    })
}

fn power_of_two(exponent: u64) -> Result<Bn> {
    let bytes = usize::try_from(exponent / 8).map_err(|_| Error::KeySize)?;
    let mut number = vec![0; bytes + 1];
    number[0] = 1 << (exponent % 8);
    Bn::from_bytes(&number)
}

impl DhMaterial {
    /// Takes an imported key: the group passes the checks of `Group`, and x is in [2, p - 2]. The public value is
    /// computed; one that is given must be that.
    pub fn checked(p: &[u8], g: &[u8], x: &[u8], y: Option<&[u8]>) -> Result<Self> {
        let group = Group::checked(p, g)?;
        let x = Bn::from_bytes(x)?;
        if x.bits() < 2 || x.cmp(&group.prime().minus(1)?) != Ordering::Less {
            return Err(Error::InvalidKey("the private value is outside [2, p - 2]"));
        }
        let own = group.base().power(&x, group.prime())?;
        if let Some(y) = y
            && Bn::from_bytes(y)?.cmp(&own) != Ordering::Equal
        {
            return Err(MISMATCH);
        }
        let [p, g] = group.numbers();
        Ok(Self {
            p,
            g,
            x: x.to_secret(),
            y: own.to_secret().to_vec(),
        })
    }

    /// Bits of the private value.
    #[must_use]
    pub fn private_bits(&self) -> u64 {
        bits(&self.x)
    }
}
