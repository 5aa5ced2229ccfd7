//! Layers within rooms: no circle of files anywhere, and arrows between the folders of a room only
//! point down.
//!
//! An arrow goes from the file that mentions something to the file in which it lies, through all
//! re-exports. So a `mod.rs` that declares its modules and re-exports what they have is on no way; one
//! that has code of its own, which its modules use, must not use them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::names::Arrow;
use super::rules::shown;

/// Folders of rooms from the bottom. What lies in the room and in none of them is above them all.
const LAYERS: &[(&str, &[&str])] = &[(
    "token/",
    &[
        "token/record/",
        "token/cache/",
        "token/identity/",
        "token/change/",
        "token/external/",
    ],
)];

/// What breaks the rules, one line each.
pub(super) fn violations(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let up = arrows.iter().filter(|arrow| points_up(arrow));
    let up = up.map(|arrow| {
        let Arrow { from, to, line } = arrow;
        format!(
            "{}:{line}: the layer of `{to}` is above this one",
            shown(from)
        )
    });
    up.chain(circles(arrows)).collect()
}

fn points_up(arrow: &Arrow) -> bool {
    LAYERS.iter().any(|(room, layers)| {
        let height = |path: &str| {
            let lies_in = |layer: &&str| path.starts_with(*layer);
            path.starts_with(room)
                .then(|| layers.iter().position(lies_in).unwrap_or(layers.len()))
        };
        height(&arrow.from) < height(&arrow.to) && height(&arrow.from).is_some()
    })
}

/// A shortest circle through the first file of each knot of files.
fn circles(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for Arrow { from, to, line } in arrows {
        next.entry(from).or_default().entry(to).or_insert(*line);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in next.keys().copied() {
        if told.contains(start) {
            continue;
        }
        let Some(circle) = circle_through(start, &next) else {
            continue;
        };
        told.extend(&circle);
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        let steps: Vec<_> = steps
            .map(|(from, to)| format!("{}:{}", shown(from), next[from][to]))
            .collect();
        found.push(format!(
            "a circle of files: {} → {}",
            steps.join(" → "),
            shown(start)
        ));
    }
    found
}

/// The files on a shortest way from `start` back to it.
fn circle_through<'a>(
    start: &'a str,
    next: &BTreeMap<&'a str, BTreeMap<&'a str, usize>>,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(at) = waiting.pop_front() {
        for to in next.get(at).into_iter().flat_map(BTreeMap::keys).copied() {
            if to == start {
                let mut circle = vec![at];
                while circle[circle.len() - 1] != start {
                    circle.push(came_from[circle[circle.len() - 1]]);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, at);
                waiting.push_back(to);
            }
        }
    }
    None
}
