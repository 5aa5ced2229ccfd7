//! Searches the memory of another process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::secrets::Secrets;

/// Bytes of a secret that are found.
const PIECE: usize = 16;

/// Pieces of the secrets as they are, and with their bytes in the order of a number in this machine's
/// memory: the beginning of each, and which it is.
pub(crate) struct Pieces {
    starts: Vec<bool>,
    all: HashMap<[u8; PIECE], String>,
}

impl Pieces {
    pub(crate) fn of(secrets: &Secrets) -> Self {
        let mut pieces = Self {
            starts: vec![false; 1 << 16],
            all: HashMap::new(),
        };
        for name in secrets.names() {
            let value = secrets.clear(name).to_vec();
            let turned: Vec<_> = value.iter().rev().copied().collect();
            for form in [value, turned] {
                for (at, piece) in form.windows(PIECE).enumerate() {
                    pieces.starts[start(piece)] = true;
                    let piece = piece.try_into().unwrap();
                    pieces.all.insert(piece, format!("{name} at {at}"));
                }
            }
        }
        pieces
    }

    fn find<'a>(&'a self, memory: &[u8]) -> Option<(usize, &'a str)> {
        memory.windows(PIECE).enumerate().find_map(|(at, piece)| {
            if !self.starts[start(piece)] {
                return None;
            }
            Some((at, &self.all.get(piece)?[..]))
        })
    }
}

fn start(piece: &[u8]) -> usize {
    usize::from(u16::from_ne_bytes([piece[0], piece[1]]))
}

/// What of `pieces` is in memory that the process can write, and where.
pub(crate) fn search(process: u32, pieces: &Pieces) -> Vec<String> {
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let stacks = stack_pointers(process);
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, access) = (fields.next().unwrap(), fields.next().unwrap());
        if !access.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        let (mut from, name) = (0, fields.next_back().unwrap());
        while let Some((offset, piece)) = pieces.find(&bytes[from..]) {
            let address = start + (from + offset) as u64;
            let place = place(name, &(start..end), address, &stacks);
            found.push(format!("{piece}: {address:#x}, {place}"));
            from += offset + PIECE;
        }
    }
    found
}

/// The stack pointers of the threads of a process that waits.
fn stack_pointers(process: u32) -> Vec<u64> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads
        .filter_map(|thread| {
            let call = fs::read_to_string(thread.unwrap().path().join("syscall")).ok()?;
            let pointer = call.split_whitespace().rev().nth(1)?;
            u64::from_str_radix(pointer.strip_prefix("0x")?, 16).ok()
        })
        .collect()
}

/// What is at `address` in the mapping `range`, whose last field is `name`.
fn place(name: &str, range: &Range<u64>, address: u64, stacks: &[u64]) -> String {
    match stacks.iter().find(|pointer| range.contains(pointer)) {
        Some(pointer) if address < *pointer => {
            format!("{} bytes below a stack", pointer - address)
        }
        Some(pointer) => format!("{} bytes inside a stack", address - pointer),
        None => format!("mapping {name}"),
    }
}
