//! `tenon byok profiles`: what each service allows.

use std::borrow::Cow;

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::byok::{Profile, Spec, Usage, profile};
use tenon_pkcs11::api::clock::UnixTime;

use super::create::known_profile;
use crate::Result;
use crate::output::Format;
use crate::table::{sentence, table};
use crate::when::{span, utc};

#[derive(Args)]
pub(crate) struct Arguments {
    /// One profile; else all of them
    #[arg(value_name = "NAME", value_parser = known_profile)]
    profile: Option<&'static Profile>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(profile) = arguments.profile {
        return arguments.format.print(&in_json(profile), |out| {
            sentence(out, &format!("{}: {}", profile.name, profile.service))?;
            let rows = rows(profile);
            table(out, ["SPEC", "USAGE", "ALGORITHM", "WRAPPING KEY"], &rows)?;
            table(out, ["RULE", "VALUE"], &limits(profile))
        });
    }
    let answer = json!({ "Profiles": profile::all().map(in_json).collect::<Vec<_>>() });
    arguments.format.print(&answer, |out| {
        let rows: Vec<_> = profile::all().map(summary).collect();
        table(
            out,
            ["PROFILE", "SERVICE", "EXPIRY", "REQUEST", "DELETION"],
            &rows,
        )?;
        sentence(
            out,
            "`tenon byok profiles NAME` shows specs and algorithms.",
        )
    })
}

/// One line for each spec and algorithm.
fn rows(profile: &Profile) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    for spec in profile.specs() {
        for usage in profile.usages(spec) {
            for (algorithm, keys) in algorithms(profile, spec) {
                rows.push([
                    profile.spec_name(spec, usage).into_owned(),
                    profile.usage_name(Some(spec), usage),
                    algorithm,
                    keys.join(", "),
                ]);
            }
        }
    }
    rows
}

/// The names of the algorithms for material of `spec`, each with its wrapping keys.
fn algorithms(profile: &Profile, spec: Spec) -> Vec<(String, Vec<String>)> {
    let mut named: Vec<(String, Vec<String>)> = Vec::new();
    for (algorithm, keys) in profile.ways(spec) {
        for key in keys {
            let name = profile.algorithm_name(algorithm, key);
            let key = profile.wrapping_key_name(key).into_owned();
            match named.iter_mut().find(|(known, _)| known == name) {
                Some((_, keys)) => keys.push(key),
                None => named.push((name.to_owned(), vec![key])),
            }
        }
    }
    named
}

/// The specs, each with its names and the usages that keys of these names may have.
fn named_specs(profile: &Profile) -> Vec<(Spec, Vec<Cow<'static, str>>, Vec<Usage>)> {
    let mut named: Vec<(Spec, Vec<_>, Vec<_>)> = Vec::new();
    for spec in profile.specs() {
        for usage in profile.usages(spec) {
            let names = profile.spec_names_of(spec, usage);
            match named
                .iter_mut()
                .find(|(known, same, _)| *known == spec && *same == names)
            {
                Some((.., usages)) => usages.push(usage),
                None => named.push((spec, names, vec![usage])),
            }
        }
    }
    named
}

fn in_json(profile: &Profile) -> Value {
    let way = |(name, keys): (String, Vec<String>)| json!({ "WrappingAlgorithm": name, "WrappingKeySpecs": keys });
    let spec = |(spec, names, usages): (Spec, Vec<_>, Vec<Usage>)| {
        let usages = usages.into_iter();
        json!({
            "KeySpec": names.first(),
            "KeySpecNames": names,
            "KeyUsages": usages.map(|usage| profile.usage_name(Some(spec), usage)).collect::<Vec<_>>(),
            "WrappingAlgorithms": algorithms(profile, spec).into_iter().map(way).collect::<Vec<_>>(),
        })
    };
    let (longest, latest) = profile.expiry_limits();
    let hmac = profile.hmac_range();
    json!({
        "Name": profile.name,
        "Service": profile.service,
        "KeySpecs": named_specs(profile).into_iter().map(spec).collect::<Vec<_>>(),
        "HmacBits": hmac.map(|(least, most)| json!({ "Least": least, "Most": most })),
        "DefaultExpireSeconds": profile.default_life(),
        "ExpiryMustBeNamed": profile.names_expiry(),
        "GreatestExpireSeconds": longest,
        "LatestExpireUnix": latest,
        "ParametersValidSeconds": profile.job.life,
        "ParametersValidRange": profile.job.lives.map(|(least, most)| json!({ "Least": least, "Most": most })),
        "ParametersServeManyKeys": profile.job.serves_many,
        "PendingWindowInDays": {
            "Min": profile.deletion_days.start(),
            "Max": profile.deletion_days.end(),
        },
        "Documents": profile.source.documents,
        "DocumentsRead": profile.source.read,
        "Note": profile.source.note,
    })
}

fn limits(profile: &Profile) -> Vec<[String; 2]> {
    let mut rows = vec![
        ("material lives", expiry(profile)),
        ("request lives", life(profile.job.life)),
        ("request serves", serves(profile).to_owned()),
        ("deletion after", days(profile)),
    ];
    match profile.hmac_range() {
        Some((0, _)) => rows.push(("HMAC keys", "of any size".to_owned())),
        Some((least, most)) => rows.push(("HMAC keys", format!("of {least} to {most} bits"))),
        None => {}
    }
    for document in profile.source.documents {
        let read = profile.source.read;
        rows.push(("document", format!("{document}, read on {read}")));
    }
    if !profile.source.note.is_empty() {
        rows.push(("note", profile.source.note.to_owned()));
    }
    let rows = rows.into_iter();
    rows.map(|(name, value)| [name.to_owned(), value]).collect()
}

fn summary(profile: &Profile) -> [String; 5] {
    [
        profile.name.to_owned(),
        profile.service.to_owned(),
        expiry(profile),
        life(profile.job.life),
        days(profile),
    ]
}

fn expiry(profile: &Profile) -> String {
    let (longest, latest) = profile.expiry_limits();
    let default = match (profile.names_expiry(), profile.default_life()) {
        (true, _) => "as each import says".to_owned(),
        (false, life) => life.map_or_else(
            || "for ever unless said".to_owned(),
            |life| format!("{} unless said", span(life)),
        ),
    };
    match (longest, latest) {
        (Some(life), _) => format!("{default}, {} at most", span(life)),
        (None, Some(latest)) => format!("{default}, until {} at most", utc(latest)),
        (None, None) => default,
    }
}

fn serves(profile: &Profile) -> &'static str {
    if profile.job.serves_many {
        return "one key, or every key of the profile";
    }
    "one key"
}

fn life(seconds: Option<UnixTime>) -> String {
    seconds.map_or_else(|| "for ever".to_owned(), span)
}

fn days(profile: &Profile) -> String {
    let window = &profile.deletion_days;
    format!("{} to {} days", window.start(), window.end())
}
