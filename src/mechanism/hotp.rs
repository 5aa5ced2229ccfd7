//! One-time passwords by HOTP (PKCS #11 3.2, "OATH HOTP").
//!
//! A signature is a CK_OTP_SIGNATURE_INFO with the password and the counter of which it was made. A verification takes
//! the password itself, and the counter from its parameter.

use std::mem::offset_of;
use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::op::{Resumable, Signer, Verifier};
use super::{Key, Mechanism, OtpParams, ParamKind, Params, ROW, Unit, bad_param, secret};
use crate::ck;
use crate::crypto::hotp::{DIGITS, fill};
use crate::error::{Result, refuse};
use crate::keytype::Ready;
use crate::secret::Secret;

const HOTP: Mechanism = Mechanism {
    key_types: &[ck::CKK_HOTP],
    unit: Unit::Bytes,
    ..ROW
};

/// Fewest bytes of a key that is generated: "the length of the shared secret MUST be at least 128 bits" (RFC 4226
/// section 4).
const LEAST_KEY: u64 = 16;

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_HOTP_KEY_GEN,
        name: "CKM_HOTP_KEY_GEN",
        sizes: (LEAST_KEY, secret::MAX as u64),
        generate: Some(secret::generate),
        ..HOTP
    },
    Mechanism {
        id: ck::CKM_HOTP,
        name: "CKM_HOTP",
        params: ParamKind::Otp,
        counts: true,
        sign: Some(|key, params| Ok(Box::new(Passwords::to_sign(key, params)?))),
        verify: Some(|key, params| Ok(Box::new(Passwords::to_verify(key, params)?))),
        ..HOTP
    },
];

/// A HOTP key with what its object says of its passwords.
pub(crate) struct HotpKey {
    pub(crate) secret: Secret,
    /// CKA_OTP_LENGTH.
    pub(crate) digits: usize,
    /// CKA_OTP_USER_FRIENDLY_MODE.
    pub(crate) friendly: bool,
    /// CKA_OTP_COUNTER_REQUIREMENT: a CK_OTP_PARAM_ number.
    pub(crate) requirement: ck::CK_ULONG,
    pub(crate) counter: Box<dyn TakeCounter>,
}

/// The counter of a key, from which each signature takes a value of its own.
pub(crate) trait TakeCounter: Send + Sync {
    /// The counter's value, after the next one was stored: no two calls give the same.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED at the counter's end, CKR_KEY_HANDLE_INVALID for a key that is gone, and those of a change.
    fn take(&self) -> Result<u64>;
}

impl Ready for HotpKey {
    fn bits(&self) -> u64 {
        self.secret.len() as u64 * 8
    }
}

/// An operation of one password.
struct Passwords {
    key: Arc<Key>,
    digits: usize,
    /// `None` for the key's own.
    counter: Option<u64>,
}

impl Passwords {
    fn to_sign(key: &Arc<Key>, params: &Params) -> Result<Self> {
        let counter = match (hotp(key)?.requirement, asked(params)?.counter) {
            (ck::CK_OTP_PARAM_MANDATORY, None) => {
                return bad_param("the key's CKA_OTP_COUNTER_REQUIREMENT asks for CK_OTP_COUNTER");
            }
            (ck::CK_OTP_PARAM_IGNORED, _) => None,
            (_, given) => given,
        };
        Self::new(key, params, counter)
    }

    fn to_verify(key: &Arc<Key>, params: &Params) -> Result<Self> {
        let counter = asked(params)?.counter;
        if counter.is_none() {
            return bad_param("a verification takes CK_OTP_COUNTER");
        }
        Self::new(key, params, counter)
    }

    fn new(key: &Arc<Key>, params: &Params, counter: Option<u64>) -> Result<Self> {
        let (asked, of_key) = (asked(params)?, hotp(key)?);
        let digits = asked.digits.unwrap_or(of_key.digits);
        if !(DIGITS.0..=DIGITS.1).contains(&digits) {
            return bad_param("CK_OTP_OUTPUT_LENGTH is 6, 7 or 8");
        }
        if asked.friendly && !of_key.friendly {
            return bad_param("the key's CKA_OTP_USER_FRIENDLY_MODE is FALSE");
        }
        Ok(Self {
            key: Arc::clone(key),
            digits,
            counter,
        })
    }

