//! Approvals: the deletions of a key that its custodians agree to.

use std::fmt;

use crate::clock::UnixTime;

const DAY: UnixTime = 86_400;
/// The most custodians of a key.
pub(crate) const MOST_CUSTODIANS: usize = 16;

/// What custodians agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// The key's deletion is scheduled, so many days ahead.
    ScheduleDeletion(u16),
    /// The key's material is deleted at once.
    DeleteMaterial,
}

impl Deed {
    /// To schedule a deletion for `at`; part of a day counts as the nearer whole one.
    pub(crate) fn scheduled(at: UnixTime, now: UnixTime) -> Self {
        let days = (at.saturating_sub(now) + DAY / 2) / DAY;
        Self::ScheduleDeletion(u16::try_from(days).unwrap_or(u16::MAX))
    }

    /// The action of this name, with the days that belong to it.
    #[must_use]
    pub fn parse(action: &str, days: Option<u64>) -> Option<Self> {
        match (action, days) {
            ("schedule-deletion", Some(days)) => {
                u16::try_from(days).ok().map(Self::ScheduleDeletion)
            }
            ("delete-material", None) => Some(Self::DeleteMaterial),
            _ => None,
        }
    }

    /// The name of the action.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::ScheduleDeletion(_) => "schedule-deletion",
            Self::DeleteMaterial => "delete-material",
        }
    }

    /// The days of a scheduled deletion.
    #[must_use]
    pub fn days(self) -> Option<u16> {
        match self {
            Self::ScheduleDeletion(days) => Some(days),
            Self::DeleteMaterial => None,
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScheduleDeletion(days) => write!(f, "schedule-deletion in {days} days"),
            Self::DeleteMaterial => f.write_str("delete-material"),
        }
    }
}

/// Why a list of custodians, an approval, or a deletion without approvals is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApprovalRefusal {
    /// A new key lists so many custodians.
    Count(usize),
    /// This custodian of a new key, counted from 1, has no public key that can approve.
    Custodian(usize),
    /// This custodian of a new key, counted from 1, is listed before already.
    Repeated(usize),
    /// So many custodians of a new key must agree; `None` where its template does not say how many.
    Quorum {
        needed: Option<u64>,
        custodians: usize,
    },
    /// The key has none.
    NoCustodians,
    /// The approval is no statement with a signature.
    Malformed,
    /// The approval is of another one of these.
    Other(&'static str),
    /// Its nonce is not the key's present one.
    Spent,
    /// No custodian's key made the signature.
    Signature,
    /// The token has the private half of a custodian's key.
    OwnKey,
    /// The import would erase the live material of the next version, which custodians guard.
    Replaces,
    /// Too few approvals are there.
    Missing { deed: Deed, needed: u64, there: u64 },
}

impl fmt::Display for ApprovalRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(
                f,
                "a key has 1 to {MOST_CUSTODIANS} custodians (`--custodian`, CKA_TENON_CUSTODIANS), not {count}"
            ),
            Self::Custodian(number) => write!(
                f,
                "custodian {number} (`--custodian`, CKA_TENON_CUSTODIANS) has no public key that can approve: take one \
                 of ECDSA, Ed25519, or RSA from 2048 bits on, in SubjectPublicKeyInfo DER"
            ),
            Self::Repeated(number) => write!(
                f,
                "custodian {number} (`--custodian`, CKA_TENON_CUSTODIANS) is listed before already: each approves once, \
                 so list each once"
            ),
            Self::Quorum {
                needed: None,
                custodians,
            } => write!(
                f,
                "how many of the {custodians} custodians must approve is not said: say a quorum (`--quorum`, \
                 CKA_TENON_QUORUM) of 1 to {custodians}"
            ),
            Self::Quorum {
                needed: Some(needed),
                custodians,
            } => write!(
                f,
                "{needed} custodians must approve (`--quorum`, CKA_TENON_QUORUM), and the key lists {custodians} \
                 (`--custodian`, CKA_TENON_CUSTODIANS): say a quorum of 1 to {custodians}"
            ),
            Self::NoCustodians => {
                f.write_str("the key lists no custodians, so its deletion needs no approval")
            }
            Self::Malformed => f.write_str(
                "an approval is the statement that `tenon byok request-approval` writes, a line feed, and its \
                 signature: let the custodian make it by `tenon byok approve`",
            ),
            Self::Other(what) => write!(
                f,
                "the approval is of another {what}: ask the custodians for approvals of this one (`tenon byok \
                 request-approval`)"
            ),
            Self::Spent => f.write_str(
                "the approval was used, or withdrawn: each counts once. Ask the custodians for new ones (`tenon byok \
                 request-approval`)",
            ),
            Self::Signature => f.write_str(
                "no custodian of the key made this signature: the statement was changed, or somebody else signed it",
            ),
            Self::OwnKey => f.write_str(
                "the token itself has the private key of a custodian, so whoever uses the token could approve: \
                 custodians keep their keys elsewhere",
            ),
            Self::Replaces => f.write_str(
                "material waits for the next version already, this would erase it, and the key's custodians must \
                 approve that: let them approve delete-material (`tenon byok request-approval --delete-material`), \
                 delete it by its id (`tenon byok delete-material --material`), then import the other",
            ),
            Self::Missing {
                deed,
                needed,
                there,
            } => write!(
                f,
                "{needed} of the key's custodians must approve {deed}, and {there} have: `tenon byok request-approval` \
                 writes what they sign"
            ),
        }
    }
}
