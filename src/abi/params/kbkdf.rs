//! The parameters of NIST SP 800-108.

use std::ffi::c_void;

use super::parts::{bytes, flag, invalid, structure};
use crate::ck::{self, CK_ULONG};
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::mechanism::{Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat, Params};

/// Most parts of the data.
const MOST_PARTS: CK_ULONG = 1024;

/// CK_SP800_108_FEEDBACK_KDF_PARAMS in feedback mode, CK_SP800_108_KDF_PARAMS in others.
///
/// # Safety
/// `start` is readable for `len` bytes, and the pointers in it for their lengths, or NULL.
pub(super) unsafe fn read(mode: KbkdfMode, start: *mut c_void, len: CK_ULONG) -> Result<Params> {
    let all = match mode {
        KbkdfMode::Feedback => {
            // SAFETY: by the promise of this function.
            unsafe { structure::<ck::CK_SP800_108_FEEDBACK_KDF_PARAMS>(start, len) }?
        }
        KbkdfMode::Counter | KbkdfMode::DoublePipeline => {
            // SAFETY: as above.
            let params = unsafe { structure::<ck::CK_SP800_108_KDF_PARAMS>(start, len) }?;
            ck::CK_SP800_108_FEEDBACK_KDF_PARAMS {
                prfType: params.prfType,
                ulNumberOfDataParams: params.ulNumberOfDataParams,
                pDataParams: params.pDataParams,
                ulIVLen: 0,
                pIV: std::ptr::null_mut(),
                ulAdditionalDerivedKeys: params.ulAdditionalDerivedKeys,
                pAdditionalDerivedKeys: params.pAdditionalDerivedKeys,
            }
        }
    };
    if all.ulAdditionalDerivedKeys != 0 {
        return invalid("the token derives one key at a time: ulAdditionalDerivedKeys is 0");
    }
    if all.ulNumberOfDataParams > MOST_PARTS || all.pDataParams.is_null() {
        return invalid("the data have 1 to 1024 parts");
    }
    let mut data = Vec::new();
    let mut next = all.pDataParams;
    for _ in 0..all.ulNumberOfDataParams {
        // SAFETY: by the promise of this function.
        data.push(unsafe { part(mode, next.read_unaligned()) }?);
        next = next.wrapping_add(1);
    }
    Ok(Params::Kbkdf(Kbkdf {
        mode,
        prf: prf(all.prfType)?,
        // SAFETY: as above.
        iv: unsafe { bytes(all.pIV.cast(), all.ulIVLen) }?,
        data,
    }))
}

/// # Safety
/// The value of `param` is readable for its length, or NULL.
unsafe fn part(mode: KbkdfMode, param: ck::CK_PRF_DATA_PARAM) -> Result<KbkdfPart> {
    let (start, len) = (param.pValue, param.ulValueLen);
    if start.is_null() && len != 0 {
        return invalid("the value of a part of the data is NULL and has a length");
    }
    let numbered = mode == KbkdfMode::Counter;
    match param.type_ {
        ck::CK_SP800_108_ITERATION_VARIABLE if !numbered => match (start.is_null(), len) {
            (true, 0) => Ok(KbkdfPart::Previous),
            _ => invalid("the iteration variable of this mode has no value"),
        },
        ck::CK_SP800_108_COUNTER if numbered => {
            invalid("in counter mode the iteration variable is the counter")
        }
        ck::CK_SP800_108_ITERATION_VARIABLE | ck::CK_SP800_108_COUNTER => {
            // SAFETY: by the promise of this function.
            let counter = unsafe { structure::<ck::CK_SP800_108_COUNTER_FORMAT>(start, len) }?;
            let format = format(counter.bLittleEndian, counter.ulWidthInBits, 32)?;
            Ok(KbkdfPart::Counter(format))
        }
        ck::CK_SP800_108_DKM_LENGTH => {
            // SAFETY: as above.
            let length = unsafe { structure::<ck::CK_SP800_108_DKM_LENGTH_FORMAT>(start, len) }?;
            Ok(KbkdfPart::Length {
                format: format(length.bLittleEndian, length.ulWidthInBits, 64)?,
                segments: match length.dkmLengthMethod {
                    ck::CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => false,
                    ck::CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => true,
                    _ => return invalid("dkmLengthMethod is none of the standard's"),
                },
            })
        }
        // SAFETY: as above.
        ck::CK_SP800_108_BYTE_ARRAY => unsafe { bytes(start, len) }.map(KbkdfPart::Bytes),
        // SAFETY: as above.
        ck::CK_SP800_108_KEY_HANDLE => unsafe { structure(start, len) }.map(KbkdfPart::Key),
        _ => invalid("a part of the data has a type that the standard does not know"),
    }
}

fn format(little_endian: ck::CK_BBOOL, bits: CK_ULONG, most: CK_ULONG) -> Result<NumberFormat> {
    let little_endian = flag(little_endian, "bLittleEndian is no CK_BBOOL")?;
    match usize::try_from(bits / 8) {
        Ok(bytes) if (8..=most).contains(&bits) && bits.is_multiple_of(8) => Ok(NumberFormat {
            bytes,
            little_endian,
        }),
        _ => invalid("ulWidthInBits is a multiple of 8, of a counter at most 32, of a length 64"),
    }
}

fn prf(number: ck::CK_SP800_108_PRF_TYPE) -> Result<KbkdfPrf> {
    Ok(KbkdfPrf::Hmac(match number {
        ck::CKM_AES_CMAC => return Ok(KbkdfPrf::AesCmac),
        ck::CKM_SHA_1_HMAC => Hash::Sha1,
        ck::CKM_SHA224_HMAC => Hash::Sha224,
        ck::CKM_SHA256_HMAC => Hash::Sha256,
        ck::CKM_SHA384_HMAC => Hash::Sha384,
        ck::CKM_SHA512_HMAC => Hash::Sha512,
        ck::CKM_SHA512_224_HMAC => Hash::Sha512_224,
        ck::CKM_SHA512_256_HMAC => Hash::Sha512_256,
        ck::CKM_SHA3_224_HMAC => Hash::Sha3_224,
        ck::CKM_SHA3_256_HMAC => Hash::Sha3_256,
        ck::CKM_SHA3_384_HMAC => Hash::Sha3_384,
        ck::CKM_SHA3_512_HMAC => Hash::Sha3_512,
        _ => return invalid("prfType is no pseudo-random function of this token"),
    }))
}
