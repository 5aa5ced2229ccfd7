//! Signatures with padding (PKCS #11 3.2 section 6.1): PKCS #1 v1.5 and PSS, of a digest that the
//! caller brings or of a message that is hashed here.

use super::*;
use crate::crypto::rsa::Pss;

macro_rules! rows {
    ($($hash:ident: $pkcs1:ident, $pss:ident;)+) => {
        &[
            Mechanism {
                id: ck::CKM_RSA_PKCS_PSS,
                name: "CKM_RSA_PKCS_PSS",
                params: ParamKind::Pss,
                sign: Some(|key, params| sign_pss(key, params, None)),
                verify: Some(|key, params| verify_pss(key, params, None)),
                ..RSA
            },
            $(Mechanism {
                id: ck::$pkcs1,
                name: stringify!($pkcs1),
                sign: Some(|key, params| sign_hashed(key, params, Hash::$hash)),
                verify: Some(|key, params| verify_hashed(key, params, Hash::$hash)),
                ..RSA
            },
            Mechanism {
                id: ck::$pss,
                name: stringify!($pss),
                params: ParamKind::Pss,
                sign: Some(|key, params| sign_pss(key, params, Some(Hash::$hash))),
                verify: Some(|key, params| verify_pss(key, params, Some(Hash::$hash))),
                ..RSA
            },)+
        ]
    };
}

pub(in crate::mechanism) static ROWS: &[Mechanism] = rows! {
    Sha1: CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS;
    Sha224: CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS;
    Sha256: CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS;
    Sha384: CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS;
    Sha512: CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS;
    Sha3_224: CKM_SHA3_224_RSA_PKCS, CKM_SHA3_224_RSA_PKCS_PSS;
    Sha3_256: CKM_SHA3_256_RSA_PKCS, CKM_SHA3_256_RSA_PKCS_PSS;
    Sha3_384: CKM_SHA3_384_RSA_PKCS, CKM_SHA3_384_RSA_PKCS_PSS;
    Sha3_512: CKM_SHA3_512_RSA_PKCS, CKM_SHA3_512_RSA_PKCS_PSS;
};

/// The caller brings the DigestInfo, or whatever else has up to k - 11 bytes.
pub(super) fn sign_info(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    let capacity = pkcs1_capacity(private(key)?.modulus_len());
    sign(key, CollectedInput::data(capacity), None)
}

pub(super) fn verify_info(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    let capacity = pkcs1_capacity(public(key)?.modulus_len());
    verify(key, CollectedInput::data(capacity), None)
}

pub(in crate::mechanism) fn sign_hashed(
    key: &Arc<Key>,
    params: &Params,
    hash: Hash,
) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    sign(key, CollectedInput::hashed(hash), Some(hash))
}

pub(in crate::mechanism) fn verify_hashed(
    key: &Arc<Key>,
    params: &Params,
    hash: Hash,
) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    verify(key, CollectedInput::hashed(hash), Some(hash))
}

fn sign(key: &Arc<Key>, input: CollectedInput, hash: Option<Hash>) -> Result<Box<dyn Signer>> {
    let len = private(key)?.modulus_len();
    let key = Arc::clone(key);
    Ok(signer(input, len, move |message, out| {
        Ok(private(&key)?.sign_pkcs1(hash, message, out)?)
    }))
}

fn verify(key: &Arc<Key>, input: CollectedInput, hash: Option<Hash>) -> Result<Box<dyn Verifier>> {
    public(key)?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |message, signature| {
        Ok(public(&key)?.verify_pkcs1(hash, message, signature)?)
    }))
}

fn sign_pss(key: &Arc<Key>, params: &Params, hash: Option<Hash>) -> Result<Box<dyn Signer>> {
    let (bits, len) = (private(key)?.bits(), private(key)?.modulus_len());
    let (pss, input) = expected(params, hash, bits)?;
    let key = Arc::clone(key);
    Ok(signer(input, len, move |digest, out| {
        Ok(private(&key)?.sign_pss(pss, digest, out)?)
    }))
}

fn verify_pss(key: &Arc<Key>, params: &Params, hash: Option<Hash>) -> Result<Box<dyn Verifier>> {
    let (pss, input) = expected(params, hash, public(key)?.bits())?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |digest, signature| {
        Ok(public(&key)?.verify_pss(pss, digest, signature)?)
    }))
}

/// The scheme and its input: a message that the mechanism hashes by `hash`, or a digest of the
/// parameter's hash. hashAlg must be the mechanism's own hash, and the salt must fit into the
/// modulus.
fn expected(params: &Params, hash: Option<Hash>, bits: usize) -> Result<(Pss, CollectedInput)> {
    let Params::Pss(pss) = *params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism needs CK_RSA_PKCS_PSS_PARAMS",
        );
    };
    if hash.is_some_and(|hash| hash != pss.hash) {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "hashAlg is not the mechanism's hash",
        );
    }
    if !pss.fits(bits) {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "sLen is too long for the key and the hash",
        );
    }
    let input = match hash {
        Some(hash) => CollectedInput::hashed(hash),
        None => CollectedInput::data(pss.hash.len()),
    };
    Ok((pss, input))
}
