//! Parameters of signatures with a context string.

use super::parts::{bytes, flag, hash};
use crate::ck;
use crate::error::Result;
use crate::mechanism::{Hedge, Params, Scheme, SignContext};

/// # Safety
/// The context of `params` is readable for its length, or NULL.
pub(super) unsafe fn eddsa(params: ck::CK_EDDSA_PARAMS) -> Result<Params> {
    // SAFETY: by the promise of this function.
    let context = unsafe { bytes(params.pContextData.cast(), params.ulContextDataLen) }?;
    let scheme = match flag(params.phFlag, "phFlag is no CK_BBOOL")? {
        false => Scheme::Context(context),
        true => Scheme::Prehashed(context),
    };
    Ok(Params::Eddsa(scheme))
}

/// CK_SIGN_ADDITIONAL_CONTEXT.
///
/// # Safety
/// The context of `params` is readable for its length, or NULL.
pub(super) unsafe fn context(params: ck::CK_SIGN_ADDITIONAL_CONTEXT) -> Result<Params> {
    Ok(Params::SignContext(SignContext {
        hedge: hedge(params.hedgeVariant),
        // SAFETY: by the promise of this function.
        context: unsafe { bytes(params.pContext.cast(), params.ulContextLen) }?,
    }))
}

/// CK_HASH_SIGN_ADDITIONAL_CONTEXT.
///
/// # Safety
/// As `context`.
pub(super) unsafe fn hash_context(params: ck::CK_HASH_SIGN_ADDITIONAL_CONTEXT) -> Result<Params> {
    let context = SignContext {
        hedge: hedge(params.hedgeVariant),
        // SAFETY: by the promise of this function.
        context: unsafe { bytes(params.pContext.cast(), params.ulContextLen) }?,
    };
    Ok(Params::HashSignContext(context, hash(params.hash)?))
}

fn hedge(number: ck::CK_ULONG) -> Option<Hedge> {
    Some(match number {
        ck::CKH_HEDGE_PREFERRED => Hedge::Preferred,
        ck::CKH_HEDGE_REQUIRED => Hedge::Required,
        ck::CKH_DETERMINISTIC_REQUIRED => Hedge::Deterministic,
        _ => return None,
    })
}
