//! Parameters of ciphers, MACs and derivations with secret keys.

use super::super::args::{MEMORY, is_mapped, record};
use super::parts::{bytes, hash, invalid, length};
use crate::ck::{self, CK_ULONG};
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::mechanism::{HkdfSalt, Params};
use crate::secret::Secret;

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
    if params.ulDataLen > MEMORY {
        return invalid("ulDataLen is beyond all memory");
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

/// CK_CHACHA20_PARAMS. The counter is little-endian, as in RFC 8439.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn chacha20(params: ck::CK_CHACHA20_PARAMS) -> Result<Params> {
    let (nonce_len, counter_len) = match (params.ulNonceBits, params.blockCounterBits) {
        (64, bits @ (32 | 64)) => (8, bits / 8),
        (96, 32) => (12, 4),
        (192, bits @ (32 | 64)) => (24, bits / 8),
        _ => {
            return invalid(
                "the nonce has 64, 96 or 192 bits, the block counter 32 or 64, and 32 beside 96",
            );
        }
    };
    // SAFETY: by the promise of this function.
    let given = unsafe { bytes(params.pBlockCounter.cast(), counter_len) }?;
    let mut counter = [0; 8];
    counter[..given.len()].copy_from_slice(&given);
    Ok(Params::ChaCha20 {
        // SAFETY: as above.
        nonce: unsafe { bytes(params.pNonce.cast(), nonce_len) }?,
        counter: u64::from_le_bytes(counter),
    })
}

/// Bytes of the nonce of ChaCha20-Poly1305. ulNonceLen counts bits (section 6.61), but bytes in NSS and its
/// clients; no number is both.
pub(super) fn poly1305_nonce(len: CK_ULONG) -> Result<CK_ULONG> {
    match len {
        96 | 12 => Ok(12),
        192 | 24 => Ok(24),
        _ => invalid("the nonce has 96 or 192 bits"),
    }
}

/// CK_SALSA20_CHACHA20_POLY1305_PARAMS.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn chacha20_poly1305(
    params: ck::CK_SALSA20_CHACHA20_POLY1305_PARAMS,
) -> Result<Params> {
    let nonce_len = poly1305_nonce(params.ulNonceLen)?;
    Ok(Params::ChaCha20Poly1305 {
        // SAFETY: by the promise of this function.
        nonce: unsafe { bytes(params.pNonce.cast(), nonce_len) }?,
        // SAFETY: as above.
        aad: unsafe { bytes(params.pAAD.cast(), params.ulAADLen) }?,
    })
}

/// CK_MAC_GENERAL_PARAMS. The mechanism checks the length.
pub(super) fn mac_len(len: ck::CK_MAC_GENERAL_PARAMS) -> Params {
    Params::MacLen(length(len))
}

/// CK_KEY_DERIVATION_STRING_DATA.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn data(params: ck::CK_KEY_DERIVATION_STRING_DATA) -> Result<Params> {
    // SAFETY: by the promise of this function.
    let data = unsafe { bytes(params.pData.cast(), params.ulLen) }?;
    Ok(Params::Data(Secret::from(data)))
}

/// CK_AES_CBC_ENCRYPT_DATA_PARAMS.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn aes_cbc_data(params: ck::CK_AES_CBC_ENCRYPT_DATA_PARAMS) -> Result<Params> {
    // SAFETY: by the promise of this function.
    unsafe { cbc_data(&params.iv, params.pData, params.length) }
}

/// CK_DES_CBC_ENCRYPT_DATA_PARAMS.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn des_cbc_data(params: ck::CK_DES_CBC_ENCRYPT_DATA_PARAMS) -> Result<Params> {
    // SAFETY: by the promise of this function.
    unsafe { cbc_data(&params.iv, params.pData, params.length) }
}

/// # Safety
/// `data` is NULL or readable for `len` bytes.
unsafe fn cbc_data(iv: &[u8], data: ck::CK_BYTE_PTR, len: ck::CK_ULONG) -> Result<Params> {
    // SAFETY: by the promise of this function.
    let data = unsafe { bytes(data.cast(), len) }?;
    Ok(Params::CbcData {
        iv: iv.to_vec(),
        data: Secret::from(data),
    })
}

