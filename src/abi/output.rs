//! Output of variable length: the caller's side of `Out`, and arrays of numbers.

use std::slice;

use zeroize::Zeroizing;

use super::args::{InputBytes, count, extent, null};
use crate::ck::{self, CK_ULONG};
use crate::error::{Result, refuse};
use crate::out::Out;

/// A buffer of the caller and the place of its length (section 5.2).
pub(super) struct OutputBuffer {
    start: *mut u8,
    len: *mut CK_ULONG,
}

/// Up to `*len` bytes at `start`.
///
/// # Safety
/// `len` is NULL or readable and writable; `start` is NULL or writable for `*len` bytes, while the
/// call lasts.
pub(super) unsafe fn output(start: *mut u8, len: *mut CK_ULONG) -> OutputBuffer {
    OutputBuffer { start, len }
}

impl OutputBuffer {
    /// Whether the caller only asks for the length.
    pub(super) fn is_query(&self) -> bool {
        self.start.is_null()
    }

    /// There is no place for the length.
    pub(super) fn is_absent(&self) -> bool {
        self.len.is_null()
    }

    /// Runs `produce` on the buffer. The length is written on success and with
    /// CKR_BUFFER_TOO_SMALL, and on no other error.
    pub(super) fn fill<T>(self, produce: impl FnOnce(&mut Out<'_>) -> Result<T>) -> Result<T> {
        let capacity = self.capacity()?;
        self.run(capacity, produce)
    }

    /// As `fill`, from `input`, which may lie in the buffer ("in place"): then it is copied first.
    pub(super) fn fill_from<T>(
        self,
        input: InputBytes,
        produce: impl FnOnce(&[u8], &mut Out<'_>) -> Result<T>,
    ) -> Result<T> {
        let capacity = self.capacity()?;
        let bytes = input.bytes()?;
        if capacity.is_some_and(|len| input.overlaps(self.start, len)) {
            let mut copy = Zeroizing::new(Vec::new());
            if copy.try_reserve_exact(bytes.len()).is_err() {
                return refuse(
                    ck::CKR_HOST_MEMORY,
                    "no memory for a copy of the input, which lies in the output's buffer",
                );
            }
            copy.extend_from_slice(bytes);
            return self.run(capacity, |out| produce(&copy, out));
        }
        self.run(capacity, |out| produce(bytes, out))
    }

    /// Bytes that the buffer holds; `None` for a query.
    fn capacity(&self) -> Result<Option<usize>> {
        if self.len.is_null() {
            return Err(null());
        }
        if self.start.is_null() {
            return Ok(None);
        }
        // SAFETY: readable by the promise of `output`, and not NULL.
        extent(self.start, unsafe { self.len.read_unaligned() }).map(Some)
    }

    fn run<T>(
        self,
        capacity: Option<usize>,
        produce: impl FnOnce(&mut Out<'_>) -> Result<T>,
    ) -> Result<T> {
        // SAFETY: writable by the promise of `output`; `extent` found it fit for a slice, and no
        // input that is still borrowed lies in it.
        let buffer = capacity.map(|len| unsafe { slice::from_raw_parts_mut(self.start, len) });
        let mut out = Out::new(buffer);
        let outcome = produce(&mut out);
        let len = count(out.len());
        let tells = outcome
            .as_ref()
            .map_or_else(|error| error.rv == ck::CKR_BUFFER_TOO_SMALL, |_| true);
        if tells {
            // SAFETY: writable by the promise of `output`, and not NULL.
            unsafe { self.len.write_unaligned(len) };
        }
        outcome
    }
}

/// An array of the caller and the place of its length, both counted in elements.
pub(super) struct OutputArray<T> {
    start: *mut T,
    count: *mut CK_ULONG,
}

/// Up to `*count` elements at `start`.
///
/// # Safety
/// `count` is NULL or readable and writable; `start` is NULL or writable for `*count` elements,
/// while the call lasts.
pub(super) unsafe fn list<T>(start: *mut T, count: *mut CK_ULONG) -> OutputArray<T> {
    OutputArray { start, count }
}

impl<T: Copy> OutputArray<T> {
    /// Writes the number of elements in any case, and all elements where the array holds them.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, and those of `make`.
    pub(super) fn fill(self, make: impl FnOnce() -> Result<Vec<T>>) -> Result<()> {
        if self.count.is_null() {
            return Err(null());
        }
        let elements = make()?;
        let len = count(elements.len());
        // SAFETY: readable and writable by the promise of `list`, and not NULL.
        let room = unsafe { self.count.read_unaligned() };
        // SAFETY: as above.
        unsafe { self.count.write_unaligned(len) };
        if self.start.is_null() {
            return Ok(());
        }
        if room < len {
            return refuse(ck::CKR_BUFFER_TOO_SMALL, "the list needs a larger array");
        }
        // SAFETY: writable for `room` elements by the promise of `list`.
        unsafe { write_all(self.start, &elements) };
        Ok(())
    }
}

/// An array of the caller of which the function may fill the first elements only.
pub(super) struct Array<T> {
    start: *mut T,
    len: CK_ULONG,
}

/// Up to `len` elements at `start`.
///
/// # Safety
/// `start` is NULL or writable for `len` elements while the call lasts.
pub(super) unsafe fn array<T>(start: *mut T, len: CK_ULONG) -> Array<T> {
    Array { start, len }
}

impl<T: Copy> Array<T> {
    /// Writes the elements that `make` returns for an array of this length, and returns their number.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD, and those of `make`.
    pub(super) fn fill(self, make: impl FnOnce(usize) -> Result<Vec<T>>) -> Result<CK_ULONG> {
        let len = match self.len {
            0 => 0,
            len => extent(self.start, len)?,
        };
        let mut elements = make(len)?;
        elements.truncate(len);
        // SAFETY: writable for `len` elements by the promise of `array`.
        unsafe { write_all(self.start, &elements) };
        Ok(count(elements.len()))
    }
}

/// # Safety
/// `start` is writable for all `elements`.
unsafe fn write_all<T: Copy>(start: *mut T, elements: &[T]) {
    for (index, element) in elements.iter().enumerate() {
        // SAFETY: by the promise of this function.
        unsafe { start.add(index).write_unaligned(*element) };
    }
}
