//! Operations that see the whole input before they compute: it is gathered, or hashed, and then
//! goes to a function.

use zeroize::Zeroizing;

use super::Params;
use super::buffer::Buffer;
use super::op::{Cipher, Resumable, Signer, Verifier};
use super::saved::{Saved, unusable};
use crate::ck;
use crate::crypto::hash::{Hash, Hasher};
use crate::crypto::prehash::Digest;
use crate::error::{Error, Result, refuse};

/// What is kept of the input until it is complete.
pub(super) enum CollectedInput {
    /// The bytes, up to a limit.
    Gathered {
        bytes: Zeroizing<Vec<u8>>,
        limit: usize,
        /// The error beyond the limit; `None` where what is beyond it does not count.
        too_long: Option<ck::CK_RV>,
    },
    /// The bytes, however many.
    Whole(Buffer),
    /// The state of the hash; `None` once the digest is taken.
    Hashed(Option<Box<Hasher>>),
    /// As `Hashed`, of a hash that is not saved.
    Digested(Option<Box<Digest>>),
}

impl CollectedInput {
    /// At most `limit` bytes, CKR_DATA_LEN_RANGE beyond.
    pub(super) fn data(limit: usize) -> Self {
        Self::gathered(limit, Some(ck::CKR_DATA_LEN_RANGE))
    }

    /// At most `limit` bytes, CKR_ENCRYPTED_DATA_LEN_RANGE beyond.
    pub(super) fn ciphertext(limit: usize) -> Self {
        Self::gathered(limit, Some(ck::CKR_ENCRYPTED_DATA_LEN_RANGE))
    }

    /// The first `limit` bytes of any number.
    pub(super) fn leading(limit: usize) -> Self {
        Self::gathered(limit, None)
    }

    pub(super) fn whole() -> Self {
        Self::Whole(Buffer::default())
    }

    /// Any number of bytes, of which only the digest is kept.
    pub(super) fn hashed(hash: Hash) -> Self {
        Self::taken_by(Hasher::new(hash))
    }

    /// As `hashed`, by a hasher that may have taken something already.
    pub(super) fn taken_by(hasher: Hasher) -> Self {
        Self::Hashed(Some(Box::new(hasher)))
    }

    /// Any number of bytes, of which the digest that is signed in their place is kept.
    pub(super) fn digested(digest: Digest) -> Self {
        Self::Digested(Some(Box::new(digest)))
    }

    /// The memory is taken at once, since growing would leave copies behind.
    fn gathered(limit: usize, too_long: Option<ck::CK_RV>) -> Self {
        Self::Gathered {
            bytes: Zeroizing::new(Vec::with_capacity(limit)),
            limit,
            too_long,
        }
    }

    fn update(&mut self, more: &[u8]) -> Result<()> {
        match self {
            Self::Gathered {
                bytes,
                limit,
                too_long,
            } => {
                let taken = more.len().min(*limit - bytes.len());
                if let Some(rv) = *too_long
                    && taken < more.len()
                {
                    return refuse(rv, "the mechanism does not take that much input");
                }
                bytes.extend_from_slice(&more[..taken]);
            }
            Self::Whole(bytes) => bytes.extend(more)?,
            Self::Hashed(hasher) => hasher.as_mut().ok_or_else(over)?.update(more),
            Self::Digested(digest) => digest.as_mut().ok_or_else(over)?.update(more)?,
        }
        Ok(())
    }

