use std::ops::ControlFlow;

use tenon_pkcs11::api::store::{
    AuditRow, DuePlace, Error, Generation, MaterialRow, Row, SearchConditions, Store,
};

use super::common::{Result, open, posting, row, scratch, uid};

#[test]
fn every_column_comes_back() {
    let s = scratch();
    let full = Row {
        uid: [0xFF; 16],
        class: 0x8054_4E00_0000_0001,
        key_type: Some(u64::MAX),
        private: true,
        hidden: false,
        expires_at: u64::MAX,
        deletion_at: 1 << 63,
        version: u64::MAX,
        format: u32::MAX,
        sealed: vec![0; 100_000],
        mac: vec![7; 16],
    };
    s.store.write(|tx| tx.put(&full, &[])).unwrap();
    assert_eq!(
        s.store.read(|s| s.object(&full.uid)),
        Ok(Some(full.clone()))
    );

    let bare = Row {
        key_type: None,
        sealed: Vec::new(),
        ..row(1)
    };
    s.store.write(|tx| tx.put(&bare, &[])).unwrap();
    assert_eq!(s.store.read(|s| s.object(&bare.uid)), Ok(Some(bare)));
    assert_eq!(s.store.read(|s| s.object(&uid(2))), Ok(None));
    let all = [0; 16]..=[0xFF; 16];
    assert_eq!(
        s.store.read(|s| s.load_among(&all)),
        Ok(None),
        "two objects"
    );

    let search = SearchConditions {
        class: Some(full.class),
        key_type: full.key_type,
        ..SearchConditions::default()
    };
    let heads = s.store.read(|s| -> Result<_> {
        let mut heads = Vec::new();
        s.find(&search, &mut |head| {
            heads.push(head);
            ControlFlow::Continue(())
        })?;
        Ok(heads)
    });
    let [head] = heads.unwrap()[..] else {
        panic!("not one");
    };
    assert_eq!(head.uid, full.uid);
    assert_eq!(head.class, full.class);
    assert_eq!(head.key_type, full.key_type);
    assert!(head.private);
    assert_eq!(head.expires_at, full.expires_at);
    assert_eq!(head.deletion_at, full.deletion_at);
}

