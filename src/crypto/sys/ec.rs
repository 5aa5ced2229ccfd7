//! EC keys in aws-lc's form, and ECDSA with them.

use std::ptr::{NonNull, null, null_mut};

use aws_lc_sys::{self as lc, EC_GROUP, EC_KEY, EC_POINT, ECDSA_SIG};

use super::bn::{self, Bn};
use super::{check, failure, non_null};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

#[derive(Clone, Copy)]
pub(in crate::crypto) struct Group(unsafe extern "C" fn() -> *const EC_GROUP);

impl Group {
    pub(in crate::crypto) const P224: Self = Self(lc::EC_group_p224);
    pub(in crate::crypto) const P256: Self = Self(lc::EC_group_p256);
    pub(in crate::crypto) const P384: Self = Self(lc::EC_group_p384);
    pub(in crate::crypto) const P521: Self = Self(lc::EC_group_p521);
    pub(in crate::crypto) const SECP256K1: Self = Self(lc::EC_group_secp256k1);

    pub(in crate::crypto) const BRAINPOOL224: Self = Self(lc::EC_group_brainpoolP224r1);
    pub(in crate::crypto) const BRAINPOOL256: Self = Self(lc::EC_group_brainpoolP256r1);
    pub(in crate::crypto) const BRAINPOOL320: Self = Self(lc::EC_group_brainpoolP320r1);
    pub(in crate::crypto) const BRAINPOOL384: Self = Self(lc::EC_group_brainpoolP384r1);
    pub(in crate::crypto) const BRAINPOOL512: Self = Self(lc::EC_group_brainpoolP512r1);

    fn as_ptr(self) -> *const EC_GROUP {
        // SAFETY: returns a pointer to static data, never null.
        unsafe { (self.0)() }
    }
}

/// A public or private key. Operations on one from several threads are safe.
pub(in crate::crypto) struct EcKey(NonNull<EC_KEY>);

// SAFETY: nothing here changes a key after it is made, and aws-lc's operations take it as const.
unsafe impl Send for EcKey {}
// SAFETY: as above.
unsafe impl Sync for EcKey {}

impl EcKey {
    fn new(group: Group) -> Result<Self> {
        // SAFETY: the key is ours alone; built-in groups are static.
        unsafe {
            let key = Self(non_null(lc::EC_KEY_new(), "EC_KEY_new")?);
            check(
                lc::EC_KEY_set_group(key.0.as_ptr(), group.as_ptr()),
                "EC_KEY_set_group",
            )?;
            Ok(key)
        }
    }

    /// A public key from a SEC 1 point, compressed or not. `InvalidKey` off the curve or at infinity.
    pub(in crate::crypto) fn public(group: Group, point: &[u8]) -> Result<Self> {
        let key = Self::new(group)?;
        let parsed = Point::new(group)?;
        // SAFETY: live handles; reads `point` within its length; EC_KEY_set_public_key copies.
        let status = unsafe {
            lc::EC_POINT_oct2point(
                group.as_ptr(),
                parsed.0.as_ptr(),
                point.as_ptr(),
                point.len(),
                null_mut(),
            )
        };
        check(status, "EC_POINT_oct2point")
            .map_err(|_| Error::InvalidKey("the EC point is not on its curve"))?;
        key.set_public(&parsed)?;
        // SAFETY: live key. The check refuses the point at infinity.
        let status = unsafe { lc::EC_KEY_check_key(key.0.as_ptr()) };
        check(status, "EC_KEY_check_key")
            .map_err(|_| Error::InvalidKey("the EC point is not on its curve"))?;
        Ok(key)
    }

    /// A private key from a scalar in [1, n - 1], with its public point.
    pub(in crate::crypto) fn private(group: Group, scalar: &[u8]) -> Result<Self> {
        let key = Self::new(group)?;
        let scalar = Bn::from_bytes(scalar)?;
        let point = Point::new(group)?;
        // SAFETY: live handles; EC_KEY_set_private_key copies and refuses what is out of range;
        // EC_POINT_mul by the generator alone takes constant time.
        unsafe {
            check(
                lc::EC_KEY_set_private_key(key.0.as_ptr(), scalar.as_ptr()),
                "EC_KEY_set_private_key",
            )
            .map_err(|_| Error::InvalidKey("the EC scalar is outside [1, n - 1]"))?;
            let status = lc::EC_POINT_mul(
                group.as_ptr(),
                point.0.as_ptr(),
                scalar.as_ptr(),
                null(),
                null(),
                null_mut(),
            );
            check(status, "EC_POINT_mul")?;
        }
        key.set_public(&point)?;
        Ok(key)
    }

    pub(in crate::crypto) fn generate(group: Group) -> Result<Self> {
        let key = Self::new(group)?;
        // SAFETY: the key is ours alone.
        let status = unsafe { lc::EC_KEY_generate_key(key.0.as_ptr()) };
        check(status, "EC_KEY_generate_key")?;
        Ok(key)
    }

