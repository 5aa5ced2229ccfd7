//! The saved state of an operation: a parameter to begin anew with, and what the new operation is then
//! to restore.

use super::Params;
use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What `Resumable::save` gives.
pub struct Saved {
    pub params: Params,
    pub state: Secret,
}

impl Saved {
    pub(super) fn new(params: Params, state: &[u8]) -> Self {
        Self {
            params,
            state: Secret::copy(state),
        }
    }
}

/// CKR_SAVED_STATE_INVALID.
#[must_use]
pub(crate) fn unusable() -> Error {
    Error::new(
        ck::CKR_SAVED_STATE_INVALID,
        "the bytes are no state that this token saved since its first session was opened",
    )
}

// What a parameter begins with when it is written.
const NONE: u8 = 0;
const IV: u8 = 1;
const CTR: u8 = 2;
const MAC_LEN: u8 = 3;

impl Params {
    /// The parameter in bytes; `None` for those of operations that cannot be saved.
    #[must_use]
    pub fn saved(&self) -> Option<Vec<u8>> {
        match self {
            Self::None => Some(vec![NONE]),
            Self::Iv(iv) => Some([&[IV], iv.as_slice()].concat()),
            Self::Ctr { counter, bits } => {
                Some([&[CTR], counter.as_slice(), &bits.to_be_bytes()].concat())
            }
            Self::MacLen(len) => {
                let len = u64::try_from(*len).ok()?;
                Some([&[MAC_LEN], len.to_be_bytes().as_slice()].concat())
            }
            _ => None,
        }
    }

    /// The parameter that `saved` wrote.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID.
    pub fn restored(saved: &[u8]) -> Result<Self> {
        let (kind, rest) = saved.split_first().ok_or_else(unusable)?;
        let params = match *kind {
            NONE => Some(Self::None),
            IV => Some(Self::Iv(rest.into())),
            CTR => restored_ctr(rest),
            MAC_LEN => restored_mac_len(rest),
            _ => None,
        };
        params.ok_or_else(unusable)
    }
}

fn restored_ctr(saved: &[u8]) -> Option<Params> {
    let (counter, bits) = saved.split_first_chunk()?;
    Some(Params::Ctr {
        counter: *counter,
        bits: u32::from_be_bytes(bits.try_into().ok()?),
    })
}

fn restored_mac_len(saved: &[u8]) -> Option<Params> {
    let len = u64::from_be_bytes(saved.try_into().ok()?);
    Some(Params::MacLen(usize::try_from(len).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_back_as_they_were() {
        for params in [
            Params::None,
            Params::Iv(Vec::new().into()),
            Params::Iv(vec![7; 16].into()),
            Params::Ctr {
                counter: [9; 16],
                bits: 128,
            },
            Params::MacLen(12),
        ] {
            let saved = params.saved().unwrap();
            assert_eq!(Params::restored(&saved).unwrap(), params);
        }
        assert_eq!(Params::Extract(5).saved(), None);
    }

    #[test]
    fn other_bytes_are_no_parameter() {
        for saved in [&[][..], &[4], &[CTR, 1, 2], &[MAC_LEN, 0]] {
            let refused = Params::restored(saved).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_SAVED_STATE_INVALID);
        }
    }
}
