//! One 64-bit number in a file that several processes map.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

/// Bytes of the file: the number, in the machine's byte order.
pub(super) const LEN: usize = size_of::<AtomicU64>();

/// The mapped number.
#[derive(Debug)]
pub(super) struct GenMap {
    number: NonNull<AtomicU64>,
}

// SAFETY: the mapping belongs to no thread, and the number in it is only used as an atomic.
unsafe impl Send for GenMap {}
// SAFETY: as above.
unsafe impl Sync for GenMap {}

impl GenMap {
    /// Maps `file`, which holds at least `LEN` bytes. The file may be closed afterwards.
    ///
    /// Without `writable` the number may only be loaded, and with relaxed ordering: that is the one
    /// atomic access which Rust allows on read-only memory.
    pub(super) fn new(file: &File, writable: bool) -> io::Result<Self> {
        let protection = if writable {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        };
        // SAFETY: a new mapping, at an address of the kernel's choice, of a file that is open.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                LEN,
                protection,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(address.cast())
            .map(|number| Self { number })
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    pub(super) fn number(&self) -> &AtomicU64 {
        // SAFETY: a mapping starts at a page, so it is aligned; it is LEN bytes long, initialised by
        // the file, and lives as long as `self`. Other processes use the number as an atomic too.
        unsafe { self.number.as_ref() }
    }
}

impl Drop for GenMap {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`, which nothing borrows any more.
        unsafe { libc::munmap(self.number.as_ptr().cast(), LEN) };
    }
}
