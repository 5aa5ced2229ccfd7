//! Whether a number is prime: Miller-Rabin with random bases (NIST FIPS 186-5 appendix B.3.1).

use std::cmp::Ordering;

use crate::crypto::Result;
use crate::crypto::sys::bn::Bn;

/// Bases tried for a factor of an imported modulus. A composite passes one random base with a probability below 1/4, whoever chose the
/// composite (Rabin 1980, Monier 1980), so all of them with one below 2^-20. A random composite of
/// 1024 bits or more passes one base with a probability below 2^-100 (Damgård, Landrock and
/// Pomerance 1993). So 2^-20 is the chance only of somebody who chose a composite on purpose, and
/// they gain nothing: they know the key.
const BASES: usize = 10;

/// Bases tried for a number of a group, by which somebody else's key would be found out: a composite passes all
/// with a probability below 2^-128.
const MANY_BASES: usize = 64;

/// Whether odd `n`, of many bits, is prime, where whoever chose `n` gains nothing by a composite.
pub(super) fn is_prime(n: &Bn) -> Result<bool> {
    passes(n, BASES)
}

/// Whether odd `n`, of many bits, is prime, whoever chose it.
pub(super) fn is_surely_prime(n: &Bn) -> Result<bool> {
    passes(n, MANY_BASES)
}

fn passes(n: &Bn, bases: usize) -> Result<bool> {
    let minus_one = n.minus(1)?;
    let (odd, halvings) = halved_while_even(&minus_one)?;
    for _ in 0..bases {
        let base = Bn::random(2, &minus_one)?;
        if proves_composite(&base, n, &minus_one, (&odd, halvings))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether `base` is a witness: neither base^odd = 1 nor base^(odd·2^i) = -1 for any i below
/// `halvings`.
fn proves_composite(
    base: &Bn,
    n: &Bn,
    minus_one: &Bn,
    (odd, halvings): (&Bn, u32),
) -> Result<bool> {
    let mut power = base.power(odd, n)?;
    if power.is_one() {
        return Ok(false);
    }
    for _ in 1..halvings {
        if power.cmp(minus_one) == Ordering::Equal {
            return Ok(false);
        }
        power = power.times(&power)?.modulo_vartime(n)?;
    }
    Ok(power.cmp(minus_one) != Ordering::Equal)
}

/// The odd part of a number above 0, and how often it was halved.
pub(super) fn halved_while_even(number: &Bn) -> Result<(Bn, u32)> {
    let halvings = number.low_zero_bits();
    Ok((number.shifted_right(halvings)?, halvings))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From decimal digits.
    fn number(digits: &str) -> Bn {
        let ten = Bn::from_bytes(&[10]).unwrap();
        let digit = |digit: u8| Bn::from_bytes(&[digit - b'0']).unwrap();
        digits.bytes().fold(Bn::from_bytes(&[]).unwrap(), |sum, d| {
            sum.times(&ten).unwrap().plus(&digit(d)).unwrap()
        })
    }

    fn product(factors: &[&Bn]) -> Bn {
        let one = Bn::from_bytes(&[1]).unwrap();
        factors
            .iter()
            .fold(one, |product, factor| product.times(factor).unwrap())
    }

    /// factor·(p - 1) + 1.
    fn relative(p: &Bn, factor: u16) -> Bn {
        let factor = Bn::from_bytes(&factor.to_be_bytes()).unwrap();
        let one = Bn::from_bytes(&[1]).unwrap();
        p.minus(1)
            .unwrap()
            .times(&factor)
            .unwrap()
            .plus(&one)
            .unwrap()
    }

    /// Arnault's first factor (Rabin-Miller primality test: composite numbers which pass it, 1995).
    const ARNAULT: &str = "29674495668685510550154174642905332730771991799853043350995075531276838753171770199594238596428121188033664754218345562493168782883";

    /// A prime p for which 2p - 1 is one too.
    const WORST: &str = "9793562468114679990277117076913255609968489338309399588942835461209714410788075573033957539365281147041486385919266444733897282923359207034467807374791831";

    #[test]
    fn primes_are_prime() {
        for prime in ["3317044064679887385962123", ARNAULT] {
            assert!(is_prime(&number(prime)).unwrap(), "{prime}");
            assert!(is_surely_prime(&number(prime)).unwrap(), "{prime}");
        }
        // 2^521 - 1.
        let mut mersenne = [0xFF; 66];
        mersenne[0] = 1;
        assert!(is_prime(&Bn::from_bytes(&mersenne).unwrap()).unwrap());
        // 15·2^27 + 1: as many halvings as a number of this size has.
        assert!(is_prime(&number("2013265921")).unwrap());
    }

    /// A strong pseudoprime to every prime base below 307: what fixed bases let pass.
    #[test]
    fn arnaults_composite_is_refused() {
        let p = number(ARNAULT);
        let composite = product(&[&p, &relative(&p, 313), &relative(&p, 353)]);
        assert!(!is_prime(&composite).unwrap());
    }

    /// Strong pseudoprimes to the first 12 and 13 prime bases (Sorenson and Webster 2015).
    #[test]
    fn strong_pseudoprimes_to_many_bases_are_refused() {
        for composite in ["318665857834031151167461", "3317044064679887385961981"] {
            assert!(!is_prime(&number(composite)).unwrap(), "{composite}");
            assert!(!is_surely_prime(&number(composite)).unwrap(), "{composite}");
        }
    }

    /// (6k + 1)(12k + 1)(18k + 1), of primes: a Carmichael number (Chernick 1939), for which every base
    /// without a common factor passes Fermat's test.
    #[test]
    fn carmichael_numbers_are_refused() {
        let k = number(
            "1103321047848565597278747564953340308725591510424803925582569323465746747241699013252926251730272970",
        );
        let one = Bn::from_bytes(&[1]).unwrap();
        let past = k.plus(&one).unwrap();
        let factors = [6, 12, 18].map(|times| relative(&past, times));
        for factor in &factors {
            assert!(is_prime(factor).unwrap());
        }
        assert!(!is_prime(&product(&factors.each_ref())).unwrap());
        assert!(!is_prime(&number("8911")).unwrap());
    }

    /// p·(2p - 1), of primes: nearly a quarter of all bases pass, the most that there can be.
    #[test]
    fn the_worst_composites_are_refused() {
        let p = number(WORST);
        let q = relative(&p, 2);
        assert!(is_prime(&p).unwrap() && is_prime(&q).unwrap());
        assert!(!is_prime(&product(&[&p, &q])).unwrap());
    }

    #[test]
    fn squares_are_refused() {
        let p = number(ARNAULT);
        assert!(!is_prime(&product(&[&p, &p])).unwrap());
    }
}
