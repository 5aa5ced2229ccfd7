//! May this be done, and what follows? Pure: facts, caller and time in, decision out.
//!
//! Every decision of the token is made by [`decide`], and only there; what a derived key may hold of
//! others, and what that makes of it, by [`derive()`].

use crate::byok::{self, Destruction};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, refuse};

mod blob;
pub mod dates;
mod pieces;
mod roles;

pub use blob::Blob;
pub use pieces::{Part, Pieces, Step, UNGUESSABLE, derive};

/// What a key may be used for: one CKA_ attribute each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// CKA_ENCRYPT.
    Encrypt,
    /// CKA_DECRYPT.
    Decrypt,
    /// CKA_SIGN.
    Sign,
    /// CKA_SIGN_RECOVER.
    SignRecover,
    /// CKA_VERIFY.
    Verify,
    /// CKA_VERIFY_RECOVER.
    VerifyRecover,
    /// CKA_WRAP.
    Wrap,
    /// CKA_UNWRAP.
    Unwrap,
    /// CKA_DERIVE.
    Derive,
}

impl Use {
    /// The attribute that permits this use.
    #[must_use]
    pub fn attribute(self) -> ck::CK_ATTRIBUTE_TYPE {
        match self {
            Self::Encrypt => ck::CKA_ENCRYPT,
            Self::Decrypt => ck::CKA_DECRYPT,
            Self::Sign => ck::CKA_SIGN,
            Self::SignRecover => ck::CKA_SIGN_RECOVER,
            Self::Verify => ck::CKA_VERIFY,
            Self::VerifyRecover => ck::CKA_VERIFY_RECOVER,
            Self::Wrap => ck::CKA_WRAP,
            Self::Unwrap => ck::CKA_UNWRAP,
            Self::Derive => ck::CKA_DERIVE,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Nobody is logged in.
    Public,
    /// The normal user.
    User,
    /// The security officer.
    So,
}

/// The session that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who is logged in to the token.
    pub login: Login,
    /// The session is read/write.
    pub read_write: bool,
}

/// What is known of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// CKA_TOKEN.
    pub token: bool,
    /// CKA_PRIVATE.
    pub private: bool,
    /// CKA_MODIFIABLE.
    pub modifiable: bool,
    /// CKA_COPYABLE.
    pub copyable: bool,
    /// CKA_DESTROYABLE.
    pub destroyable: bool,
    /// What is known of a key; `None` for data and certificates.
    pub key: Option<KeyFacts>,
}

/// What is known of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyFacts {
    /// A private or secret key: its value is sealed under the master key.
    pub secret: bool,
    /// CKA_SENSITIVE.
    pub sensitive: bool,
    /// CKA_EXTRACTABLE.
    pub extractable: bool,
    /// CKA_WRAP_WITH_TRUSTED.
    pub wrap_with_trusted: bool,
    /// CKA_TRUSTED of a secret key. That of a public key counts for nothing here: the token does
    /// not decide what is done with the private half, which opens what the public one wraps.
    pub trusted: bool,
    /// Bytes of a secret key's value; 0 for other keys.
    pub value_len: usize,
    /// What its value consists of; `None` where its length tells.
    pub pieces: Option<Pieces>,
    /// Uses whose attribute is TRUE.
    pub uses: Vec<Use>,
    /// CKA_ALLOWED_MECHANISMS; `None` = all.
    pub allowed: Option<Vec<ck::CK_MECHANISM_TYPE>>,
    /// First second of CKA_START_DATE.
    pub not_before: Option<UnixTime>,
    /// First second after CKA_END_DATE.
    pub not_after: Option<UnixTime>,
    /// End of the material's life; 0 = never.
    pub expires_at: UnixTime,
    /// End of the key itself: a scheduled deletion, or the end of an import job; 0 = never.
    pub gone_at: UnixTime,
    /// What is known of an external key; `None` for others.
    pub external: Option<byok::Facts>,
}

impl KeyFacts {
    /// Time or an operator can end the key's use while an operation runs.
    #[must_use]
    pub fn limited(&self) -> bool {
        self.external.is_some()
            || self.gone_at != 0
            || self.expires_at != 0
            || self.not_before.is_some()
            || self.not_after.is_some()
    }

