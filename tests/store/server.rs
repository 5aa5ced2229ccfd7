//! What only the engine of PostgreSQL has to stand: answers that are lost, leases, databases that went back.
//! `conformance/fleet/run` starts the server and runs these.

use std::io::{Read, Write};
use std::num::NonZeroU8;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tenon_pkcs11::api::clock::{Clock, Deadline, SystemClock};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::store::{
    Error, Generation, Options, Row, SearchConditions, Store, Ticket, catalog,
};

use super::common::{Result, Scratch, on_a_server, on_server, open, open_with, row, scratch, uid};

const FORWARD: u8 = 0;
/// COMMIT does not arrive.
const LOSE_COMMIT: u8 = 1;
/// COMMIT arrives, and its answer does not.
const LOSE_ANSWER: u8 = 2;
/// Nothing arrives, and nobody is told.
const SILENT: u8 = 3;

/// Stands between the store and the server, and loses what it is told to.
struct Proxy {
    mode: Arc<AtomicU8>,
    /// COMMITs that were lost, and those that passed with their answers.
    lost: Arc<AtomicUsize>,
    passed: Arc<AtomicUsize>,
    url: PathBuf,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// A proxy before the server of `url`.
    fn before(url: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (place, server) = url.to_str().unwrap().split_once("?host=").unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let mode = Arc::new(AtomicU8::new(FORWARD));
        let (lost, passed) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let behind = Path::new(server).join(".s.PGSQL.5432");
        let shared = Arc::clone(&mode);
        let counts = (Arc::clone(&lost), Arc::clone(&passed));
        thread::spawn(move || {
            for client in listener.incoming().map_while(|client| client.ok()) {
                let server = UnixStream::connect(&behind).unwrap();
                Self::join(client, server, &shared, &counts);
            }
        });
        Self {
            mode,
            lost,
            passed,
            url: format!("{place}?host={}", folder.path().display()).into(),
            _folder: folder,
        }
    }

    fn join(
        client: UnixStream,
        server: UnixStream,
        mode: &Arc<AtomicU8>,
        counts: &(Arc<AtomicUsize>, Arc<AtomicUsize>),
    ) {
        let swallow = Arc::new(AtomicBool::new(false));
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (mode_up, swallow_up) = (Arc::clone(mode), Arc::clone(&swallow));
        let (lost, passed) = counts.clone();
        thread::spawn(move || {
            pump(from, to, |bytes| {
                let commits = bytes.windows(7).any(|w| w == b"COMMIT\0");
                match mode_up.load(Ordering::SeqCst) {
                    SILENT => Fate::Swallow,
                    LOSE_COMMIT if commits => {
                        mode_up.store(FORWARD, Ordering::SeqCst);
                        lost.fetch_add(1, Ordering::SeqCst);
                        Fate::End
                    }
                    LOSE_ANSWER if commits => {
                        mode_up.store(FORWARD, Ordering::SeqCst);
                        lost.fetch_add(1, Ordering::SeqCst);
                        swallow_up.store(true, Ordering::SeqCst);
                        Fate::Pass
                    }
                    _ => {
                        passed.fetch_add(usize::from(commits), Ordering::SeqCst);
                        Fate::Pass
                    }
                }
            });
        });
        let mode = Arc::clone(mode);
        thread::spawn(move || {
            pump(server, client, |_| match swallow.load(Ordering::SeqCst) {
                true => Fate::End,
                false if mode.load(Ordering::SeqCst) == SILENT => Fate::Swallow,
                false => Fate::Pass,
            });
        });
    }

    fn is(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }
}

enum Fate {
    Pass,
    Swallow,
    End,
}

