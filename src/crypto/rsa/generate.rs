//! Key pairs of sizes and public exponents that aws-lc's own generation does not make.

use std::cmp::Ordering;

use crate::crypto::Result;
use crate::crypto::material::RsaMaterial;
use crate::crypto::sys::bn::Bn;

/// Makes a key pair from two random primes of half the size (FIPS 186-5, appendix A.1.3): the
/// modulus has exactly `bits` bits, the primes differ within their first 100 bits, and d is longer
/// than a prime. `bits` is even. `RsaMaterial::checked` has the last word.
pub(super) fn from_primes(bits: u32, e: &Bn) -> Result<RsaMaterial> {
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
        let gcd = p1.gcd_vartime(&q1)?;
        let lcm = p1.times(&q1)?.divided_vartime(&gcd)?.0;
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