/// CK_HKDF_PARAMS.
///
/// # Safety
/// As `ccm`.
pub(super) unsafe fn hkdf(params: ck::CK_HKDF_PARAMS) -> Result<Params> {
    let hash = hash(params.prfHashMechanism)?;
    let (extract, expand) = (params.bExtract != 0, params.bExpand != 0);
    if !extract && !expand {
        return invalid("HKDF extracts, expands, or both");
    }
    let salt = match params.ulSaltType {
        _ if !extract => None,
        ck::CKF_HKDF_SALT_NULL => Some(HkdfSalt::Data(Vec::new())),
        ck::CKF_HKDF_SALT_KEY => Some(HkdfSalt::Key(params.hSaltKey)),
        ck::CKF_HKDF_SALT_DATA => {
            // SAFETY: by the promise of this function.
            let salt = unsafe { bytes(params.pSalt.cast(), params.ulSaltLen) }?;
            Some(HkdfSalt::Data(salt))
        }
        _ => return invalid("ulSaltType is none of the CKF_HKDF_SALT_ numbers"),
    };
    let info = match expand {
        // SAFETY: as above.
        true => unsafe { bytes(params.pInfo.cast(), params.ulInfoLen) }?,
        false => Vec::new(),
    };
    Ok(Params::Hkdf {
        hash,
        salt,
        info,
        expand,
    })
}

/// Greatest number of iterations, which takes a minute or so. A greater one is taken for a mistake: the call would
/// not return for hours.
const MOST_ITERATIONS: u32 = 100_000_000;

/// Greatest length of a password. A greater ulPasswordLen is a pointer, since no memory has an address below this.
const LONGEST_PASSWORD: CK_ULONG = 0xFFFF;

/// # Safety
/// As `ccm`.
pub(super) unsafe fn pbe(params: ck::CK_PBE_PARAMS) -> Result<Params> {
    if params.ulPasswordLen > LONGEST_PASSWORD {
        return invalid("the password has at most 65535 bytes");
    }
    // SAFETY: by the promise of this function.
    let password = unsafe { bytes(params.pPassword.cast(), params.ulPasswordLen) }?;
    Ok(Params::Pbe {
        password: Secret::from(password),
        // SAFETY: as above.
        salt: unsafe { bytes(params.pSalt.cast(), params.ulSaltLen) }?,
        iterations: iterations(params.ulIteration)?,
    })
}

fn iterations(number: CK_ULONG) -> Result<u32> {
    match u32::try_from(number) {
        Ok(iterations @ 1..=MOST_ITERATIONS) => Ok(iterations),
        _ => invalid("a password is iterated 1 to 100000000 times"),
    }
}

/// CK_PKCS5_PBKD2_PARAMS2. In 2.40's structure of the same length ulPasswordLen is a pointer to
/// the length; clients send both.
///
/// # Safety
/// As `ccm`; ulPasswordLen is a length, or a pointer to one that is readable.
pub(super) unsafe fn pbkd2(params: ck::CK_PKCS5_PBKD2_PARAMS2) -> Result<Params> {
    let prf = match params.prf {
        ck::CKP_PKCS5_PBKD2_HMAC_SHA1 => Hash::Sha1,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA224 => Hash::Sha224,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA256 => Hash::Sha256,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA384 => Hash::Sha384,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA512 => Hash::Sha512,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Hash::Sha512_224,
        ck::CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Hash::Sha512_256,
        _ => return invalid("prf is no pseudo-random function that PBKDF2 can use"),
    };
    if params.saltSource != ck::CKZ_SALT_SPECIFIED || params.ulPrfDataLen != 0 {
        return invalid("saltSource is CKZ_SALT_SPECIFIED, and there are no data for the prf");
    }
    let iterations = iterations(params.iterations)?;
    let len = match params.ulPasswordLen {
        len @ 0..=LONGEST_PASSWORD => Some(len),
        pointer => {
            let pointer = std::ptr::with_exposed_provenance_mut(length(pointer));
            // An impossible length is no pointer either.
            let mapped = is_mapped(pointer);
            // SAFETY: a pointer, by the promise of this function.
            mapped.then(|| unsafe { record(pointer) }.read()).flatten()
        }
    };
    let Some(len @ 0..=LONGEST_PASSWORD) = len else {
        return invalid("the password has at most 65535 bytes");
    };
    // SAFETY: by the promise of this function.
    let password = unsafe { bytes(params.pPassword.cast(), len) }?;
    Ok(Params::Pbkd2 {
        password: Secret::from(password),
        // SAFETY: as above.
        salt: unsafe { bytes(params.pSaltSourceData, params.ulSaltSourceDataLen) }?,
        iterations,
        prf,
    })
}
