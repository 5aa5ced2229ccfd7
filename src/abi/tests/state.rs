//! What the state of the process does to calls: not initialized, forked, exiting, panicking.

use std::ptr;
use std::sync::atomic::Ordering;
use std::thread;

use super::{alone, call, initialized, len, zeroed};
use crate::abi::library::{LEAVE, MOST_OPEN, OPEN, PANICS, WAITING};
use crate::abi::process;
use crate::ck::*;
use crate::fork::Mark;

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

fn initialize() -> CK_RV {
    call!(C_Initialize(ptr::null_mut()))
}

fn initialize_with(args: &CK_C_INITIALIZE_ARGS) -> CK_RV {
    call!(C_Initialize(ptr::from_ref(args).cast_mut().cast()))
}

fn finalize() -> CK_RV {
    call!(C_Finalize(ptr::null_mut()))
}

/// Every function refuses as one that is not initialized, but those that need not be: these miss
/// their pointers.
fn refuses_all() -> bool {
    zeroed().all(|(name, rv)| {
        let expected = match ANYTIME.contains(&name) {
            true => CKR_ARGUMENTS_BAD,
            false => CKR_CRYPTOKI_NOT_INITIALIZED,
        };
        rv == expected
    })
}

#[test]
fn nothing_works_before_initialize_and_after_finalize() {
    let _whole = alone();
    assert!(refuses_all());
    assert_eq!(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(initialize(), CKR_OK);
    assert!(!refuses_all());
    assert_eq!(finalize(), CKR_OK);
    assert!(refuses_all());
    assert_eq!(finalize(), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn initialize_works_any_number_of_times() {
    let _whole = alone();
    for _ in 0..100 {
        assert_eq!(initialize(), CKR_OK);
        assert_eq!(initialize(), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        assert_eq!(OPEN.load(Ordering::SeqCst), 1);
        assert_eq!(finalize(), CKR_OK);
        assert_eq!(OPEN.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn initialize_judges_its_arguments() {
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
        pReserved: ptr::null_mut(),
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
    let cases = [
        (none, CKR_OK),
        (CK_C_INITIALIZE_ARGS { flags: os, ..none }, CKR_OK),
        (
            CK_C_INITIALIZE_ARGS {
                flags: os | threadless,
                ..all
            },
            CKR_OK,
        ),
        (
            CK_C_INITIALIZE_ARGS {
                flags: threadless,
                ..none
            },
            CKR_OK,
        ),
        (all, CKR_OK),
        (
            CK_C_INITIALIZE_ARGS {
                flags: os,
                UnlockMutex: None,
                ..all
            },
            CKR_ARGUMENTS_BAD,
        ),
        (
            CK_C_INITIALIZE_ARGS {
                LockMutex: Some(other),
                ..none
            },
            CKR_ARGUMENTS_BAD,
        ),
        (
            CK_C_INITIALIZE_ARGS {
                pReserved: reserved,
                ..none
            },
            CKR_ARGUMENTS_BAD,
        ),
    ];
    let _whole = alone();
    for (index, (args, expected)) in cases.iter().enumerate() {
        assert_eq!(initialize_with(args), *expected, "case {index}");
        let after = if *expected == CKR_OK {
            CKR_OK
        } else {
            CKR_CRYPTOKI_NOT_INITIALIZED
        };
        assert_eq!(finalize(), after, "case {index}");
    }
    assert_eq!(initialize(), CKR_OK);
    assert_eq!(call!(C_Finalize(reserved)), CKR_ARGUMENTS_BAD);
    assert_eq!(finalize(), CKR_OK);
}

#[test]
fn threads_that_race_have_one_module_open() {
    let _whole = alone();
    MOST_OPEN.store(0, Ordering::SeqCst);
    race(|| {});
    assert_eq!(MOST_OPEN.load(Ordering::SeqCst), 1);
    assert_eq!(OPEN.load(Ordering::SeqCst), 0);
}

#[test]
fn calls_that_race_with_finalize_are_answered_or_refused() {
    let _whole = alone();
    race(|| {
        let rv = call!(C_DestroyObject(1, 1));
        assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_NOT_INITIALIZED));
    });
    assert_eq!(OPEN.load(Ordering::SeqCst), 0);
}

/// Threads that initialize, run `call` and finalize, all at once.
fn race(call: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let rv = initialize();
                    assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_ALREADY_INITIALIZED));
                    call();
                    let rv = finalize();
                    assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_NOT_INITIALIZED));
                }
            });
        }
    });
    finalize();
}