fn pump(mut from: UnixStream, mut to: UnixStream, fate: impl Fn(&[u8]) -> Fate) {
    let mut chunk = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        match fate(&chunk[..read]) {
            Fate::Swallow => {}
            Fate::Pass if to.write_all(&chunk[..read]).is_ok() => {}
            Fate::Pass | Fate::End => break,
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

fn count_up(store: &Store) -> Result<u64> {
    store.write(|tx| {
        let count = tx.meta("count")?.unwrap_or_else(|| vec![0; 8]);
        let count = u64::from_be_bytes(count.try_into().unwrap()) + 1;
        tx.set_meta("count", &count.to_be_bytes())?;
        Ok(count)
    })
}

/// Runs SQL in the database of `s`, past the store.
fn sql(s: &Scratch, statement: &str) {
    sql_at(&s.path, statement);
}

fn sql_at(url: &Path, statement: &str) {
    let done = Command::new("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1"])
        .arg(url)
        .args(["-c", statement])
        .status();
    assert!(done.unwrap().success());
}

#[test]
#[ignore = "needs a server"]
fn a_change_whose_commit_is_lost_is_made_once() {
    assert!(on_a_server());
    let s = scratch();
    let proxy = Proxy::before(&s.path);
    let store = open(&proxy.url);
    for turn in 1..=40 {
        proxy.is([FORWARD, LOSE_COMMIT, LOSE_ANSWER][turn % 3]);
        let turn = u64::try_from(turn).unwrap();
        assert_eq!(count_up(&store), Ok(turn), "turn {turn}");
    }
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 27);
    assert_eq!(
        s.store.read(|s| s.meta("count")),
        Ok(Some(40_u64.to_be_bytes().to_vec()))
    );
}

#[test]
#[ignore = "needs a server"]
fn threads_lose_commits_and_no_change() {
    assert!(on_a_server());
    const THREADS: u64 = 6;
    const TURNS: u64 = 30;
    let s = scratch();
    let proxy = Proxy::before(&s.path);
    let store = open(&proxy.url);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    for turn in 0..TURNS {
                        let number = thread * TURNS + turn;
                        store.write(|tx| tx.put(&row(number), &[])).unwrap();
                        count_up(store).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let (mut mode, mut passed) = (0, 0);
            while !ended.load(Ordering::SeqCst) {
                // The change that lost one is settled and made before the next is lost.
                if proxy.passed.load(Ordering::SeqCst) >= passed + 2 {
                    mode = 1 + mode % 2;
                    proxy.is(mode);
                    passed = proxy.passed.load(Ordering::SeqCst);
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        ended.store(true, Ordering::SeqCst);
        assert!(results.into_iter().all(|result| result.is_ok()));
    });
    assert!(proxy.lost.load(Ordering::SeqCst) > 10);
    let count = s.store.read(|s| s.count(&SearchConditions::default()));
    assert_eq!(count, Ok(THREADS * TURNS));
    assert_eq!(
        s.store.read(|s| s.meta("count")),
        Ok(Some((THREADS * TURNS).to_be_bytes().to_vec()))
    );
}

#[test]
#[ignore = "needs a server"]
fn what_was_taken_away_is_relied_on_by_nobody_once_that_is_answered() {
    assert!(on_a_server());
    let s = scratch();
    sql(&s, "UPDATE tenon.token SET lease = 60");
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let others = [open(&s.path), open(&s.path)];
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for other in &others {
            // Keeps its lease alive, as a process in use does.
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(Ordering::SeqCst) {
                    let _ = other.generation();
                    thread::sleep(Duration::from_micros(200));
                }
            });
        }
        for version in 2..=60 {
            let changed = Row { version, ..row(1) };
            s.store.write(|tx| tx.put(&changed, &[])).unwrap();
            let Generation::Settled(now) = s.store.generation() else {
                panic!("the writer knows its own change");
            };
            for other in &others {
                let known = other.generation();
                assert_eq!(known, Generation::Settled(now), "version {version}");
                let seen = other.read(|s| s.object(&uid(1))).unwrap().unwrap();
                assert_eq!(seen.version, version);
            }
        }
        ended.store(true, Ordering::SeqCst);
    });
}

