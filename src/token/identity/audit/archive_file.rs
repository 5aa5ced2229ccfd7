//! A file of archived records. Its chain continues in the next file or in the token.
//!
//! ```text
//! head   = "TENONAR1" ‖ serial (8) ‖ length (4) ‖ link before the first record, sealed under the master key
//! record = position (8) ‖ length (4) ‖ mac (32) ‖ record
//! ```
//!
//! A file may end within a record, or have records that the token still has, if a process was killed
//! while it appended. The next archiving into that file writes them again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::ck;
use crate::crypto::hash::{Hash, Hasher};
use crate::error::{Error, Result, refuse};
use crate::limit;
use crate::rng::Rng;
use crate::store::{AuditRow, Store};

use super::Entry;
use super::chain::Link;
use crate::token::record::domain::{Domain, Serial};

const MAGIC: &[u8; 8] = b"TENONAR1";
/// The name that is bound to the sealed link in the head.
const LINK: &str = "audit.archive";
const MAC_LEN: usize = 32;
/// The greatest length of a sealed link or a record that is accepted, in bytes.
const MOST: u32 = 64 << 20;

/// The token whose records a file has.
pub(in crate::token) struct Owner<'a> {
    pub(in crate::token) serial: Serial,
    pub(in crate::token) master: &'a Domain,
    /// The token's own store.
    pub(in crate::token) store: &'a Store,
}

impl Owner<'_> {
    /// Opens the file at `path`. The token's own files are refused, since closing one would drop the store's
    /// locks, and so is a place where the archive would be taken for a file of a token. What is not a regular file is refused too: reading a pipe waits for its writer, and a device
    /// keeps no records.
    fn open(&self, path: &Path, options: &OpenOptions) -> Result<File> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(unfit(path, "this is no regular file, and so no archive"));
        }
        let place = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        if place(path).is_some_and(|found| Some(found) == self.store.file().and_then(place)) {
            return Err(unfit(path, "this is the token's own file, and no archive"));
        }
        if self.store.is_place_of_token(path) {
            return Err(Error::new(
                ck::CKR_ACTION_PROHIBITED,
                "a file of this name among those of tokens counts as one of a token: choose another folder",
            )
            .at(path.display().to_string()));
        }
        options
            .open(path)
            .map_err(|error| failed(path, "cannot be opened or made", error))
    }
}

/// An archive that is read from its beginning.
pub(in crate::token) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// Length of the whole records that were read.
    len: u64,
    /// The chain's link after those records.
    pub(in crate::token) link: Link,
}

/// An archive that is appended to, locked against other processes that append.
pub(in crate::token) struct Archive {
    path: PathBuf,
    file: File,
}

impl Reader {
    /// # Errors
    /// CKR_DEVICE_ERROR for a file that cannot be read, or that is no archive of this token.
    pub(in crate::token) fn open(path: &Path, owner: &Owner<'_>) -> Result<Self> {
        let file = owner.open(path, &options())?;
        Self::over(path, file, owner)
    }

    fn over(path: &Path, file: File, owner: &Owner<'_>) -> Result<Self> {
        let mut file = BufReader::new(file);
        let head = head(&mut file).map_err(|error| failed(path, "cannot be read", error))?;
        let Some((serial, sealed)) = head else {
            return Err(unfit(path, "the file is no archive of audit records"));
        };
        if serial != owner.serial {
            return Err(unfit(path, "the file has another token's records"));
        }
        let len = (MAGIC.len() + serial.len() + 4 + sealed.len()) as u64;
        let link = owner.master.open_value(LINK, &sealed)?;
        let link = Link::decode(&link)
            .ok_or_else(|| unfit(path, "the file is no archive of audit records"))?;
        Ok(Self {
            path: path.into(),
            file,
            len,
            link,
        })
    }

    /// The next record, once it is known to be genuine; `None` at the end of the file, and where its last
    /// record is not whole.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR naming a record that was edited, removed or reordered.
    pub(in crate::token) fn next(&mut self) -> Result<Option<(u64, Entry)>> {
        let row = match record(&mut self.file) {
            Ok(row) => row,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(failed(&self.path, "cannot be read", error)),
        };
        let entry = self
            .link
            .step(&row)
            .map_err(|error| error.at(self.path.display().to_string()))?;
        self.len += encoded_len(&row);
        Ok(Some((row.seq, entry)))
    }

    /// Reads up to the record at `position`; false where the file ends before it.
    pub(in crate::token) fn go_to(&mut self, position: u64) -> Result<bool> {
        while self.link.position < position && self.next()?.is_some() {}
        Ok(self.link.position == position)
    }
}

