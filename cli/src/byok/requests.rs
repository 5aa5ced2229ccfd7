//! `tenon byok requests`: the open import requests, and ending them.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::byok::{Algorithm, WrappingKey, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::external::{External, field};
use crate::Result;
use crate::ask::{UserPin, confirm};
use crate::object::{find, ulong, value};
use crate::output::{Format, hex, key_id, printable};
use crate::table::table;
use crate::template::Template;
use crate::token::Choice;
use crate::when::deadline;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the requests for this key alone: its KeyId, its alias, or its CKA_ID in hexadecimal digits
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
    /// CKA_UNIQUE_ID of the key that it is for; empty for one that serves every key of the profile.
    target: String,
    profile: String,
    /// The service's name for the algorithm.
    algorithm: String,
    /// The service's name for the wrapping key.
    wrapping_key: String,
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
    let now = open.now()?;
    arguments.format.print(&answer, |out| {
        if revokes {
            writeln!(out, "Ended:")?;
        }
        let rows: Vec<_> = listed.iter().map(|request| request.row(now)).collect();
        table(
            out,
            [
                "REQUEST",
                "FOR",
                "PROFILE",
                "ALGORITHM",
                "WRAPPING KEY",
                "EXPIRES",
            ],
            &rows,
        )
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
        let target = printable(&bytes(ck::CKA_TENON_IMPORT_TARGET)?);
        let profile = match target.as_str() {
            "" => printable(&bytes(ck::CKA_TENON_PROFILE)?),
            target => profile_of(session, target)?,
        };
        let algorithm = ulong(&bytes(ck::CKA_TENON_WRAP_ALGORITHM)?).and_then(Algorithm::find);
        let modulus = bytes(ck::CKA_MODULUS)?;
        let (algorithm, wrapping_key) = names(&profile, algorithm, &modulus);
        let not_after = bytes(ck::CKA_TENON_NOT_AFTER)?.try_into();
        Ok(Self {
            private,
            id: match id.is_empty() {
                true => printable(&bytes(ck::CKA_UNIQUE_ID)?),
                false => hex(&id),
            },
            target,
            profile,
            algorithm,
            wrapping_key,
            not_after: not_after.map_or(0, UnixTime::from_be_bytes),
        })
    }

    fn json(&self) -> Value {
        json!({
            "RequestId": self.id,
            "KeyId": key_id(&self.target),
            "Profile": self.profile,
            "EveryKey": self.target.is_empty(),
            "WrappingAlgorithm": self.algorithm,
            "WrappingKeySpec": self.wrapping_key,
            "TokenExpireTime": field(self.not_after),
        })
    }

    fn row(&self, now: UnixTime) -> [String; 6] {
        let whom = match self.target.as_str() {
            "" => "every key".to_owned(),
            target => key_id(target),
        };
        [
            self.id.clone(),
            whom,
            self.profile.clone(),
            self.algorithm.clone(),
            self.wrapping_key.clone(),
            deadline(self.not_after, now),
        ]
    }
}

/// The profile of the key with this CKA_UNIQUE_ID; empty where the key is gone.
fn profile_of(session: &Session, unique_id: &str) -> Result<String> {
    let template = Template::default().bytes(ck::CKA_UNIQUE_ID, unique_id.as_bytes());
    let Some(key) = find(session, &template)?.pop() else {
        return Ok(String::new());
    };
    let profile = value(session, key, ck::CKA_TENON_PROFILE)?;
    Ok(printable(&profile.unwrap_or_default()))
}

/// What the service calls the algorithm and the wrapping key of a request, of which the latter has this modulus where
/// the algorithm is of RSA.
fn names(profile: &str, algorithm: Option<&Algorithm>, modulus: &[u8]) -> (String, String) {
    let Some(algorithm) = algorithm else {
        return ("?".to_owned(), "?".to_owned());
    };
    let rsa = || WrappingKey::Rsa(modulus.len() as u64 * 8);
    let key = algorithm.only_key().unwrap_or_else(rsa);
    match profile::find(profile.as_bytes()) {
        Some(profile) => (
            profile.algorithm_name(algorithm, key).to_owned(),
            profile.wrapping_key_name(key).into_owned(),
        ),
        None => (algorithm.name.to_owned(), key.to_string()),
    }
}