    /// Its value must not be read.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.sensitive || !self.extractable || self.wrap_with_trusted
    }

    /// What its value consists of. A private key is one piece that nobody guesses.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        match &self.pieces {
            Some(pieces) => pieces.clone(),
            None if self.value_len == 0 => Pieces::undivided(UNGUESSABLE),
            None => Pieces::of(self.value_len),
        }
    }

    fn out_of_time(&self, now: UnixTime) -> bool {
        byok::expired(self.expires_at, now)
            || self.not_before.is_some_and(|begin| now < begin)
            || self.not_after.is_some_and(|end| now >= end)
    }
}

/// What is to be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Find it, or read its attributes.
    See,
    /// Bring it into being with these facts.
    Make,
    /// Bring an RSA private key of this size into being, where the token takes keys of `least` bits
    /// and more.
    Size {
        /// Bits of its modulus.
        bits: u64,
        /// `policy.rsa_min_bits`.
        least: u64,
    },
    /// C_SetAttributeValue.
    Change,
    /// C_SetAttributeValue of CKA_TRUSTED alone.
    Trust,
    /// C_CopyObject.
    Copy,
    /// C_DestroyObject.
    Destroy,
    /// Begin an operation with it.
    Begin(Use, ck::CK_MECHANISM_TYPE),
    /// Go on with an operation begun earlier.
    Continue,
    /// C_DigestKey.
    Digest,
    /// Unwrap with it a blob of this kind.
    Decipher(Blob),
    /// Wrap it, so that it leaves the token.
    Export {
        /// The wrapping key is CKA_TRUSTED, and the mechanism made to wrap keys.
        trusted: bool,
    },
    /// Import material into it.
    Import,
    /// Open a new version of it.
    Rotate,
    /// Sign a receipt of its import.
    Attest,
    /// Have all of its uses at once: asked where `policy.separate_roles` keeps some apart.
    Combine,
    /// Take on a use that it does not have: asked there too.
    Gain(Use),
}

impl Action {
    /// The key's value is worked with.
    fn uses(self) -> bool {
        matches!(
            self,
            Self::Begin(..) | Self::Continue | Self::Digest | Self::Decipher(_)
        )
    }
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is done.
    Done,
    /// The object goes whole.
    DestroyWhole,
    /// The material alone goes.
    EraseMaterial,
    /// It succeeds, and nothing changes.
    Nothing,
}

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    /// What the caller gets.
    pub error: Error,
    /// It was refused because of time: the clock mark is committed before the answer.
    pub time: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, time: false }
    }
}

/// Whether `caller` may do `action` with the object of `facts` at `now`, and what follows.
///
/// # Errors
/// The CK_RV of the specification, or of BYOK section 6.
pub fn decide(
    action: Action,
    facts: &Facts,
    caller: &Caller,
    now: UnixTime,
) -> Result<Effect, Refusal> {
    if facts.private && caller.login != Login::User {
        return Err(invisible(action).into());
    }
    let gone = |key: &KeyFacts| byok::expired(key.gone_at, now);
    if facts.key.as_ref().is_some_and(gone) {
        return Err(Refusal {
            error: invisible(action),
            time: true,
        });
    }
    if let (Some(key), true) = (&facts.key, action.uses()) {
        return use_key(action, facts, key, caller, now);
    }
    match action {
        Action::See => Ok(Effect::Done),
        Action::Make => Ok(make(facts, caller)?),
        Action::Size { bits, least } if bits < least => Ok(refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("an RSA private key of {bits} bits is below `policy.rsa_min_bits`, {least}"),
        )?),
        Action::Size { .. } => Ok(Effect::Done),
        Action::Change => Ok(change(facts, caller)?),
        // The officer's login opens the master key, under which a secret key is sealed anew.
        Action::Trust if caller.login == Login::So => {
            let user = Caller {
                login: Login::User,
                ..*caller
            };
            Ok(change(facts, &user)?)
        }
        Action::Trust => Ok(change(facts, caller)?),
        Action::Copy => copy(facts, caller, now),
        Action::Destroy => {
            writable(facts, caller)?;
            Ok(destroy(facts)?)
        }
        Action::Begin(..) | Action::Continue | Action::Digest | Action::Decipher(_) => Ok(refuse(
            ck::CKR_KEY_HANDLE_INVALID,
            "the object is not a key",
        )?),
        Action::Export { trusted } => export(facts, caller, trusted, now),
        Action::Import => {
            writable(facts, caller)?;
            Ok(external(facts, byok::Act::Import, now)?)
        }
        Action::Rotate => {
            writable(facts, caller)?;
            Ok(external(facts, byok::Act::Rotate, now)?)
        }
        Action::Attest if caller.login != Login::User => Ok(refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "a receipt needs the user's login",
        )?),
        Action::Attest => Ok(external(facts, byok::Act::Attest, now)?),
        Action::Combine => Ok(roles::combine(facts)?),
        Action::Gain(what) => Ok(roles::gain(what)?),
    }
}