    fn save(&self, params: &Params) -> Option<Saved> {
        let params = params.clone();
        match self {
            Self::Gathered { bytes, .. } => Some(Saved::new(params, bytes)),
            Self::Whole(bytes) => Some(Saved::new(params, bytes)),
            Self::Hashed(hasher) => Some(Saved::new(params, &hasher.as_ref()?.save()?)),
            Self::Digested(_) => None,
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        match self {
            Self::Gathered { .. } | Self::Whole(_) => self.update(state),
            Self::Hashed(hasher) => Ok(hasher.as_mut().ok_or_else(over)?.restore(state)?),
            Self::Digested(_) => Err(unusable()),
        }
    }

    /// The input, or its digest. Nothing is kept.
    fn take(&mut self) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::Gathered { bytes, .. } => Ok(std::mem::take(bytes)),
            Self::Whole(bytes) => Ok(std::mem::take(bytes).into_inner()),
            Self::Hashed(hasher) => {
                let hasher = hasher.take().ok_or_else(over)?;
                Ok(Zeroizing::new(hasher.finish()))
            }
            Self::Digested(digest) => {
                let digest = digest.take().ok_or_else(over)?;
                Ok(Zeroizing::new(digest.finish()?))
            }
        }
    }
}

fn over() -> Error {
    Error::new(ck::CKR_GENERAL_ERROR, "the operation is over")
}

/// How many bytes a cipher writes.
#[derive(Clone, Copy)]
pub(super) enum OutputLen {
    Exactly(usize),
    UpTo(usize),
}

/// An encryption or decryption: `compute(input, out)` returns how many bytes it wrote.
pub(super) fn cipher<F>(input: CollectedInput, output: OutputLen, compute: F) -> Box<dyn Cipher>
where
    F: Fn(&[u8], &mut [u8]) -> Result<usize> + Send + 'static,
{
    Box::new(OnePartCipher {
        input,
        output,
        compute,
    })
}

/// A signature of `len` bytes: `compute(input, out)` returns how many bytes it wrote.
pub(super) fn signer<F>(input: CollectedInput, len: usize, compute: F) -> Box<dyn Signer>
where
    F: Fn(&[u8], &mut [u8]) -> Result<usize> + Send + 'static,
{
    Box::new(OnePartSigner {
        input,
        len,
        compute,
    })
}

/// A verification: `compute(input, signature)`.
pub(super) fn verifier<F>(input: CollectedInput, compute: F) -> Box<dyn Verifier>
where
    F: Fn(&[u8], &[u8]) -> Result<()> + Send + 'static,
{
    Box::new(OnePartVerifier { input, compute })
}

struct OnePartCipher<F> {
    input: CollectedInput,
    output: OutputLen,
    compute: F,
}

struct OnePartSigner<F> {
    input: CollectedInput,
    len: usize,
    compute: F,
}

struct OnePartVerifier<F> {
    input: CollectedInput,
    compute: F,
}

/// The input is all the state there is.
macro_rules! resumed_by_input {
    ($($work:ident),+) => {$(
        impl<F> Resumable for $work<F> {
            fn save(&self, params: &Params) -> Option<Saved> {
                self.input.save(params)
            }

            fn restore(&mut self, state: &[u8]) -> Result<()> {
                self.input.restore(state)
            }
        }
    )+};
}
resumed_by_input!(OnePartCipher, OnePartSigner, OnePartVerifier);

impl<F> Cipher for OnePartCipher<F>
where
    F: Fn(&[u8], &mut [u8]) -> Result<usize> + Send,
{
    fn update_bound(&self, _input: usize) -> usize {
        0
    }

    fn finish_bound(&self) -> usize {
        match self.output {
            OutputLen::Exactly(len) | OutputLen::UpTo(len) => len,
        }
    }

    fn exact(&self) -> bool {
        matches!(self.output, OutputLen::Exactly(_))
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.input.update(input)?;
        Ok(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let input = self.input.take()?;
        (self.compute)(&input, out)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        (self.compute)(input, out)
    }
}

impl<F> Signer for OnePartSigner<F>
where
    F: Fn(&[u8], &mut [u8]) -> Result<usize> + Send,
{
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.input.update(message)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let input = self.input.take()?;
        (self.compute)(&input, out)
    }
}

impl<F> Verifier for OnePartVerifier<F>
where
    F: Fn(&[u8], &[u8]) -> Result<()> + Send,
{
    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.input.update(message)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let input = self.input.take()?;
        (self.compute)(&input, signature)
    }
}
