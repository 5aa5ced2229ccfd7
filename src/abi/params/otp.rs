//! The parameter of one-time passwords.

use super::parts::{bytes, invalid, length};
use crate::ck;
use crate::error::Result;
use crate::mechanism::{OtpParams, Params};

/// Bits of CK_OTP_FLAGS that change nothing: HOTP takes no time, challenge or PIN.
const WITHOUT_EFFECT: ck::CK_FLAGS =
    ck::CKF_EXCLUDE_TIME | ck::CKF_EXCLUDE_CHALLENGE | ck::CKF_EXCLUDE_PIN;

/// CK_OTP_PARAMS: a list that has each kind of parameter once at most.
///
/// # Safety
/// The array of `params` is readable for its length, and so are the pointers in it, or NULL.
pub(super) unsafe fn otp(params: ck::CK_OTP_PARAMS) -> Result<Params> {
    let mut seen = Vec::new();
    let mut asked = OtpParams::default();
    if params.ulCount != 0 && params.pParams.is_null() {
        return invalid("pParams is NULL");
    }
    for index in 0..length(params.ulCount) {
        // SAFETY: the array is readable by the promise of this function, and not NULL. It ends before the kinds do, or
        // one of them is refused.
        let param = unsafe { params.pParams.wrapping_add(index).read_unaligned() };
        if seen.contains(&param.type_) {
            return invalid("a kind of parameter is there twice");
        }
        seen.push(param.type_);
        // SAFETY: as above.
        let value = || unsafe { bytes(param.pValue, param.ulValueLen) };
        match param.type_ {
            ck::CK_OTP_PIN | ck::CK_OTP_CHALLENGE | ck::CK_OTP_TIME => {}
            ck::CK_OTP_COUNTER => match value()?.try_into() {
                Ok(counter) => asked.counter = Some(u64::from_be_bytes(counter)),
                Err(_) => return invalid("CK_OTP_COUNTER has 8 bytes"),
            },
            ck::CK_OTP_FLAGS => asked.friendly = is_friendly(number(&value()?)?)?,
            ck::CK_OTP_OUTPUT_LENGTH => {
                asked.digits = Some(length(number(&value()?)?));
            }
            ck::CK_OTP_OUTPUT_FORMAT => {
                if number(&value()?)? != ck::CK_OTP_FORMAT_DECIMAL {
                    return invalid("CK_OTP_OUTPUT_FORMAT is CK_OTP_FORMAT_DECIMAL");
                }
            }
            _ => return invalid("CK_OTP_PARAMS has a parameter that HOTP does not know"),
        }
    }
    Ok(Params::Otp(asked))
}

/// Whether CK_OTP_FLAGS ask for a password for people.
fn is_friendly(flags: ck::CK_FLAGS) -> Result<bool> {
    if flags & !(WITHOUT_EFFECT | ck::CKF_USER_FRIENDLY_OTP) != 0 {
        return invalid(
            "HOTP does without no counter, and its next password comes with the next signature",
        );
    }
    Ok(flags & ck::CKF_USER_FRIENDLY_OTP != 0)
}

fn number(value: &[u8]) -> Result<ck::CK_ULONG> {
    match value.try_into() {
        Ok(number) => Ok(ck::CK_ULONG::from_ne_bytes(number)),
        Err(_) => invalid("the value of a parameter is no CK_ULONG"),
    }
}
