//! Files that a command reads whole, and new ones that it writes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::store;
use zeroize::Zeroizing;

use crate::Result;
use crate::output::{Format, hex};

/// Most bytes of a file that a command reads: keys, certificates and blobs are far shorter, and a
/// device that never ends must not fill the memory.
const LARGEST: u64 = 1 << 20;

/// The bytes of `file`, at most 1 MiB; `-` is standard input.
pub(crate) fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let content = if file == Path::new("-") {
        read_limited(io::stdin().lock(), LARGEST)
    } else {
        File::open(file).and_then(|file| read_limited(file, LARGEST))
    };
    content.map_err(|error| format!("cannot read {}: {error}", file.display()).into())
}

/// Everything of `source`, which has at most `most` bytes, in memory that is wiped.
pub(crate) fn read_limited(source: impl Read, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // A buffer that grows leaves copies of its content behind.
    let room = usize::try_from(most + 1).map_err(io::Error::other)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    source.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() == room {
        return Err(io::Error::other(format!(
            "it has more than {most} bytes, which is more than such a file can have"
        )));
    }
    Ok(bytes)
}

/// Refuses to make a file that would count as one of a token.
pub(crate) fn check_place(file: &Path) -> Result<()> {
    // Settings that cannot be read name no tokens, and whoever wraps keys elsewhere needs none.
    let Ok(config) = Config::load() else {
        return Ok(());
    };
    if !store::catalog(&config).is_place_of_token(file) {
        return Ok(());
    }
    Err(format!(
        "{} would count as a file of a token: choose another folder",
        file.display()
    )
    .into())
}

/// Refuses a file that `write_new` could not make, before a command changes anything for which it would be missed.
pub(crate) fn check_new(file: &Path) -> Result<()> {
    if file.exists() {
        return Err(format!("{} is there already", file.display()).into());
    }
    check_place(file)
}

/// Makes `file`, which must not be there yet, and is no place of a token.
pub(crate) fn write_new(file: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(file, bytes, 0o666)
}

/// As `write_new`, with a file that nobody else may read.
pub(crate) fn write_private(file: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(file, bytes, 0o600)
}

/// Puts these bytes in the place of `file`: they are written beside it, and renamed, so that no reader finds half of
/// them.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    check_place(file)?;
    let mut new = file.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    write_new(&new, bytes)?;
    fs::rename(&new, file)
        .map_err(|error| format!("cannot make {}: {error}", file.display()).into())
}

fn write_with_mode(file: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    check_place(file)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| format!("cannot make {}: {error}", file.display()).into())
}

/// Writes to `file`, which must be new, or to standard output without one.
pub(crate) fn write(file: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let Some(file) = file else {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        return Ok(out.flush()?);
    };
    write_new(file, bytes)
}

/// Writes `bytes` to a file, and then says what was done; without a file `bytes` are all that standard output gets, unless
/// a program reads the answer.
pub(crate) fn deliver(
    bytes: Option<&[u8]>,
    output: Option<&Path>,
    format: &Format,
    answer: &Value,
    said: &[String],
) -> Result<()> {
    match (bytes, output) {
        (Some(bytes), Some(file)) => write_new(file, bytes)?,
        (Some(bytes), None) if !format.is_json() => {
            said.iter().for_each(|line| eprintln!("{line}"));
            return write(None, bytes);
        }
        (Some(_) | None, _) => {}
    }
    format.print(answer, |out| {
        said.iter().try_for_each(|line| writeln!(out, "{line}"))
    })
}

/// SHA-256 of what is in `file`, of any length, in hexadecimal digits.
pub(crate) fn sha256(file: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let copied =
        File::open(file).and_then(|mut file| io::copy(&mut file, &mut HashWriter(&mut hash)));
    copied.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(hex(&hash.finalize()))
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
