//! The file of `store.key_file`: numbered keys of 32 bytes, a line each (`NUMBER HEX`), the newest last.
//!
//! Readers take no lock: the file is replaced whole. Whoever changes it holds a lock of its folder, so that two
//! rotations wait for each other. A key is destroyed by a new file without it; then the bytes of the old file are
//! overwritten. Copy-on-write filesystems, snapshots and spare blocks of flash may keep them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use crate::ck;
use crate::error::{Error, Result};
use crate::rng::{self, Rng};
use crate::secret::{Secret, read_beginning};

use super::domain::KEY_LEN;

/// The keys by their numbers.
pub(super) type Keys = BTreeMap<u64, Arc<Secret>>;

/// The greatest length of the file, in bytes: some 900 keys.
const LONGEST: usize = 64 << 10;

const HEAD: &str = "# Numbered keys of Tenon (store.key_file). Without the newest one the tokens' keys cannot be used.\n\
     # Keep a copy apart from the copies of the tokens, and destroy it after `tenon store rotate`.\n";

/// The keys in the file at `path`.
///
/// # Errors
/// CKR_DEVICE_ERROR where it cannot be read, or is no such file.
pub(super) fn read(path: &Path) -> Result<Keys> {
    let look = || read_beginning(path, LONGEST).map(|bytes| parse(&bytes));
    let failed = |error| failed("cannot be read", path, error);
    // The first file may have been replaced and overwritten between its opening and its reading.
    let found = match look().map_err(failed)? {
        None => look().map_err(failed)?,
        found => found,
    };
    found.ok_or_else(|| damaged(path))
}

/// `None` for what is no file of numbered keys.
fn parse(bytes: &[u8]) -> Option<Keys> {
    if bytes.len() > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut keys = Keys::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (number, digits) = line.split_once(' ')?;
        let number = number.parse().ok().filter(|number| *number > 0)?;
        if keys
            .insert(number, Arc::new(unhex(digits.trim())?))
            .is_some()
        {
            return None;
        }
    }
    (!keys.is_empty()).then_some(keys)
}

fn unhex(digits: &str) -> Option<Secret> {
    if digits.len() != 2 * KEY_LEN || !digits.is_ascii() {
        return None;
    }
    let mut key = Secret::zeroed(KEY_LEN);
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

/// The file, while no other process changes it.
pub struct KeyFile {
    path: PathBuf,
    /// The folder, locked.
    folder: File,
    /// Empty where there is no file yet.
    keys: Keys,
}

impl KeyFile {
    /// The file at `path`, or the place of one that is missing; links are followed. Waits for other processes
    /// that change it.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where the folder or the file cannot be read, or the file is none of numbered keys.
    pub fn lock(path: &Path) -> Result<Self> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let at = |error| failed("is in a folder that cannot be used", &path, error);
        let folder = File::open(path.parent().unwrap_or(Path::new("/"))).map_err(at)?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| at(error.into()))?;
        let keys = match read_beginning(&path, LONGEST) {
            Ok(bytes) => parse(&bytes).ok_or_else(|| damaged(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Keys::new(),
            Err(error) => return Err(failed("cannot be read", &path, error)),
        };
        Ok(Self { path, folder, keys })
    }

    /// Whether there is no file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys the file has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The number of the newest key; 0 where there is no file.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.keys.last_key_value().map_or(0, |(number, _)| *number)
    }

    /// Adds a random key, durably, and returns its number. A missing file is made with mode 0600; another keeps its
    /// owner and mode.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR; the file is as before then.
    pub fn add(&mut self, rng: &dyn Rng) -> Result<u64> {
        let number = self.newest() + 1;
        let mut keys = self.keys.clone();
        keys.insert(number, Arc::new(rng::secret(rng, KEY_LEN)));
        self.write(&keys)?;
        self.keys = keys;
        Ok(number)
    }

    /// Destroys all keys but the newest, durably, and overwrites the file in which they were. Returns how many.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn destroy_older(&mut self) -> Result<usize> {
        let newest = self.keys.last_key_value();
        let keys: Keys = newest
            .into_iter()
            .map(|(number, key)| (*number, Arc::clone(key)))
            .collect();
        let destroyed = self.keys.len() - keys.len();
        if destroyed > 0 {
            let failed = |error| failed("cannot be written", &self.path, error);
            let mut old = OpenOptions::new()
                .write(true)
                .open(&self.path)
                .map_err(failed)?;
            let length = old.metadata().map_err(failed)?.len();
            self.write(&keys)?;
            io::copy(&mut io::repeat(b'#').take(length), &mut old)
                .and_then(|_| old.sync_all())
                .map_err(failed)?;
            self.keys = keys;
        }
        Ok(destroyed)
    }

    /// Puts a file with `keys` in the place of the one that is there.
    fn write(&self, keys: &Keys) -> Result<()> {
        self.try_to_write(keys)
            .map_err(|error| failed("cannot be written", &self.path, error))
    }

    fn try_to_write(&self, keys: &Keys) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        // One that is there was left by a process that was killed.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(nofollow)
            .open(&new)?;
        if let Ok(old) = fs::metadata(&self.path) {
            let made = file.metadata()?;
            if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
                fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
            file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o660))?;
        }
        file.write_all(&text(keys))?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.folder.sync_all()
    }
}

