//! Mechanisms and their parameters, out of the caller's structures.

use std::ffi::c_void;

use super::args::{null, record};
use crate::ck::{self, CK_ULONG};
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::mechanism::{
    Ecdh, EcdhWrap, Mechanism, Oaep, ParamKind, Params, Pss, Request, SharedKdf,
};
use crate::session::Session;

mod derived;
mod ike;
mod kbkdf;
mod message;
mod otp;
mod parts;
mod shown;
mod signature;
mod symmetric;
mod tls;

pub(super) use derived::DerivedOutput;
pub(super) use message::{MessageParameter, message_parameter};
pub(super) use shown::{digits, shown};

use parts::{bytes, hash, invalid, iv, structure};

/// The caller's CK_MECHANISM.
pub(super) struct Chosen(*const ck::CK_MECHANISM);

/// The mechanism at `start`.
///
/// # Safety
/// `start` is NULL or a readable CK_MECHANISM. Its pParameter is NULL or readable for ulParameterLen bytes; where that
/// is the length of the mechanism's structure, it is that structure, whose pointers are NULL or readable too, and writable where
/// the standard says that the function writes there.
pub(super) unsafe fn mechanism(start: *mut ck::CK_MECHANISM) -> Chosen {
    Chosen(start)
}

impl Chosen {
    /// The mechanism with its parameters; `None` at NULL.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub(super) fn if_given(&self, session: &Session) -> Result<Option<Request>> {
        // SAFETY: readable by the promise of `mechanism`.
        let Some(chosen) = unsafe { record(self.0.cast_mut()) }.read() else {
            return Ok(None);
        };
        let row = session.mechanism(chosen.mechanism)?;
        // SAFETY: the parameter is as long as the caller says, by the promise of `mechanism`.
        let params = unsafe { read(row.params, chosen.pParameter, chosen.ulParameterLen) }
            .map_err(|error| error.at(row.name))?;
        Request::new(row, params).map(Some)
    }

    /// The mechanism, with a parameter of the kind that its messages have.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD at NULL, CKR_MECHANISM_INVALID.
    pub(super) fn with_message_parameter(
        &self,
        session: &Session,
    ) -> Result<(&'static Mechanism, MessageParameter)> {
        // SAFETY: readable by the promise of `mechanism`.
        let chosen = unsafe { record(self.0.cast_mut()) }.required()?;
        let row = session.mechanism(chosen.mechanism)?;
        // SAFETY: the parameter is as long as the caller says, by the promise of `mechanism`.
        let parameter = unsafe { message_parameter(chosen.pParameter, chosen.ulParameterLen) };
        Ok((row, parameter))
    }

    /// The mechanism of a message-based process; `None` at NULL. Each message has a parameter of its
    /// own, so that of the mechanism is not read.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID; CKR_MECHANISM_PARAM_INVALID for a parameter that is no message's.
    pub(super) fn for_messages(&self, session: &Session) -> Result<Option<&'static Mechanism>> {
        // SAFETY: readable by the promise of `mechanism`.
        let Some(chosen) = unsafe { record(self.0.cast_mut()) }.read() else {
            return Ok(None);
        };
        let row = session.mechanism(chosen.mechanism)?;
        let kind = row.message_kind()?;
        match usize::try_from(chosen.ulParameterLen) {
            Ok(0) => Ok(Some(row)),
            Ok(len) if len == message::size(kind) => Ok(Some(row)),
            _ => invalid("the parameter is not that of a message"),
        }
    }

    /// The mechanism with its parameters, and where they say that C_DeriveKey writes more than a handle.
    ///
    /// # Errors
    /// As `required`.
    pub(super) fn with_outputs(&self, session: &Session) -> Result<(Request, DerivedOutput)> {
        let request = self.required(session)?;
        // SAFETY: as in `if_given`.
        let chosen = unsafe { record(self.0.cast_mut()) }.required()?;
        let (start, len) = (chosen.pParameter, chosen.ulParameterLen);
        // SAFETY: the parameter was read by `required`; what it points at is good by the promise of `mechanism`.
        let outputs = unsafe { outputs(request.row.params, start, len, &request.params) }
            .map_err(|error| error.at(request.row.name))?;
        Ok((request, outputs))
    }

    /// The mechanism with its parameters, and the place where they say that C_GenerateKey writes an initialization vector;
    /// NULL where there is none.
    ///
    /// # Errors
    /// As `required`.
    pub(super) fn with_iv_place(&self, session: &Session) -> Result<(Request, *mut ck::CK_BYTE)> {
        let request = self.required(session)?;
        if request.row.password_iv.is_none() || matches!(request.params, Params::None) {
            return Ok((request, std::ptr::null_mut()));
        }
        // SAFETY: as in `if_given`.
        let chosen = unsafe { record(self.0.cast_mut()) }.required()?;
        // SAFETY: the parameter was read by `required`.
        let params: ck::CK_PBE_PARAMS =
            unsafe { structure(chosen.pParameter, chosen.ulParameterLen) }?;
        Ok((request, params.pInitVector))
    }

    /// The mechanism with its parameters.
    ///
    /// # Errors
    /// CKR_ARGUMENTS_BAD at NULL, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID.
    pub(super) fn required(&self, session: &Session) -> Result<Request> {
        self.if_given(session)?.ok_or_else(null)
    }
}

