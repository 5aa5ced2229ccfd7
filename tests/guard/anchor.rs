//! `store.anchor`: an older copy of a token's file is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::ManualClock;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Event;

use super::tools::{last, sql, token};
use crate::common::{RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, open, returns, session};

/// A token, closed at first, and the folder of its anchor.
struct Place {
    tokens: TempDir,
    anchors: TempDir,
    clock: ManualClock,
}

impl Place {
    fn new() -> Self {
        let place = Self::without_anchor();
        place.init(&place.open());
        place
    }

    /// Nothing there yet.
    fn without_anchor() -> Self {
        Self {
            tokens: tempfile::tempdir().unwrap(),
            anchors: tempfile::tempdir().unwrap(),
            clock: ManualClock::at(TODAY),
        }
    }

    fn init(&self, module: &Module) {
        module.init_token(SLOT, SO_PIN, &padded("kept")).unwrap();
        let session = session(module, RW);
        session.login(ck::CKU_SO, SO_PIN).unwrap();
        session.init_pin(USER_PIN).unwrap();
        session.logout().unwrap();
    }

    fn open(&self) -> Module {
        let anchors = self.anchors.path().to_owned();
        self.open_as(|config| config.anchor = Some(anchors))
    }

    fn open_as(&self, configure: impl FnOnce(&mut Config)) -> Module {
        open(&self.tokens, &self.clock, configure).unwrap()
    }

    fn file(&self) -> PathBuf {
        super::tools::file(self.tokens.path())
    }

    fn anchor(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.anchors.path()).unwrap();
        let entry = entries.next().unwrap().unwrap();
        assert!(entries.next().is_none(), "one file for one token");
        entry.path()
    }

    /// Opens the token, makes one change, and closes it.
    fn change(&self) {
        let module = self.open();
        create(&user(&module)).unwrap();
    }

    /// A copy of the closed token's file.
    fn copy(&self) -> Vec<u8> {
        fs::read(self.file()).unwrap()
    }

    fn put_back(&self, copy: &[u8]) {
        fs::write(self.file(), copy).unwrap();
    }

    #[track_caller]
    fn is_refused(&self, why: &str) {
        let module = self.open();
        let opened = module.open_session(SLOT, RW);
        returns!(opened, CKR_DEVICE_ERROR);
        let error = opened.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        returns!(token(&module).login(false, USER_PIN), CKR_DEVICE_ERROR);
        returns!(token(&module).login(true, SO_PIN), CKR_DEVICE_ERROR);
    }

    #[track_caller]
    fn works(&self) {
        let module = self.open();
        create(&user(&module)).unwrap();
        let status = token(&module).anchor_status().unwrap().unwrap();
        assert_eq!(status.noted, Some(status.changes));
        assert_eq!(status.refused, None);
    }
}

