//! Domain parameters: which are taken, and which numbers are public keys in them.

use std::cmp::Ordering;

use crate::crypto::prime::is_surely_prime;
use crate::crypto::sys::bn::Bn;
use crate::crypto::{Error, Result};

/// Least size of a prime in bits.
pub(crate) const MIN_BITS: usize = 1024;
/// Greatest size of a prime in bits.
pub(crate) const MAX_BITS: usize = 3072;

/// Sizes of primes with those of subprimes, in bits (FIPS 186-4 section 4.2); the first of a prime is its default.
const SIZES: [(u64, u64); 4] = [(1024, 160), (2048, 224), (2048, 256), (3072, 256)];

/// A prime p, a prime q that divides p - 1, and a base g of the order q.
pub struct Group {
    p: Bn,
    q: Bn,
    g: Bn,
}

impl Group {
    /// Domain parameters [p, q, g] that are proven here. `KeySize` for a prime or a subprime of another size,
    /// `InvalidKey` for what are no domain parameters.
    pub fn checked(numbers: [&[u8]; 3]) -> Result<Self> {
        let group = Self::sized(numbers)?;
        let Self { p, q, g } = &group;
        if !p.minus(1)?.modulo_vartime(q)?.is_zero() {
            return Err(Error::InvalidKey("q does not divide p - 1"));
        }
        if !is_surely_prime(q)? || !is_surely_prime(p)? {
            return Err(Error::InvalidKey("p or q is no prime"));
        }
        if !group.has_order_q(g)? {
            return Err(Error::InvalidKey("the order of g is not q"));
        }
        Ok(group)
    }

    /// Domain parameters [p, q, g] of which only the sizes and ranges are proven: enough to compute with them.
    pub fn sized([p, q, g]: [&[u8]; 3]) -> Result<Self> {
        let [p, q, g] = [Bn::from_bytes(p)?, Bn::from_bytes(q)?, Bn::from_bytes(g)?];
        let subprimes = SIZES.map(|(_, bits)| bits);
        if !(MIN_BITS..=MAX_BITS).contains(&p.bits()) || !subprimes.contains(&(q.bits() as u64)) {
            return Err(Error::KeySize);
        }
        let group = Self { p, q, g };
        if !group.p.is_odd() || !group.q.is_odd() {
            return Err(Error::InvalidKey("p or q is no prime"));
        }
        match group.is_element(&group.g)? {
            true => Ok(group),
            false => Err(Error::InvalidKey("the base is outside [2, p - 2]")),
        }
    }

    /// Whether the number is in [2, p - 2].
    fn is_element(&self, number: &Bn) -> Result<bool> {
        let below = number.cmp(&self.p.minus(1)?) == Ordering::Less;
        Ok(number.bits() >= 2 && below)
    }

    fn has_order_q(&self, number: &Bn) -> Result<bool> {
        Ok(number.power(&self.q, &self.p)?.is_one())
    }

    /// The public value `y`, after the check of NIST SP 800-89 section 5.3.1.
    pub(super) fn public(&self, y: &[u8]) -> Result<Bn> {
        let y = Bn::from_bytes(y)?;
        if !self.is_element(&y)? {
            return Err(Error::InvalidKey("the public value is outside [2, p - 2]"));
        }
        match self.has_order_q(&y)? {
            true => Ok(y),
            false => Err(Error::InvalidKey("the order of the public value is not q")),
        }
    }

    /// The public value of the private value `x`, which is in [1, q - 1].
    pub(super) fn public_of(&self, x: &Bn) -> Result<Bn> {
        self.g.power(x, &self.p)
    }

    /// A random private value.
    pub(super) fn random(&self) -> Result<Bn> {
        Bn::random(1, &self.q)
    }

    /// Whether the number is in [1, q - 1], as a private value is and each half of a signature.
    pub(super) fn is_private(&self, number: &Bn) -> bool {
        !number.is_zero() && number.cmp(&self.q) == Ordering::Less
    }

    /// The number that is signed for a digest: its first bytes, as many as the subprime has.
    pub(super) fn number_of(&self, digest: &[u8]) -> Result<Bn> {
        Bn::from_bytes(&digest[..digest.len().min(self.subprime_len())])
    }

    pub(super) fn integers(&self) -> [&Bn; 3] {
        [&self.p, &self.q, &self.g]
    }

    /// Size of the prime in bits.
    pub fn bits(&self) -> usize {
        self.p.bits()
    }

    /// Length of the subprime in bytes.
    pub(super) fn subprime_len(&self) -> usize {
        self.q.bits() / 8
    }

    /// Prime, subprime and base, big-endian without leading zeros.
    pub fn numbers(&self) -> [Vec<u8>; 3] {
        self.integers().map(|number| number.to_secret().to_vec())
    }

    /// New domain parameters with a prime of `bits` and a subprime of `subprime_bits`; without the latter of 160, 224
    /// or 256 bits for a prime of 1024, 2048 or 3072 (PKCS #11 3.2 section 6.2.5). `None` for sizes that are not in
    /// FIPS 186-4 section 4.2.
    pub fn generate(bits: u64, subprime_bits: Option<u64>) -> Result<Option<Self>> {
        let fits = |(prime, subprime): &&(u64, u64)| {
            *prime == bits && subprime_bits.is_none_or(|wanted| wanted == *subprime)
        };
        let Some((_, subprime_bits)) = SIZES.iter().find(fits) else {
            return Ok(None);
        };
        let size = |bits: u64| u32::try_from(bits).map_err(|_| Error::KeySize);
        let q = Bn::random_prime(size(*subprime_bits)?)?;
        let p = Bn::random_prime_above_multiple(size(bits)?, &q.plus(&q)?)?;
        let g = generator(&p, &q)?;
        Ok(Some(Self { p, q, g }))
    }
}

/// A number of the order q modulo p (FIPS 186-4 section A.2.1).
fn generator(p: &Bn, q: &Bn) -> Result<Bn> {
    let last = p.minus(1)?;
    let (cofactor, _) = last.divided_vartime(q)?;
    loop {
        let g = Bn::random(2, &last)?.power(&cofactor, p)?;
        if !g.is_one() {
            return Ok(g);
        }
    }
}
