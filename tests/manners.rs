//! Manners of the built library inside somebody else's program: what it exports, what it links,
//! and what loading and using it does to the process.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod client;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::ptr::null_mut;

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_RV, CK_SLOT_ID, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKR_OK,
    CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_RECOGNIZED,
};
use object::elf::{DF_1_NODELETE, DT_FLAGS_1, FileHeader64};
use object::read::elf::{Dyn, ElfFile, FileHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Set in the child processes of this program.
const CHILD: &str = "TENON_TEST_CHILD";

type Elf<'data> = ElfFile<'data, FileHeader64<Endianness>>;

#[track_caller]
fn inspect(look: impl FnOnce(&Elf<'_>, &[u8])) {
    let bytes = fs::read(client::library()).unwrap();
    look(&Elf::parse(&*bytes).unwrap(), &bytes);
}

#[test]
fn exports_nothing_but_the_functions_of_the_standard() {
    inspect(|elf, _| {
        let exports: Vec<String> = elf
            .dynamic_symbols()
            .filter(|symbol| !symbol.is_undefined() && symbol.is_global())
            .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()))
            .collect();
        let others: Vec<_> = exports
            .iter()
            .filter(|name| !name.starts_with("C_"))
            .collect();
        assert!(others.is_empty(), "{others:?}");
        // 68 of 2.40, 24 of 3.0, 12 of 3.2.
        assert_eq!(exports.len(), 104);
    });
}

#[test]
fn has_no_jitter_entropy() {
    inspect(|elf, _| {
        let named = |part: &str| {
            let names = elf.symbols().filter_map(|symbol| symbol.name().ok());
            names.filter(|name| name.contains(part)).count()
        };
        assert_ne!(
            named("RAND_bytes"),
            0,
            "the library is stripped of its symbols"
        );
        assert_eq!(
            named("jent_"),
            0,
            "build with AWS_LC_SYS_NO_JITTER_ENTROPY=1"
        );
    });
}

#[test]
fn stays_mapped_when_it_is_unloaded() {
    inspect(|elf, bytes| {
        let endian = elf.endian();
        let sections = elf.elf_header().sections(endian, bytes);
        let dynamic = sections.ok().and_then(|s| s.dynamic(endian, bytes).ok()?);
        let entries = dynamic.map_or(&[][..], |(entries, _)| entries);
        let flags = entries
            .iter()
            .find(|entry| entry.tag32(endian) == Some(DT_FLAGS_1))
            .map_or(0, |entry| entry.d_val.get(endian));
        assert_ne!(flags & u64::from(DF_1_NODELETE), 0, "{flags:#x}");
    });
}

#[test]
fn refuses_calls_before_other_destructors_run() {
    inspect(|elf, _| {
        let array = elf.section_by_name(".fini_array").unwrap();
        let entry = elf
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Data)
            .find(|symbol| symbol.name().is_ok_and(|name| name.contains("AT_EXIT")));
        let entry = entry.unwrap();
        // They run from the last to the first.
        assert_eq!(entry.address() + 8, array.address() + array.size());
    });
}

#[test]
fn function_list_says_2_40() {
    if env::var_os(CHILD).is_none() {
        quiet(&child("function_list_says_2_40"));
        return;
    }
    let version = client::functions(&client::library()).version;
    assert_eq!((version.major, version.minor), (2, 40));
}

#[test]
fn starts_no_thread_and_prints_nothing() {
    if env::var_os(CHILD).is_none() {
        quiet(&child("starts_no_thread_and_prints_nothing"));
        return;
    }
    let threads = || fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    let functions = client::functions(&client::library());
    for _ in 0..2 {
        assert_eq!(initialize(functions), CKR_OK);
        assert_eq!(close_all(functions, 99), CKR_SLOT_ID_INVALID);
        assert_eq!(close_all(functions, 0), CKR_OK);
        assert_eq!(threads(), before);
        assert_eq!(finalize(functions), CKR_OK);
    }
    assert_eq!(threads(), before);
}

/// Another copy has SQLite's locks of its own, and both would write the token's file at once.
#[test]
fn a_second_copy_in_one_process_does_not_open_the_token() {
    if env::var_os(CHILD).is_none() {
        let tokens = tempfile::tempdir().unwrap();
        let mut command = command(
            "a_second_copy_in_one_process_does_not_open_the_token",
            tokens.path(),
        );
        let output = command.env("TENON_LOG_TARGET", "stderr").output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        assert!(err.contains("another copy of this library"), "{err}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.so");
    fs::copy(client::library(), &copy).unwrap();
    let first = client::functions(&client::library());
    let second = client::functions(&copy);
    client::Client::start(&client::library());

    assert_eq!(initialize(second), CKR_OK);
    assert_eq!(open_session(second, 0), CKR_TOKEN_NOT_RECOGNIZED);
    // The first copy's locks are still held, and it goes on.
    assert_eq!(open_session(first, 0), CKR_OK);

    assert_eq!(finalize(first), CKR_OK);
    assert_eq!(open_session(second, 0), CKR_OK);
    assert_eq!(initialize(first), CKR_OK);
    assert_eq!(open_session(first, 0), CKR_TOKEN_NOT_RECOGNIZED);
}

fn open_session(functions: &CK_FUNCTION_LIST, slot: CK_SLOT_ID) -> CK_RV {
    let (call, flags) = (functions.C_OpenSession, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    let mut session = 0;
    // SAFETY: no callback, and a place for the handle.
    call.map_or(CK_RV::MAX, |call| unsafe {
        call(slot, flags, null_mut(), None, &raw mut session)
    })
}

fn initialize(functions: &CK_FUNCTION_LIST) -> CK_RV {
    let call = functions.C_Initialize;
    // SAFETY: NULL is an allowed argument.
    call.map_or(CK_RV::MAX, |call| unsafe { call(null_mut()) })
}

fn finalize(functions: &CK_FUNCTION_LIST) -> CK_RV {
    let call = functions.C_Finalize;
    // SAFETY: NULL is the argument that the standard wants.
    call.map_or(CK_RV::MAX, |call| unsafe { call(null_mut()) })
}

fn close_all(functions: &CK_FUNCTION_LIST, slot: CK_SLOT_ID) -> CK_RV {
    let call = functions.C_CloseAllSessions;
    // SAFETY: takes no pointer.
    call.map_or(CK_RV::MAX, |call| unsafe { call(slot) })
}

/// Runs one test of this program alone, in a process of its own.
fn child(test: &str) -> Output {
    let tokens = tempfile::tempdir().unwrap();
    command(test, tokens.path()).output().unwrap()
}

fn command(test: &str, tokens: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("TENON_DIRECTORIES_TOKENDIR", tokens)
        .env("TENON_CONF", "/dev/null");
    command
}

/// The child succeeded, and nothing but the test harness wrote.
#[track_caller]
fn quiet(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{out}\n{err}");
    let foreign = |line: &&str| {
        !line.is_empty() && !line.starts_with("running 1 test") && !line.starts_with("test ")
    };
    assert_eq!(out.lines().find(foreign), None);
    assert!(out.contains("1 passed"), "{out}");
}
