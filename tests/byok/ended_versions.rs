//! Versions whose material ended: refusals name them, and each end is stated, of material that was never current too.

use serde_json::{Value, json};
use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::Clock;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::token::approval_statement;

use super::approvals::{custody, give, serial, three};
use super::envelope::{open, seal};
use super::jobs::external;
use super::outside::{MATERIAL, OTHER, find};
use super::receipt::hex;
use super::rotation::{NEVER, Rotating, THIRD};
use crate::common::{Fixture, SLOT, TODAY, USER_PIN, attrs, bytes, returns, uid};

const DAY: u64 = 86_400;

/// A key of two versions whose first is material that lives until then.
fn rotated(first_ends: u64) -> Rotating {
    let aws = Rotating::new(vec![]);
    aws.import(MATERIAL, first_ends).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    aws
}

#[track_caller]
fn names(refused: Result<impl Sized>, words: &[&str]) {
    let error = refused.err().unwrap();
    assert_eq!(error.rv, ck::CKR_KEY_FUNCTION_NOT_PERMITTED, "{error}");
    let why = error.to_string();
    for word in words {
        assert!(why.contains(word), "no {word:?} in: {why}");
    }
}

#[test]
fn a_refusal_names_the_older_version_whose_material_is_gone() {
    let ends: [fn(&Rotating); 3] = [
        |aws| {
            let id = aws.id_of(1);
            aws.token.session.delete_material(aws.key, &id).unwrap();
        },
        |aws| aws.token.clock.set(TODAY + 50),
        |aws| {
            aws.token.clock.set(TODAY + 50);
            aws.token.module.token(SLOT).unwrap().sweep().unwrap();
        },
    ];
    for end in ends {
        let aws = rotated(TODAY + 50);
        let session = &aws.token.session;
        let id = hex(aws.id_of(1));
        end(&aws);
        let words = ["version 1 ", &id, "import"];
        names(seal(session, aws.key, b"text"), &words);
        names(aws.rotate(), &words);
        let disable = attrs![CKA_TENON_DISABLED => true];
        names(session.set_attributes(aws.key, &disable), &words);
        // The current version's own material ends as well, and comes back first.
        session.delete_material(aws.key, &aws.id_of(2)).unwrap();
        let error = seal(session, aws.key, b"text").err().unwrap().to_string();
        assert!(!error.contains("version 1 "), "{error}");
        aws.import(OTHER, NEVER).unwrap();
        names(seal(session, aws.key, b"text"), &words);
        aws.import(MATERIAL, NEVER).unwrap();
        seal(session, aws.key, b"text").unwrap();
    }
}

#[test]
fn material_that_expired_is_named_with_its_end() {
    let aws = Rotating::new(vec![]);
    aws.import(MATERIAL, TODAY + 50).unwrap();
    aws.token.clock.set(TODAY + 50);
    let session = &aws.token.session;
    names(
        seal(session, aws.key, b"text"),
        &["expired at 20", "import the same"],
    );
}

/// A service whose keys work without their older versions.
#[test]
fn an_envelope_names_the_version_that_it_needs() {
    let key = Rotating::new(attrs![CKA_TENON_PROFILE => "alibaba-software"]);
    let session = &key.token.session;
    key.import(MATERIAL, TODAY + 50).unwrap();
    let sealed = seal(session, key.key, b"first").unwrap();
    let id = hex(key.id_of(1));
    key.rotate().unwrap();
    key.import(OTHER, NEVER).unwrap();
    key.token.clock.set(TODAY + 50);
    let words = ["version 1 ", &id, "import that material"];
    names(open(session, key.key, &sealed), &words);
    key.token.module.token(SLOT).unwrap().sweep().unwrap();
    names(open(session, key.key, &sealed), &words);
    seal(session, key.key, b"second").unwrap();
}

impl Rotating {
    fn said_of(&self, id: &[u8; 16]) -> Value {
        let receipt = self.token.session.receipt_of_material(self.key, id);
        serde_json::from_slice(&receipt.unwrap().statement).unwrap()
    }

    /// The last entries of CKA_TENON_RECEIPTS, which have no number: the material id and the reason of each.
    fn unused(&self) -> Vec<(Value, Value)> {
        let read = bytes(&self.token.session, self.key, ck::CKA_TENON_RECEIPTS);
        let read: Vec<Value> = serde_json::from_slice(&read).unwrap();
        let unused = read.iter().filter(|entry| entry["number"].is_null());
        let said = unused.map(|entry| {
            let statement = entry["statement"].as_str().unwrap();
            let said: Value = serde_json::from_str(statement).unwrap();
            (entry["material_id"].clone(), said["why"].clone())
        });
        said.collect()
    }
}

