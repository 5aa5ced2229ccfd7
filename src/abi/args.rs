//! Arguments that are read or written in one piece.
//!
//! The constructors are the promise that a pointer is NULL or good for its use while the call
//! lasts; everything else is safe. No alignment is assumed. Nothing is written unless the call
//! succeeds.

use std::ffi::{CStr, c_char};
use std::{ptr, slice};

use crate::ck::{self, CK_ULONG};
use crate::error::{Error, Result, refuse};

/// 64 GiB: a longer input or output is taken for a mistake of the caller.
pub(super) const MEMORY: CK_ULONG = 1 << 36;

/// Greatest length in bytes of a value that is copied before it is checked: an attribute, a parameter, a wrapped key.
pub(super) const LARGEST_COPY: CK_ULONG = 1 << 26;

/// Bytes of the caller that the function reads.
#[derive(Clone, Copy)]
pub(super) struct InputBytes {
    start: *const u8,
    len: CK_ULONG,
}

/// `len` bytes at `start`.
///
/// # Safety
/// `start` is NULL or readable for `len` bytes, unchanged, while the call lasts.
pub(super) unsafe fn input(start: *mut u8, len: CK_ULONG) -> InputBytes {
    InputBytes { start, len }
}

/// No bytes, for functions that take none.
pub(super) fn nothing() -> InputBytes {
    InputBytes {
        start: ptr::null(),
        len: 0,
    }
}

impl InputBytes {
    /// The bytes; none at NULL with length 0.
    pub(super) fn bytes(&self) -> Result<&[u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        let len = in_memory(extent(self.start, self.len)?, MEMORY)?;
        // SAFETY: readable by the promise of `input`; not NULL, and no longer than a slice may be.
        Ok(unsafe { slice::from_raw_parts(self.start, len) })
    }

    /// The bytes of a value that is copied before it is checked: at most `LARGEST_COPY`, so that no caller makes the
    /// library allocate more.
    pub(super) fn value(&self) -> Result<&[u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        in_memory(extent(self.start, self.len)?, LARGEST_COPY)?;
        self.bytes()
    }

    /// There is no pointer.
    pub(super) fn is_null(&self) -> bool {
        self.start.is_null()
    }

    /// A PIN. NULL asks for a protected authentication path, which this token does not have.
    pub(super) fn pin(&self) -> Result<&[u8]> {
        if self.start.is_null() {
            return refuse(
                ck::CKR_ARGUMENTS_BAD,
                "a PIN is needed: the token has no protected authentication path",
            );
        }
        self.value()
    }

    /// Whether these bytes and the `len` bytes at `other` have a byte in common.
    pub(super) fn overlaps(&self, other: *const u8, len: usize) -> bool {
        let (a, b) = (self.start.addr(), other.addr());
        self.len != 0
            && len != 0
            && a < b.saturating_add(len)
            && CK_ULONG::try_from(b.saturating_sub(a)).is_ok_and(|gap| gap < self.len)
    }
}

/// Bytes of the caller that the function fills.
pub(super) struct OutputBytes {
    start: *mut u8,
    len: CK_ULONG,
}

/// `len` bytes at `start`.
///
/// # Safety
/// `start` is NULL or writable for `len` bytes, and ours alone, while the call lasts.
pub(super) unsafe fn buffer(start: *mut u8, len: CK_ULONG) -> OutputBytes {
    OutputBytes { start, len }
}

impl OutputBytes {
    /// The bytes, with their present content; none at NULL with length 0.
    pub(super) fn bytes(&mut self) -> Result<&mut [u8]> {
        if self.len == 0 {
            return Ok(&mut []);
        }
        let len = in_memory(extent(self.start, self.len)?, MEMORY)?;
        // SAFETY: writable by the promise of `buffer`; not NULL, and no longer than a slice may be.
        Ok(unsafe { slice::from_raw_parts_mut(self.start, len) })
    }
}

/// A structure of the caller.
pub(super) struct InputStruct<T>(*const T);

/// The structure at `start`.
///
/// # Safety
/// `start` is NULL or readable for a `T`, of which every bit pattern is a value.
pub(super) unsafe fn record<T: Copy>(start: *mut T) -> InputStruct<T> {
    InputStruct(start)
}

