//! SM2: signatures, encryption and wraps with CKK_EC keys on SM2's curve, which no other mechanism of
//! that key type takes but CKM_EC_KEY_PAIR_GEN.

use std::sync::Arc;

use super::one_part::{CollectedInput, signer, verifier};
use super::op::{Signer, Verifier};
use super::{
    BadBlob, Key, Material, Mechanism, Params, PrivateForm, Proof, ROW, Unit, Unwrap, no_params,
};
use crate::ck;
use crate::crypto::ec::sm2::{PrivateKey, PublicKey, SIGNATURE_LEN};
use crate::crypto::ec::{self, Curve};
use crate::error::{Result, refuse};
use crate::keytype::{self, Values, need};
use crate::secret::Secret;

mod encryption;
mod rows;
mod sm4_wrap;
#[cfg(test)]
mod tests;

pub(super) use rows::ROWS;

const SM2: Mechanism = Mechanism {
    key_types: &[ck::CKK_EC],
    sizes: (256, 256),
    unit: Unit::Bits,
    flags: ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE | ck::CKF_EC_UNCOMPRESS,
    ..ROW
};

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of().and_then(ec::PublicKey::sm2) {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an SM2 public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of().and_then(ec::PrivateKey::sm2) {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an SM2 private key"),
    }
}

fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let params = need(asked, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
    if keytype::curve(params)? != Curve::Sm2 {
        return refuse(
            ck::CKR_CURVE_NOT_SUPPORTED,
            "the curve is one of another mechanism",
        );
    }
    Ok(Material::pair(ec::generate(Curve::Sm2)?))
}

fn sign(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    let input = CollectedInput::taken_by(private(key)?.hasher());
    let key = Arc::clone(key);
    Ok(signer(input, SIGNATURE_LEN, move |digest, out| {
        Ok(private(&key)?.sign(digest, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    let input = CollectedInput::taken_by(public(key)?.hasher());
    let key = Arc::clone(key);
    Ok(verifier(input, move |digest, signature| {
        Ok(public(&key)?.verify(digest, signature)?)
    }))
}

/// CKR_WRAPPED_KEY_LEN_RANGE.
fn wrong_blob_length() -> Result<()> {
    refuse(
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        "no wrapped key of this mechanism has this length",
    )
}
