//! `tenon store rotate`.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::ck::CK_SLOT_ID;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::token::{KeyFile, Token};

use crate::backup::progress;
use crate::output::Format;
use crate::token::open;
use crate::{Result, numbered_keys};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only add the next key to the file, which is then copied to the other hosts; the same command without this
    /// option goes on, on one host first
    #[arg(long)]
    prepare: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::load()?;
    let Some(path) = &config.store_key_file else {
        return Err("store.key_file is not set: name a file, which this command makes".into());
    };
    let module = open()?;
    let mut file = KeyFile::lock(path)?;
    numbered_keys::check(&file, path, &module)?;
    // Two keys are a rotation that was prepared or cut off.
    let number = match file.count() {
        0 | 1 => file.add(&SystemRng)?,
        _ => file.newest(),
    };
    if arguments.prepare {
        let answer = json!({ "number": number, "prepared": true });
        return arguments.format.print(&answer, |out| {
            writeln!(out, "Key {number} is in {}", path.display())
        });
    }
    let mut resealed = BTreeMap::new();
    // Programs that have read the file before may make keys and tokens meanwhile.
    while reseal_all(&module, number, &mut resealed)? {}
    let destroyed = file.destroy_older()?;
    let tokens = resealed.iter();
    let tokens = tokens.map(|(slot, keys)| json!({ "slot": slot, "keys": keys }));
    let answer = json!({
        "number": number,
        "tokens": tokens.collect::<Vec<_>>(),
        "destroyed": destroyed,
    });
    arguments.format.print(&answer, |out| {
        for (slot, keys) in &resealed {
            writeln!(out, "Slot {slot}: {keys} keys sealed under key {number}")?;
        }
        writeln!(out, "Destroyed in {}: {destroyed}", path.display())
    })
}

/// Seals the keys of every token under key `number`. Whether there was anything to seal, or a new token.
fn reseal_all(
    module: &Module,
    number: u64,
    resealed: &mut BTreeMap<CK_SLOT_ID, u64>,
) -> Result<bool> {
    let mut found = false;
    for (slot, token) in numbered_keys::tokens(module)? {
        let keys = reseal(&token, number)?;
        found |= keys > 0 || !resealed.contains_key(&slot);
        *resealed.entry(slot).or_default() += keys;
    }
    Ok(found)
}

fn reseal(token: &Token, number: u64) -> Result<u64> {
    let all = token.material_count()?;
    let mut shown = progress();
    let sealed = token.reseal(number, |sealed| shown(sealed, all))?;
    if sealed > 0 {
        shown(all, all);
    }
    Ok(sealed)
}
