//! `tenon store move` and `tenon store take-back`.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::ck::CK_SLOT_ID;
use tenon_pkcs11::api::clock::{Clock, SystemClock};
use tenon_pkcs11::api::config::{Config, Target};
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::store;
use tenon_pkcs11::api::token::{MoveState, Place};

use crate::Result;
use crate::ask::{UserPin, confirm};
use crate::backup::progress;
use crate::number::whole;
use crate::output::Format;
use crate::token::{Choice, open};

#[derive(Args)]
pub(crate) struct Move {
    /// The database, as store.url names it but without a password; or `file`, for the folder of directories.tokendir
    #[arg(long, value_name = "URL|file", value_parser = place)]
    to: To,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct TakeBack {
    /// Slot number of the token that was moved away
    #[arg(long, value_name = "NUMBER", value_parser = whole::<u64>(0..=u64::MAX))]
    slot: CK_SLOT_ID,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone)]
pub(crate) enum To {
    File,
    Database(Box<Target>),
}

fn place(text: &str) -> std::result::Result<To, String> {
    match text {
        "file" => Ok(To::File),
        url => database(url).map(Box::new).map(To::Database),
    }
}

/// A database's URL on the command line.
pub(crate) fn database(url: &str) -> std::result::Result<Target, String> {
    let target = Target::parse(url)?;
    if target.has_password() {
        return Err(
            "other users of this machine see the command line: put the password into the file of `passfile`".into(),
        );
    }
    Ok(target)
}

pub(crate) fn run(arguments: &Move) -> Result<()> {
    let config = Config::load()?;
    let target = Config {
        store_url: match &arguments.to {
            To::File => None,
            To::Database(target) => Some((**target).clone()),
        },
        ..config.clone()
    };
    let (here, there) = (store::catalog(&config), store::catalog(&target));
    if here.name() == there.name() {
        return Err(format!("the tokens are in {} already", here.name()).into());
    }
    let module = open()?;
    let slot = match arguments.choice.find(&module) {
        Ok(slot) => slot.id,
        Err(error) => moved(arguments, &module, &config)?.ok_or(error)?,
    };
    let from = Place {
        catalog: &*here,
        slot,
        config: &config,
    };
    let to = Place {
        catalog: &*there,
        slot,
        config: &target,
    };
    let verified = match from.state()? {
        MoveState::Moved(place) if place == there.location(slot) => {
            match to.state()? {
                // Cut off between its last two steps.
                MoveState::Arriving(_) => to.admit(&clock())?,
                _ if there.is_taken(slot) => {}
                _ => {
                    return Err(format!(
                        "the token was moved to {place}, where there is none any more: `tenon store take-back` takes it \
                         into use here again"
                    )
                    .into());
                }
            }
            None
        }
        MoveState::Moved(place) => return Err(format!("the token was moved to {place}").into()),
        MoveState::Arriving(place) => {
            return Err(format!(
                "the token is on its way here from {place}: end that first, there"
            )
            .into());
        }
        MoveState::Unmoved => {
            let token = module.token(slot)?;
            token.login(false, arguments.pin.source().read()?.as_bytes())?;
            let mut shown = progress();
            Some(token.move_to(&from, &to, &mut *shown)?)
        }
    };
    let answer = json!({
        "slot": slot,
        "from": from.catalog.location(slot),
        "to": to.catalog.location(slot),
        "verified": verified.map(|all| json!({ "records": all.records, "objects": all.objects })),
    });
    arguments.format.print(&answer, |out| {
        writeln!(out, "The token is in {} now", there.location(slot))?;
        match &arguments.to {
            To::File => writeln!(out, "Take `store.url` out of the settings of its programs")?,
            To::Database(_) => writeln!(out, "Set `store.url` for its programs")?,
        }
        writeln!(
            out,
            "`tenon token delete --slot {slot}` removes what is left in {}",
            here.location(slot)
        )
    })
}

/// The slot that was chosen, or the only one, where its token was moved.
fn moved(arguments: &Move, module: &Module, config: &Config) -> Result<Option<CK_SLOT_ID>> {
    let mut found = Vec::new();
    for slot in module.slots() {
        let place = Place {
            catalog: &**module.catalog(),
            slot,
            config,
        };
        let chosen = arguments.choice.takes(slot, None);
        if chosen
            && module.unreadable(slot)?.is_some()
            && matches!(place.state(), Ok(MoveState::Moved(_)))
        {
            found.push(slot);
        }
    }
    Ok(match found[..] {
        [slot] => Some(slot),
        _ => None,
    })
}

pub(crate) fn take_back(arguments: &TakeBack) -> Result<()> {
    let config = Config::load()?;
    let catalog = store::catalog(&config);
    let place = Place {
        catalog: &*catalog,
        slot: arguments.slot,
        config: &config,
    };
    let MoveState::Moved(to) = place.state()? else {
        return Err(format!("the token in slot {} was not moved", arguments.slot).into());
    };
    confirm(
        &format!(
            "The token is as it was when it was moved to {to}. If it is used there, there will be two, each with \
             keys, PINs and an audit record of its own from then on. Is it lost there, and shall be used here again?"
        ),
        arguments.yes,
    )?;
    place.take_back(&clock())?;
    let answer = json!({ "slot": arguments.slot, "moved_to": to, "taken_back": true });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "The token is in {} again",
            catalog.location(arguments.slot)
        )
    })
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
