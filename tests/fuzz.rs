//! The fuzzers of `fuzz/` for a moment, on bytes of a seed. `TENON_FUZZ` says how many inputs each obeys, `TENON_SEED`
//! (a number) which. `fuzz/run` goes on with coverage and AddressSanitizer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod fuzz {
    pub(crate) mod calls;
    pub(crate) mod choices;
}

use fuzz::calls::Client;

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Bytes that a seed makes (xorshift64*).
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()[0]
        })
        .collect()
}

#[test]
fn no_sequence_of_calls_meets_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    // SAFETY: the only test of this program, before any thread of its own.
    unsafe {
        std::env::set_var("TENON_DIRECTORIES_TOKENDIR", folder.path());
        std::env::set_var("SOFTHSM2_CONF", "/dev/null");
        std::env::set_var("TENON_LOG_TARGET", "off");
    }
    let mut client = Client::start();
    let first = from_env("TENON_SEED", 1);
    for seed in first..first + from_env("TENON_FUZZ", 150) {
        println!("TENON_SEED={seed}");
        client.obey(&bytes(seed, 600));
    }
    let count = client.count;
    println!("{count:?}");
    // A fuzzer whose calls all fail at the first check finds nothing.
    assert!(count.right * 4 > count.calls, "{count:?}");
}
