//! What signatures of ML-DSA and SLH-DSA have in common (FIPS 204 algorithms 2 to 5, FIPS 205 algorithms 22 to
//! 25): they sign a domain byte, a context string, and the message or its digest.

use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Shake128, Shake256};

use super::hash::{Hash, Hasher};
use super::{Error, Result};

/// Greatest length of a context string in bytes.
pub(crate) const MAX_CONTEXT_LEN: usize = 255;

/// Whether a signature takes fresh randomness (FIPS 204 section 3.4, FIPS 205 section 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Randomness {
    /// The hedged variant.
    Fresh,
    /// The deterministic variant.
    None,
}

/// The last byte of the object identifiers below 2.16.840.1.101.3.4.2 follows.
const NIST_HASHES: [u8; 10] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// The hash function of HashML-DSA and HashSLH-DSA.
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

    /// The object identifier in DER. `InvalidParameter` for hash functions that the standards do not have.
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
            Self::Hash(_) => {
                return Err(Error::InvalidParameter(
                    "HashML-DSA and HashSLH-DSA take SHA-2, SHA-3 and SHAKE alone",
                ));
            }
        };
        let mut oid = [last; 11];
        oid[..10].copy_from_slice(&NIST_HASHES);
        Ok(oid)
    }
}

/// In which form a message is signed.
pub(crate) struct Form {
    /// The context string, at most 255 bytes.
    pub(crate) context: Vec<u8>,
    /// The object identifier, in DER, of the hash function whose digest is signed in place of the message.
    pub(crate) oid: Option<[u8; 11]>,
}

impl Form {
    /// `InvalidParameter` for a context string of more than 255 bytes, and for hash functions that the standards
    /// do not have.
    fn new(context: &[u8], by: Option<PreHash>) -> Result<Self> {
        if context.len() > MAX_CONTEXT_LEN {
            return Err(Error::InvalidParameter(
                "a context string has at most 255 bytes",
            ));
        }
        Ok(Self {
            context: context.to_vec(),
            oid: by.map(PreHash::oid).transpose()?,
        })
    }

    /// What comes before the message or its digest in the standards' M'.
    pub(crate) fn head(&self) -> Vec<u8> {
        let domain = u8::from(self.oid.is_some());
        // No context string is longer.
        let len = u8::try_from(self.context.len()).unwrap_or(u8::MAX);
        let mut head = vec![domain, len];
        head.extend_from_slice(&self.context);
        head.extend(self.oid.iter().flatten());
        head
    }
}

/// What is signed of a message that has not begun.
pub(crate) struct SignedMessage {
    pub(crate) form: Form,
    /// Takes the message where its digest is signed.
    pub(crate) digest: Option<Digest>,
}

impl SignedMessage {
    /// Of a message as it is. `InvalidParameter` for a context string of more than 255 bytes.
    pub(crate) fn pure(context: &[u8]) -> Result<Self> {
        Ok(Self {
            form: Form::new(context, None)?,
            digest: None,
        })
    }

    /// Of a message that is hashed first. `InvalidParameter` as that of `pure`, and for hash functions that
    /// the standards do not have.
    pub(crate) fn hashed(context: &[u8], by: PreHash) -> Result<Self> {
        let state = match by {
            PreHash::Hash(hash) => State::Hash(Box::new(Hasher::new(hash))),
            PreHash::Shake128 => State::Shake128(Shake128::default()),
            PreHash::Shake256 => State::Shake256(Shake256::default()),
        };
        Self::of_digest(context, by, state)
    }

    /// As `hashed`; the message is the digest, which the caller computed.
    pub(crate) fn given(context: &[u8], by: PreHash) -> Result<Self> {
        Self::of_digest(context, by, State::Given(Vec::new()))
    }

    fn of_digest(context: &[u8], by: PreHash, state: State) -> Result<Self> {
        Ok(Self {
            form: Form::new(context, Some(by))?,
            digest: Some(Digest { by, state }),
        })
    }
}

/// The digest of a message that comes in parts.
pub(crate) struct Digest {
    by: PreHash,
    state: State,
}

enum State {
    Hash(Box<Hasher>),
    Shake128(Shake128),
    Shake256(Shake256),
    /// The message is the digest itself.
    Given(Vec<u8>),
}

impl Digest {
    /// Takes more of the message. `InputLength` where the message is a digest and becomes too long.
    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.state {
            State::Hash(hasher) => hasher.update(message),
            State::Shake128(shake) => shake.update(message),
            State::Shake256(shake) => shake.update(message),
            State::Given(digest) => {
                if message.len() > self.by.len() - digest.len() {
                    return Err(Error::InputLength);
                }
                digest.extend_from_slice(message);
            }
        }
        Ok(())
    }

    /// The digest. `InputLength` where the message is a digest and too short.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        let mut out = vec![0; self.by.len()];
        match self.state {
            State::Hash(hasher) => return Ok(hasher.finish()),
            State::Shake128(shake) => shake.finalize_xof().read(&mut out),
            State::Shake256(shake) => shake.finalize_xof().read(&mut out),
            State::Given(digest) => {
                if digest.len() != out.len() {
                    return Err(Error::InputLength);
                }
                return Ok(digest);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_its_length_and_no_other() {
        let by = PreHash::Hash(Hash::Sha256);
        let begun = || SignedMessage::given(b"", by).unwrap().digest.unwrap();
        let mut short = begun();
        short.update(&[7; 31]).unwrap();
        assert_eq!(short.finish(), Err(Error::InputLength));
        let mut long = begun();
        long.update(&[7; 32]).unwrap();
        assert_eq!(long.update(&[7]), Err(Error::InputLength));
        for none in [Hash::Sha1, Hash::Sm3, Hash::Md5] {
            let refused = SignedMessage::given(b"", PreHash::Hash(none)).err();
            assert!(matches!(refused, Some(Error::InvalidParameter(_))));
        }
    }

    #[test]
    fn a_context_string_has_at_most_255_bytes() {
        let longest = [7; MAX_CONTEXT_LEN];
        let head = SignedMessage::pure(&longest).unwrap().form.head();
        assert_eq!(head, [&[0, 255][..], &longest].concat());
        let refused = SignedMessage::pure(&[7; MAX_CONTEXT_LEN + 1]).err();
        assert!(matches!(refused, Some(Error::InvalidParameter(_))));
    }
}
