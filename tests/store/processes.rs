//! Several processes on one store.

use std::io::BufRead;

use tenon_pkcs11::api::store::{Generation, Options, SearchConditions, Store};

use super::common::{Other, Result, damage, open, playing, posting, row, say, scratch};

const COUNTER: &str = "store::processes::counting";
const SCRIBE: &str = "store::processes::scribe";
const STREAM: &str = "store::processes::stream";
const CHANGES: u64 = 60;

fn number(bytes: Option<Vec<u8>>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

fn count_up(store: &Store) -> Result<u64> {
    store.write(|tx| {
        let next = number(tx.meta("count")?) + 1;
        tx.set_meta("count", &next.to_be_bytes())?;
        tx.put(&row(next), &[posting(next)])?;
        Ok(next)
    })
}

#[test]
fn counting() {
    let Some(path) = playing(COUNTER) else { return };
    let store = open(&path);
    for _ in 0..CHANGES {
        count_up(&store).unwrap();
    }
}

#[test]
fn eight_processes_lose_no_update() {
    let s = scratch();
    let others: Vec<_> = (0..8).map(|_| Other::start(COUNTER, &s.path)).collect();
    others.into_iter().for_each(Other::finish);

    let expected = 8 * CHANGES;
    assert_eq!(number(s.store.read(|s| s.meta("count")).unwrap()), expected);
    assert_eq!(
        s.store.read(|s| s.count(&SearchConditions::default())),
        Ok(expected)
    );
    assert_eq!(s.store.generation(), Generation::Settled(expected));
    assert_eq!(damage(&s.path), Vec::<String>::new());
}

/// Makes one change for each line that it is told.
#[test]
fn scribe() {
    let Some(path) = playing(SCRIBE) else { return };
    let store = open(&path);
    for _ in std::io::stdin().lock().lines() {
        say(count_up(&store).unwrap());
    }
}

#[test]
fn a_change_elsewhere_is_seen_at_once() {
    let s = scratch();
    let reader = Store::open(
        &s.path,
        &Options {
            read_only: true,
            ..Options::default()
        },
    )
    .unwrap();
    let mut other = Other::start(SCRIBE, &s.path);
    for turn in 1..=50 {
        other.tell("");
        assert_eq!(other.hear(), Some(turn.to_string()));
        assert_eq!(s.store.generation(), Generation::Settled(turn));
        assert_eq!(reader.generation(), Generation::Settled(turn));
        assert_eq!(number(reader.read(|s| s.meta("count")).unwrap()), turn);
    }
    other.finish();
}

/// Makes changes from two threads, and says what it was answered.
#[test]
fn stream() {
    let Some(path) = playing(STREAM) else { return };
    let store = open(&path);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..150 {
                    say(count_up(&store).unwrap());
                }
            });
        }
    });
}

#[test]
fn no_cache_keyed_by_the_counter_is_ever_behind_an_answer() {
    let s = scratch();
    let mut others: Vec<_> = (0..2).map(|_| Other::start(STREAM, &s.path)).collect();
    let mut cached = (u64::MAX, 0);
    let mut hits = 0;
    let mut answered = 0;
    let mut turn = 0;
    while !others.is_empty() {
        turn += 1;
        let speaker = turn % others.len();
        match others[speaker].hear() {
            Some(line) => answered = answered.max(line.parse::<u64>().unwrap()),
            None => others.swap_remove(speaker).finish(),
        }
        for _ in 0..10 {
            if s.store.generation() == Generation::Settled(cached.0) {
                hits += 1;
            } else {
                cached = s
                    .store
                    .read(|s| -> Result<_> { Ok((s.generation()?, number(s.meta("count")?))) })
                    .unwrap();
            }
            assert!(cached.1 >= answered, "{cached:?} is behind {answered}");
        }
    }
    assert!(hits > 0, "the counter never let the cache be used");
    assert_eq!(answered, 600);
}
