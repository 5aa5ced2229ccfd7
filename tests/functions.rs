//! Functions of 3.0 and 3.2, and the ends of operations, through the C functions of the built library.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod client;

/// Calls a function of the newest table on the session.
macro_rules! call {
    ($hsm:expr, $name:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: pointers live through the call, and lengths are theirs or those that a test tries.
        unsafe { $hsm.table.$name.unwrap()($hsm.session, $($argument),*) }
    };
}

mod functions {
    mod endings;
    pub(super) mod hsm;
    mod messages;
    mod recover;
    mod verify_signature;
}
