//! A client of the C functions that does what the bytes tell it: `tests/fuzz/calls.rs`.

#![no_main]
#![allow(clippy::unwrap_used)]

#[path = "../../tests/fuzz/calls.rs"]
mod calls;
#[path = "../../tests/fuzz/choices.rs"]
mod choices;

use std::cell::RefCell;

use calls::Client;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static CLIENT: RefCell<Client> = RefCell::new(start());
}

fn start() -> Client {
    let folder = tempfile::tempdir().unwrap().keep();
    // SAFETY: libFuzzer has one thread, and this is the first that it runs of the library.
    unsafe {
        std::env::set_var("TENON_DIRECTORIES_TOKENDIR", folder);
        std::env::set_var("SOFTHSM2_CONF", "/dev/null");
        std::env::set_var("TENON_LOG_TARGET", "off");
    }
    Client::start()
}

fuzz_target!(|data: &[u8]| CLIENT.with_borrow_mut(|client| client.obey(data)));
