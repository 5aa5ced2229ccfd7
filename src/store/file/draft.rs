//! Files under a temporary name, and removing those that a process left behind when it was killed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

use super::files::{APPENDED, beside, is_same, open_regular, sync_directory};
use crate::store::error::{Error, Result};

/// A file under a temporary name in the directory of its target, removed if it is not published.
///
/// The target's name appears by a hard link to the finished file. So no process meets half a file
/// there, and this process never closes a descriptor of a published database.
pub(super) struct Draft {
    path: PathBuf,
    /// Locked (flock) as long as the draft is in use, where `kept_beside` made it.
    kept: Option<File>,
}

impl Draft {
    /// An empty file with mode 0600 beside `target`.
    pub(super) fn beside(target: &Path) -> Result<(Self, File)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let mut name = OsString::from(".");
            name.push(target.file_name().unwrap_or_default());
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            name.push(format!(".{}.{number}.new", process::id()));
            let path = target.with_file_name(name);
            let created = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match created {
                Ok(file) => return Ok((Self { path, kept: None }, file)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io(&e, &path)),
            }
        }
    }

    /// As `beside`, and `remove_leftovers` leaves the draft alone as long as it is in use. This descriptor
    /// of the file is open until the draft is dropped: no store of this process may have its target open
    /// before that.
    pub(super) fn kept_beside(target: &Path) -> Result<Self> {
        loop {
            let (mut draft, file) = Self::beside(target)?;
            let io = |e| Error::io(&e, &draft.path);
            flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| io(e.into()))?;
            // It may have been taken for a leftover before it was locked.
            if fs::symlink_metadata(&draft.path).is_ok_and(|there| is_of(&file, &there)) {
                draft.kept = Some(file);
                return Ok(draft);
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file out. No connection may have it open: closing this descriptor would drop its locks.
    pub(super) fn sync(&self) -> Result<()> {
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .map_err(|e| Error::io(&e, &self.path))
    }

    /// Gives the file the name `target`, durably. Refuses to replace what is there.
    pub(super) fn publish(self, target: &Path) -> Result<()> {
        match fs::hard_link(&self.path, target) {
            // Removable media may have a file system without hard links.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::Unsupported
                ) =>
            {
                let rename = renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE);
                rename.map_err(|e| Error::io(&e.into(), target))?;
            }
            linked => linked.map_err(|e| Error::io(&e, target))?,
        }
        drop(self);
        sync_directory(target)
    }

    /// Gives the file the name `target`, in place of what was there.
    pub(super) fn replace(self, target: &Path) -> Result<()> {
        fs::rename(&self.path, target).map_err(|e| Error::io(&e, target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Most of them do not exist; one that cannot be removed holds nothing of a token.
        let _ = fs::remove_file(&self.path);
        for suffix in APPENDED {
            let _ = fs::remove_file(beside(&self.path, suffix));
        }
    }
}

/// Removes the drafts in `folder` that no process keeps, where `is_target` is true of their target's name. The
/// caller makes sure that nobody makes one of these by `Draft::beside` meanwhile.
pub(super) fn remove_leftovers(folder: &Path, is_target: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let draft = draft_of(&name).filter(|(target, _)| is_target(target));
        if draft.is_some_and(|(_, draft)| is_unused(&folder.join(draft))) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether this process can make no file beside `path`.
pub(super) fn is_closed_folder(path: &Path) -> bool {
    let made = Draft::beside(path);
    matches!(made, Err(Error::ReadOnly | Error::PermissionsRefused(_)))
}

/// The target's name and the draft's, where this is the name of a draft or of what SQLite makes beside one.
fn draft_of(name: &OsStr) -> Option<(&str, &str)> {
    let name = name.to_str()?;
    let of = |suffix: &&str| name.strip_suffix(*suffix);
    let draft = APPENDED.iter().find_map(of).unwrap_or(name);
    let numbered = draft.strip_prefix('.')?.strip_suffix(".new")?;
    let mut parts = numbered.rsplitn(3, '.');
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    if !parts.by_ref().take(2).all(is_number) {
        return None;
    }
    Some((parts.next()?, draft))
}

/// Whether no process keeps the draft at `path`.
fn is_unused(path: &Path) -> bool {
    match open_regular(path, OpenOptions::new().read(true)) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok(),
        Err(e) => matches!(e, Error::NotFound(_)),
    }
}

fn is_of(file: &File, there: &fs::Metadata) -> bool {
    file.metadata().is_ok_and(|open| is_same(&open, there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_that_nobody_uses_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let target = at("a.tenon");
        let kept = Draft::kept_beside(&target).unwrap();
        let left = [
            ".a.tenon.1.0.new",
            ".a.tenon.1.0.new-journal",
            ".a.tenon.2.3.new-wal",
        ];
        let others = [
            ".b.tenon.1.0.new",
            "a.tenon",
            ".a.tenon.new",
            ".a.tenon.x.0.new",
            ".a.tenon.1.0.new.txt",
        ];
        for name in left.iter().chain(&others) {
            fs::write(at(name), "").unwrap();
        }
        remove_leftovers(folder.path(), |target| target == "a.tenon");
        assert!(kept.path().exists());
        assert!(left.iter().all(|name| !at(name).exists()));
        assert!(others.iter().all(|name| at(name).exists()));
        drop(kept);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), others.len());
    }
}