/// A private object does not exist for whoever is not the user, but for making one; a deleted key
/// for nobody.
fn invisible(action: Action) -> Error {
    match action {
        Action::Make | Action::Size { .. } | Action::Combine => Error::new(
            ck::CKR_USER_NOT_LOGGED_IN,
            "private objects need the user's login",
        ),
        Action::Begin(..)
        | Action::Continue
        | Action::Digest
        | Action::Decipher(_)
        | Action::Export { .. } => Error::new(ck::CKR_KEY_HANDLE_INVALID, "no such key"),
        Action::See
        | Action::Change
        | Action::Trust
        | Action::Copy
        | Action::Destroy
        | Action::Import
        | Action::Rotate
        | Action::Attest
        | Action::Gain(_) => Error::new(ck::CKR_OBJECT_HANDLE_INVALID, "no such object"),
    }
}

fn make(facts: &Facts, caller: &Caller) -> Result<Effect, Error> {
    if facts.token && !caller.read_write {
        return refuse(
            ck::CKR_SESSION_READ_ONLY,
            "a token object needs a read/write session",
        );
    }
    let sealed_under_master = facts.token && facts.key.as_ref().is_some_and(|key| key.secret);
    if sealed_under_master && caller.login != Login::User {
        return refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "private and secret token keys are sealed for the user: log in first",
        );
    }
    Ok(Effect::Done)
}

fn writable(facts: &Facts, caller: &Caller) -> Result<(), Error> {
    if facts.token && !caller.read_write {
        return refuse(
            ck::CKR_SESSION_READ_ONLY,
            "changing a token object needs a read/write session",
        );
    }
    let secret = facts.key.as_ref().is_some_and(|key| key.secret);
    if facts.token && secret && caller.login != Login::User {
        return refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "changing a private or secret token key needs the user's login",
        );
    }
    Ok(())
}

fn change(facts: &Facts, caller: &Caller) -> Result<Effect, Error> {
    writable(facts, caller)?;
    if !facts.modifiable {
        return refuse(ck::CKR_ACTION_PROHIBITED, "CKA_MODIFIABLE is FALSE");
    }
    Ok(Effect::Done)
}

fn destroy(facts: &Facts) -> Result<Effect, Error> {
    if !facts.destroyable {
        return refuse(ck::CKR_ACTION_PROHIBITED, "CKA_DESTROYABLE is FALSE");
    }
    let Some(external) = facts.key.as_ref().and_then(|key| key.external) else {
        return Ok(Effect::DestroyWhole);
    };
    Ok(match byok::destruction(&external) {
        Destruction::Whole => Effect::DestroyWhole,
        Destruction::Material => Effect::EraseMaterial,
        Destruction::Nothing => Effect::Nothing,
    })
}

