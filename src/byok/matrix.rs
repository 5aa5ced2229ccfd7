//! ONE matrix: what may be done with an external key in each state.

use super::state::State;

/// What is done with an external key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Encrypt, decrypt, sign, verify, wrap or unwrap with it.
    Use,
    /// Import material.
    Import,
    /// Erase the material.
    DeleteMaterial,
    /// Give it another alias.
    Name,
    /// Give it another description or other tags.
    Describe,
    /// Switch it off or on.
    Switch,
    /// Schedule its deletion.
    Schedule,
    /// Cancel its deletion.
    Cancel,
    /// Open a new version.
    Rotate,
    /// Sign a receipt of its import.
    Attest,
    /// Find it and read its attributes.
    See,
}

/// A row for each state: what it allows.
const MATRIX: &[(State, &[Act])] = &[
    (
        State::PendingImport,
        &[
            Act::Import,
            Act::DeleteMaterial,
            Act::Name,
            Act::Describe,
            Act::Schedule,
            Act::Attest,
            Act::See,
        ],
    ),
    (
        State::Enabled,
        &[
            Act::Use,
            Act::Import,
            Act::DeleteMaterial,
            Act::Name,
            Act::Describe,
            Act::Switch,
            Act::Schedule,
            Act::Rotate,
            Act::Attest,
            Act::See,
        ],
    ),
    (
        State::Disabled,
        &[
            Act::Import,
            Act::DeleteMaterial,
            Act::Name,
            Act::Describe,
            Act::Switch,
            Act::Schedule,
            Act::Rotate,
            Act::Attest,
            Act::See,
        ],
    ),
    (
        State::PendingDeletion,
        &[
            Act::DeleteMaterial,
            Act::Name,
            Act::Cancel,
            Act::Attest,
            Act::See,
        ],
    ),
    (State::Deleted, &[]),
];

/// Whether a key in this state allows it.
#[must_use]
pub(crate) fn allows(state: State, act: Act) -> bool {
    MATRIX
        .iter()
        .any(|(of, acts)| *of == state && acts.contains(&act))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand from the rules, a letter for each act in the order of `Act`.
    #[test]
    fn the_matrix_is_that_of_the_rules() {
        let acts = [
            (Act::Use, 'u'),
            (Act::Import, 'i'),
            (Act::DeleteMaterial, 'd'),
            (Act::Name, 'n'),
            (Act::Describe, 'e'),
            (Act::Switch, 'w'),
            (Act::Schedule, 'c'),
            (Act::Cancel, 'x'),
            (Act::Rotate, 'r'),
            (Act::Attest, 't'),
            (Act::See, 's'),
        ];
        for (state, expected) in [
            (State::PendingImport, "idnects"),
            (State::Enabled, "uidnewcrts"),
            (State::Disabled, "idnewcrts"),
            (State::PendingDeletion, "dnxts"),
            (State::Deleted, ""),
        ] {
            let allowed: String = acts
                .iter()
                .filter(|(act, _)| allows(state, *act))
                .map(|(_, letter)| letter)
                .collect();
            assert_eq!(allowed, expected, "{state:?}");
        }
        assert_eq!(MATRIX.len(), 5, "a row for each state");
    }
}
