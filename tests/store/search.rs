//! Searches against a model that looks at every object.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;
use tenon_pkcs11::api::store::{Head, Row, SearchConditions, Store, Uid};

use super::common::{Result, posting, row, scratch, uid};

fn found(store: &Store, search: &SearchConditions<'_>) -> Vec<Head> {
    let found = store.read(|s| -> Result<_> {
        let mut heads = Vec::new();
        s.find(search, &mut |head| {
            heads.push(head);
            ControlFlow::Continue(())
        })?;
        Ok(heads)
    });
    let mut heads = found.unwrap();
    heads.sort_by_key(|head| head.uid);
    heads
}

#[derive(Debug, Clone)]
struct Thing {
    number: u64,
    class: u64,
    key_type: Option<u64>,
    private: bool,
    hidden: bool,
    expires_at: u64,
    deletion_at: u64,
    postings: Vec<u64>,
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let end = || prop::sample::select(vec![0, 0, 5, 1 << 63, u64::MAX]);
    let thing = (
        0..80_u64,
        0..3_u64,
        prop::option::of(0..3_u64),
        any::<bool>(),
        (any::<bool>(), end(), end()),
        prop::collection::vec(0..6_u64, 0..4),
    );
    let thing = thing.prop_map(|(number, class, key_type, private, ends, postings)| {
        let (hidden, expires_at, deletion_at) = ends;
        Thing {
            number,
            class,
            key_type,
            private,
            hidden,
            expires_at,
            deletion_at,
            postings,
        }
    });
    prop::collection::vec(thing, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn finds_what_the_model_finds(
        things in things(),
        removed in prop::collection::vec(0..80_u64, 0..10),
        searches in prop::collection::vec(
            (
                prop::option::of(0..4_u64),
                prop::option::of(0..4_u64),
                prop::option::of(any::<bool>()),
                prop::option::of(any::<bool>()),
                prop::collection::vec(0..7_u64, 0..4),
            ),
            30,
        ),
    ) {
        let s = scratch();
        let model = s.store.write_relaxed(|tx| -> Result<_> {
            let mut model: BTreeMap<Uid, Thing> = BTreeMap::new();
            for thing in &things {
                let row = Row {
                    class: thing.class,
                    key_type: thing.key_type,
                    private: thing.private,
                    hidden: thing.hidden,
                    expires_at: thing.expires_at,
                    deletion_at: thing.deletion_at,
                    ..row(thing.number)
                };
                let postings: Vec<_> = thing.postings.iter().copied().map(posting).collect();
                tx.put(&row, &postings)?;
                model.insert(row.uid, thing.clone());
            }
            for number in &removed {
                let was = tx.remove(&uid(*number))?;
                assert_eq!(was, model.remove(&uid(*number)).is_some());
            }
            Ok(model)
        }).unwrap();

        for (class, key_type, private, hidden, wanted) in searches {
            let postings: Vec<_> = wanted.iter().copied().map(posting).collect();
            let search = SearchConditions { class, key_type, private, hidden, postings: &postings };
            let expected: Vec<_> = model
                .iter()
                .filter(|(_, thing)| {
                    class.is_none_or(|class| class == thing.class)
                        && key_type.is_none_or(|key_type| Some(key_type) == thing.key_type)
                        && private.is_none_or(|private| private == thing.private)
                        && hidden.is_none_or(|hidden| hidden == thing.hidden)
                        && wanted.iter().all(|posting| thing.postings.contains(posting))
                })
                .map(|(uid, thing)| Head {
                    uid: *uid,
                    class: thing.class,
                    key_type: thing.key_type,
                    private: thing.private,
                    hidden: thing.hidden,
                    expires_at: thing.expires_at,
                    deletion_at: thing.deletion_at,
                })
                .collect();
            prop_assert_eq!(s.store.read(|s| s.count(&search)), Ok(expected.len() as u64));
            prop_assert_eq!(found(&s.store, &search), expected);
        }
    }
}

#[test]
fn finding_stops_when_told() {
    let s = scratch();
    s.store
        .write(|tx| (0..10).try_for_each(|number| tx.put(&row(number), &[posting(0)])))
        .unwrap();
    for postings in [&[][..], &[posting(0)]] {
        let search = SearchConditions {
            postings,
            ..SearchConditions::default()
        };
        let calls = s.store.read(|s| -> Result<_> {
            let mut calls = 0;
            s.find(&search, &mut |_| {
                calls += 1;
                if calls == 3 {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            Ok(calls)
        });
        assert_eq!(calls, Ok(3));
    }
}

#[test]
fn reading_inside_a_search_is_allowed() {
    let s = scratch();
    s.store
        .write(|tx| (0..10).try_for_each(|number| tx.put(&row(number), &[posting(0), posting(1)])))
        .unwrap();
    let search = SearchConditions {
        class: Some(4),
        postings: &[posting(0), posting(1)],
        ..SearchConditions::default()
    };
    let inner = s.store.read(|s| -> Result<_> {
        let mut inner = 0;
        s.find(&search, &mut |head| {
            assert!(s.object(&head.uid).unwrap().is_some());
            inner += s.count(&search).unwrap();
            ControlFlow::Continue(())
        })?;
        Ok(inner)
    });
    assert_eq!(inner, Ok(100));
}
