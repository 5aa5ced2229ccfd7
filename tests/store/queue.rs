//! Lines: first come, first served, whoever dies, stops or replaces the file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroU8;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenon_pkcs11::api::clock::Deadline;
use tenon_pkcs11::api::store::{Error, Options, Store, Ticket};

use super::common::{Other, Result, open, playing, row, say, scratch};

const LINE: NonZeroU8 = NonZeroU8::MIN;

fn another(store: &Store, busy_timeout: Duration) -> Store {
    let options = Options {
        busy_timeout,
        ..Options::default()
    };
    Store::open(store.file().unwrap(), &options).unwrap()
}

/// Joins where at most `most` are ahead.
fn join(store: &Store, most: usize) -> Result<Option<Ticket>> {
    let now = Deadline::after(Duration::ZERO);
    store.queue(LINE, now, |ahead| Ok(ahead <= most))
}

#[test]
fn as_many_pass_as_are_admitted_and_the_others_wait() {
    let s = scratch();
    let first = join(&s.store, 0).unwrap().unwrap();
    let second = join(&s.store, 1).unwrap().unwrap();
    assert!(join(&s.store, 1).unwrap().is_none(), "two are ahead");
    drop(first);
    let third = join(&s.store, 1).unwrap().unwrap();
    drop(second);
    assert!(join(&s.store, 0).unwrap().is_none());
    drop(third);
    assert!(join(&s.store, 0).unwrap().is_some());
}

#[test]
fn who_came_first_is_admitted_first() {
    let s = scratch();
    let head = join(&s.store, 0).unwrap();
    let served = parking_lot::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (store, served) = (&s.store, &served);
            let joined = AtomicBool::new(false);
            let joined = &*Box::leak(Box::new(joined));
            scope.spawn(move || {
                let patience = Deadline::after(Duration::from_secs(30));
                let ticket = store.queue(LINE, patience, |ahead| {
                    joined.store(true, Ordering::SeqCst);
                    Ok::<_, Error>(ahead == 0)
                });
                served.lock().push(number);
                drop(ticket.unwrap().unwrap());
            });
            while !joined.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        drop(head);
    });
    assert_eq!(served.into_inner(), [0, 1, 2, 3, 4, 5]);
}

const VISITOR: &str = "store::queue::visitor";
const VISITORS: usize = 4;
const VISITS: usize = 30;

/// What happened to visitors, in the order in which it happened.
struct Journal(File);

impl Journal {
    fn of(path: &Path) -> Self {
        let path = path.with_extension("journal");
        Self(
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap(),
        )
    }

    fn note(&mut self, what: &str) {
        let line = format!("{what} {}\n", std::process::id());
        self.0.write_all(line.as_bytes()).unwrap();
    }
}

/// Joins the line again and again.
#[test]
fn visitor() {
    let Some(path) = playing(VISITOR) else { return };
    let store = open(&path);
    let mut journal = Journal::of(&path);
    for visit in 0..VISITS {
        let mut joined = false;
        let patience = Deadline::after(Duration::from_secs(120));
        let ticket = store.queue(LINE, patience, |ahead| {
            if !joined {
                journal.note("joined");
                joined = true;
                if visit == 0 {
                    say("joined");
                }
            }
            Ok::<_, Error>(ahead == 0)
        });
        let ticket = ticket.unwrap().unwrap();
        journal.note("served");
        drop(ticket);
    }
}

/// Whoever joins behind somebody is served behind him. A ticket is taken a moment before the journal
/// says so, so of each other process one visit may seem to have passed by.
#[test]
fn of_processes_too_nobody_passes_one_who_waits() {
    let s = scratch();
    let head = join(&s.store, 0).unwrap();
    let mut others: Vec<_> = (0..VISITORS)
        .map(|_| Other::start(VISITOR, &s.path))
        .collect();
    for other in &mut others {
        assert_eq!(other.hear().as_deref(), Some("joined"));
    }
    drop(head);
    others.into_iter().for_each(Other::finish);

    let journal = fs::read_to_string(s.path.with_extension("journal")).unwrap();
    let mut waiting: HashMap<&str, HashMap<&str, Passing>> = HashMap::new();
    let mut served = 0;
    for line in journal.lines() {
        let (what, who) = line.split_once(' ').unwrap();
        if what == "joined" {
            for passing in waiting.values_mut() {
                passing.entry(who).or_default().joined = true;
            }
            waiting.insert(who, HashMap::new());
            continue;
        }
        served += 1;
        waiting.remove(who);
        for passing in waiting.values_mut().filter_map(|all| all.get_mut(who)) {
            passing.times += usize::from(passing.joined);
            passing.joined = false;
            assert!(passing.times <= 1, "{who} passed by twice:\n{journal}");
        }
    }
    assert_eq!(served, VISITORS * VISITS);
}

