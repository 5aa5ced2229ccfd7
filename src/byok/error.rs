//! Why the lifecycle refuses.

use std::fmt;

use super::approval::ApprovalRefusal;
use super::job::Refused;
use super::matrix::Act;
use super::profile::{Profile, Rotation, Rule};
use super::share::ShareRefusal;
use super::state::{OlderVersion, State};

/// What is said of every blob that brings no key, whatever is wrong with it.
pub(crate) const BAD_BLOB: &str = "the blob does not open by this key and mechanism, or what it holds does not fit the key that it is for";

/// Why the lifecycle refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Error {
    /// The key is in a state that does not allow it.
    State(State),
    /// The key needs the material of each of its versions, and this one's is gone.
    OlderMaterial(OlderVersion),
    /// The key has several versions, and the material of the current one, which has this number, is gone.
    CurrentMaterial(usize),
    /// The key is in a state that does not allow this change.
    Administration(Act, State),
    /// Other material than the bound one. `named` tells whether the caller may learn that it was
    /// this (rule 3): only where the wrap protects integrity.
    Mismatch {
        /// The wrap protects integrity.
        named: bool,
    },
    /// Other material than that of the key's versions, which this way of rotation brings otherwise. The wrap protects
    /// integrity.
    OfNextVersion(Rotation),
    /// The expiry asked for has passed.
    ExpiryPast,
    /// The key's profile does not have it.
    Profile(&'static Profile, Rule),
    /// The import job does not serve.
    Job(Refused),
    /// The import does not bring what a key with, or without, shares takes.
    Share(ShareRefusal),
    /// A list of custodians, an approval, or a deletion that lacks some.
    Approval(ApprovalRefusal),
    /// A wrapping algorithm that the configuration leaves off.
    Pkcs1Off,
    /// The value is none that the attribute can have.
    Value(&'static str),
    /// A new version waits for its material already.
    VersionPending,
    /// `rotate`, and there is no material for the next version.
    NoNext,
    /// `rotate` of a key whose ciphertext does not name its version.
    RawRotation,
    /// Material of a version that the key has already, brought for its next version.
    NotNew,
    /// The attribute is fixed, or belongs to keys with a profile alone.
    Fixed,
    /// A key that C_DestroyObject does not destroy.
    Undying(Undying),
    /// An import into a key that the token generated, or a new version of such a key.
    Generated,
    /// Another key with a profile has the alias.
    AliasTaken,
}

/// Why C_DestroyObject leaves a key whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undying {
    /// The token generated its material, which goes with the key alone.
    Generated,
    /// It waits for its first material.
    NeverBound,
}

