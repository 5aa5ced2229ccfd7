//! The parameters of NIST SP 800-108.

use std::ffi::c_void;

use super::super::template::template;
use super::parts::{bytes, flag, hmac, invalid, structure};
use crate::attr::RawAttribute;
use crate::ck::{self, CK_ULONG};
use crate::error::Result;
use crate::mechanism::{Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat, Params};

/// Most parts of the data.
const MOST_PARTS: CK_ULONG = 1024;
/// Most keys beside the first.
const MOST_KEYS: CK_ULONG = 64;

/// CK_SP800_108_FEEDBACK_KDF_PARAMS in feedback mode, CK_SP800_108_KDF_PARAMS in others.
///
/// # Safety
/// `start` is readable for `len` bytes, and the pointers in it for their lengths, or NULL.
pub(super) unsafe fn read(mode: KbkdfMode, start: *mut c_void, len: CK_ULONG) -> Result<Params> {
    // SAFETY: by the promise of this function.
    let all = unsafe { whole(mode, start, len) }?;
    if all.ulNumberOfDataParams > MOST_PARTS || all.pDataParams.is_null() {
        return invalid("the data have 1 to 1024 parts");
    }
    let mut data = Vec::new();
    let mut next = all.pDataParams;
    for _ in 0..all.ulNumberOfDataParams {
        // SAFETY: as above.
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

/// The structure of this mode, as that of feedback mode.
///
/// # Safety
/// `start` is readable for `len` bytes.
unsafe fn whole(
    mode: KbkdfMode,
    start: *mut c_void,
    len: CK_ULONG,
) -> Result<ck::CK_SP800_108_FEEDBACK_KDF_PARAMS> {
    Ok(match mode {
        KbkdfMode::Feedback => {
            // SAFETY: by the promise of this function.
            unsafe { structure(start, len) }?
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
    })
}

/// The keys that C_DeriveKey makes beside the first: their templates, and where their handles go.
pub(in crate::abi) struct AdditionalKeys(Vec<ck::CK_DERIVED_KEY>);

/// The additional keys in the parameter at `start`, which `read` has taken; `None` where there are none.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID for too many, or where a handle has no place.
///
/// # Safety
/// As `read`; pAdditionalDerivedKeys is NULL or readable for ulAdditionalDerivedKeys structures, whose templates are as
/// `template` needs them, and whose phKey is NULL or writable while the call lasts.
pub(super) unsafe fn additional(
    mode: KbkdfMode,
    start: *mut c_void,
    len: CK_ULONG,
) -> Result<Option<AdditionalKeys>> {
    // SAFETY: by the promise of this function.
    let all = unsafe { whole(mode, start, len) }?;
    let mut keys = Vec::new();
    let mut next = all.pAdditionalDerivedKeys;
    if all.ulAdditionalDerivedKeys > MOST_KEYS
        || (all.ulAdditionalDerivedKeys > 0 && next.is_null())
    {
        return invalid(
            "there are at most 64 additional keys, and pAdditionalDerivedKeys is where they are",
        );
    }
    for _ in 0..all.ulAdditionalDerivedKeys {
        // SAFETY: as above.
        let key = unsafe { next.read_unaligned() };
        if key.phKey.is_null() {
            return invalid("phKey of an additional key is NULL");
        }
        keys.push(key);
        next = next.wrapping_add(1);
    }
    Ok((!keys.is_empty()).then_some(AdditionalKeys(keys)))
}

impl AdditionalKeys {
    /// The keys' templates. One that cannot be read is marked.
    ///
    /// # Errors
    /// As `Template::read`.
    pub(in crate::abi) fn templates(&self) -> Result<Vec<Vec<RawAttribute>>> {
        let read = |(at, key): (usize, &ck::CK_DERIVED_KEY)| {
            // SAFETY: by the promise of `additional`.
            let attributes = unsafe { template(key.pTemplate, key.ulAttributeCount) }.read();
            attributes.inspect_err(|_| self.mark(at))
        };
        self.0.iter().enumerate().map(read).collect()
    }

    /// Writes the keys' handles.
    pub(in crate::abi) fn write(&self, handles: &[ck::CK_OBJECT_HANDLE]) {
        for (key, handle) in self.0.iter().zip(handles) {
            // SAFETY: not NULL, and writable by the promise of `additional`.
            unsafe { key.phKey.write_unaligned(*handle) }
        }
    }

    /// Says that the template of the key at this place is to blame for a refusal.
    pub(in crate::abi) fn mark(&self, at: usize) {
        if let Some(key) = self.0.get(at) {
            // SAFETY: as in `write`.
            unsafe { key.phKey.write_unaligned(ck::CK_INVALID_HANDLE) }
        }
    }
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
    match number {
        ck::CKM_AES_CMAC => Ok(KbkdfPrf::AesCmac),
        number => hmac(number).map(KbkdfPrf::Hmac),
    }
}
