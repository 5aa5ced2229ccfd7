//! The measures. Each runs in a process of its own and prints rows: name, tab, value.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::child;
use crate::common::{Calls, SLOT, attrs};
use crate::fill::{label, log_in, modulus, open, plain, subject};

/// Objects that are found, or used, one by one.
const SOME: u64 = 250;
/// Handles that are asked for at a time, and records of the audit record.
const PAGE: usize = 1000;
/// Session objects among which one is found.
const SESSION_OBJECTS: u64 = 10_000;
/// Token keys that are used in turn, where there are so many: more than a cache of 4,096 keys would hold.
const KEYS_IN_TURN: usize = 4200;
/// Changes that another process makes beside the uses of a key, and the time between two of them: 500 a second.
const CHANGES: u64 = 1000;
const BETWEEN: Duration = Duration::from_millis(2);

type Measure = fn(&Path, u64);

pub(crate) const ALL: &[(&str, Measure)] = &[
    ("cold start", cold_start),
    ("find one", find_one),
    ("find all", find_all),
    ("find without index", find_without_index),
    ("find in sessions", find_in_sessions),
    ("use", first_use),
    ("use in turn", use_in_turn),
    ("use beside a writer", use_beside_a_writer),
    ("list", list),
    ("audit", audit),
    ("backup", backup),
];

/// What a measure has another process do.
pub(crate) const HELPERS: &[(&str, Measure)] = &[(WRITER, write)];
const WRITER: &str = "writer";

fn row(name: &str, value: f64, unit: &str) {
    let digits = if value < 10.0 { 2 } else { 0 };
    println!("{name}\t{value:.digits$} {unit}");
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The median, which other programs that take the processor for a while do not move.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Memory of this process in KiB: what it has now, or the most that it had.
fn memory(line: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

/// Numbers of objects all over the token, of kind `kind` as `fill::make` has them.
fn some(objects: u64, kind: u64) -> impl Iterator<Item = u64> {
    (0..SOME).map(move |turn| (turn * 7919 % (objects / 4)) * 4 + kind)
}

fn find(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let found = session.find(PAGE).unwrap();
    session.find_final().unwrap();
    found
}

fn cold_start(folder: &Path, objects: u64) {
    let start = Instant::now();
    let module = open(folder);
    let session = log_in(&module);
    row("open and log in", ms(start), "ms");
    let start = Instant::now();
    let template = attrs![CKA_LABEL => label(objects / 8 * 4).as_str()];
    assert_eq!(find(&session, &template).len(), 1);
    row("the first find after that", ms(start) * 1e3, "µs");
}

fn find_one(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let each = |name: &str, kind: u64, template: fn(u64) -> Vec<RawAttribute>| {
        for pass in ["first time", "again"] {
            let mut times = Vec::new();
            for number in some(objects, kind) {
                let template = template(number);
                let start = Instant::now();
                assert_eq!(find(&session, &template).len(), 1);
                times.push(ms(start) * 1e3);
            }
            row(&format!("find by {name}, {pass}"), median(times), "µs");
        }
    };
    each(
        "label",
        0,
        |number| attrs![CKA_LABEL => label(number).as_str()],
    );
    each(
        "ID",
        1,
        |number| attrs![CKA_ID => &number.to_be_bytes()[..]],
    );
    each("modulus", 3, modulus);
    each("subject", 2, subject);
}

fn find_all(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    find(&session, &attrs![CKA_LABEL => "none"]);
    let before = memory("VmRSS:");
    let start = Instant::now();
    session.find_init(&[]).unwrap();
    row("find all, C_FindObjectsInit", ms(start) * 1e3, "µs");
    let mut found = 0;
    loop {
        let page = session.find(PAGE).unwrap();
        if page.is_empty() {
            break;
        }
        found += page.len() as u64;
    }
    session.find_final().unwrap();
    assert_eq!(found, objects);
    row(
        "find all, an object",
        ms(start) * 1e3 / objects as f64,
        "µs",
    );
    row(
        "find all, memory",
        (memory("VmRSS:") - before) / 1024.0,
        "MiB",
    );
}

fn first_use(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let before = memory("VmRSS:");
    let keys = secret_keys(&session, SOME as usize);
    let mut out = Vec::new();
    for pass in ["first use of a key", "second use of a key"] {
        let mut times = Vec::with_capacity(keys.len());
        for key in &keys {
            let start = Instant::now();
            use_key(&session, *key);
            times.push(ms(start) * 1e3);
        }
        out.push((pass, median(times)));
    }
    for (pass, time) in out {
        row(pass, time, "µs");
    }
    row(
        "memory after these uses",
        (memory("VmRSS:") - before) / 1024.0,
        "MiB",
    );
    assert!(objects > 0);
}

/// A search by an attribute that the index does not have, which no object matches.
fn find_without_index(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_VALUE_LEN => 16_u64];
    let start = Instant::now();
    assert!(find(&session, &template).is_empty());
    let candidates = (objects / 2) as f64;
    row(
        "find without index, a candidate",
        ms(start) * 1e3 / candidates,
        "µs",
    );
}

fn find_in_sessions(folder: &Path, _: u64) {
    let module = open(folder);
    let session = log_in(&module);
    for number in 0..SESSION_OBJECTS {
        let label = format!("session object {number}");
        let template =
            attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => false, CKA_LABEL => label.as_str()];
        session.create_object(&template).unwrap();
    }
    let template = attrs![CKA_TOKEN => false, CKA_LABEL => "session object 77"];
    find(&session, &template);
    let start = Instant::now();
    for _ in 0..SOME {
        assert_eq!(find(&session, &template).len(), 1);
    }
    let mean = ms(start) * 1e3 / SOME as f64;
    row("find one of 10000 session objects", mean, "µs");
}