impl<T: Copy> InputStruct<T> {
    /// A copy; `None` at NULL.
    pub(super) fn read(&self) -> Option<T> {
        // SAFETY: readable by the promise of `record`.
        (!self.0.is_null()).then(|| unsafe { self.0.read_unaligned() })
    }

    /// A copy.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD at NULL.
    pub(super) fn required(&self) -> Result<T> {
        self.read().ok_or_else(null)
    }
}

/// A text that ends with NUL.
pub(super) struct Text(*const c_char);

/// The text at `start`.
///
/// # Safety
/// `start` is NULL or readable up to a NUL byte, unchanged, while the call lasts.
pub(super) unsafe fn text(start: *mut u8) -> Text {
    Text(start.cast())
}

impl Text {
    /// The text; `None` at NULL.
    pub(super) fn read(&self) -> Option<&CStr> {
        // SAFETY: ends with NUL by the promise of `text`.
        (!self.0.is_null()).then(|| unsafe { CStr::from_ptr(self.0) })
    }
}

/// Where the function writes one value.
pub(super) struct Place<T>(*mut T);

/// The place at `start`.
///
/// # Safety
/// `start` is NULL or writable for a `T` while the call lasts.
pub(super) unsafe fn place<T>(start: *mut T) -> Place<T> {
    Place(start)
}

impl<T> Place<T> {
    /// The place, known not to be NULL.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD at NULL.
    pub(super) fn ready(self) -> Result<CheckedPlace<T>> {
        if self.0.is_null() {
            return Err(null());
        }
        Ok(CheckedPlace(self.0))
    }

    /// Writes what `make` returns. `make` is not called where the place is NULL, so that nothing is done whose result
    /// would be lost.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD at NULL, and those of `make`.
    pub(super) fn fill(self, make: impl FnOnce() -> Result<T>) -> Result<()> {
        let place = self.ready()?;
        place.write(make()?);
        Ok(())
    }
}

/// A place that is not NULL.
pub(super) struct CheckedPlace<T>(*mut T);

impl<T> CheckedPlace<T> {
    pub(super) fn write(self, value: T) {
        // SAFETY: writable by the promise of `place`, and not NULL.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// `len` elements at `start` as the length of a slice.
///
/// # Errors
/// CKR_ARGUMENTS_BAD at NULL, or where the slice would be longer than Rust allows or pass the end of memory.
pub(super) fn extent<T>(start: *const T, len: CK_ULONG) -> Result<usize> {
    if start.is_null() {
        return Err(null());
    }
    usize::try_from(len)
        .ok()
        .filter(|len| {
            let bytes = len.checked_mul(size_of::<T>());
            bytes.is_some_and(|bytes| {
                bytes <= isize::MAX.unsigned_abs() && start.addr().checked_add(bytes).is_some()
            })
        })
        .ok_or_else(|| Error::new(ck::CKR_ARGUMENTS_BAD, "a length is beyond all memory"))
}

/// Whether there is memory of this process at `start`.
pub(super) fn is_mapped<T>(start: *mut T) -> bool {
    // SAFETY: no arguments.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Some(page) = usize::try_from(page)
        .ok()
        .filter(|page| page.is_power_of_two())
    else {
        return false;
    };
    let (first, mut resident) = (start.addr() & !(page - 1), [0; 2]);
    let len = start.addr() - first + size_of::<T>();
    // SAFETY: the call reads nothing at the address, and writes one byte for each page of `len`: two at
    // most, since a `T` is shorter than a page.
    unsafe { libc::mincore(start.with_addr(first).cast(), len, resident.as_mut_ptr()) == 0 }
}

fn in_memory(len: usize, most: CK_ULONG) -> Result<usize> {
    if count(len) > most {
        return refuse(
            ck::CKR_ARGUMENTS_BAD,
            format!("a length of {len} bytes is beyond what the call takes, {most}"),
        );
    }
    Ok(len)
}

/// A length as a CK_ULONG.
pub(super) fn count(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap_or(CK_ULONG::MAX)
}

pub(super) fn null() -> Error {
    Error::new(ck::CKR_ARGUMENTS_BAD, "a pointer that is needed is NULL")
}
