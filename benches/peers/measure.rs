//! Measuring the subjects of one case in turn.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::client::Answer;

/// The name of the algorithm without PKCS#11.
pub(super) const ALONE: &str = "alone";

/// Length of a window, and how many windows each subject gets.
const WINDOW: Duration = Duration::from_millis(6);
pub(super) const WINDOWS: usize = 15;
/// How many single calls are timed for the percentiles, and how long at most.
const SINGLE: usize = 4000;
const SINGLE_TIME: Duration = Duration::from_millis(300);

/// One call.
pub(super) type Work = Box<dyn FnMut() -> Answer<()>>;

/// What does a case.
pub(super) struct Subject {
    name: &'static str,
    work: Option<Work>,
}

impl Subject {
    /// A module that cannot do the case is left out, with a line that says why.
    pub(super) fn new(name: &'static str, work: Answer<Work>) -> Self {
        let work = work
            .inspect_err(|rv| eprintln!("{name} cannot do the next case: {rv:#x}"))
            .ok();
        Self { name, work }
    }
}

/// Microseconds of one subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) name: &'static str,
    /// CPU time of one call: the median of the windows.
    pub(super) cpu: f64,
    /// Percentiles of single calls by the clock, which takes some 0.03 of them itself.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// The results of one case.
pub(super) struct Measured {
    pub(super) case: &'static str,
    pub(super) times: Vec<Times>,
}

impl Measured {
    pub(super) fn of(&self, name: &str) -> Option<&Times> {
        self.times.iter().find(|times| times.name == name)
    }
}

/// Measures all subjects, each window after one of every other subject.
pub(super) fn interleaved(case: &'static str, subjects: Vec<Subject>) -> Measured {
    let mut runners: Vec<_> = subjects
        .into_iter()
        .filter_map(|Subject { name, work }| Runner::new(name, work?))
        .collect();
    for round in 0..WINDOWS {
        if round % 2 == 0 {
            runners.iter_mut().for_each(Runner::window);
        } else {
            runners.iter_mut().rev().for_each(Runner::window);
        }
    }
    Measured {
        case,
        times: runners.into_iter().map(Runner::times).collect(),
    }
}

struct Runner {
    name: &'static str,
    work: Work,
    /// Calls in a window.
    calls: u32,
    /// CPU time of a call in each window, in microseconds.
    windows: Vec<f64>,
}

impl Runner {
    /// Finds out how many calls fill a window. `None` where a call is refused.
    fn new(name: &'static str, mut work: Work) -> Option<Self> {
        let start = Instant::now();
        let mut calls = 0;
        while calls < 3 || start.elapsed() < WINDOW {
            if let Err(rv) = work() {
                eprintln!("{name} refuses a call: {rv:#x}");
                return None;
            }
            calls += 1;
        }
        Some(Self {
            name,
            work,
            // A call that takes longer than a window is a window.
            calls: if calls == 3 { 1 } else { calls },
            windows: Vec::new(),
        })
    }

    fn window(&mut self) {
        let start = cpu();
        for _ in 0..self.calls {
            (self.work)().unwrap();
        }
        self.windows.push((cpu() - start) / f64::from(self.calls));
    }

    fn times(mut self) -> Times {
        let begun = Instant::now();
        let mut single = Vec::new();
        while single.len() < SINGLE && begun.elapsed() < SINGLE_TIME {
            let start = Instant::now();
            (self.work)().unwrap();
            single.push(start.elapsed().as_secs_f64() * 1e6);
        }
        Times {
            name: self.name,
            cpu: percentile(&mut self.windows, 50),
            p50: percentile(&mut single, 50),
            p99: percentile(&mut single, 99),
        }
    }
}

/// The thread's CPU time in microseconds.
pub(super) fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
    .as_secs_f64()
        * 1e6
}

pub(super) fn percentile(of: &mut [f64], percent: usize) -> f64 {
    of.sort_by(f64::total_cmp);
    of[(of.len() * percent / 100).min(of.len() - 1)]
}
