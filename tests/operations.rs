//! When an operation begins, goes on and ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]
#![allow(clippy::useless_vec, reason = "templates are all of one type")]

mod common;

mod operations {
    mod authentication;
    mod dates;
    mod endings;
    mod ends;
    mod find;
    mod phases;
    mod rests;
}
