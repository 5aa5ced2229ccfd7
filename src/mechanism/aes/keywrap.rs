//! AES key wrap (RFC 3394, RFC 5649; PKCS#11 3.2 section 6.16), as a wrap and as a cipher.

use super::super::Cipher;
use super::super::whole::{Whole, gathered};
use super::super::{BadBlob, Proof, Unwrap};
use super::{Key, Params, aes_key, bad_param};
use crate::ck;
use crate::crypto;
use crate::crypto::aes::{self, Direction};
use crate::crypto::keywrap::{
    KW_IV, KW_MAX, kw_pkcs7_unwrap, kw_pkcs7_wrap, kw_unwrap, kw_wrap, kwp_unwrap, kwp_wrap,
};
use crate::error::{Result, refuse};
use crate::secret::Secret;

pub(super) const SEMIBLOCK: usize = 8;

/// Length of RFC 3394's shortest output in bytes.
const SHORTEST: usize = 3 * SEMIBLOCK;

/// The alternative initial value's constant part (RFC 5649 section 3).
const AIV: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];

/// Which padding wrapping makes, and which unwrapping takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyWrapForm {
    /// No padding: RFC 3394.
    Plain,
    /// RFC 5649's own padding.
    Kwp,
    /// PKCS#7 padding to semiblocks, then RFC 3394.
    Pkcs7,
    /// Wraps like `Kwp`; unwraps like `Kwp` or `Pkcs7`, as the initial value inside tells.
    KwpOrPkcs7,
    /// Wraps like `Pkcs7`; unwraps like `KwpOrPkcs7`.
    Pkcs7OrKwp,
}

/// Which PKCS#7 padding is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AcceptedPadding {
    Any,
    /// One whole semiblock, behind a text of whole semiblocks.
    Whole,
}

struct KeyWrap {
    form: KeyWrapForm,
    iv: [u8; SEMIBLOCK],
}

impl KeyWrap {
    /// RFC 5649 has one constant initial value, which alone is taken. The forms that unwrap two
    /// ways take none: another initial value would be understood nowhere else.
    fn new(form: KeyWrapForm, params: &Params) -> Result<Self> {
        let iv = match (form, params) {
            (_, Params::None) => Some(KW_IV),
            (KeyWrapForm::Plain | KeyWrapForm::Pkcs7, Params::Iv(iv)) => {
                iv.as_slice().try_into().ok()
            }
            (KeyWrapForm::Kwp, Params::Iv(iv)) if iv[..] == AIV => Some(KW_IV),
            _ => None,
        };
        // With an initial value that begins like that of RFC 5649, RFC 3394 would open a blob of
        // RFC 5649, and its padding would become a part of the key.
        let foreign = |iv: &[u8; SEMIBLOCK]| form != KeyWrapForm::Kwp && iv.starts_with(&AIV);
        match iv.filter(|iv| !foreign(iv)) {
            Some(iv) => Ok(Self { form, iv }),
            None => bad_param("the initial value of this wrap is absent or its constant"),
        }
    }

    fn seal(&self, kek: &[u8], clear: &[u8]) -> crypto::Result<Vec<u8>> {
        match self.form {
            KeyWrapForm::Plain => kw_wrap(kek, &self.iv, clear),
            KeyWrapForm::Kwp | KeyWrapForm::KwpOrPkcs7 => kwp_wrap(kek, clear),
            KeyWrapForm::Pkcs7 | KeyWrapForm::Pkcs7OrKwp => kw_pkcs7_wrap(kek, &self.iv, clear),
        }
    }

    fn open(&self, kek: &[u8], wrapped: &[u8], padding: AcceptedPadding) -> crypto::Result<Secret> {
        match self.form {
            KeyWrapForm::Plain => kw_unwrap(kek, &self.iv, wrapped),
            KeyWrapForm::Kwp => kwp_unwrap(kek, wrapped),
            KeyWrapForm::Pkcs7 => self.open_padded(kek, wrapped, padding),
            KeyWrapForm::KwpOrPkcs7 | KeyWrapForm::Pkcs7OrKwp => match kwp_unwrap(kek, wrapped) {
                Err(crypto::Error::BadCiphertext) if wrapped.len() >= SHORTEST => {
                    self.open_padded(kek, wrapped, padding)
                }
                outcome => outcome,
            },
        }
    }

