//! The C functions of the built library: the function tables, what the state of the process does to calls,
//! how pointers and lengths are taken, the functions of 3.0 and 3.2, and the ends of operations.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod client;

#[path = "../src/crypto/vectors.rs"]
#[allow(dead_code, reason = "each program uses its own part")]
mod vectors;

/// Calls a function of the newest table on the session.
macro_rules! call {
    ($hsm:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: pointers live through the call, and lengths are theirs or those that a test tries.
        unsafe { $hsm.table.$name.unwrap()($hsm.session, $($argument),*) }
    };
}

/// Calls a function of the table that takes no session, or another one.
macro_rules! function {
    ($table:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: as above.
        unsafe { $table.$name.unwrap()($($argument),*) }
    };
}

mod functions {
    mod arguments;
    mod attributes;
    mod authenticated_wraps;
    mod buffers;
    mod compare;
    mod dh;
    mod dsa;
    mod encapsulation;
    mod endings;
    mod hotp;
    pub(super) mod hsm;
    mod kbkdf;
    mod last_error;
    mod message_signatures;
    mod messages;
    mod old;
    mod operation_state;
    mod process;
    mod profiles;
    mod recover;
    mod steps;
    mod sweep;
    mod tables;
    mod tls;
    mod trace;
    mod vectors;
    mod verify_signature;
    mod zeros;
}
