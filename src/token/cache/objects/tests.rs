use super::*;
use crate::attr::{Attributes, RawAttribute, RawValue, Value};
use crate::secret::Secret;

/// A token object is read and kept in memory; a label of `len` bytes gives it a weight. Those of odd numbers were
/// changed once.
fn remembered(objects: &Objects, number: u64, len: usize) -> Handle {
    let uid = (u128::from(number) << 70).to_be_bytes();
    let handle = objects.handle(&uid, false);
    let home = Home::Token {
        version: number % 2 + 1,
        seal: [0; 16],
    };
    let mut attributes = Attributes::default();
    attributes.set(ck::CKA_LABEL, Value::Bytes(vec![0; len]));
    let object = Object::new(handle, uid, attributes, home, false);
    objects.remember(Arc::new(object), 1);
    handle
}

fn is_there(objects: &Objects, handle: Handle) -> bool {
    let known = objects.get(handle, || Generation::Settled(1)).ok();
    matches!(known, Some(Known::Object(_)))
}

#[test]
fn objects_leave_memory_one_by_one_and_not_those_in_use() {
    let objects = Objects::default();
    const LEN: usize = 1 << 20;
    let fitting = (REMEMBERED / (LEN + (1 << 10))) as u64;
    let handles: Vec<_> = (0..fitting)
        .map(|number| remembered(&objects, number, LEN))
        .collect();
    assert!(handles.len() > 40 && is_there(&objects, handles[0]));
    let newest =
        [fitting, fitting + 1, fitting + 2].map(|number| remembered(&objects, number, LEN));
    let all: Vec<_> = handles.iter().chain(&newest).copied().collect();
    let there = |handle: &&Handle| objects.table.read().read.contains_key(*handle);
    let gone: Vec<_> = all
        .iter()
        .filter(|handle| !there(handle))
        .copied()
        .collect();
    assert_eq!(gone.len(), all.len() - objects.table.read().read.len());
    assert!((1..=3).contains(&gone.len()), "{gone:?}");
    assert_eq!(gone, handles[1..=gone.len()]);
    assert!(objects.table.read().weight <= REMEMBERED);
    // Many small ones have room together.
    objects.forget_read();
    let small: Vec<_> = (0..5000)
        .map(|number| remembered(&objects, number, 32))
        .collect();
    assert!(small.iter().all(|handle| is_there(&objects, *handle)));
    // Nothing is older than the first version.
    assert_eq!(objects.table.read().seen.len(), small.len() / 2);
}

#[test]
fn what_left_memory_by_itself_takes_no_place_in_its_order() {
    let objects = Objects::default();
    for number in 0..10_000 {
        let handle = remembered(&objects, number, 32);
        objects.remove(handle);
    }
    let table = objects.table.read();
    assert!(table.order.len() <= LEFT + 1 && table.seen.is_empty());
    assert_eq!((table.read.len(), table.weight), (0, 0));
}

fn made(objects: &Objects, owner: SessionHandle, label: &str) -> Handle {
    let mut attributes = Attributes::default();
    attributes.set(ck::CKA_CLASS, Value::Ulong(ck::CKO_DATA));
    attributes.set(ck::CKA_LABEL, Value::Bytes(label.as_bytes().to_vec()));
    objects.add_session(|handle| {
        let home = Home::Session {
            owner,
            material: None,
        };
        Object::new(handle, [0; 16], attributes, home, false)
    })
}

fn candidates(objects: &Objects, label: &str) -> Vec<Handle> {
    let template = [RawAttribute {
        kind: ck::CKA_LABEL,
        value: RawValue::Bytes(Secret::copy(label.as_bytes())),
    }];
    let query = Query::new(&template).unwrap();
    let found = objects.session_candidates(&query);
    found.iter().map(|object| object.handle).collect()
}

#[test]
fn a_search_looks_at_the_session_objects_with_its_value_alone() {
    let objects = Objects::default();
    let handles: Vec<_> = (0..10_000_u64)
        .map(|number| made(&objects, number % 7, &format!("label {number}")))
        .collect();
    let twin = made(&objects, 1, "label 77");
    assert_eq!(candidates(&objects, "label 77"), [handles[77], twin]);
    assert_eq!(candidates(&objects, "none"), [0; 0]);
    // What is changed, destroyed or made after a search is found as it is then.
    objects.remove(handles[77]);
    let late = made(&objects, 3, "label 77");
    assert_eq!(candidates(&objects, "label 77"), [twin, late]);
    let mut attributes = Attributes::default();
    attributes.set(ck::CKA_LABEL, Value::Bytes(b"label 5".to_vec()));
    let Ok(Known::Object(seen)) = objects.get(twin, || Generation::Settled(1)) else {
        panic!("a session object is known");
    };
    let changed = || seen.with_attributes(attributes.clone(), false);
    assert!(objects.replace_session(&seen, changed()).unwrap());
    assert!(!objects.replace_session(&seen, changed()).unwrap());
    assert_eq!(candidates(&objects, "label 77"), [late]);
    assert_eq!(candidates(&objects, "label 5"), [handles[5], twin]);
    objects.close_session(3);
    assert_eq!(candidates(&objects, "label 77"), [0; 0]);
    let all = objects.session_candidates(&Query::default());
    assert!(all.len() > 8000 && all.is_sorted_by_key(|object| object.handle));
}

#[test]
fn session_objects_that_nobody_searches_for_leave_nothing_behind() {
    let objects = Objects::default();
    for number in 0..10_000_u64 {
        let handle = made(&objects, number, "label");
        objects.remove(handle);
    }
    assert!(objects.table.read().index.is_small());
}
