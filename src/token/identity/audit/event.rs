//! The events that the audit record knows, with their numbers and names.

/// What happened. The numbers are stored in records.
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
    /// The life of a material or an import job was over, and it was erased.
    Expire = 14,
    /// C_DeriveKey.
    Derive = 15,
    /// A login, if `audit.use` is set.
    Login = 16,
    /// A key's use began, if `audit.use` is set.
    Use = 17,
    /// The security officer accepted the clock's reading.
    ClockAccepted = 18,
    /// The security officer lowered the clock mark to the clock's reading.
    ClockLowered = 19,
    /// The security officer accepted the token's file in place of what the anchor knows.
    AnchorAccepted = 20,
    /// The time of an external key's scheduled deletion had come, and it was removed.
    Delete = 21,
    /// A new version of an external key was opened.
    Rotate = 22,
    /// The attestation key was made, for a token made before there was one.
    Attestation = 23,
    /// The token got another label.
    Rename = 24,
    /// A one-time password took a value of its key's counter.
    Password = 25,
    /// The token's keys began to be sealed under another key of `store.key_file`.
    Rekey = 26,
    /// The token came from another place by a move.
    Moved = 27,
    /// The token, which had been moved away, was taken into use again where it was.
    TakenBack = 28,
    /// Number of refusals of callers without a login that were not recorded one by one.
    RefusalsOmitted = 30,
    /// Records were moved to an archive, up to a position.
    Archive = 31,
    /// The token was restored from a copy.
    Restored = 32,
}

impl Event {
    pub(super) const NAMES: [(Self, &str); 31] = [
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
        (Self::Rename, "rename"),
        (Self::Password, "password"),
        (Self::Rekey, "rekey"),
        (Self::Moved, "moved"),
        (Self::TakenBack, "taken-back"),
        (Self::RefusalsOmitted, "refusals-omitted"),
        (Self::Archive, "archive"),
        (Self::Restored, "restored"),
    ];

    /// Lower-case words with hyphens, as `tenon audit` shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(event, _)| *event == self);
        found.map_or("", |(_, name)| name)
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        let mut events = Self::NAMES.iter().map(|(event, _)| *event);
        events.find(|event| *event as u8 == number)
    }
}
