//! The structures of TLS, and the places in them where C_DeriveKey writes.

use std::ffi::c_void;
use std::ptr;

use super::derived::DerivedOutput;
use super::parts::{bytes, flag, hash, invalid, length, structure};
use crate::ck::{self, CK_ULONG};
use crate::error::Result;
use crate::mechanism::{Params, TlsKeys, TlsParam, TlsParams, TlsPrf};

/// Most bits of a MAC key, a key and an initialization vector: those of SHA-512, AES-256 and AES.
const MOST_BITS: [CK_ULONG; 3] = [512, 256, 128];

/// # Safety
/// As `super::read`.
pub(super) unsafe fn read(kind: TlsParam, start: *mut c_void, len: CK_ULONG) -> Result<Params> {
    // SAFETY: by the promise of this function, for each structure and the pointers in it.
    let params = unsafe {
        match kind {
            TlsParam::OldMaster => {
                let params = structure::<ck::CK_SSL3_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                master(TlsPrf::Tls10, params.RandomInfo, params.pVersion)?
            }
            TlsParam::Master => {
                let params = structure::<ck::CK_TLS12_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                let prf = TlsPrf::Tls12(hash(params.prfHashMechanism)?);
                master(prf, params.RandomInfo, params.pVersion)?
            }
            TlsParam::ExtendedMaster => {
                let params =
                    structure::<ck::CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                TlsParams::Master {
                    prf: TlsPrf::Tls12(hash(params.prfHashMechanism)?),
                    seed: bytes(params.pSessionHash.cast(), params.ulSessionHashLen)?,
                    version: !params.pVersion.is_null(),
                }
            }
            TlsParam::OldKeys => {
                let params = structure::<ck::CK_SSL3_KEY_MAT_PARAMS>(start, len)?;
                let lens = [
                    params.ulMacSizeInBits,
                    params.ulKeySizeInBits,
                    params.ulIVSizeInBits,
                ];
                keys(TlsPrf::Tls10, lens, params.bIsExport, params.RandomInfo)?
            }
            TlsParam::Keys => {
                let params = structure::<ck::CK_TLS12_KEY_MAT_PARAMS>(start, len)?;
                let prf = TlsPrf::Tls12(hash(params.prfHashMechanism)?);
                let lens = [
                    params.ulMacSizeInBits,
                    params.ulKeySizeInBits,
                    params.ulIVSizeInBits,
                ];
                keys(prf, lens, params.bIsExport, params.RandomInfo)?
            }
            TlsParam::Kdf => kdf(structure(start, len)?)?,
            TlsParam::Mac => mac(structure(start, len)?)?,
        }
    };
    Ok(Params::Tls(params))
}

/// The client's random, and that of the server behind it.
///
/// # Safety
/// The pointers of `random` are NULL or readable for their lengths.
unsafe fn randoms(random: ck::CK_SSL3_RANDOM_DATA) -> Result<[Vec<u8>; 2]> {
    Ok([
        // SAFETY: by the promise of this function.
        unsafe { bytes(random.pClientRandom.cast(), random.ulClientRandomLen) }?,
        // SAFETY: as above.
        unsafe { bytes(random.pServerRandom.cast(), random.ulServerRandomLen) }?,
    ])
}

/// # Safety
/// As `randoms`.
unsafe fn master(
    prf: TlsPrf,
    random: ck::CK_SSL3_RANDOM_DATA,
    version: *mut ck::CK_VERSION,
) -> Result<TlsParams> {
    Ok(TlsParams::Master {
        prf,
        // SAFETY: by the promise of this function.
        seed: unsafe { randoms(random) }?.concat(),
        version: !version.is_null(),
    })
}

/// # Safety
/// As `randoms`.
unsafe fn keys(
    prf: TlsPrf,
    bits: [CK_ULONG; 3],
    export: ck::CK_BBOOL,
    random: ck::CK_SSL3_RANDOM_DATA,
) -> Result<TlsParams> {
    if flag(export, "bIsExport is no CK_BBOOL")? {
        return invalid("bIsExport is CK_FALSE: the token has no cipher suites for export");
    }
    let fits = |(bits, most): (&CK_ULONG, &CK_ULONG)| bits.is_multiple_of(8) && bits <= most;
    if !bits.iter().zip(&MOST_BITS).all(fits) {
        return invalid(
            "a MAC key has up to 512 bits, a key 256, an initialization vector 128, each a multiple of 8",
        );
    }
    let [mac_len, key_len, iv_len] = bits.map(|bits| length(bits / 8));
    // SAFETY: by the promise of this function.
    let [client, server] = unsafe { randoms(random) }?;
    Ok(TlsParams::Keys(TlsKeys {
        prf,
        seed: [server, client].concat(),
        mac_len,
        key_len,
        iv_len,
    }))
}