#[test]
#[ignore = "needs a server"]
fn who_is_cut_off_goes_on_for_a_lease_and_comes_back_by_itself() {
    assert!(on_a_server());
    let s = scratch();
    sql(&s, "UPDATE tenon.token SET lease = 300");
    let proxy = Proxy::before(&s.path);
    let patient = Options {
        busy_timeout: Duration::from_secs(2),
        ..Options::default()
    };
    let store = open_with(&proxy.url, &patient).unwrap();
    store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let known = store.generation();
    proxy.is(SILENT);
    assert_eq!(store.generation(), known, "within the lease");
    thread::sleep(Duration::from_millis(400));
    assert_eq!(store.generation(), Generation::Unsettled);
    let unreachable = |error| matches!(error, Error::Unreachable(_));
    assert!(store.read(|s| s.object(&uid(1))).is_err_and(unreachable));
    let refused = store.write(|tx| tx.put(&row(2), &[]));
    assert!(refused.is_err());
    proxy.is(FORWARD);
    assert!(store.read(|s| s.object(&uid(1))).unwrap().is_some());
    store.write(|tx| tx.put(&row(3), &[])).unwrap();
    assert_eq!(s.store.read(|s| s.object(&uid(2))), Ok(None));
}

#[test]
#[ignore = "needs a server"]
fn a_database_that_lost_what_it_acknowledged_is_not_used() {
    assert!(on_a_server());
    let s = scratch();
    sql(&s, "UPDATE tenon.token SET lease = 0");
    // The lease of before.
    thread::sleep(Duration::from_millis(600));
    let other = open(&s.path);
    other.write(|tx| tx.put(&row(1), &[])).unwrap();
    other.write(|tx| tx.put(&row(2), &[])).unwrap();
    // As a standby has it that took over without the last change.
    sql(
        &s,
        "UPDATE tenon.writer SET stamp = stamp - 1 WHERE stamp > 0;
         DELETE FROM tenon.object WHERE id = (SELECT max(id) FROM tenon.object);
         UPDATE tenon.token SET generation = generation - 1",
    );
    // Who was told of nothing that is lost cannot know, until somebody who does has said so.
    let look = |store: &Store| store.read(|s| s.object(&uid(1)));
    assert!(look(&s.store).is_ok());
    let lost = |error: &Error| matches!(error, Error::WentBack(loss) if loss.changes == 1);
    assert!(lost(&look(&other).unwrap_err()));
    assert_eq!(other.generation(), Generation::Unsettled);
    for store in [&other, &s.store] {
        assert!(lost(&look(store).unwrap_err()));
        assert!(lost(&count_up(store).unwrap_err()));
    }
    let new = open_with(&s.path, &Options::default());
    assert!(lost(&new.unwrap_err()));

    // It is shown to whoever asks the security officer, and used by all once he accepts it.
    let shown = catalog(&Config {
        shows_losses: true,
        ..on_server(&s.path).unwrap()
    });
    let shown = shown.open(0, &Options::default()).unwrap();
    assert_eq!(shown.loss().map(|loss| loss.changes), Some(1));
    assert!(look(&shown).unwrap().is_some());
    shown
        .write(|tx| tx.set_meta("not accepted yet", &[]))
        .unwrap();
    assert!(lost(&look(&s.store).unwrap_err()));
    shown.write(|tx| tx.accept_loss()).unwrap();
    for (store, count) in [&other, &s.store, &open(&s.path), &shown]
        .into_iter()
        .zip(1..)
    {
        assert!(look(store).unwrap().is_some());
        assert_eq!(count_up(store), Ok(count));
        assert_eq!(store.loss(), None);
    }
    // What was read in a lost change is never taken for what a later one left.
    assert!(s.store.read(|s| s.generation()).unwrap() > 1 << 32);
}

#[test]
#[ignore = "needs a server"]
fn a_reader_notices_that_the_database_went_back() {
    assert!(on_a_server());
    let s = scratch();
    sql(&s, "UPDATE tenon.token SET lease = 0");
    let reader = open(&s.path);
    for number in 0..5 {
        s.store.write(|tx| tx.put(&row(number), &[])).unwrap();
    }
    assert!(reader.read(|s| s.object(&uid(4))).unwrap().is_some());
    drop(s.store);
    // As an older backup has it: processes that came since are not in it.
    let writer = open(&s.path);
    sql_at(
        &s.path,
        "UPDATE tenon.token SET generation = generation - 3; DELETE FROM tenon.writer",
    );
    let refused = reader.read(|s| s.object(&uid(0))).unwrap_err();
    assert!(matches!(refused, Error::WentBack(loss) if loss.changes == 3 && loss.known >= 5));
    assert!(count_up(&writer).is_err());
    sql_at(
        &s.path,
        "UPDATE tenon.token SET lost = 0, accepted = accepted + 1",
    );
    // Their rows are not there: the token is opened anew.
    for store in [&reader, &writer] {
        assert_eq!(
            store.read(|s| s.object(&uid(0))).unwrap_err(),
            Error::TokenGone
        );
        assert!(store.is_gone());
    }
    assert!(open(&s.path).read(|s| s.object(&uid(0))).is_ok());
}

