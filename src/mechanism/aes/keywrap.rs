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

/// Length of a semiblock in bytes.
pub(super) const SEMIBLOCK: usize = 8;

/// Shortest output of RFC 3394.
const SHORTEST: usize = 3 * SEMIBLOCK;

/// The alternative initial value's constant part (RFC 5649 section 3).
const AIV: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];

/// What is done before the wrap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing: RFC 3394.
    Plain,
    /// RFC 5649's own padding.
    Kwp,
    /// PKCS#7 padding to semiblocks.
    Pkcs7,
    /// Made as RFC 5649 has it; taken in that form and in PKCS#7's. After the inverse the initial
    /// value tells which it was.
    KwpOrPkcs7,
    /// Made with PKCS#7 padding; taken in both forms.
    Pkcs7OrKwp,
}

/// A wrap with its initial value.
struct Wrap {
    form: Form,
    iv: [u8; SEMIBLOCK],
}

impl Wrap {
    /// RFC 5649 takes only the constant of its initial value, and so do the wraps of two forms:
    /// another one would not be understood elsewhere.
    fn new(form: Form, params: &Params) -> Result<Self> {
        let iv = match (form, params) {
            (_, Params::None) => Some(KW_IV),
            (Form::Plain | Form::Pkcs7, Params::Iv(iv)) => iv.as_slice().try_into().ok(),
            (Form::Kwp, Params::Iv(iv)) if *iv == AIV => Some(KW_IV),
            _ => None,
        };
        // A blob of RFC 5649 would open by RFC 3394 with its length as a part of the initial value, and
        // its padding would become a part of the key.
        let foreign = |iv: &[u8; SEMIBLOCK]| form != Form::Kwp && iv.starts_with(&AIV);
        match iv.filter(|iv| !foreign(iv)) {
            Some(iv) => Ok(Self { form, iv }),
            None => bad_param("the initial value of this wrap is absent or its constant"),
        }
    }

    fn seal(&self, kek: &[u8], clear: &[u8]) -> crypto::Result<Vec<u8>> {
        match self.form {
            Form::Plain => kw_wrap(kek, &self.iv, clear),
            Form::Kwp | Form::KwpOrPkcs7 => kwp_wrap(kek, clear),
            Form::Pkcs7 | Form::Pkcs7OrKwp => kw_pkcs7_wrap(kek, &self.iv, clear),
        }
    }

    fn open(&self, kek: &[u8], wrapped: &[u8]) -> crypto::Result<Secret> {
        match self.form {
            Form::Plain => kw_unwrap(kek, &self.iv, wrapped),
            Form::Kwp => kwp_unwrap(kek, wrapped),
            Form::Pkcs7 => kw_pkcs7_unwrap(kek, &self.iv, wrapped),
            Form::KwpOrPkcs7 | Form::Pkcs7OrKwp => match kwp_unwrap(kek, wrapped) {
                Err(crypto::Error::BadCiphertext) if wrapped.len() >= SHORTEST => {
                    kw_pkcs7_unwrap(kek, &self.iv, wrapped)
                }
                outcome => outcome,
            },
        }
    }

    /// Whether a wrapped key may have this length.
    fn takes(&self, len: usize) -> bool {
        let least = match self.form {
            Form::Plain | Form::Pkcs7 => SHORTEST,
            Form::Kwp | Form::KwpOrPkcs7 | Form::Pkcs7OrKwp => 2 * SEMIBLOCK,
        };
        len >= least && len.is_multiple_of(SEMIBLOCK)
    }
}

/// C_UnwrapKey, of each form.
macro_rules! unwrap {
    ($($name:ident: $form:expr;)+) => {$(
        pub(super) static $name: Unwrap = Unwrap {
            length: |_, params, len| length($form, params, len),
            open: |key, params, blob| open($form, key, params, blob),
            proof: Proof::Integrity,
        };
    )+};
}

unwrap! {
    PLAIN: Form::Plain;
    KWP: Form::Kwp;
    PKCS7: Form::Pkcs7;
    EITHER: Form::KwpOrPkcs7;
}

/// C_WrapKey.
pub(super) fn wrap(form: Form, key: &Key, params: &Params, clear: &[u8]) -> Result<Vec<u8>> {
    let wrap = Wrap::new(form, params)?;
    Ok(wrap.seal(aes_key(key)?.bytes(), clear)?)
}

/// The parameter is judged here too, since opening can only say that a blob is bad.
fn length(form: Form, params: &Params, len: usize) -> Result<()> {
    if !Wrap::new(form, params)?.takes(len) {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "a wrapped key has a multiple of 8 bytes, and at least 16 or 24",
        );
    }
    Ok(())
}

fn open(
    form: Form,
    key: &Key,
    params: &Params,
    blob: &[u8],
) -> std::result::Result<Secret, BadBlob> {
    let (Ok(wrap), Ok(key)) = (Wrap::new(form, params), aes_key(key)) else {
        return Err(BadBlob);
    };
    wrap.open(key.bytes(), blob).map_err(|_| BadBlob)
}

/// C_EncryptInit and C_DecryptInit.
pub(super) fn begin(
    form: Form,
    key: &Key,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    Ok(gathered(Message {
        wrap: Wrap::new(form, params)?,
        key: aes_key(key)?.clone(),
        direction,
    }))
}

struct Message {
    wrap: Wrap,
    key: aes::Key,
    direction: Direction,
}

impl Whole for Message {
    fn bound(&self, input: usize) -> usize {
        match (self.direction, self.wrap.form) {
            (Direction::Decrypt, _) => input.saturating_sub(SEMIBLOCK),
            (_, Form::Plain) => input.saturating_add(SEMIBLOCK),
            (_, Form::Kwp | Form::KwpOrPkcs7) => semiblocks(input.div_ceil(SEMIBLOCK), 1),
            (_, Form::Pkcs7 | Form::Pkcs7OrKwp) => semiblocks(input / SEMIBLOCK, 2),
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
            Direction::Decrypt => put(&self.wrap.open(key, input)?, out),
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
