//! Breadth first through every state that a scenario reaches.

use std::collections::HashMap;

use crate::calls::{Call, calls};
use crate::scenarios::Scenario;
use crate::world::{Attack, Bank};

/// What a search found.
pub(crate) struct Found {
    pub states: usize,
    pub calls: usize,
    pub depth: usize,
    /// Every state that can be reached was reached.
    pub complete: bool,
    pub attack: Option<(Attack, Vec<String>)>,
}

/// Searches until an attack is found, nothing new is reached, or there are `most` states.
pub(crate) fn search(scenario: &Scenario, most: usize) -> Found {
    let mut bank = Bank::default();
    let start = scenario.start(&mut bank);
    let mut numbers = HashMap::from([(start.clone(), 0_usize)]);
    let mut came: Vec<Option<(usize, Call)>> = vec![None];
    let mut layer = vec![(0_usize, start)];
    let mut found = Found {
        states: 1,
        calls: 0,
        depth: 0,
        complete: true,
        attack: None,
    };
    while !layer.is_empty() {
        let mut next = Vec::new();
        for (number, state) in &layer {
            let mut wrong = None;
            calls(
                scenario,
                &mut bank,
                state,
                &mut |bank, call, after, attack| {
                    found.calls += 1;
                    if wrong.is_some() {
                        return;
                    }
                    let known = attack.is_none() && numbers.contains_key(&after);
                    if known {
                        return;
                    }
                    if let Some(attack) = attack.or_else(|| bank.attack(&after)) {
                        wrong = Some((attack, call));
                    } else {
                        if numbers.len() == most {
                            found.complete = false;
                            return;
                        }
                        numbers.insert(after.clone(), came.len());
                        next.push((came.len(), after));
                        came.push(Some((*number, call)));
                    }
                },
            );
            if let Some((attack, call)) = wrong {
                found.states = numbers.len();
                found.depth += 1;
                found.attack = Some((attack, trail(&came, *number, call)));
                return found;
            }
        }
        found.depth += usize::from(!next.is_empty());
        layer = next;
    }
    found.states = numbers.len();
    found
}

fn trail(came: &[Option<(usize, Call)>], mut at: usize, last: Call) -> Vec<String> {
    let mut calls = vec![format!("{last:?}")];
    while let Some((from, call)) = &came[at] {
        calls.push(format!("{call:?}"));
        at = *from;
    }
    calls.reverse();
    calls
}
