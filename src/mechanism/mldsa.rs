//! ML-DSA and HashML-DSA (PKCS #11 3.2 section 6.67).

use std::sync::Arc;

use super::op::{Resumable, Signer, Verifier};
use super::params::{Hedge, SignContext};
use super::{Key, Material, Mechanism, ParamKind, Params, ROW, Unit, bad_param};
use crate::ck;
use crate::crypto;
use crate::crypto::hash::Hash;
use crate::crypto::mldsa::{
    self, ParameterSet, PreHash, PrivateKey, PublicKey, Randomness, Representative,
};
use crate::error::{Error, Result, refuse};
use crate::keytype::{Values, set_of};

/// Sizes are those of public keys.
const ML_DSA: Mechanism = Mechanism {
    key_types: &[ck::CKK_ML_DSA],
    sizes: (1312, 2592),
    unit: Unit::Bytes,
    ..ROW
};

macro_rules! rows {
    ($($id:ident: $hash:expr;)+) => {
        &[
            Mechanism {
                id: ck::CKM_ML_DSA_KEY_PAIR_GEN,
                name: "CKM_ML_DSA_KEY_PAIR_GEN",
                generate_pair: Some(generate_pair),
                ..ML_DSA
            },
            Mechanism {
                id: ck::CKM_ML_DSA,
                name: "CKM_ML_DSA",
                params: ParamKind::SignContext,
                sign: Some(|key, params| sign(key, params, SignedForm::Pure)),
                verify: Some(|key, params| verify(key, params, SignedForm::Pure)),
                ..ML_DSA
            },
            Mechanism {
                id: ck::CKM_HASH_ML_DSA,
                name: "CKM_HASH_ML_DSA",
                params: ParamKind::HashSignContext,
                sign: Some(|key, params| sign(key, params, SignedForm::Digest)),
                verify: Some(|key, params| verify(key, params, SignedForm::Digest)),
                ..ML_DSA
            },
            $(Mechanism {
                id: ck::$id,
                name: stringify!($id),
                params: ParamKind::SignContext,
                sign: Some(|key, params| sign(key, params, SignedForm::Hashed($hash))),
                verify: Some(|key, params| verify(key, params, SignedForm::Hashed($hash))),
                ..ML_DSA
            },)+
        ]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    CKM_HASH_ML_DSA_SHA224: PreHash::Hash(Hash::Sha224);
    CKM_HASH_ML_DSA_SHA256: PreHash::Hash(Hash::Sha256);
    CKM_HASH_ML_DSA_SHA384: PreHash::Hash(Hash::Sha384);
    CKM_HASH_ML_DSA_SHA512: PreHash::Hash(Hash::Sha512);
    CKM_HASH_ML_DSA_SHA3_224: PreHash::Hash(Hash::Sha3_224);
    CKM_HASH_ML_DSA_SHA3_256: PreHash::Hash(Hash::Sha3_256);
    CKM_HASH_ML_DSA_SHA3_384: PreHash::Hash(Hash::Sha3_384);
    CKM_HASH_ML_DSA_SHA3_512: PreHash::Hash(Hash::Sha3_512);
    CKM_HASH_ML_DSA_SHAKE128: PreHash::Shake128;
    CKM_HASH_ML_DSA_SHAKE256: PreHash::Shake256;
};

/// What comes in as the message, and what of it is signed.
#[derive(Clone, Copy)]
enum SignedForm {
    /// The message, itself.
    Pure,
    /// The message, its digest.
    Hashed(PreHash),
    /// The digest by the hash in the parameter.
    Digest,
}

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

/// The representative of a message that has not begun, and how it is to be signed.
fn begun(
    public_hash: &[u8; 64],
    params: &Params,
    form: SignedForm,
) -> Result<(Representative, Option<Hedge>)> {
    let none = SignContext::default();
    let (context, given) = match params {
        Params::None => (&none, None),
        Params::SignContext(context) => (context, None),
        Params::HashSignContext(context, hash) => (context, Some(*hash)),
        _ => return bad_param("the mechanism takes CK_SIGN_ADDITIONAL_CONTEXT or nothing"),
    };
    let bytes = &context.context;
    let representative = match (form, given) {
        (SignedForm::Pure, None) => Representative::pure(public_hash, bytes),
        (SignedForm::Hashed(by), None) => Representative::hashed(public_hash, bytes, by),
        (SignedForm::Digest, Some(hash)) => {
            Representative::given(public_hash, bytes, PreHash::Hash(hash))
        }
        (SignedForm::Digest, None) => {
            return bad_param("the mechanism needs CK_HASH_SIGN_ADDITIONAL_CONTEXT");
        }
        (SignedForm::Pure | SignedForm::Hashed(_), Some(_)) => {
            return bad_param("the mechanism takes CK_SIGN_ADDITIONAL_CONTEXT or nothing");
        }
    };
    Ok((representative?, context.hedge))
}

fn sign(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Signer>> {
    let private = private(key)?;
    let (representative, hedge) = begun(private.hash(), params, form)?;
    let randomness = match hedge {
        Some(Hedge::Preferred | Hedge::Required) => Randomness::Fresh,
        Some(Hedge::Deterministic) => Randomness::None,
        None => return bad_param("hedgeVariant is none of the CKH_ numbers of signatures"),
    };
    Ok(Box::new(MlDsaSigner {
        len: private.set().signature_len(),
        key: Arc::clone(key),
        randomness,
        representative: Some(representative),
    }))
}

/// A verification ignores hedgeVariant.
fn verify(key: &Arc<Key>, params: &Params, form: SignedForm) -> Result<Box<dyn Verifier>> {
    let (representative, _) = begun(public(key)?.hash(), params, form)?;
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
