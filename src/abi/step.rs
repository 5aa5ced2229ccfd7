//! A step of an operation, at the door.

use super::below::Session;
use crate::ck;
use crate::error::Result;

/// Runs a step of the operation that `operation` (CKF_) names. Bad arguments, which the session
/// never sees, end the operation as every failing step does.
pub(super) fn step(
    session: &Session,
    operation: ck::CK_FLAGS,
    run: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let outcome = run();
    if outcome
        .as_ref()
        .is_err_and(|error| error.rv == ck::CKR_ARGUMENTS_BAD)
    {
        // The bad argument is what the caller has to hear of.
        let _ = session.cancel(operation);
    }
    outcome
}
