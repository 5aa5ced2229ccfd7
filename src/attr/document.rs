//! `docs/attributes.md`, written from the table.

use std::fmt::Write;

use crate::ck;
use crate::keytype;

use super::row::{
    AttributeRow, ChangeRule, Fallback, Need, ObjectSet, SearchBy, Showing, ValueType,
};
use super::table::rows;

const INTRODUCTION: &str = "\
# Attributes

Written from the tables in `src/attr/table.rs` and `src/keytype/`; `TENON_REGENERATE=1 cargo test` writes it anew.

Create, generate, unwrap, derive: *must*, *may* or – (must not) be in the template of C_CreateObject,
C_GenerateKey and C_GenerateKeyPair, C_UnwrapKey, C_DeriveKey. Set and copy: what C_SetAttributeValue and
C_CopyObject may change. Material: shown only while CKA_SENSITIVE is false, CKA_EXTRACTABLE is true and
CKA_WRAP_WITH_TRUSTED is false.
Default *sensitive*: false when the application supplies the value (C_CreateObject) or the key has CKA_EXTRACTABLE, else true; also true with CKA_WRAP_WITH_TRUSTED.
Default *unset*: nothing is stored, and the attribute reads as empty (a number as 0).
Default *usage*: true when the template asks for no usage at all and the key's type can do it; with `policy.separate_roles`, and of keys
with a profile, the uses that wrap, unwrap and recover stay false.

| attribute | type | objects | default | create | generate | unwrap | derive | set | copy | read | search |
|---|---|---|---|---|---|---|---|---|---|---|---|
";

fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    for (row, subtypes) in merged() {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            value_type(row.value_type),
            objects(row.objects, &subtypes),
            default(&row),
            need(row.create),
            need(row.generate),
            need(row.unwrap),
            need(row.derive),
            change(row.set),
            change(row.copy),
            match row.reveal {
                Showing::Always => "always",
                Showing::UnlessSensitive => "material",
            },
            match row.search {
                SearchBy::Column => "column",
                SearchBy::Indexed => "index",
                SearchBy::Checked => "check",
            },
        );
    }
    out
}

/// The rows, those that differ in the subtypes alone as one, with their subtypes.
fn merged() -> Vec<(AttributeRow, Vec<&'static str>)> {
    let all_but_type = |row: &AttributeRow| {
        let mut row = *row;
        row.objects.subtypes = &[];
        format!("{row:?}")
    };
    let mut merged: Vec<(AttributeRow, Vec<&'static str>)> = Vec::new();
    for row in rows() {
        let ObjectSet { classes, subtypes } = row.objects;
        let titles = subtypes.iter().map(|subtype| title(classes, *subtype));
        let same = |(known, of): &&mut (AttributeRow, Vec<_>)| {
            !subtypes.is_empty() && !of.is_empty() && all_but_type(known) == all_but_type(&row)
        };
        match merged.iter_mut().find(same) {
            Some((_, known)) => known.extend(titles),
            None => merged.push((row, titles.collect())),
        }
    }
    merged
}

fn title(classes: &[ck::CK_OBJECT_CLASS], subtype: ck::CK_ULONG) -> &'static str {
    match (classes, subtype) {
        ([ck::CKO_CERTIFICATE], ck::CKC_X_509) => "X.509",
        ([ck::CKO_CERTIFICATE], ck::CKC_X_509_ATTR_CERT) => "attribute",
        ([ck::CKO_CERTIFICATE], ck::CKC_WTLS) => "WTLS",
        (_, key_type) => keytype::find(key_type).expect("a key type").title,
    }
}

fn value_type(value_type: ValueType) -> String {
    match value_type {
        ValueType::Bool => "CK_BBOOL".into(),
        ValueType::Ulong | ValueType::Among(_) => "CK_ULONG".into(),
        ValueType::Bytes => "bytes".into(),
        ValueType::Sized(lengths) => format!("{} bytes", join(lengths.iter(), "/")),
        ValueType::Utf8 => "UTF-8".into(),
        ValueType::Date => "CK_DATE".into(),
        ValueType::Ulongs => "array of CK_ULONG".into(),
        ValueType::Template => "array of CK_ATTRIBUTE".into(),
    }
}

fn objects(objects: ObjectSet, subtypes: &[&str]) -> String {
    let classes = match objects.classes.len() {
        11 => "all".to_owned(),
        8 => "stored".to_owned(),
        _ => join(objects.classes.iter().map(|class| class_name(*class)), ", "),
    };
    if subtypes.is_empty() {
        return classes;
    }
    format!("{classes} ({})", subtypes.join(", "))
}

fn class_name(class: ck::CK_OBJECT_CLASS) -> &'static str {
    match class {
        ck::CKO_DATA => "data",
        ck::CKO_CERTIFICATE => "certificate",
        ck::CKO_PUBLIC_KEY => "public key",
        ck::CKO_PRIVATE_KEY => "private key",
        ck::CKO_SECRET_KEY => "secret key",
        ck::CKO_OTP_KEY => "OTP key",
        ck::CKO_DOMAIN_PARAMETERS => "domain parameters",
        ck::CKO_TRUST => "trust",
        ck::CKO_HW_FEATURE => "hardware feature",
        ck::CKO_MECHANISM => "mechanism",
        ck::CKO_PROFILE => "profile",
        other => panic!("no name for class {other}"),
    }
}

fn default(row: &AttributeRow) -> String {
    match row.default {
        Fallback::Absent => String::new(),
        Fallback::No => "false".into(),
        Fallback::Yes => "true".into(),
        Fallback::Sensitive => "sensitive".into(),
        Fallback::Usage => {
            let types = keytype::all().filter(|key_type| key_type.uses.contains(&row.kind));
            format!(
                "usage: {}",
                join(types.map(|key_type| key_type.title), ", ")
            )
        }
        Fallback::Empty => "empty".into(),
        Fallback::Unset => "unset".into(),
        Fallback::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Fallback::Number(number) => format!("{number:#x}"),
    }
}

fn need(need: Need) -> &'static str {
    match need {
        Need::Required => "must",
        Need::Optional => "may",
        Need::Forbidden => "–",
    }
}

fn change(change: ChangeRule) -> &'static str {
    match change {
        ChangeRule::Never => "–",
        ChangeRule::Free => "any",
        ChangeRule::OnlyToTrue => "to true",
        ChangeRule::OnlyToFalse => "to false",
        ChangeRule::OnlyToEmpty => "to empty",
        ChangeRule::OnlyEarlier => "earlier",
        ChangeRule::OnlyLater => "later",
        ChangeRule::SoOnly => "by the SO",
    }
}

fn join(items: impl Iterator<Item = impl ToString>, between: &str) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(between)
}

#[test]
fn the_document_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/attributes.md");
    let wanted = document();
    if std::env::var_os("TENON_REGENERATE").is_some() {
        std::fs::write(path, &wanted).expect("docs/attributes.md can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == wanted,
        "stale: run `TENON_REGENERATE=1 cargo test document`"
    );
}
