//! Parameters of one message: read before it, and written where the module generates a part of them.

use std::ffi::c_void;
use std::ptr;

use super::parts::{bytes, invalid, length, structure};
use super::symmetric::poly1305_nonce;
use crate::ck::{self, CK_ULONG};
use crate::crypto::chacha::TAG;
use crate::error::Result;
use crate::mechanism::{Generator, MessageKind, MessageParams};

/// pParameter and ulParameterLen of a message.
#[derive(Clone, Copy)]
pub(in crate::abi) struct MessageParameter {
    start: *mut c_void,
    len: CK_ULONG,
}

/// The parameter at `start`.
///
/// # Safety
/// `start` is NULL or readable for `len` bytes. The vector and the tag that its structure names are
/// readable for their lengths, or NULL, and writable where the function writes them.
pub(in crate::abi) unsafe fn message_parameter(
    start: *mut c_void,
    len: CK_ULONG,
) -> MessageParameter {
    MessageParameter { start, len }
}

/// Length of the structure of `kind`.
pub(super) fn size(kind: MessageKind) -> usize {
    match kind {
        MessageKind::Gcm => size_of::<ck::CK_GCM_MESSAGE_PARAMS>(),
        MessageKind::Ccm => size_of::<ck::CK_CCM_MESSAGE_PARAMS>(),
        MessageKind::ChaCha20Poly1305 => size_of::<ck::CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>(),
    }
}

/// Where the module writes the vector and the tag that it generates for a message; NULL for what the caller gives.
pub(in crate::abi) struct MessageOutput {
    iv: *mut u8,
    tag: *mut u8,
}

/// The fields that the structures have, or what stands for them.
struct Fields {
    data_len: CK_ULONG,
    iv: *mut u8,
    iv_len: CK_ULONG,
    fixed_bits: CK_ULONG,
    generator: ck::CK_GENERATOR_FUNCTION,
    tag: *mut u8,
    tag_len: usize,
}

impl MessageParameter {
    /// For mechanisms whose messages have no parameter.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID where there is one.
    pub(in crate::abi) fn refuse(&self) -> Result<()> {
        match self.len {
            0 => Ok(()),
            _ => invalid("the messages of this mechanism have no parameter"),
        }
    }

    /// The parameters, and where an encryption writes the vector and tag that it generates.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID.
    pub(in crate::abi) fn read(
        &self,
        kind: MessageKind,
        encrypts: bool,
    ) -> Result<(MessageParams, MessageOutput)> {
        if self.start.is_null() {
            return invalid("a message needs its parameter");
        }
        let fields = match kind {
            // SAFETY: readable by the promise of `message_parameter`, here and below.
            MessageKind::Gcm => gcm(unsafe { structure(self.start, self.len) }?)?,
            // SAFETY: as above.
            MessageKind::Ccm => ccm(unsafe { structure(self.start, self.len) }?)?,
            MessageKind::ChaCha20Poly1305 => {
                // SAFETY: as above.
                chacha20_poly1305(unsafe { structure(self.start, self.len) }?)?
            }
        };
        let generator = if encrypts {
            generator(fields.generator)?
        } else {
            Generator::None
        };
        if fields.tag.is_null() {
            return invalid("the pointer to the tag is NULL");
        }
        let tag = if encrypts {
            None
        } else {
            let len = CK_ULONG::try_from(fields.tag_len).unwrap_or(CK_ULONG::MAX);
            // SAFETY: as above.
            Some(unsafe { bytes(fields.tag.cast(), len) }?)
        };
        let params = MessageParams {
            // SAFETY: as above.
            iv: unsafe { bytes(fields.iv.cast(), fields.iv_len) }?,
            fixed_bits: length(fields.fixed_bits),
            generator,
            tag_len: fields.tag_len,
            tag,
            data_len: length(fields.data_len),
        };
        let generated = MessageOutput {
            iv: if generator == Generator::None {
                ptr::null_mut()
            } else {
                fields.iv
            },
            tag: if encrypts {
                fields.tag
            } else {
                ptr::null_mut()
            },
        };
        Ok((params, generated))
    }
}

impl MessageOutput {
    /// Writes the vector and the tag of `params`, which `MessageParameter::read` gave together with this.
    pub(in crate::abi) fn write(&self, params: &MessageParams) {
        if !self.iv.is_null() {
            // SAFETY: writable by the promise of `message_parameter`, for the length that was read.
            unsafe { ptr::copy_nonoverlapping(params.iv.as_ptr(), self.iv, params.iv.len()) };
        }
        if let Some(tag) = params.tag.as_ref().filter(|_| !self.tag.is_null()) {
            // SAFETY: as above; a tag has `tag_len` bytes.
            unsafe { ptr::copy_nonoverlapping(tag.as_ptr(), self.tag, tag.len()) };
        }
    }
}

fn gcm(params: ck::CK_GCM_MESSAGE_PARAMS) -> Result<Fields> {
    if !(1..=1024).contains(&params.ulIvLen) {
        return invalid("the initialization vector has 1 to 1024 bytes");
    }
    let tag_len = match params.ulTagBits {
        bits @ (32 | 64 | 96 | 104 | 112 | 120 | 128) => length(bits / 8),
        _ => return invalid("the tag has 32, 64, 96, 104, 112, 120 or 128 bits"),
    };
    Ok(Fields {
        data_len: 0,
        iv: params.pIv,
        iv_len: params.ulIvLen,
        fixed_bits: params.ulIvFixedBits,
        generator: params.ivGenerator,
        tag: params.pTag,
        tag_len,
    })
}

fn ccm(params: ck::CK_CCM_MESSAGE_PARAMS) -> Result<Fields> {
    if !(7..=13).contains(&params.ulNonceLen) {
        return invalid("the nonce has 7 to 13 bytes");
    }
    if !matches!(params.ulMACLen, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
        return invalid("the MAC has 4, 6, 8, 10, 12, 14 or 16 bytes");
    }
    Ok(Fields {
        data_len: params.ulDataLen,
        iv: params.pNonce,
        iv_len: params.ulNonceLen,
        fixed_bits: params.ulNonceFixedBits,
        generator: params.nonceGenerator,
        tag: params.pMAC,
        tag_len: length(params.ulMACLen),
    })
}

/// The caller gives the whole nonce.
fn chacha20_poly1305(params: ck::CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS) -> Result<Fields> {
    Ok(Fields {
        data_len: 0,
        iv: params.pNonce,
        iv_len: poly1305_nonce(params.ulNonceLen)?,
        fixed_bits: 0,
        generator: ck::CKG_NO_GENERATE,
        tag: params.pTag,
        tag_len: TAG,
    })
}

fn generator(number: ck::CK_GENERATOR_FUNCTION) -> Result<Generator> {
    Ok(match number {
        ck::CKG_NO_GENERATE => Generator::None,
        ck::CKG_GENERATE => Generator::Any,
        ck::CKG_GENERATE_COUNTER => Generator::Counter,
        ck::CKG_GENERATE_RANDOM => Generator::Random,
        ck::CKG_GENERATE_COUNTER_XOR => Generator::CounterXor,
        _ => return invalid("the token does not have this generator of initialization vectors"),
    })
}
