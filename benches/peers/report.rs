//! What was measured, as a table, as JSON and as a chart.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tenon_pkcs11::api::clock::utc;

use super::measure::{ALONE, Measured, Times};
use super::modules::TENON;
use super::threads::Scaled;

pub(super) fn heading(modules: &[&str]) {
    print!("{:35}", "µs of CPU time a call");
    for name in modules.iter().chain(&[ALONE]) {
        print!("{name:>10}");
    }
    println!("{:>12}{:>13}   p50 / p99", "best/Tenon", "alone/Tenon");
}

pub(super) fn line(modules: &[&str], measured: &Measured) {
    print!("{:35}", measured.case);
    for name in modules.iter().chain(&[ALONE]) {
        match measured.of(name) {
            Some(times) => print!("{:>10.2}", times.cpu),
            None => print!("{:>10}", "–"),
        }
    }
    let ratio = |ratio: Option<f64>| ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
    let tenon = measured.of(TENON).map_or("–".into(), |tenon| {
        format!("{:.2} / {:.2}", tenon.p50, tenon.p99)
    });
    println!(
        "{:>12}{:>13}   {tenon}",
        ratio(to_best(measured)),
        ratio(to(measured, measured.of(ALONE))),
    );
}

/// The best other module's time divided by Tenon's.
fn to_best(measured: &Measured) -> Option<f64> {
    to(measured, best(measured))
}

fn best(measured: &Measured) -> Option<&Times> {
    let others = measured.times.iter();
    others
        .filter(|times| ![TENON, ALONE].contains(&times.name))
        .min_by(|a, b| a.cpu.total_cmp(&b.cpu))
}

fn to(measured: &Measured, other: Option<&Times>) -> Option<f64> {
    Some(other?.cpu / measured.of(TENON)?.cpu)
}

/// The geometric mean of the ratios to the best other module, and the cases in which that is ahead.
pub(super) fn summary(results: &[Measured]) {
    let ratios: Vec<_> = results
        .iter()
        .filter_map(|measured| Some((measured.case, to_best(measured)?)))
        .collect();
    if ratios.is_empty() {
        return;
    }
    let logs: f64 = ratios.iter().map(|(_, ratio)| ratio.ln()).sum();
    let behind = ratios.iter().filter(|(_, ratio)| *ratio < 1.0);
    let behind: Vec<_> = behind.map(|(case, _)| *case).collect();
    println!(
        "geometric mean of best/Tenon over {} cases: {:.2}; behind in {}: {}",
        ratios.len(),
        (logs / ratios.len() as f64).exp(),
        behind.len(),
        behind.join("; "),
    );
}

pub(super) fn scaling_heading() {
    println!(
        "{:35}{:12}{:>10}{:>10}{:>16}{:>14}",
        "µs of CPU time a call", "", "1 thread", "2 threads", "2 to 1 thread", "by the clock"
    );
}

pub(super) fn scaling_line(scaled: &Scaled) {
    let [cpu, clock] = scaled.gains();
    let Scaled {
        case,
        name,
        one,
        two,
    } = scaled;
    println!(
        "{case:35}{name:12}{:>10.2}{:>10.2}{cpu:>16.2}{clock:>14.2}",
        one.cpu, two.cpu
    );
}

fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {count} threads")
}

/// The day, by UTC.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let at = utc(since.map_or(0, |since| since.as_secs()));
    at.split('T').next().unwrap_or_default().to_owned()
}

pub(super) fn json(results: &[Measured]) -> String {
    let cases = results.iter().map(|measured| {
        let times = measured.times.iter().map(|times| {
            let Times { cpu, p50, p99, .. } = times;
            let value = json!({ "cpu": rounded(*cpu), "p50": rounded(*p50), "p99": rounded(*p99) });
            (times.name.to_owned(), value)
        });
        json!({
            "case": measured.case,
            "microseconds": times.collect::<Map<String, Value>>(),
            "best": best(measured).map(|best| best.name),
            "best_to_tenon": to_best(measured).map(rounded),
            "alone_to_tenon": to(measured, measured.of(ALONE)).map(rounded),
        })
    });
    let all = json!({
        "date": today(),
        "machine": machine(),
        "cases": cases.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Pixels of the chart: a row, the column of names, and a factor of ten.
const ROW: usize = 20;
const NAMES: f64 = 250.0;
const DECADE: f64 = 170.0;

/// A bar for each case: how many times as long the best other module takes, by powers of ten. A bar to the left of the
/// line at 1 is a case in which Tenon takes longer.
pub(super) fn svg(results: &[Measured]) -> String {
    let rows: Vec<_> = results
        .iter()
        .filter_map(|measured| Some((measured.case, best(measured)?.name, to_best(measured)?)))
        .collect();
    let height = rows.len() * ROW + 60;
    let at = |ratio: f64| NAMES + DECADE * (ratio.max(0.1).log10() + 1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1060\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"10\" y=\"18\">Time of the \
         best other module, divided by Tenon's ({}, {})</text>\n",
        today(),
        machine()
    );
    for (index, (case, best, ratio)) in rows.iter().enumerate() {
        let top = index * ROW + 30;
        let (one, end) = (at(1.0), at(ratio.min(1000.0)));
        let (start, width) = (one.min(end), (end - one).abs());
        let colour = if *ratio < 1.0 { "#c0504d" } else { "#4f81bd" };
        let text = top + 14;
        let _ = writeln!(
            out,
            "<text x=\"10\" y=\"{text}\">{case}</text><rect x=\"{start:.1}\" y=\"{top}\" width=\"{width:.1}\" \
             height=\"14\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{text}\">{ratio:.2} ({best})</text>",
            one.max(end) + 6.0,
        );
    }
    let _ = writeln!(
        out,
        "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"26\" y2=\"{1}\" stroke=\"#000\"/>\n<text x=\"{0:.1}\" y=\"{2}\">1</text>\n</svg>",
        at(1.0),
        height - 28,
        height - 14,
    );
    out
}
