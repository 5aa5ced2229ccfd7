//! Every mechanism that the token offers, in every use that it has.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]
#![allow(clippy::useless_vec, reason = "templates are all of one type")]

mod common;

mod mechanisms {
    mod agreement;
    mod cases;
    mod ciphers;
    mod derivations;
    mod digests;
    mod encapsulation;
    mod generation;
    mod mldsa;
    mod public_keys;
    mod refusals;
    mod signatures;
    mod sm;
    mod wraps;
}
