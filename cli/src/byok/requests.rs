//! `tenon byok requests`: the open import requests, and ending them.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::byok::Algorithm;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::external::{External, field, now};
use crate::Result;
use crate::ask::{UserPin, confirm};
use crate::object::{find, ulong, value};
use crate::output::{Format, hex, key_id, printable, table};
use crate::template::Template;
use crate::token::Choice;
use crate::when::deadline;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the requests for this key: its KeyId, its alias, or its CKA_ID in hexadecimal digits
    #[arg(value_name = "KEY")]
    name: Option<String>,
    /// End the request with this RequestId, with its public key and import token: nothing that was
    /// wrapped for it comes in any more. May be repeated
    #[arg(long, value_name = "ID")]
    revoke: Vec<String>,
    /// End all requests that are listed
    #[arg(long, conflicts_with = "revoke")]
    revoke_all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

/// An open import request.
struct ImportRequest {
    /// The private half of the wrapping key.
    private: Handle,
    /// CKA_ID, or CKA_UNIQUE_ID of a request without one.
    id: String,
    /// KeyId of the key that it is for; empty for one that serves many.
    target: String,
    algorithm: String,
    /// 0 = never.
    not_after: UnixTime,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.choice.user_session(&arguments.pin)?;
    let session = &open.session;
    let mut listed = requests(session)?;
    if let Some(name) = &arguments.name {
        let key = External::named(session, name)?;
        listed.retain(|request| request.target == key.unique_id);
    }
    for id in &arguments.revoke {
        if !listed.iter().any(|request| request.id == *id) {
            return Err(format!(
                "no open request has the RequestId {id}: `tenon byok requests` lists those there are"
            )
            .into());
        }
    }
    let revokes = arguments.revoke_all || !arguments.revoke.is_empty();
    if revokes {
        listed.retain(|request| arguments.revoke_all || arguments.revoke.contains(&request.id));
        let question = format!(
            "End {} requests? What was wrapped for them cannot be imported any more.",
            listed.len()
        );
        confirm(&question, arguments.yes)?;
        for request in &listed {
            session.destroy_object(request.private)?;
        }
    }
    let answer = json!({
        "Requests": listed.iter().map(ImportRequest::json).collect::<Vec<_>>(),
        "Revoked": revokes,
    });
    arguments.format.print(&answer, |out| {
        if revokes {
            writeln!(out, "Ended:")?;
        }
        let now = now();
        let rows: Vec<_> = listed.iter().map(|request| request.row(now)).collect();
        table(out, ["request", "key id", "algorithm", "expires"], &rows)
    })
}

/// The requests that have not expired, in the order of their RequestIds.
fn requests(session: &Session) -> Result<Vec<ImportRequest>> {
    let mut requests = Vec::new();
    for private in find(session, &template())? {
        requests.push(ImportRequest::of(session, private)?);
    }
    requests.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(requests)
}

/// What every import request matches.
pub(super) fn template() -> Template {
    Template::of_class(ck::CKO_PRIVATE_KEY).number(ck::CKA_TENON_ORIGIN, ck::ORIGIN_IMPORT_JOB)
}

impl ImportRequest {
    fn of(session: &Session, private: Handle) -> Result<Self> {
        let bytes = |kind| value(session, private, kind).map(Option::unwrap_or_default);
        let id = bytes(ck::CKA_ID)?;
        let algorithm = ulong(&bytes(ck::CKA_TENON_WRAP_ALGORITHM)?).and_then(Algorithm::find);
        let not_after = bytes(ck::CKA_TENON_NOT_AFTER)?.try_into();
        Ok(Self {
            private,
            id: match id.is_empty() {
                true => printable(&bytes(ck::CKA_UNIQUE_ID)?),
                false => hex(&id),
            },
            target: printable(&bytes(ck::CKA_TENON_IMPORT_TARGET)?),
            algorithm: algorithm.map_or("?", |algorithm| algorithm.name).to_owned(),
            not_after: not_after.map_or(0, UnixTime::from_be_bytes),
        })
    }

    fn json(&self) -> Value {
        json!({
            "RequestId": self.id,
            "KeyId": key_id(&self.target),
            "WrappingAlgorithm": self.algorithm,
            "TokenExpireTime": field(self.not_after),
        })
    }

    fn row(&self, now: UnixTime) -> [String; 4] {
        [
            self.id.clone(),
            key_id(&self.target),
            self.algorithm.clone(),
            deadline(self.not_after, now),
        ]
    }
}
