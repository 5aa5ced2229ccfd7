//! Keys, signatures and verifications.

use std::cmp::Ordering;

use crate::crypto::encoding::{MISMATCH, bits};
use crate::crypto::sys::bn::Bn;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::group::Group;
use super::material::DsaMaterial;

/// Signatures that are tried: a number in them is 0, so that there is none, with a probability below 2^-158 each.
const TRIES: usize = 3;

/// A public key.
pub(crate) struct PublicKey {
    group: [Vec<u8>; 3],
    y: Vec<u8>,
}

/// A private key.
pub(crate) struct PrivateKey {
    group: [Vec<u8>; 3],
    x: Secret,
}

impl PublicKey {
    /// A key of these domain parameters. `InvalidKey` for a public value that is none of theirs.
    pub(crate) fn new(group: &Group, y: &[u8]) -> Result<Self> {
        let y = group.public(y)?.to_secret().to_vec();
        let group = group.numbers();
        Ok(Self { group, y })
    }

    /// Prime, subprime, base and public value, big-endian without leading zeros.
    pub(crate) fn numbers(&self) -> [&[u8]; 4] {
        let [p, q, g] = &self.group;
        [p, q, g, &self.y]
    }

    /// Size of the prime in bits.
    #[must_use]
    pub(crate) fn bits(&self) -> u64 {
        bits(&self.group[0])
    }

    /// Verifies r ‖ s, each as long as the subprime, over a digest, of which as many of the first bytes count as the
    /// subprime has. `SignatureLength`, `BadSignature`.
    pub(crate) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let group = group(&self.group)?;
        let [p, q, g] = group.integers();
        if signature.len() != 2 * group.subprime_len() {
            return Err(Error::SignatureLength);
        }
        let (r, s) = signature.split_at(group.subprime_len());
        let (r, s) = (Bn::from_bytes(r)?, Bn::from_bytes(s)?);
        if !group.is_private(&r) || !group.is_private(&s) {
            return Err(Error::BadSignature);
        }
        // Every s has an inverse where q is a prime, as it is in a group that was proven.
        let w = s.inverse_vartime(q).map_err(|_| Error::BadSignature)?;
        let times = |number: &Bn| w.times(number)?.modulo_vartime(q);
        let of_digest = g.power(&times(&group.number_of(digest)?)?, p)?;
        let of_key = Bn::from_bytes(&self.y)?.power(&times(&r)?, p)?;
        let v = of_digest.times(&of_key)?.modulo_vartime(p)?;
        match v.modulo_vartime(q)?.cmp(&r) {
            Ordering::Equal => Ok(()),
            _ => Err(Error::BadSignature),
        }
    }
}

impl PrivateKey {
    /// A key from values that `DsaMaterial::checked` or `generate` made.
    #[must_use]
    pub(crate) fn new(material: &DsaMaterial) -> Self {
        Self {
            group: [&material.p, &material.q, &material.g].map(Vec::clone),
            x: material.x.clone(),
        }
    }

    /// Size of the prime in bits.
    #[must_use]
    pub(crate) fn bits(&self) -> u64 {
        bits(&self.group[0])
    }

    /// Length of a signature in bytes.
    #[must_use]
    pub(crate) fn signature_len(&self) -> usize {
        2 * self.group[1].len()
    }

    /// Signs a digest, of which as many of the first bytes count as the subprime has, and writes r ‖ s to the beginning
    /// of `out`. Returns the length of the signature.
    pub(crate) fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let group = group(&self.group)?;
        let (z, x) = (group.number_of(digest)?, Bn::from_bytes(&self.x)?);
        for _ in 0..TRIES {
            let (r, s) = sign_once(&group, &x, &z)?;
            if r.is_zero() || s.is_zero() {
                continue;
            }
            let len = group.subprime_len();
            out[..len].copy_from_slice(&r.to_padded(len)?);
            out[len..2 * len].copy_from_slice(&s.to_padded(len)?);
            return Ok(2 * len);
        }
        Err(Error::Internal("no DSA signature"))
    }
}

/// r and s of the number `z` by a new k (FIPS 186-4 section 4.6). The power is computed in constant time; k and x meet
/// the arithmetic whose time tells of its numbers only times a random b, which s does not have any more.
fn sign_once(group: &Group, x: &Bn, z: &Bn) -> Result<(Bn, Bn)> {
    let [p, q, g] = group.integers();
    let product = |one: &Bn, other: &Bn| one.times(other)?.modulo_vartime(q);
    let (k, b) = (group.random()?, group.random()?);
    let r = g.power(&k, p)?.modulo_vartime(q)?;
    let sum = product(&b, z)?.plus(&product(&product(&b, x)?, &r)?)?;
    let s = product(&product(&b, &k)?.inverse_vartime(q)?, &sum)?;
    Ok((r, s))
}

fn group([p, q, g]: &[Vec<u8>; 3]) -> Result<Group> {
    Group::sized([p, q, g])
}

/// Makes a key pair of domain parameters.
pub fn generate(group: &Group) -> Result<DsaMaterial> {
    material(group, &group.random()?)
}

fn material(group: &Group, x: &Bn) -> Result<DsaMaterial> {
    let [p, q, g] = group.numbers();
    let y = group.public_of(x)?;
    Ok(DsaMaterial {
        p,
        q,
        g,
        x: x.to_secret(),
        y: y.to_secret().to_vec(),
    })
}

impl DsaMaterial {
    /// Takes an imported key of domain parameters: x is in [1, q - 1]. The public value is computed; one that is given
    /// must be that.
    pub fn checked(group: &Group, x: &[u8], y: Option<&[u8]>) -> Result<Self> {
        let x = Bn::from_bytes(x)?;
        if !group.is_private(&x) {
            return Err(Error::InvalidKey("the private value is outside [1, q - 1]"));
        }
        let own = material(group, &x)?;
        if let Some(y) = y
            && Bn::from_bytes(y)?.cmp(&Bn::from_bytes(&own.y)?) != Ordering::Equal
        {
            return Err(MISMATCH);
        }
        Ok(own)
    }
}
