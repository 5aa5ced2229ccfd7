//! Message representatives: what is signed of a message (FIPS 204, line 6 of algorithm 7).

use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::crypto::Result;
use crate::crypto::prehash::{Digest, SignedMessage};

/// The representative of a message that comes in parts.
pub(crate) struct Representative {
    /// Has taken everything before the message or its digest.
    mu: Shake256,
    digest: Option<Digest>,
}

impl Representative {
    /// Of a message that has not begun, with the hash of the public key.
    pub(crate) fn new(public_hash: &[u8; 64], message: SignedMessage) -> Self {
        let mut mu = Shake256::default();
        mu.update(public_hash);
        mu.update(&message.form.head());
        Self {
            mu,
            digest: message.digest,
        }
    }

    /// Takes more of the message. `InputLength` where the message is a digest and becomes too long.
    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.digest {
            None => self.mu.update(message),
            Some(digest) => digest.update(message)?,
        }
        Ok(())
    }

    /// The representative. `InputLength` where the message is a digest and too short.
    pub(crate) fn finish(self) -> Result<[u8; 64]> {
        let Self { mut mu, digest } = self;
        if let Some(digest) = digest {
            mu.update(&digest.finish()?);
        }
        let mut out = [0; 64];
        mu.finalize_xof().read(&mut out);
        Ok(out)
    }
}

/// The hash of a public key, which its signatures bind (FIPS 204 calls it tr).
pub(super) fn public_hash(public: &[u8]) -> [u8; 64] {
    let mut shake = Shake256::default();
    shake.update(public);
    let mut out = [0; 64];
    shake.finalize_xof().read(&mut out);
    out
}
