//! What is about to be done, for its record.

use crate::ck;
use crate::clock::UnixTime;
use crate::policy::Login;
use crate::store::Uid;

use super::{Entry, Event};

/// What is about to be done, for its record.
#[derive(Debug, Clone, Copy)]
pub(in crate::token) struct Doing {
    event: Event,
    login: Option<Login>,
    mechanism: Option<ck::CK_MECHANISM_TYPE>,
    by: Option<Uid>,
    number: Option<u64>,
    target: Option<Uid>,
    digest: Option<[u8; 32]>,
}

impl From<Event> for Doing {
    fn from(event: Event) -> Self {
        Self {
            event,
            login: None,
            mechanism: None,
            by: None,
            number: None,
            target: None,
            digest: None,
        }
    }
}

impl Doing {
    /// A change of objects, which a caller without a login can make too. The other changes need a PIN.
    pub(in crate::token) fn is_of_objects(&self) -> bool {
        matches!(
            self.event,
            Event::Create
                | Event::Generate
                | Event::Copy
                | Event::Change
                | Event::Destroy
                | Event::Unwrap
                | Event::Derive
        )
    }

    /// With the key that it is done by.
    pub(in crate::token) fn by(self, uid: Uid) -> Self {
        let by = Some(uid);
        Self { by, ..self }
    }

    /// With a number that belongs to the event: see `Entry::number`.
    pub(in crate::token) fn and(self, number: u64) -> Self {
        let number = Some(number);
        Self { number, ..self }
    }

    /// With the external key that it is meant for, as far as that is known.
    pub(in crate::token) fn meant_for(self, target: Option<Uid>) -> Self {
        Self { target, ..self }
    }

    /// With the digest of the file that it made.
    pub(in crate::token) fn with_digest(self, digest: [u8; 32]) -> Self {
        let digest = Some(digest);
        Self { digest, ..self }
    }

    /// The record of it, done `at` that time by `login` if nobody else is named, with this outcome.
    pub(in crate::token) fn entry(self, login: Login, at: UnixTime, rv: ck::CK_RV) -> Entry {
        Entry {
            event: self.event,
            login: self.login.unwrap_or(login),
            at,
            rv,
            mechanism: self.mechanism,
            by: self.by,
            number: self.number,
            target: self.target,
            repeated: None,
            digest: self.digest,
            objects: Vec::new(),
        }
    }
}

impl Event {
    /// The event with `mechanism`.
    pub(in crate::token) fn with(self, mechanism: ck::CK_MECHANISM_TYPE) -> Doing {
        Doing {
            mechanism: Some(mechanism),
            ..self.into()
        }
    }

    /// The event as an act of `login`, or against its PIN, whoever is logged in.
    pub(in crate::token) fn of(self, login: Login) -> Doing {
        Doing {
            login: Some(login),
            ..self.into()
        }
    }
}
