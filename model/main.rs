//! The model: explicit states, breadth first, through the shipped rules of `policy`, `attr` and `byok`.
//!
//! `cargo run --release --features model --example model` searches every scenario to its end, then once more for each
//! rule with that rule switched off, and prints the attack that this lets through. `short` bounds the searches, which
//! takes less than a minute. The exit status is 1 where an attack is found with all rules on, or where a rule that
//! survives is not in `model/survivors.txt` with a reason (or is there and does not survive).

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program for people"
)]

mod calls;
mod checker;
mod scenarios;
mod values;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use checker::{Found, search};
use tenon_pkcs11::model;

/// States of a scenario: by default, and in a search for what a missing rule lets through.
const MOST: usize = 4_000_000;
const MOST_SHORT: usize = 20_000;
const MOST_WITHOUT_RULE: usize = 60_000;
const MOST_WITHOUT_RULE_SHORT: usize = 2_500;

fn main() -> ExitCode {
    let short = std::env::args().any(|argument| argument == "short");
    let most = if short { MOST_SHORT } else { MOST };
    let sound = prove(most);
    let most_without_rule = if short {
        MOST_WITHOUT_RULE_SHORT
    } else {
        MOST_WITHOUT_RULE
    };
    let only_prove = std::env::args().any(|argument| argument == "prove");
    let needed = only_prove || mutate(most_without_rule);
    if sound && needed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Searches every scenario with all rules on.
fn prove(most: usize) -> bool {
    let mut sound = true;
    let (mut states, mut calls) = (0, 0);
    for scenario in scenarios::all() {
        let found = search(&scenario, most);
        let all = if found.complete {
            "all of them"
        } else {
            "as many as asked for"
        };
        println!(
            "{}\n    {} states ({all}), {} calls, depth {}",
            scenario.name, found.states, found.calls, found.depth
        );
        states += found.states;
        calls += found.calls;
        if let Some((attack, trail)) = found.attack {
            println!("    ATTACK {attack:?}: {}", trail.join("; "));
            sound = false;
        }
    }
    println!(
        "{states} states, {calls} calls: {}",
        if sound { "no attack" } else { "ATTACKED" }
    );
    sound
}

/// Searches with each rule off in turn.
fn mutate(most: usize) -> bool {
    let rules = model::switches();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![None; rules.len()]);
    std::panic::set_hook(Box::new(|_| ()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= rules.len() {
                        return;
                    }
                    let result = without(number, most);
                    eprint!("{}", if result.is_some() { '.' } else { 'o' });
                    results.lock().expect("no thread panics")[number] = result;
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let results = results.into_inner().expect("no thread panics");
    report(rules, &results)
}

/// The attack that is possible without this rule.
fn without(number: usize, most: usize) -> Option<String> {
    model::switch_off(Some(number));
    let tried = catch_unwind(AssertUnwindSafe(|| {
        scenarios::all().iter().find_map(|scenario| {
            let Found { attack, .. } = search(scenario, most);
            let name = scenario.name.split(':').next().unwrap_or_default();
            attack.map(|(attack, trail)| format!("{attack:?} ({name}): {}", trail.join("; ")))
        })
    }));
    model::switch_off(None);
    tried.unwrap_or_else(|_| Some("the rule's own code panics".to_owned()))
}

fn report(rules: &[(&str, &str)], results: &[Option<String>]) -> bool {
    let reasons = include_str!("survivors.txt");
    let reasons: Vec<(&str, &str)> = reasons
        .lines()
        .filter_map(|line| line.split_once("  # "))
        .collect();
    let mut named = BTreeSet::new();
    let mut good = true;
    let mut killed = 0;
    for ((place, text), result) in rules.iter().zip(results) {
        let rule = format!("{place}: {text}");
        let reason = reasons.iter().find(|(named, _)| *named == rule);
        match (result, reason) {
            (Some(attack), None) => {
                killed += 1;
                println!("without {rule}\n    {attack}");
            }
            (None, Some((_, reason))) => println!("without {rule}\n    no attack: {reason}"),
            (Some(_), Some(_)) => {
                good = false;
                println!(
                    "without {rule}\n    AN ATTACK, and model/survivors.txt says there is none"
                );
            }
            (None, None) => {
                good = false;
                println!("without {rule}\n    NO ATTACK, and model/survivors.txt gives no reason");
            }
        }
        named.insert(rule);
    }
    for (gone, _) in reasons.iter().filter(|(rule, _)| !named.contains(*rule)) {
        good = false;
        println!("model/survivors.txt names a rule that is not there: {gone}");
    }
    println!(
        "{killed} of {} rules are needed against an attack; {} are there for another reason",
        rules.len(),
        rules.len() - killed
    );
    good
}
