//! How the parameters of NIST SP 800-108 lay out the input of the pseudo-random function: which numbers,
//! bytes and keys it takes, and in which order (PKCS#11 3.2 section 6.42).

use crate::ck;
use crate::crypto::hash::Hash;
pub use crate::crypto::kbkdf::{KbkdfMode, NumberFormat};

/// How a key is derived by NIST SP 800-108.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kbkdf {
    /// How the blocks follow each other.
    pub mode: KbkdfMode,
    /// The pseudo-random function.
    pub prf: KbkdfPrf,
    /// What stands for the block before the first; empty but in feedback mode.
    pub iv: Vec<u8>,
    /// The function's input for each block.
    pub data: Vec<KbkdfPart>,
}

impl Kbkdf {
    /// Whether the data are those of this mode: its iteration variable once, a counter and a length once
    /// at most. There is no key among what CMAC takes: whoever knows the base key computes that key from
    /// the output, since CMAC is one-way only for those who do not know its key.
    pub(in crate::mechanism) fn fits(&self, mode: KbkdfMode) -> bool {
        let count = |is: fn(&KbkdfPart) -> bool| self.data.iter().filter(|part| is(part)).count();
        let counters = count(|part| matches!(part, KbkdfPart::Counter(_)));
        let previous = count(|part| matches!(part, KbkdfPart::Previous));
        let lengths = count(|part| matches!(part, KbkdfPart::Length { .. }));
        self.mode == mode
            && lengths <= 1
            && (self.prf != KbkdfPrf::AesCmac || self.keys().is_empty())
            && match mode {
                KbkdfMode::Counter => (counters, previous) == (1, 0),
                KbkdfMode::Feedback | KbkdfMode::DoublePipeline => counters <= 1 && previous == 1,
            }
            && (mode == KbkdfMode::Feedback || self.iv.is_empty())
    }

    /// Handles of the keys among the data, in their order.
    pub(in crate::mechanism) fn keys(&self) -> Vec<ck::CK_OBJECT_HANDLE> {
        let key = |part: &KbkdfPart| match part {
            KbkdfPart::Key(handle) => Some(*handle),
            _ => None,
        };
        self.data.iter().filter_map(key).collect()
    }

    /// Whether the counter, where there is one, can number so many blocks.
    pub(super) fn numbers(&self, blocks: u64) -> bool {
        self.data.iter().all(|part| match part {
            KbkdfPart::Counter(format) => format.write(blocks).is_some(),
            _ => true,
        })
    }

    /// The length of the output for keys of these lengths, in blocks of `block` bytes, as the data have it; empty where
    /// they have none. `None` for a length that its field does not take.
    pub(super) fn length(&self, lens: &[usize], block: usize) -> Option<Vec<u8>> {
        let field = self.data.iter().find_map(|part| match part {
            KbkdfPart::Length { format, segments } => Some((format, *segments)),
            _ => None,
        });
        let Some((format, segments)) = field else {
            return Some(Vec::new());
        };
        let counted = |len: &usize| match segments {
            true => len.next_multiple_of(block),
            false => *len,
        };
        let sum: usize = lens.iter().map(counted).sum();
        format.write(sum as u64 * 8)
    }
}

/// The pseudo-random function of NIST SP 800-108.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KbkdfPrf {
    /// HMAC with this hash.
    Hmac(Hash),
    /// CMAC, with an AES key.
    AesCmac,
}

/// A part of the function's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KbkdfPart {
    /// The block's number.
    Counter(NumberFormat),
    /// The block that this one depends on.
    Previous,
    /// Length of the output in bits.
    Length {
        /// How it is written.
        format: NumberFormat,
        /// Whether the blocks count whole, of which the last is cut.
        segments: bool,
    },
    /// Bytes of the caller's.
    Bytes(Vec<u8>),
    /// The value of the key of this handle.
    Key(ck::CK_OBJECT_HANDLE),
}
