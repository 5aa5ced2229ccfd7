//! Message representatives: what is signed of a message (FIPS 204, algorithms 2 to 5 and line 6 of 7).

use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Shake128, Shake256};

use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::{Error, Result};

/// Greatest length of a context string in bytes.
pub(crate) const MAX_CONTEXT_LEN: usize = 255;

/// The last byte of the object identifiers below 2.16.840.1.101.3.4.2 follows.
const NIST_HASHES: [u8; 10] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// The hash function of HashML-DSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreHash {
    /// A hash function of NIST's other than SHA-1.
    Hash(Hash),
    /// SHAKE128, of which 32 bytes are taken.
    Shake128,
    /// SHAKE256, of which 64 bytes are taken.
    Shake256,
}

impl PreHash {
    /// Length of the digest in bytes.
    #[must_use]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Hash(hash) => hash.len(),
            Self::Shake128 => 32,
            Self::Shake256 => 64,
        }
    }

    /// The object identifier in DER. `InvalidParameter` for hash functions that FIPS 204 does not have.
    fn oid(self) -> Result<[u8; 11]> {
        let last = match self {
            Self::Hash(Hash::Sha256) => 1,
            Self::Hash(Hash::Sha384) => 2,
            Self::Hash(Hash::Sha512) => 3,
            Self::Hash(Hash::Sha224) => 4,
            Self::Hash(Hash::Sha512_224) => 5,
            Self::Hash(Hash::Sha512_256) => 6,
            Self::Hash(Hash::Sha3_224) => 7,
            Self::Hash(Hash::Sha3_256) => 8,
            Self::Hash(Hash::Sha3_384) => 9,
            Self::Hash(Hash::Sha3_512) => 10,
            Self::Shake128 => 11,
            Self::Shake256 => 12,
            Self::Hash(Hash::Sha1 | Hash::Sm3) => {
                return Err(Error::InvalidParameter(
                    "HashML-DSA takes SHA-2, SHA-3 and SHAKE alone",
                ));
            }
        };
        let mut oid = [last; 11];
        oid[..10].copy_from_slice(&NIST_HASHES);
        Ok(oid)
    }
}

/// The representative of a message that comes in parts.
pub(crate) struct Representative {
    /// Has taken everything before the message or its digest.
    mu: Shake256,
    digest: Option<(PreHash, PreHashState)>,
}

/// The digest of a message in progress.
enum PreHashState {
    Hash(Box<Hasher>),
    Shake128(Shake128),
    Shake256(Shake256),
    /// It comes from outside: the message is its digest.
    Given(Vec<u8>),
}

impl Representative {
    /// Of a message, with the hash of the public key and a context string. `InvalidParameter` for a
    /// context string of more than 255 bytes.
    pub(crate) fn pure(public_hash: &[u8; 64], context: &[u8]) -> Result<Self> {
        Ok(Self {
            mu: begun(public_hash, 0, context)?,
            digest: None,
        })
    }

    /// Of a message that is hashed first. `InvalidParameter` as that of `pure` and for hash functions
    /// that FIPS 204 does not have.
    pub(crate) fn hashed(public_hash: &[u8; 64], context: &[u8], by: PreHash) -> Result<Self> {
        let digest = match by {
            PreHash::Hash(hash) => PreHashState::Hash(Box::new(Hasher::new(hash))),
            PreHash::Shake128 => PreHashState::Shake128(Shake128::default()),
            PreHash::Shake256 => PreHashState::Shake256(Shake256::default()),
        };
        Self::of_digest(public_hash, context, (by, digest))
    }

    /// As `hashed`; the message is the digest, which somebody else computed.
    pub(crate) fn given(public_hash: &[u8; 64], context: &[u8], by: PreHash) -> Result<Self> {
        Self::of_digest(public_hash, context, (by, PreHashState::Given(Vec::new())))
    }

    fn of_digest(
        public_hash: &[u8; 64],
        context: &[u8],
        (by, digest): (PreHash, PreHashState),
    ) -> Result<Self> {
        let mut mu = begun(public_hash, 1, context)?;
        mu.update(&by.oid()?);
        Ok(Self {
            mu,
            digest: Some((by, digest)),
        })
    }

    /// Takes more of the message. `InputLength` where the message is a digest and becomes too long.
    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.digest {
            None => self.mu.update(message),
            Some((_, PreHashState::Hash(hasher))) => hasher.update(message),
            Some((_, PreHashState::Shake128(shake))) => shake.update(message),
            Some((_, PreHashState::Shake256(shake))) => shake.update(message),
            Some((by, PreHashState::Given(digest))) => {
                if message.len() > by.len() - digest.len() {
                    return Err(Error::InputLength);
                }
                digest.extend_from_slice(message);
            }
        }
        Ok(())
    }

    /// The representative. `InputLength` where the message is a digest and too short.
    pub(crate) fn finish(self) -> Result<[u8; 64]> {
        let Self { mut mu, digest } = self;
        if let Some((by, digest)) = digest {
            let digest = digest.finish(by.len());
            if digest.len() != by.len() {
                return Err(Error::InputLength);
            }
            mu.update(&digest);
        }
        let mut out = [0; 64];
        mu.finalize_xof().read(&mut out);
        Ok(out)
    }
}

impl PreHashState {
    fn finish(self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        match self {
            Self::Hash(hasher) => return hasher.finish(),
            Self::Given(digest) => return digest,
            Self::Shake128(shake) => shake.finalize_xof().read(&mut out),
            Self::Shake256(shake) => shake.finalize_xof().read(&mut out),
        }
        out
    }
}

/// SHAKE256 over the hash of the public key, the domain and the context string.
fn begun(public_hash: &[u8; 64], domain: u8, context: &[u8]) -> Result<Shake256> {
    let len = u8::try_from(context.len())
        .map_err(|_| Error::InvalidParameter("an ML-DSA context string has at most 255 bytes"))?;
    let mut mu = Shake256::default();
    mu.update(public_hash);
    mu.update(&[domain, len]);
    mu.update(context);
    Ok(mu)
}

/// The hash of a public key, which its signatures bind (FIPS 204 calls it tr).
pub(super) fn public_hash(public: &[u8]) -> [u8; 64] {
    let mut shake = Shake256::default();
    shake.update(public);
    let mut out = [0; 64];
    shake.finalize_xof().read(&mut out);
    out
}
