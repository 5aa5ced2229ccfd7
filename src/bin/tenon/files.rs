//! Files that a command reads whole, and new ones that it writes.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::Result;

/// The bytes of `file`; `-` is standard input.
pub(crate) fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let done = if file == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(file).map(|content| *bytes = content)
    };
    match done {
        Ok(()) => Ok(bytes),
        Err(error) => Err(format!("cannot read {}: {error}", file.display()).into()),
    }
}

/// Makes `file`, which must not be there yet.
pub(crate) fn write_new(file: &Path, bytes: &[u8]) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
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
