//! The library's slots, the choice among them, and sessions.

use std::fs::File;
use std::io;
use std::sync::Arc;

use clap::Args;
use rustix::fs::{FlockOperation, flock};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{SystemClock, UnixTime};
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Token;

use crate::Result;
use crate::ask::UserPin;
use crate::elsewhere::{self, Found};
use crate::number::whole;
use crate::output::printable;

/// The library with the settings in force. What it would log goes to the user.
pub(crate) fn open() -> Result<Module> {
    open_with(Config::load()?)
}

/// As `open`, with these settings.
pub(crate) fn open_with(mut config: Config) -> Result<Module> {
    if config.log_target == LogTarget::Syslog {
        config.log_target = LogTarget::Stderr;
    }
    for warning in config.warnings.drain(..) {
        eprintln!("tenon: {warning}");
    }
    let others = elsewhere::found(&config);
    let module = Module::open(config, Arc::new(SystemClock), Arc::new(SystemRng))?;
    if !others.is_empty() {
        warn_of(&others, &slots(&module)?);
    }
    Ok(module)
}

/// Tells of other programs' tokens, but for those whose label a token has, as it has after the move.
fn warn_of(others: &[Found], slots: &[Slot]) {
    for found in others {
        if !slots.iter().any(|slot| slot.label == found.label) {
            eprintln!("tenon: {}", found.words());
        }
    }
}

pub(crate) struct Slot {
    pub(crate) id: ck::CK_SLOT_ID,
    pub(crate) label: String,
    pub(crate) serial: String,
    /// CKF_ flags of the token.
    pub(crate) flags: ck::CK_FLAGS,
    /// Why the token cannot be read; nothing else is known of it then.
    pub(crate) unreadable: Option<String>,
    /// How many more wrong tries the user's PIN stands; `None` where it is not set.
    pub(crate) user_tries: Option<u32>,
    /// The same of the SO PIN.
    pub(crate) so_tries: Option<u32>,
}

impl Slot {
    pub(crate) fn initialised(&self) -> bool {
        self.flags & ck::CKF_TOKEN_INITIALIZED != 0
    }

    fn of(module: &Module, id: ck::CK_SLOT_ID) -> Result<Self> {
        let unreadable = module.unreadable(id)?.map(|why| printable(why.as_bytes()));
        let unreadable = match (unreadable, module.token_info(id)) {
            (None, Ok(info)) => {
                let status = match info.flags & ck::CKF_TOKEN_INITIALIZED {
                    0 => None,
                    _ => Some(module.token(id)?.status()?),
                };
                return Ok(Self {
                    id,
                    label: printable(info.label.trim_ascii_end()),
                    serial: printable(info.serialNumber.trim_ascii_end()),
                    flags: info.flags,
                    unreadable: None,
                    user_tries: status.as_ref().and_then(|status| status.user_tries),
                    so_tries: status.as_ref().and_then(|status| status.so_tries),
                });
            }
            (Some(why), _) => why,
            // The token opened, and is damaged where it says what it is.
            (None, Err(error)) => error.to_string(),
        };
        Ok(Self {
            id,
            label: String::new(),
            serial: String::new(),
            flags: 0,
            unreadable: Some(unreadable),
            user_tries: None,
            so_tries: None,
        })
    }
}

/// Every slot, in order.
pub(crate) fn slots(module: &Module) -> Result<Vec<Slot>> {
    let ids = module.slots().into_iter();
    ids.map(|id| Slot::of(module, id)).collect()
}

