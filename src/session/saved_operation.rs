//! An operation in a saved state, and the bytes of a state.
//!
//! Of each operation: kind (1) ‖ phase (1) ‖ mechanism (8) ‖ key ‖ parameter ‖ state, the last three with
//! their length (8) in front.

use super::active::Phase;
use crate::ck;
use crate::error::Result;
use crate::mechanism::unusable;
use crate::secret::Secret;

/// What C_GetOperationState keeps of an active operation.
pub(super) struct SavedOperation {
    pub(super) kind: Kind,
    pub(super) phase: Option<Phase>,
    pub(super) mechanism: ck::CK_MECHANISM_TYPE,
    /// `Object::identity` of the key; nothing for a digest.
    pub(super) key: Vec<u8>,
    /// `Params::saved`.
    pub(super) params: Vec<u8>,
    pub(super) state: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
}

/// Which of the two keys of C_SetOperationState an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Encryption,
    Authentication,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::Digest,
        Self::Sign,
        Self::Verify,
    ];

    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Encrypt | Self::Decrypt => Some(Role::Encryption),
            Self::Sign | Self::Verify => Some(Role::Authentication),
            Self::Digest => None,
        }
    }
}

const PHASES: [Option<Phase>; 4] = [
    None,
    Some(Phase::Whole),
    Some(Phase::Update),
    Some(Phase::Final),
];

/// The bytes of a state with these operations.
pub(super) fn written(operations: &[SavedOperation]) -> Secret {
    let mut out = Vec::new();
    for operation in operations {
        out.push(place(&Kind::ALL, &operation.kind));
        out.push(place(&PHASES, &operation.phase));
        out.extend_from_slice(&operation.mechanism.to_be_bytes());
        for part in [&operation.key[..], &operation.params, &operation.state] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
    }
    Secret::from(out)
}

/// The operations in a state that `written` made.
///
/// # Errors
/// CKR_SAVED_STATE_INVALID.
pub(super) fn read(state: &[u8]) -> Result<Vec<SavedOperation>> {
    let mut operations = Vec::new();
    let mut rest = state;
    while !rest.is_empty() {
        operations.push(read_one(&mut rest).ok_or_else(unusable)?);
    }
    Ok(operations)
}

fn read_one(rest: &mut &[u8]) -> Option<SavedOperation> {
    let [kind, phase] = *take(rest)?;
    Some(SavedOperation {
        kind: *Kind::ALL.get(usize::from(kind))?,
        phase: *PHASES.get(usize::from(phase))?,
        mechanism: u64::from_be_bytes(*take(rest)?),
        key: take_part(rest)?.to_vec(),
        params: take_part(rest)?.to_vec(),
        state: Secret::copy(take_part(rest)?),
    })
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(taken)
}

fn take_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(u64::from_be_bytes(*take(rest)?)).ok()?;
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

/// Where `value` stands among `all`, which are few and hold it.
fn place<T: PartialEq>(all: &[T], value: &T) -> u8 {
    let before = all.iter().take_while(|other| *other != value).count();
    u8::try_from(before).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(kind: Kind, phase: Option<Phase>) -> SavedOperation {
        SavedOperation {
            kind,
            phase,
            mechanism: ck::CKM_AES_CBC,
            key: vec![1; 32],
            params: vec![2, 3],
            state: Secret::copy(b"held"),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for kind in Kind::ALL {
            for phase in PHASES {
                let state = written(&[operation(kind, phase), operation(Kind::Digest, None)]);
                let read = read(&state).unwrap();
                assert_eq!(read.len(), 2);
                assert_eq!((read[0].kind, read[0].phase), (kind, phase));
                assert_eq!(read[0].mechanism, ck::CKM_AES_CBC);
                assert_eq!(
                    (&read[0].key[..], &read[0].params[..]),
                    (&[1; 32][..], &[2, 3][..])
                );
                assert_eq!(&read[0].state[..], b"held");
            }
        }
    }

    #[test]
    fn a_part_of_a_state_is_none() {
        let state = written(&[operation(Kind::Sign, None)]);
        for len in 1..state.len() {
            let refused = read(&state[..len]).err().unwrap();
            assert_eq!(refused.rv, ck::CKR_SAVED_STATE_INVALID);
        }
    }
}