impl Archive {
    /// Opens the file at `path` to append records after `link`, or makes it. Records after `link` in the
    /// file, which the token still has, are cut off.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED for a file that does not go up to `link`, or that another process
    /// appends to; CKR_DEVICE_ERROR.
    pub(in crate::token) fn open(
        path: &Path,
        owner: &Owner<'_>,
        rng: &dyn Rng,
        link: &Link,
    ) -> Result<Self> {
        let mut file = owner.open(path, options().write(true).create(true).truncate(false))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return refuse(
                    ck::CKR_ACTION_PROHIBITED,
                    "another process archives into this file",
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(failed(path, "cannot be locked", error));
            }
        }
        let len = file.metadata().map(|metadata| metadata.len());
        if len.map_err(|error| failed(path, "cannot be read", error))? == 0 {
            let sealed = owner.master.seal_value(rng, LINK, &link.encode())?;
            let head = [
                MAGIC,
                &owner.serial[..],
                &u32::try_from(sealed.len()).unwrap_or(MOST).to_be_bytes(),
                &sealed,
            ];
            lengthen(&mut file, &head.concat())
                .and_then(|()| file.sync_all())
                .and_then(|()| sync_folder(path))
                .map_err(|error| failed(path, "cannot be written", error))?;
        }
        let whole = Self::end(path, &file, owner, link)?;
        file.set_len(whole)
            .and_then(|()| file.seek(SeekFrom::Start(whole)))
            .map_err(|error| failed(path, "cannot be written", error))?;
        Ok(Self {
            path: path.into(),
            file,
        })
    }

    /// Length of the file up to and including the record of `link`.
    fn end(path: &Path, file: &File, owner: &Owner<'_>, link: &Link) -> Result<u64> {
        let again = file
            .try_clone()
            .and_then(|mut again| again.seek(SeekFrom::Start(0)).map(|_| again))
            .map_err(|error| failed(path, "cannot be read", error))?;
        let mut reader = Reader::over(path, again, owner)?;
        if reader.go_to(link.position)? && reader.link == *link {
            return Ok(reader.len);
        }
        Err(Error::new(
            ck::CKR_ACTION_PROHIBITED,
            format!(
                "the file's records end at {}, and those of the token go on behind {}: name the file of the last archiving, or a new one",
                reader.link.position, link.position
            ),
        )
        .at(path.display().to_string()))
    }

    /// Appends records, durably.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(in crate::token) fn append(&mut self, rows: &[AuditRow]) -> Result<()> {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.extend_from_slice(&row.seq.to_be_bytes());
            let len = u32::try_from(row.record.len()).unwrap_or(MOST);
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(&row.mac);
            bytes.extend_from_slice(&row.record);
        }
        lengthen(&mut self.file, &bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| failed(&self.path, "cannot be written", error))
    }

    /// SHA-256 of the file.
    pub(in crate::token) fn digest(&mut self) -> Result<[u8; 32]> {
        let mut hasher = Hasher::new(Hash::Sha256);
        let mut buffer = vec![0; 1 << 16];
        let mut read = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            loop {
                let len = self.file.read(&mut buffer)?;
                if len == 0 {
                    return Ok(());
                }
                hasher.update(&buffer[..len]);
            }
        };
        read().map_err(|error| failed(&self.path, "cannot be read", error))?;
        let digest = hasher.finish();
        digest
            .try_into()
            .map_err(|_| Error::new(ck::CKR_GENERAL_ERROR, "SHA-256 has 32 bytes"))
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options
}

/// Writes at the present position, which is the end of the file.
fn lengthen(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    limit::check_file_length(file.stream_position()? + bytes.len() as u64)?;
    file.write_all(bytes)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Serial number and sealed link; `None` for a file that is no archive.
fn head(file: &mut impl Read) -> io::Result<Option<(Serial, Vec<u8>)>> {
    let read = || -> io::Result<_> {
        let magic: [u8; 8] = array(file)?;
        let serial: Serial = array(file)?;
        let len = u32::from_be_bytes(array(file)?);
        if magic != *MAGIC || len > MOST {
            return Ok(None);
        }
        Ok(Some((serial, bytes(file, len)?)))
    };
    let mut read = read;
    match read() {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read,
    }
}

fn record(file: &mut impl Read) -> io::Result<AuditRow> {
    let seq = u64::from_be_bytes(array(file)?);
    let len = u32::from_be_bytes(array(file)?);
    let mac: [u8; MAC_LEN] = array(file)?;
    Ok(AuditRow {
        seq,
        record: bytes(file, len.min(MOST))?,
        mac: mac.to_vec(),
    })
}

fn encoded_len(row: &AuditRow) -> u64 {
    (8 + 4 + row.mac.len() + row.record.len()) as u64
}

fn array<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut out = [0; N];
    file.read_exact(&mut out)?;
    Ok(out)
}

/// Reads `len` bytes. Memory grows with the bytes that are there, and not with a false `len`.
fn bytes(file: &mut impl Read, len: u32) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    file.take(len.into()).read_to_end(&mut out)?;
    if out.len() as u64 == u64::from(len) {
        return Ok(out);
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

fn unfit(path: &Path, what: &'static str) -> Error {
    Error::new(ck::CKR_DEVICE_ERROR, what).at(path.display().to_string())
}

fn failed(path: &Path, what: &str, error: io::Error) -> Error {
    Error::new(
        ck::CKR_DEVICE_ERROR,
        format!("the archive of audit records {what}"),
    )
    .at(path.display().to_string())
    .because(error)
}
