//! Keys and signatures.

use fips205::traits::{KeyGen, SerDes, Signer, Verifier};

use crate::crypto::encoding::{self, MISMATCH, PrivateKeyInfoRef, public_key};
use crate::crypto::parameter_set::{algorithm, parameter_set};
use crate::crypto::prehash::{Form, Randomness};
use crate::crypto::sys::rand;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::random::SystemRandom;
use super::set::{ParameterSet, of_set};

/// A key pair.
#[derive(Debug, Clone)]
pub struct SlhDsaMaterial {
    /// Its parameter set.
    pub set: ParameterSet,
    /// SK.seed ‖ SK.prf ‖ PK.seed ‖ PK.root (FIPS 205 section 9.1).
    pub private: Secret,
    /// PK.seed ‖ PK.root.
    pub public: Vec<u8>,
}

/// Makes a key pair (FIPS 205 algorithm 21).
///
/// # Errors
/// `Internal`.
pub fn generate(set: ParameterSet) -> Result<SlhDsaMaterial> {
    let mut seeds = Secret::zeroed(3 * set.hash_len());
    rand::fill(&mut seeds)?;
    SlhDsaMaterial::from_seeds(set, &seeds)
}

impl SlhDsaMaterial {
    /// The key pair of SK.seed ‖ SK.prf ‖ PK.seed, which have the right lengths.
    fn from_seeds(set: ParameterSet, seeds: &[u8]) -> Result<Self> {
        let n = set.hash_len();
        let public = of_set!(set, of => {
            let seed = |at: usize| {
                let bytes = seeds.get(at * n..(at + 1) * n).unwrap_or_default();
                <&[u8; of::N]>::try_from(bytes).map_err(|_| Error::Internal("SLH-DSA seed length"))
            };
            let (public, _) = of::KG::keygen_from_seed(seed(0)?, seed(1)?, seed(2)?);
            public.into_bytes().to_vec()
        });
        let mut private = Secret::zeroed(set.private_len());
        private[..2 * n].copy_from_slice(&seeds[..2 * n]);
        private[2 * n..].copy_from_slice(&public);
        Ok(Self {
            set,
            private,
            public,
        })
    }

    /// Takes an imported private key, after computing that its public key belongs to it; `public`, where
    /// there is one, is the same.
    ///
    /// # Errors
    /// `InvalidKey`.
    pub fn checked(set: ParameterSet, private: &[u8], public: Option<&[u8]>) -> Result<Self> {
        if private.len() != set.private_len() {
            return Err(Error::InvalidKey(
                "the SLH-DSA private key has not the length of its parameter set",
            ));
        }
        let key = Self::from_seeds(set, &private[..3 * set.hash_len()])?;
        if !key.private.ct_eq(private) || public.is_some_and(|public| public != key.public) {
            return Err(MISMATCH);
        }
        Ok(key)
    }

    /// Takes the private key in PKCS #8, which holds its bytes and no DER of its own (RFC 9909 section 6).
    ///
    /// # Errors
    /// `InvalidKey`.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let set = parameter_set(&info.algorithm)?;
        Self::checked(set, info.private_key.as_bytes(), public_key(info)?)
    }

    /// PKCS #8 version 1 DER.
    ///
    /// # Errors
    /// `Internal`.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        encoding::pkcs8(algorithm(self.set), &self.private)
    }
}

/// An SLH-DSA public key.
pub(crate) struct PublicKey {
    set: ParameterSet,
    bytes: Vec<u8>,
}

impl PublicKey {
    /// A key from its encoded form. `InvalidKey` where it has not the length of the parameter set.
    pub(crate) fn new(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != set.public_len() {
            return Err(Error::InvalidKey(
                "not an SLH-DSA public key of its parameter set",
            ));
        }
        Ok(Self {
            set,
            bytes: bytes.to_vec(),
        })
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// Verifies a signature of a message, or of its digest, in this form (FIPS 205 algorithms 24 and 25).
    /// `SignatureLength`, `BadSignature`.
    pub(crate) fn verify(&self, form: &Form, message: &[u8], signature: &[u8]) -> Result<()> {
        let valid = of_set!(self.set, of => {
            verify::<of::PublicKey, _, _>(&self.bytes, form, message, signature)
        })?;
        match valid {
            true => Ok(()),
            false => Err(Error::BadSignature),
        }
    }
}

/// The bytes of a key, which has the length of its parameter set.
fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    let wrong = |_| Error::Internal("SLH-DSA key length");
    bytes.try_into().map_err(wrong)
}

/// An SLH-DSA private key, ready to sign.
pub(crate) struct PrivateKey {
    set: ParameterSet,
    bytes: Secret,
}

impl PrivateKey {
    /// A key from values that `SlhDsaMaterial` proved or `generate` made.
    pub(crate) fn new(material: &SlhDsaMaterial) -> Self {
        Self {
            set: material.set,
            bytes: material.private.clone(),
        }
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// Signs a message, or its digest, in this form (FIPS 205 algorithms 22 and 23): writes a signature to the
    /// start of `out`, and returns its length.
    pub(crate) fn sign(
        &self,
        form: &Form,
        message: &[u8],
        randomness: Randomness,
        out: &mut [u8],
    ) -> Result<usize> {
        let len = self.set.signature_len();
        let out = out.get_mut(..len).ok_or(Error::Internal("output buffer"))?;
        of_set!(self.set, of => {
            sign::<of::PrivateKey, _, _>(&self.bytes, form, message, randomness, out)
        })?;
        Ok(len)
    }
}

/// Verifies by a key of one parameter set. The sets have a function each, as `sign` has.
#[inline(never)]
fn verify<K, const KEY: usize, const SIGNATURE: usize>(
    key: &[u8],
    form: &Form,
    message: &[u8],
    signature: &[u8],
) -> Result<bool>
where
    K: SerDes<ByteArray = [u8; KEY]> + Verifier<Signature = [u8; SIGNATURE]>,
{
    let key = K::try_from_bytes(sized(key)?).map_err(Error::Internal)?;
    let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
    Ok(match &form.oid {
        None => key.verify(message, signature, &form.context),
        Some(oid) => key.hash_verify(message, signature, &form.context, oid),
    })
}

/// Signs by a key of one parameter set into `out`, which has the length of a signature. The sets have a function
/// each: one for all would take the stack that the signatures of all twelve need.
#[inline(never)]
fn sign<K, const KEY: usize, const SIGNATURE: usize>(
    key: &[u8],
    form: &Form,
    message: &[u8],
    randomness: Randomness,
    out: &mut [u8],
) -> Result<()>
where
    K: SerDes<ByteArray = [u8; KEY]> + Signer<Signature = [u8; SIGNATURE]>,
{
    let key = K::try_from_bytes(sized(key)?).map_err(Error::Internal)?;
    let (rng, hedged) = (&mut SystemRandom, randomness == Randomness::Fresh);
    let made = match &form.oid {
        None => key.try_sign_with_rng(rng, message, &form.context, hedged),
        Some(oid) => key.try_hash_sign_with_rng(rng, message, &form.context, oid, hedged),
    };
    match &made {
        Ok(signature) => out.copy_from_slice(signature),
        Err(reason) => return Err(Error::Internal(reason)),
    }
    Ok(())
}
