//! What the state of the process does to calls: not initialized, finalized meanwhile, forked.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use cryptoki_sys::*;

use super::hsm::{Table, pointer, test, was_called};
use super::zeros::zeroed;
use crate::client::Mechanism;

/// Functions that are allowed before C_Initialize.
const ANYTIME: [&str; 3] = ["C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"];

/// Whether `check` holds in a forked child.
fn in_child(check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `check` alone and leaves at once, without destructors.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // SAFETY: a child that hangs is killed; the test fails.
        unsafe { libc::alarm(20) };
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
        // SAFETY: leaves the child.
        unsafe { libc::_exit(i32::from(!held.unwrap_or(false))) }
    }
    let mut status = 0;
    // SAFETY: the child is ours, the place is good.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status == 0
}

fn initialize(table: Table) -> CK_RV {
    function!(table, C_Initialize(null_mut()))
}

fn finalize(table: Table) -> CK_RV {
    function!(table, C_Finalize(null_mut()))
}

/// A call that needs a library and no session.
fn slots(table: Table) -> CK_RV {
    let mut count = 0;
    function!(table, C_GetSlotList(CK_FALSE, null_mut(), &raw mut count))
}

fn slot_event(table: Table, flags: CK_FLAGS, slot: CK_SLOT_ID_PTR) -> CK_RV {
    function!(table, C_WaitForSlotEvent(flags, slot, null_mut()))
}

/// A file in the folder of tokens that is none.
fn unreadable_token(slot: u64) {
    let folder = std::path::PathBuf::from(std::env::var_os("TENON_DIRECTORIES_TOKENDIR").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("slot-{slot:04}.tenon")), b"no token").unwrap();
}

/// Runs `act` while a thread waits for a slot event: what the thread's call returns, and the slot.
fn while_one_waits(table: Table, act: impl FnOnce()) -> (CK_RV, CK_SLOT_ID) {
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut slot = 0;
            (slot_event(table, 0, &raw mut slot), slot)
        });
        while !was_called("C_WaitForSlotEvent") {
            thread::yield_now();
        }
        act();
        waiting.join().unwrap()
    })
}

/// Every function refuses as one that is not initialized, but those that need not be: these miss
/// their pointers.
fn refuses_all(table: Table) -> bool {
    zeroed(table, None).into_iter().all(|(name, rv)| {
        let expected = match ANYTIME.contains(&name) {
            true => CKR_ARGUMENTS_BAD,
            false => CKR_CRYPTOKI_NOT_INITIALIZED,
        };
        rv == expected
    })
}

/// Threads that initialize, run `call` and finalize, all at once. Afterwards nobody has the library
/// initialized.
fn race(table: Table, call: impl Fn() + Sync) {
    let (opened, closed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    match initialize(table) {
                        CKR_OK => opened.fetch_add(1, Ordering::SeqCst),
                        rv => {
                            assert_eq!(rv, CKR_CRYPTOKI_ALREADY_INITIALIZED);
                            0
                        }
                    };
                    call();
                    match finalize(table) {
                        CKR_OK => closed.fetch_add(1, Ordering::SeqCst),
                        rv => {
                            assert_eq!(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
                            0
                        }
                    };
                }
            });
        }
    });
    // Each module that was opened was closed before the next one was opened.
    assert_eq!(opened.into_inner(), closed.into_inner());
    assert_eq!(finalize(table), CKR_CRYPTOKI_NOT_INITIALIZED);
}

