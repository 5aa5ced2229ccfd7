//! The table of docs/byok.md that says what each state allows: every cell is tried.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::token::Handle;

use super::envelope::seal;
use super::jobs::{external, job};
use super::outside::{Import, MATERIAL, find};
use crate::common::{TODAY, attrs, bytes, rv, state};

const DOCUMENT: &str = include_str!("../../docs/byok.md");
const NAMES: [&str; 4] = ["PendingImport", "Enabled", "Disabled", "PendingDeletion"];
const ID: &[u8] = b"\x57";

/// The rows of the table: the call, and a cell for each state.
fn rows() -> Vec<(&'static str, [&'static str; 4])> {
    let head = format!("| | {} | services |", NAMES.join(" | "));
    let table = DOCUMENT.split_once(&head).unwrap().1;
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, call, a, b, c, d, services, _] = cells[..] else {
            panic!("{line}");
        };
        assert!(!services.is_empty(), "{call}: what the services do");
        (call, [a, b, c, d])
    };
    lines.map(row).collect()
}

/// A key that rotates, in this state; bound, as the command line's `delete-material` wants it.
fn key_in(token: &Import, state: &str) -> Handle {
    let session = &token.fixture.session;
    let template =
        attrs![CKA_TENON_PROFILE => "alibaba-software", CKA_ID => ID, CKA_LABEL => "key"];
    let key = external(session, template).unwrap();
    import(token).unwrap();
    match state {
        "PendingImport" => session.destroy_object(key).unwrap(),
        "Enabled" => {}
        "Disabled" => set(token, key, attrs![CKA_TENON_DISABLED => true]).unwrap(),
        _ => schedule(token, key).unwrap(),
    }
    let key = find(
        session,
        &attrs![CKA_ID => ID, CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL],
    )[0];
    assert_eq!(name(token, key), state);
    key
}

fn name(token: &Import, key: Handle) -> &'static str {
    NAMES[usize::try_from(state(&token.fixture.session, key)).unwrap() - 1]
}

fn import(token: &Import) -> Result<Handle> {
    token.import(MATERIAL, attrs![CKA_ID => ID])
}

fn set(token: &Import, key: Handle, template: Vec<RawAttribute>) -> Result<()> {
    token.fixture.session.set_attributes(key, &template)
}

fn schedule(token: &Import, key: Handle) -> Result<()> {
    let at = TODAY + 7 * 86_400;
    set(
        token,
        key,
        attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()],
    )
}

/// The C calls of a row, of which all have the same outcome.
fn call(token: &Import, key: Handle, name: &str) -> Vec<Result<()>> {
    let session = &token.fixture.session;
    let set = |template| set(token, key, template);
    match name {
        "use" => vec![seal(session, key, b"text").map(drop)],
        "import, parameters" => vec![job(session, key, 2).map(drop), import(token).map(drop)],
        "delete-material" => vec![session.destroy_object(key)],
        "disable" => vec![set(attrs![CKA_TENON_DISABLED => true])],
        "enable" => vec![set(attrs![CKA_TENON_DISABLED => false])],
        "schedule-deletion" => vec![schedule(token, key)],
        "cancel-deletion" => vec![set(attrs![CKA_TENON_DELETION_AT => &[0; 8]])],
        "update: alias" => vec![set(attrs![CKA_LABEL => "other"])],
        "update: description, tags" => vec![
            set(attrs![CKA_TENON_DESCRIPTION => "text"]),
            set(attrs![CKA_TENON_TAGS => r#"{"a":"b"}"#]),
        ],
        "rotate" => vec![session.rotate(key, false)],
        "describe, list, versions, receipt" => vec![
            session
                .attributes(key, &[ck::CKA_TENON_KEY_STATE])
                .map(drop),
            session.versions(key).map(drop),
            session.receipt(key).map(drop),
        ],
        other => panic!("{other} is not tried"),
    }
}

/// What an attribute says of the call's effect, so that no call succeeds without one.
fn facts(token: &Import, key: Handle) -> Vec<Vec<u8>> {
    let kinds = [
        ck::CKA_TENON_DISABLED,
        ck::CKA_TENON_DELETION_AT,
        ck::CKA_TENON_VERSIONS,
        ck::CKA_LABEL,
        ck::CKA_TENON_DESCRIPTION,
    ];
    let read = kinds.map(|kind| {
        let values = token.fixture.session.attributes(key, &[kind]).unwrap();
        format!("{values:?}").into_bytes()
    });
    read.to_vec()
}

#[test]
fn every_cell_of_the_states_is_true() {
    let rows = rows();
    assert_eq!(rows.len(), 11, "a row for each call");
    for (at, (call_name, cells)) in rows.into_iter().enumerate() {
        for (state, cell) in NAMES.into_iter().zip(cells) {
            let token = Import::new();
            let key = key_in(&token, state);
            let uid = bytes(&token.fixture.session, key, ck::CKA_UNIQUE_ID);
            let before = facts(&token, key);
            let here = format!("row {at}, {call_name} in {state}: {cell}");
            let expected = match cell.starts_with("refused") {
                true => "CKR_KEY_FUNCTION_NOT_PERMITTED",
                false => "CKR_OK",
            };
            for outcome in call(&token, key, call_name) {
                assert_eq!(rv(&outcome), expected, "{here}: {outcome:?}");
                let said = outcome.err().map(|error| error.to_string());
                assert!(
                    said.is_none_or(|said| said.contains(": ")),
                    "{here}: says why"
                );
            }
            let key = find(&token.fixture.session, &attrs![CKA_UNIQUE_ID => &uid])[0];
            let effect = cell.split(';').next().unwrap();
            let named = NAMES.into_iter().find(|name| effect.contains(name));
            if let Some(named) = named.filter(|_| call_name != "use") {
                assert_eq!(name(&token, key), named, "{here}");
            }
            let changed = facts(&token, key) != before;
            match call_name {
                "import, parameters" if expected == "CKR_OK" => {}
                "use" | "describe, list, versions, receipt" => assert!(!changed, "{here}"),
                _ => assert_eq!(changed, cell.starts_with("done"), "{here}: an effect"),
            }
        }
    }
}
