//! SLH-DSA and HashSLH-DSA (PKCS #11 3.2 section 6.69).

use std::sync::Arc;

use super::context_signature::{SignedForm, context_rows, randomness};
use super::one_part::{self, CollectedInput};
use super::op::{Signer, Verifier};
use super::{Key, Material, Mechanism, Params, ROW, Unit};
use crate::ck;
use crate::crypto::prehash::{Form, SignedMessage};
use crate::crypto::slhdsa::{self, ParameterSet, PrivateKey, PublicKey};
use crate::error::{Result, refuse};
use crate::keytype::{Values, set_of};

/// Sizes are those of public keys.
const SLH_DSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_SLH_DSA],
    sizes: (32, 64),
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = context_rows! {
    SLH_DSA, generate_pair, sign, verify;
    CKM_SLH_DSA_KEY_PAIR_GEN CKM_SLH_DSA CKM_HASH_SLH_DSA;
    CKM_HASH_SLH_DSA_SHA224 CKM_HASH_SLH_DSA_SHA256 CKM_HASH_SLH_DSA_SHA384
    CKM_HASH_SLH_DSA_SHA512 CKM_HASH_SLH_DSA_SHA3_224 CKM_HASH_SLH_DSA_SHA3_256
    CKM_HASH_SLH_DSA_SHA3_384 CKM_HASH_SLH_DSA_SHA3_512 CKM_HASH_SLH_DSA_SHAKE128
    CKM_HASH_SLH_DSA_SHAKE256
};

fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let set: ParameterSet = set_of(asked)?;
    Ok(Material::pair(slhdsa::generate(set)?))
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an SLH-DSA private key"),
    }
}

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an SLH-DSA public key"),
    }
}

/// A signature hashes a message twice (FIPS 205 algorithm 19), so one that is no digest is kept whole.
fn input(message: SignedMessage) -> (Form, CollectedInput) {
    let input = message
        .digest
        .map_or_else(CollectedInput::whole, CollectedInput::digested);
    (message.form, input)
}

fn sign(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Signer>> {
    let len = private(key)?.set().signature_len();
    let randomness = randomness(params)?;
    let (form, input) = input(form.message(params)?);
    let key = Arc::clone(key);
    Ok(one_part::signer(input, len, move |message, out| {
        Ok(private(&key)?.sign(&form, message, randomness, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Verifier>> {
    public(key)?;
    let (form, input) = input(form.message(params)?);
    let key = Arc::clone(key);
    Ok(one_part::verifier(input, move |message, signature| {
        Ok(public(&key)?.verify(&form, message, signature)?)
    }))
}