impl Error {
    /// Another present could have brought another answer.
    #[must_use]
    pub(crate) fn is_of_time(&self) -> bool {
        matches!(
            self,
            Self::ExpiryPast
                | Self::State(State::Deleted)
                | Self::Profile(_, Rule::ExpiryMaximum | Rule::Deletion | Rule::JobLife)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(State::PendingImport) => {
                f.write_str("the external key has no live material: import it (`tenon byok import`)")
            }
            Self::OlderMaterial(OlderVersion {
                number,
                material_id,
            }) => {
                write!(
                    f,
                    "the material of version {number} of the key has expired or was deleted, and the key works only with \
                     the material of all of its versions: import that of version {number} again (material id "
                )?;
                material_id
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("; `tenon byok import`)")
            }
            Self::CurrentMaterial(number) => write!(
                f,
                "the material of version {number} of the key, its current one, has expired or was deleted: import it \
                 again (`tenon byok import`)"
            ),
            Self::State(State::Disabled) => {
                f.write_str(
                    "the key is disabled: enable it first (`tenon byok enable`, CKA_TENON_DISABLED=FALSE)",
                )
            }
            Self::State(State::PendingDeletion) => f.write_str(
                "the key is scheduled for deletion: cancel that first (`tenon byok cancel-deletion`)",
            ),
            Self::State(State::Deleted) => {
                f.write_str("the key is deleted: the time of its scheduled deletion has come")
            }
            Self::State(State::Enabled) => f.write_str("the external key is enabled"),
            Self::Administration(Act::Cancel, state) => write!(
                f,
                "no deletion of the key is scheduled (its state is {}), so there is none to cancel",
                state.name()
            ),
            Self::Administration(Act::Schedule, State::PendingDeletion) => f.write_str(
                "the key's deletion is scheduled already: cancel it first (`tenon byok cancel-deletion`), then \
                 schedule another",
            ),
            Self::Administration(Act::Switch, State::PendingImport) => f.write_str(
                "only a key that has its material is disabled or enabled, and this one is PendingImport: import \
                 the material first",
            ),
            Self::Administration(_, State::PendingDeletion) => f.write_str(
                "the key is scheduled for deletion: cancel that first (`tenon byok cancel-deletion`)",
            ),
            Self::Administration(_, state) => {
                write!(f, "the key's state, {}, does not allow this", state.name())
            }
            Self::Mismatch { named: true } => {
                f.write_str(
                    "this is not the material that the key is bound to for ever: make another key for other \
                     material (`tenon byok create`)",
                )
            }
            Self::Mismatch { named: false } => f.write_str(BAD_BLOB),
            Self::OfNextVersion(Rotation::Pending { .. }) => f.write_str(
                "this is the material of no version of the key: bring the next version's with CKA_TENON_NEW_MATERIAL=TRUE \
                 (`--new-material`), then rotate (`tenon byok rotate`)",
            ),
            Self::OfNextVersion(_) => f.write_str(
                "this is the material of no version of the key: rotate first (`tenon byok rotate`), then import the new \
                 version's",
            ),
            Self::NoNext => f.write_str(
                "there is no live material for the key's next version: import it first with \
                 CKA_TENON_NEW_MATERIAL=TRUE (`tenon byok import --new-material`)",
            ),
            Self::RawRotation => f.write_str(
                "the key is raw, so its ciphertext does not tell which version made it: after a rotation it opens \
                 what the new material encrypts, and nothing older. Rotate it by `tenon byok rotate --force` \
                 (CKA_TENON_ROTATE_RAW=TRUE) if that is wanted",
            ),
            Self::NotNew => f.write_str(
                "this is the material of a version that the key has already: import it without \
                 CKA_TENON_NEW_MATERIAL (`--new-material`), or bring other material",
            ),
            Self::VersionPending => {
                f.write_str("a new version of the key waits for its material already: import that")
            }
            Self::Fixed => f.write_str(
                "the attribute is fixed when the key is made, or only keys with a profile (`tenon byok create`) have it",
            ),
            Self::Undying(Undying::Generated) => f.write_str(
                "a generated key with a profile is destroyed with its material by a scheduled deletion alone: \
                 set CKA_TENON_DELETION_AT, or use `tenon byok schedule-deletion`",
            ),
            Self::Undying(Undying::NeverBound) => f.write_str(
                "a key of a service that never had material is destroyed by a scheduled deletion alone: set \
                 CKA_TENON_DELETION_AT, or use `tenon byok schedule-deletion`",
            ),
            Self::Generated => f.write_str(
                "the token generated this key, so it has one material for ever: nothing is imported into it, it does \
                 not rotate, and there is no receipt of an import. Make an external key for material of your own",
            ),
            Self::AliasTaken => f.write_str(
                "another external or managed key has this alias (CKA_LABEL): use another alias, or give that \
                 key another one first",
            ),
            Self::ExpiryPast => {
                f.write_str("the expiry has already passed: say a later one, or 0 (never)")
            }
            Self::Profile(profile, rule) => f.write_str(&profile.refusal(*rule)),
            Self::Job(why) => why.fmt(f),
            Self::Share(why) => why.fmt(f),
            Self::Approval(why) => why.fmt(f),
            Self::Pkcs1Off => f.write_str(
                "RSAES_PKCS1_V1_5 brings the material of external keys only where `byok.pkcs1` is set",
            ),
            Self::Value(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}
