//! What clients are answered when the disk is full, or the files of a token are changed by others
//! while a process uses them: the table of `docs/operations.md`, which is written from here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::ManualClock;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Calls, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, full, open, returns, rv, secret, session,
};

const BEGIN: &str = "<!-- Answers: written by tests/sessions/disturbed.rs -->\n";
const END: &str = "<!-- End of the answers -->\n";

/// Calls, and what they return.
type Answers = Vec<(&'static str, &'static str)>;

/// A token with two keys, one of which was used, and the process that has it open.
struct Service {
    folder: TempDir,
    clock: ManualClock,
    module: Module,
    session: Arc<Session>,
    key: Handle,
    spare: Handle,
}

impl Service {
    fn start_in(folder: TempDir) -> Self {
        let clock = ManualClock::at(TODAY);
        let module = open(&folder, &clock, |_| ()).unwrap();
        module.init_token(SLOT, SO_PIN, &padded("token")).unwrap();
        let first = session(&module, RW);
        first.login(ck::CKU_SO, SO_PIN).unwrap();
        first.init_pin(USER_PIN).unwrap();
        first.logout().unwrap();
        first.login(ck::CKU_USER, USER_PIN).unwrap();
        let key = |id: &[u8]| {
            let template = attrs![CKA_TOKEN => true, CKA_ID => id];
            secret(&first, ck::CKK_AES, template).private
        };
        let (key, spare) = (key(b"key"), key(b"spare"));
        let service = Self {
            folder,
            clock,
            module,
            session: first,
            key,
            spare,
        };
        returns!(sign(&service.session, service.key), CKR_OK);
        service
    }

    fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    fn file(&self, end: &str) -> PathBuf {
        self.folder.path().join(format!("tokens/slot-0000.{end}"))
    }

    /// What each call is answered, in this process and in one that begins afterwards.
    fn answers(self) -> Answers {
        let used = &self.session;
        let find = |session: &Session| session.find_init(&attrs![CKA_ID => b"key"]);
        let mut answers = vec![
            (
                "C_SignInit with a key used before, C_Sign",
                rv(&sign(used, self.key)),
            ),
            (
                "C_GetAttributeValue",
                rv(&used.attributes(self.key, &[ck::CKA_ID])),
            ),
            ("C_FindObjectsInit", rv(&find(used))),
            ("C_GenerateKey", rv(&generate(used))),
            ("C_DestroyObject", rv(&used.destroy_object(self.spare))),
            ("C_Logout", rv(&used.logout())),
            ("C_Login", rv(&used.login(ck::CKU_USER, USER_PIN))),
        ];
        self.module.close_all_sessions(SLOT).unwrap();
        let Self {
            folder,
            clock,
            module,
            session: used,
            ..
        } = self;
        drop(used);
        answers.push((
            "C_OpenSession, when all sessions were closed",
            rv(&module.open_session(SLOT, RW)),
        ));
        drop(module);

        let module = open(&folder, &clock, |_| ()).unwrap();
        let opened = module.open_session(SLOT, RW);
        answers.push((
            "after C_Finalize and C_Initialize: C_OpenSession",
            rv(&opened),
        ));
        let Ok(opened) = opened else {
            return answers;
        };
        let session = module.session(opened).unwrap();
        let wrong = session.login(ck::CKU_USER, b"wrong");
        answers.push(("C_Login with a wrong PIN", rv(&wrong)));
        let login = session.login(ck::CKU_USER, USER_PIN);
        answers.push(("C_Login with the right PIN", rv(&login)));
        find(&session).unwrap();
        let found = session.find(1).unwrap();
        answers.push(("C_SignInit, C_Sign", rv(&sign(&session, found[0]))));
        answers.push(("C_GenerateKey", rv(&generate(&session))));
        answers.push(("C_DestroyObject", rv(&session.destroy_object(found[0]))));
        answers
    }
}

fn sign(session: &Session, key: Handle) -> Result<Vec<u8>> {
    session.sign_init(plain(ck::CKM_SHA256_HMAC), key)?;
    full(|out| session.sign(b"text", out))
}

/// Several keys: a full disk has room for one in the pages that are there.
fn generate(session: &Session) -> Result<()> {
    (0..200).try_for_each(|_| {
        let template = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32, CKA_LABEL => &[b'x'; 200]];
        session
            .generate_key(plain(ck::CKM_AES_KEY_GEN), &template)
            .map(drop)
    })
}

