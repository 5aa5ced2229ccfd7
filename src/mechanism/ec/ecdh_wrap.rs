//! ECDH and AES key wrap (PKCS #11 3.2 section 6.3, "ECDH AES KEY WRAP", "ECDH COFACTOR AES KEY WRAP" and
//! "ECDH Montgomery AES KEY WRAP"): the public key of a transport pair, then AES-KWP (RFC 5649) of the
//! wrapped key under a key that ECDH agrees on.

use super::ecdh::{agree, transport};
use super::*;
use crate::crypto::encoding::to_octet_string;
use crate::crypto::keywrap::{KWP_MIN_LEN, KWP_UNIT, kwp_unwrap, kwp_wrap};
use crate::crypto::okp;
use crate::mechanism::{BadBlob, EcdhWrap, ParamKind, Unwrap};
use crate::secret::Secret;

const WRAP: Mechanism = Mechanism {
    params: ParamKind::EcdhAesKeyWrap,
    wrap: Some(|key, params, _, clear| wrap(Transport::Bare, key, params, clear)),
    unwrap: Some(&BARE),
    ..EC
};

pub(in crate::mechanism) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_ECDH_AES_KEY_WRAP,
        name: "CKM_ECDH_AES_KEY_WRAP",
        key_types: &[ck::CKK_EC, ck::CKK_EC_MONTGOMERY],
        ..WRAP
    },
    // All curves have cofactor 1, so the agreement is the same.
    Mechanism {
        id: ck::CKM_ECDH_COF_AES_KEY_WRAP,
        name: "CKM_ECDH_COF_AES_KEY_WRAP",
        wrap: Some(|key, params, _, clear| wrap(Transport::Der, key, params, clear)),
        unwrap: Some(&DER),
        ..WRAP
    },
    Mechanism {
        id: ck::CKM_ECDH_X_AES_KEY_WRAP,
        name: "CKM_ECDH_X_AES_KEY_WRAP",
        key_types: &[ck::CKK_EC_MONTGOMERY],
        sizes: (255, 255),
        ..WRAP
    },
];

pub(super) static BARE: Unwrap = Unwrap {
    length: |key, params, len| length(Transport::Bare, key, params, len),
    open: |key, params, blob| open(Transport::Bare, key, params, blob),
    proof: Proof::Integrity,
};

static DER: Unwrap = Unwrap {
    length: |key, params, len| length(Transport::Der, key, params, len),
    open: |key, params, blob| open(Transport::Der, key, params, blob),
    proof: Proof::Integrity,
};

/// How a blob begins with the public key of the transport pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// 04 ‖ X ‖ Y, or X25519's 32 bytes.
    Bare,
    /// A DER OCTET STRING that holds these.
    Der,
}

impl Transport {
    fn encode(self, point: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Bare => Ok(point),
            Self::Der => Ok(to_octet_string(&point)?),
        }
    }
}

/// Length of the AES key in bytes, and the whole parameter.
fn expected(params: &Params) -> Result<(usize, &EcdhWrap)> {
    let Params::EcdhAesKeyWrap(of) = params else {
        return bad_param("the mechanism needs CK_ECDH_AES_KEY_WRAP_PARAMS");
    };
    match of.aes_bits {
        128 => Ok((16, of)),
        192 => Ok((24, of)),
        256 => Ok((32, of)),
        _ => bad_param("ulAESKeyBits is not 128, 192 or 256"),
    }
}

fn wrap(form: Transport, key: &Key, params: &Params, clear: &[u8]) -> Result<Vec<u8>> {
    let (len, of) = expected(params)?;
    let (point, shared) = transport(key)?;
    let mut blob = form.encode(point)?;
    blob.extend(kwp_wrap(&aes_key(shared, len, of)?, clear)?);
    Ok(blob)
}

/// "The first ulAESKeyBits bits of the derived key", or of the shared secret.
fn aes_key(shared: Secret, len: usize, of: &EcdhWrap) -> Result<Secret> {
    let Some(kdf) = of.kdf else {
        if shared.len() < len {
            return bad_param("the shared secret is shorter than ulAESKeyBits");
        }
        return Ok(shared.truncated(len));
    };
    let mut out = Secret::zeroed(len);
    kdf.derive(&shared, &of.shared_data, &mut out);
    Ok(out)
}

/// Bytes of a public key in this form, and of a shared secret.
fn lengths(form: Transport, key: &Key) -> Result<(usize, usize)> {
    let (point, shared) = match key.of::<okp::PrivateKey>() {
        Some(_) => (okp::KEY_LEN, okp::KEY_LEN),
        None => {
            let curve = private(key)?.curve();
            (curve.point_len(), curve.field_len())
        }
    };
    Ok((form.encode(vec![0; point])?.len(), shared))
}

fn length(form: Transport, key: &Key, params: &Params, len: usize) -> Result<()> {
    let (aes_len, of) = expected(params)?;
    let (point_len, shared_len) = lengths(form, key)?;
    if of.kdf.is_none() && shared_len < aes_len {
        return bad_param("the shared secret is shorter than ulAESKeyBits");
    }
    match len.checked_sub(point_len) {
        Some(rest) if rest >= KWP_MIN_LEN && rest.is_multiple_of(KWP_UNIT) => Ok(()),
        _ => refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "no wrapped key of this mechanism and key has this length",
        ),
    }
}

/// A transport key that is not on the curve is refused at once: the caller can see that too, so the
/// time tells nothing.
fn open(
    form: Transport,
    key: &Key,
    params: &Params,
    blob: &[u8],
) -> std::result::Result<Secret, BadBlob> {
    let (Ok((len, of)), Ok((point_len, _))) = (expected(params), lengths(form, key)) else {
        return Err(BadBlob);
    };
    let (point, tail) = blob.split_at_checked(point_len).ok_or(BadBlob)?;
    let shared = agree(key, point).map_err(|_| BadBlob)?;
    let inner = aes_key(shared, len, of).map_err(|_| BadBlob)?;
    kwp_unwrap(&inner, tail).map_err(|_| BadBlob)
}

#[cfg(test)]
mod tests;
