//! The file of this program, which it runs again and beside which it finds the module.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::Result;

/// As the kernel says it; where /proc is not mounted, as the program was called.
pub(crate) fn path() -> Result<PathBuf> {
    if let Ok(path) = std::env::current_exe() {
        return Ok(path);
    }
    let name = std::env::args_os().next().unwrap_or_default();
    let folders = std::env::var_os("PATH").unwrap_or_default();
    called(Path::new(&name), &folders).ok_or_else(|| {
        let why = "/proc is not mounted, and PATH has no folder with this program";
        format!("{why}: call it by its whole path").into()
    })
}

/// The file that a shell runs for `name`. Folders of `PATH` that depend on the current one are left out.
fn called(name: &Path, folders: &OsStr) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return std::path::absolute(name).ok();
    }
    let folders = std::env::split_paths(folders).filter(|folder| folder.is_absolute());
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_it_was_called() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tenon");
        std::fs::write(&file, "").unwrap();
        let folders = std::env::join_paths([Path::new("."), Path::new("/absent"), folder.path()]);
        let folders = folders.unwrap();
        let name = Path::new("tenon");
        assert_eq!(called(name, &folders), Some(file.clone()));
        assert_eq!(called(&file, OsStr::new("")), Some(file));
        assert_eq!(called(name, OsStr::new("/absent:.")), None);
        assert_eq!(called(Path::new(""), OsStr::new("/absent")), None);
    }
}
