//! May this be done, and what follows?

use crate::byok::{self, Destruction};
use crate::ck;
use crate::clock::{UnixTime, utc};
use crate::error::{Error, refuse};

use super::action::{Action, Effect, Refusal};
use super::blob;
use super::facts::{Caller, Facts, KeyFacts, Login, Use};
use super::pieces::Pieces;
use super::roles;

/// Whether `caller` may do `action` with the object of `facts` at the time `now`, and what follows.
///
/// # Errors
/// The CK_RV of the specification, or of BYOK section 6.
pub(crate) fn decide(
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
        Action::Reveal => reveal(facts, caller, now),
        Action::Make => Ok(make(facts, caller)?),
        Action::Size { bits, least } if bits < least => Ok(refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("an RSA private key of {bits} bits is below `policy.rsa_min_bits`, {least}"),
        )?),
        Action::Size { .. } => Ok(Effect::Done),
        Action::Change => Ok(change(facts, caller)?),
        Action::Trust => Ok(trust(facts, caller)?),
        Action::Copy => copy(facts, caller, now),
        Action::Destroy => {
            writable(facts, caller)?;
            Ok(destroy(facts, now)?)
        }
        Action::Begin(..) | Action::Continue | Action::Digest | Action::Decipher(_) => Ok(refuse(
            ck::CKR_KEY_HANDLE_INVALID,
            "the object is not a key",
        )?),
        Action::Export { trusted } => export(facts, caller, trusted, now),
        Action::Import => Ok(administer(facts, caller, byok::Act::Import, now)?),
        Action::DeleteMaterial => Ok(administer(facts, caller, byok::Act::DeleteMaterial, now)?),
        Action::Rotate => Ok(administer(facts, caller, byok::Act::Rotate, now)?),
        Action::Attest if caller.login != Login::User => Ok(refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "a receipt needs the user's login",
        )?),
        Action::Attest => Ok(external(facts, byok::Act::Attest, now)?),
        Action::Combine => Ok(roles::combine(facts)?),
        Action::Gain => Ok(roles::gain()?),
    }
}

/// Whoever reads a key has it, as whoever wraps it out.
fn reveal(facts: &Facts, caller: &Caller, now: UnixTime) -> Result<Effect, Refusal> {
    needs_user(facts, caller, "reading")?;
    if let Some(key) = facts.key.as_ref().filter(|key| key.secret) {
        in_force(key, now)?;
    }
    Ok(Effect::Done)
}

/// The officer may do so as well: that login opens the master key, under which a secret key is sealed anew.
fn trust(facts: &Facts, caller: &Caller) -> Result<Effect, Error> {
    let login = match caller.login {
        Login::So => Login::User,
        login => login,
    };
    change(facts, &Caller { login, ..*caller })
}

/// The answer about an object that the caller must not know of: a private object without the user's
/// login, or a key that is gone. Making an object reveals none, so there the missing login is named.
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
        | Action::Reveal
        | Action::Change
        | Action::Trust
        | Action::Copy
        | Action::Destroy
        | Action::Import
        | Action::DeleteMaterial
        | Action::Rotate
        | Action::Attest
        | Action::Gain => Error::new(ck::CKR_OBJECT_HANDLE_INVALID, "no such object"),
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
    needs_user(facts, caller, "changing")
}

