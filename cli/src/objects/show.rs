//! `tenon objects show`: attributes by name, values as people read them.

use clap::Args;
use serde_json::{Map, Value, json};
use tenon_pkcs11::api::attr::{self, AttributeInfo, Revealed, ValueForm};
use tenon_pkcs11::api::ck;

use crate::Result;
use crate::object::{Filter, class_name, ulong, value};
use crate::output::{Format, hex, printable};
use crate::token::{Choice, Login};

/// Bytes that are text by their meaning.
const TEXT: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_LABEL,
    ck::CKA_UNIQUE_ID,
    ck::CKA_APPLICATION,
    ck::CKA_URL,
];
/// Bytes that are Unix seconds, big-endian.
const TIMES: [ck::CK_ATTRIBUTE_TYPE; 3] = [
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_NOT_AFTER,
    ck::CKA_TENON_DELETION_AT,
];

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    login: Login,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.login.session(&arguments.choice)?;
    let known = attr::known_attributes();
    let kinds: Vec<_> = known.iter().map(|info| info.kind).collect();
    let mut objects = Vec::new();
    let mut found = arguments.filter.find(&open.session)?;
    if found.is_empty() && arguments.login.is_possible() {
        arguments.login.log_in(&open)?;
        found = arguments.filter.find(&open.session)?;
    }
    for handle in found {
        let values = open.session.attributes(handle, &kinds)?;
        let class = value(&open.session, handle, ck::CKA_CLASS)?.unwrap_or_default();
        let held = ulong(&class).is_some_and(ck::holds_secret);
        let pairs = known.iter().zip(&values);
        let shown = pairs
            .filter_map(|(info, value)| Some((info.name.to_owned(), show(info, value, held)?)));
        objects.push(shown.collect::<Map<_, _>>());
    }
    if objects.is_empty() {
        return Err("no such object; private ones are seen with --login alone".into());
    }
    arguments.format.print(&json!(objects), |out| {
        for (index, object) in objects.iter().enumerate() {
            if index != 0 {
                writeln!(out)?;
            }
            for (name, value) in object {
                match value {
                    Value::String(text) => writeln!(out, "{name}: {text}")?,
                    other => writeln!(out, "{name}: {other}")?,
                }
            }
        }
        Ok(())
    })
}

/// `None` when the object has no such attribute. The material of private and secret keys (`held`) is
/// never printed, even where a program could read it.
fn show(info: &AttributeInfo, value: &Revealed, held: bool) -> Option<Value> {
    let bytes = match value {
        Revealed::Invalid => return None,
        Revealed::Sensitive => return Some("(sensitive)".into()),
        Revealed::NeedsLogin => return Some("(needs a login)".into()),
        Revealed::Template(entries) => {
            let names = entries.iter().map(|(kind, _)| attr::name(*kind));
            return Some(json!(names.collect::<Vec<_>>()));
        }
        Revealed::Value(_) if held && attr::is_material(info.kind) => {
            return Some("(readable by programs; not printed)".into());
        }
        Revealed::Value(bytes) => bytes,
    };
    let number = ulong(bytes);
    Some(match info.form {
        ValueForm::Bool => json!(bytes[..] == [ck::CK_TRUE]),
        ValueForm::Ulong if info.kind == ck::CKA_CLASS => class_name(number).into(),
        ValueForm::Ulong => json!(number),
        ValueForm::Ulongs => {
            let (numbers, _) = bytes.as_chunks();
            let numbers = numbers.iter().map(|n| ck::CK_ULONG::from_ne_bytes(*n));
            json!(numbers.collect::<Vec<_>>())
        }
        ValueForm::Text => printable(bytes).into(),
        ValueForm::Bytes if TEXT.contains(&info.kind) => printable(bytes).into(),
        ValueForm::Bytes if TIMES.contains(&info.kind) => {
            json!(bytes[..].try_into().ok().map(u64::from_be_bytes))
        }
        ValueForm::Bytes | ValueForm::Template => hex(bytes).into(),
    })
}