    fn set_public(&self, point: &Point) -> Result<()> {
        // SAFETY: live handles of the same group; the call copies. Only constructors come here,
        // before the key is shared.
        let status = unsafe { lc::EC_KEY_set_public_key(self.0.as_ptr(), point.0.as_ptr()) };
        check(status, "EC_KEY_set_public_key")
    }

    /// The private scalar, left-padded to `len` bytes.
    pub(in crate::crypto) fn scalar(&self, len: usize) -> Result<Secret> {
        let mut scalar = Secret::zeroed(len);
        // SAFETY: live key; the integer lives as long as it.
        unsafe {
            let private = lc::EC_KEY_get0_private_key(self.0.as_ptr());
            if private.is_null() {
                return Err(Error::Internal("EC_KEY_get0_private_key"));
            }
            bn::fill(private, &mut scalar)?;
        }
        Ok(scalar)
    }

    /// The public point, SEC 1 uncompressed, `len` bytes long.
    pub(in crate::crypto) fn point(&self, len: usize) -> Result<Vec<u8>> {
        let mut point = vec![0; len];
        // SAFETY: live key with a public point; writes within `point`.
        let written = unsafe {
            lc::EC_POINT_point2oct(
                lc::EC_KEY_get0_group(self.0.as_ptr()),
                lc::EC_KEY_get0_public_key(self.0.as_ptr()),
                lc::point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                point.as_mut_ptr(),
                point.len(),
                null_mut(),
            )
        };
        if written != len {
            return Err(failure("EC_POINT_point2oct"));
        }
        Ok(point)
    }

    /// ECDH (SEC 1 section 3.3.1): the x coordinate of the product, which fills `out`, as long as a
    /// field element. `peer` is a valid key of the same group.
    pub(in crate::crypto) fn agree(&self, peer: &Self, out: &mut [u8]) -> Result<()> {
        // SAFETY: live keys; writes within `out`; without a KDF the coordinate itself is written.
        let written = unsafe {
            lc::ECDH_compute_key(
                out.as_mut_ptr().cast(),
                out.len(),
                lc::EC_KEY_get0_public_key(peer.0.as_ptr()),
                self.0.as_ptr(),
                None,
            )
        };
        if usize::try_from(written) != Ok(out.len()) {
            return Err(failure("ECDH_compute_key"));
        }
        Ok(())
    }

    /// ECDSA over a digest of any length (the leftmost bits count); fills `r` and `s`.
    pub(in crate::crypto) fn sign(&self, digest: &[u8], r: &mut [u8], s: &mut [u8]) -> Result<()> {
        // SAFETY: live key; reads `digest` within its length; the signature's integers live as
        // long as it.
        unsafe {
            let signature = lc::ECDSA_do_sign(digest.as_ptr(), digest.len(), self.0.as_ptr());
            let signature = Signature(non_null(signature, "ECDSA_do_sign")?);
            bn::fill(lc::ECDSA_SIG_get0_r(signature.0.as_ptr()), r)?;
            bn::fill(lc::ECDSA_SIG_get0_s(signature.0.as_ptr()), s)
        }
    }

    pub(in crate::crypto) fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> Result<()> {
        // SAFETY: live key; ECDSA_SIG_set0 takes the two integers only when it succeeds, which
        // for non-null ones it always does; reads `digest` within its length.
        let status = unsafe {
            let signature = Signature(non_null(lc::ECDSA_SIG_new(), "ECDSA_SIG_new")?);
            let r = non_null(lc::BN_bin2bn(r.as_ptr(), r.len(), null_mut()), "BN_bin2bn")?;
            let s = lc::BN_bin2bn(s.as_ptr(), s.len(), null_mut());
            if lc::ECDSA_SIG_set0(signature.0.as_ptr(), r.as_ptr(), s) != 1 {
                lc::BN_free(r.as_ptr());
                lc::BN_free(s);
                return Err(failure("ECDSA_SIG_set0"));
            }
            lc::ECDSA_do_verify(
                digest.as_ptr(),
                digest.len(),
                signature.0.as_ptr(),
                self.0.as_ptr(),
            )
        };
        check(status, "ECDSA_do_verify").map_err(|_| Error::BadSignature)
    }
}

impl Drop for EcKey {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again; its scalar is wiped.
        unsafe { lc::EC_KEY_free(self.0.as_ptr()) }
    }
}

struct Point(NonNull<EC_POINT>);

impl Point {
    fn new(group: Group) -> Result<Self> {
        // SAFETY: built-in groups are static.
        let point = unsafe { lc::EC_POINT_new(group.as_ptr()) };
        Ok(Self(non_null(point, "EC_POINT_new")?))
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::EC_POINT_free(self.0.as_ptr()) }
    }
}

struct Signature(NonNull<ECDSA_SIG>);

impl Drop for Signature {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::ECDSA_SIG_free(self.0.as_ptr()) }
    }
}
