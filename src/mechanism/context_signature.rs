//! Signatures with a context string, of a message or of its digest: what the mechanisms of ML-DSA and SLH-DSA
//! have in common (PKCS #11 3.2 sections 6.67 and 6.69).

use super::bad_param;
use super::params::{Hedge, Params};
use crate::crypto::prehash::{PreHash, Randomness, SignedMessage};
use crate::error::Result;

/// What comes in as the message, and what of it is signed.
#[derive(Clone, Copy)]
pub(super) enum SignedForm {
    /// The message, itself.
    Pure,
    /// The message, its digest.
    Hashed(PreHash),
    /// The digest by the hash in the parameter.
    Digest,
}

impl SignedForm {
    /// A message that has not begun. CKR_MECHANISM_PARAM_INVALID.
    pub(super) fn message(self, params: &Params) -> Result<SignedMessage> {
        let (context, given) = match params {
            Params::None => (&[][..], None),
            Params::SignContext(context) => (&context.context[..], None),
            Params::HashSignContext(context, hash) => (&context.context[..], Some(*hash)),
            _ => return bad_param("the mechanism takes CK_SIGN_ADDITIONAL_CONTEXT or nothing"),
        };
        Ok(match (self, given) {
            (Self::Pure, None) => SignedMessage::pure(context),
            (Self::Hashed(by), None) => SignedMessage::hashed(context, by),
            (Self::Digest, Some(hash)) => SignedMessage::given(context, PreHash::Hash(hash)),
            (Self::Digest, None) => {
                return bad_param("the mechanism needs CK_HASH_SIGN_ADDITIONAL_CONTEXT");
            }
            (Self::Pure | Self::Hashed(_), Some(_)) => {
                return bad_param("the mechanism takes CK_SIGN_ADDITIONAL_CONTEXT or nothing");
            }
        }?)
    }
}

/// How a signature is to be made; a verification ignores hedgeVariant. CKR_MECHANISM_PARAM_INVALID.
pub(super) fn randomness(params: &Params) -> Result<Randomness> {
    let hedge = match params {
        Params::SignContext(context) | Params::HashSignContext(context, _) => context.hedge,
        _ => Some(Hedge::Preferred),
    };
    match hedge {
        Some(Hedge::Preferred | Hedge::Required) => Ok(Randomness::Fresh),
        Some(Hedge::Deterministic) => Ok(Randomness::None),
        None => bad_param("hedgeVariant is none of the CKH_ numbers of signatures"),
    }
}

/// The rows of an algorithm: the row that all begin with, its functions, its key pair generation, the mechanism
/// of messages and that of digests, and those that hash by SHA-2, SHA-3 and SHAKE.
macro_rules! context_rows {
    ($base:ident, $generate:ident, $sign:ident, $verify:ident;
     $pair:ident $pure:ident $digest:ident;
     $sha224:ident $sha256:ident $sha384:ident $sha512:ident
     $sha3_224:ident $sha3_256:ident $sha3_384:ident $sha3_512:ident
     $shake128:ident $shake256:ident) => {
        context_rows! {
            $base, $generate, $sign, $verify; $pair;
            $pure: SignContext, SignedForm::Pure;
            $digest: HashSignContext, SignedForm::Digest;
            $sha224: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha224));
            $sha256: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha256));
            $sha384: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha384));
            $sha512: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha512));
            $sha3_224: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha3_224));
            $sha3_256: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha3_256));
            $sha3_384: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha3_384));
            $sha3_512: SignContext, SignedForm::Hashed(PreHash::Hash(Hash::Sha3_512));
            $shake128: SignContext, SignedForm::Hashed(PreHash::Shake128);
            $shake256: SignContext, SignedForm::Hashed(PreHash::Shake256);
        }
    };
    ($base:ident, $generate:ident, $sign:ident, $verify:ident; $pair:ident;
     $($id:ident: $params:ident, $form:expr;)+) => {{
        #[allow(unused_imports)]
        use crate::crypto::{hash::Hash, prehash::PreHash};
        use crate::mechanism::ParamKind;
        &[
            Mechanism {
                id: ck::$pair,
                name: stringify!($pair),
                generate_pair: Some($generate),
                ..$base
            },
            $(Mechanism {
                id: ck::$id,
                name: stringify!($id),
                params: ParamKind::$params,
                sign: Some(|key, params| $sign(key, params, $form)),
                verify: Some(|key, params| $verify(key, params, $form)),
                ..$base
            },)+
        ]
    }};
}
pub(super) use context_rows;