/// The places in the parameter of shape `kind` at `start`, which `read` has taken as `params`.
///
/// # Errors
/// As `tls::outputs` and `kbkdf::additional`.
///
/// # Safety
/// As `read`, `tls::outputs` and `kbkdf::additional`.
unsafe fn outputs(
    kind: ParamKind,
    start: *mut c_void,
    len: CK_ULONG,
    params: &Params,
) -> Result<DerivedOutput> {
    match (kind, params) {
        (ParamKind::Kbkdf(mode), Params::Kbkdf(_)) => {
            // SAFETY: by the promise of this function.
            let more = unsafe { kbkdf::additional(mode, start, len) }?;
            Ok(more.map_or(DerivedOutput::Nothing, DerivedOutput::Several))
        }
        (ParamKind::Tls(kind), Params::Tls(params)) => {
            // SAFETY: as above.
            unsafe { tls::outputs(kind, start, len, params) }
        }
        _ => Ok(DerivedOutput::Nothing),
    }
}

/// The parameter of shape `kind` at `start`. A parameter of no bytes is `Params::None` for every kind; the operation
/// refuses that where it needs one.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID.
///
/// # Safety
/// `start` is NULL or readable for `len` bytes, and so are the pointers in it with their lengths.
pub(super) unsafe fn read(kind: ParamKind, start: *mut c_void, len: CK_ULONG) -> Result<Params> {
    if len == 0 {
        return Ok(Params::None);
    }
    if start.is_null() {
        return invalid("the parameter is NULL and has a length");
    }
    match kind {
        ParamKind::None => invalid("the mechanism takes no parameter"),
        ParamKind::Iv(size) | ParamKind::OptionalIv(size) => {
            if usize::try_from(len) != Ok(size) {
                return invalid("the initialization vector has the wrong length");
            }
            // SAFETY: readable by the promise of this function.
            unsafe { iv(start, len) }.map(Params::Iv)
        }
        ParamKind::PublicValue(most) => {
            if usize::try_from(len).is_ok_and(|len| len > most) {
                return invalid("the public value is longer than every prime");
            }
            // SAFETY: as above.
            unsafe { bytes(start, len) }.map(Params::PublicValue)
        }
        ParamKind::CallerData(most) => {
            if usize::try_from(len).is_ok_and(|len| len > most) {
                return invalid("the caller's data are longer than the mechanism allows");
            }
            // SAFETY: as above.
            unsafe { bytes(start, len) }.map(Params::CallerData)
        }
        // SAFETY: as above.
        ParamKind::Key => unsafe { structure(start, len) }.map(Params::Key),
        // SAFETY: as above.
        ParamKind::Ctr => unsafe { symmetric::ctr(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Ccm => unsafe { symmetric::ccm(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::ChaCha20 => unsafe { symmetric::chacha20(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::ChaCha20Poly1305 => unsafe {
            symmetric::chacha20_poly1305(structure(start, len)?)
        },
        // SAFETY: as above.
        ParamKind::MacLen => unsafe { structure(start, len) }.map(symmetric::mac_len),
        // SAFETY: as above.
        ParamKind::Data => unsafe { symmetric::data(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Extract => unsafe { structure(start, len) }.map(Params::Extract),
        // SAFETY: as above.
        ParamKind::AesCbcData => unsafe { symmetric::aes_cbc_data(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::DesCbcData => unsafe { symmetric::des_cbc_data(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Hkdf => unsafe { symmetric::hkdf(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Kbkdf(mode) => unsafe { kbkdf::read(mode, start, len) },
        // SAFETY: as above.
        ParamKind::Ike(kind) => unsafe { ike::read(kind, start, len) },
        // SAFETY: as above.
        ParamKind::Tls(kind) => unsafe { tls::read(kind, start, len) },
        // SAFETY: as above.
        ParamKind::Version => unsafe { structure(start, len) }.map(tls::version),
        // SAFETY: as above.
        ParamKind::Pbkd2 => unsafe { symmetric::pbkd2(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Pbe => unsafe { symmetric::pbe(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Gcm => unsafe { gcm(gcm_structure(start, len)?) },
        ParamKind::Oaep | ParamKind::OptionalOaep => {
            // SAFETY: as above.
            unsafe { oaep(structure(start, len)?) }.map(Params::Oaep)
        }
        // SAFETY: as above.
        ParamKind::RsaAesKeyWrap => unsafe { rsa_aes_key_wrap(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Pss => pss(unsafe { structure(start, len) }?),
        // SAFETY: as above.
        ParamKind::Ecdh => unsafe { ecdh(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::EcdhAesKeyWrap => unsafe { ecdh_aes_key_wrap(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Eddsa => unsafe { signature::eddsa(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::SignContext => unsafe { signature::context(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::HashSignContext => unsafe { signature::hash_context(structure(start, len)?) },
        // SAFETY: as above.
        ParamKind::Otp => unsafe { otp::otp(structure(start, len)?) },
    }
}

/// CK_GCM_PARAMS without ulIvBits, as the header files of the first drafts and their clients have it.
#[repr(C)]
#[derive(Clone, Copy)]
struct ShortGcmParams {
    iv: *mut ck::CK_BYTE,
    iv_len: CK_ULONG,
    aad: *mut ck::CK_BYTE,
    aad_len: CK_ULONG,
    tag_bits: CK_ULONG,
}

/// # Safety
/// As `structure`.
unsafe fn gcm_structure(start: *mut c_void, len: CK_ULONG) -> Result<ck::CK_GCM_PARAMS> {
    if usize::try_from(len) != Ok(size_of::<ShortGcmParams>()) {
        // SAFETY: by the promise of this function.
        return unsafe { structure(start, len) };
    }
    // SAFETY: as above.
    let short: ShortGcmParams = unsafe { structure(start, len) }?;
    Ok(ck::CK_GCM_PARAMS {
        pIv: short.iv,
        ulIvLen: short.iv_len,
        ulIvBits: 0,
        pAAD: short.aad,
        ulAADLen: short.aad_len,
        ulTagBits: short.tag_bits,
    })
}

/// # Safety
/// The pointers of `params` are readable for their lengths, or NULL.
unsafe fn gcm(params: ck::CK_GCM_PARAMS) -> Result<Params> {
    // ulIvBits repeats the length, and clients leave it unset: it decides nothing.
    if !(1..=1024).contains(&params.ulIvLen) {
        return invalid("the initialization vector has 1 to 1024 bytes");
    }
    let tag_len = match params.ulTagBits {
        32 => 4,
        64 => 8,
        96 => 12,
        104 => 13,
        112 => 14,
        120 => 15,
        128 => 16,
        _ => return invalid("the tag has 32, 64, 96, 104, 112, 120 or 128 bits"),
    };
    Ok(Params::Gcm {
        // SAFETY: by the promise of this function.
        iv: unsafe { iv(params.pIv.cast(), params.ulIvLen) }?,
        // SAFETY: as above.
        aad: unsafe { bytes(params.pAAD.cast(), params.ulAADLen) }?,
        tag_len,
    })
}

/// # Safety
/// The label of `params` is readable for its length, or NULL.
unsafe fn oaep(params: ck::CK_RSA_PKCS_OAEP_PARAMS) -> Result<Oaep> {
    let (hash, mgf) = (hash(params.hashAlg)?, mgf(params.mgf)?);
    match (params.source, params.ulSourceDataLen) {
        (ck::CKZ_DATA_SPECIFIED, _) | (0, 0) => {}
        _ => return invalid("source is not CKZ_DATA_SPECIFIED"),
    }
    // SAFETY: by the promise of this function.
    let label = unsafe { bytes(params.pSourceData, params.ulSourceDataLen) }?;
    Ok(Oaep { hash, mgf, label })
}

fn pss(params: ck::CK_RSA_PKCS_PSS_PARAMS) -> Result<Params> {
    let Ok(salt_len) = usize::try_from(params.sLen) else {
        return invalid("sLen is longer than every modulus");
    };
    Ok(Params::Pss(Pss {
        hash: hash(params.hashAlg)?,
        mgf: mgf(params.mgf)?,
        salt_len,
    }))
}

/// # Safety
/// The pointers of `params` are readable for their lengths, or NULL.
unsafe fn ecdh(params: ck::CK_ECDH1_DERIVE_PARAMS) -> Result<Params> {
    Ok(Params::Ecdh(Ecdh {
        kdf: kdf(params.kdf, params.ulSharedDataLen)?,
        // SAFETY: by the promise of this function.
        shared_data: unsafe { bytes(params.pSharedData.cast(), params.ulSharedDataLen) }?,
        // SAFETY: as above.
        public_data: unsafe { bytes(params.pPublicData.cast(), params.ulPublicDataLen) }?,
    }))
}

/// # Safety
/// The shared data of `params` are readable for their length, or NULL.
unsafe fn ecdh_aes_key_wrap(params: ck::CK_ECDH_AES_KEY_WRAP_PARAMS) -> Result<Params> {
    let aes_bits = match params.ulAESKeyBits {
        128 => 128,
        192 => 192,
        256 => 256,
        _ => return invalid("ulAESKeyBits is 128, 192 or 256"),
    };
    Ok(Params::EcdhAesKeyWrap(EcdhWrap {
        aes_bits,
        kdf: kdf(params.kdf, params.ulSharedDataLen)?,
        // SAFETY: by the promise of this function.
        shared_data: unsafe { bytes(params.pSharedData.cast(), params.ulSharedDataLen) }?,
    }))
}

/// The key derivation function of ECDH. Without one there are no shared data.
fn kdf(number: ck::CK_EC_KDF_TYPE, shared_data_len: CK_ULONG) -> Result<Option<SharedKdf>> {
    let kdf = match number {
        ck::CKD_NULL if shared_data_len != 0 => {
            return invalid("CKD_NULL takes no shared data");
        }
        ck::CKD_NULL => return Ok(None),
        ck::CKD_SHA1_KDF => SharedKdf::X963(Hash::Sha1),
        ck::CKD_SHA224_KDF => SharedKdf::X963(Hash::Sha224),
        ck::CKD_SHA256_KDF => SharedKdf::X963(Hash::Sha256),
        ck::CKD_SHA384_KDF => SharedKdf::X963(Hash::Sha384),
        ck::CKD_SHA512_KDF => SharedKdf::X963(Hash::Sha512),
        ck::CKD_SHA3_224_KDF => SharedKdf::X963(Hash::Sha3_224),
        ck::CKD_SHA3_256_KDF => SharedKdf::X963(Hash::Sha3_256),
        ck::CKD_SHA3_384_KDF => SharedKdf::X963(Hash::Sha3_384),
        ck::CKD_SHA3_512_KDF => SharedKdf::X963(Hash::Sha3_512),
        ck::CKD_SHA1_KDF_SP800 => SharedKdf::OneStep(Hash::Sha1),
        ck::CKD_SHA224_KDF_SP800 => SharedKdf::OneStep(Hash::Sha224),
        ck::CKD_SHA256_KDF_SP800 => SharedKdf::OneStep(Hash::Sha256),
        ck::CKD_SHA384_KDF_SP800 => SharedKdf::OneStep(Hash::Sha384),
        ck::CKD_SHA512_KDF_SP800 => SharedKdf::OneStep(Hash::Sha512),
        ck::CKD_SHA3_224_KDF_SP800 => SharedKdf::OneStep(Hash::Sha3_224),
        ck::CKD_SHA3_256_KDF_SP800 => SharedKdf::OneStep(Hash::Sha3_256),
        ck::CKD_SHA3_384_KDF_SP800 => SharedKdf::OneStep(Hash::Sha3_384),
        ck::CKD_SHA3_512_KDF_SP800 => SharedKdf::OneStep(Hash::Sha3_512),
        ck::CKD_BLAKE2B_160_KDF => SharedKdf::OneStep(Hash::Blake2b160),
        ck::CKD_BLAKE2B_256_KDF => SharedKdf::OneStep(Hash::Blake2b256),
        ck::CKD_BLAKE2B_384_KDF => SharedKdf::OneStep(Hash::Blake2b384),
        ck::CKD_BLAKE2B_512_KDF => SharedKdf::OneStep(Hash::Blake2b512),
        _ => return invalid("kdf is no key derivation function of this token"),
    };
    Ok(Some(kdf))
}

fn mgf(number: ck::CK_RSA_PKCS_MGF_TYPE) -> Result<Hash> {
    Ok(match number {
        ck::CKG_MGF1_SHA1 => Hash::Sha1,
        ck::CKG_MGF1_SHA224 => Hash::Sha224,
        ck::CKG_MGF1_SHA256 => Hash::Sha256,
        ck::CKG_MGF1_SHA384 => Hash::Sha384,
        ck::CKG_MGF1_SHA512 => Hash::Sha512,
        ck::CKG_MGF1_SHA3_224 => Hash::Sha3_224,
        ck::CKG_MGF1_SHA3_256 => Hash::Sha3_256,
        ck::CKG_MGF1_SHA3_384 => Hash::Sha3_384,
        ck::CKG_MGF1_SHA3_512 => Hash::Sha3_512,
        _ => return invalid("mgf is no mask generation function of this token"),
    })
}

/// # Safety
/// The OAEP parameters of `params` are readable, with their label, or NULL.
unsafe fn rsa_aes_key_wrap(params: ck::CK_RSA_AES_KEY_WRAP_PARAMS) -> Result<Params> {
    let aes_bits = match params.ulAESKeyBits {
        0 => None,
        128 => Some(128),
        192 => Some(192),
        256 => Some(256),
        _ => return invalid("ulAESKeyBits is 128, 192 or 256"),
    };
    // SAFETY: by the promise of this function.
    let Some(inner) = unsafe { record(params.pOAEPParams) }.read() else {
        return invalid("pOAEPParams is NULL");
    };
    // SAFETY: as above.
    let oaep = unsafe { oaep(inner) }?;
    Ok(Params::RsaAesKeyWrap { aes_bits, oaep })
}
