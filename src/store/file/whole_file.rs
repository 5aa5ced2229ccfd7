//! A small file outside the store that is read whole and replaced whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::files;
use super::folder::Umask;
use crate::limit;
use crate::store::error::{Error, Result};

/// The most bytes that are read of a file: many times what Tenon writes into one.
const LARGEST: u64 = 1 << 16;

/// The file at one path, which need not exist yet.
#[derive(Debug)]
pub(crate) struct WholeFile {
    path: PathBuf,
    umask: Umask,
}

impl WholeFile {
    #[must_use]
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(name),
            umask: Umask::OWNER,
        }
    }

    /// The same file, with the rights that `umask` leaves when it is made.
    #[must_use]
    pub(crate) fn shared(self, umask: Umask) -> Self {
        Self { umask, ..self }
    }

    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its content; `None` where the folder has no such file.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there; `Symlink`, `NotAFile`, `PermissionsRefused`, `Io`, also
    /// for a file of more than 64 KiB.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>> {
        let file = match files::open_regular(&self.path, OpenOptions::new().read(true)) {
            Err(Error::NotFound(_)) => return self.folder().map(|_| None),
            opened => opened?,
        };
        let content = read_limited(file).map_err(|e| Error::io(&e, &self.path))?;
        Ok(Some(content))
    }

    /// Replaces its content. After a power loss the file has the old content or the new one; a first
    /// file is there for certain once this returned.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there; `Full`, `ReadOnly`, `PermissionsRefused`, `Io`.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<()> {
        let folder = self.folder()?;
        let replaced = files::regular(&self.path);
        let first = matches!(replaced, Err(Error::NotFound(_)));
        let (draft, mut file) = Draft::beside(&self.path)?;
        let folder_path = self.path.parent().unwrap_or(&self.path);
        self.umask
            .apply(&file, folder_path)
            .map_err(|e| Error::io(&e, draft.path()))?;
        if let Ok(replaced) = &replaced {
            // Whoever could read the old file can read the new one, even where root replaces a service's file.
            let _ = files::share_like(&file, replaced);
        }
        limit::check_file_length(content.len() as u64)
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_data())
            .map_err(|e| Error::io(&e, draft.path()))?;
        draft.replace(&self.path)?;
        if !first {
            return Ok(());
        }
        folder.sync_all().map_err(|e| Error::io(&e, &self.path))
    }

    fn folder(&self) -> Result<File> {
        let folder = self.path.parent().unwrap_or(&self.path);
        File::open(folder).map_err(|e| Error::io(&e, folder))
    }
}

fn read_limited(file: File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let len = file.take(LARGEST + 1).read_to_end(&mut content)?;
    if len as u64 > LARGEST {
        return Err(io::Error::other(format!(
            "it has more than {LARGEST} bytes, which is more than such a file can have"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_huge_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = WholeFile::new(folder.path(), "a");
        for (len, read) in [(LARGEST, true), (LARGEST + 1, false), (1 << 40, false)] {
            File::create(file.path()).unwrap().set_len(len).unwrap();
            assert_eq!(file.read().is_ok(), read, "{len} bytes");
        }
    }

    #[test]
    fn it_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = WholeFile::new(folder.path(), "a");
        assert_eq!(file.read(), Ok(None));
        for content in ["longer", "short"] {
            file.replace(content.as_bytes()).unwrap();
            assert_eq!(file.read(), Ok(Some(content.into())));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("unmounted");
        let file = WholeFile::new(&missing, "a");
        assert_eq!(file.read(), Err(Error::NotFound(missing.clone())));
        assert_eq!(file.replace(b""), Err(Error::NotFound(missing)));
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("a");
        std::os::unix::fs::symlink("b", &link).unwrap();
        let file = WholeFile::new(folder.path(), "a");
        assert_eq!(file.read(), Err(Error::Symlink(link)));
    }
}
