//! The rules for files within a room see circles and arrows that point up, and nothing else.

use super::layers;
use super::rules::{Sources, arrows};
use super::self_test::sources;

fn violations(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Sources = sources(files);
    layers::violations(&arrows(&sources))
}

#[track_caller]
fn refused(files: &[(&str, &str)], what: &str) {
    let found = violations(files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(what), "{found:?}");
}

#[track_caller]
fn allowed(files: &[(&str, &str)]) {
    assert_eq!(violations(files), Vec::<String>::new());
}

#[test]
fn circles_are_seen_however_a_file_is_named() {
    for (one, other) in [
        (
            "use super::b::B; pub struct A;",
            "use super::a::A; pub struct B;",
        ),
        (
            "pub struct A; fn f() { super::b::f() }",
            "pub fn f() { crate::store::a::f() }",
        ),
        (
            "use super::b; pub fn f() { b::f() }",
            "use super::{a as other}; pub fn f() { other::f() }",
        ),
        (
            "use super::b::*; pub struct A; fn f() -> B {}",
            "use super::A; pub struct B;",
        ),
        (
            "use crate::store::{b::{self, B}}; pub struct A;",
            "pub struct B; fn f() { super::super::store::a::A::new() }",
        ),
    ] {
        let files = [
            ("store/mod.rs", "mod a; mod b; pub(super) use a::A;"),
            ("store/a.rs", one),
            ("store/b.rs", other),
        ];
        refused(
            &files,
            "a circle of files: src/store/a.rs:1 → src/store/b.rs:1 → src/store/a.rs",
        );
    }
    refused(
        &[
            ("attr/mod.rs", "mod a; mod b; mod c;"),
            ("attr/a.rs", "use super::b::B; pub struct A;"),
            ("attr/b.rs", "use super::c::C; pub struct B;"),
            ("attr/c.rs", "\nuse super::a::A; pub struct C;"),
        ],
        "src/attr/a.rs:1 → src/attr/b.rs:1 → src/attr/c.rs:2 → src/attr/a.rs",
    );
}

#[test]
fn a_parent_that_uses_its_children_must_not_be_used_by_them() {
    let child = ("attr/a.rs", "use super::P; pub struct A;");
    refused(
        &[("attr/mod.rs", "mod a; use a::A; pub struct P;"), child],
        "src/attr/a.rs:1 → src/attr/mod.rs:1 → src/attr/a.rs",
    );
    refused(
        &[
            ("attr/mod.rs", "mod a; pub struct P; fn f() { a::f() }"),
            child,
        ],
        "src/attr/a.rs:1 → src/attr/mod.rs:1",
    );
    allowed(&[("attr/mod.rs", "mod a; pub struct P;"), child]);
    allowed(&[("attr/mod.rs", "mod a; pub use a::A; pub struct P;"), child]);
    allowed(&[
        (
            "attr/mod.rs",
            "mod a; mod b; pub(crate) use self::a::A; pub use b::{B, C};",
        ),
        ("attr/a.rs", "use super::B; pub struct A;"),
        ("attr/b.rs", "pub struct B; pub struct C;"),
    ]);
}

#[test]
fn methods_of_one_type_in_several_files_make_arrows() {
    let files = |one, other| {
        [
            ("session/mod.rs", "mod a; mod b; pub struct T;"),
            ("session/a.rs", one),
            ("session/b.rs", other),
        ]
    };
    refused(
        &files(
            "use super::T; impl T { fn a(&self) { self.b() } }",
            "use super::T; impl T { fn b(&self) { Self::a(self) } }",
        ),
        "src/session/a.rs:1 → src/session/b.rs:1",
    );
    refused(
        &files(
            "use super::T; impl T { fn a(&self) { if x { self.b() } } }",
            "use super::T; impl std::fmt::Debug for T { fn b(&self) {} } impl<'a> T { fn b(&self) { T::a(self) } }",
        ),
        "src/session/a.rs:1 → src/session/b.rs:1",
    );
    allowed(&files(
        "use super::T; impl T { fn a(&self) { self.b() } }",
        "use super::T; impl T { fn b(&self) { self.inner.a(); self.a; other.a() } }",
    ));
}

#[test]
fn arrows_between_the_folders_of_a_room_point_down() {
    let files = |record, external, call| {
        [
            ("token/mod.rs", "mod record; mod external; mod unwrap;"),
            ("token/record/mod.rs", "pub(in crate::token) mod vault;"),
            ("token/record/vault.rs", record),
            ("token/external/mod.rs", "pub(super) use job::Job; mod job;"),
            ("token/external/job.rs", external),
            ("token/unwrap.rs", call),
        ]
    };
    let (vault, job) = (
        "pub struct V;",
        "use crate::token::record::vault::V; pub struct Job;",
    );
    let call = "use super::external::Job; use super::record::vault::V; pub fn open() {}";
    allowed(&files(vault, job, call));
    refused(
        &files(
            "\npub struct V; fn f() { super::super::external::Job::new() }",
            "pub struct Job;",
            "",
        ),
        "src/token/record/vault.rs:2: the layer of `token/external/job.rs` is above this one",
    );
    refused(
        &files(
            vault,
            "pub struct Job; use super::super::unwrap::open;",
            "pub fn open() {}",
        ),
        "src/token/external/job.rs:1: the layer of `token/unwrap.rs` is above this one",
    );
}

#[test]
fn tests_comments_and_other_crates_make_no_arrows() {
    allowed(&[
        ("attr/mod.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        (
            "attr/a.rs",
            "use super::b::B; use std::fmt; pub struct A; fn f() { fmt::write(); b::c::d() }",
        ),
        (
            "attr/b.rs",
            "//! super::a::A\npub struct B; #[cfg(test)] mod tests { use super::super::a::A; } #[cfg(test)] fn f() { super::a::f() }",
        ),
        ("attr/tests.rs", "use super::a::A; use super::b::B;"),
    ]);
}
