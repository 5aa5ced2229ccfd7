//! One record, for programs and for people.

use serde_json::{Value, json};
use tenon_pkcs11::api::attr;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::client::Client;
use tenon_pkcs11::api::mechanism;
use tenon_pkcs11::api::policy::Login;
use tenon_pkcs11::api::token::{AuditEntry, Event, Repeated, Touch, Touched};

use crate::object::class_name;
use crate::output::{hex, printable};
use crate::when::utc;

/// A record as a JSON object; what it does not have is null.
pub(super) fn json(position: u64, entry: &AuditEntry) -> Value {
    let number = |event: fn(Event) -> bool| entry.number.filter(|_| event(entry.event));
    let client = entry.client.as_ref();
    json!({
        "record": position,
        "time": entry.at,
        "utc": utc(entry.at),
        "event": entry.event.name(),
        "role": role(entry.login),
        "result": ck::rv_name(entry.rv),
        "mechanism": entry.mechanism.map(mechanism_name),
        "key": entry.by.map(|uid| hex(&uid)),
        "target": entry.target.map(|uid| hex(&uid)),
        "count": entry.repeated.map(|repeated| repeated.count),
        "since": entry.repeated.map(|repeated| repeated.since),
        "use": number(|event| event == Event::Use).and_then(attr::name),
        "mark": number(|event| matches!(event, Event::ClockAccepted | Event::ClockLowered)),
        "noted": number(|event| event == Event::AnchorAccepted),
        "replaced": number(|event| event == Event::Restored),
        "archived": number(|event| event == Event::Archive),
        "due": number(|event| event == Event::Delete),
        "import_token": number(|event| event == Event::Import).map(|given| given != 0),
        "sha256": entry.digest.map(|digest| hex(&digest)),
        "uid": client.map(|client| client.uid),
        "pid": client.map(|client| client.pid),
        "program": client.map(|client| printable(client.program.as_bytes())),
        "host": client.map(|client| printable(client.host.as_bytes())),
        "actor": client.map(|client| &client.actor).filter(|actor| !actor.is_empty()),
        "session": client.and_then(|client| client.session),
        "objects": entry.objects.iter().map(object_json).collect::<Vec<_>>(),
    })
}

fn object_json(object: &Touched) -> Value {
    json!({
        "unique_id": hex(&object.uid),
        "class": class_name(Some(object.class)),
        "change": match object.touch {
            Touch::Put => "put",
            Touch::Removed => "removed",
            Touch::Used => "used",
        },
        "version": (object.touch != Touch::Used).then_some(object.version),
        "label": object.label.as_deref().map(printable),
    })
}

/// Position, time, event, role, result, client, and the rest.
pub(super) fn row(position: u64, entry: &AuditEntry) -> [String; 7] {
    [
        position.to_string(),
        utc(entry.at),
        entry.event.name().to_owned(),
        role(entry.login).to_owned(),
        ck::rv_name(entry.rv).to_owned(),
        entry.client.as_ref().map_or_else(String::new, who),
        details(entry).join(", "),
    ]
}

/// The program, its process, and the user: `nginx[4711] by 33`; behind it host and actor where they tell more.
fn who(client: &Client) -> String {
    let program = client.program.rsplit('/').next().unwrap_or_default();
    let mut who = format!("{program}[{}] by {}", client.pid, client.uid);
    for (word, text) in [("on", &client.host), ("for", &client.actor)] {
        if !text.is_empty() {
            who += &format!(" {word} {text}");
        }
    }
    printable(who.as_bytes())
}

fn details(entry: &AuditEntry) -> Vec<String> {
    let mut details = Vec::new();
    details.extend(entry.mechanism.map(mechanism_name));
    details.extend(entry.by.map(|uid| format!("by {}", hex(&uid))));
    details.extend(entry.target.map(|uid| format!("for {}", hex(&uid))));
    let number = entry
        .number
        .filter(|number| (entry.event, *number) != (Event::Import, 1));
    details.extend(number.map(|number| match entry.event {
        Event::Import => "without an import token".to_owned(),
        Event::Use => attr::name(number).map_or_else(|| format!("{number:#x}"), str::to_owned),
        Event::ClockAccepted | Event::ClockLowered => format!("mark {}", utc(number)),
        Event::Restored => format!("in place of change {number}"),
        Event::Archive => format!("up to record {number}"),
        Event::Delete => format!("due {}", utc(number)),
        _ => format!("noted {number}"),
    }));
    details.extend(entry.repeated.map(|repeated| {
        let Repeated { count, since } = repeated;
        format!("{count} times since {}", utc(since))
    }));
    details.extend(entry.objects.iter().map(|object| {
        let class = class_name(Some(object.class));
        let uid = hex(&object.uid);
        match &object.label {
            Some(label) => format!("{class} {uid} {:?}", printable(label)),
            None => format!("{class} {uid}"),
        }
    }));
    details
}

fn role(login: Login) -> &'static str {
    match login {
        Login::Public => "nobody",
        Login::User => "user",
        Login::So => "so",
    }
}

fn mechanism_name(id: ck::CK_MECHANISM_TYPE) -> String {
    mechanism::find(id).map_or_else(|| format!("{id:#x}"), |row| row.name.to_owned())
}
