//! The key that a command is about: how it is named, opened, changed and reported.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::ck;

use super::external::External;
use super::metadata;
use crate::Result;
use crate::ask::UserPin;
use crate::output::Format;
use crate::template::Template;
use crate::token::{Choice, OpenSession};

/// The key that a command is about.
#[derive(Args)]
pub(super) struct Target {
    /// The key: its KeyId (CKA_UNIQUE_ID), its alias (CKA_LABEL), or its CKA_ID in hexadecimal digits
    #[arg(value_name = "KEY")]
    pub(super) name: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    pub(super) format: Format,
}

impl Target {
    /// The key, in a session that may change it.
    pub(super) fn open(&self) -> Result<(OpenSession, External)> {
        let open = self.choice.user_session(&self.pin)?;
        let key = External::named(&open.session, &self.name)?;
        Ok((open, key))
    }

    /// A session that reads.
    pub(super) fn reading_session(&self) -> Result<OpenSession> {
        self.choice.reading_session(&self.pin)
    }

    /// The key, in a session that reads.
    pub(super) fn open_reading(&self) -> Result<(OpenSession, External)> {
        let open = self.reading_session()?;
        let key = External::named(&open.session, &self.name)?;
        Ok((open, key))
    }

    /// Sets attributes of the key, and prints its new state after the words `done`.
    pub(super) fn change(&self, template: &Template, done: &str) -> Result<()> {
        let (open, key) = self.open()?;
        self.set(&open, &key, template, done)
    }

    /// As `change`, of a key that is known already.
    pub(super) fn set(
        &self,
        open: &OpenSession,
        key: &External,
        template: &Template,
        done: &str,
    ) -> Result<()> {
        open.session
            .set_attributes(key.handle, template.as_slice())?;
        self.report(&External::of(&open.session, key.handle)?, done)
    }

    /// Switches the key off or on, and says where it was so before.
    pub(super) fn switch(&self, off: bool) -> Result<()> {
        let (open, key) = self.open()?;
        let usual = matches!(key.state, Some(ck::STATE_ENABLED | ck::STATE_DISABLED));
        let done = if off { "Disabled" } else { "Enabled" };
        if usual && key.disabled == off {
            return self.report_unchanged(&key, &format!("{done} already"));
        }
        let template = Template::default().flag(ck::CKA_TENON_DISABLED, off);
        self.set(&open, &key, &template, done)
    }

    /// Prints the key, which was changed, after the words `done`, and what it needs to be used.
    pub(super) fn report(&self, key: &External, done: &str) -> Result<()> {
        self.answer(key, done, true)
    }

    /// As `report`, of a key that was as it was asked for, for the reason `why`.
    pub(super) fn report_unchanged(&self, key: &External, why: &str) -> Result<()> {
        self.answer(key, &format!("{why}; nothing changed:"), false)
    }

    fn answer(&self, key: &External, done: &str, changed: bool) -> Result<()> {
        let answer = json!({ "Changed": changed, "KeyMetadata": metadata::of_key(key) });
        self.format.print(&answer, |out| {
            writeln!(out, "{done} {}", key.words())?;
            key.needs()
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))
        })
    }
}
