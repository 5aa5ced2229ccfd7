//! Slots, sessions, logins and PINs.

mod common;

mod sessions {
    mod lifetime;
    mod login;
    mod pins;
    mod processes;
    mod read_only;
    mod retries;
    mod slots;
}