/// What the file has for these keys.
fn text(keys: &Keys) -> Zeroizing<Vec<u8>> {
    // A buffer that grows leaves copies of its content behind.
    let mut out = Zeroizing::new(Vec::with_capacity(
        HEAD.len() + keys.len() * (2 * KEY_LEN + 24),
    ));
    out.extend_from_slice(HEAD.as_bytes());
    for (number, key) in keys {
        out.extend_from_slice(number.to_string().as_bytes());
        out.push(b' ');
        for byte in key.iter() {
            for digit in [byte >> 4, byte & 15] {
                out.push(b"0123456789abcdef"[usize::from(digit)]);
            }
        }
        out.push(b'\n');
    }
    out
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            ": `tenon init` and `tenon store rotate` make one where no token needs it"
        }
        _ => "",
    };
    Error::new(
        ck::CKR_DEVICE_ERROR,
        format!("the file of `store.key_file` {what}{hint}"),
    )
    .at(path.display().to_string())
    .because(error)
}

fn damaged(path: &Path) -> Error {
    Error::new(
        ck::CKR_DEVICE_ERROR,
        "the file of `store.key_file` is none of numbered keys: lines of a number and 64 hexadecimal digits are expected",
    )
    .at(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn keys_are_added_and_destroyed_and_the_old_bytes_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let mut file = KeyFile::lock(&path).unwrap();
        assert!(file.is_missing());
        assert_eq!(file.add(&SystemRng).unwrap(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let first = read(&path).unwrap();
        assert_eq!(file.add(&SystemRng).unwrap(), 2);
        let both = read(&path).unwrap();
        assert!(both[&1].ct_eq(&first[&1]) && !both[&2].ct_eq(&both[&1]));
        // A second name of the old file shows what becomes of its bytes.
        let old = folder.path().join("old");
        fs::hard_link(&path, &old).unwrap();
        assert_eq!(file.destroy_older().unwrap(), 1);
        assert_eq!(file.destroy_older().unwrap(), 0);
        let left = read(&path).unwrap();
        assert!(left.len() == 1 && left[&2].ct_eq(&both[&2]));
        assert!(fs::read(&old).unwrap().iter().all(|byte| *byte == b'#'));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        drop(file);
        assert_eq!(KeyFile::lock(&path).unwrap().newest(), 2);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file_of_keys_is_refused() {
        let key = "ab".repeat(KEY_LEN);
        assert!(parse(format!("# text\n\n 7 {key} \n").as_bytes()).is_some());
        for text in [
            String::new(),
            "# nothing\n".into(),
            key.clone(),
            format!("0 {key}\n"),
            format!("-1 {key}\n"),
            format!("1 {key}a\n"),
            format!("1 {}\n", "g".repeat(2 * KEY_LEN)),
            format!("1 {key}\n1 {key}\n"),
            format!("1 {key}\n{}", "#".repeat(LONGEST)),
        ] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
