use super::*;
use crate::store::door::{ChangeRows, ReadRows};
use crate::store::file::testing::{row, writer};
use crate::store::row::Row;

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(1))
}

fn put(writer: &mut StoreWriter, row: &Row) -> AppliedChange {
    put_and(writer, Durability::Full, row).0
}

fn put_and(
    writer: &mut StoreWriter,
    durability: Durability,
    row: &Row,
) -> (AppliedChange, Result<()>) {
    let mut answer = Ok(());
    let part = writer.change(durability, soon(), &mut |rows| {
        answer = rows.put(row, &[]);
        answer.is_ok()
    });
    (part.unwrap(), answer)
}

#[test]
fn all_who_shared_a_transaction_share_its_failure() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, counter) = writer(directory.path());
    let first = put(&mut writer, &row(1, 10));
    assert!(writer.takes_more());
    let second = put(&mut writer, &row(2, 10));
    // As SQLite does where a transaction cannot go on.
    writer.run("ROLLBACK").unwrap();
    writer.end(&counter);
    for part in [first, second] {
        assert!(matches!(part.kept, Ok(true)));
        assert_eq!(part.outcome.wait(), Err(Error::RolledBack));
    }
    assert_eq!(counter.read(), Generation::Settled(0));
    assert_eq!(writer.rows().object(&[1; 16]), Ok(None));

    let third = put(&mut writer, &row(3, 10));
    writer.end(&counter);
    assert_eq!(third.outcome.wait(), Ok(()));
    assert_eq!(counter.read(), Generation::Settled(1));
}

#[test]
fn a_full_disk_is_said_to_whom_it_hit_and_passes() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, counter) = writer(directory.path());
    let first = put(&mut writer, &row(1, 10));
    writer.end(&counter);
    assert_eq!(first.outcome.wait(), Ok(()));

    let pages: i64 = writer
        .conn
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    writer
        .conn
        .pragma_update(None, "max_page_count", pages + 2)
        .unwrap();
    let small = put(&mut writer, &row(2, 10));
    let (large, refused) = put_and(&mut writer, Durability::Full, &row(3, 100_000));
    assert_eq!(refused, Err(Error::Full));
    if large.broke.is_some() {
        assert!(!writer.takes_more());
    }
    writer.end(&counter);
    match small.outcome.wait() {
        Ok(()) => assert_eq!(large.broke, None),
        Err(e) => assert!(large.broke.is_some() && e == Error::RolledBack),
    }

    let removed = writer.change(Durability::Full, soon(), &mut |rows| {
        rows.remove(&[1; 16]) == Ok(true)
    });
    writer.end(&counter);
    let removed = removed.unwrap();
    assert_eq!(removed.outcome.wait(), Ok(()));
    assert!(matches!(removed.kept, Ok(true)));
    let generation = writer.rows().generation().unwrap();
    assert_eq!(counter.read(), Generation::Settled(generation));
}

#[test]
fn a_transaction_takes_so_many_changes_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, counter) = writer(directory.path());
    for change in 1..=BATCH {
        put(&mut writer, &row(1, change));
        assert_eq!(writer.takes_more(), change < BATCH);
    }
    writer.end(&counter);
    assert_eq!(counter.read(), Generation::Settled(1));
}

#[test]
fn a_relaxed_transaction_is_not_shared() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, counter) = writer(directory.path());
    for (durability, level) in [
        (Durability::Process, 1),
        (Durability::Full, 2),
        (Durability::Process, 1),
    ] {
        let (part, _) = put_and(&mut writer, durability, &row(1, 1));
        assert_eq!(writer.takes_more(), durability == Durability::Full);
        writer.end(&counter);
        assert_eq!(part.outcome.wait(), Ok(()));
        let set: i64 = writer
            .conn
            .query_row("PRAGMA synchronous", [], |row| row.get(0))
            .unwrap();
        assert_eq!(set, level);
    }
}
