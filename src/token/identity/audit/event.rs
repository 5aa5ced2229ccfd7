//! What can happen, and what is said of it before it is done.

use crate::ck;
use crate::clock::UnixTime;
use crate::policy::Login;
use crate::store::Uid;

use super::Entry;

/// What happened. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// C_InitToken.
    InitToken = 1,
    /// The security officer set the user's PIN.
    InitPin = 2,
    /// A PIN was changed.
    SetPin = 3,
    /// A PIN was refused.
    LoginRefused = 4,
    /// C_CreateObject.
    Create = 5,
    /// C_GenerateKey, C_GenerateKeyPair.
    Generate = 6,
    /// C_CopyObject.
    Copy = 7,
    /// C_SetAttributeValue.
    Change = 8,
    /// C_DestroyObject.
    Destroy = 9,
    /// C_UnwrapKey made an ordinary key.
    Unwrap = 10,
    /// C_UnwrapKey brought material to an external key.
    Import = 11,
    /// C_UnwrapKey was refused.
    ImportRefused = 12,
    /// The material of an external key was deleted.
    EraseMaterial = 13,
    /// The time of a material or an import job was over, and it was erased.
    Expire = 14,
    /// C_DeriveKey.
    Derive = 15,
    /// A login, where uses are recorded.
    Login = 16,
    /// A key's use began, where uses are recorded.
    Use = 17,
    /// The security officer accepted the clock's reading.
    ClockAccepted = 18,
    /// The security officer set the clock mark to the reading, and had later readings forgotten.
    ClockLowered = 19,
    /// The security officer accepted the token's file in place of what the anchor knows.
    AnchorAccepted = 20,
    /// The scheduled deletion of an external key came.
    Delete = 21,
    /// A new version of an external key was opened.
    Rotate = 22,
    /// The attestation key was made, for a token from before there was one.
    Attestation = 23,
    /// Refusals of callers without a login that were not recorded one by one: their number.
    RefusalsOmitted = 30,
    /// Records were moved to an archive, up to a position.
    Archive = 31,
    /// The token's file was put back from a copy.
    Restored = 32,
}

impl Event {
    pub(super) const NAMES: [(Self, &str); 26] = [
        (Self::InitToken, "init-token"),
        (Self::InitPin, "init-pin"),
        (Self::SetPin, "set-pin"),
        (Self::LoginRefused, "login-refused"),
        (Self::Create, "create"),
        (Self::Generate, "generate"),
        (Self::Copy, "copy"),
        (Self::Change, "change"),
        (Self::Destroy, "destroy"),
        (Self::Unwrap, "unwrap"),
        (Self::Import, "import"),
        (Self::ImportRefused, "import-refused"),
        (Self::EraseMaterial, "erase-material"),
        (Self::Expire, "expire"),
        (Self::Derive, "derive"),
        (Self::Login, "login"),
        (Self::Use, "use"),
        (Self::ClockAccepted, "clock-accepted"),
        (Self::ClockLowered, "clock-lowered"),
        (Self::AnchorAccepted, "anchor-accepted"),
        (Self::Delete, "delete"),
        (Self::Rotate, "rotate"),
        (Self::Attestation, "attestation"),
        (Self::RefusalsOmitted, "refusals-omitted"),
        (Self::Archive, "archive"),
        (Self::Restored, "restored"),
    ];

    /// A name of lower-case words and hyphens, for people and programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(event, _)| *event == self);
        found.map_or("", |(_, name)| name)
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        let mut events = Self::NAMES.iter().map(|(event, _)| *event);
        events.find(|event| *event as u8 == number)
    }

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