/// The slots whose token cannot be read, in words with the reason; empty where there is none.
pub(crate) fn unreadable(slots: &[Slot]) -> String {
    let reasons = slots.iter().filter_map(|slot| {
        let why = slot.unreadable.as_ref()?;
        Some(format!("slot {} is unreadable: {why}", slot.id))
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// Which token.
#[derive(Args)]
pub(crate) struct Choice {
    /// Slot number of the token
    #[arg(long, value_name = "NUMBER", value_parser = whole::<ck::CK_SLOT_ID>(0..=u64::MAX), conflicts_with = "token")]
    slot: Option<ck::CK_SLOT_ID>,
    /// Label of the token; with neither, the only token there is
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
}

impl Choice {
    /// The slot that was chosen by its number, whatever is in it.
    pub(crate) fn number(&self) -> Option<ck::CK_SLOT_ID> {
        self.slot
    }

    /// Whether the token of slot `id` is among those chosen. A token whose label is not known may
    /// have the label that was meant.
    pub(crate) fn takes(&self, id: ck::CK_SLOT_ID, label: Option<&str>) -> bool {
        let same = |chosen: &String| label.is_none_or(|label| label == chosen);
        self.slot.is_none_or(|slot| slot == id) && self.token.as_ref().is_none_or(same)
    }

    /// The one initialized token that was chosen.
    pub(crate) fn find(&self, module: &Module) -> Result<Slot> {
        let mut slots = slots(module)?;
        let wanted = |slot: &&Slot| self.slot.is_some_and(|id| slot.id == id);
        if let Some(why) = slots
            .iter()
            .find(wanted)
            .and_then(|slot| slot.unreadable.as_ref())
        {
            return Err(format!("the slot is unreadable: {why}").into());
        }
        let unreadable = unreadable(&slots);
        slots.retain(Slot::initialised);
        let any = !slots.is_empty();
        slots.retain(|slot| {
            self.slot.is_none_or(|id| slot.id == id)
                && self.token.as_ref().is_none_or(|label| slot.label == *label)
        });
        let found: Vec<_> = slots
            .iter()
            .map(|slot| format!("{} ({})", slot.id, slot.label))
            .collect();
        match (slots.pop(), slots.is_empty()) {
            (Some(slot), true) => Ok(slot),
            (Some(_), false) => Err(format!(
                "more than one token: choose with --slot among {}",
                found.join(", ")
            )
            .into()),
            (None, _) if !unreadable.is_empty() => {
                Err(format!("no such token among those that can be read; {unreadable}").into())
            }
            (None, _) if any => Err("no such token: `tenon slots` lists those there are".into()),
            (None, _) => Err(none(&module.catalog().misnamed()?).into()),
        }
    }

    /// The chosen token, nobody logged in.
    pub(crate) fn initialized_token(&self) -> Result<Arc<Token>> {
        let module = open()?;
        let slot = self.find(&module)?;
        Ok(module.token(slot.id)?)
    }

    /// As `initialized_token`, also where the token's database has lost changes.
    pub(crate) fn token_with_losses(&self) -> Result<Arc<Token>> {
        let module = open_with(Config {
            shows_losses: true,
            ..Config::load()?
        })?;
        let slot = self.find(&module)?;
        Ok(module.token(slot.id)?)
    }

    /// A read/write session with the chosen token, nobody logged in.
    pub(crate) fn session(&self) -> Result<OpenSession> {
        self.session_with(ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION)
    }

    fn session_with(&self, flags: ck::CK_FLAGS) -> Result<OpenSession> {
        let module = open()?;
        let slot = self.find(&module)?;
        let session = module.session(module.open_session(slot.id, flags)?)?;
        Ok(OpenSession {
            session,
            slot,
            module,
        })
    }

    /// A read/write session with the user logged in.
    pub(crate) fn user_session(&self, pin: &UserPin) -> Result<OpenSession> {
        let open = self.session()?;
        open.session
            .login(ck::CKU_USER, pin.source().read()?.as_bytes())?;
        Ok(open)
    }

    /// A read-only session with the user logged in.
    pub(crate) fn reading_session(&self, pin: &UserPin) -> Result<OpenSession> {
        let open = self.session_with(ck::CKF_SERIAL_SESSION)?;
        open.session
            .login(ck::CKU_USER, pin.source().read()?.as_bytes())?;
        Ok(open)
    }
}

/// That there is no token. Beside a file that may be the missed one nobody is told to make another.
fn none(misnamed: &[String]) -> String {
    let folder = folder();
    if misnamed.is_empty() {
        return format!("there is no token in {folder}: `tenon init` makes one");
    }
    let misnamed = printable(misnamed.join(", ").as_bytes());
    format!(
        "there is no token in {folder}; not used: {misnamed} (a token's file is named slot-NNNN.tenon)"
    )
}

fn folder() -> String {
    Config::load().map_or_else(
        |_| "?".to_owned(),
        |config| config.token_dir.display().to_string(),
    )
}

/// Waits for other commands that look for something and make it where it is missing. The turn lasts as long as the
/// file that is given: the token folder, open and locked.
pub(crate) fn turn() -> Result<File> {
    let folder = Config::load()?.token_dir;
    let said = |error: io::Error| format!("{}: {error}", folder.display());
    let file = File::open(&folder).map_err(said)?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| said(error.into()))?;
    Ok(file)
}

/// An open session, with the module that keeps it open.
pub(crate) struct OpenSession {
    pub(crate) session: Arc<Session>,
    pub(crate) slot: Slot,
    module: Module,
}

impl OpenSession {
    pub(crate) fn token(&self) -> Result<Arc<Token>> {
        Ok(self.module.token(self.slot.id)?)
    }

    /// The token's time, which is not before the latest that it has committed, whatever the host's clock says.
    pub(crate) fn now(&self) -> Result<UnixTime> {
        Ok(self.token()?.clock()?.now)
    }

    /// A mechanism without parameter.
    pub(crate) fn request(&self, id: ck::CK_MECHANISM_TYPE) -> Result<Request> {
        let row = self.module.mechanism(id)?;
        Ok(Request::new(row, Params::None)?)
    }
}

/// Whether to log in, for commands that can do without.
#[derive(Args)]
pub(crate) struct Login {
    /// Log in first, to see private objects too; implied by --pin-file, and by $TENON_PIN only where
    /// nothing is found without
    #[arg(long)]
    login: bool,
    #[command(flatten)]
    pin: UserPin,
}

impl Login {
    /// A read-only session, with the user logged in where that was asked for.
    pub(crate) fn session(&self, choice: &Choice) -> Result<OpenSession> {
        let open = choice.session_with(ck::CKF_SERIAL_SESSION)?;
        if self.is_wanted() {
            self.log_in(&open)?;
        }
        Ok(open)
    }

    /// Logs in, where a session without a login did not find what was asked for.
    pub(crate) fn log_in(&self, open: &OpenSession) -> Result<()> {
        let pin = self.pin.source().read()?;
        Ok(open.session.login(ck::CKU_USER, pin.as_bytes())?)
    }

    /// Whether a login was asked for. A PIN in the environment asks for none.
    pub(crate) fn is_wanted(&self) -> bool {
        self.login || self.pin.pin_file.is_some()
    }

    /// Whether no login was asked for, but the PIN can be read without a prompt.
    pub(crate) fn is_possible(&self) -> bool {
        !self.is_wanted() && self.pin.source().is_given()
    }
}