fn secret_keys(session: &Session, most: usize) -> Vec<Handle> {
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY];
    session.find_init(&template).unwrap();
    let keys = session.find(most).unwrap();
    session.find_final().unwrap();
    keys
}

fn use_key(session: &Session, key: Handle) {
    session.encrypt_init(plain(ck::CKM_AES_ECB), key).unwrap();
    session.cancel(ck::CKF_ENCRYPT);
}

fn use_in_turn(folder: &Path, _: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let keys = secret_keys(&session, KEYS_IN_TURN);
    let all = || keys.iter().for_each(|key| use_key(&session, *key));
    all();
    let start = Instant::now();
    all();
    let mean = ms(start) * 1e3 / keys.len() as f64;
    row("use of up to 4200 keys in turn", mean, "µs");
}

/// A key that nobody changes is used while another process makes and destroys other objects.
fn use_beside_a_writer(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let key = secret_keys(&session, 1)[0];
    let mut writer = child(WRITER, folder, objects)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The writer says by a line that it is logged in.
    let mut line = String::new();
    BufReader::new(writer.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (begun, mut times) = (Instant::now(), Vec::new());
    while writer.try_wait().unwrap().is_none() {
        for _ in 0..PAGE {
            let start = Instant::now();
            use_key(&session, key);
            times.push(ms(start) * 1e3);
        }
    }
    let rate = CHANGES as f64 / begun.elapsed().as_secs_f64();
    row("changes of another process, a second", rate, "");
    times.sort_unstable_by(f64::total_cmp);
    row("use beside these, p50", times[times.len() / 2], "µs");
    row("use beside these, p99", times[times.len() / 100 * 99], "µs");
}

/// The other process of `use_beside_a_writer`.
fn write(folder: &Path, _: u64) {
    let module = open(folder);
    let session = log_in(&module);
    println!("logged in");
    let template = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "passing"];
    for _ in 0..CHANGES / 2 {
        let object = session.create_object(&template).unwrap();
        std::thread::sleep(BETWEEN);
        session.destroy_object(object).unwrap();
        std::thread::sleep(BETWEEN);
    }
}

/// What `tenon objects list` does: three attributes of every object, none of which is kept.
fn list(folder: &Path, objects: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let start = Instant::now();
    session.find_init(&[]).unwrap();
    loop {
        let page = session.find(PAGE).unwrap();
        for handle in &page {
            let kinds = [ck::CKA_CLASS, ck::CKA_LABEL, ck::CKA_ID];
            session.attributes(*handle, &kinds).unwrap();
        }
        if page.is_empty() {
            break;
        }
    }
    row("list objects, each", ms(start) * 1e3 / objects as f64, "µs");
    row(
        "list objects, most memory",
        memory("VmHWM:") / 1024.0,
        "MiB",
    );
}

fn audit(folder: &Path, _: u64) {
    let module = open(folder);
    let session = log_in(&module);
    let token = module.token(SLOT).unwrap();
    let start = Instant::now();
    token.verify_audit().unwrap();
    row("verify the audit record", ms(start) / 1e3, "s");
    row("the same, most memory", memory("VmHWM:") / 1024.0, "MiB");
    let start = Instant::now();
    let mut next = 1;
    loop {
        let page = token.audit(next, PAGE).unwrap();
        let Some((last, _)) = page.last() else {
            break;
        };
        next = last + 1;
    }
    row("read the audit record", ms(start) / 1e3, "s");
    session.logout().unwrap();
}

fn backup(folder: &Path, _: u64) {
    let module = open(folder);
    let token = module.token(SLOT).unwrap();
    let target = folder.join("backup.tenon");
    let start = Instant::now();
    let copy = token.back_up(&target, Box::new(|_, _| ())).unwrap();
    copy.publish(false).unwrap();
    row("back up", ms(start) / 1e3, "s");
    fs::remove_file(target).unwrap();
}
