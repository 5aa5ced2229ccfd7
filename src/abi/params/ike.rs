//! The structures of IKE.

use std::ffi::c_void;

use super::parts::{bytes, flag, hmac, structure};
use crate::ck::{self, CK_ULONG};
use crate::error::{Result, refuse};
use crate::mechanism::{IkeBase, IkeParam, IkeParams, IkeStep, Params};

/// # Safety
/// As `super::read`.
pub(super) unsafe fn read(kind: IkeParam, start: *mut c_void, len: CK_ULONG) -> Result<Params> {
    // SAFETY: by the promise of this function, for each structure and the pointers in it.
    let params = unsafe {
        match kind {
            IkeParam::First => first(structure(start, len)?)?,
            IkeParam::Further => further(structure(start, len)?)?,
            IkeParam::Extended => extended(structure(start, len)?)?,
            IkeParam::Plus => plus(structure(start, len)?)?,
        }
    };
    Ok(Params::Ike(params))
}

/// # Safety
/// The pointers of `params` are NULL or readable for their lengths.
unsafe fn first(params: ck::CK_IKE_PRF_DERIVE_PARAMS) -> Result<IkeParams> {
    let data_as_key = flag(params.bDataAsKey, "bDataAsKey is no CK_BBOOL")?;
    let base = match (data_as_key, flag(params.bRekey, "bRekey is no CK_BBOOL")?) {
        (true, false) => IkeBase::Message,
        (false, false) => IkeBase::Key,
        (false, true) => IkeBase::Rekey(params.hNewKey),
        (true, true) => {
            return refuse(
                ck::CKR_ARGUMENTS_BAD,
                "bDataAsKey and bRekey are not both CK_TRUE",
            );
        }
    };
    Ok(IkeParams {
        hash: hmac(params.prfMechanism)?,
        step: IkeStep::First {
            // SAFETY: by the promise of this function.
            nonces: unsafe { joined((params.pNi, params.ulNiLen), (params.pNr, params.ulNrLen)) }?,
            base,
        },
    })
}

/// # Safety
/// As `first`.
unsafe fn further(params: ck::CK_IKE1_PRF_DERIVE_PARAMS) -> Result<IkeParams> {
    let previous = flag(params.bHasPrevKey, "bHasPrevKey is no CK_BBOOL")?;
    let (ours, theirs) = (
        (params.pCKYi, params.ulCKYiLen),
        (params.pCKYr, params.ulCKYrLen),
    );
    Ok(IkeParams {
        hash: hmac(params.prfMechanism)?,
        step: IkeStep::Further {
            shared: params.hKeygxy,
            previous: previous.then_some(params.hPrevKey),
            // SAFETY: by the promise of this function.
            cookies: unsafe { joined(ours, theirs) }?,
            number: params.keyNumber,
        },
    })
}

/// # Safety
/// As `first`.
unsafe fn extended(params: ck::CK_IKE1_EXTENDED_DERIVE_PARAMS) -> Result<IkeParams> {
    let shared = flag(params.bHasKeygxy, "bHasKeygxy is no CK_BBOOL")?;
    Ok(IkeParams {
        hash: hmac(params.prfMechanism)?,
        step: IkeStep::Extended {
            shared: shared.then_some(params.hKeygxy),
            // SAFETY: by the promise of this function.
            data: unsafe { bytes(params.pExtraData.cast(), params.ulExtraDataLen) }?,
        },
    })
}

/// # Safety
/// As `first`.
unsafe fn plus(params: ck::CK_IKE2_PRF_PLUS_DERIVE_PARAMS) -> Result<IkeParams> {
    let seed_key = flag(params.bHasSeedKey, "bHasSeedKey is no CK_BBOOL")?;
    Ok(IkeParams {
        hash: hmac(params.prfMechanism)?,
        step: IkeStep::Plus {
            seed_key: seed_key.then_some(params.hSeedKey),
            // SAFETY: by the promise of this function.
            seed: unsafe { bytes(params.pSeedData.cast(), params.ulSeedDataLen) }?,
        },
    })
}

/// What the initiator gave and what the responder gave, one behind the other.
///
/// # Safety
/// The pointers are NULL or readable for their lengths.
unsafe fn joined(
    (ours, our_len): (*mut ck::CK_BYTE, CK_ULONG),
    (theirs, their_len): (*mut ck::CK_BYTE, CK_ULONG),
) -> Result<Vec<u8>> {
    // SAFETY: by the promise of this function.
    let mut joined = unsafe { bytes(ours.cast(), our_len) }?;
    // SAFETY: as above.
    joined.extend(unsafe { bytes(theirs.cast(), their_len) }?);
    Ok(joined)
}
