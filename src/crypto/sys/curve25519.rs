//! Ed25519 and X25519, which aws-lc computes on bytes.

use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::check;

/// Bytes of a seed, a scalar, a public key and a shared secret.
pub(in crate::crypto) const KEY_LEN: usize = 32;
/// Bytes of a signature, of a SHA-512 digest and of an Ed25519 seed with its public key.
pub(in crate::crypto) const SIGNATURE_LEN: usize = 64;

/// A variant of EdDSA (RFC 8032 section 5.1). Contexts have up to 255 bytes.
#[derive(Clone, Copy)]
pub(in crate::crypto) enum Variant<'a> {
    Pure,
    /// Ed25519ctx; the context is not empty.
    Context(&'a [u8]),
    /// Ed25519ph; the input is a SHA-512 digest.
    Prehashed(&'a [u8]),
}

/// The public key of an Ed25519 seed; and seed ‖ public key, the form in which aws-lc signs.
pub(in crate::crypto) fn ed25519(seed: &[u8; KEY_LEN]) -> ([u8; KEY_LEN], Secret) {
    let mut public = [0; KEY_LEN];
    let mut private = Secret::zeroed(SIGNATURE_LEN);
    // SAFETY: reads 32 bytes of `seed`, writes 32 and 64 bytes.
    unsafe {
        aws_lc_sys::ED25519_keypair_from_seed(
            public.as_mut_ptr(),
            private.as_mut_ptr(),
            seed.as_ptr(),
        );
    }
    (public, private)
}

/// `private` is seed ‖ public key, as `ed25519` returns it.
pub(in crate::crypto) fn sign(
    private: &Secret,
    variant: Variant<'_>,
    input: &[u8],
    out: &mut [u8; SIGNATURE_LEN],
) -> Result<()> {
    let private: &[u8; SIGNATURE_LEN] = fixed(private, "Ed25519 key")?;
    let (out, private) = (out.as_mut_ptr(), private.as_ptr());
    // SAFETY: writes 64 bytes of `out`, reads 64 of `private`, and `input` and context within
    // their lengths; a prehashed input is 64 bytes long.
    let status = unsafe {
        match variant {
            Variant::Pure => aws_lc_sys::ED25519_sign(out, input.as_ptr(), input.len(), private),
            Variant::Context(context) => aws_lc_sys::ED25519ctx_sign(
                out,
                input.as_ptr(),
                input.len(),
                private,
                context.as_ptr(),
                context.len(),
            ),
            Variant::Prehashed(context) => {
                let digest: &[u8; SIGNATURE_LEN] = fixed(input, "Ed25519ph digest")?;
                aws_lc_sys::ED25519ph_sign_digest(
                    out,
                    digest.as_ptr(),
                    private,
                    context.as_ptr(),
                    context.len(),
                )
            }
        }
    };
    check(status, "ED25519_sign")
}

pub(in crate::crypto) fn verify(
    public: &[u8; KEY_LEN],
    variant: Variant<'_>,
    input: &[u8],
    signature: &[u8; SIGNATURE_LEN],
) -> Result<()> {
    let (public, signature) = (public.as_ptr(), signature.as_ptr());
    // SAFETY: reads 32 bytes of `public`, 64 of `signature`, and `input` and context within their
    // lengths; a prehashed input is 64 bytes long.
    let status = unsafe {
        match variant {
            Variant::Pure => {
                aws_lc_sys::ED25519_verify(input.as_ptr(), input.len(), signature, public)
            }
            Variant::Context(context) => aws_lc_sys::ED25519ctx_verify(
                input.as_ptr(),
                input.len(),
                signature,
                public,
                context.as_ptr(),
                context.len(),
            ),
            Variant::Prehashed(context) => {
                let digest: &[u8; SIGNATURE_LEN] = fixed(input, "Ed25519ph digest")?;
                aws_lc_sys::ED25519ph_verify_digest(
                    digest.as_ptr(),
                    signature,
                    public,
                    context.as_ptr(),
                    context.len(),
                )
            }
        }
    };
    check(status, "ED25519_verify").map_err(|_| Error::BadSignature)
}

pub(in crate::crypto) fn x25519_public(scalar: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
    let mut public = [0; KEY_LEN];
    // SAFETY: reads and writes 32 bytes.
    unsafe { aws_lc_sys::X25519_public_from_private(public.as_mut_ptr(), scalar.as_ptr()) };
    public
}

/// X25519 (RFC 7748 section 6.1); an error when the shared secret is zero.
pub(in crate::crypto) fn x25519(
    scalar: &[u8; KEY_LEN],
    peer: &[u8; KEY_LEN],
    out: &mut [u8; KEY_LEN],
) -> Result<()> {
    // SAFETY: reads 32 bytes twice and writes 32.
    let status = unsafe { aws_lc_sys::X25519(out.as_mut_ptr(), scalar.as_ptr(), peer.as_ptr()) };
    check(status, "X25519")
}

fn fixed<'a, const N: usize>(bytes: &'a [u8], what: &'static str) -> Result<&'a [u8; N]> {
    bytes.try_into().map_err(|_| Error::Internal(what))
}
