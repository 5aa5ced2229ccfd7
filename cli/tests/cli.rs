//! The command line, as a user runs it: the built program, in a folder of its own for each test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

#[path = "../../tests/common/database.rs"]
#[expect(dead_code, reason = "for tests that have a configuration")]
mod database;

mod cli {
    mod anchor;
    mod audit;
    mod backup;
    mod byok;
    mod clients;
    mod clock;
    mod common;
    mod config;
    mod doctor;
    mod group;
    mod import;
    mod json;
    mod keyfiles;
    mod kryoptic;
    mod limits;
    mod making;
    mod manual;
    mod metrics;
    mod migrate;
    mod module;
    mod moving;
    mod objects;
    mod pins;
    mod places;
    mod read_only;
    mod removal;
    mod softhsm;
    mod store;
    mod tables;
    mod terminal;
    mod tokens;
    mod unreadable;
    mod x509;
}