/// Visits of another process since somebody joined.
#[derive(Default)]
struct Passing {
    /// One is under way that began since.
    joined: bool,
    /// Those that began and ended since.
    times: usize,
}

#[test]
fn a_busy_writer_lets_others_in_after_each_transaction() {
    const TURNS: u64 = 40;
    let s = scratch();
    let other = another(&s.store, Duration::from_secs(10));
    let stop = AtomicBool::new(false);
    let mut between = 0;
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (store, stop) = (&other, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    store.write(|tx| tx.put(&row(thread), &[])).unwrap();
                }
            });
        }
        for turn in 0..TURNS {
            let before = s.store.read(|s| s.generation()).unwrap();
            let wrote = s.store.write(|tx| {
                tx.put(&row(1000 + turn), &[])?;
                tx.generation()
            });
            between += wrote.unwrap() - before;
        }
        stop.store(true, Ordering::Relaxed);
    });
    // One that is under way, one that waits already, and what passed before this one joined.
    assert!(between <= TURNS * 5, "{between} transactions passed by");
}

const HOLDER: &str = "store::queue::holder";

/// Stays in the middle of a change.
#[test]
fn holder() {
    let Some(path) = playing(HOLDER) else { return };
    let store = open(&path);
    let place = join(&store, 0).unwrap();
    store
        .write(|tx| -> Result<()> {
            tx.put(&row(1), &[])?;
            say("inside");
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        })
        .unwrap();
    drop(place);
}

#[test]
fn one_that_stops_is_waited_for_so_long_and_no_longer() {
    let s = scratch();
    let hasty = another(&s.store, Duration::from_millis(300));
    let mut other = Other::start(HOLDER, &s.path);
    assert_eq!(other.hear().as_deref(), Some("inside"));
    let most = Deadline::after(Duration::from_secs(5));
    // Threads that wait for each other wait no longer than one alone.
    std::thread::scope(|scope| {
        for number in 2..42 {
            let hasty = &hasty;
            scope.spawn(move || {
                let busy = hasty.write(|tx| tx.put(&row(number), &[]));
                assert_eq!(busy, Err(Error::Busy));
            });
        }
    });
    assert!(most.waited() >= Duration::from_millis(300));
    assert!(!most.left().is_zero());
    assert!(join(&s.store, 0).unwrap().is_none());

    other.kill();
    hasty.write(|tx| tx.put(&row(2), &[])).unwrap();
    assert!(
        join(&s.store, 0).unwrap().is_some(),
        "the dead hold no place"
    );
}

#[test]
fn a_removed_file_is_made_again() {
    let s = scratch();
    let lock = s.path.with_extension("lock");
    let old = join(&s.store, 0).unwrap();
    fs::remove_file(&lock).unwrap();
    let new = join(&s.store, 0).unwrap();
    assert!(new.is_some() && lock.exists(), "the old file says nothing");
    assert!(join(&s.store, 0).unwrap().is_none());
    drop(old);
    s.store.write(|tx| tx.put(&row(1), &[])).unwrap();
}

#[test]
fn without_the_file_there_is_writing_and_no_line() {
    let s = scratch();
    let lock = s.path.with_extension("lock");
    drop(s.store);
    let _ = fs::remove_file(&lock);
    symlink(s.directory.path().join("elsewhere"), &lock).unwrap();
    let store = open(&s.path);
    store.write(|tx| tx.put(&row(1), &[])).unwrap();
    assert_eq!(join(&store, 0).map(drop), Err(Error::Symlink(lock.clone())));
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    store.write(|tx| tx.put(&row(2), &[])).unwrap();
    assert!(join(&store, 0).is_err());
}