test! { run_uninitialized:
    fn nothing_works_before_initialize_and_after_finalize(table) {
        assert!(refuses_all(table));
        assert_eq!(finalize(table), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(initialize(table), CKR_OK);
        assert!(!refuses_all(table));
        assert_eq!(finalize(table), CKR_OK);
        assert!(refuses_all(table));
        assert_eq!(finalize(table), CKR_CRYPTOKI_NOT_INITIALIZED);
    }

    fn a_slot_event_is_asked_for_without_waiting(table) {
        assert_eq!(initialize(table), CKR_OK);
        let mut slot = 0;
        assert_eq!(slot_event(table, CKF_DONT_BLOCK, &raw mut slot), CKR_NO_EVENT);
        assert_eq!(slot_event(table, CKF_DONT_BLOCK, null_mut()), CKR_ARGUMENTS_BAD);
        unreadable_token(7);
        assert_eq!(slot_event(table, CKF_DONT_BLOCK, &raw mut slot), CKR_OK);
        assert_eq!(slot, 7);
        assert_eq!(slot_event(table, CKF_DONT_BLOCK, &raw mut slot), CKR_NO_EVENT);
    }

    fn a_call_that_waits_returns_with_the_slot_event(table) {
        assert_eq!(initialize(table), CKR_OK);
        let waited = while_one_waits(table, || unreadable_token(7));
        assert_eq!(waited, (CKR_OK, 7));
    }

    fn finalize_ends_a_call_that_waits_for_a_slot_event(table) {
        assert_eq!(initialize(table), CKR_OK);
        let waited = while_one_waits(table, || assert_eq!(finalize(table), CKR_OK));
        assert_eq!(waited.0, CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(initialize(table), CKR_OK);
        assert_eq!(finalize(table), CKR_OK);
    }

    fn initialize_works_any_number_of_times(table) {
        for _ in 0..100 {
            assert_eq!(initialize(table), CKR_OK);
            assert_eq!(initialize(table), CKR_CRYPTOKI_ALREADY_INITIALIZED);
            assert_eq!(slots(table), CKR_OK);
            assert_eq!(finalize(table), CKR_OK);
            assert_eq!(slots(table), CKR_CRYPTOKI_NOT_INITIALIZED);
        }
    }

    fn initialize_judges_its_arguments(table) {
        unsafe extern "C" fn create(_: *mut *mut std::ffi::c_void) -> CK_RV {
            CKR_OK
        }
        unsafe extern "C" fn other(_: *mut std::ffi::c_void) -> CK_RV {
            CKR_OK
        }
        let none = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: 0,
            pReserved: null_mut(),
        };
        let all = CK_C_INITIALIZE_ARGS {
            CreateMutex: Some(create),
            DestroyMutex: Some(other),
            LockMutex: Some(other),
            UnlockMutex: Some(other),
            ..none
        };
        let mut byte = 0_u8;
        let reserved = (&raw mut byte).cast();
        let (os, threadless) = (CKF_OS_LOCKING_OK, CKF_LIBRARY_CANT_CREATE_OS_THREADS);
        let one_missing = CK_C_INITIALIZE_ARGS { UnlockMutex: None, ..all };
        let cases = [
            (none, CKR_OK),
            (CK_C_INITIALIZE_ARGS { flags: os, ..none }, CKR_OK),
            (CK_C_INITIALIZE_ARGS { flags: os | threadless, ..all }, CKR_OK),
            (CK_C_INITIALIZE_ARGS { flags: threadless, ..none }, CKR_OK),
            (all, CKR_OK),
            (CK_C_INITIALIZE_ARGS { flags: os, ..one_missing }, CKR_ARGUMENTS_BAD),
            (CK_C_INITIALIZE_ARGS { LockMutex: Some(other), ..none }, CKR_ARGUMENTS_BAD),
            (CK_C_INITIALIZE_ARGS { pReserved: reserved, ..none }, CKR_ARGUMENTS_BAD),
        ];
        for (index, (mut args, expected)) in cases.into_iter().enumerate() {
            let args: *mut CK_C_INITIALIZE_ARGS = &raw mut args;
            assert_eq!(function!(table, C_Initialize(args.cast())), expected, "case {index}");
            let after = match expected {
                CKR_OK => CKR_OK,
                _ => CKR_CRYPTOKI_NOT_INITIALIZED,
            };
            assert_eq!(finalize(table), after, "case {index}");
        }
        assert_eq!(initialize(table), CKR_OK);
        assert_eq!(function!(table, C_Finalize(reserved)), CKR_ARGUMENTS_BAD);
        assert_eq!(finalize(table), CKR_OK);
    }

    fn threads_that_race_have_one_library(table) {
        race(table, || {});
    }

    fn calls_that_race_with_finalize_are_answered_or_refused(table) {
        race(table, || {
            let rv = slots(table);
            assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_NOT_INITIALIZED), "{rv:#x}");
        });
    }

    fn a_child_of_a_busy_parent_is_not_stuck(table) {
        assert_eq!(initialize(table), CKR_OK);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    finalize(table);
                    initialize(table);
                }
            });
            let begins_anew = || initialize(table) == CKR_OK && finalize(table) == CKR_OK;
            let held = (0..100).all(|_| in_child(begins_anew));
            done.store(true, Ordering::Relaxed);
            assert!(held);
        });
    }
}

