//! Objects: made, read, found, changed, copied, destroyed, and kept.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]
#![allow(clippy::useless_vec, reason = "templates are all of one type")]

mod common;

mod objects {
    mod certificates;
    mod change;
    mod create;
    mod damage;
    mod facts;
    mod find;
    mod key_types;
    mod points;
    mod provided;
    mod read;
    mod visibility;
    mod wrap;
}