#[test]
fn finalize_waits_for_no_call_and_a_call_keeps_its_module() {
    let _whole = alone();
    WAITING.store(false, Ordering::SeqCst);
    LEAVE.store(false, Ordering::SeqCst);
    assert_eq!(initialize(), CKR_OK);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let pin = super::bytes(b"wait");
            call!(C_Login(1, CKU_USER, pin, 4))
        });
        while !WAITING.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert_eq!(finalize(), CKR_OK);
        assert_eq!(OPEN.load(Ordering::SeqCst), 1);
        assert_eq!(call!(C_Logout(1)), CKR_CRYPTOKI_NOT_INITIALIZED);
        LEAVE.store(true, Ordering::SeqCst);
        assert_eq!(busy.join().unwrap(), CKR_OK);
    });
    assert_eq!(OPEN.load(Ordering::SeqCst), 0);
}

#[test]
fn a_process_that_exits_gets_no_answer() {
    let _whole = alone();
    assert_eq!(initialize(), CKR_OK);
    process::set_exiting(true);
    let answers: Vec<_> = zeroed()
        .map(|(_, rv)| rv)
        .chain([initialize(), finalize()])
        .collect();
    process::set_exiting(false);
    assert!(answers.iter().all(|rv| *rv == CKR_CRYPTOKI_NOT_INITIALIZED));
    assert_eq!(finalize(), CKR_OK);
}

#[test]
fn a_forked_child_starts_anew() {
    let _whole = alone();
    assert_eq!(initialize(), CKR_OK);
    let open = || OPEN.load(Ordering::SeqCst);
    let held = in_child(|| {
        refuses_all()
            && finalize() == CKR_CRYPTOKI_NOT_INITIALIZED
            && initialize() == CKR_OK
            // The parent's module is left alone: it counts as open, beside the child's own.
            && open() == 2
            && call!(C_DestroyObject(1, 1)) == CKR_OK
            && in_child(|| refuses_all() && initialize() == CKR_OK && finalize() == CKR_OK)
            && finalize() == CKR_OK
            && open() == 1
    });
    assert!(held);
    assert_eq!(call!(C_DestroyObject(1, 1)), CKR_OK);
    assert_eq!(finalize(), CKR_OK);
}

#[test]
fn a_child_of_a_busy_parent_is_not_stuck() {
    let _whole = alone();
    assert_eq!(initialize(), CKR_OK);
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                finalize();
                initialize();
            }
        });
        let held = (0..200).all(|_| in_child(|| initialize() == CKR_OK && finalize() == CKR_OK));
        done.store(true, Ordering::Relaxed);
        assert!(held);
    });
    finalize();
}

#[test]
fn both_marks_tell_a_child() {
    let (mark, fallback) = (Mark::new(), Mark::of_process_id());
    assert!(mark.is_ours() && fallback.is_ours());
    assert!(in_child(|| !mark.is_ours() && !fallback.is_ours()));
    assert!(mark.is_ours() && fallback.is_ours());
}

#[cfg(target_os = "linux")]
#[test]
fn linux_has_the_page() {
    assert!(matches!(Mark::new(), Mark::Page(_)));
}

#[test]
fn a_panic_is_an_error_and_the_next_call_works() {
    let _share = initialized();
    for _ in 0..3 {
        assert_eq!(call!(C_Logout(PANICS)), CKR_GENERAL_ERROR);
        assert_eq!(call!(C_CloseSession(PANICS)), CKR_GENERAL_ERROR);
        let mut out = [0_u8; 4];
        let mut out_len = len(out.len());
        let rv = call!(C_DigestFinal(PANICS, out.as_mut_ptr(), &raw mut out_len));
        assert_eq!((rv, out_len, out), (CKR_GENERAL_ERROR, 4, [0; 4]));
        assert_eq!(call!(C_Logout(1)), CKR_OK);
    }
}