test! {
    fn finalize_waits_for_no_call_and_a_call_keeps_its_library(hsm) {
        // Key derivation that takes a second and more.
        let slow = Mechanism::Pbkdf2 {
            prf: CKP_PKCS5_PBKD2_HMAC_SHA512,
            password: b"password",
            salt: b"salt",
            iterations: 2_000_000,
        };
        let (kind, size) = (CKK_GENERIC_SECRET.to_ne_bytes(), 32_u64.to_ne_bytes());
        let template = [(CKA_KEY_TYPE, &kind[..]), (CKA_VALUE_LEN, &size[..])];
        thread::scope(|scope| {
            let busy = scope.spawn(|| hsm.client.generate(slow, &template));
            while !was_called("C_GenerateKey") {
                thread::yield_now();
            }
            assert_eq!(finalize(hsm.table), CKR_OK);
            assert_eq!(call!(hsm, C_Logout()), CKR_CRYPTOKI_NOT_INITIALIZED);
            assert!(!busy.is_finished(), "{:?}", busy.join());
            println!("{:?}", busy.join().unwrap());
        });
    }

    fn a_session_ends_for_every_thread_that_has_called_it(hsm) {
        let info = |session| {
            let mut info = CK_SESSION_INFO { slotID: 0, state: 0, flags: 0, ulDeviceError: 0 };
            function!(hsm.table, C_GetSessionInfo(session, &raw mut info))
        };
        let session = hsm.client.open().unwrap();
        let closes = || {
            assert_eq!((info(session), info(session)), (CKR_OK, CKR_OK));
            assert_eq!(function!(hsm.table, C_CloseSession(session)), CKR_OK);
            assert_eq!(info(session), CKR_SESSION_HANDLE_INVALID);
        };
        assert_eq!((info(session), info(session)), (CKR_OK, CKR_OK));
        thread::scope(|scope| scope.spawn(closes).join().unwrap());
        assert_eq!(info(session), CKR_SESSION_HANDLE_INVALID);
        // Handles begin anew with each C_Initialize.
        let first = hsm.client.session();
        assert_eq!((info(first), info(first)), (CKR_OK, CKR_OK));
        assert_eq!(finalize(hsm.table), CKR_OK);
        assert_eq!(info(first), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert_eq!(initialize(hsm.table), CKR_OK);
        assert_eq!(info(first), CKR_SESSION_HANDLE_INVALID);
        assert_eq!(hsm.client.open(), Ok(first));
        assert_eq!(info(first), CKR_OK);
        assert_eq!(finalize(hsm.table), CKR_OK);
    }

    fn a_forked_child_starts_anew_and_leaves_its_parent_alone(hsm) {
        let table = hsm.table;
        let key = hsm.aes();
        let again = || {
            refuses_all(table)
                && finalize(table) == CKR_CRYPTOKI_NOT_INITIALIZED
                && initialize(table) == CKR_OK
                && call!(hsm, C_Logout()) == CKR_SESSION_HANDLE_INVALID
        };
        let held = in_child(|| again() && in_child(again) && finalize(table) == CKR_OK);
        assert!(held);
        assert_eq!(call!(hsm, C_DestroyObject(key)), CKR_OK);
        assert_eq!(call!(hsm, C_Login(CKU_USER, pointer(b"12345678"), 8)), CKR_USER_ALREADY_LOGGED_IN);
        assert_eq!(finalize(table), CKR_OK);
    }
}
