//! C_SetAttributeValue.

use crate::attr::{self, Attributes, RawAttribute, Value};
use crate::byok::{self, Deed};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::policy::Action;

use super::external::approval;
use super::identity::state::Keys;
use super::record::external;
use super::record::vault::Record;
use super::{CallingSession, Change, Token};
use crate::token::cache::object::{Handle, Home};
use crate::token::cache::objects::no_such_object;
use crate::token::identity::audit::Event;

impl Token {
    /// C_SetAttributeValue of CKA_TENON_APPROVAL: the key notes an approval of its deletion. It stands alone in its
    /// template, as a rotation does.
    fn take_approval(
        &self,
        caller: CallingSession,
        handle: Handle,
        template: &[RawAttribute],
        approval: &[u8],
    ) -> Result<()> {
        if template.len() != 1 {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "an approval is a change by itself: set the other attributes in a call of their own",
            )
            .at("CKA_TENON_APPROVAL"));
        }
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Change, &object, &keys, caller.read_write)?;
        let serial = keys.identity.serial_text();
        self.change(&keys, Event::Change, |change| {
            let mut record = change.get(&object.uid)?.ok_or_else(no_such_object)?;
            approval::take(change, &mut record, &serial, approval)?;
            change.put(&mut record, None)
        })
    }

    /// C_SetAttributeValue.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED, and what `attr::change` says.
    pub fn set_attributes(
        &self,
        caller: CallingSession,
        handle: Handle,
        template: &[RawAttribute],
    ) -> Result<()> {
        match command(template)? {
            Some(ck::CKA_TENON_ROTATE) => return self.rotate(caller, handle, false),
            Some(ck::CKA_TENON_ROTATE_RAW) => return self.rotate(caller, handle, true),
            Some(_) => return self.sweep_by_clock(caller, handle),
            None => {}
        }
        if let Some(approval) = attr::stated_bytes(template, ck::CKA_TENON_APPROVAL) {
            return self.take_approval(caller, handle, template, approval);
        }
        let names = |kind| attr::states(template, kind);
        if names(ck::CKA_TENON_ENDED_AT) && names(ck::CKA_TENON_MATERIAL_ID) {
            return self.delete_named_material(caller, handle, template);
        }
        let (object, keys) = self.current(handle)?;
        let action = match template {
            [] => Action::Change,
            _ if template.iter().all(|a| a.kind == ck::CKA_TRUSTED) => Action::Trust,
            _ => Action::Change,
        };
        self.decide(action, &object, &keys, caller.read_write)?;
        self.may_change(&object.attributes, template)?;
        match &object.home {
            Home::Token { .. } => self.change(&keys, Event::Change, |change| {
                let mut record = change.get(&object.uid)?.ok_or_else(no_such_object)?;
                self.change_record(caller, &keys, (change, &mut record), template)?;
                change.put(&mut record, None)
            }),
            Home::Provided(_) => refuse(
                ck::CKR_ACTION_PROHIBITED,
                "what the token provides itself cannot be changed",
            ),
            Home::Session { .. } => {
                let attributes = attr::change(&object.attributes, template, &keys.requester())?;
                self.may_gain(caller, &keys, &object.attributes, &attributes)?;
                let changed = object.with_attributes(attributes, self.state.config.enforce_dates);
                match self.state.objects.replace_session(&object, changed)? {
                    true => Ok(()),
                    false => self.set_attributes(caller, handle, template),
                }
            }
        }
    }

    /// Gives the record the attributes of a template, as the object is now: another process may have changed
    /// its state since the caller found it.
    fn change_record(
        &self,
        caller: CallingSession,
        keys: &Keys,
        (change, record): (&mut Change<'_>, &mut Record),
        template: &[RawAttribute],
    ) -> Result<()> {
        self.may_change(&record.attributes, template)?;
        if let Some(at) = scheduled(template) {
            let deed = Deed::scheduled(at, change.now.at);
            approval::spend(change, record, deed)?;
        }
        let mut changed = attr::change(&record.attributes, template, &keys.requester())?;
        self.may_gain(caller, keys, &record.attributes, &changed)?;
        if changed.bytes(ck::CKA_ID) != record.attributes.bytes(ck::CKA_ID) {
            change.may_be_named(&record.uid, &changed)?;
        }
        if changed.bytes(ck::CKA_LABEL) != record.attributes.bytes(ck::CKA_LABEL) {
            change.may_have_alias(&record.uid, &changed)?;
        }
        cancelled(&record.attributes, &mut changed)?;
        record.attributes = changed;
        Ok(())
    }

    /// Whether the key's kind and state allow the changes of a template.
    fn may_change(&self, attributes: &Attributes, template: &[RawAttribute]) -> Result<()> {
        let now = self.state.time.now().at;
        let kind = external::kind(attributes)?;
        for attribute in template {
            byok::may_change(kind, attribute.kind, attribute.bytes(), now)
                .map_err(|refused| self.state.time.explained_byok(refused))?;
        }
        Ok(())
    }
}

/// The attribute that is no value of the object but a command: what is set to TRUE is done. It stands alone in
/// its template, so that no other change is half of a refused command.
fn command(template: &[RawAttribute]) -> Result<Option<ck::CK_ATTRIBUTE_TYPE>> {
    const COMMANDS: [ck::CK_ATTRIBUTE_TYPE; 3] = [
        ck::CKA_TENON_ROTATE,
        ck::CKA_TENON_ROTATE_RAW,
        ck::CKA_TENON_SWEEP,
    ];
    let Some(kind) = COMMANDS
        .into_iter()
        .find(|kind| attr::states(template, *kind))
    else {
        return Ok(None);
    };
    let refused =
        |rv, why: &'static str| Err(Error::new(rv, why).at(attr::name(kind).unwrap_or_default()));
    match (template, attr::stated_bool(template, kind)?) {
        ([_], Some(true)) => Ok(Some(kind)),
        ([_], _) => refused(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "TRUE does what the attribute names, and there is no other value",
        ),
        _ => refused(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "this is a change by itself: set the other attributes in a call of their own",
        ),
    }
}

/// The time for which a template schedules a deletion.
fn scheduled(template: &[RawAttribute]) -> Option<UnixTime> {
    let at = attr::stated_bytes(template, ck::CKA_TENON_DELETION_AT)?;
    let at = UnixTime::from_be_bytes(at.try_into().ok()?);
    (at != 0).then_some(at)
}

/// Disables a key whose scheduled deletion is cancelled, where its service does so.
fn cancelled(before: &Attributes, after: &mut Attributes) -> Result<()> {
    let [was, is] = [before, &*after].map(|of| of.time(ck::CKA_TENON_DELETION_AT).unwrap_or(0));
    if was != 0 && is == 0 && external::profile_of(after)?.cancelled_is_disabled {
        after.set(ck::CKA_TENON_DISABLED, Value::Bool(true));
    }
    Ok(())
}
