//! A secret in shares: n of n by exclusive or, k of n by Shamir's scheme.
//!
//! Shamir's scheme has a polynomial of degree k - 1 for each byte of the secret, over the field with 256
//! elements of AES (FIPS 197 section 4.2): the byte is its value at 0, share number x its value at x.

use std::ops::Range;

use super::kdf::hkdf_sha256;
use super::{Error, Result};
use crate::rng::{Rng, secret};
use crate::secret::Secret;

/// How many shares there are, and how many of them make the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    needed: u8,
    of: u8,
}

impl Sharing {
    /// # Errors
    /// `InvalidParameter` unless 2 ≤ `needed` ≤ `of`: one share that makes the secret is the secret.
    pub fn new(needed: u8, of: u8) -> Result<Self> {
        if needed < 2 || needed > of {
            return Err(Error::InvalidParameter(
                "a secret has 2 to 255 shares, and at least 2 of them make it",
            ));
        }
        Ok(Self { needed, of })
    }

    /// How many shares make the secret.
    #[must_use]
    pub fn needed(self) -> u8 {
        self.needed
    }

    /// How many shares there are.
    #[must_use]
    pub fn of(self) -> u8 {
        self.of
    }

    /// The shares of `whole`, number 1 first, each as long as `whole`.
    #[must_use]
    pub fn split(self, whole: &[u8], rng: &dyn Rng) -> Vec<Secret> {
        let random = |range: Range<u8>| range.map(|_| secret(rng, whole.len()));
        if self.needed == self.of {
            let mut shares: Vec<_> = random(1..self.of).collect();
            let mut last = Secret::copy(whole);
            for share in &shares {
                add(&mut last, share, 1);
            }
            shares.push(last);
            return shares;
        }
        let coefficients: Vec<_> = random(1..self.needed).collect();
        let share = |number| {
            let mut value = Secret::copy(whole);
            let mut power = 1;
            for coefficient in &coefficients {
                power = times(power, number);
                add(&mut value, coefficient, power);
            }
            value
        };
        (1..=self.of).map(share).collect()
    }

    /// The secret that the shares make, which are given with their numbers. Wrong shares make another
    /// secret, and nothing tells.
    ///
    /// # Errors
    /// `InvalidParameter` unless there are as many as are needed, with numbers of their own and of one
    /// length.
    pub fn join(self, shares: &[(u8, &[u8])]) -> Result<Secret> {
        let len = shares.first().map_or(0, |(_, share)| share.len());
        let fits = |at: usize, (number, share): (u8, &[u8])| {
            let again = shares[..at].iter().any(|(other, _)| *other == number);
            (1..=self.of).contains(&number) && share.len() == len && !again
        };
        let mut places = shares.iter().copied().enumerate();
        if shares.len() != usize::from(self.needed) || !places.all(|(at, share)| fits(at, share)) {
            return Err(Error::InvalidParameter(
                "the shares are too few, or differ in length, or share a number",
            ));
        }
        let mut whole = Secret::zeroed(len);
        for (number, share) in shares {
            let weight = match self.needed == self.of {
                true => 1,
                false => weight(*number, shares.iter().map(|(other, _)| *other)),
            };
            add(&mut whole, share, weight);
        }
        Ok(whole)
    }
}

/// The check value by which people compare a share, or a secret, without showing it: the first 8 bytes of
/// HKDF-SHA-256 without a salt and with the info "tenon check value 1". It tells mistakes; whoever can guess
/// the secret can check the guess.
#[must_use]
pub fn check_value(value: &[u8]) -> [u8; 8] {
    let mut out = [0; 8];
    hkdf_sha256(value, b"", &[b"tenon check value 1"], &mut out);
    out
}

/// Adds `factor` times `terms` to `sums`.
fn add(sums: &mut [u8], terms: &[u8], factor: u8) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum ^= times(*term, factor);
    }
}

/// What the value at `number` counts in the value at 0, beside those at the other numbers (Lagrange).
fn weight(number: u8, numbers: impl Iterator<Item = u8>) -> u8 {
    let others = numbers.filter(|other| *other != number);
    others.fold(1, |weight, other| {
        times(weight, times(other, inverse(other ^ number)))
    })
}

/// The product in the field, in a time that does not depend on the factors.
fn times(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & mask(b >> bit);
        a = (a << 1) ^ (0x1b & mask(a >> 7));
    }
    product
}

/// All ones where the lowest bit is 1, else all zeros.
fn mask(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit & 1)
}

/// The inverse in the field: a^254.
fn inverse(a: u8) -> u8 {
    (0..254).fold(1, |power, _| times(power, a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;
    use crate::crypto::vectors::hex;

    #[test]
    fn products_are_those_of_fips_197() {
        // Sections 4.2 and 4.2.1.
        assert_eq!(times(0x57, 0x83), 0xc1);
        assert_eq!(times(0x57, 0x13), 0xfe);
        for a in 1..=255 {
            assert_eq!(times(a, inverse(a)), 1, "{a}");
        }
    }

    /// draft-mcgrew-tss-03 section 9. The draft has Shamir's scheme for 2 of 2 shares too, so this is
    /// asked as 2 of 3.
    #[test]
    fn published_shares_make_their_secret() {
        let shares = [hex("B9FA07E185"), hex("F5409B4511")];
        let joined = Sharing::new(2, 3).unwrap();
        let joined = joined.join(&[(1, &shares[0]), (2, &shares[1])]).unwrap();
        assert_eq!(*joined, *hex("7465737400"));
    }

    #[test]
    fn any_shares_that_are_enough_make_the_secret() {
        let whole: Vec<u8> = (0..48).collect();
        for (needed, of) in [(2, 2), (2, 3), (3, 5), (5, 5), (2, 255), (255, 255)] {
            let sharing = Sharing::new(needed, of).unwrap();
            let shares = sharing.split(&whole, &SystemRng);
            let mut numbered: Vec<(u8, &[u8])> = (1..=of)
                .zip(&shares)
                .map(|(number, share)| (number, &**share))
                .collect();
            for _ in 0..of.min(7) {
                let few = &numbered[..usize::from(needed)];
                assert_eq!(*sharing.join(few).unwrap(), *whole, "{needed} of {of}");
                numbered.rotate_left(1);
            }
            assert!(sharing.join(&numbered[1..usize::from(needed)]).is_err());
            numbered[1] = numbered[0];
            assert!(sharing.join(&numbered[..usize::from(needed)]).is_err());
        }
        assert!(Sharing::new(1, 2).is_err());
        assert!(Sharing::new(3, 2).is_err());
    }

    /// Fewer shares than are needed fit every secret: for one byte, each value of the missing share gives
    /// another one.
    #[test]
    fn shares_that_are_too_few_tell_nothing() {
        for of in [3, 4] {
            let sharing = Sharing::new(3, of).unwrap();
            let mut secrets: Vec<_> = (0..=255)
                .map(|last| sharing.join(&[(1, &[7]), (2, &[9]), (3, &[last])]))
                .map(|joined| joined.unwrap()[0])
                .collect();
            secrets.sort_unstable();
            assert!((0..=255).eq(secrets));
        }
    }
}