#[test]
fn putting_again_replaces_row_and_postings_and_keeps_material() {
    let s = scratch();
    let material = MaterialRow {
        data_key: vec![1; 32],
        sealed: vec![2; 64],
    };
    s.store
        .write(|tx| {
            tx.put(&row(1), &[posting(1), posting(2)])?;
            tx.put_material(&uid(1), &material)
        })
        .unwrap();
    let changed = Row {
        version: 2,
        ..row(1)
    };
    s.store
        .write(|tx| tx.put(&changed, &[posting(2), posting(3), posting(3)]))
        .unwrap();

    s.store
        .read(|s| -> Result<()> {
            assert_eq!(s.object(&uid(1))?, Some(changed.clone()));
            assert_eq!(s.material(&uid(1))?, Some(material.clone()));
            let loaded = Some((changed.clone(), Some(material.clone())));
            assert_eq!(s.load(&uid(1))?, loaded);
            assert_eq!(s.load(&uid(99))?, None);
            assert_eq!(s.load_among(&(uid(0)..=uid(9)))?, loaded);
            assert_eq!(s.load_among(&(uid(2)..=uid(9)))?, None);
            for (number, expected) in [(1, 0), (2, 1), (3, 1)] {
                let search = SearchConditions {
                    postings: &[posting(number)],
                    ..SearchConditions::default()
                };
                assert_eq!(s.count(&search)?, expected, "posting {number}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn removing_takes_postings_and_material_along() {
    let s = scratch();
    let material = MaterialRow {
        data_key: vec![1; 32],
        sealed: vec![2; 64],
    };
    s.store
        .write(|tx| {
            tx.put(&row(1), &[posting(1)])?;
            tx.put_material(&uid(1), &material)
        })
        .unwrap();
    assert_eq!(s.store.write(|tx| tx.remove(&uid(1))), Ok(true));
    assert_eq!(s.store.write(|tx| tx.remove(&uid(1))), Ok(false));
    // The same name again finds nothing of the former object.
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    assert_eq!(s.store.read(|s| s.material(&uid(1))), Ok(None));
    let search = SearchConditions {
        postings: &[posting(1)],
        ..SearchConditions::default()
    };
    assert_eq!(s.store.read(|s| s.count(&search)), Ok(0));
}

#[test]
fn material_needs_its_object() {
    let s = scratch();
    let material = MaterialRow {
        data_key: vec![],
        sealed: vec![],
    };
    assert_eq!(
        s.store.write(|tx| tx.put_material(&uid(1), &material)),
        Err(Error::NoSuchObject)
    );
    assert_eq!(s.store.write(|tx| tx.erase_material(&uid(1))), Ok(false));
}

#[test]
fn due_is_what_has_come_and_is_not_never() {
    let s = scratch();
    s.store
        .write(|tx| -> Result<()> {
            for (number, expires_at, deletion_at) in [
                (1, 0, 0),
                (2, 100, 0),
                (3, 0, 100),
                (4, 100, 99),
                (5, 101, 0),
                (6, 0, u64::MAX),
            ] {
                let due = Row {
                    expires_at,
                    deletion_at,
                    ..row(number)
                };
                tx.put(&due, &[])?;
            }
            Ok(())
        })
        .unwrap();
    let due = |now| {
        let after = DuePlace::default();
        let all = s.store.read(|s| s.due(now, after, 100)).unwrap();
        let mut paged = Vec::new();
        let mut after = after;
        while let [(place, uid)] = s.store.read(|s| s.due(now, after, 1)).unwrap()[..] {
            paged.push((place, uid));
            after = place;
        }
        assert_eq!(all, paged, "at {now}: pages leave out or repeat nothing");
        let mut due: Vec<_> = all.into_iter().map(|(_, uid)| uid).collect();
        due.sort_unstable();
        due
    };
    assert_eq!(due(0), Vec::<[u8; 16]>::new());
    assert_eq!(due(98), Vec::<[u8; 16]>::new());
    assert_eq!(due(99), [uid(4)]);
    assert_eq!(due(100), [uid(2), uid(3), uid(4)]);
    assert_eq!(due(u64::MAX), [uid(2), uid(3), uid(4), uid(5)]);
}

#[test]
fn audit_is_read_in_order_and_a_position_is_taken_once() {
    let s = scratch();
    let record = |seq| AuditRow {
        seq,
        record: vec![u8::try_from(seq).unwrap(); 10],
        mac: vec![9; 32],
    };
    assert_eq!(s.store.read(|s| s.audit_last()), Ok(None));
    s.store
        .write(|tx| (0..5).try_for_each(|seq| tx.append_audit(&record(seq))))
        .unwrap();
    assert_eq!(s.store.read(|s| s.audit_last()), Ok(Some(record(4))));
    assert_eq!(
        s.store.read(|s| s.audit(1, 2)),
        Ok(vec![record(1), record(2)])
    );
    assert_eq!(s.store.read(|s| s.audit(u64::MAX, 2)), Ok(vec![]));
    assert!(s.store.write(|tx| tx.append_audit(&record(4))).is_err());
}

#[test]
fn clear_leaves_nothing_but_the_generation() {
    let s = scratch();
    s.store
        .write(|tx| -> Result<()> {
            tx.put(&row(1), &[posting(1)])?;
            tx.set_meta("a", b"b")?;
            tx.append_audit(&AuditRow {
                seq: 1,
                record: vec![1],
                mac: vec![],
            })
        })
        .unwrap();
    s.store.write(|tx| tx.clear()).unwrap();
    s.store
        .read(|s| -> Result<()> {
            assert_eq!(s.count(&SearchConditions::default())?, 0);
            assert_eq!(s.meta("a")?, None);
            assert_eq!(s.audit_last()?, None);
            assert_eq!(s.generation()?, 2);
            Ok(())
        })
        .unwrap();
    s.store.write(|tx| tx.put(&row(1), &[posting(1)])).unwrap();
}

#[test]
fn meta_keeps_values_but_not_under_the_store_s_names() {
    let s = scratch();
    s.store
        .write(|tx| -> Result<()> {
            tx.set_meta("serial", b"1")?;
            tx.set_meta("serial", b"2")?;
            tx.set_meta("storey", b"")
        })
        .unwrap();
    assert_eq!(s.store.read(|s| s.meta("serial")), Ok(Some(b"2".to_vec())));
    assert_eq!(s.store.read(|s| s.meta("storey")), Ok(Some(vec![])));
    s.store.write(|tx| tx.remove_meta("serial")).unwrap();
    assert_eq!(s.store.read(|s| s.meta("serial")), Ok(None));
    for name in ["store.generation", "store.else"] {
        assert_eq!(
            s.store.write(|tx| tx.set_meta(name, b"")),
            Err(Error::ReservedName)
        );
        assert_eq!(
            s.store.write(|tx| tx.remove_meta(name)),
            Err(Error::ReservedName)
        );
    }
}

#[test]
fn a_read_sees_one_state_and_a_write_its_own_changes() {
    let s = scratch();
    s.store
        .read(|before| -> Result<()> {
            assert_eq!(before.generation()?, 0);
            s.store.write(|tx| -> Result<()> {
                tx.put(&row(1), &[])?;
                assert!(tx.object(&uid(1))?.is_some());
                assert_eq!(s.store.read(|other| other.object(&uid(1)))?, None);
                Ok(())
            })?;
            assert_eq!(before.object(&uid(1))?, None);
            s.store.read(|after| -> Result<()> {
                assert!(after.object(&uid(1))?.is_some());
                assert_eq!(after.generation()?, 1);
                Ok(())
            })
        })
        .unwrap();
}

#[test]
fn the_store_outlives_its_handle() {
    let s = scratch();
    s.store.write(|tx| tx.put(&row(1), &[posting(1)])).unwrap();
    s.store.write_relaxed(|tx| tx.put(&row(2), &[])).unwrap();
    drop(s.store);
    let again = open(&s.path);
    assert_eq!(again.read(|s| s.count(&SearchConditions::default())), Ok(2));
    assert_eq!(again.generation(), Generation::Settled(2));
    drop(again);
    drop(s.directory);
}

#[test]
fn a_failed_or_empty_change_leaves_no_trace() {
    let s = scratch();
    let refused: Result<()> = s.store.write(|tx| {
        tx.put(&row(1), &[])?;
        Err(Error::NoSuchObject)
    });
    assert_eq!(refused, Err(Error::NoSuchObject));
    s.store.write(|tx| tx.object(&uid(1)).map(drop)).unwrap();
    assert_eq!(s.store.read(|s| s.object(&uid(1))), Ok(None));
    assert_eq!(s.store.generation(), Generation::Settled(0));
}

#[test]
fn a_write_inside_a_write_is_refused() {
    let s = scratch();
    let outer: Result<()> = s.store.write(|tx| {
        assert_eq!(s.store.write(|tx| tx.put(&row(2), &[])), Err(Error::Nested));
        tx.put(&row(1), &[])
    });
    assert_eq!(outer, Ok(()));
    assert_eq!(
        s.store.read(|s| s.count(&SearchConditions::default())),
        Ok(1)
    );
}

#[test]
fn reads_nest_deeper_than_the_pool() {
    fn nest(store: &Store, depth: usize) -> Result<usize> {
        if depth == 0 {
            return Ok(0);
        }
        store.read(|_| Ok(nest(store, depth - 1)? + 1))
    }
    assert_eq!(nest(&scratch().store, 20), Ok(20));
}
