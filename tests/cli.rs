//! The command line, as a user runs it: the built program, in a folder of its own for each test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod cli {
    mod anchor;
    mod audit;
    mod byok;
    mod clock;
    mod common;
    mod config;
    mod doctor;
    mod import;
    mod objects;
    mod pins;
    mod terminal;
    mod tokens;
}
