//! The key derivation of IKE with HMAC, and the two ways to make longer keys of its output (RFC 2409 appendix B, RFC
//! 7296 section 2.13).

use super::hash::{Hash, Hmac};
use super::{Error, Result};
use crate::secret::Secret;

/// Most blocks that a longer key is made of.
const MOST_BLOCKS: usize = 255;

/// HMAC of the parts of a message, as long as the digest.
pub(crate) fn prf(hash: Hash, key: &[u8], message: &[&[u8]]) -> Secret {
    let mut mac = Hmac::new(hash, key);
    message.iter().for_each(|part| mac.update(part));
    let mut out = Secret::zeroed(hash.len());
    mac.finish_into(&mut out);
    out
}

/// prf+ of RFC 7296 section 2.13: `len` bytes, of which each block depends on the one before, the seed and its
/// number. `Error::KeySize` for more than 255 blocks.
pub(crate) fn prf_plus(hash: Hash, key: &[u8], seed: &[&[u8]], len: usize) -> Result<Secret> {
    chain(hash, len, |previous, number| {
        prf(hash, key, &[&[previous], seed, &[&[number]]].concat())
    })
}

/// RFC 2409 appendix B and section 5.5: `len` bytes, of which each block depends on the one before and the seed;
/// without a seed the first one depends on a zero byte. `Error::KeySize` for more than 255 blocks.
pub(crate) fn extended(hash: Hash, key: &[u8], seed: &[&[u8]], len: usize) -> Result<Secret> {
    let empty = seed.iter().all(|part| part.is_empty());
    chain(hash, len, |previous, number| match number {
        1 if empty => prf(hash, key, &[&[0]]),
        _ => prf(hash, key, &[&[previous], seed].concat()),
    })
}

fn chain(hash: Hash, len: usize, block: impl Fn(&[u8], u8) -> Secret) -> Result<Secret> {
    if len > MOST_BLOCKS * hash.len() {
        return Err(Error::KeySize);
    }
    let mut out = Secret::zeroed(len);
    let mut previous = Secret::zeroed(0);
    for (number, to) in (1..=u8::MAX).zip(out.chunks_mut(hash.len())) {
        previous = block(&previous, number);
        to.copy_from_slice(&previous[..to.len()]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_key_has_at_most_255_blocks() {
        for hash in [Hash::Sha1, Hash::Sha512] {
            let most = 255 * hash.len();
            for longer in [prf_plus, extended] {
                assert_eq!(longer(hash, b"key", &[b"seed"], most).unwrap().len(), most);
                let refused = longer(hash, b"key", &[b"seed"], most + 1);
                assert_eq!(refused.err(), Some(Error::KeySize));
            }
        }
    }
}
