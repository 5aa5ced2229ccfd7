//! Secret bytes: locked in memory where the system lets them, kept out of core dumps, zeroized when
//! dropped, never printed, compared in constant time.
//!
//! They live in an arena of the process: in slots of 16 to 4096 bytes, or in pages of their own.
//! Past the arena's limit they go to the heap, which is not locked; where `mlock` is refused, the pages
//! are not locked either. A secret in memory that is not locked has *spilled*. Wherever they live,
//! bytes are zero before they are given back.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::fork::Mark;

#[cfg(test)]
mod tests;

const STACK: usize = 16 * 1024;

/// Runs `work`, then wipes 16 KiB of the stack below the caller, where functions that have returned had
/// their variables. Costs 0.3 µs.
pub(crate) fn with_wiped_stack<T>(work: impl FnOnce() -> T) -> T {
    let done = in_a_frame_of_its_own(work);
    zeroize::zeroize_stack::<STACK>();
    done
}

/// Never inlined, so that every frame of `work` lies below the caller's.
#[inline(never)]
fn in_a_frame_of_its_own<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// The beginning of the file at `path`: at most one byte more than the `most` that it may have.
pub(crate) fn read_beginning(path: &Path, most: usize) -> io::Result<Secret> {
    // A buffer that grows leaves copies of its content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    let limit = u64::try_from(most + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(Secret::copy(&bytes))
}

/// A secret of fixed length. `Clone` copies it; both copies are wiped.
pub struct Secret {
    /// Valid for `len` bytes, and owned.
    bytes: NonNull<u8>,
    len: usize,
    home: Placement,
}

// SAFETY: a Secret owns its bytes alone, and gives them out by Rust's borrowing rules.
unsafe impl Send for Secret {}
// SAFETY: as above; `&Secret` only reads.
unsafe impl Sync for Secret {}

impl Secret {
    /// `len` zero bytes, to be filled.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self::zeroed_in(Arena::current(), len)
    }

    /// As `zeroed`, for a length that the caller of the library chose; `None` when there is no memory
    /// for it.
    #[must_use]
    pub fn try_zeroed(len: usize) -> Option<Self> {
        if len <= TRY_ABOVE {
            return Some(Self::zeroed(len));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.resize(len, 0);
        let (bytes, home) = heap(bytes);
        Some(Self { bytes, len, home })
    }

    fn zeroed_in(arena: &'static Arena, len: usize) -> Self {
        let (bytes, home) = match len {
            0 => (NonNull::dangling(), Placement::Nowhere),
            1..=LARGEST => arena.slot(len).unwrap_or_else(|| heap(vec![0; len])),
            _ => arena.pages(len).unwrap_or_else(|| heap(vec![0; len])),
        };
        Self { bytes, len, home }
    }

    /// A copy of `bytes`; the caller's bytes are not wiped.
    #[must_use]
    pub fn copy(bytes: &[u8]) -> Self {
        let mut secret = Self::zeroed(bytes.len());
        secret.copy_from_slice(bytes);
        secret
    }

    /// The first `len` bytes; the rest is wiped.
    #[must_use]
    pub fn truncated(self, len: usize) -> Self {
        if len >= self.len() {
            return self;
        }
        Self::copy(&self[..len])
    }

    /// Equality in time that depends on the lengths alone.
    #[must_use]
    pub fn ct_eq(&self, other: &[u8]) -> bool {
        bool::from(self.as_ref().ct_eq(other))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.zeroize();
        match self.home {
            Placement::Nowhere => {}
            Placement::Slot(arena) => arena.take_back(self.bytes, self.len),
            Placement::Pages(arena) => arena.unmap(self.bytes, self.len),
            Placement::Heap => {
                let bytes = ptr::slice_from_raw_parts_mut(self.bytes.as_ptr(), self.len);
                // SAFETY: `heap` leaked a Box of these `len` bytes.
                drop(unsafe { Box::from_raw(bytes) });
            }
        }
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        Self::copy(self)
    }
}

impl PartialEq for Secret {
    /// As `ct_eq`.
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl Eq for Secret {}

impl Default for Secret {
    fn default() -> Self {
        Self::zeroed(0)
    }
}

impl From<Vec<u8>> for Secret {
    /// Copies and wipes `bytes`.
    fn from(mut bytes: Vec<u8>) -> Self {
        let secret = Self::copy(&bytes);
        bytes.zeroize();
        secret
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `bytes` is valid for `len` initialized bytes while `self` lives.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr(), self.len) }
    }
}

impl DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only borrow.
        unsafe { slice::from_raw_parts_mut(self.bytes.as_ptr(), self.len) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len())
    }
}

static SPILLED: AtomicBool = AtomicBool::new(false);
static TOLD: AtomicBool = AtomicBool::new(false);

/// True once in the life of the process, after secrets have spilled out of locked memory.
#[must_use]
pub(crate) fn take_spill_notice() -> bool {
    SPILLED.load(Ordering::Relaxed) && !TOLD.swap(true, Ordering::Relaxed)
}

