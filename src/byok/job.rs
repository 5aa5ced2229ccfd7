//! Import jobs: a wrapping key pair made for one external key and one algorithm (BYOK section 3).

use std::fmt;

use crate::ck;
use crate::clock::UnixTime;

/// Version of the import token's encoding.
const VERSION: u8 = 1;

/// Stands for the external key in the statement of a job that serves many. No key has this uid.
const EVERY_KEY: [u8; 16] = [0; 16];

/// What is known of an import job's private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The external key that it serves; `None` for a job that serves every key of its profile.
    pub target: Option<[u8; 16]>,
    /// The wrapping key itself.
    pub wrapping: [u8; 16],
    /// CKA_TENON_WRAP_ALGORITHM.
    pub algorithm: ck::CK_ULONG,
    /// End of its life; 0 = never.
    pub not_after: UnixTime,
}

impl Job {
    /// Length of `statement` in bytes.
    pub const STATEMENT: usize = 1 + 16 + 16 + 8 + 8;

    /// What the import token says, which is this and the token's MAC over it: version, uid of the
    /// external key (zeros for a job that serves many), uid of the wrapping key, algorithm and end of life, the last two as 8
    /// big-endian bytes.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        [
            &[VERSION][..],
            &self.target.unwrap_or(EVERY_KEY),
            &self.wrapping,
            &self.algorithm.to_be_bytes(),
            &self.not_after.to_be_bytes(),
        ]
        .concat()
    }

    /// The job that an import token names. The token's MAC is not checked, so nothing of this is proven.
    #[must_use]
    pub fn claimed(import_token: &[u8]) -> Option<Self> {
        let statement = import_token.get(..Self::STATEMENT)?;
        let (version, rest) = statement.split_first()?;
        let (target, rest) = rest.split_first_chunk()?;
        let (wrapping, rest) = rest.split_first_chunk()?;
        let (algorithm, rest) = rest.split_first_chunk()?;
        let not_after = rest.first_chunk()?;
        (*version == VERSION).then(|| Self {
            target: Some(*target).filter(|target| *target != EVERY_KEY),
            wrapping: *wrapping,
            algorithm: ck::CK_ULONG::from_be_bytes(*algorithm),
            not_after: UnixTime::from_be_bytes(*not_after),
        })
    }
}

/// Why a job does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The template names another external key, or one of another profile.
    Target,
    /// The external key demands an import token, and none was given.
    TokenMissing,
    /// The import token is not the one of this job.
    Token,
    /// The mechanism's parameter is not that of the job's algorithm.
    Parameter,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Target => {
                "the import request (its wrapping key and import token) belongs to another external key, or to \
                 another profile: use those of this key (`tenon byok parameters`)"
            }
            Self::TokenMissing => {
                "the external key demands the import token that came with the public key: give it \
                 (`tenon byok import --import-token`, CKA_TENON_IMPORT_TOKEN)"
            }
            Self::Token => {
                "the import token and the wrapping key are not of one download: use both of the same, or run `tenon byok parameters` again"
            }
            Self::Parameter => {
                "the parameter is not that of the import job's algorithm: give none, and the job decides"
            }
        })
    }
}
