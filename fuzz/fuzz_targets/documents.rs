//! What is read of files and of the owner's documents: the first byte says by which reader.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_pkcs11::api::{byok, clock, crypto, keytype};

fuzz_target!(|data: &[u8]| {
    let Some((reader, text)) = data.split_first() else {
        return;
    };
    match reader % 4 {
        0 => drop(keytype::from_spki(text)),
        1 => drop(byok::parse_tags(text)),
        2 => drop(crypto::encoding::octet_string(text)),
        _ => {
            let seconds = text
                .first_chunk()
                .map_or(0, |bytes| u64::from_be_bytes(*bytes));
            drop(clock::utc(seconds));
        }
    }
});