fn plain(id: ck::CK_MECHANISM_TYPE) -> Request {
    Request::new(
        tenon_pkcs11::api::mechanism::find(id).unwrap(),
        Params::None,
    )
    .unwrap()
}

fn copy_back(service: &Service, backup: &Path) {
    // As most tools do: beside it, then renamed.
    let beside = service.file("tmp");
    fs::copy(backup, &beside).unwrap();
    fs::rename(beside, service.file("tenon")).unwrap();
}

type Disturb = fn(&Service, &Path);

/// What happens to the files, and in which words.
const DISTURBANCES: &[(&str, Disturb)] = &[
    ("token file removed", |service, _| {
        fs::remove_file(service.file("tenon")).unwrap();
    }),
    ("token file replaced", copy_back),
    ("token file overwritten in place", |service, backup| {
        fs::copy(backup, service.file("tenon")).unwrap();
    }),
    ("token file moved away and put back", |service, _| {
        let (place, away) = (service.file("tenon"), service.file("away"));
        fs::rename(&place, &away).unwrap();
        sleep(Duration::from_millis(100));
        returns!(sign(&service.session, service.key), CKR_DEVICE_REMOVED);
        fs::rename(away, place).unwrap();
    }),
    ("`-wal` removed", |service, _| {
        fs::remove_file(service.file("tenon-wal")).unwrap();
    }),
    ("`-wal` cut off", |service, _| {
        cut_off(&service.file("tenon-wal"))
    }),
    ("`-shm` removed", |service, _| {
        fs::remove_file(service.file("tenon-shm")).unwrap();
    }),
    ("`-shm` cut off", |service, _| {
        cut_off(&service.file("tenon-shm"))
    }),
    ("`-shm` overwritten with earlier content", |service, _| {
        overwrite_with_earlier(service, "tenon-shm");
    }),
    ("`.gen` overwritten with earlier content", |service, _| {
        overwrite_with_earlier(service, "gen");
    }),
    ("`.gen` removed", |service, _| {
        fs::remove_file(service.file("gen")).unwrap();
    }),
    ("`.gen` cut off", |service, _| cut_off(&service.file("gen"))),
];

/// As a tool does that copies a folder back over itself, file by file.
fn overwrite_with_earlier(service: &Service, end: &str) {
    let earlier = fs::read(service.file(end)).unwrap();
    secret(&service.session, ck::CKK_AES, attrs![CKA_TOKEN => true]);
    secret(&service.session, ck::CKK_AES, attrs![CKA_TOKEN => true]);
    fs::write(service.file(end), earlier).unwrap();
}

fn cut_off(path: &Path) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(0)
        .unwrap();
}

/// A token, and a backup of its file as it was when nobody had it open.
fn with_backup() -> (Service, PathBuf) {
    let Service {
        folder,
        clock,
        module,
        session: first,
        ..
    } = Service::start();
    drop((first, module));
    let backup = folder.path().join("backup");
    fs::copy(folder.path().join("tokens/slot-0000.tenon"), &backup).unwrap();
    let module = open(&folder, &clock, |_| ()).unwrap();
    let first = session(&module, RW);
    first.login(ck::CKU_USER, USER_PIN).unwrap();
    let found = |id: &[u8]| {
        first.find_init(&attrs![CKA_ID => id]).unwrap();
        let found = first.find(1).unwrap()[0];
        first.find_final().unwrap();
        found
    };
    let (key, spare) = (found(b"key"), found(b"spare"));
    sign(&first, key).unwrap();
    generate(&first).unwrap();
    // Something is in the log, also where the last of those keys made SQLite fold it into the file.
    secret(&first, ck::CKK_AES, attrs![CKA_TOKEN => true]);
    let service = Service {
        folder,
        clock,
        module,
        session: first,
        key,
        spare,
    };
    (service, backup)
}