fn use_key(
    action: Action,
    facts: &Facts,
    key: &KeyFacts,
    caller: &Caller,
    now: UnixTime,
) -> Result<Effect, Refusal> {
    if facts.token && key.secret && caller.login != Login::User {
        return Ok(refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "using a private or secret token key needs the user's login",
        )?);
    }
    // What an expired public key has signed may still be verified; nothing new is put under it.
    let protects = matches!(action, Action::Begin(Use::Encrypt | Use::Wrap, _));
    if key.secret || protects {
        in_force(key, now)?;
    }
    let (what, mechanism) = match action {
        Action::Begin(what, mechanism) => (what, mechanism),
        Action::Digest => return Ok(digest(key)?),
        Action::Decipher(blob) => return Ok(blob::decipher(key, blob)?),
        _ => return Ok(Effect::Done),
    };
    if !key.uses.contains(&what) {
        return Ok(refuse(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            format!("the key's attributes do not allow this use ({what:?})"),
        )?);
    }
    if key
        .allowed
        .as_ref()
        .is_some_and(|allowed| !allowed.contains(&mechanism))
    {
        return Ok(refuse(
            ck::CKR_MECHANISM_INVALID,
            "the mechanism is not in the key's CKA_ALLOWED_MECHANISMS",
        )?);
    }
    blob::opens_none(key, what, mechanism)?;
    Ok(Effect::Done)
}

/// The digest of a key lets whoever guesses its value check the guess.
fn digest(key: &KeyFacts) -> Result<Effect, Error> {
    if !key.secret || key.closed() {
        return refuse(
            ck::CKR_KEY_INDIGESTIBLE,
            "only secret keys whose value may be read are digested",
        );
    }
    Ok(Effect::Done)
}

fn export(facts: &Facts, caller: &Caller, trusted: bool, now: UnixTime) -> Result<Effect, Refusal> {
    let Some(key) = facts.key.as_ref().filter(|key| key.secret) else {
        return Ok(refuse(
            ck::CKR_KEY_NOT_WRAPPABLE,
            "only private and secret keys are wrapped",
        )?);
    };
    if facts.token && caller.login != Login::User {
        return Ok(refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "wrapping a private or secret token key needs the user's login",
        )?);
    }
    exportable(key, trusted)?;
    in_force(key, now)?;
    Ok(Effect::Done)
}

fn exportable(key: &KeyFacts, trusted: bool) -> Result<(), Error> {
    if !key.extractable || key.external.is_some() {
        return refuse(ck::CKR_KEY_UNEXTRACTABLE, "CKA_EXTRACTABLE is FALSE");
    }
    if key.wrap_with_trusted && !trusted {
        return refuse(
            ck::CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED is TRUE, and this is not an AES key wrap by a secret key that is CKA_TRUSTED",
        );
    }
    // Unwrapped again, the key would have the pieces that its length tells, and be as if nobody had
    // altered it.
    if key.wrap_with_trusted && key.pieces.is_some() {
        return refuse(
            ck::CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED is TRUE, and the key was derived from others in a way that its wrapped form cannot tell: wrap those",
        );
    }
    Ok(())
}

fn copy(facts: &Facts, caller: &Caller, now: UnixTime) -> Result<Effect, Refusal> {
    if !facts.copyable {
        return Ok(refuse(ck::CKR_ACTION_PROHIBITED, "CKA_COPYABLE is FALSE")?);
    }
    let Some(key) = &facts.key else {
        return Ok(Effect::Done);
    };
    if facts.token && key.secret && caller.login != Login::User {
        return Ok(refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "copying a private or secret token key needs the user's login",
        )?);
    }
    if key.secret {
        in_force(key, now)?;
    }
    Ok(Effect::Done)
}

/// Dates, expiry and state allow that something is done with the key's value now.
fn in_force(key: &KeyFacts, now: UnixTime) -> Result<(), Refusal> {
    if key.out_of_time(now) {
        return Err(Refusal {
            error: Error::new(
                ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
                "the key has expired, or its dates do not allow its use today",
            ),
            time: true,
        });
    }
    if let Some(external) = key.external {
        byok::may(byok::Act::Use, &external, now).map_err(Error::from)?;
    }
    Ok(())
}

fn external(facts: &Facts, act: byok::Act, now: UnixTime) -> Result<Effect, Error> {
    let Some(external) = facts.key.as_ref().and_then(|key| key.external) else {
        return refuse(ck::CKR_TEMPLATE_INCONSISTENT, "this is not an external key");
    };
    byok::may(act, &external, now)?;
    Ok(Effect::Done)
}

#[cfg(test)]
mod tests;
