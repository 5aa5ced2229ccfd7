//! The rules see what they forbid, and let pass what they do not.

use super::rules::{Sources, violations};

/// Sources of these files; `lib.rs` declares their rooms.
pub(super) fn sources(files: &[(&str, &str)]) -> Sources {
    let mut sources: Sources = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let rooms = files.iter().filter_map(|(path, _)| {
        let (room, rest) = path.split_once(['/', '.'])?;
        let own = rest == "rs" || rest == "mod.rs";
        (own && room != "lib").then(|| format!("mod {room};\n"))
    });
    let lib = rooms.collect();
    sources.entry("lib.rs".into()).or_insert(lib);
    sources
        .entry("cli/src/main.rs".into())
        .or_insert_with(|| "fn main() {}".into());
    sources
}

#[track_caller]
fn refused(files: &[(&str, &str)], what: &str) {
    let found = violations(&sources(files));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(what), "{found:?}");
}

#[track_caller]
fn allowed(files: &[(&str, &str)]) {
    assert_eq!(violations(&sources(files)), Vec::<String>::new());
}

#[test]
fn arrows_that_point_up_or_sideways_are_seen() {
    refused(
        &[("store.rs", "use crate::token::Token;")],
        "src/store.rs:1: `store` must not use `token`",
    );
    refused(
        &[
            ("attr/mod.rs", "mod row;"),
            ("attr/row.rs", "\nfn f() { crate::byok::state() }"),
        ],
        "src/attr/row.rs:2",
    );
    refused(
        &[("byok.rs", "use crate::{ck, policy::decide};")],
        "`byok` must not use `policy`",
    );
    refused(
        &[("crypto.rs", "use super::mechanism;")],
        "`crypto` must not use `mechanism`",
    );
    refused(
        &[("store.rs", "mod inner { use super::super::crypto::seal; }")],
        "must not use `crypto`",
    );
    refused(
        &[("error.rs", "use crate::store::Error;")],
        "`error` must not use `store`",
    );
    refused(
        &[("secret.rs", "use crate::log;")],
        "`secret` must not use `log`",
    );
    refused(
        &[("token.rs", "use crate::rv;")],
        "`token` must not use `rv`",
    );
    refused(
        &[(
            "abi.rs",
            "macro_rules! m { () => { $crate::store::open() } }",
        )],
        "`abi` must not use `store`",
    );
    refused(
        &[("cloud.rs", "use crate::ck;")],
        "the room `cloud` is in no layer",
    );
}

#[test]
fn arrows_that_point_down_pass() {
    allowed(&[
        (
            "abi/mod.rs",
            "mod door; use crate::module::Module; use self::door::x; use super::ck;",
        ),
        (
            "abi/door.rs",
            "use super::args::Out; use crate::error::Result; use crate::abi::calls;",
        ),
        ("policy.rs", "use crate::{byok, clock::UnixTime};"),
        ("rv.rs", "use crate::{byok, crypto, store, error::Error};"),
        ("log.rs", "use crate::config::LogLevel;"),
        (
            "store.rs",
            "//! Not `crate::token`.\n/// crate::token\nconst S: &str = \"crate::token\";",
        ),
    ]);
}

#[test]
fn code_of_tests_may_look_anywhere() {
    allowed(&[
        (
            "attr/mod.rs",
            "#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path = \"fakes/a.rs\"]\nmod b;",
        ),
        (
            "attr/tests.rs",
            "use crate::token::Token; fn f() { std::thread::spawn(g); println!(); }",
        ),
        ("attr/fakes/a.rs", "use crate::store::Store;"),
        (
            "crypto.rs",
            "#[cfg(test)] mod tests { use super::*; use crate::mechanism::find; }",
        ),
    ]);
    refused(
        &[("attr.rs", "#[cfg(test)] mod tests {}\nuse crate::token;")],
        "src/attr.rs:2",
    );
    refused(
        &[(
            "attr.rs",
            "#[cfg(not(test))] mod real { use crate::token; }",
        )],
        "`token`",
    );
}

#[test]
fn misplaced_unsafe_is_seen_even_in_tests() {
    refused(
        &[("token.rs", "fn f() { unsafe { g() } }")],
        "`unsafe` outside",
    );
    refused(
        &[(
            "store.rs",
            "#[cfg(test)] mod tests { unsafe impl Send for A {} }",
        )],
        "`unsafe` outside",
    );
    allowed(&[
        ("abi/mod.rs", "mod args; fn f() { unsafe { g() } }"),
        ("abi/args.rs", "fn f() { unsafe { g() } }"),
        ("secret.rs", "unsafe impl Send for A {}"),
    ]);
}

#[test]
fn long_and_stray_files_are_seen() {
    let long = "\n".repeat(601);
    refused(&[("ck.rs", &long)], "601 lines");
    allowed(&[("ck.rs", &long[1..])]);
    refused(
        &[("ck.rs", ""), ("store/old.rs", "")],
        "src/store/old.rs: belongs to no module",
    );
}

#[test]
fn clocks_prints_threads_and_handlers_are_seen() {
    for (text, what) in [
        (
            "use std::time::SystemTime; fn f() { SystemTime::now(); }",
            "SystemTime::now outside",
        ),
        (
            "fn f() { std::time::Instant::now(); }",
            "Instant::now outside",
        ),
        ("fn f() { println!(\"{}\", 1); }", "println! in the library"),
        ("fn f() { dbg!(1); }", "dbg! in the library"),
        (
            "fn f() { std::thread::spawn(g); }",
            "thread::spawn in the library",
        ),
        (
            "fn f() { thread::Builder::new(); }",
            "thread::Builder in the library",
        ),
        ("fn f() { libc::atexit(g); }", "atexit in the library"),
        (
            "fn f() { libc::pthread_atfork(a, b, c); }",
            "pthread_atfork in the library",
        ),
        (
            "fn f() { libc::sigaction(1, g, h); }",
            "sigaction in the library",
        ),
        (
            "fn f() { libc::signal(1, g); }",
            "libc::signal in the library",
        ),
    ] {
        refused(&[("store.rs", text)], what);
    }
    allowed(&[
        ("clock.rs", "fn now() { std::time::SystemTime::now(); }"),
        (
            "store.rs",
            "fn f() { std::thread::sleep(d); println(); Clock::now(); }",
        ),
        (
            "cli/src/main.rs",
            "fn main() { println!(); std::thread::spawn(f); }",
        ),
    ]);
}

#[test]
fn once_cell_belongs_in_one_file() {
    let lazy = "use once_cell::sync::Lazy; fn f() { once_cell::sync::Lazy::new(g); }";
    allowed(&[("store.rs", lazy)]);
    refused(
        &[("store.rs", lazy), ("attr.rs", lazy)],
        "once_cell in more than one place",
    );
}