#[test]
#[ignore = "needs a server"]
fn the_clock_of_the_server_is_known() {
    assert!(on_a_server());
    let s = scratch();
    let shown = s.store.shared_clock().unwrap().now().unwrap();
    assert!(shown.abs_diff(SystemClock.now()) <= 1);
}

#[test]
#[ignore = "needs a server"]
fn places_of_all_processes_have_one_order() {
    assert!(on_a_server());
    let s = scratch();
    let other = open(&s.path);
    let join = |store: &Store, most: usize| -> Result<Option<Ticket>> {
        let now = Deadline::after(Duration::ZERO);
        store.queue(NonZeroU8::MIN, now, |ahead| Ok(ahead <= most))
    };
    let first = join(&s.store, 0).unwrap().unwrap();
    assert!(join(&other, 0).unwrap().is_none());
    let second = join(&other, 1).unwrap().unwrap();
    assert!(join(&s.store, 1).unwrap().is_none());
    drop(first);
    assert!(join(&s.store, 0).unwrap().is_none());
    drop(second);
    assert!(join(&s.store, 0).unwrap().is_some());
}

#[test]
#[ignore = "needs a server"]
fn a_token_moves_into_a_file_and_back_with_all_its_rows() {
    assert!(on_a_server());
    let s = scratch();
    for number in 0..20 {
        s.store
            .write(|tx| {
                tx.put(&row(number), &[super::common::posting(number)])?;
                tx.set_meta(&format!("name {number}"), &[7])
            })
            .unwrap();
    }
    let generation = s.store.read(|s| s.generation()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("slot-0000.tenon");
    let copy = s.store.copy(&target, Box::new(|_, _| ())).unwrap();
    copy.publish(false).unwrap();
    let moved = Store::open(&target, &Options::default()).unwrap();
    assert_eq!(moved.read(|s| s.generation()), Ok(generation));
    for number in 0..20 {
        let found = moved.read(|s| s.object(&uid(number)));
        assert_eq!(found, Ok(Some(row(number))));
        let postings = moved.read(|s| s.postings(&uid(number)));
        assert_eq!(postings, Ok(vec![super::common::posting(number)]));
    }
    assert_eq!(moved.read(|s| s.meta_names()).unwrap().len(), 20);
    assert_eq!(moved.read(|s| s.faults()), Ok(Vec::new()));
}

#[test]
#[ignore = "needs a server"]
fn a_look_that_outlasts_the_lease_is_answered_and_made_once() {
    assert!(on_a_server());
    let s = scratch();
    sql(&s, "UPDATE tenon.token SET lease = 20");
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
    let store = open(&s.path);
    let looks = AtomicUsize::new(0);
    let found = store.read(|s| -> Result<_> {
        looks.fetch_add(1, Ordering::SeqCst);
        let first = s.object(&uid(1))?;
        thread::sleep(Duration::from_millis(100));
        Ok((first, s.object(&uid(2))?))
    });
    assert_eq!(found, Ok((Some(row(1)), None)));
    assert_eq!(looks.into_inner(), 1);
}

#[test]
#[ignore = "needs a server"]
fn a_place_ends_by_the_clock_and_is_known_to_have_ended() {
    assert!(on_a_server());
    let s = scratch();
    let other = open(&s.path);
    let now = || Deadline::after(Duration::ZERO);
    let left = s
        .store
        .queue(NonZeroU8::MIN, now(), |_| Ok::<_, Error>(true));
    let left = left.unwrap().unwrap();
    assert!(left.is_held());
    // As if its process had died a quarter of a minute ago.
    sql(&s, "UPDATE tenon.place SET ends = clock_timestamp()");
    let next = other.queue(NonZeroU8::MIN, now(), |ahead| Ok::<_, Error>(ahead == 0));
    assert!(next.unwrap().is_some());
}