/// # Safety
/// The pointers of `params` are NULL or readable for their lengths.
unsafe fn kdf(params: ck::CK_TLS_KDF_PARAMS) -> Result<TlsParams> {
    // SAFETY: by the promise of this function.
    let mut seed = unsafe { randoms(params.RandomInfo) }?.concat();
    if !params.pContextData.is_null() {
        // SAFETY: as above.
        let context = unsafe { bytes(params.pContextData.cast(), params.ulContextDataLength) }?;
        let Ok(len) = u16::try_from(context.len()) else {
            return invalid("the context has at most 65535 bytes (RFC 5705)");
        };
        seed.extend(len.to_be_bytes());
        seed.extend(context);
    } else if params.ulContextDataLength != 0 {
        return invalid("pContextData is NULL and has a length");
    }
    Ok(TlsParams::Kdf {
        prf: prf(params.prfMechanism)?,
        // SAFETY: as above.
        label: unsafe { bytes(params.pLabel.cast(), params.ulLabelLength) }?,
        seed,
    })
}

/// The function of TLS 1.2 with a hash, or that of TLS 1.0 and 1.1.
fn prf(number: ck::CK_MECHANISM_TYPE) -> Result<TlsPrf> {
    match number {
        ck::CKM_TLS_PRF => Ok(TlsPrf::Tls10),
        number => hash(number).map(TlsPrf::Tls12),
    }
}

fn mac(params: ck::CK_TLS_MAC_PARAMS) -> Result<TlsParams> {
    Ok(TlsParams::Mac {
        prf: prf(params.prfHashMechanism)?,
        len: length(params.ulMacLength),
        server: match params.ulServerOrClient {
            1 => true,
            2 => false,
            _ => return invalid("ulServerOrClient is 1 or 2"),
        },
    })
}

/// A CK_VERSION.
pub(super) fn version(version: ck::CK_VERSION) -> Params {
    Params::Version([version.major, version.minor])
}

/// The places in the parameter of shape `kind` at `start`, which `read` has taken as `params`.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID where a place that is needed is NULL.
///
/// # Safety
/// As `read`; pVersion and pReturnedKeyMaterial are NULL or writable while the call lasts, and so are the pointers in the
/// latter for an initialization vector.
pub(super) unsafe fn outputs(
    kind: TlsParam,
    start: *mut c_void,
    len: CK_ULONG,
    params: &TlsParams,
) -> Result<DerivedOutput> {
    // SAFETY: by the promise of this function.
    let (version, keys) = unsafe {
        match kind {
            TlsParam::OldMaster => {
                let params = structure::<ck::CK_SSL3_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                (params.pVersion, ptr::null_mut())
            }
            TlsParam::Master => {
                let params = structure::<ck::CK_TLS12_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                (params.pVersion, ptr::null_mut())
            }
            TlsParam::ExtendedMaster => {
                let params =
                    structure::<ck::CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>(start, len)?;
                (params.pVersion, ptr::null_mut())
            }
            TlsParam::OldKeys => {
                let params = structure::<ck::CK_SSL3_KEY_MAT_PARAMS>(start, len)?;
                (ptr::null_mut(), params.pReturnedKeyMaterial)
            }
            TlsParam::Keys => {
                let params = structure::<ck::CK_TLS12_KEY_MAT_PARAMS>(start, len)?;
                (ptr::null_mut(), params.pReturnedKeyMaterial)
            }
            TlsParam::Kdf | TlsParam::Mac => return Ok(DerivedOutput::Nothing),
        }
    };
    let TlsParams::Keys(lens) = params else {
        return Ok(match version.is_null() {
            true => DerivedOutput::Nothing,
            false => DerivedOutput::Version(version),
        });
    };
    if keys.is_null() {
        return invalid("pReturnedKeyMaterial is NULL");
    }
    // SAFETY: as above; not NULL.
    let out = unsafe { keys.read_unaligned() };
    if lens.iv_len != 0 && (out.pIVClient.is_null() || out.pIVServer.is_null()) {
        return invalid("pIVClient or pIVServer is NULL, and ulIVSizeInBits is not 0");
    }
    Ok(DerivedOutput::Keys(keys))
}
