//! The details of an event that is about to happen, from which its audit record is made.

use crate::ck;
use crate::client::Client;
use crate::clock::UnixTime;
use crate::policy::Login;
use crate::store::Uid;

use super::{Entry, Event};

/// An event with all details of its audit record but time and outcome.
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
    /// Whether a caller without a login can cause it: changes of objects, whereas all others need a PIN.
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

    /// With the key by which it is done.
    pub(in crate::token) fn by(self, uid: Uid) -> Self {
        let by = Some(uid);
        Self { by, ..self }
    }

    /// With the number that `Entry::number` has for this event.
    pub(in crate::token) fn and(self, number: u64) -> Self {
        let number = Some(number);
        Self { number, ..self }
    }

    /// With the external key for which it is meant, if that is known.
    pub(in crate::token) fn meant_for(self, target: Option<Uid>) -> Self {
        Self { target, ..self }
    }

    /// With the SHA-256 of the file that an archiving made.
    pub(in crate::token) fn with_digest(self, digest: [u8; 32]) -> Self {
        let digest = Some(digest);
        Self { digest, ..self }
    }

    /// Its record, at time `at` with the outcome `rv`, by this process. `login` did it, unless `Event::of` named another.
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
            client: Some(Client::present()),
            objects: Vec::new(),
        }
    }
}

impl Event {
    pub(in crate::token) fn with(self, mechanism: ck::CK_MECHANISM_TYPE) -> Doing {
        Doing {
            mechanism: Some(mechanism),
            ..self.into()
        }
    }

    /// The event as done by `login`, or against its PIN, whoever is logged in.
    pub(in crate::token) fn of(self, login: Login) -> Doing {
        Doing {
            login: Some(login),
            ..self.into()
        }
    }
}
