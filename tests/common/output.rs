//! The two-call convention, from the client's side.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::out::Out;

/// Fills a client's buffer, to see what is written.
const CANARY: u8 = 0xC5;

/// The length that a call says it needs.
pub(crate) fn needed(call: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<usize> {
    let mut out = Out::new(None);
    call(&mut out)?;
    Ok(out.len())
}

/// The output of a call into a buffer of `len` bytes. When the call refuses, the buffer must be
/// untouched.
pub(crate) fn exactly(
    len: usize,
    call: impl FnOnce(&mut Out<'_>) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut buffer = vec![CANARY; len];
    let mut out = Out::new(Some(&mut buffer));
    let outcome = call(&mut out);
    let written = out.len();
    if let Err(error) = outcome {
        // What fails may wipe what it had begun to write; a buffer that is too small is not touched.
        let wiped = |byte: &u8| *byte == 0 && error.rv != ck::CKR_BUFFER_TOO_SMALL;
        assert!(
            buffer.iter().all(|byte| *byte == CANARY || wiped(byte)),
            "refused with output"
        );
        return Err(error);
    }
    buffer.truncate(written);
    Ok(buffer)
}

/// The output of a call into a buffer that is large enough.
pub(crate) fn full(call: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<Vec<u8>> {
    exactly(65_536, call)
}