#[test]
fn the_end_of_material_that_was_never_current_is_stated() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    assert_eq!(aws.unused(), []);
    let next = |material: &[u8], expires_at| {
        aws.import_next(material, expires_at).unwrap();
        aws.id_of(2)
    };
    let replaced = next(OTHER, NEVER);
    aws.token.clock.set(TODAY + 5);
    let deleted = next(THIRD, NEVER);
    aws.token.clock.set(TODAY + 6);
    session.delete_material(aws.key, &deleted).unwrap();
    let expired = next(OTHER, TODAY + 10);
    assert_ne!(expired, replaced, "the same material, brought anew");
    aws.token.clock.set(TODAY + 99);
    for (id, why, ended_at) in [
        (replaced, "replaced", TODAY + 5),
        (deleted, "deleted", TODAY + 6),
        (expired, "expired", TODAY + 10),
    ] {
        let said = aws.said_of(&id);
        for (name, value) in [
            ("type", json!("tenon end statement 1")),
            ("what", json!("material")),
            ("why", json!(why)),
            ("ended_at", json!(ended_at)),
            ("erased", json!(true)),
            ("material_id", json!(hex(id))),
            ("version", Value::Null),
            ("state", Value::Null),
            ("current_version", json!(1)),
            ("versions", json!(1)),
        ] {
            assert_eq!(said[name], value, "{why} {name}");
        }
        assert_ne!(said["material_proof"], Value::Null);
    }
    let listed = [
        (replaced, "replaced"),
        (deleted, "deleted"),
        (expired, "expired"),
    ];
    let listed = listed.map(|(id, why)| (json!(hex(id)), json!(why)));
    assert_eq!(aws.unused(), listed);
    // They are no versions: the key works, counts one, and is not bound to them.
    assert_eq!(session.versions(aws.key).unwrap().len(), 1);
    let unused = session.unused_materials(aws.key).unwrap();
    assert_eq!(unused.len(), 3);
    seal(session, aws.key, b"text").unwrap();
    let sealed = aws.token.module.token(SLOT).unwrap().sealed_keys().unwrap();
    assert_eq!(sealed[0].older, []);
    next(OTHER, NEVER);
    aws.rotate().unwrap();
    assert_eq!(aws.unused().len(), 3);
    let none = session.receipt_of_material(aws.key, &[9; 16]);
    returns!(none, CKR_ATTRIBUTE_VALUE_INVALID);
    // C_DestroyObject leaves them, and the end of the key takes them along.
    session.destroy_object(aws.key).unwrap();
    let key = find(session, &attrs![CKA_TENON_PROFILE => "aws"])[0];
    let due = aws.token.clock.now() + 8 * DAY;
    let schedule = attrs![CKA_TENON_DELETION_AT => &due.to_be_bytes()];
    session.set_attributes(key, &schedule).unwrap();
    aws.token.clock.set(due);
    let token = aws.token.module.token(SLOT).unwrap();
    token.sweep().unwrap();
    token.verify_audit().unwrap();
    assert_eq!(token.sealed_keys().unwrap(), []);
}

/// Of an external key with versions, in all profiles that delete all of them at once.
#[test]
fn each_end_is_stated_where_all_material_is_deleted() {
    let aws = rotated(NEVER);
    let session = &aws.token.session;
    aws.import_next(THIRD, NEVER).unwrap();
    let ids = [1, 2, 3].map(|number| aws.id_of(number));
    for id in [ids[2], ids[0], ids[1]] {
        session.delete_material(aws.key, &id).unwrap();
    }
    for id in ids {
        assert_eq!(aws.said_of(&id)["why"], "deleted");
    }
}

#[test]
fn only_so_many_ends_are_kept() {
    let aws = Rotating::new(vec![]);
    aws.import(MATERIAL, NEVER).unwrap();
    let mut first = None;
    for number in 0..66_u8 {
        aws.import_next(&[number; 32], NEVER).unwrap();
        first.get_or_insert(aws.id_of(2));
    }
    let unused = aws.token.session.unused_materials(aws.key).unwrap();
    assert_eq!(unused.len(), 64);
    let gone = aws
        .token
        .session
        .receipt_of_material(aws.key, &first.unwrap());
    returns!(gone, CKR_ATTRIBUTE_VALUE_INVALID, "the oldest goes first");
    let token = aws.token.module.token(SLOT).unwrap();
    token.verify_audit().unwrap();
}

