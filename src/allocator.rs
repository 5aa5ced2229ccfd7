//! Memory of this library's Rust code comes from the system's allocator and goes back to it wiped.
//!
//! So a copy of a secret that nobody else wipes ends when its memory is freed: what a vector leaves
//! behind when it grows, a temporary of another crate. The memory of the program that loaded the library
//! and of C code does not pass here: aws-lc wipes what it frees by itself, and SQLite gets sealed
//! bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::MaybeUninit;
use std::slice;

use zeroize::Zeroize;

#[global_allocator]
static ALLOCATOR: Wiping<System> = Wiping(System);

/// Wipes memory before `A` gets it back. Memory that grows is moved, never extended, so that `realloc`
/// wipes the old place.
struct Wiping<A>(A);

// SAFETY: memory comes from `A` and goes back to `A` with the same layout; between the two it is
// the caller's alone.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Wiping<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the promise of the caller.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the promise of the caller.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let bytes = memory.cast::<MaybeUninit<u8>>();
        // SAFETY: the caller gives `layout.size()` bytes back, and nobody borrows them any more.
        unsafe { slice::from_raw_parts_mut(bytes, layout.size()) }.zeroize();
        // SAFETY: by the promise of the caller.
        unsafe { self.0.dealloc(memory, layout) };
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// The system's allocator, which remembers what it got back.
    #[derive(Default)]
    struct Remembering(RefCell<Vec<Vec<u8>>>);

    // SAFETY: every call is the system's.
    unsafe impl GlobalAlloc for Remembering {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: by the promise of the caller.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: `layout.size()` bytes, which were initialized when they were allocated.
            let bytes = unsafe { slice::from_raw_parts(memory, layout.size()) };
            self.0.borrow_mut().push(bytes.to_vec());
            // SAFETY: by the promise of the caller.
            unsafe { System.dealloc(memory, layout) };
        }
    }

    #[test]
    fn memory_that_is_freed_or_grows_is_wiped() {
        let allocator = Wiping(Remembering::default());
        let layout = Layout::array::<u8>(40).unwrap();
        // SAFETY: 40 bytes, then 4000, each written within and given back once.
        unsafe {
            let small = allocator.alloc(layout);
            small.write_bytes(0x5A, 40);
            let large = allocator.realloc(small, layout, 4000);
            assert_eq!(slice::from_raw_parts(large, 40), [0x5A; 40]);
            large.write_bytes(0x5A, 4000);
            allocator.dealloc(large, Layout::array::<u8>(4000).unwrap());
        }
        let given_back = allocator.0.0.into_inner();
        assert_eq!(given_back, [vec![0; 40], vec![0; 4000]]);
    }
}
