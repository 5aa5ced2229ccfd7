//! Key derivation by pseudo-random functions (PKCS#11 3.2 section 6.42).

pub(super) mod layout;

use std::sync::Arc;

use super::aes::aes_key;
use super::derive::{derived_len, value};
use super::{Composition, Kbkdf, KbkdfPart, KbkdfPrf, Key, Mechanism, ParamKind, Params, ROW};
use crate::ck;
use crate::crypto::kbkdf::{KbkdfMode, Prf, PrfInput, kbkdf};
use crate::error::{Result, refuse};
use crate::keytype;
use crate::secret::Secret;

const KBKDF: Mechanism = Mechanism {
    key_types: keytype::SECRETS,
    derive: Some(derive),
    derive_several: Some(derive_several),
    composition: Composition::OneWay { bounded: |_| false },
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_SP800_108_COUNTER_KDF,
        name: "CKM_SP800_108_COUNTER_KDF",
        params: ParamKind::Kbkdf(KbkdfMode::Counter),
        ..KBKDF
    },
    Mechanism {
        id: ck::CKM_SP800_108_FEEDBACK_KDF,
        name: "CKM_SP800_108_FEEDBACK_KDF",
        params: ParamKind::Kbkdf(KbkdfMode::Feedback),
        ..KBKDF
    },
    Mechanism {
        id: ck::CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        name: "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
        params: ParamKind::Kbkdf(KbkdfMode::DoublePipeline),
        ..KBKDF
    },
];

/// Without a length a key as long as a block.
fn derive(key: &Key, params: &Params, others: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let (params, prf) = begin(key, params)?;
    let len = derived_len(len.unwrap_or(prf.len()))?;
    blocks(params, &prf, others, &[len])
}

/// Each key begins with a block of its own, so that no two hold bytes of one block.
fn derive_several(
    key: &Key,
    params: &Params,
    others: &[Arc<Key>],
    lens: &[usize],
) -> Result<Vec<Secret>> {
    let (params, prf) = begin(key, params)?;
    for len in lens {
        derived_len(*len)?;
    }
    let all = blocks(params, &prf, others, lens)?;
    let mut rest = &all[..];
    let mut keys = Vec::new();
    for len in lens {
        keys.push(Secret::copy(&rest[..*len]));
        // The last key's block is cut.
        rest = rest
            .get(len.next_multiple_of(prf.len())..)
            .unwrap_or_default();
    }
    Ok(keys)
}

fn begin<'a>(key: &'a Key, params: &'a Params) -> Result<(&'a Kbkdf, Prf<'a>)> {
    let Params::Kbkdf(params) = params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes CK_SP800_108_KDF_PARAMS or CK_SP800_108_FEEDBACK_KDF_PARAMS",
        );
    };
    let prf = match params.prf {
        KbkdfPrf::Hmac(hash) => Prf::Hmac(hash, value(key)?),
        KbkdfPrf::AesCmac => Prf::AesCmac(aes_key(key)?),
    };
    Ok((params, prf))
}

/// The blocks for keys of these lengths, of which the last is cut where the last key ends.
fn blocks(params: &Kbkdf, prf: &Prf<'_>, others: &[Arc<Key>], lens: &[usize]) -> Result<Secret> {
    let whole: usize = lens.iter().map(|len| len.next_multiple_of(prf.len())).sum();
    if !params.numbers((whole / prf.len()) as u64) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "the counter is too narrow for keys of this length",
        );
    }
    let Some(length) = params.length(lens, prf.len()) else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the length in bits is greater than CK_SP800_108_DKM_LENGTH_FORMAT takes",
        );
    };
    let cut = lens
        .last()
        .map_or(0, |len| len.next_multiple_of(prf.len()) - len);
    let input = input(params, &length, others)?;
    Ok(kbkdf(params.mode, prf, &input, &params.iv, whole - cut)?)
}

/// The function's input: `length` stands where the data have the length, and the values of `others`
/// where they have keys.
fn input<'a>(
    params: &'a Kbkdf,
    length: &'a [u8],
    others: &'a [Arc<Key>],
) -> Result<Vec<PrfInput<'a>>> {
    let mut others = others.iter();
    let part = |part: &'a KbkdfPart| {
        Ok(match part {
            KbkdfPart::Counter(format) => PrfInput::Counter(*format),
            KbkdfPart::Previous => PrfInput::Previous,
            KbkdfPart::Length { .. } => PrfInput::Fixed(length),
            KbkdfPart::Bytes(bytes) => PrfInput::Fixed(bytes),
            KbkdfPart::Key(_) => match others.next() {
                Some(other) => PrfInput::Fixed(value(other)?),
                None => {
                    return refuse(
                        ck::CKR_MECHANISM_PARAM_INVALID,
                        "a key in the data is not there",
                    );
                }
            },
        })
    };
    params.data.iter().map(part).collect()
}

#[cfg(test)]
mod tests;
