//! The counter of a key for one-time passwords, from which each signature takes a value that no other one gets: not in
//! another session or process either, and not after a crash.

use std::sync::Arc;

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::TakeCounter;
use crate::token::cache::object::{Home, Object};
use crate::token::cache::objects::Known;
use crate::token::identity::audit::Event;
use crate::token::record::damaged::damaged;

use super::writer::Writer;

/// The counter of one key.
pub(in crate::token) struct PasswordCounter {
    pub(in crate::token) writer: Arc<Writer>,
    pub(in crate::token) object: Arc<Object>,
}

impl TakeCounter for PasswordCounter {
    fn take(&self) -> Result<u64> {
        match self.object.home {
            Home::Session { .. } => self.take_in_session(),
            Home::Token { .. } | Home::Provided(_) => self.take_in_store(),
        }
    }
}

impl PasswordCounter {
    fn take_in_store(&self) -> Result<u64> {
        let keys = self.writer.state.keys();
        let doing = Event::Password.with(ck::CKM_HOTP).and(ck::CKA_SIGN);
        self.writer.change(&keys, doing, |change| {
            let mut record = change.get(&self.object.uid)?.ok_or_else(gone)?;
            let taken = advance(&mut record.attributes)?;
            change.put(&mut record, None)?;
            Ok(taken)
        })
    }

    fn take_in_session(&self) -> Result<u64> {
        let state = &self.writer.state;
        loop {
            let now = || state.store.generation();
            let Ok(Known::Object(seen)) = state.objects.get(self.object.handle, now) else {
                return Err(gone());
            };
            let mut attributes = seen.attributes.clone();
            let taken = advance(&mut attributes)?;
            let changed = seen.with_attributes(attributes, state.config.enforce_dates);
            if state.objects.replace_session(&seen, changed)? {
                return Ok(taken);
            }
        }
    }
}

/// Moves CKA_OTP_COUNTER on, and returns what it was.
fn advance(attributes: &mut Attributes) -> Result<u64> {
    let counter = attributes.bytes(ck::CKA_OTP_COUNTER);
    let counter = counter.and_then(|counter| counter.try_into().ok());
    let counter = u64::from_be_bytes(counter.ok_or_else(|| damaged("a key's counter"))?);
    let Some(next) = counter.checked_add(1) else {
        return refuse(
            ck::CKR_FUNCTION_FAILED,
            "the key's counter is at its end: make another key",
        );
    };
    attributes.set(
        ck::CKA_OTP_COUNTER,
        Value::Bytes(next.to_be_bytes().to_vec()),
    );
    Ok(counter)
}

fn gone() -> Error {
    Error::new(
        ck::CKR_KEY_HANDLE_INVALID,
        "the key was destroyed meanwhile",
    )
}
