//! Parameters of ciphers, MACs and derivations with secret keys.

use super::{bytes, invalid};
use crate::ck::{self, CK_ULONG};
use crate::error::Result;
use crate::mechanism::Params;

/// CK_AES_CTR_PARAMS.
pub(super) fn ctr(params: ck::CK_AES_CTR_PARAMS) -> Result<Params> {
    match u32::try_from(params.ulCounterBits) {
        Ok(bits @ 1..=128) => Ok(Params::Ctr {
            counter: params.cb,
            bits,
        }),
        _ => invalid("ulCounterBits is 1 to 128"),
    }
}

/// CK_CCM_PARAMS.
///
/// # Safety
/// The pointers of `params` are readable for their lengths, or NULL.
pub(super) unsafe fn ccm(params: ck::CK_CCM_PARAMS) -> Result<Params> {
    if !(7..=13).contains(&params.ulNonceLen) {
        return invalid("the nonce has 7 to 13 bytes");
    }
    if !matches!(params.ulMACLen, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
        return invalid("the MAC has 4, 6, 8, 10, 12, 14 or 16 bytes");
    }
    Ok(Params::Ccm {
        data_len: length(params.ulDataLen),
        // SAFETY: by the promise of this function.
        nonce: unsafe { bytes(params.pNonce.cast(), params.ulNonceLen) }?,
        // SAFETY: as above.
        aad: unsafe { bytes(params.pAAD.cast(), params.ulAADLen) }?,
        tag_len: length(params.ulMACLen),
    })
}

/// CK_MAC_GENERAL_PARAMS. The mechanism knows how long its MAC can be.
pub(super) fn mac_len(len: ck::CK_MAC_GENERAL_PARAMS) -> Params {
    Params::MacLen(length(len))
}

/// A length that is judged later; none in memory is longer than a usize.
fn length(len: CK_ULONG) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