    fn open_padded(
        &self,
        kek: &[u8],
        wrapped: &[u8],
        padding: AcceptedPadding,
    ) -> crypto::Result<Secret> {
        let clear = kw_pkcs7_unwrap(kek, &self.iv, wrapped)?;
        if padding == AcceptedPadding::Whole && !clear.len().is_multiple_of(SEMIBLOCK) {
            return Err(crypto::Error::BadCiphertext);
        }
        Ok(clear)
    }

    fn takes(&self, len: usize) -> bool {
        let least = match self.form {
            KeyWrapForm::Plain | KeyWrapForm::Pkcs7 => SHORTEST,
            KeyWrapForm::Kwp | KeyWrapForm::KwpOrPkcs7 | KeyWrapForm::Pkcs7OrKwp => 2 * SEMIBLOCK,
        };
        len >= least && len.is_multiple_of(SEMIBLOCK)
    }
}

macro_rules! unwrap {
    ($($name:ident: $form:expr;)+) => {$(
        pub(super) static $name: Unwrap = Unwrap {
            length: |_, params, len| length($form, params, len),
            open: |key, params, blob| open($form, AcceptedPadding::Any, key, params, blob),
            proof: Proof::Integrity,
        };
    )+};
}

unwrap! {
    PLAIN: KeyWrapForm::Plain;
    KWP: KeyWrapForm::Kwp;
    PKCS7: KeyWrapForm::Pkcs7;
    EITHER: KeyWrapForm::KwpOrPkcs7;
}

pub(super) fn wrap(form: KeyWrapForm, key: &Key, params: &Params, clear: &[u8]) -> Result<Vec<u8>> {
    let wrap = KeyWrap::new(form, params)?;
    Ok(wrap.seal(aes_key(key)?.bytes(), clear)?)
}

/// Refuses wrong parameters too: opening says only that a blob is bad.
fn length(form: KeyWrapForm, params: &Params, len: usize) -> Result<()> {
    if !KeyWrap::new(form, params)?.takes(len) {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "a wrapped key has a multiple of 8 bytes, and at least 16 or 24",
        );
    }
    Ok(())
}

/// As `Unwrap::open`, where only a whole block of PKCS#7 padding may open. The padding of RFC 5649 is taken
/// as it is: the wrap's own check covers it.
pub(super) fn open_whole(
    form: KeyWrapForm,
    key: &Key,
    params: &Params,
    blob: &[u8],
) -> std::result::Result<Secret, BadBlob> {
    open(form, AcceptedPadding::Whole, key, params, blob)
}

fn open(
    form: KeyWrapForm,
    padding: AcceptedPadding,
    key: &Key,
    params: &Params,
    blob: &[u8],
) -> std::result::Result<Secret, BadBlob> {
    let (Ok(wrap), Ok(key)) = (KeyWrap::new(form, params), aes_key(key)) else {
        return Err(BadBlob);
    };
    wrap.open(key.bytes(), blob, padding).map_err(|_| BadBlob)
}

pub(super) fn begin(
    form: KeyWrapForm,
    key: &Key,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    Ok(gathered(KeyWrapMessage {
        wrap: KeyWrap::new(form, params)?,
        key: aes_key(key)?.clone(),
        direction,
    }))
}

struct KeyWrapMessage {
    wrap: KeyWrap,
    key: aes::Key,
    direction: Direction,
}

impl Whole for KeyWrapMessage {
    fn bound(&self, input: usize) -> usize {
        match (self.direction, self.wrap.form) {
            (Direction::Decrypt, _) => input.saturating_sub(SEMIBLOCK),
            (_, KeyWrapForm::Plain) => input.saturating_add(SEMIBLOCK),
            (_, KeyWrapForm::Kwp | KeyWrapForm::KwpOrPkcs7) => {
                semiblocks(input.div_ceil(SEMIBLOCK), 1)
            }
            (_, KeyWrapForm::Pkcs7 | KeyWrapForm::Pkcs7OrKwp) => semiblocks(input / SEMIBLOCK, 2),
        }
    }

    fn exact(&self) -> bool {
        self.direction == Direction::Encrypt
    }

    fn most(&self) -> usize {
        KW_MAX + SEMIBLOCK
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let key = self.key.bytes();
        match self.direction {
            Direction::Encrypt => put(&self.wrap.seal(key, input)?, out),
            Direction::Decrypt => put(&self.wrap.open(key, input, AcceptedPadding::Any)?, out),
        }
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}

fn semiblocks(count: usize, more: usize) -> usize {
    count.saturating_add(more).saturating_mul(SEMIBLOCK)
}

fn put(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out[..bytes.len()].copy_from_slice(bytes);
    Ok(bytes.len())
}

#[cfg(test)]
mod tests;
