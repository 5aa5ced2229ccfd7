//! RSA (PKCS #11 3.2 section 6.1).

use std::sync::Arc;

use super::one_part::{Input, Output, cipher, signer, verifier};
use super::op::{Cipher, Signer, Verifier};
use super::{
    BadBlob, Key, Material, Mechanism, PairSpec, ParamKind, Params, Proof, ROW, Unit, Unwrap,
    no_params,
};
use crate::ck;
use crate::crypto;
use crate::crypto::hash::Hash;
use crate::crypto::rsa::{self, PrivateKey, PublicKey, pkcs1_capacity};
use crate::error::{Error, Result, refuse};
use crate::rng::Rng;
use crate::secret::Secret;

mod aes_ecb_wrap;
mod aes_key_wrap;
mod oaep;
mod pkcs1_wrap;
mod raw;
mod recover;
pub(super) mod signature;
#[cfg(test)]
mod tests;

/// What all rows have in common.
const RSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_RSA],
    sizes: (rsa::MIN_BITS as u64, rsa::MAX_BITS as u64),
    unit: Unit::Bits,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
        name: "CKM_RSA_PKCS_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        vectors: &["crypto::rsa::tests::generated_keys_are_what_was_asked_for"],
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_PKCS,
        name: "CKM_RSA_PKCS",
        encrypt: Some(encrypt_pkcs1),
        decrypt: Some(decrypt_pkcs1),
        sign: Some(signature::sign_info),
        verify: Some(signature::verify_info),
        sign_recover: Some(signature::sign_info),
        verify_recover: Some(recover::info),
        wrap: Some(pkcs1_wrap::wrap),
        unwrap: Some(&pkcs1_wrap::UNWRAP),
        unwrap_blind: Some(pkcs1_wrap::open_blind),
        vectors: &["rsa/implicit_rejection.json"],
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_X_509,
        name: "CKM_RSA_X_509",
        encrypt: Some(raw::encrypt),
        decrypt: Some(raw::decrypt),
        sign: Some(raw::sign),
        verify: Some(raw::verify),
        sign_recover: Some(raw::sign),
        verify_recover: Some(recover::raw),
        vectors: &["crypto::rsa::raw::tests::agrees_with_plain_exponentiation"],
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_PKCS_OAEP,
        name: "CKM_RSA_PKCS_OAEP",
        params: ParamKind::Oaep,
        encrypt: Some(oaep::encrypt),
        decrypt: Some(oaep::decrypt),
        wrap: Some(oaep::wrap),
        unwrap: Some(&oaep::UNWRAP),
        vectors: &["crypto::rsa::tests::wycheproof_oaep"],
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_AES_KEY_WRAP,
        name: "CKM_RSA_AES_KEY_WRAP",
        params: ParamKind::RsaAesKeyWrap,
        wrap: Some(aes_key_wrap::wrap),
        unwrap: Some(&aes_key_wrap::UNWRAP),
        vectors: &["rsa/aes_key_wrap.json"],
        ..RSA
    },
    Mechanism {
        id: ck::CKM_TENON_RSA_AES_ECB_PKCS7,
        name: "CKM_TENON_RSA_AES_ECB_PKCS7",
        params: ParamKind::OptionalOaep,
        wrap: Some(aes_ecb_wrap::wrap),
        unwrap: Some(&aes_ecb_wrap::UNWRAP),
        vectors: &["rsa/aes_ecb_pkcs7.json"],
        ..RSA
    },
];

/// The key of an encryption, verification or wrap.
fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an RSA public key"),
    }
}

/// The key of a decryption, signature or unwrap.
fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an RSA private key"),
    }
}

fn generate_pair(spec: &PairSpec) -> Result<Material> {
    match spec {
        PairSpec::Rsa { bits, exponent } => Ok(Material::pair(rsa::generate(*bits, exponent)?)),
        PairSpec::Ec { .. } => refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "RSA key pairs need CKA_MODULUS_BITS",
        ),
    }
}

/// "PKCS #1 v1.5 RSA": messages of up to k - 11 bytes.
fn encrypt_pkcs1(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = public(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        Input::data(pkcs1_capacity(modulus_len)),
        Output::Exactly(modulus_len),
        move |message, out| Ok(public(&key)?.encrypt_pkcs1(message, out)?),
    ))
}

/// Wrong padding decrypts to a pseudo-random message (implicit rejection): no oracle.
fn decrypt_pkcs1(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    let modulus_len = private(key)?.modulus_len();
    no_params(params)?;
    let key = Arc::clone(key);
    Ok(cipher(
        Input::ciphertext(modulus_len),
        Output::UpTo(modulus_len),
        move |ciphertext, out| Ok(private(&key)?.decrypt_pkcs1(ciphertext, out)?),
    ))
}

/// The error of a wrap: the length that is wrong there is the wrapped key's.
fn wrapping(error: crypto::Error) -> Error {
    match error {
        crypto::Error::InputLength => Error::new(
            ck::CKR_KEY_SIZE_RANGE,
            "the key is too long for the wrapping key and mechanism",
        ),
        other => other.into(),
    }
}

/// CKR_WRAPPED_KEY_LEN_RANGE.
fn wrong_blob_length() -> Result<()> {
    refuse(
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        "no wrapped key of this mechanism and key has this length",
    )
}
