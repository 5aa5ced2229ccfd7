use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use crate::fork::Mark;

use super::{Arena, CHUNK, CLASSES, LARGEST, Placement, Secret, class, take_spill_notice};

/// An arena that no other test fills.
fn arena(limit: usize) -> &'static Arena {
    of_process(Mark::new(), limit)
}

fn of_process(mark: Mark, limit: usize) -> &'static Arena {
    Box::leak(Box::new(Arena {
        mark,
        limit,
        state: parking_lot::Mutex::default(),
    }))
}

fn address(secret: &Secret) -> usize {
    secret.as_ptr().addr()
}

/// The flags of the mapping that holds `secret` (proc(5), VmFlags).
fn vm_flags(secret: &Secret) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut here = false;
    for line in maps.lines() {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        let bounds = range.and_then(|(start, end)| {
            let hex = |text| usize::from_str_radix(text, 16).ok();
            Some(hex(start)?..hex(end)?)
        });
        if let Some(bounds) = bounds {
            here = bounds.contains(&address(secret));
        } else if let (true, Some(flags)) = (here, line.strip_prefix("VmFlags:")) {
            return flags.split_whitespace().map(str::to_owned).collect();
        }
    }
    panic!("no mapping holds the secret");
}

#[test]
fn slots_are_the_next_power_of_two() {
    let sizes = [1, 16, 17, 32, 33, 2048, 2049, 4096].map(|len| class(len).1);
    assert_eq!(sizes, [16, 16, 32, 32, 64, 2048, 4096, 4096]);
    assert_eq!(class(LARGEST).0, CLASSES - 1);
}

#[test]
fn it_behaves_like_the_bytes_it_holds() {
    for len in [0, 1, 15, 16, 17, 255, 4095, 4096, 4097, 70_000] {
        let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let secret = Secret::copy(&bytes);
        assert_eq!(&secret[..], &bytes[..]);
        assert_eq!(&secret.clone()[..], &bytes[..]);
        assert_eq!(&Secret::from(bytes.clone())[..], &bytes[..]);
        assert!(secret.ct_eq(&bytes) && !secret.ct_eq(b"something else"));
        assert_eq!(&secret.truncated(len / 2)[..], &bytes[..len / 2]);
        assert!(Secret::zeroed(len).iter().all(|byte| *byte == 0));
    }
    assert!(Secret::default().is_empty());
}

#[test]
fn a_slot_given_back_is_zero_and_used_again() {
    let arena = arena(CHUNK);
    for len in [1, 16, 100, 4096] {
        let mut first = Secret::zeroed_in(arena, len);
        first.fill(0xAA);
        let place = address(&first);
        drop(first);
        // `zeroed_in` writes nothing into a slot: it relies on what `drop` left there.
        let second = Secret::zeroed_in(arena, class(len).1);
        assert_eq!(address(&second), place);
        assert!(second.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn live_secrets_do_not_overlap() {
    let arena = arena(4 * CHUNK);
    let secrets: Vec<_> = (1..=200).map(|len| Secret::zeroed_in(arena, len)).collect();
    let bytes: HashSet<_> = secrets
        .iter()
        .flat_map(|secret| (0..secret.len()).map(|at| address(secret) + at))
        .collect();
    assert_eq!(bytes.len(), (1..=200).sum::<usize>());
}

#[test]
fn a_full_arena_spills_to_the_heap_and_recovers() {
    let arena = arena(CHUNK);
    let full: Vec<_> = (0..CHUNK / LARGEST)
        .map(|_| Secret::zeroed_in(arena, LARGEST))
        .collect();
    assert!(
        full.iter()
            .all(|secret| matches!(secret.home, Placement::Slot(_)))
    );
    let mut spilled = Secret::zeroed_in(arena, 32);
    assert!(matches!(spilled.home, Placement::Heap));
    spilled.fill(7);
    assert_eq!(&spilled[..], &[7; 32]);
    let long = Secret::zeroed_in(arena, LARGEST + 1);
    assert!(matches!(long.home, Placement::Heap));
    drop(full);
    assert!(matches!(
        Secret::zeroed_in(arena, LARGEST).home,
        Placement::Slot(_)
    ));
}

#[test]
fn a_long_secret_has_pages_of_its_own_and_returns_them() {
    let arena = arena(1 << 20);
    for _ in 0..8 {
        let long = Secret::zeroed_in(arena, 600_000);
        assert!(matches!(long.home, Placement::Pages(_)));
        assert!(matches!(
            Secret::zeroed_in(arena, 600_000).home,
            Placement::Heap
        ));
    }
    assert_eq!(arena.state.lock().mapped, 0);
}

#[test]
fn a_slot_of_a_parent_process_is_not_given_out_again() {
    let parents = of_process(Mark::of_another_process(), CHUNK);
    let place = address(&Secret::zeroed_in(parents, 64));
    assert_ne!(address(&Secret::zeroed_in(parents, 64)), place);
}

#[test]
fn pages_stay_out_of_core_dumps() {
    for len in [32, 10_000] {
        let flags = vm_flags(&Secret::zeroed_in(arena(1 << 20), len));
        assert!(flags.iter().any(|flag| flag == "dd"), "{flags:?}");
    }
}

#[test]
fn threads_share_the_arena() {
    thread::scope(|scope| {
        for id in 0..8u8 {
            scope.spawn(move || {
                let mut kept = Vec::new();
                for round in 0..2_000usize {
                    let mut secret = Secret::zeroed(1 + round * 7 % 5_000);
                    assert!(secret.iter().all(|byte| *byte == 0));
                    secret.fill(id);
                    kept.push(secret);
                    if kept.len() > 20 {
                        let old = kept.swap_remove(round % 20);
                        assert!(old.iter().all(|byte| *byte == id));
                    }
                }
                thread::spawn(move || drop(kept)).join().unwrap();
            });
        }
    });
}

/// Runs in a process of its own: `locked_memory_is_locked` and `without_…` start it.
#[test]
fn child() {
    let Ok(locked) = std::env::var("TENON_TEST_LOCKED") else {
        return;
    };
    let wanted = locked == "yes";
    let secrets: Vec<_> = (0..100).map(|i| Secret::copy(&[i; 48])).collect();
    for (i, secret) in secrets.iter().enumerate() {
        assert!(secret.iter().all(|byte| usize::from(*byte) == i));
    }
    let flags = vm_flags(&secrets[0]);
    assert_eq!(flags.iter().any(|flag| flag == "lo"), wanted, "{flags:?}");
    assert_eq!(take_spill_notice(), !wanted);
    let more = Secret::zeroed(100_000);
    assert!(more.iter().all(|byte| *byte == 0));
    assert!(!take_spill_notice(), "told twice");
}

/// Runs `child` where at most `kib` KiB may be locked.
fn run_child(kib: u32, locked: &str) {
    let exe = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    // root may lock what it likes, so the child is somebody else, who needs a copy to execute.
    let exe = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let copy = folder.path().join("child");
        fs::copy(exe, &copy).unwrap();
        command.uid(65534).gid(65534);
        copy
    } else {
        exe
    };
    let output = command
        .args(["-c", &format!("ulimit -l {kib} && exec \"$0\" \"$@\"")])
        .arg(exe)
        .args(["--exact", "secret::tests::child"])
        .env("TENON_TEST_LOCKED", locked)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{output:?}"
    );
}

#[test]
fn locked_memory_is_locked() {
    // One chunk, and the pages of the long secret: the least that systems allow by default is 64 KiB.
    run_child(1024, "yes");
}

#[test]
fn without_locked_memory_secrets_work_and_one_notice_says_so() {
    run_child(0, "no");
}
