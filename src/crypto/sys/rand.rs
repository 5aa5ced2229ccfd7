//! aws-lc's random generator.

use crate::crypto::{Error, Result};

pub(in crate::crypto) fn fill(out: &mut [u8]) -> Result<()> {
    // SAFETY: `out` is valid for writing `out.len()` bytes.
    let ok = unsafe { aws_lc_sys::RAND_bytes(out.as_mut_ptr(), out.len()) };
    if ok != 1 {
        return Err(Error::Internal("RAND_bytes"));
    }
    Ok(())
}
