//! Non-negative integers of any size, wiped when dropped.

use std::cmp::Ordering;
use std::os::raw::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::{self as lc, BIGNUM, BN_CTX};

use super::{check, non_null};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

pub(in crate::crypto) struct Bn(NonNull<BIGNUM>);

struct Scratch(NonNull<BN_CTX>);

impl Bn {
    /// The integer with big-endian bytes `bytes`; empty is zero.
    pub(in crate::crypto) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length; a null third argument makes a new integer.
        let bn = unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) };
        Ok(Self(non_null(bn, "BN_bin2bn")?))
    }

    /// A copy of `bn`.
    ///
    /// # Safety
    /// `bn` is a live integer.
    pub(super) unsafe fn copy(bn: *const BIGNUM) -> Result<Self> {
        // SAFETY: the caller's promise.
        Ok(Self(non_null(unsafe { lc::BN_dup(bn) }, "BN_dup")?))
    }

    fn zero() -> Result<Self> {
        // SAFETY: no arguments.
        Ok(Self(non_null(unsafe { lc::BN_new() }, "BN_new")?))
    }

    pub(super) fn as_ptr(&self) -> *const BIGNUM {
        self.0.as_ptr()
    }

    /// Big-endian bytes without leading zeros.
    pub(in crate::crypto) fn to_secret(&self) -> Secret {
        // SAFETY: the handle is a live integer.
        unsafe { secret(self.as_ptr()) }
    }

    pub(in crate::crypto) fn bits(&self) -> usize {
        // SAFETY: the handle is a live integer.
        unsafe { lc::BN_num_bits(self.as_ptr()) as usize }
    }

    pub(in crate::crypto) fn is_odd(&self) -> bool {
        // SAFETY: the handle is a live integer.
        unsafe { lc::BN_is_odd(self.as_ptr()) == 1 }
    }

    pub(in crate::crypto) fn is_zero(&self) -> bool {
        // SAFETY: the handle is a live integer.
        unsafe { lc::BN_is_zero(self.as_ptr()) == 1 }
    }

    pub(in crate::crypto) fn is_one(&self) -> bool {
        // SAFETY: the handle is a live integer.
        unsafe { lc::BN_is_one(self.as_ptr()) == 1 }
    }

    pub(in crate::crypto) fn cmp(&self, other: &Self) -> Ordering {
        // SAFETY: both handles are live integers.
        unsafe { lc::BN_ucmp(self.as_ptr(), other.as_ptr()) }.cmp(&0)
    }

    /// self - word; the caller knows that self is not smaller.
    pub(in crate::crypto) fn minus(&self, word: u64) -> Result<Self> {
        // SAFETY: the handle is a live integer.
        let difference = unsafe { Self::copy(self.as_ptr())? };
        // SAFETY: `difference` is ours alone.
        let status = unsafe { lc::BN_sub_word(difference.0.as_ptr(), word) };
        check(status, "BN_sub_word")?;
        Ok(difference)
    }

    pub(in crate::crypto) fn plus(&self, other: &Self) -> Result<Self> {
        let sum = Self::zero()?;
        // SAFETY: live handles; `sum` is ours alone.
        let status = unsafe { lc::BN_add(sum.0.as_ptr(), self.as_ptr(), other.as_ptr()) };
        check(status, "BN_add")?;
        Ok(sum)
    }

    /// A random integer, at least `least` and below `end`.
    pub(in crate::crypto) fn random(least: u64, end: &Self) -> Result<Self> {
        let random = Self::zero()?;
        // SAFETY: live handles; `random` is ours alone. An empty range is an error status.
        let status = unsafe { lc::BN_rand_range_ex(random.0.as_ptr(), least, end.as_ptr()) };
        check(status, "BN_rand_range_ex")?;
        Ok(random)
    }

    /// How many of the lowest bits are zero; 0 for the number 0.
    pub(in crate::crypto) fn low_zero_bits(&self) -> u32 {
        // SAFETY: the handle is a live integer.
        let bits = unsafe { lc::BN_count_low_zero_bits(self.as_ptr()) };
        bits.unsigned_abs()
    }

    pub(in crate::crypto) fn shifted_right(&self, bits: u32) -> Result<Self> {
        let shifted = Self::zero()?;
        // More bits than any integer has shift everything out.
        let bits = std::os::raw::c_int::try_from(bits).unwrap_or(std::os::raw::c_int::MAX);
        // SAFETY: live handles; `shifted` is ours alone.
        let status = unsafe { lc::BN_rshift(shifted.0.as_ptr(), self.as_ptr(), bits) };
        check(status, "BN_rshift")?;
        Ok(shifted)
    }

    pub(in crate::crypto) fn times(&self, other: &Self) -> Result<Self> {
        let (product, scratch) = (Self::zero()?, Scratch::new()?);
        // SAFETY: live handles; `product` is ours alone.
        let status = unsafe {
            lc::BN_mul(
                product.0.as_ptr(),
                self.as_ptr(),
                other.as_ptr(),
                scratch.0.as_ptr(),
            )
        };
        check(status, "BN_mul")?;
        Ok(product)
    }

    pub(in crate::crypto) fn divided_vartime(&self, divisor: &Self) -> Result<(Self, Self)> {
        let (quotient, remainder, scratch) = (Self::zero()?, Self::zero()?, Scratch::new()?);
        // SAFETY: live handles; both results are ours alone. Division by zero is an error status.
        let status = unsafe {
            lc::BN_div(
                quotient.0.as_ptr(),
                remainder.0.as_ptr(),
                self.as_ptr(),
                divisor.as_ptr(),
                scratch.0.as_ptr(),
            )
        };
        check(status, "BN_div")?;
        Ok((quotient, remainder))
    }

    pub(in crate::crypto) fn modulo_vartime(&self, modulus: &Self) -> Result<Self> {
        Ok(self.divided_vartime(modulus)?.1)
    }

    pub(in crate::crypto) fn modulo_word(&self, modulus: u64) -> u64 {
        // SAFETY: live handle.
        unsafe { lc::BN_mod_word(self.as_ptr(), modulus) }
    }

    pub(in crate::crypto) fn gcd_vartime(&self, other: &Self) -> Result<Self> {
        let (divisor, scratch) = (Self::zero()?, Scratch::new()?);
        // SAFETY: live handles; `divisor` is ours alone.
        let status = unsafe {
            lc::BN_gcd(
                divisor.0.as_ptr(),
                self.as_ptr(),
                other.as_ptr(),
                scratch.0.as_ptr(),
            )
        };
        check(status, "BN_gcd")?;
        Ok(divisor)
    }

    /// self^exponent mod `modulus`, in constant time; self < modulus, and modulus is odd.
    pub(in crate::crypto) fn power(&self, exponent: &Self, modulus: &Self) -> Result<Self> {
        let (power, scratch) = (Self::zero()?, Scratch::new()?);
        // SAFETY: live handles; a null Montgomery context is made by the call.
        let status = unsafe {
            lc::BN_mod_exp_mont_consttime(
                power.0.as_ptr(),
                self.as_ptr(),
                exponent.as_ptr(),
                modulus.as_ptr(),
                scratch.0.as_ptr(),
                std::ptr::null(),
            )
        };
        check(status, "BN_mod_exp_mont_consttime")?;
        Ok(power)
    }

    /// self - other, where other is not larger.
    pub(in crate::crypto) fn less(&self, other: &Self) -> Result<Self> {
        let difference = Self::zero()?;
        // SAFETY: live handles; `difference` is ours alone.
        let status = unsafe { lc::BN_sub(difference.0.as_ptr(), self.as_ptr(), other.as_ptr()) };
        check(status, "BN_sub")?;
        Ok(difference)
    }

    /// The inverse modulo `modulus`; an error where there is none.
    pub(in crate::crypto) fn inverse_vartime(&self, modulus: &Self) -> Result<Self> {
        let (inverse, scratch) = (Self::zero()?, Scratch::new()?);
        // SAFETY: live handles; `inverse` is ours alone.
        let done = unsafe {
            lc::BN_mod_inverse(
                inverse.0.as_ptr(),
                self.as_ptr(),
                modulus.as_ptr(),
                scratch.0.as_ptr(),
            )
        };
        non_null(done, "BN_mod_inverse")?;
        Ok(inverse)
    }

    /// A random prime of `bits` bits, the two highest of them set.
    pub(in crate::crypto) fn random_prime(bits: u32) -> Result<Self> {
        Self::random_prime_in_steps(bits, std::ptr::null())
    }

    /// A random prime of `bits` bits that is one more than a multiple of the even `step`.
    pub(in crate::crypto) fn random_prime_above_multiple(bits: u32, step: &Self) -> Result<Self> {
        loop {
            let prime = Self::random_prime_in_steps(bits, step.as_ptr())?;
            // The search goes down to a multiple of the step and up from there, so that it may leave the size.
            if prime.bits() == bits as usize {
                return Ok(prime);
            }
        }
    }

    fn random_prime_in_steps(bits: u32, step: *const BIGNUM) -> Result<Self> {
        let bits = c_int::try_from(bits).map_err(|_| Error::KeySize)?;
        let prime = Self::zero()?;
        // SAFETY: `prime` is ours alone; null for a step, a remainder and a callback that are not asked for.
        let status = unsafe {
            lc::BN_generate_prime_ex(
                prime.0.as_ptr(),
                bits,
                0,
                step,
                std::ptr::null(),
                null_mut(),
            )
        };
        check(status, "BN_generate_prime_ex")?;
        Ok(prime)
    }
}