    fn password(&self, counter: u64) -> Result<[u8; DIGITS.1]> {
        let mut password = [0; DIGITS.1];
        fill(
            &hotp(&self.key)?.secret,
            counter,
            &mut password[..self.digits],
        );
        Ok(password)
    }
}

fn hotp(key: &Key) -> Result<&HotpKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a HOTP key"),
    }
}

/// What the parameter asks for: nothing where there is none.
fn asked(params: &Params) -> Result<OtpParams> {
    match params {
        Params::None => Ok(OtpParams::default()),
        Params::Otp(asked) => Ok(asked.clone()),
        _ => bad_param("the mechanism takes CK_OTP_PARAMS"),
    }
}

/// "pData shall be set to NULL_PTR and ulDataLen shall be set to 0."
fn no_data(message: &[u8]) -> Result<()> {
    if !message.is_empty() {
        return refuse(ck::CKR_DATA_LEN_RANGE, "CKM_HOTP takes no data");
    }
    Ok(())
}

impl Resumable for Passwords {}

impl Signer for Passwords {
    fn len(&self) -> usize {
        info_len(&[size_of::<u64>(), self.digits])
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        no_data(message)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let counter = match self.counter {
            Some(counter) => counter,
            None => hotp(&self.key)?.counter.take()?,
        };
        let password = self.password(counter)?;
        Ok(write_info(
            out,
            &[
                (ck::CK_OTP_COUNTER, &counter.to_be_bytes()),
                (ck::CK_OTP_VALUE, &password[..self.digits]),
            ],
        ))
    }
}

impl Verifier for Passwords {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        no_data(message)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.digits {
            return refuse(
                ck::CKR_SIGNATURE_LEN_RANGE,
                "the password has another length",
            );
        }
        let password = self.password(self.counter.unwrap_or_default())?;
        if !bool::from(password[..self.digits].ct_eq(signature)) {
            return refuse(ck::CKR_SIGNATURE_INVALID, "the password does not verify");
        }
        Ok(())
    }
}

/// Bytes of a CK_OTP_SIGNATURE_INFO with values of these lengths.
fn info_len(values: &[usize]) -> usize {
    size_of::<ck::CK_OTP_SIGNATURE_INFO>()
        + values.len() * size_of::<ck::CK_OTP_PARAM>()
        + values.iter().sum::<usize>()
}

/// Writes a CK_OTP_SIGNATURE_INFO, its parameters and then their values to the start of `out`, which is `info_len` bytes
/// long or longer; returns the length. The pointers in it lead to places in `out`.
fn write_info(out: &mut [u8], params: &[(ck::CK_OTP_PARAM_TYPE, &[u8])]) -> usize {
    let base = out.as_mut_ptr().expose_provenance();
    let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
    let first = size_of::<ck::CK_OTP_SIGNATURE_INFO>();
    let start = |at: usize| (base + at).to_ne_bytes();
    let number = |len: usize| (len as ck::CK_ULONG).to_ne_bytes();
    put(
        offset_of!(ck::CK_OTP_SIGNATURE_INFO, pParams),
        &start(first),
    );
    put(
        offset_of!(ck::CK_OTP_SIGNATURE_INFO, ulCount),
        &number(params.len()),
    );
    let mut value_at = first + params.len() * size_of::<ck::CK_OTP_PARAM>();
    for (index, (kind, value)) in params.iter().enumerate() {
        let at = first + index * size_of::<ck::CK_OTP_PARAM>();
        put(
            at + offset_of!(ck::CK_OTP_PARAM, type_),
            &kind.to_ne_bytes(),
        );
        put(at + offset_of!(ck::CK_OTP_PARAM, pValue), &start(value_at));
        put(
            at + offset_of!(ck::CK_OTP_PARAM, ulValueLen),
            &number(value.len()),
        );
        put(value_at, value);
        value_at += value.len();
    }
    value_at
}