/// The material of private and secret token keys is sealed under the master key for the user, whatever
/// their CKA_PRIVATE says.
fn needs_user(facts: &Facts, caller: &Caller, doing: &str) -> Result<(), Error> {
    let secret = facts.key.as_ref().is_some_and(|key| key.secret);
    if facts.token && secret && caller.login != Login::User {
        return refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            format!("{doing} a private or secret token key needs the user's login"),
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

fn destroy(facts: &Facts, now: UnixTime) -> Result<Effect, Error> {
    if !facts.destroyable {
        return refuse(ck::CKR_ACTION_PROHIBITED, "CKA_DESTROYABLE is FALSE");
    }
    let Some(external) = facts.key.as_ref().and_then(|key| key.external) else {
        return Ok(Effect::DestroyWhole);
    };
    Ok(match byok::destruction(&external, now) {
        Destruction::Whole => Effect::DestroyWhole,
        Destruction::Material => Effect::EraseMaterial,
        Destruction::Nothing => Effect::Nothing,
        Destruction::Refused(undying) => return Err(byok::Error::Undying(undying).into()),
    })
}

fn use_key(
    action: Action,
    facts: &Facts,
    key: &KeyFacts,
    caller: &Caller,
    now: UnixTime,
) -> Result<Effect, Refusal> {
    needs_user(facts, caller, "using")?;
    // A public key out of its dates verifies what was signed in time. Nothing new is encrypted, wrapped or
    // encapsulated with it.
    let protects = matches!(
        action,
        Action::Begin(Use::Encrypt | Use::Wrap | Use::Encapsulate, _)
    );
    if key.secret || protects {
        in_force(key, now)?;
    }
    let (what, mechanism) = match action {
        Action::Begin(what, mechanism) => (what, mechanism),
        Action::Digest => return Ok(digest(key)?),
        Action::Decipher(blob) => {
            return Ok(blob::decipher(key, blob)?);
        }
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
        return Ok(refuse(ck::CKR_MECHANISM_INVALID, not_allowed(key))?);
    }
    blob::opens_none(key, what, mechanism)?;
    Ok(Effect::Done)
}

/// Why the key's CKA_ALLOWED_MECHANISMS refuse a mechanism, and what to do.
fn not_allowed(key: &KeyFacts) -> &'static str {
    if key.independent() {
        return "the key is independent of all others, so that no other key opens what it encrypts, even with equal \
                material: it encrypts by CKM_TENON_KMS_ENVELOPE alone. For other mechanisms make a key with \
                `tenon byok create --raw`, which names them in CKA_ALLOWED_MECHANISMS";
    }
    "the mechanism is not in the key's CKA_ALLOWED_MECHANISMS"
}

/// A digest would let whoever guesses the key's value check the guess.
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
    needs_user(facts, caller, "wrapping")?;
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
    // The wrapped form does not hold the pieces. After an unwrap the key is one piece that nobody altered, as
    // this one must be already, or have the pieces of a new key.
    if key.wrap_with_trusted && !key.pieces.as_ref().is_none_or(Pieces::is_unwrapped) {
        return refuse(
            ck::CKR_KEY_NOT_WRAPPABLE,
            "CKA_WRAP_WITH_TRUSTED is TRUE, and the key was derived from others in a way that its wrapped form cannot tell: wrap those",
        );
    }
    Ok(())
}

fn copy(facts: &Facts, caller: &Caller, now: UnixTime) -> Result<Effect, Refusal> {
    if !facts.copyable {
        return Ok(refuse(
            ck::CKR_ACTION_PROHIBITED,
            "CKA_COPYABLE is FALSE, so neither C_CopyObject nor a derivation that keeps bytes of the key may copy it",
        )?);
    }
    let Some(key) = &facts.key else {
        return Ok(Effect::Done);
    };
    needs_user(facts, caller, "copying")?;
    if key.secret {
        in_force(key, now)?;
    }
    Ok(Effect::Done)
}

/// Whether dates, expiry and state allow to work with the key's value now.
fn in_force(key: &KeyFacts, now: UnixTime) -> Result<(), Refusal> {
    if key.out_of_time(now) {
        return Err(Refusal {
            error: out_of_time(key, now),
            time: true,
        });
    }
    if let Some(external) = key.external {
        byok::may(byok::Act::Use, &external, now).map_err(Error::from)?;
    }
    Ok(())
}

/// Why time does not allow to work with the key now.
fn out_of_time(key: &KeyFacts, now: UnixTime) -> Error {
    let older = key
        .external
        .and_then(|external| external.waits_for_older(now));
    if let Some(older) = older {
        return byok::Error::OlderMaterial(older).into();
    }
    let end = utc(key.expires_at);
    let why = match (byok::expired(key.expires_at, now), key.external) {
        (true, Some(_)) => format!(
            "the key's material has expired at {end}: import the same again (`tenon byok import`)"
        ),
        (true, None) => format!(
            "the key's time ended at {end}, as its CKA_TENON_EXPIRES_AT has it: it is used no more"
        ),
        (false, _) => {
            "the key's dates (CKA_START_DATE, CKA_END_DATE) do not allow its use today".to_owned()
        }
    };
    Error::new(ck::CKR_KEY_FUNCTION_NOT_PERMITTED, why)
}

/// Changes an external key by `act`.
fn administer(
    facts: &Facts,
    caller: &Caller,
    act: byok::Act,
    now: UnixTime,
) -> Result<Effect, Error> {
    writable(facts, caller)?;
    external(facts, act, now)
}

fn external(facts: &Facts, act: byok::Act, now: UnixTime) -> Result<Effect, Error> {
    let Some(external) = facts.key.as_ref().and_then(|key| key.external) else {
        return refuse(ck::CKR_TEMPLATE_INCONSISTENT, "this is not an external key");
    };
    if external.generated {
        return Err(match act {
            byok::Act::DeleteMaterial => byok::Error::Undying(byok::Undying::Generated),
            _ => byok::Error::Generated,
        }
        .into());
    }
    byok::may(act, &external, now)?;
    Ok(Effect::Done)
}
