//! What an RSA key must satisfy before the token takes it.

use std::cmp::Ordering;

use crate::crypto::sys::bn::Bn;
use crate::crypto::{Error, Result, prime};
use crate::secret::Secret;

use super::material::RsaMaterial;
use super::roca;

/// Least size of a modulus in bits. What a token takes may be larger: `policy.rsa_min_bits`.
pub(crate) const MIN_BITS: usize = 1024;
/// Greatest size of a modulus in bits.
pub(crate) const MAX_BITS: usize = 8192;

/// Significant bits of the greatest public exponent (FIPS 186-5, appendix A.1.1).
const MAX_EXPONENT_BITS: usize = 256;

/// Bases tried to split a modulus; each fails with a probability of one half at most.
const SPLIT_BASES: std::ops::RangeInclusive<u8> = 2..=129;

impl RsaMaterial {
    /// Takes an imported key after proving that its values belong together; all are big-endian and
    /// may have leading zeros. The modulus has 1024 to 8192 bits.
    ///
    /// Primes that are not given are found from (n, e, d). The exponents and the coefficient of the
    /// Chinese remainder theorem are always computed here, so no wrong one can be brought in.
    pub fn checked(n: &[u8], e: &[u8], d: &[u8], primes: Option<(&[u8], &[u8])>) -> Result<Self> {
        let (n, e, d) = (Bn::from_bytes(n)?, Bn::from_bytes(e)?, Bn::from_bytes(d)?);
        public(&n, &e)?;
        if roca::is_weak(&n) {
            return Err(Error::InvalidKey(
                "the modulus is of the ROCA kind (CVE-2017-15361)",
            ));
        }
        if d.bits() < 2 || d.cmp(&n) != Ordering::Less {
            return Err(Error::InvalidKey("the private exponent is out of range"));
        }
        let (p, q) = match primes {
            Some((p, q)) => (Bn::from_bytes(p)?, Bn::from_bytes(q)?),
            None => split_vartime(&n, &e, &d)?,
        };
        prime_factors(&n, &p, &q)?;

        let (p1, q1) = (p.minus(1)?, q.minus(1)?);
        let product = e.times(&d)?;
        if !product.modulo_vartime(&p1)?.is_one() || !product.modulo_vartime(&q1)?.is_one() {
            return Err(Error::InvalidKey("e·d is not 1 modulo lcm(p - 1, q - 1)"));
        }
        // p is prime, so q^(p - 2) is the inverse of q.
        let qinv = q.modulo_vartime(&p)?.power(&p.minus(2)?, &p)?;
        Ok(Self {
            n: n.to_secret().to_vec(),
            e: e.to_secret().to_vec(),
            dp: d.modulo_vartime(&p1)?.to_secret(),
            dq: d.modulo_vartime(&q1)?.to_secret(),
            qinv: qinv.to_secret(),
            d: d.to_secret(),
            p: p.to_secret(),
            q: q.to_secret(),
        })
    }

    /// The public exponent that belongs to `d`, for a key that comes without it.
    pub fn public_exponent(d: &[u8], (p, q): (&[u8], &[u8])) -> Result<Vec<u8>> {
        let [d, p, q] = [d, p, q].map(Bn::from_bytes);
        let (d, p1, q1) = (d?, p?.minus(1)?, q?.minus(1)?);
        if [&d, &p1, &q1].iter().any(|one| one.bits() > MAX_BITS) {
            return Err(Error::KeySize);
        }
        let e = lcm_vartime(&p1, &q1)
            .and_then(|lcm| d.inverse_vartime(&lcm))
            .map_err(|_| Error::InvalidKey("d has no inverse modulo lcm(p - 1, q - 1)"))?;
        Ok(e.to_secret().to_vec())
    }

    /// The key, where the exponents and the coefficient that came with its primes are its own.
    pub fn with_crt(self, given: [Option<&[u8]>; 3]) -> Result<Self> {
        let own = [&self.dp, &self.dq, &self.qinv];
        let differs =
            |(own, given): (&Secret, Option<&[u8]>)| given.is_some_and(|given| !own.ct_eq(given));
        if own.into_iter().zip(given).any(differs) {
            return Err(Error::InvalidKey(
                "the RSA exponents do not belong to the primes",
            ));
        }
        Ok(self)
    }
}

/// The least common multiple.
pub(super) fn lcm_vartime(a: &Bn, b: &Bn) -> Result<Bn> {
    Ok(a.times(b)?.divided_vartime(&a.gcd_vartime(b)?)?.0)
}

/// Checks that a public key's values are in range.
pub(super) fn public(n: &Bn, e: &Bn) -> Result<()> {
    if !(MIN_BITS..=MAX_BITS).contains(&n.bits()) {
        return Err(Error::KeySize);
    }
    if !n.is_odd() {
        return Err(Error::InvalidKey("the modulus is even"));
    }
    exponent(e)
}

/// Checks that the public exponent is odd, at least 3 and has at most 256 bits.
pub(super) fn exponent(e: &Bn) -> Result<()> {
    if !e.is_odd() || e.bits() < 2 {
        return Err(Error::InvalidKey("the public exponent is even or 1"));
    }
    if e.bits() > MAX_EXPONENT_BITS {
        return Err(Error::InvalidKey("the public exponent is too large"));
    }
    Ok(())
}

/// Checks that n = p·q, and that p and q are different odd primes, neither of them small.
fn prime_factors(n: &Bn, p: &Bn, q: &Bn) -> Result<()> {
    // This bounds the work below, and refuses factors that trial division finds.
    let least = n.bits() / 4;
    for factor in [p, q] {
        if factor.bits() < least || factor.bits() > n.bits() {
            return Err(Error::InvalidKey(
                "a prime factor is too small or too large",
            ));
        }
    }
    if p.cmp(q) == Ordering::Equal {
        return Err(Error::InvalidKey("p and q are equal"));
    }
    if p.times(q)?.cmp(n) != Ordering::Equal {
        return Err(Error::InvalidKey("the modulus is not p·q"));
    }
    for factor in [p, q] {
        if !factor.is_odd() || !prime::is_prime(factor)? {
            return Err(Error::InvalidKey("p or q is not prime"));
        }
    }
    Ok(())
}

/// The factors of n, from any multiple e·d - 1 of lcm(p - 1, q - 1) (NIST SP 800-56B Rev. 2,
/// appendix C.1). The caller checks that they are prime.
fn split_vartime(n: &Bn, e: &Bn, d: &Bn) -> Result<(Bn, Bn)> {
    const NO_FACTORS: Error = Error::InvalidKey("n, e and d do not belong together");
    let minus_one = n.minus(1)?;
    let multiple = e.times(d)?.minus(1)?;
    if multiple.bits() == 0 {
        return Err(NO_FACTORS);
    }
    let (odd, halvings) = prime::halved_while_even(&multiple)?;
    for base in SPLIT_BASES {
        let mut power = Bn::from_bytes(&[base])?.power(&odd, n)?;
        for _ in 0..halvings {
            if power.is_one() || power.cmp(&minus_one) == Ordering::Equal {
                break;
            }
            let square = power.times(&power)?.modulo_vartime(n)?;
            if square.is_one() {
                let p = power.minus(1)?.gcd_vartime(n)?;
                let q = n.divided_vartime(&p)?.0;
                return Ok((p, q));
            }
            power = square;
        }
    }
    Err(NO_FACTORS)
}