fn user(module: &Module) -> std::sync::Arc<Session> {
    let session = session(module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session
}

fn create(session: &Session) -> Result<()> {
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    session.create_object(&data).map(drop)
}

#[test]
fn a_token_with_an_anchor_works() {
    let place = Place::new();
    place.works();
    place.works();
}

#[test]
fn an_older_copy_is_refused_and_the_right_file_is_not() {
    let place = Place::new();
    let old = place.copy();
    place.change();
    let new = place.copy();
    place.put_back(&old);
    place.is_refused("an older copy was put back");
    place.put_back(&new);
    place.works();
}

#[test]
fn the_officer_accepts_an_older_copy() {
    let place = Place::new();
    let old = place.copy();
    place.change();
    place.put_back(&old);
    let module = place.open();
    let token = token(&module);
    returns!(token.accept_anchor(USER_PIN), CKR_PIN_INCORRECT);
    place.is_refused("an older copy");
    token.accept_anchor(SO_PIN).unwrap();
    let record = last(&module);
    assert_eq!(record.event, Event::AnchorAccepted);
    assert!(record.number.is_some(), "what the anchor knew");
    drop((token, module));
    place.works();
    place.works();
}

/// The count of changes stands in the file for anybody to write.
#[test]
fn an_older_copy_with_a_higher_count_is_refused_too() {
    let place = Place::new();
    let old = place.copy();
    place.change();
    place.put_back(&old);
    let count = "UPDATE meta SET value = x'00000000000000ff' WHERE name = 'store.generation'";
    sql(&place.file(), count);
    place.is_refused("an older copy");
    // A guess at a PIN is counted in any file, and must not be noted as progress.
    let module = place.open();
    returns!(token(&module).accept_anchor(b"wrong"), CKR_PIN_INCORRECT);
    drop(module);
    place.is_refused("an older copy");
}

#[test]
fn a_running_process_changes_nothing_on_a_file_that_is_refused() {
    let place = Place::new();
    let module = place.open();
    let session = user(&module);
    let before = fs::read(place.anchor()).unwrap();
    create(&session).unwrap();
    let after = fs::read(place.anchor()).unwrap();
    fs::remove_file(place.anchor()).unwrap();
    returns!(create(&session), CKR_DEVICE_ERROR);
    fs::write(anchor_at(&place, &module), before).unwrap();
    returns!(create(&session), CKR_OK, "behind is no rollback");
    fs::write(anchor_at(&place, &module), after).unwrap();
    returns!(create(&session), CKR_OK);
}

fn anchor_at(place: &Place, module: &Module) -> PathBuf {
    let info = module.token_info(SLOT).unwrap();
    let serial = std::str::from_utf8(&info.serialNumber).unwrap();
    place.anchors.path().join(format!("{serial}.anchor"))
}

/// As after a crash between the commit and its note.
#[test]
fn an_anchor_that_is_behind_is_brought_up() {
    let place = Place::new();
    let behind = fs::read(place.anchor()).unwrap();
    place.change();
    place.change();
    fs::write(place.anchor(), &behind).unwrap();
    let module = place.open();
    let status = token(&module).anchor_status().unwrap().unwrap();
    assert!(status.noted.unwrap() < status.changes);
    drop(module);
    place.works();
    assert_ne!(fs::read(place.anchor()).unwrap(), behind);
}

#[test]
fn an_anchor_that_is_missing_damaged_or_unreachable_is_refused() {
    let place = Place::new();
    let path = place.anchor();
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    place.is_refused("which is not there");
    for damaged in [&whole[..whole.len() - 1], &b""[..], &[0; 96]] {
        fs::write(&path, damaged).unwrap();
        place.is_refused("damaged");
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, flipped).unwrap();
        let module = place.open();
        returns!(module.open_session(SLOT, RW), CKR_DEVICE_ERROR, "byte {at}");
    }
    let other = Place::new();
    fs::copy(other.anchor(), &path).unwrap();
    place.is_refused("another token's");
    fs::remove_file(&path).unwrap();
    let module = place.open();
    token(&module).accept_anchor(SO_PIN).unwrap();
    drop(module);
    place.works();

    let gone = place.anchors.path().join("unmounted");
    let module = place.open_as(|config| config.anchor = Some(gone));
    returns!(module.open_session(SLOT, RW), CKR_DEVICE_ERROR);
}

#[test]
fn a_token_gets_its_anchor_when_one_is_configured() {
    let place = Place::without_anchor();
    place.init(&place.open_as(|_| ()));
    assert_eq!(fs::read_dir(place.anchors.path()).unwrap().count(), 0);
    let old = place.copy();
    place.works();
    place.put_back(&old);
    place.is_refused("an older copy");
    let module = place.open_as(|_| ());
    assert_eq!(token(&module).anchor_status().unwrap(), None);
    returns!(token(&module).accept_anchor(SO_PIN), CKR_ACTION_PROHIBITED);
}

#[test]
fn a_token_that_was_initialized_again_does_not_come_back() {
    let place = Place::new();
    let old = place.copy();
    let module = place.open();
    module.init_token(SLOT, SO_PIN, &padded("anew")).unwrap();
    drop(module);
    place.put_back(&old);
    place.is_refused("an older copy");
}

#[test]
fn a_read_only_token_is_checked_and_not_noted() {
    let place = Place::new();
    let old = place.copy();
    place.change();
    let noted = fs::read(place.anchor()).unwrap();
    let anchors = place.anchors.path().to_owned();
    let read_only = |place: &Place, anchors: &Path| {
        let anchors = anchors.to_owned();
        place.open_as(|config| {
            config.anchor = Some(anchors);
            config.read_only = true;
            config.read_only_login = true;
        })
    };
    let module = read_only(&place, &anchors);
    token(&module).login(false, USER_PIN).unwrap();
    drop(module);
    assert_eq!(fs::read(place.anchor()).unwrap(), noted);
    place.put_back(&old);
    let module = read_only(&place, &anchors);
    returns!(
        module.open_session(SLOT, ck::CKF_SERIAL_SESSION),
        CKR_DEVICE_ERROR
    );
    returns!(
        token(&module).accept_anchor(SO_PIN),
        CKR_TOKEN_WRITE_PROTECTED
    );
}

#[test]
fn several_processes_and_threads_share_an_anchor() {
    let place = Place::new();
    let modules = [place.open(), place.open(), place.open()];
    std::thread::scope(|scope| {
        for module in &modules {
            token(module).login(false, USER_PIN).unwrap();
            for _ in 0..2 {
                scope.spawn(|| {
                    let session = session(module, RW);
                    for _ in 0..10 {
                        create(&session).unwrap();
                    }
                });
            }
        }
    });
    drop(modules);
    place.works();
}
