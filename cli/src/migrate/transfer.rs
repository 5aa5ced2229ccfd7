//! Objects of another module, made anew in a token: each once, also where an earlier run ended early.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use tenon_pkcs11::api::attr::{RawAttribute, RawValue, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Handle;
use zeroize::Zeroizing;

use super::compare::Comparison;
use super::other_module::OtherModule;
use super::plan::{Loss, Plan};
use super::report::{Fate, Origin, Outcome, Report};
use super::source::{SourceObject, flag};
use crate::Result;
use crate::ask::UserPin;
use crate::object::find;
use crate::our_key::OurKey;
use crate::output::Format;
use crate::template::Template;
use crate::token::{Choice, OpenSession};

/// Where the objects go, and how.
#[derive(Args)]
pub(crate) struct Destination {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    /// Say what would come along and what would not, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) struct Transfer<'a> {
    arguments: &'a Destination,
    origin: Origin<'a>,
    open: OpenSession,
    pin: Zeroizing<String>,
    other: Option<OtherModule>,
    /// How many objects of each description this run has met or made.
    seen: HashMap<Vec<u8>, usize>,
}

impl<'a> Transfer<'a> {
    pub(crate) fn new(
        arguments: &'a Destination,
        origin: Origin<'a>,
        other: Option<OtherModule>,
    ) -> Result<Self> {
        let open = arguments.choice.session()?;
        let pin = arguments.pin.source().read()?;
        open.session.login(ck::CKU_USER, pin.as_bytes())?;
        Ok(Self {
            arguments,
            origin,
            open,
            pin,
            other,
            seen: HashMap::new(),
        })
    }

    /// Takes all objects over, and prints what became of them. Fails where one was refused.
    pub(crate) fn run(
        mut self,
        count: usize,
        objects: impl Iterator<Item = (String, Result<SourceObject>)>,
    ) -> Result<ExitCode> {
        let mut report = Report::default();
        let mut progress = Progress::new(count);
        for (name, object) in objects {
            report.add(match object {
                Ok(object) => self.take(&object)?,
                Err(error) => Outcome::unreadable(name, error.to_string()),
            });
            progress.step();
        }
        progress.end();
        let format = &self.arguments.format;
        report.print(
            format,
            &self.origin,
            &self.open.slot.label,
            self.arguments.dry_run,
        )?;
        Ok(match report.is_complete() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }

    fn take(&mut self, object: &SourceObject) -> Result<Outcome> {
        let mut plan = Plan::of(object);
        let mut outcome = Outcome::of(object);
        if object.is_unknown_key() {
            outcome.fate = Fate::Refused(format!(
                "the token has no keys of this type ({})",
                object.key()
            ));
            return Ok(outcome);
        }
        let trial = match self.trial(&mut plan) {
            Ok(trial) => trial,
            Err(why) => {
                outcome.fate = Fate::Refused(why.to_string());
                return Ok(outcome);
            }
        };
        let description = self.description(trial)?;
        // An object that is not destroyable goes with the session.
        let _ = self.open.session.destroy_object(trial);
        outcome.lost = plan.lost;
        let known = self.known(&description)?;
        let seen = self.seen.entry(fingerprint(&description)).or_default();
        *seen += 1;
        let handle = if let Some(present) = known.get(*seen - 1) {
            outcome.fate = Fate::Present;
            *present
        } else if self.arguments.dry_run {
            return Ok(outcome);
        } else {
            let template = with_token(&plan.required, &plan.wanted, true);
            match self.open.session.create_object(&template) {
                Ok(made) => made,
                Err(error) => {
                    outcome.fate = Fate::Refused(error.to_string());
                    return Ok(outcome);
                }
            }
        };
        if let Some(other) = &self.other {
            let ours = OurKey {
                open: &self.open,
                handle,
                pin: self.pin.as_bytes(),
            };
            outcome.comparison = Comparison::of(other, &ours, object);
        }
        Ok(outcome)
    }

    /// The object as a session object: the token checks all of it and keeps nothing. What the object can do
    /// without, and the token refuses, leaves the plan.
    fn trial(&self, plan: &mut Plan) -> Result<Handle> {
        let session = &self.open.session;
        let make = |wanted: &[RawAttribute]| {
            session.create_object(&with_token(&plan.required, wanted, false))
        };
        if let Ok(made) = make(&plan.wanted) {
            return Ok(made);
        }
        let mut kept = Vec::new();
        let mut made = make(&kept)?;
        for attribute in std::mem::take(&mut plan.wanted) {
            let kind = attribute.kind;
            kept.push(attribute);
            match make(&kept) {
                Ok(with_it) => {
                    let _ = session.destroy_object(made);
                    made = with_it;
                }
                Err(error) => {
                    let refused = kept.pop();
                    // A use that the token does not know is one that the key does not have.
                    if refused.is_none_or(|one| one.bytes() != Some(&[ck::CK_FALSE])) {
                        plan.lost.push(Loss::new(kind, error.to_string()));
                    }
                }
            }
        }
        plan.wanted = kept;
        Ok(made)
    }

    /// What tells the object from others, by attributes that every caller can read.
    fn description(&self, object: Handle) -> Result<Template> {
        const ALL: [ck::CK_ATTRIBUTE_TYPE; 11] = [
            ck::CKA_CLASS,
            ck::CKA_LABEL,
            ck::CKA_ID,
            ck::CKA_KEY_TYPE,
            ck::CKA_CERTIFICATE_TYPE,
            ck::CKA_PUBLIC_KEY_INFO,
            ck::CKA_CHECK_VALUE,
            ck::CKA_VALUE_LEN,
            ck::CKA_APPLICATION,
            ck::CKA_SUBJECT,
            ck::CKA_SERIAL_NUMBER,
        ];
        let values = self.open.session.attributes(object, &ALL)?;
        let known = ALL.iter().zip(values);
        let mut description = Template::default().flag(ck::CKA_TOKEN, true);
        let mut is_key = false;
        for (kind, value) in known {
            if let Revealed::Value(value) = value {
                is_key |= *kind == ck::CKA_KEY_TYPE;
                description = description.bytes(*kind, &value);
            }
        }
        if !is_key {
            let value = crate::object::value(&self.open.session, object, ck::CKA_VALUE)?;
            description = description.maybe(ck::CKA_VALUE, value);
        }
        Ok(description)
    }

    /// The objects of this description that are in the token.
    fn known(&self, description: &Template) -> Result<Vec<Handle>> {
        find(&self.open.session, description)
    }
}

fn with_token(
    required: &[RawAttribute],
    wanted: &[RawAttribute],
    token: bool,
) -> Vec<RawAttribute> {
    let place = RawAttribute {
        kind: ck::CKA_TOKEN,
        value: flag(token),
    };
    let all = std::iter::once(&place).chain(required).chain(wanted);
    all.cloned().collect()
}

fn fingerprint(description: &Template) -> Vec<u8> {
    let mut bytes = Vec::new();
    for attribute in description.as_slice() {
        bytes.extend(attribute.kind.to_ne_bytes());
        if let RawValue::Bytes(value) = &attribute.value {
            bytes.extend(value.len().to_ne_bytes());
            bytes.extend(&value[..]);
        }
    }
    bytes
}

/// How far the work is, on a terminal.
struct Progress {
    done: usize,
    count: usize,
    shown: bool,
}

impl Progress {
    fn new(count: usize) -> Self {
        Self {
            done: 0,
            count,
            shown: io::stderr().is_terminal(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        if self.shown {
            eprint!("\r{} of {} objects", self.done, self.count);
            // A progress line that is lost does no harm.
            let _ = io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}
