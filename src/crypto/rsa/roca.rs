//! The fingerprint of CVE-2017-15361 ("ROCA"): moduli whose primes the Infineon library made.
//!
//! Such primes are k·M + (65537^a mod M), M being the product of the first primes; so modulo each
//! of these the modulus is a power of 65537 (Nemec et al., CCS 2017, section 2). For a random modulus
//! all 38 tests succeed with a probability below 2^-27.

use crate::crypto::sys::bn::Bn;

/// Odd primes that divide M at every key size.
const PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

pub(super) fn is_weak(n: &Bn) -> bool {
    PRIMES
        .iter()
        .all(|&prime| is_power(n.modulo_word(prime), prime))
}

fn is_power(residue: u64, prime: u64) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * 65537 % prime;
        if power == 1 {
            return false;
        }
    }
}
