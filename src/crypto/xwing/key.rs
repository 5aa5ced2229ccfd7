//! Keys, encapsulation and decapsulation.

use crate::crypto::hash::Hash;
use crate::crypto::kdf::Xof;
use crate::crypto::mlkem::{self, MlKemMaterial, ParameterSet};
use crate::crypto::okp::{self, Curve, OkpMaterial};
use crate::crypto::sys::rand;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// The part of X-Wing that withstands quantum computers.
const ML_KEM: ParameterSet = ParameterSet::MlKem768;

/// Bytes of a decapsulation key, which is a seed.
pub(crate) const SEED_LEN: usize = 32;
/// Bytes of an encapsulation key: ML-KEM-768's ‖ X25519's.
pub(crate) const PUBLIC_LEN: usize = ML_KEM.public_len() + okp::KEY_LEN;
/// Bytes of a ciphertext: ML-KEM-768's ‖ an ephemeral key of X25519.
pub(crate) const CIPHERTEXT_LEN: usize = ML_KEM.ciphertext_len() + okp::KEY_LEN;

/// XWingLabel of section 5.3.
const LABEL: &[u8; 6] = br"\.//^\";

/// A key pair.
#[derive(Debug, Clone)]
pub(crate) struct XWingMaterial {
    /// The decapsulation key, 32 bytes.
    pub(crate) seed: Secret,
    /// The encapsulation key, 1216 bytes.
    pub(crate) public: Vec<u8>,
}

impl XWingMaterial {
    /// The key pair of a seed. `InvalidKey` for a seed of another length, or where `public` is not its public
    /// key.
    pub(crate) fn checked(seed: &[u8], public: Option<&[u8]>) -> Result<Self> {
        let parts = Parts::expand(seed)?;
        let own = [&parts.ml_kem.public[..], &parts.x25519.public].concat();
        if public.is_some_and(|public| public != own) {
            return Err(crate::crypto::encoding::MISMATCH);
        }
        Ok(Self {
            seed: Secret::copy(seed),
            public: own,
        })
    }
}

/// Makes a key pair.
///
/// # Errors
/// `Internal`.
pub(crate) fn generate() -> Result<XWingMaterial> {
    let mut seed = Secret::zeroed(SEED_LEN);
    rand::fill(&mut seed)?;
    XWingMaterial::checked(&seed, None)
}

/// The two key pairs that X-Wing consists of.
struct Parts {
    ml_kem: MlKemMaterial,
    x25519: OkpMaterial,
}

impl Parts {
    /// expandDecapsulationKey of section 5.2.
    fn expand(seed: &[u8]) -> Result<Self> {
        if seed.len() != SEED_LEN {
            return Err(Error::InvalidKey("an X-Wing private key has 32 bytes"));
        }
        let expanded = Xof::Shake256.derive(seed, 64 + okp::KEY_LEN);
        let (ml_kem, x25519) = expanded.split_at(64);
        Ok(Self {
            ml_kem: MlKemMaterial::from_seed(ML_KEM, ml_kem)?,
            x25519: OkpMaterial::checked(Curve::X25519, x25519, None)?,
        })
    }
}

pub(crate) struct PublicKey {
    ml_kem: mlkem::PublicKey,
    x25519: okp::PublicKey,
}

impl PublicKey {
    /// A key from its encoded form. `InvalidKey` for another length, or where ML-KEM's part is none.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.len() != PUBLIC_LEN {
            return Err(Error::InvalidKey("an X-Wing public key has 1216 bytes"));
        }
        let (ml_kem, x25519) = bytes.split_at(ML_KEM.public_len());
        Ok(Self {
            ml_kem: mlkem::PublicKey::new(ML_KEM, ml_kem)?,
            x25519: okp::PublicKey::new(Curve::X25519, x25519)?,
        })
    }

    /// A ciphertext and its secret, 32 bytes. `InvalidKey` where X25519's part has a small order.
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Secret)> {
        let ephemeral = okp::generate(Curve::X25519)?;
        let of_x25519 = okp::PrivateKey::new(&ephemeral)?.agree(&self.x25519)?;
        let (mut ciphertext, of_ml_kem) = self.ml_kem.encapsulate()?;
        let secret = combined(
            &of_ml_kem,
            &of_x25519,
            &ephemeral.public,
            self.x25519.bytes(),
        );
        ciphertext.extend(ephemeral.public);
        Ok((ciphertext, secret))
    }
}

pub(crate) struct PrivateKey {
    ml_kem: mlkem::PrivateKey,
    x25519: okp::PrivateKey,
    /// Public key of X25519's part.
    public: Vec<u8>,
}

impl PrivateKey {
    /// A key from values that `XWingMaterial::checked` proved or `generate` made.
    pub(crate) fn new(material: &XWingMaterial) -> Result<Self> {
        let Parts { ml_kem, x25519 } = Parts::expand(&material.seed)?;
        Ok(Self {
            ml_kem: mlkem::PrivateKey::new(&ml_kem)?,
            x25519: okp::PrivateKey::new(&x25519)?,
            public: x25519.public,
        })
    }

    /// The secret of a ciphertext, 32 bytes; of one that the public key did not make another one, always the
    /// same. `CiphertextLength`; `BadCiphertext` where anybody can see that the ciphertext is bad, since
    /// X25519's part has a small order.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret> {
        if ciphertext.len() != CIPHERTEXT_LEN {
            return Err(Error::CiphertextLength);
        }
        let (ml_kem, x25519) = ciphertext.split_at(ML_KEM.ciphertext_len());
        let of_ml_kem = self.ml_kem.decapsulate(ml_kem)?;
        let ephemeral = okp::PublicKey::new(Curve::X25519, x25519)?;
        let of_x25519 = self.x25519.agree(&ephemeral);
        let of_x25519 = of_x25519.map_err(|_| Error::BadCiphertext)?;
        Ok(combined(&of_ml_kem, &of_x25519, x25519, &self.public))
    }
}

/// The combiner of section 5.3.
fn combined(of_ml_kem: &[u8], of_x25519: &[u8], ciphertext: &[u8], public: &[u8]) -> Secret {
    Secret::from(Hash::Sha3_256.digest(&[of_ml_kem, of_x25519, ciphertext, public, LABEL]))
}
