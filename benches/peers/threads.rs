//! What a call costs while a second thread makes the same calls. Without memory that both write it costs the CPU time
//! that it costs alone, and two processors do twice as much. By the clock, what other programs take of the processors
//! is missing: compare a module with the algorithm alone then.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::cases::{self, GCM};
use super::client::{Answer, Client, Key};
use super::measure::{ALONE, WINDOWS, Work, cpu, percentile};
use super::{alone, report};

const THREADS: usize = 2;
/// Length of a window.
const WINDOW: Duration = Duration::from_millis(10);
/// Calls between two looks at the clock.
const CALLS: u32 = 32;

struct Case {
    name: &'static str,
    /// Whether both threads use the same key.
    shares_key: bool,
    /// The calls of one thread, in its own session.
    module: fn(&'static Client, Key) -> Answer<Work>,
    alone: fn() -> Work,
}

static CASES: &[Case] = &[
    Case {
        name: "SHA-256, 64 bytes",
        shares_key: true,
        module: |client, _| cases::digest(client, 64),
        alone: || alone::digest(64),
    },
    Case {
        name: "AES-256-GCM, 64 bytes, one key",
        shares_key: true,
        module: |client, key| Ok(cases::encrypt_with(client, GCM, key, 64)),
        alone: || alone::gcm(64),
    },
    Case {
        name: "AES-256-GCM, 64 bytes, two keys",
        shares_key: false,
        module: |client, key| Ok(cases::encrypt_with(client, GCM, key, 64)),
        alone: || alone::gcm(64),
    },
    Case {
        name: "AES-256-GCM, 16 KiB, one key",
        shares_key: true,
        module: |client, key| Ok(cases::encrypt_with(client, GCM, key, 16 << 10)),
        alone: || alone::gcm(16 << 10),
    },
    Case {
        name: "AES-256-GCM, 16 KiB, two keys",
        shares_key: false,
        module: |client, key| Ok(cases::encrypt_with(client, GCM, key, 16 << 10)),
        alone: || alone::gcm(16 << 10),
    },
];

/// What one thread does, and what each of two does.
pub(super) struct Scaled {
    pub(super) case: &'static str,
    pub(super) name: &'static str,
    pub(super) one: Rate,
    pub(super) two: Rate,
}

/// Microseconds of a call.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub(super) cpu: f64,
    pub(super) clock: f64,
}

impl Rate {
    /// The medians.
    fn of(windows: &[Self]) -> Self {
        let median = |time: fn(&Self) -> f64| {
            let mut times: Vec<_> = windows.iter().map(time).collect();
            percentile(&mut times, 50)
        };
        Self {
            cpu: median(|rate| rate.cpu),
            clock: median(|rate| rate.clock),
        }
    }
}

impl Scaled {
    /// What the threads do together, in calls of one thread by itself: by CPU time, and by the clock.
    pub(super) fn gains(&self) -> [f64; 2] {
        let gain = |one, two| THREADS as f64 * one / two;
        [
            gain(self.one.cpu, self.two.cpu),
            gain(self.one.clock, self.two.clock),
        ]
    }
}

/// Measures every case of every module, and prints it.
pub(super) fn run(modules: &[(&'static str, &'static Client)]) {
    report::scaling_heading();
    for case in CASES {
        for (name, client) in modules {
            let keys = [(); THREADS].map(|()| cases::aes(client, false, false).unwrap());
            let work = |thread: usize| {
                let key = keys[if case.shares_key { 0 } else { thread }];
                let session = Box::leak(Box::new(client.on(client.open().unwrap())));
                (case.module)(session, key).unwrap()
            };
            report::scaling_line(&scaled(case.name, name, &work));
        }
        report::scaling_line(&scaled(case.name, ALONE, &|_| (case.alone)()));
    }
}

fn scaled(
    case: &'static str,
    name: &'static str,
    work: &(impl Fn(usize) -> Work + Sync),
) -> Scaled {
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..WINDOWS {
        one.extend(window(1, work));
        two.extend(window(THREADS, work));
    }
    Scaled {
        case,
        name,
        one: Rate::of(&one),
        two: Rate::of(&two),
    }
}

/// The rate of each of so many threads, which begin together.
fn window(threads: usize, work: &(impl Fn(usize) -> Work + Sync)) -> Vec<Rate> {
    let begin = Barrier::new(threads);
    let measured = |thread| {
        let mut work = work(thread);
        work().unwrap();
        begin.wait();
        let (start, used, mut calls) = (Instant::now(), cpu(), 0);
        while start.elapsed() < WINDOW {
            (0..CALLS).for_each(|_| work().unwrap());
            calls += CALLS;
        }
        let calls = f64::from(calls);
        Rate {
            cpu: (cpu() - used) / calls,
            clock: start.elapsed().as_secs_f64() * 1e6 / calls,
        }
    };
    let measured = &measured;
    thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || measured(thread)))
            .collect();
        let times = spawned.into_iter().map(|thread| thread.join().unwrap());
        times.collect()
    })
}
