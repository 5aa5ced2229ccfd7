//! secp256k1; ECDSA with deterministic nonces (RFC 6979).

use k256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use k256::ecdsa::{Signature, SigningKey, VerifyingKey};

use crate::crypto::{Error, Result};

/// Bytes of the order, of the field and of the digest that counts.
const LEN: usize = 32;

/// The key of a SEC 1 point; `InvalidKey` for a point that is not on the curve.
pub(super) fn public(point: &[u8]) -> Result<VerifyingKey> {
    VerifyingKey::from_sec1_bytes(point)
        .map_err(|_| Error::InvalidKey("the EC point is not on its curve"))
}

/// The key of a big-endian scalar of 32 bytes; `InvalidKey` outside [1, n - 1].
pub(super) fn private(scalar: &[u8]) -> Result<SigningKey> {
    SigningKey::from_slice(scalar)
        .map_err(|_| Error::InvalidKey("the EC scalar is outside [1, n - 1]"))
}

/// The point, SEC 1 uncompressed: 65 bytes.
pub(super) fn point(key: &VerifyingKey) -> Vec<u8> {
    key.to_sec1_point(false).as_bytes().to_vec()
}

pub(super) fn sign(key: &SigningKey, digest: &[u8], r: &mut [u8], s: &mut [u8]) -> Result<()> {
    let signature: Signature = key
        .sign_prehash(&number(digest))
        .map_err(|_| Error::Internal("secp256k1 signature"))?;
    let (first, second) = signature.split_bytes();
    r.copy_from_slice(&first);
    s.copy_from_slice(&second);
    Ok(())
}

pub(super) fn verify(key: &VerifyingKey, digest: &[u8], r: &[u8], s: &[u8]) -> Result<()> {
    let signature = Signature::from_scalars(number(r), number(s))
        .map_err(|_| Error::BadSignature)?
        .normalize_s();
    key.verify_prehash(&number(digest), &signature)
        .map_err(|_| Error::BadSignature)
}

/// ECDH: writes the x coordinate of the product.
pub(super) fn agree(key: &SigningKey, peer: &VerifyingKey, out: &mut [u8]) {
    let shared = k256::ecdh::diffie_hellman(key.as_nonzero_scalar(), peer.as_affine());
    out.copy_from_slice(shared.raw_secret_bytes());
}

/// The leftmost 32 bytes, or fewer bytes padded on the left: the same number (SEC 1 section 4.1.3).
fn number(bytes: &[u8]) -> [u8; LEN] {
    let bytes = &bytes[..bytes.len().min(LEN)];
    let mut number = [0; LEN];
    number[LEN - bytes.len()..].copy_from_slice(bytes);
    number
}
