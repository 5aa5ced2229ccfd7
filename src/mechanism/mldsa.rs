//! ML-DSA and HashML-DSA (PKCS #11 3.2 section 6.67).

use std::sync::Arc;

use super::context_signature::{SignedForm, context_rows, randomness};
use super::op::{Resumable, Signer, Verifier};
use super::{Key, Material, Mechanism, Params, ROW, Unit};
use crate::ck;
use crate::crypto;
use crate::crypto::mldsa::{self, ParameterSet, PrivateKey, PublicKey, Representative};
use crate::crypto::prehash::Randomness;
use crate::error::{Error, Result, refuse};
use crate::keytype::{Values, set_of};

/// Sizes are those of public keys.
const ML_DSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_ML_DSA],
    sizes: (1312, 2592),
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = context_rows! {
    ML_DSA, generate_pair, sign, verify;
    CKM_ML_DSA_KEY_PAIR_GEN CKM_ML_DSA CKM_HASH_ML_DSA;
    CKM_HASH_ML_DSA_SHA224 CKM_HASH_ML_DSA_SHA256 CKM_HASH_ML_DSA_SHA384 CKM_HASH_ML_DSA_SHA512
    CKM_HASH_ML_DSA_SHA3_224 CKM_HASH_ML_DSA_SHA3_256 CKM_HASH_ML_DSA_SHA3_384
    CKM_HASH_ML_DSA_SHA3_512 CKM_HASH_ML_DSA_SHAKE128 CKM_HASH_ML_DSA_SHAKE256
};

fn generate_pair(asked: &dyn Values) -> Result<Material> {
    Ok(Material::pair(mldsa::generate(set_of::<ParameterSet>(
        asked,
    )?)?))
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an ML-DSA private key"),
    }
}

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an ML-DSA public key"),
    }
}

fn sign(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Signer>> {
    let private = private(key)?;
    let message = form.message(params)?;
    Ok(Box::new(MlDsaSigner {
        len: private.set().signature_len(),
        key: Arc::clone(key),
        randomness: randomness(params)?,
        representative: Some(Representative::new(private.hash(), message)),
    }))
}

fn verify(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Verifier>> {
    let message = form.message(params)?;
    let representative = Representative::new(public(key)?.hash(), message);
    Ok(Box::new(MlDsaVerifier {
        key: Arc::clone(key),
        representative: Some(representative),
    }))
}

struct MlDsaSigner {
    key: Arc<Key>,
    len: usize,
    randomness: Randomness,
    /// `None` once it is taken.
    representative: Option<Representative>,
}

struct MlDsaVerifier {
    key: Arc<Key>,
    /// `None` once it is taken.
    representative: Option<Representative>,
}

fn update(representative: &mut Option<Representative>, message: &[u8]) -> Result<()> {
    let representative = representative.as_mut().ok_or_else(over)?;
    Ok(representative.update(message)?)
}

fn finish(representative: &mut Option<Representative>) -> Result<[u8; 64]> {
    Ok(representative.take().ok_or_else(over)?.finish()?)
}

fn over() -> Error {
    crypto::Error::Internal("an operation that is over").into()
}

impl Resumable for MlDsaSigner {}

impl Signer for MlDsaSigner {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        update(&mut self.representative, message)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mu = finish(&mut self.representative)?;
        Ok(private(&self.key)?.sign(&mu, self.randomness, out)?)
    }
}

impl Resumable for MlDsaVerifier {}

impl Verifier for MlDsaVerifier {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        update(&mut self.representative, message)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let mu = finish(&mut self.representative)?;
        Ok(public(&self.key)?.verify(&mu, signature)?)
    }
}
