//! Slots, sessions, logins and PINs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]
#![allow(clippy::useless_vec, reason = "templates are all of one type")]

mod common;

mod sessions {
    mod disturbed;
    mod lifetime;
    mod login;
    mod logins;
    mod pins;
    mod processes;
    mod read_only;
    mod retries;
    mod slots;
}
