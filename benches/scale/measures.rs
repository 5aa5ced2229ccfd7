//! The measures. Each runs in a process of its own and prints rows: name, tab, value.

use std::fs;
use std::path::Path;
use std::time::Instant;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, SLOT, attrs};
use crate::fill::{label, log_in, modulus, open, plain, subject};

/// Objects that are found, or used, one by one.
const SOME: u64 = 250;
/// Handles that are asked for at a time, and records of the audit record.
const PAGE: usize = 1000;

type Measure = fn(&Path, u64);

pub(crate) const ALL: &[(&str, Measure)] = &[
    ("cold start", cold_start),
    ("find one", find_one),
    ("find all", find_all),
    ("use", first_use),
    ("list", list),
    ("audit", audit),
    ("backup", backup),
];

fn row(name: &str, value: f64, unit: &str) {
    let digits = if value < 10.0 { 2 } else { 0 };
    println!("{name}\t{value:.digits$} {unit}");
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
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
            let start = Instant::now();
            for number in some(objects, kind) {
                assert_eq!(find(&session, &template(number)).len(), 1);
            }
            let mean = ms(start) * 1e3 / SOME as f64;
            row(&format!("find by {name}, {pass}"), mean, "µs");
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
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY])
        .unwrap();
    let keys = session.find(SOME as usize).unwrap();
    session.find_final().unwrap();
    let mut out = Vec::new();
    for pass in ["first use of a key", "second use of a key"] {
        let start = Instant::now();
        for key in &keys {
            session.encrypt_init(plain(ck::CKM_AES_ECB), *key).unwrap();
            session.cancel(ck::CKF_ENCRYPT);
        }
        out.push((pass, ms(start) * 1e3 / keys.len() as f64));
    }
    for (pass, mean) in out {
        row(pass, mean, "µs");
    }
    row(
        "memory after these uses",
        (memory("VmRSS:") - before) / 1024.0,
        "MiB",
    );
    assert!(objects > 0);
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
