//! KeyMetadata: what every command answers of a key in JSON, in the field names of the services.

use serde_json::{Map, Value, json};
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::token::{SealedKey, Version};

use super::external::{External, field, state_name};
use super::first_end::FirstEnd;
use crate::output::{hex, key_id, printable};

/// Every field; docs/byok.md says what each is.
const FIELDS: [&str; 33] = [
    "AliasName",
    "Approvals",
    "Bound",
    "CreationDate",
    "Custodians",
    "DeleteDate",
    "Description",
    "Disabled",
    "Encryption",
    "FirstEnd",
    "Generated",
    "Id",
    "ImportTime",
    "KeyId",
    "KeyMaterialExpireUnix",
    "KeyMaterialId",
    "KeySpec",
    "KeyState",
    "KeyUsage",
    "KeyVersionCount",
    "MaterialEndReason",
    "MaterialEndTime",
    "MaterialExpireTime",
    "MissingVersions",
    "OlderVersions",
    "Origin",
    "PrimaryKeyVersion",
    "Profile",
    "ProtectionLevel",
    "Quorum",
    "RequireToken",
    "Shares",
    "Tags",
];

/// All fields, with the values that are known; the others are null.
fn metadata(known: Value) -> Value {
    let all = FIELDS.map(|name| (name.to_owned(), Value::Null));
    let mut all: Map<_, _> = all.into_iter().collect();
    if let Value::Object(known) = known {
        all.extend(known);
    }
    Value::Object(all)
}

/// Of a key as the session sees it.
pub(super) fn of_key(key: &External) -> Value {
    let tags = key.tags.iter();
    let tags = tags.map(|(key, value)| json!({ "TagKey": printable(key.as_bytes()), "TagValue": printable(value.as_bytes()) }));
    let current = key.current();
    let older = key.versions.iter().filter(|version| !version.current);
    let older = older.filter(|version| version.material_id.is_some());
    let missing = key.missing().into_iter().map(|version| version.number);
    metadata(json!({
        "AliasName": key.alias,
        "Approvals": key.approvals,
        "Bound": !key.material_id.is_empty(),
        "CreationDate": field(key.created_at),
        "Custodians": key.custodian_digests(),
        "DeleteDate": field(key.deletion_at),
        "Description": key.description,
        "Disabled": key.disabled,
        "Encryption": key.independence(),
        "FirstEnd": FirstEnd::of(&key.versions).map(first_end),
        "Generated": key.generated,
        "Id": hex(&key.id),
        "ImportTime": field(key.imported_at),
        "KeyId": key.key_id,
        "KeyMaterialExpireUnix": key.expires_at,
        "KeyMaterialId": key.material(),
        "KeySpec": key.spec(),
        "KeyState": key.state(),
        "KeyUsage": key.usage(),
        "KeyVersionCount": key.versions.len(),
        "MaterialEndReason": current.map(|version| version.ended_by),
        "MaterialEndTime": field(key.ended_at),
        "MaterialExpireTime": field(key.expires_at),
        "MissingVersions": missing.collect::<Vec<_>>(),
        "OlderVersions": older.map(|version| of_version(key, version)).collect::<Vec<_>>(),
        "Origin": key.origin(),
        "PrimaryKeyVersion": current.map(|version| version.number),
        "Profile": key.profile,
        "ProtectionLevel": "SOFTWARE",
        "Quorum": key.quorum,
        "RequireToken": key.require_token,
        "Shares": shares(key),
        "Tags": tags.collect::<Vec<_>>(),
    }))
}

/// Of a private key without a login, of which little is known.
pub(super) fn of_sealed(key: &SealedKey) -> Value {
    let older = key.older.iter();
    let older = older
        .map(|version| older_version(Value::Null, Value::Null, version.live, version.expires_at));
    let origin = (!key.generated).then_some("EXTERNAL");
    let expires_at = current_end(key);
    metadata(json!({
        "Bound": key.bound,
        "DeleteDate": field(key.deletion_at),
        "FirstEnd": FirstEnd::of_sealed(key).map(first_end),
        "Generated": key.generated,
        "KeyId": key_id(&hex(&key.uid)),
        "KeyMaterialExpireUnix": expires_at,
        "KeyState": state_name(key.state.number()),
        "MaterialExpireTime": expires_at.map(field),
        "OlderVersions": older.collect::<Vec<_>>(),
        "Origin": origin,
        "ProtectionLevel": "SOFTWARE",
    }))
}

/// When the current version's material ends (0 = never, or there is none), as it is known without a login: where it
/// may be that of an older version, with whose material the key's use ends too, it is not known.
pub(super) fn current_end(key: &SealedKey) -> Option<UnixTime> {
    let end = key.expires_at;
    let of_older = key.older.iter().any(|older| older.expires_at == end);
    (end == 0 || !of_older).then_some(end)
}

fn of_version(key: &External, version: &Version) -> Value {
    let (number, id) = (version.number.into(), key.material_of(version).into());
    older_version(number, id, version.has_material(), version.expires_at)
}

/// An entry of OlderVersions: a version with material of its own that is not the current one.
fn older_version(number: Value, id: Value, live: bool, expires_at: UnixTime) -> Value {
    json!({
        "KeyVersion": number,
        "KeyMaterialId": id,
        "Live": live,
        "KeyMaterialExpireUnix": expires_at,
        "MaterialExpireTime": field(expires_at),
    })
}

fn first_end(end: FirstEnd) -> Value {
    json!({
        "KeyVersion": end.number,
        "Current": end.current,
        "Live": end.live,
        "KeyMaterialExpireUnix": end.expires_at,
        "MaterialExpireTime": field(end.expires_at),
    })
}

/// How many shares make the material, of how many, and which wait; null where it comes whole.
fn shares(key: &External) -> Value {
    match key.sharing.as_slice() {
        [needed, of] => json!({ "Needed": needed, "Of": of, "Waiting": key.waiting }),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's table of fields.
    #[test]
    fn every_field_is_documented() {
        let manual = include_str!("../../../docs/byok.md");
        let (_, section) = manual.split_once("\n## KeyMetadata\n").unwrap();
        let section = section
            .split_once("\n## ")
            .map_or(section, |(section, _)| section);
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut listed: Vec<_> = rows
            .flat_map(|row| row.split_once(" | ").unwrap().0.split(", "))
            .map(|name| name.trim_matches('`'))
            .collect();
        listed.sort_unstable();
        assert_eq!(listed, FIELDS);
    }

    #[test]
    fn nothing_is_answered_beside_the_fields() {
        let sealed = SealedKey {
            uid: [7; 16],
            class: tenon_pkcs11::api::ck::CKO_SECRET_KEY,
            state: tenon_pkcs11::api::byok::State::Enabled,
            generated: false,
            bound: true,
            expires_at: 0,
            deletion_at: 0,
            older: vec![],
        };
        let sealed = of_sealed(&sealed);
        let names: Vec<_> = sealed.as_object().unwrap().keys().collect();
        assert_eq!(names, FIELDS);
    }
}
