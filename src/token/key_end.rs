//! The signed statement that a key is gone (BYOK section 7), by what the audit record says.

use std::path::PathBuf;

use serde_json::json;

use super::Token;
use super::identity::audit::{self, Base, Entry, Event, Touch};
use super::receipt::END;
use super::record::statement::{Receipt, fields};
use super::record::uid::hex;
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result};
use crate::store::Uid;
use crate::token::cache::objects::no_such_object;

/// Position of the record of a key's end, and when it ended.
type End = Option<(u64, UnixTime)>;

impl Token {
    /// The signed statement that the key with this uid is gone by its scheduled deletion, as the audit record
    /// says: that of the token, then those of `archives`. Only records that are known to be genuine count.
    /// Memory does not grow with their number.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID where no record knows of such a deletion, CKR_USER_NOT_LOGGED_IN,
    /// CKR_DEVICE_ERROR; those of `read_archive`.
    pub fn end_of_key(&self, uid: &Uid, archives: &[PathBuf]) -> Result<Receipt> {
        let keys = self.keys();
        let master = keys.master("a signed statement needs a login")?;
        self.sweeper.sweep_object(&self.writer, &keys, uid)?;
        let (mut end, archived) = self.state.store.read(|snapshot| {
            let mut end = End::None;
            let each = |position, entry: Entry| {
                note(&mut end, uid, position, &entry);
                Ok(())
            };
            audit::walk(snapshot, master, |_| Ok(()), each)?;
            Ok::<_, Error>((end, Base::read(snapshot, master)?.link.position))
        })?;
        for archive in archives {
            self.read_archive(archive, |position, entry| {
                note(&mut end, uid, position, &entry);
                Ok::<_, Error>(())
            })?;
        }
        let Some((position, at)) = end else {
            return Err(not_found(archived, archives));
        };
        self.sign(
            &keys,
            fields([
                ("type", json!(END)),
                ("what", json!("key")),
                ("why", json!("scheduled deletion")),
                ("serial", json!(keys.identity.serial_text())),
                ("uid", json!(hex(uid))),
                ("ended_at", json!(at)),
                ("erased", json!(true)),
                ("audit_record", json!(position)),
            ]),
        )
    }
}

/// Notes the record in `end`, if it is that of this key's end.
fn note(end: &mut End, uid: &Uid, position: u64, entry: &Entry) {
    let mut objects = entry.objects.iter();
    let gone = objects.any(|of| of.touch == Touch::Removed && of.uid == *uid);
    if entry.event == Event::Delete && gone {
        // The record is as late as the key was touched first after its end. Older records do not say the end itself.
        *end = Some((position, entry.number.unwrap_or(entry.at)));
    }
}

fn not_found(archived: u64, archives: &[PathBuf]) -> Error {
    if archived == 0 || !archives.is_empty() {
        return no_such_object();
    }
    Error::new(
        ck::CKR_OBJECT_HANDLE_INVALID,
        format!(
            "the token's own audit record knows of no such deletion, and records 1 to {archived} are in archives: name \
             the files (`tenon byok receipt KEYID --archive FILE`)"
        ),
    )
}
