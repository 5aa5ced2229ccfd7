//! Elliptic curves (PKCS #11 3.2 section 6.3).

use std::sync::Arc;

use super::one_part::{Input, signer, verifier};
use super::op::{Signer, Verifier};
use super::{Key, Material, Mechanism, PairSpec, Params, ROW, Unit, no_params};
use crate::ck;
use crate::crypto;
use crate::crypto::ec::{self, Curve, PrivateKey, PublicKey};
use crate::crypto::hash::Hash;
use crate::error::{Error, Result, refuse};

/// Section 6.3.12: CKM_ECDSA takes digests of up to 1024 bits.
const MAX_DIGEST_LEN: usize = 128;

/// What all rows have in common.
const EC: Mechanism = Mechanism {
    key_types: &[ck::CKK_EC],
    sizes: (256, 384),
    unit: Unit::Bits,
    flags: ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE | ck::CKF_EC_UNCOMPRESS,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_EC_KEY_PAIR_GEN,
        name: "CKM_EC_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        vectors: &["crypto::ec::tests::generated_keys_agree_with_an_independent_implementation"],
        ..EC
    },
    Mechanism {
        id: ck::CKM_ECDSA,
        name: "CKM_ECDSA",
        sign: Some(|key, params| sign(key, params, Input::data(MAX_DIGEST_LEN))),
        verify: Some(|key, params| verify(key, params, Input::data(MAX_DIGEST_LEN))),
        vectors: &["crypto::ec::tests::wycheproof_p1363"],
        ..EC
    },
    Mechanism {
        id: ck::CKM_ECDSA_SHA1,
        name: "CKM_ECDSA_SHA1",
        sign: Some(|key, params| sign(key, params, Input::hashed(Hash::Sha1))),
        verify: Some(|key, params| verify(key, params, Input::hashed(Hash::Sha1))),
        vectors: &["ec/ecdsa_sha1.json"],
        ..EC
    },
    Mechanism {
        id: ck::CKM_ECDSA_SHA256,
        name: "CKM_ECDSA_SHA256",
        sign: Some(|key, params| sign(key, params, Input::hashed(Hash::Sha256))),
        verify: Some(|key, params| verify(key, params, Input::hashed(Hash::Sha256))),
        vectors: &["crypto::ec::tests::wycheproof_p1363"],
        ..EC
    },
];

fn public(key: &Key) -> Result<&PublicKey> {
    match key {
        Key::EcPublic(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an EC public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key {
        Key::EcPrivate(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an EC private key"),
    }
}

fn generate_pair(spec: &PairSpec) -> Result<Material> {
    let PairSpec::Ec { params } = spec else {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "EC key pairs need CKA_EC_PARAMS",
        );
    };
    let curve = Curve::from_params(params).map_err(|error| match error {
        crypto::Error::InvalidParameter(_) => Error::new(
            ck::CKR_DOMAIN_PARAMS_INVALID,
            "CKA_EC_PARAMS is not the DER of a curve's object identifier or name",
        ),
        other => other.into(),
    })?;
    Ok(Material::Ec(ec::generate(curve)?))
}

fn sign(key: &Arc<Key>, params: &Params, input: Input) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    let len = 2 * private(key)?.curve().order_len();
    let key = Arc::clone(key);
    Ok(signer(input, len, move |digest, out| {
        not_empty(digest)?;
        Ok(private(&key)?.sign(digest, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params, input: Input) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    public(key)?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |digest, signature| {
        not_empty(digest)?;
        Ok(public(&key)?.verify(digest, signature)?)
    }))
}

/// Anybody can forge a signature of the number 0, which no digest would be.
fn not_empty(digest: &[u8]) -> Result<()> {
    if digest.is_empty() {
        return refuse(ck::CKR_DATA_LEN_RANGE, "CKM_ECDSA signs a digest, not nothing");
    }
    Ok(())
}