impl Drop for Bn {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::BN_clear_free(self.0.as_ptr()) }
    }
}

impl Scratch {
    fn new() -> Result<Self> {
        // SAFETY: no arguments.
        Ok(Self(non_null(unsafe { lc::BN_CTX_new() }, "BN_CTX_new")?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::BN_CTX_free(self.0.as_ptr()) }
    }
}

/// Big-endian bytes of `bn` without leading zeros.
///
/// # Safety
/// `bn` is a live integer.
pub(super) unsafe fn secret(bn: *const BIGNUM) -> Secret {
    // SAFETY: the caller's promise; BN_bn2bin writes exactly BN_num_bytes bytes.
    unsafe {
        let mut bytes = Secret::zeroed(lc::BN_num_bytes(bn) as usize);
        lc::BN_bn2bin(bn, bytes.as_mut_ptr());
        bytes
    }
}

impl Bn {
    /// Big-endian bytes, with zeros before them to be `len`; an error where the integer is longer.
    pub(in crate::crypto) fn to_padded(&self, len: usize) -> Result<Secret> {
        let mut out = Secret::zeroed(len);
        // SAFETY: the handle is a live integer.
        unsafe { fill(self.as_ptr(), &mut out)? };
        Ok(out)
    }
}

/// Big-endian bytes of `bn`, left-padded to fill `out`.
///
/// # Safety
/// `bn` is a live integer.
pub(super) unsafe fn fill(bn: *const BIGNUM, out: &mut [u8]) -> Result<()> {
    // SAFETY: the caller's promise; the call writes within `out` or fails.
    let status = unsafe { lc::BN_bn2bin_padded(out.as_mut_ptr(), out.len(), bn) };
    check(status, "BN_bn2bin_padded")
}
