//! The tables, and upgrading an older file to them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::connection::{Purpose, connect, keep_log};
use super::log_mark::LogMark;
use super::rows::FileRows;
use crate::store::door::Tx;
use crate::store::error::{Error, Result};

/// "TNON": marks the SQLite file as a token store.
const APPLICATION_ID: i32 = 0x544E_4F4E;

/// What each schema version adds to the one before it; `user_version` counts the versions applied.
///
/// Numbers that PKCS#11 lets use all 64 bits (class, key type) are stored as the bit pattern of an
/// `i64`, and compared for equality alone. Long values are the last columns of their row, so that
/// the columns before them are read without following overflow pages.
pub(super) const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2];

const VERSION_1: &str = "
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE object (
        id INTEGER PRIMARY KEY,
        uid BLOB NOT NULL UNIQUE CHECK (length(uid) = 16),
        class INTEGER NOT NULL,
        key_type INTEGER,
        private INTEGER NOT NULL CHECK (private IN (0, 1)),
        hidden INTEGER NOT NULL CHECK (hidden IN (0, 1)),
        expires_at INTEGER NOT NULL,
        deletion_at INTEGER NOT NULL,
        version INTEGER NOT NULL,
        format INTEGER NOT NULL,
        mac BLOB NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT;
    CREATE INDEX object_class ON object (private, class, key_type);
    CREATE INDEX object_key_type ON object (private, key_type);
    CREATE INDEX object_expires ON object (expires_at) WHERE expires_at > 0;
    CREATE INDEX object_deletion ON object (deletion_at) WHERE deletion_at > 0;

    CREATE INDEX object_without_mac ON object (length(sealed)) WHERE length(mac) = 0;

    CREATE TABLE posting (
        value BLOB NOT NULL CHECK (length(value) = 16),
        object INTEGER NOT NULL REFERENCES object (id),
        PRIMARY KEY (value, object)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX posting_object ON posting (object);

    CREATE TABLE material (
        object INTEGER PRIMARY KEY REFERENCES object (id),
        data_key BLOB NOT NULL,
        sealed BLOB NOT NULL
    ) STRICT;

    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        mac BLOB NOT NULL,
        record BLOB NOT NULL
    ) STRICT;

    CREATE TABLE archived_object (
        uid BLOB PRIMARY KEY CHECK (length(uid) = 16),
        class INTEGER NOT NULL,
        version INTEGER NOT NULL,
        seal BLOB NOT NULL CHECK (length(seal) = 16)
    ) STRICT, WITHOUT ROWID;

    INSERT INTO meta VALUES ('store.generation', zeroblob(8));
    INSERT INTO meta VALUES ('store.name', randomblob(16));
";

/// One index of all columns that a search by kind reads. A kind's objects are in the order of `id`, so new
/// ones are added at the end of their kind.
const VERSION_2: &str = "
    DROP INDEX object_class;
    DROP INDEX object_key_type;
    CREATE INDEX object_head ON object
        (private, class, key_type, id, uid, hidden, expires_at, deletion_at);
";

/// Makes the schema and what `fill` adds in the empty database at `path`, and closes it.
pub(super) fn create<E: From<Error>>(
    path: &Path,
    fill: impl FnOnce(&Tx<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    // No other process knows the file yet.
    let mut conn = connect(path, Purpose::Write, Duration::ZERO)?;
    let made = begin(&mut conn);
    let filled = made.map_err(E::from).and_then(|()| {
        fill(&FileRows::new(&conn))?;
        Ok(conn.execute_batch("COMMIT").map_err(Error::from)?)
    });
    let closed = conn.close().map_err(|(_, e)| Error::from(e));
    filled.and(closed.map_err(E::from))
}

/// Makes the schema, and begins the transaction that fills it.
fn begin(conn: &mut Connection) -> Result<()> {
    // This takes effect only on a new file to which nothing was written yet.
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    keep_log(conn)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    upgrade(conn, MIGRATIONS, &|_| Ok(()))?;
    LogMark::new(conn, 0)?.write(conn)?;
    Ok(conn.execute_batch("BEGIN IMMEDIATE")?)
}

/// Refuses a file that is no token store, or whose version is not the newest of `known`.
pub(super) fn admit(conn: &Connection, known: &[&str]) -> Result<()> {
    let found = readable(conn, known)?;
    if found < newest(known) {
        return Err(Error::SchemaTooOld(found));
    }
    Ok(())
}

/// Refuses a file that is no token store, or that is newer than `known`, and upgrades an older one. Before its first change
/// `keep` is called with the version of the file, under the write lock; where `keep` fails, nothing is changed.
pub(super) fn admit_upgraded(
    conn: &mut Connection,
    known: &[&str],
    keep: &dyn Fn(u32) -> Result<()>,
) -> Result<()> {
    if readable(conn, known)? == newest(known) {
        return Ok(());
    }
    upgrade(conn, known, keep)
}

/// The version of a token store that is not newer than `known`.
pub(super) fn readable(conn: &Connection, known: &[&str]) -> Result<u32> {
    recognize(conn)?;
    let found = version(conn)?;
    if found > newest(known) {
        return Err(Error::SchemaTooNew(found));
    }
    Ok(found)
}

/// Refuses a file that is no token store.
pub(super) fn recognize(conn: &Connection) -> Result<()> {
    let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application == APPLICATION_ID {
        return Ok(());
    }
    Err(Error::NotAToken("its application id is another one"))
}

/// Refuses a file that another process upgraded meanwhile. Call it under the write lock.
pub(super) fn still_known(conn: &Connection, known: u32) -> Result<()> {
    let found = version(conn)?;
    if found == known {
        return Ok(());
    }
    Err(Error::SchemaTooNew(found))
}

/// The version that applying all of `known` leads to.
pub(super) fn newest(known: &[&str]) -> u32 {
    u32::try_from(known.len()).unwrap_or(u32::MAX)
}

fn version(conn: &Connection) -> Result<u32> {
    let mut statement = conn.prepare_cached("PRAGMA user_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Applies the missing versions, each in a transaction of its own. The version is read under the
/// write lock, so several processes may do this at once.
fn upgrade(conn: &mut Connection, known: &[&str], keep: &dyn Fn(u32) -> Result<()>) -> Result<()> {
    let mut kept = false;
    loop {
        let change = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&change)?;
        let done = usize::try_from(found).unwrap_or(usize::MAX);
        let Some(migration) = known.get(done) else {
            change.rollback()?;
            return still_known(conn, newest(known));
        };
        if !kept {
            keep(found)?;
            kept = true;
        }
        change.execute_batch(migration)?;
        change.pragma_update(None, "user_version", found + 1)?;
        change.commit()?;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::super::file_copy::FileCopy;
    use super::super::file_store::FileStore;
    use super::*;
    use crate::store::{Generation, Options, Row, SearchConditions, Store};

    const NEXT: &str = "ALTER TABLE object ADD COLUMN colour TEXT";
    const BAD: &str = "ALTER TABLE object ADD COLUMN colour TEXT; SELECT nonsense;";

    /// A store as the first schema had it, with an object of which the index says something.
    fn of_first_schema(directory: &Path) -> (PathBuf, Row) {
        let (path, row) = newest_version(directory);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "DROP INDEX object_head; \
             CREATE INDEX object_class ON object (private, class, key_type); \
             CREATE INDEX object_key_type ON object (private, key_type); \
             PRAGMA user_version = 1;",
        )
        .unwrap();
        (path, row)
    }

    fn newest_version(directory: &Path) -> (PathBuf, Row) {
        let path = directory.join("slot-0000.tenon");
        let row = Row {
            uid: [1; 16],
            class: 3,
            key_type: None,
            private: true,
            hidden: false,
            expires_at: 0,
            deletion_at: 5,
            version: 1,
            format: 1,
            sealed: vec![1; 5000],
            mac: vec![],
        };
        let store = Store::create(&path).unwrap();
        store.write(|tx| tx.put(&row, &[[7; 16]])).unwrap();
        (path, row)
    }

    fn open(path: &Path, read_only: bool, known: &[&str]) -> Result<Store> {
        let options = Options {
            read_only,
            ..Options::default()
        };
        FileStore::open_knowing(path, &options, known).map(Store::over)
    }

    /// The copy of the newest version that an upgrade beyond it keeps.
    fn kept_copy(path: &Path) -> PathBuf {
        path.with_extension(format!("format-{}", newest(MIGRATIONS)))
    }

    #[test]
    fn an_older_store_is_upgraded_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let (path, row) = newest_version(directory.path());
        let known = [MIGRATIONS, &[NEXT]].concat();

        let refused = open(&path, true, &known).map(drop);
        assert_eq!(refused, Err(Error::SchemaTooOld(newest(MIGRATIONS))));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| open(&path, false, &known).map(drop).unwrap());
            }
        });

        // The earlier release goes on with the copy that the upgrade kept.
        let kept = kept_copy(&path);
        let restored = directory.path().join("restored.tenon");
        std::fs::copy(&kept, &restored).unwrap();
        let earlier = open(&restored, false, MIGRATIONS).unwrap();
        assert_eq!(earlier.read(|s| s.object(&row.uid)), Ok(Some(row.clone())));
        let mode = std::fs::metadata(&kept).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let upgraded = open(&path, false, &known).unwrap();
        assert_eq!(upgraded.generation(), Generation::Settled(1));
        assert_eq!(upgraded.read(|s| s.object(&row.uid)), Ok(Some(row.clone())));
        upgraded.write(|tx| tx.put(&row, &[])).unwrap();
        assert!(open(&path, true, &known).is_ok());
        assert_eq!(
            open(&path, false, MIGRATIONS).map(drop),
            Err(Error::SchemaTooNew(newest(&known)))
        );
    }

    #[test]
    fn nothing_is_upgraded_where_no_copy_can_be_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (path, _) = newest_version(directory.path());
        std::fs::create_dir(kept_copy(&path)).unwrap();
        let known = [MIGRATIONS, &[NEXT]].concat();
        assert!(open(&path, false, &known).is_err());
        assert!(open(&path, false, MIGRATIONS).is_ok());
    }

    #[test]
    fn the_copy_of_an_older_backup_is_upgraded_and_the_backup_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (path, row) = newest_version(directory.path());
        let target = directory.path().join("slot-0001.tenon");
        let known = [MIGRATIONS, &[NEXT]].concat();
        let copy = FileCopy::of_file_knowing(&path, &target, &known, Box::new(|_, _| ())).unwrap();
        copy.publish(false).unwrap();
        let upgraded = open(&target, true, &known).unwrap();
        assert_eq!(upgraded.read(|s| s.object(&row.uid)), Ok(Some(row)));
        assert!(open(&path, false, MIGRATIONS).is_ok());
    }

    #[test]
    fn a_failed_upgrade_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, row) = newest_version(directory.path());
        assert!(open(&path, false, &[MIGRATIONS, &[BAD]].concat()).is_err());
        let store = open(&path, false, MIGRATIONS).unwrap();
        assert_eq!(store.read(|s| s.object(&row.uid)), Ok(Some(row)));
        open(&path, false, &[MIGRATIONS, &[NEXT]].concat())
            .map(drop)
            .unwrap();
    }

    #[test]
    fn the_objects_of_the_first_schema_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let (path, row) = of_first_schema(directory.path());
        let refused = open(&path, true, MIGRATIONS).map(drop);
        assert_eq!(refused, Err(Error::SchemaTooOld(1)));
        let store = open(&path, false, MIGRATIONS).unwrap();
        for postings in [&[][..], &[[7; 16]]] {
            let search = SearchConditions {
                class: Some(row.class),
                postings,
                ..SearchConditions::default()
            };
            assert_eq!(store.read(|s| s.count(&search)), Ok(1), "{postings:?}");
        }
        let mut changed = row;
        changed.private = false;
        store.write(|tx| tx.put(&changed, &[])).unwrap();
        assert_eq!(store.read(|s| s.faults()), Ok(Vec::new()));
    }
}