/// Where a secret's memory lies, and is given back to.
enum Placement {
    /// An empty secret has no memory.
    Nowhere,
    Slot(&'static Arena),
    /// Pages of the secret's own.
    Pages(&'static Arena),
    Heap,
}

fn heap(bytes: Vec<u8>) -> (NonNull<u8>, Placement) {
    SPILLED.store(true, Ordering::Relaxed);
    let bytes = Box::leak(bytes.into_boxed_slice());
    (NonNull::from(bytes).cast(), Placement::Heap)
}

/// `Secret::try_zeroed` answers `None` only for more bytes than these.
const TRY_ABOVE: usize = 1 << 20;

/// Sizes of slots: 16, 32, … 4096.
const SMALLEST: usize = 16;
const LARGEST: usize = 4096;
const CLASSES: usize = 9;
/// What is mapped at a time for slots: a multiple of every page size in use.
const CHUNK: usize = 64 * 1024;
/// Greatest number of bytes that the arena maps.
const LIMIT: usize = 4 * 1024 * 1024;

/// The locked memory of one process. After a fork the child makes its own: locks on memory are not
/// inherited, and another thread may have held the parent's mutex at that moment. Never freed.
struct Arena {
    mark: Mark,
    limit: usize,
    state: Mutex<ArenaState>,
}

#[derive(Default)]
struct ArenaState {
    /// Free slots of each class. All their bytes are zero.
    free: [Vec<FreeMemory>; CLASSES],
    /// The rest of the newest chunk, and its length.
    rest: Option<(FreeMemory, usize)>,
    mapped: usize,
}

/// Start of memory that nobody borrows.
struct FreeMemory(NonNull<u8>);

// SAFETY: a FreeMemory stands for memory that belongs to no thread.
unsafe impl Send for FreeMemory {}

static CURRENT: AtomicPtr<Arena> = AtomicPtr::new(ptr::null_mut());

impl Arena {
    /// A forked child gets an arena of its own.
    fn current() -> &'static Self {
        let known = CURRENT.load(Ordering::Acquire);
        // SAFETY: arenas are never freed once they are in CURRENT.
        if let Some(arena) = unsafe { known.as_ref() }
            && arena.is_ours()
        {
            return arena;
        }
        let fresh = Box::into_raw(Box::new(Self {
            mark: Mark::new(),
            limit: LIMIT,
            state: Mutex::default(),
        }));
        match CURRENT.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: `fresh` came from a Box and is now never freed.
            Ok(_) => unsafe { &*fresh },
            Err(winner) => {
                // SAFETY: `fresh` came from a Box and nobody else has seen it.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: as at the first load.
                unsafe { &*winner }
            }
        }
    }

    fn is_ours(&self) -> bool {
        self.mark.is_ours()
    }

    /// A slot for `len` bytes, 1 to LARGEST; `None` when the arena is full.
    fn slot(&'static self, len: usize) -> Option<(NonNull<u8>, Placement)> {
        let (class, size) = class(len);
        let mut state = self.state.lock();
        let slot = match state.free[class].pop() {
            Some(slot) => slot,
            None => state.cut(size, self.limit)?,
        };
        Some((slot.0, Placement::Slot(self)))
    }

    /// Takes back the slot of `len` bytes, which are zero. A forked child does not use its parent's slots
    /// again.
    fn take_back(&self, bytes: NonNull<u8>, len: usize) {
        if self.is_ours() {
            self.state.lock().free[class(len).0].push(FreeMemory(bytes));
        }
    }

    /// Pages for `len` bytes; `None` when the arena is full.
    fn pages(&'static self, len: usize) -> Option<(NonNull<u8>, Placement)> {
        let pages = self.state.lock().map(len, self.limit)?;
        Some((pages.0, Placement::Pages(self)))
    }

    fn unmap(&self, bytes: NonNull<u8>, len: usize) {
        // SAFETY: `map` mapped `len` bytes here for a Secret that is being dropped.
        unsafe { libc::munmap(bytes.as_ptr().cast(), len) };
        if self.is_ours() {
            self.state.lock().mapped -= len;
        }
    }
}

/// Class and size of the slots for `len` bytes, 1 to LARGEST.
fn class(len: usize) -> (usize, usize) {
    let size = len.next_power_of_two().max(SMALLEST);
    ((size / SMALLEST).ilog2() as usize, size)
}

impl ArenaState {
    /// `size` bytes of the newest chunk, or of a new one when its rest is too short.
    fn cut(&mut self, size: usize, limit: usize) -> Option<FreeMemory> {
        let (start, rest) = match self.rest.take() {
            Some((start, rest)) if rest >= size => (start, rest),
            _ => (self.map(CHUNK, limit)?, CHUNK),
        };
        // SAFETY: `size <= rest`, so the sum is within the chunk or one past its end.
        let next = unsafe { start.0.add(size) };
        self.rest = Some((FreeMemory(next), rest - size));
        Some(start)
    }

    /// Maps `len` zero bytes, out of core dumps, and locked if the system lets us.
    fn map(&mut self, len: usize, limit: usize) -> Option<FreeMemory> {
        let mapped = self.mapped.checked_add(len).filter(|all| *all <= limit)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: an anonymous mapping at an address of the system's choice touches nothing of ours.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: these `len` bytes were mapped just now; advice and locks do not change them.
        let locked = unsafe {
            libc::madvise(start, len, libc::MADV_DONTDUMP);
            libc::mlock(start, len) == 0
        };
        if !locked {
            SPILLED.store(true, Ordering::Relaxed);
        }
        self.mapped = mapped;
        NonNull::new(start.cast()).map(FreeMemory)
    }
}
