//! Threads that write at once: each fails alone, and all are durable together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tenon_pkcs11::api::store::{Error, SearchConditions, Store};

use super::common::{Result, from_env, row, scratch, uid};

#[test]
fn a_change_that_fails_is_rolled_back_alone() {
    const THREADS: u64 = 8;
    const TURNS: u64 = 40;
    let s = scratch();
    let kept = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, kept) = (&s.store, &kept);
            scope.spawn(move || {
                for turn in 0..TURNS {
                    let number = turn * THREADS + thread;
                    let change = |tx: &tenon_pkcs11::api::store::Tx<'_>| {
                        tx.put(&row(number), &[])?;
                        match number % 3 {
                            0 => Err(Error::NoSuchObject),
                            1 if turn % 4 == 0 => panic!("a change of thread {thread}"),
                            _ => Ok(()),
                        }
                    };
                    let answer = catch_unwind(AssertUnwindSafe(|| store.write(change)));
                    let expected = number % 3 == 2 || number % 3 == 1 && turn % 4 != 0;
                    assert_eq!(matches!(answer, Ok(Ok(()))), expected);
                    // What was answered is there for every reader at once.
                    let found = store.read(|s| s.object(&uid(number))).unwrap();
                    assert_eq!(found.is_some(), expected);
                    kept.fetch_add(u64::from(expected), Ordering::SeqCst);
                }
            });
        }
    });
    let kept = kept.into_inner();
    assert_eq!(
        s.store.read(|s| s.count(&SearchConditions::default())),
        Ok(kept)
    );
}

#[test]
fn no_update_is_lost_between_threads() {
    let s = scratch();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &s.store;
            scope.spawn(move || {
                for turn in 0..50_u64 {
                    let change = |tx: &tenon_pkcs11::api::store::Tx<'_>| -> Result<()> {
                        let count = tx.meta("count")?.unwrap_or_else(|| vec![0; 8]);
                        let count = u64::from_be_bytes(count.try_into().unwrap()) + 1;
                        tx.set_meta("count", &count.to_be_bytes())
                    };
                    let done = match (thread + turn) % 3 {
                        0 => store.write_relaxed(change),
                        _ => store.write(change),
                    };
                    done.unwrap();
                }
            });
        }
    });
    let count = s.store.read(|s| s.meta("count")).unwrap().unwrap();
    assert_eq!(count, 400_u64.to_be_bytes());
}

#[test]
fn writers_that_wait_share_a_transaction() {
    const THREADS: u64 = 8;
    let s = scratch();
    let arrived = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, arrived) = (&s.store, &arrived);
            scope.spawn(move || {
                arrived.fetch_add(1, Ordering::SeqCst);
                store
                    .write(|tx| {
                        // Whoever is first waits for the others to stand behind it.
                        while arrived.load(Ordering::SeqCst) < THREADS {
                            std::thread::yield_now();
                        }
                        // They are about to; nothing outside the store shows that they have.
                        std::thread::sleep(Duration::from_millis(50));
                        tx.put(&row(thread), &[])
                    })
                    .unwrap();
            });
        }
    });
    assert_eq!(
        s.store.read(|s| s.count(&SearchConditions::default())),
        Ok(THREADS)
    );
    let transactions = s.store.read(|s| s.generation()).unwrap();
    assert!(transactions < THREADS, "{transactions} transactions");
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn writes_per_second(store: &Store, threads: u64, span: Duration) -> f64 {
    let done = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let done = &done;
            scope.spawn(move || {
                let mut number = thread << 32;
                while start.elapsed() < span {
                    store.write(|tx| tx.put(&row(number), &[])).unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                    number += 1;
                }
            });
        }
    });
    done.into_inner() as f64 / start.elapsed().as_secs_f64()
}

/// Prints and does not judge. `TENON_BENCH_MS` makes it longer.
#[test]
fn durable_writes_per_second() {
    let span = Duration::from_millis(from_env("TENON_BENCH_MS", 200));
    let s = scratch();
    for threads in [1, 2, 8, 32] {
        let rate = writes_per_second(&s.store, threads, span);
        println!("{threads} threads: {rate:.0} durable writes a second");
    }
}