/// What is gone already takes no approval.
#[test]
fn approvals_are_not_used_up_by_material_that_is_gone() {
    let custodians = three();
    let aws = Rotating::new(custody(&custodians, 1));
    let session = &aws.token.session;
    aws.import(MATERIAL, TODAY + 50).unwrap();
    aws.import_next(OTHER, NEVER).unwrap();
    aws.rotate().unwrap();
    let approve = || {
        let nonce = bytes(session, aws.key, ck::CKA_TENON_APPROVAL_NONCE);
        let key = uid(session, aws.key);
        let said = approval_statement(&serial(&aws.token), &key, &nonce, Deed::DeleteMaterial);
        give(session, aws.key, &custodians[0].sign(&said)).unwrap();
    };
    let approvals = || bytes(session, aws.key, ck::CKA_TENON_APPROVAL);
    let [first, second] = [1, 2].map(|number| aws.id_of(number));
    // What has expired is over, whether it is erased yet or not.
    approve();
    let there = approvals();
    aws.token.clock.set(TODAY + 50);
    assert_eq!(session.versions(aws.key).unwrap()[0].ended_by, "expired");
    for _ in 0..2 {
        let refused = session.delete_material(aws.key, &first);
        let why = refused.as_ref().err().unwrap().to_string();
        assert!(
            why.contains("already") && why.contains("no approval"),
            "{why}"
        );
        returns!(refused, CKR_ATTRIBUTE_VALUE_INVALID);
    }
    assert_eq!(approvals(), there);
    session.delete_material(aws.key, &second).unwrap();
    assert_eq!(approvals(), b"[]");
    // The current version has no material, so nothing goes by C_DestroyObject.
    aws.import(MATERIAL, NEVER).unwrap();
    approve();
    let there = approvals();
    session.destroy_object(aws.key).unwrap();
    let key = find(session, &attrs![CKA_TENON_PROFILE => "aws"])[0];
    assert_eq!(bytes(session, key, ck::CKA_TENON_APPROVAL), there);
    assert_ne!(there, b"[]");
}

/// The end is that of the time that was set, however late somebody touches the key.
#[test]
fn a_key_ended_when_its_deletion_was_due() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let uid = uid(session, key);
    let due = TODAY + 7 * DAY;
    let schedule = attrs![CKA_TENON_DELETION_AT => &due.to_be_bytes()];
    session.set_attributes(key, &schedule).unwrap();
    token.clock.set(due + 5000);
    token.module.token(SLOT).unwrap().sweep().unwrap();
    let said = session.end_of_key(&uid, &[]).unwrap();
    let said: Value = serde_json::from_slice(&said.statement).unwrap();
    assert_eq!(said["ended_at"], due);
}

/// A clock that is far ahead erases nothing, not even what a statement would be of.
#[test]
fn a_statement_erases_nothing_by_a_clock_in_doubt() {
    let aws = Rotating::new(vec![]);
    let session = &aws.token.session;
    aws.import(MATERIAL, TODAY + DAY).unwrap();
    let key = uid(session, aws.key);
    aws.token.clock.set(TODAY + 300 * DAY);
    let said = session.receipt(aws.key).unwrap();
    let said: Value = serde_json::from_slice(&said.statement).unwrap();
    assert_eq!(
        (&said["why"], &said["erased"]),
        (&json!("expired"), &json!(false))
    );
    returns!(session.end_of_key(&key, &[]), CKR_OBJECT_HANDLE_INVALID);
    aws.token.clock.set(TODAY + 5);
    let module = aws.token.another();
    let other = crate::common::session(&module, crate::common::RW);
    other.login(ck::CKU_USER, USER_PIN).unwrap();
    let there = find(&other, &attrs![CKA_TENON_PROFILE => "aws"])[0];
    seal(&other, there, b"text").unwrap();
}

/// Without a login a receipt is no unknown attribute.
#[test]
fn a_receipt_without_a_login_asks_for_one() {
    let aws = Rotating::new(attrs![CKA_PRIVATE => false]);
    let session = &aws.token.session;
    aws.import(MATERIAL, NEVER).unwrap();
    session.logout().unwrap();
    let key = find(session, &attrs![CKA_TENON_PROFILE => "aws"])[0];
    for kind in [
        ck::CKA_TENON_RECEIPT,
        ck::CKA_TENON_RECEIPT_SIGNATURE,
        ck::CKA_TENON_RECEIPTS,
    ] {
        let read = session.attributes(key, &[kind]).unwrap();
        assert_eq!(read, [Revealed::NeedsLogin], "{kind:#x}");
    }
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    let key = find(session, &attrs![CKA_TENON_PROFILE => "aws"])[0];
    bytes(session, key, ck::CKA_TENON_RECEIPTS);
}
