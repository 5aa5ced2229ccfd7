//! The file of the change counter: the number (see `counter`), the count of openings, and the marks of the latest
//! generations (see `recent`), which a file may lack.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::files;
use crate::limit;
use crate::store::error::{Error, Result};

/// Bytes of the numbers at the file's beginning, in the machine's order: the number, and the count of openings.
pub(super) const LEN: usize = 16;
/// Offset of the count of openings.
pub(super) const OPENINGS: u64 = 8;

/// The decoded file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Content {
    pub(super) number: u64,
    pub(super) openings: u64,
}

impl Content {
    /// `None` when the file is too short.
    pub(super) fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; LEN];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let mut numbers = bytes.chunks_exact(8).map(|number| {
            let number: [u8; 8] = number.try_into().unwrap_or_default();
            u64::from_ne_bytes(number)
        });
        let mut next = || numbers.next().unwrap_or_default();
        Some(Self {
            number: next(),
            openings: next(),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [self.number, self.openings]
            .iter()
            .flat_map(|number| number.to_ne_bytes())
            .collect()
    }
}

/// Where the counter of the database at `path` is: `slot-0000.tenon` has `slot-0000.gen`.
pub(super) fn path_of(path: &Path) -> Result<PathBuf> {
    let counter = path.with_extension("gen");
    if counter == path {
        return Err(Error::NotAToken(
            "its name ends in .gen, as change counters do",
        ));
    }
    Ok(counter)
}

/// The file at `path`; `None` when there is none, or it is too short to be one.
pub(super) fn open_file(path: &Path, writable: bool) -> Result<Option<File>> {
    let file = match files::open_regular(path, OpenOptions::new().read(true).write(writable)) {
        Err(Error::NotFound(_)) => return Ok(None),
        opened => opened?,
    };
    let metadata = file.metadata().map_err(|e| Error::io(&e, path))?;
    let whole = metadata.len() >= LEN as u64;
    Ok(whole.then_some(file))
}

/// Stores a number, or both, at `offset`.
pub(super) fn store(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    limit::check_file_length(offset + bytes.len() as u64)?;
    file.write_all_at(bytes, offset)
}

/// Writes a new file. Owner and mode are those of the database, as with SQLite's own files.
pub(super) fn write_like(file: &File, model: &Metadata, content: &Content) -> io::Result<()> {
    store(file, &content.encode(), 0)?;
    files::share_like(file, model)
}
