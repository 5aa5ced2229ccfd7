//! The files of a slot: the database, which makes it a slot with a token, and those beside it.
//!
//! Tenon makes the database before anything beside it, and removes it after everything beside it. So
//! where something is beside a database that is not there, others have moved or removed the
//! database: the slot is not free, for the token may be found again, and its log may hold changes
//! that are nowhere else.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{files, log_file, old_format};

/// What the store puts in place of the extension.
const EXTENSIONS: [&str; 3] = ["gen", "reserve", "lock"];

/// The name of the database of a slot.
pub(super) fn name_of(slot: u64) -> String {
    format!("slot-{slot:04}.tenon")
}

/// Where the files beside the database at `path` are, or would be.
pub(super) fn beside(path: &Path) -> Vec<PathBuf> {
    let appended = files::APPENDED
        .iter()
        .map(|suffix| files::beside(path, suffix));
    let others = EXTENSIONS
        .iter()
        .map(|extension| path.with_extension(extension));
    let copies = old_format::copies(path);
    appended.chain(others).chain(copies).collect()
}

/// Those of them that are there.
pub(super) fn found_beside(path: &Path) -> Vec<PathBuf> {
    let mut found = beside(path);
    found.retain(|path| path.symlink_metadata().is_ok());
    found
}

/// The slot whose database has this name.
pub(super) fn slot_of(name: &OsStr) -> Option<u64> {
    number(name).filter(|slot| *name == *name_of(*slot))
}

/// The slot beside whose database a file of this name is.
pub(super) fn slot_beside(name: &OsStr) -> Option<u64> {
    let beside = |slot: &u64| beside(Path::new(&name_of(*slot)));
    number(name).filter(|slot| beside(slot).iter().any(|path| path == name))
}

/// Whether people may take a file of this name for a token: it is no file of any slot.
pub(super) fn is_misnamed(name: &OsStr) -> bool {
    let text = name.to_string_lossy().to_ascii_lowercase();
    let similar = text.ends_with(".tenon") || (text.starts_with("slot") && text.contains(".tenon"));
    let of_slot = slot_of(name).or_else(|| slot_beside(name)).is_some();
    similar && !of_slot && !text.starts_with('.') && !is_log_set_aside(name)
}

/// Whether a file at `path` would count as one of a slot's among the stores in `folder`, or people would
/// take it for one. Drafts of stores count too, since they are removed where nobody uses them.
pub(super) fn is_place_of_token(folder: &Path, path: &Path) -> bool {
    let place = |path: &Path| files::resolve(path).ok();
    let Some(name) = path.file_name() else {
        return false;
    };
    let among = |path| Some(path) == place(&folder.join(name));
    let text = name.to_string_lossy();
    let of_draft = text.trim_start_matches('.');
    place(path).is_some_and(among) && (number(of_draft.as_ref()).is_some() || is_misnamed(name))
}

fn is_log_set_aside(name: &OsStr) -> bool {
    let log = number(name).map(|slot| name_of(slot) + "-wal" + log_file::SET_ASIDE);
    log.is_some_and(|log| name.to_string_lossy().starts_with(&log))
}

/// The slot that the beginning of a name speaks of, as the names of all files of a slot do.
pub(super) fn number(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("slot-")?.get(..4)?;
    digits.parse().ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbered_by_file_name() {
        assert_eq!(slot_of("slot-0042.tenon".as_ref()), Some(42));
        for other in [
            "slot-42.tenon",
            "slot-00042.tenon",
            "slot-00a2.tenon",
            "slot-+042.tenon",
            "slot-0001.gen",
        ] {
            assert_eq!(slot_of(other.as_ref()), None, "{other}");
        }
    }

    #[test]
    fn a_place_of_a_token_is_in_its_folder_and_has_a_name_of_a_slot() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("tokens")).unwrap();
        std::os::unix::fs::symlink("tokens", at("link")).unwrap();
        for name in [
            "slot-0000.tenon",
            "slot-0007.tenon-wal",
            "slot-0007.gen",
            "slot-0000.tenon-wal.stale-3",
            "slot-7.tenon",
            "backup.tenon",
            ".slot-0000.tenon.1.0.new",
        ] {
            for folder in ["tokens", "link", "tokens/../link"] {
                let path = at(folder).join(name);
                assert!(is_place_of_token(&at("tokens"), &path), "{path:?}");
                assert!(is_place_of_token(&at("link"), &path), "{path:?}");
            }
            assert!(!is_place_of_token(&at("tokens"), &at(name)), "{name}");
        }
        for name in ["records", "key.pem", ".config"] {
            assert!(!is_place_of_token(&at("tokens"), &at("tokens").join(name)));
        }
        assert!(!is_place_of_token(
            &at("tokens"),
            &at("missing/slot-0000.tenon")
        ));
    }

    #[test]
    fn a_name_is_of_a_database_or_beside_one_or_misnamed_or_none_of_it() {
        for path in beside(Path::new("slot-0042.tenon")) {
            let name = path.as_os_str();
            assert_eq!((slot_of(name), slot_beside(name)), (None, Some(42)));
            assert!(!is_misnamed(name), "{name:?}");
        }
        for misnamed in [
            "slot-0.tenon",
            "SLOT-0000.TENON",
            "slot-0000.tenon.bak",
            "slot-0000.tenon-wal.bak",
            "payments.tenon",
        ] {
            assert_eq!(slot_beside(misnamed.as_ref()), None, "{misnamed}");
            assert!(is_misnamed(misnamed.as_ref()), "{misnamed}");
        }
        for other in [
            "slot-0000.tenon",
            "slot-0000.tenon-wal.stale-1",
            ".slot-0000.tenon.12.0.new",
            "slot-0000.txt",
            "tenon.conf",
        ] {
            assert!(!is_misnamed(other.as_ref()), "{other}");
        }
    }
}
