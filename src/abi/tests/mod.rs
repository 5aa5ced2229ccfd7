//! What the readers of parameters and templates make of a caller's memory. What the C functions do with
//! the results is tested on the built library, in `tests/functions/`.

use crate::ck::*;

mod ike;
mod kbkdf;
mod lengths;
mod parameters;
mod symmetric_parameters;
mod templates;

fn len(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap()
}

fn bytes(bytes: &[u8]) -> CK_BYTE_PTR {
    bytes.as_ptr().cast_mut()
}
