//! Parameters of NIST SP 800-108 out of the caller's structures.

use std::ffi::c_void;
use std::ptr;

use super::parameters::{INVALID, of};
use super::{bytes, len};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::mechanism::{Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat, ParamKind, Params};

fn part<T>(kind: CK_PRF_DATA_TYPE, value: &T) -> CK_PRF_DATA_PARAM {
    CK_PRF_DATA_PARAM {
        type_: kind,
        pValue: ptr::from_ref(value).cast_mut().cast::<c_void>(),
        ulValueLen: len(size_of::<T>()),
    }
}

fn previous() -> CK_PRF_DATA_PARAM {
    CK_PRF_DATA_PARAM {
        type_: CK_SP800_108_ITERATION_VARIABLE,
        pValue: ptr::null_mut(),
        ulValueLen: 0,
    }
}

fn counter(bits: CK_ULONG, little_endian: CK_BBOOL) -> CK_SP800_108_COUNTER_FORMAT {
    CK_SP800_108_COUNTER_FORMAT {
        bLittleEndian: little_endian,
        ulWidthInBits: bits,
    }
}

fn length(bits: CK_ULONG, method: CK_ULONG) -> CK_SP800_108_DKM_LENGTH_FORMAT {
    CK_SP800_108_DKM_LENGTH_FORMAT {
        dkmLengthMethod: method,
        bLittleEndian: CK_FALSE,
        ulWidthInBits: bits,
    }
}

fn params(prf: CK_MECHANISM_TYPE, data: &mut [CK_PRF_DATA_PARAM]) -> CK_SP800_108_KDF_PARAMS {
    CK_SP800_108_KDF_PARAMS {
        prfType: prf,
        ulNumberOfDataParams: len(data.len()),
        pDataParams: data.as_mut_ptr(),
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: ptr::null_mut(),
    }
}

fn format(bytes: usize, little_endian: bool) -> NumberFormat {
    NumberFormat {
        bytes,
        little_endian,
    }
}

const COUNTER: ParamKind = ParamKind::Kbkdf(KbkdfMode::Counter);
const PIPELINE: ParamKind = ParamKind::Kbkdf(KbkdfMode::DoublePipeline);
const FEEDBACK: ParamKind = ParamKind::Kbkdf(KbkdfMode::Feedback);

#[test]
fn every_part_of_the_data() {
    let (counter, length) = (
        counter(24, CK_TRUE),
        length(40, CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS),
    );
    let common = [
        part(CK_SP800_108_BYTE_ARRAY, b"label"),
        part(CK_SP800_108_DKM_LENGTH, &length),
        part(CK_SP800_108_KEY_HANDLE, &99_u64),
    ];
    let read = [
        KbkdfPart::Counter(format(3, true)),
        KbkdfPart::Bytes(b"label".to_vec()),
        KbkdfPart::Length {
            format: format(5, false),
            segments: true,
        },
        KbkdfPart::Key(99),
    ];
    let expected = |mode, prf, iv: &[u8], data| {
        Ok(Params::Kbkdf(Kbkdf {
            mode,
            prf,
            iv: iv.to_vec(),
            data,
        }))
    };
    let mut data = vec![part(CK_SP800_108_ITERATION_VARIABLE, &counter)];
    data.extend(common);
    let prf = KbkdfPrf::Hmac(Hash::Sha512_256);
    assert_eq!(
        of(COUNTER, &params(CKM_SHA512_256_HMAC, &mut data)),
        expected(KbkdfMode::Counter, prf, b"", read.to_vec())
    );

    let mut data = vec![previous(), part(CK_SP800_108_COUNTER, &counter)];
    data.extend(common);
    let mut read = read.to_vec();
    read.insert(0, KbkdfPart::Previous);
    assert_eq!(
        of(PIPELINE, &params(CKM_AES_CMAC, &mut data)),
        expected(
            KbkdfMode::DoublePipeline,
            KbkdfPrf::AesCmac,
            b"",
            read.clone()
        )
    );
    let feedback = CK_SP800_108_FEEDBACK_KDF_PARAMS {
        prfType: CKM_SHA_1_HMAC,
        ulNumberOfDataParams: len(data.len()),
        pDataParams: data.as_mut_ptr(),
        ulIVLen: 2,
        pIV: bytes(b"iv"),
        ulAdditionalDerivedKeys: 0,
        pAdditionalDerivedKeys: ptr::null_mut(),
    };
    let prf = KbkdfPrf::Hmac(Hash::Sha1);
    assert_eq!(
        of(FEEDBACK, &feedback),
        expected(KbkdfMode::Feedback, prf, b"iv", read)
    );
    let null = CK_SP800_108_FEEDBACK_KDF_PARAMS {
        pIV: ptr::null_mut(),
        ..feedback
    };
    assert_eq!(of(FEEDBACK, &null), INVALID);
}

#[test]
fn parts_that_are_none() {
    let numbered = counter(8, CK_FALSE);
    let first = part(CK_SP800_108_ITERATION_VARIABLE, &numbered);
    let second = part(CK_SP800_108_COUNTER, &numbered);
    let read =
        |kind, mut data: Vec<CK_PRF_DATA_PARAM>| of(kind, &params(CKM_SHA256_HMAC, &mut data));
    assert!(read(COUNTER, vec![first]).is_ok());
    assert!(read(PIPELINE, vec![previous(), second]).is_ok());
    for (kind, data) in [
        (COUNTER, previous()),
        (COUNTER, second),
        (PIPELINE, first),
        (COUNTER, part(0, &numbered)),
        (COUNTER, part(6, &numbered)),
        (COUNTER, part(CK_SP800_108_KEY_HANDLE, &1_u32)),
        (COUNTER, part(CK_SP800_108_DKM_LENGTH, &numbered)),
    ] {
        assert_eq!(read(kind, vec![data]), INVALID, "{kind:?} {data:?}");
    }
    for wrong in [
        counter(0, CK_FALSE),
        counter(7, CK_FALSE),
        counter(12, CK_FALSE),
        counter(40, CK_FALSE),
        counter(8, 2),
    ] {
        let data = vec![part(CK_SP800_108_ITERATION_VARIABLE, &wrong)];
        assert_eq!(read(COUNTER, data), INVALID);
    }
    for wrong in [length(72, 1), length(8, 0), length(8, 3)] {
        let data = vec![part(CK_SP800_108_DKM_LENGTH, &wrong)];
        assert_eq!(read(COUNTER, data), INVALID);
    }
    let null = CK_PRF_DATA_PARAM {
        pValue: ptr::null_mut(),
        ..first
    };
    assert_eq!(read(COUNTER, vec![null]), INVALID);
}

#[test]
fn what_is_not_there() {
    let numbered = counter(8, CK_FALSE);
    let mut data = [part(CK_SP800_108_ITERATION_VARIABLE, &numbered)];
    let whole = params(CKM_SHA256_HMAC, &mut data);
    assert!(of(COUNTER, &whole).is_ok());
    for wrong in [
        CK_SP800_108_KDF_PARAMS {
            prfType: CKM_SHA256,
            ..whole
        },
        CK_SP800_108_KDF_PARAMS {
            pDataParams: ptr::null_mut(),
            ..whole
        },
        CK_SP800_108_KDF_PARAMS {
            ulNumberOfDataParams: CK_ULONG::MAX,
            ..whole
        },
    ] {
        assert_eq!(of(COUNTER, &wrong), INVALID);
    }
}
