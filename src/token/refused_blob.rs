//! What is said of a blob that an import job's key refuses.

use std::ops::RangeInclusive;

use crate::attr::Attributes;
use crate::byok::{ALGORITHMS, Algorithm, Spec, WrappingKey, WrappingScheme};
use crate::ck;
use crate::crypto::hpke::OVERHEAD;
use crate::crypto::xwing;
use crate::error::Error;

use super::record::external::spec_of;

/// The one refusal of every bad blob, with what the import request and the key want, and the usual causes. The blob
/// has `len` bytes, by which alone it may be told that it was sealed by another algorithm of HPKE.
pub(super) fn explained(
    mut error: Error,
    algorithm: &Algorithm,
    target: &Attributes,
    len: usize,
) -> Error {
    if ![ck::CKR_WRAPPED_KEY_INVALID, ck::CKR_WRAPPED_KEY_LEN_RANGE].contains(&error.rv) {
        return error;
    }
    let spec = spec_of(target);
    let kind = spec.map_or_else(String::new, |spec| format!("{spec} "));
    let sealed = match algorithm.scheme {
        WrappingScheme::Hpke(_) => " a blob sealed for another KeyId (`tenon byok wrap --key-id`);",
        _ => "",
    };
    let other = spec.and_then(|spec| other_hpke(algorithm, spec, len));
    let other = other.map_or_else(String::new, |other| {
        format!(
            " A blob of {other} has this length, and one of {} another: wrap the key anew by {}, with the public key of \
             this request.",
            algorithm.name, algorithm.name
        )
    });
    let what = format!(
        "{}. The blob has {len} bytes, the import request is for {}, and the key takes {kind}material.{other} Usual \
         causes: another algorithm, hash or padding than the request's; the public key of another request;{sealed} \
         material of another kind or length, or other material than the key is bound to; a damaged or cut file",
        error.what, algorithm.name
    );
    error.what = what.into();
    error
}

/// The algorithm by HPKE whose blob of such a key has `len` bytes, where one of `algorithm` has not.
fn other_hpke(algorithm: &Algorithm, spec: Spec, len: usize) -> Option<&'static str> {
    let fits = |algorithm: &Algorithm| {
        let encapsulated = encapsulated_len(algorithm);
        let material = encapsulated.and_then(|own| len.checked_sub(own + OVERHEAD));
        material.is_some_and(|material| material_lengths(spec).contains(&material))
    };
    if encapsulated_len(algorithm).is_none() || fits(algorithm) {
        return None;
    }
    let other = ALGORITHMS.iter().find(|other| fits(other));
    other.map(|other| other.name)
}

/// Bytes of the encapsulated key at the start of a blob by HPKE.
fn encapsulated_len(algorithm: &Algorithm) -> Option<usize> {
    match algorithm.scheme {
        WrappingScheme::Hpke(WrappingKey::XWing) => Some(xwing::CIPHERTEXT_LEN),
        WrappingScheme::Hpke(WrappingKey::MlKem(set)) => Some(set.ciphertext_len()),
        _ => None,
    }
}

/// How many bytes a key of this spec has in a blob: its value, or about so many of PKCS #8.
fn material_lengths(spec: Spec) -> RangeInclusive<usize> {
    let bytes = |bits: u64| usize::try_from(bits / 8).unwrap_or(usize::MAX);
    match spec {
        Spec::Aes(bits) | Spec::Hmac(bits) => bytes(bits)..=bytes(bits),
        Spec::Sm4 => 16..=16,
        Spec::Ec(_) => 32..=300,
        // A modulus, a private exponent, and five numbers of half their length.
        Spec::Rsa(bits) => bytes(bits) * 4..=bytes(bits) * 5,
        Spec::MlDsa(_) => 32..=8192,
    }
}