#[test]
fn the_answers_are_those_of_the_document() {
    let mut columns = Vec::new();
    for (what, disturb) in DISTURBANCES {
        let (service, backup) = with_backup();
        disturb(&service, &backup);
        // The store believes what it saw of its files for 50 ms of the system's monotonic clock.
        sleep(Duration::from_millis(100));
        columns.push(((*what).to_owned(), service.answers()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let document = fs::read_to_string(&path).unwrap_or_default();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    // Not known without a disk of its own: what the document has.
    let full = full_disk().map_or_else(|| column(found, 1), |answers| listed(&answers));
    let wanted = table(full, &columns);
    if std::env::var_os("TENON_REGENERATE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, wanted,
        "stale: run `TENON_REGENERATE=1 cargo test --test sessions disturbed`"
    );
}

fn listed(answers: &Answers) -> Vec<String> {
    let answers = answers.iter().map(|(_, answer)| *answer);
    answers
        .map(|answer| answer.strip_prefix("CKR_").unwrap().to_owned())
        .collect()
}

/// The answers in a column of the table.
fn column(table: &str, number: usize) -> Vec<String> {
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.filter_map(|row| Some(row.split('|').nth(number + 1)?.trim().to_owned()))
        .collect()
}

/// One column for each way to answer, with what happened in its head.
fn table(full: Vec<String>, columns: &[(String, Answers)]) -> String {
    let mut merged = vec![("disk full".to_owned(), full)];
    for (what, answers) in columns {
        let answers = listed(answers);
        match merged.iter_mut().find(|(_, known)| *known == answers) {
            Some((happened, _)) => write!(happened, "; {what}").unwrap(),
            None => merged.push((what.clone(), answers)),
        }
    }
    let longest = columns.iter().max_by_key(|(_, answers)| answers.len());
    let calls = longest.unwrap().1.iter().map(|(call, _)| *call);
    let mut text = String::from("| call |");
    for (happened, _) in &merged {
        write!(text, " {happened} |").unwrap();
    }
    write!(text, "\n|---|{}\n", "---|".repeat(merged.len())).unwrap();
    for (at, call) in calls.enumerate() {
        write!(text, "| {call} |").unwrap();
        for (_, answers) in &merged {
            write!(text, " {} |", answers.get(at).map_or("–", String::as_str)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Fills the disk, so it needs one of its own: `TENON_SMALL_DISK` names a directory on it.
fn full_disk() -> Option<Answers> {
    let Some(disk) = std::env::var_os("TENON_SMALL_DISK") else {
        println!("the full disk was not tried: TENON_SMALL_DISK is not set");
        return None;
    };
    let _alone = super::logins::SMALL_DISK.lock().unwrap();
    let service = Service::start_in(tempfile::tempdir_in(disk).unwrap());
    let filler = service.folder.path().join("filler");
    let mut filler = fs::File::create(filler).unwrap();
    while std::io::Write::write_all(&mut filler, &[1; 512]).is_ok() {}
    Some(service.answers())
}

/// What was answered before the file was replaced is not in the file that is there now; nothing that
/// is answered afterwards is missing in it.
#[test]
fn a_file_that_was_put_back_stays_as_it_was() {
    let (service, backup) = with_backup();
    copy_back(&service, &backup);
    let before = fs::read(&backup).unwrap();
    returns!(generate(&service.session), CKR_DEVICE_REMOVED);
    let other = session(&service.module, RW);
    other.login(ck::CKU_USER, USER_PIN).unwrap();
    other
        .find_init(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY])
        .unwrap();
    assert_eq!(other.find(1000).unwrap().len(), 2);
    returns!(generate(&service.session), CKR_DEVICE_REMOVED);
    drop(other);
    let Service {
        folder,
        module,
        session: used,
        ..
    } = service;
    drop((used, module));
    let path = folder.path().join("tokens/slot-0000.tenon");
    let after = fs::read(&path).unwrap();
    assert_eq!(after.len(), before.len(), "the old log was not folded in");
    assert!(
        folder
            .path()
            .join("tokens/slot-0000.tenon-wal.stale-1")
            .exists()
    );
}

/// Without C_GetSlotList in between.
#[test]
fn what_was_put_back_is_opened_by_the_next_session() {
    for end in ["tenon", "tenon-wal", "tenon-shm", ""] {
        let (service, _) = with_backup();
        let place = match end {
            "" => service.folder.path().join("tokens"),
            end => service.file(end),
        };
        let away = service.folder.path().join("away");
        fs::rename(&place, &away).unwrap();
        returns!(generate(&service.session), CKR_DEVICE_REMOVED);
        fs::rename(&away, &place).unwrap();
        returns!(generate(&service.session), CKR_DEVICE_REMOVED);
        returns!(service.module.open_session(SLOT, RW), CKR_DEVICE_REMOVED);
        let Service {
            folder: _folder,
            module,
            session: used,
            ..
        } = service;
        module.close_all_sessions(SLOT).unwrap();
        drop(used);
        let again = session(&module, RW);
        again.login(ck::CKU_USER, USER_PIN).unwrap();
        generate(&again).unwrap();
    }
}
