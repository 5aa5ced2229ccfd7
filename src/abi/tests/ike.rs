//! The structures of IKE.

use std::ptr;

use super::bytes;
use super::parameters::{INVALID, of};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::mechanism::{IkeBase, IkeParam, IkeParams, IkeStep, ParamKind, Params};

fn ike(step: IkeStep) -> Result<Params, CK_RV> {
    let hash = Hash::Sha256;
    Ok(Params::Ike(IkeParams { hash, step }))
}

#[test]
fn of_a_first_key() {
    let params = |as_key, rekey| CK_IKE_PRF_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bDataAsKey: as_key,
        bRekey: rekey,
        pNi: bytes(b"ours"),
        ulNiLen: 4,
        pNr: bytes(b"theirs"),
        ulNrLen: 6,
        hNewKey: 77,
    };
    let read = |params| of::<CK_IKE_PRF_DERIVE_PARAMS>(ParamKind::Ike(IkeParam::First), &params);
    for (as_key, rekey, base) in [
        (CK_TRUE, CK_FALSE, IkeBase::Message),
        (CK_FALSE, CK_FALSE, IkeBase::Key),
        (CK_FALSE, CK_TRUE, IkeBase::Rekey(77)),
    ] {
        let nonces = b"ourstheirs".to_vec();
        let wanted = ike(IkeStep::First { nonces, base });
        assert_eq!(read(params(as_key, rekey)), wanted);
    }
    assert_eq!(read(params(CK_TRUE, CK_TRUE)), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(read(params(2, CK_FALSE)), INVALID);
    assert_eq!(read(params(CK_FALSE, 2)), INVALID);
    for prf in [CKM_SHA256, CKM_AES_CMAC, CKM_AES_XCBC_MAC, CKM_MD5_HMAC] {
        let other = CK_IKE_PRF_DERIVE_PARAMS {
            prfMechanism: prf,
            ..params(CK_TRUE, CK_FALSE)
        };
        assert_eq!(read(other), INVALID);
    }
    let null = CK_IKE_PRF_DERIVE_PARAMS {
        pNr: ptr::null_mut(),
        ..params(CK_TRUE, CK_FALSE)
    };
    assert_eq!(read(null), INVALID);
}

#[test]
fn of_further_keys() {
    let params = |has| CK_IKE1_PRF_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasPrevKey: has,
        hKeygxy: 5,
        hPrevKey: 6,
        pCKYi: bytes(b"ours"),
        ulCKYiLen: 4,
        pCKYr: bytes(b"theirs"),
        ulCKYrLen: 6,
        keyNumber: 2,
    };
    let read = |params| of::<CK_IKE1_PRF_DERIVE_PARAMS>(ParamKind::Ike(IkeParam::Further), &params);
    for (has, previous) in [(CK_TRUE, Some(6)), (CK_FALSE, None)] {
        let wanted = ike(IkeStep::Further {
            shared: 5,
            previous,
            cookies: b"ourstheirs".to_vec(),
            number: 2,
        });
        assert_eq!(read(params(has)), wanted);
    }
    assert_eq!(read(params(3)), INVALID);
}

#[test]
fn of_longer_keys() {
    let extended = |has| CK_IKE1_EXTENDED_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasKeygxy: has,
        hKeygxy: 5,
        pExtraData: bytes(b"data"),
        ulExtraDataLen: 4,
    };
    let plus = |has| CK_IKE2_PRF_PLUS_DERIVE_PARAMS {
        prfMechanism: CKM_SHA256_HMAC,
        bHasSeedKey: has,
        hSeedKey: 5,
        pSeedData: bytes(b"data"),
        ulSeedDataLen: 4,
    };
    let read_extended =
        |params| of::<CK_IKE1_EXTENDED_DERIVE_PARAMS>(ParamKind::Ike(IkeParam::Extended), &params);
    let read_plus =
        |params| of::<CK_IKE2_PRF_PLUS_DERIVE_PARAMS>(ParamKind::Ike(IkeParam::Plus), &params);
    for (has, key) in [(CK_TRUE, Some(5)), (CK_FALSE, None)] {
        let data = b"data".to_vec();
        let wanted = ike(IkeStep::Extended {
            shared: key,
            data: data.clone(),
        });
        assert_eq!(read_extended(extended(has)), wanted);
        let wanted = ike(IkeStep::Plus {
            seed_key: key,
            seed: data,
        });
        assert_eq!(read_plus(plus(has)), wanted);
    }
    assert_eq!(read_extended(extended(2)), INVALID);
    assert_eq!(read_plus(plus(2)), INVALID);
}
