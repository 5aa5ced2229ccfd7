//! `tenon random`: bytes of the generator that makes the keys.

use std::io::{self, Write};

use base64ct::{Base64, Encoding};
use clap::Args;
use tenon_pkcs11::api::crypto::rand;
use zeroize::Zeroizing;

use crate::Result;
use crate::number::whole;
use crate::output::hex;

/// Bytes that are printed at most at a time: 1 MiB.
const MOST: u32 = 1 << 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// How many bytes, 1 to 1048576
    #[arg(value_parser = whole::<u32>(1..=MOST.into()))]
    count: u32,
    /// As hexadecimal digits (the default)
    #[arg(long, group = "encoding")]
    hex: bool,
    /// As Base64
    #[arg(long, group = "encoding")]
    base64: bool,
    /// As they are
    #[arg(long, group = "encoding")]
    raw: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(arguments.count)?]);
    rand::fill(&mut bytes);
    let mut out = io::stdout().lock();
    if arguments.raw {
        out.write_all(&bytes)?;
    } else if arguments.base64 {
        writeln!(out, "{}", *Zeroizing::new(Base64::encode_string(&bytes)))?;
    } else {
        writeln!(out, "{}", *Zeroizing::new(hex(&bytes)))?;
    }
    Ok(out.flush()?)
}
