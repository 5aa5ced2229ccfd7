//! The folder of the stores: rights of what is made in it, and one process at a time making stores.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{draft, slot_files};
use crate::store::error::{Error, Result};

/// The bits of a umask that take away the group's rights.
const GROUP: u32 = 0o070;
/// With this bit on a folder, files made in it get the folder's group.
const SETGID: u32 = 0o2000;
/// Pause between two tries to lock the folder.
const PAUSE: Duration = Duration::from_millis(5);

/// The rights that new files and folders do not get, whatever the umask of the process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Umask(pub u32);

impl Umask {
    /// Only the owner may use files and folders.
    pub const OWNER: Self = Self(0o077);

    pub(super) fn file_mode(self) -> u32 {
        0o666 & !self.0
    }

    /// A folder that the group may use has the setgid bit, so that what any member makes in it
    /// belongs to the group.
    fn folder_mode(self) -> u32 {
        let mode = 0o777 & !self.0;
        if self.lets_group_in() {
            return mode | SETGID;
        }
        mode
    }

    pub(super) fn lets_group_in(self) -> bool {
        self.0 & GROUP != GROUP
    }

    /// Gives a new file its mode and, where the group may use it, the group of `folder`.
    pub(super) fn apply(self, file: &File, folder: &Path) -> io::Result<()> {
        file.set_permissions(Permissions::from_mode(self.file_mode()))?;
        if !self.lets_group_in() {
            return Ok(());
        }
        let group = fs::metadata(folder)?.gid();
        if file.metadata()?.gid() != group {
            // A process that is not in that group leaves the file to its own group, as SoftHSM does.
            let _ = fchown(file, None, Some(group));
        }
        Ok(())
    }
}

/// Makes `folder`, and those above it, where they are missing.
pub(super) fn make(folder: &Path, umask: Umask) -> Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make(parent, umask)?;
    }
    let io = |e| Error::io(&e, folder);
    match DirBuilder::new().mode(umask.folder_mode()).create(folder) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        Err(e) => return Err(io(e)),
    }
    // The umask of the process may have taken rights away, and mkdir does not set the setgid bit.
    fs::set_permissions(folder, Permissions::from_mode(umask.folder_mode())).map_err(io)
}

/// As long as this lives, no other process makes stores in the folder.
#[derive(Debug)]
pub(super) struct FolderLock(File);

impl FolderLock {
    /// Makes `folder` where it is missing, waits for another process that makes a store in it, and
    /// removes drafts of processes that died.
    ///
    /// # Errors
    /// `Busy` after `wait`; `ReadOnly`, `PermissionsRefused`, `Io`.
    pub(super) fn take(folder: &Path, umask: Umask, wait: Duration) -> Result<Self> {
        make(folder, umask)?;
        let file = File::open(folder).map_err(|e| Error::io(&e, folder))?;
        let mut waited = Duration::ZERO;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) if waited < wait => {
                    thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(Errno::WOULDBLOCK) => return Err(Error::Busy),
                Err(e) => return Err(Error::io(&e.into(), folder)),
            }
        }
        // New stores are made under this lock alone, and the drafts of copies are kept.
        draft::remove_leftovers(folder, |target| {
            slot_files::slot_of(target.as_ref()).is_some()
        });
        Ok(Self(file))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A forked child may share the descriptor, so closing it here would not end the lock.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// The names in `folder`; none where it does not exist.
///
/// # Errors
/// `PermissionsRefused`, `Io`, `DanglingLink`: a folder that exists and cannot be read is an error,
/// and so is a symbolic link that leads nowhere.
pub(super) fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let io = |e: io::Error| Error::io(&e, folder);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return match dangling(folder) {
                Some(link) => Err(Error::DanglingLink(link)),
                None => Ok(Vec::new()),
            };
        }
        Err(e) => return Err(io(e)),
    };
    entries
        .map(|entry| Ok(entry.map_err(io)?.file_name()))
        .collect()
}

/// The first of `path` and the folders above it that is a symbolic link to nothing.
fn dangling(path: &Path) -> Option<PathBuf> {
    let is_dangling = |path: &&Path| path.is_symlink() && !path.exists();
    path.ancestors().find(is_dangling).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_empty_and_a_dangling_link_is_not() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        assert_eq!(names(&at("none/tokens")), Ok(vec![]));
        symlink("nowhere", at("link")).unwrap();
        for path in [at("link"), at("link/tokens")] {
            assert_eq!(names(&path), Err(Error::DanglingLink(at("link"))));
        }
        fs::write(at("file"), "").unwrap();
        assert!(matches!(names(&at("file")), Err(Error::Io(..))));
        symlink("loop", at("loop")).unwrap();
        assert!(names(&at("loop")).is_err());
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("folder/a"), "").unwrap();
        symlink("folder", at("good")).unwrap();
        assert_eq!(names(&at("good")), Ok(vec!["a".into()]));
    }

    #[test]
    fn one_maker_at_a_time_finds_no_draft_of_a_dead_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/tokens");
        let take = |wait| FolderLock::take(&folder, Umask::OWNER, Duration::from_millis(wait));
        let first = take(0).unwrap();
        assert!(matches!(take(20), Err(Error::Busy)));
        let draft = folder.join(".slot-0000.tenon.1.0.new-journal");
        let counter = folder.join(".slot-0000.gen.1.0.new");
        for path in [&draft, &counter] {
            fs::write(path, "").unwrap();
        }
        drop(first);
        take(0).unwrap();
        assert!(!draft.exists() && counter.exists());
    }

    #[test]
    fn the_process_umask_takes_nothing_away_that_the_setting_gives() {
        let root = tempfile::tempdir().unwrap();
        for (umask, folder_mode, file_mode) in [
            (0o077, 0o700, 0o600),
            (0o007, 0o2770, 0o660),
            (0o027, 0o2750, 0o640),
        ] {
            let folder = root.path().join(format!("{umask:o}/tokens"));
            make(&folder, Umask(umask)).unwrap();
            let path = folder.join("file");
            Umask(umask)
                .apply(&File::create(&path).unwrap(), &folder)
                .unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
            assert_eq!((mode(&folder), mode(&path)), (folder_mode, file_mode));
        }
    }
}
