//! A child after fork: it leaves its parent's store alone and opens its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenon_pkcs11::api::clock::Deadline;
use tenon_pkcs11::api::store::{Generation, Options, Store, Ticket};

use super::common::{Other, Result, damage, playing, row, say, scratch, uid};

const PARENT: &str = "store::fork::parent";
const FORKS: u64 = 40;

/// Runs `child` in a child process and returns its exit status, 0 when it returned true.
#[expect(unsafe_code, reason = "fork is what is tested")]
fn in_child(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child does what a PKCS#11 client's child does, and leaves without unwinding.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: a child that waits for ever is ended by the signal, and fails the test.
            unsafe { libc::alarm(60) };
            let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
            // SAFETY: ends the child without running the parent's handlers.
            unsafe { libc::_exit(i32::from(!good.unwrap_or(false))) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the child just made, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status
        }
    }
}

/// Whether the kernel knows of a lock that this process holds on the file. While others lock and
/// unlock, a reading of its list may miss a line.
fn holds_a_lock(path: &Path) -> bool {
    (0..20).any(|_| lists_a_lock(path))
}

fn lists_a_lock(path: &Path) -> bool {
    let inode = format!(":{}", fs::metadata(path).unwrap().ino());
    let process = std::process::id().to_string();
    let locks = fs::read_to_string("/proc/locks").unwrap();
    locks.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.any(|word| word == process) && words.any(|word| word.ends_with(&inode))
    })
}

/// Forks while other threads of the process use the store. Its own process, for the test runner's
/// threads are no part of the test.
#[test]
fn parent() {
    let Some(path) = playing(PARENT) else { return };
    let store = Arc::new(Store::open(&path, &Options::default()).unwrap());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 1..=2_u64 {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || {
                let mut number = thread << 32;
                while !stop.load(Ordering::Relaxed) {
                    store.write(|tx| tx.put(&row(number), &[])).unwrap();
                    store.read(|s| s.object(&uid(number))).unwrap();
                    number += 1;
                }
            });
        }
        let statuses = (0..FORKS).map(|fork| {
            in_child(|| {
                if fork % 2 == 0 {
                    std::mem::forget(Arc::clone(&store));
                }
                let own = Store::open(&path, &Options::default()).unwrap();
                // The list of locks is read in parts, and others come and go meanwhile.
                let locked = (0..20).any(|_| holds_a_lock(&path));
                own.write(|tx| tx.put(&row(fork), &[])).unwrap();
                locked && own.read(|s| s.object(&uid(fork))).unwrap().is_some()
            })
        });
        let bad = statuses.filter(|status| *status != 0).count();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(bad, 0, "children that failed");
    });
    for fork in 0..FORKS {
        assert!(store.read(|s| s.object(&uid(fork))).unwrap().is_some());
    }
    assert!(holds_a_lock(&path));
    say("done");
}

#[test]
fn children_lock_for_themselves_while_the_parent_is_busy() {
    let s = scratch();
    drop(s.store);
    let mut other = Other::start(PARENT, &s.path);
    assert_eq!(other.hear().as_deref(), Some("done"));
    other.finish();
    assert_eq!(damage(&s.path), Vec::<String>::new());
    let store = Store::open(&s.path, &Options::default()).unwrap();
    for fork in 0..FORKS {
        assert!(store.read(|s| s.object(&uid(fork))).unwrap().is_some());
    }
}

const MASTER: &str = "store::fork::master";

/// Leaves a child behind that was forked while a place in a line was held.
#[test]
fn master() {
    let Some(path) = playing(MASTER) else { return };
    let store = Store::open(&path, &Options::default()).unwrap();
    let ticket = join(&store, 0);
    // SAFETY: the child sleeps and leaves without unwinding.
    #[expect(unsafe_code, reason = "fork is what is tested")]
    match unsafe { libc::fork() } {
        0 => {
            std::thread::sleep(std::time::Duration::from_secs(40));
            // SAFETY: ends the child without running the parent's handlers.
            unsafe { libc::_exit(0) }
        }
        child => say(child),
    }
    std::thread::sleep(std::time::Duration::from_secs(60));
    drop(ticket);
}

fn join(store: &Store, seconds: u64) -> Option<Ticket> {
    let patience = Deadline::after(std::time::Duration::from_secs(seconds));
    let first = |ahead| Ok::<_, tenon_pkcs11::api::store::Error>(ahead == 0);
    let line = std::num::NonZeroU8::MIN;
    store.queue(line, patience, first).unwrap()
}

#[test]
fn a_child_does_not_keep_the_place_of_a_parent_that_was_killed() {
    let s = scratch();
    let mut other = Other::start(MASTER, &s.path);
    let child: libc::pid_t = other.hear().unwrap().parse().unwrap();
    assert!(join(&s.store, 0).is_none(), "the parent holds its place");
    other.kill();
    // The child closes what it inherited when it first runs.
    assert!(
        join(&s.store, 10).is_some(),
        "the child holds the parent's place"
    );
    // SAFETY: the child that was just heard of, which waits for nothing else.
    #[expect(unsafe_code, reason = "the child is nobody's any more")]
    unsafe {
        libc::kill(child, libc::SIGKILL);
    }
}

const HEIR: &str = "store::fork::heir";

/// Drops the parent's store in a child, and forks again from there.
#[test]
fn heir() {
    let Some(path) = playing(HEIR) else { return };
    let store = Store::open(&path, &Options::default()).unwrap();
    store.read(|s| s.generation()).unwrap();
    let before = store.generation();
    let mut store = Some(store);
    let status = in_child(|| {
        // Unlike `forget` this looks like closing, and must not be.
        drop(store.take());
        let own = Store::open(&path, &Options::default()).unwrap();
        own.write(|tx| tx.put(&row(1), &[])).unwrap();
        let grandchild = in_child(|| {
            let own = Store::open(&path, &Options::default()).unwrap();
            own.write(|tx| tx.put(&row(2), &[])).unwrap();
            holds_a_lock(&path)
        });
        grandchild == 0 && holds_a_lock(&path)
    });
    assert_eq!(status, 0);
    let store = store.unwrap();
    assert!(holds_a_lock(&path), "the child took the parent's locks");
    assert_eq!(before, Generation::Settled(0));
    assert_eq!(store.generation(), Generation::Settled(2));
    let both = store.read(|s| -> Result<_> {
        Ok(s.object(&uid(1))?.is_some() && s.object(&uid(2))?.is_some())
    });
    assert_eq!(both, Ok(true));
    say("done");
}

#[test]
fn dropping_a_parent_s_store_closes_nothing() {
    let s = scratch();
    drop(s.store);
    let mut other = Other::start(HEIR, &s.path);
    assert_eq!(other.hear().as_deref(), Some("done"));
    other.finish();
    assert_eq!(damage(&s.path), Vec::<String>::new());
}
