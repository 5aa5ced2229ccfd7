//! Death of the process at any moment: what was answered stays, what was not is whole or absent.

use std::ops::Range;

use tenon_pkcs11::api::store::{Error, Generation, Store};

use super::common::{
    Dice, Other, Result, damage, from_env, open, playing, posting, row, say, scratch, uid,
};

const ROLE: &str = "store::kill::writer";
const THREADS: u64 = 3;
/// Numbers of the two objects that change `step` of `thread` makes.
fn pair(thread: u64, step: u64) -> Range<u64> {
    let first = (step * THREADS + thread) * 2;
    first..first + 2
}

fn is_refused(step: u64) -> bool {
    step % 5 == 4
}

fn change(store: &Store, thread: u64, step: u64) -> Result<()> {
    let change = |tx: &tenon_pkcs11::api::store::Tx<'_>| {
        for number in pair(thread, step) {
            tx.put(&row(number), &[posting(number), posting(thread)])?;
        }
        tx.set_meta(&format!("last {thread}"), &step.to_be_bytes())?;
        if is_refused(step) {
            return Err(Error::NoSuchObject);
        }
        Ok(())
    };
    if step % 7 == 6 {
        return store.write_relaxed(change);
    }
    store.write(change)
}

/// Writes for ever from three threads, and says what was answered.
#[test]
fn writer() {
    let Some(path) = playing(ROLE) else { return };
    let store = open(&path);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for step in next_step(store, thread).. {
                    match change(store, thread, step) {
                        Ok(()) => say(format_args!("{thread} {step}")),
                        Err(e) => assert!(is_refused(step), "{e}"),
                    }
                }
            });
        }
    });
}

fn next_step(store: &Store, thread: u64) -> u64 {
    let last = store
        .read(|s| s.meta(&format!("last {thread}")))
        .unwrap()
        .map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
    last.map_or(0, |step| step + 1)
}

#[test]
fn what_was_answered_survives_a_kill() {
    let s = scratch();
    drop(s.store);
    let mut dice = Dice(0x5EED);
    let mut checked = [0; THREADS as usize];
    let mut answered = 0_u64;
    for kill in 0..from_env("TENON_KILLS", 50) {
        let mut other = Other::start(ROLE, &s.path);
        let mut last = [None; THREADS as usize];
        let mut note = |line: String| {
            let (thread, step) = line.split_once(' ').unwrap();
            let thread: usize = thread.parse().unwrap();
            last[thread] = last[thread].max(Some(step.parse::<u64>().unwrap()));
            answered += 1;
        };
        for _ in 0..1 + dice.below(60) {
            note(other.hear().expect("the writer goes on until it is killed"));
        }
        for _ in 0..dice.below(100_000) {
            std::hint::spin_loop();
        }
        other.kill();
        while let Some(line) = other.hear() {
            note(line);
        }

        let counter = std::fs::read(s.path.with_extension("gen")).unwrap();
        let counter = u64::from_ne_bytes(*counter.first_chunk().unwrap());
        assert_eq!(damage(&s.path), Vec::<String>::new(), "kill {kill}");
        let store = open(&s.path);
        let generation = store.read(|s| s.generation()).unwrap();
        assert_eq!(store.generation(), Generation::Settled(generation));
        // Left even, the counter promised that there was nothing to see.
        assert!(counter % 2 == 1 || counter / 2 == generation, "kill {kill}");
        for thread in 0..THREADS {
            let done = &mut checked[usize::try_from(thread).unwrap()];
            let end = next_step(&store, thread);
            if let Some(last) = last[usize::try_from(thread).unwrap()] {
                assert!(end > last, "kill {kill}: {last} of {thread} was answered");
            }
            for step in *done..end + 2 {
                let there = step < end && !is_refused(step);
                for number in pair(thread, step) {
                    let found = store.read(|s| s.object(&uid(number))).unwrap();
                    assert_eq!(found.is_some(), there, "kill {kill}: {step} of {thread}");
                }
            }
            *done = end;
        }
    }
    assert!(answered > 0);
}
