//! Key pairs: aws-lc's own, and those of sizes and public exponents that it does not make.

use std::cmp::Ordering;

use crate::crypto::sys::bn::Bn;
use crate::crypto::sys::rsa::Rsa;
use crate::crypto::{Error, Result};

use super::check::{self, MAX_BITS, MIN_BITS};
use super::material::RsaMaterial;

/// Makes a key pair. `bits` is even, from 1024 to 8192; `e` is big-endian, odd, from 3, at most 256
/// bits long.
pub fn generate(bits: u64, e: &[u8]) -> Result<RsaMaterial> {
    let in_range = usize::try_from(bits).is_ok_and(|bits| (MIN_BITS..=MAX_BITS).contains(&bits));
    if !in_range || !bits.is_multiple_of(2) {
        return Err(Error::KeySize);
    }
    let bits = u32::try_from(bits).map_err(|_| Error::KeySize)?;
    let e = Bn::from_bytes(e)?;
    check::exponent(&e)?;
    // aws-lc makes only sizes that are multiples of 128, and takes exponents of up to 32 bits.
    if bits.is_multiple_of(128) && e.bits() <= 32 {
        return Rsa::generate(bits, &e);
    }
    from_primes(bits, &e)
}

/// Makes a key pair from two random primes of half the size (FIPS 186-5, appendix A.1.3): the
/// modulus has exactly `bits` bits, the primes differ within their first 100 bits, and d is longer
/// than a prime. `bits` is even. `RsaMaterial::checked` then proves the pair like an imported one.
fn from_primes(bits: u32, e: &Bn) -> Result<RsaMaterial> {
    loop {
        let p = prime(bits / 2, e)?;
        let q = prime(bits / 2, e)?;
        let (larger, smaller) = match p.cmp(&q) {
            Ordering::Less => (&q, &p),
            Ordering::Equal | Ordering::Greater => (&p, &q),
        };
        if larger.less(smaller)?.bits() <= (bits / 2) as usize - 100 {
            continue;
        }
        let (p1, q1) = (p.minus(1)?, q.minus(1)?);
        let lcm = check::lcm_vartime(&p1, &q1)?;
        let d = e.modulo_vartime(&lcm)?.inverse_vartime(&lcm)?;
        if d.bits() <= (bits / 2) as usize {
            continue;
        }
        let [n, e, d, p, q] = [&p.times(&q)?, e, &d, &p, &q].map(Bn::to_secret);
        return RsaMaterial::checked(&n, &e, &d, Some((&p, &q)));
    }
}

/// A random prime with its two highest bits set, so that the product of two has twice their
/// length; p - 1 has no factor in common with e.
fn prime(bits: u32, e: &Bn) -> Result<Bn> {
    loop {
        let prime = Bn::random_prime(bits)?;
        if prime.minus(1)?.gcd_vartime(e)?.is_one() {
            return Ok(prime);
        }
    }
}
