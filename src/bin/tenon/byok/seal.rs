//! The blobs of every algorithm: by the mechanisms of the library, as C_WrapKey uses them.

use der::Decode;
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use tenon_pkcs11::ck;
use tenon_pkcs11::crypto::aes::{self, Direction};
use tenon_pkcs11::crypto::hash::Hash;
use tenon_pkcs11::crypto::padding;
use tenon_pkcs11::crypto::rand::SystemRng;
use tenon_pkcs11::crypto::rsa::{MIN_BITS, PublicKey};
use tenon_pkcs11::mechanism::{self, Key, Oaep, Params};
use tenon_pkcs11::rng;
use tenon_pkcs11::secret::Secret;

use super::algorithm::{Algorithm, Layout};
use super::base64;
use super::owned::Owned;
use crate::Result;
use crate::keyfile::{self, Item};

/// Bytes of the key inside a composite blob.
const INNER_LEN: usize = 32;
const INNER_BITS: u64 = 256;

/// The public key that a service gave out.
pub(super) struct WrappingKey(Key);

impl WrappingKey {
    /// From PEM, DER or the Base64 of DER.
    pub(super) fn parse(file: &[u8]) -> Result<Self> {
        let decoded = base64::decode(file);
        let der = decoded.as_deref().map_or(file, Vec::as_slice);
        let no_password = || Err("a public key is not encrypted".into());
        let items = keyfile::items(der, &no_password)?;
        let [Item::PublicKey(spki)] = items.as_slice() else {
            return Err("the wrapping key is one public key in PEM, DER or Base64".into());
        };
        let info = SubjectPublicKeyInfoRef::try_from(spki.as_slice())?;
        let rsa = RsaPublicKeyRef::from_der(info.subject_public_key.raw_bytes())
            .map_err(|_| "the wrapping key is not an RSA key")?;
        let key = PublicKey::new(rsa.modulus.as_bytes(), rsa.public_exponent.as_bytes())?;
        if key.bits() < MIN_BITS {
            return Err(format!("a wrapping key of {} bits is too short", key.bits()).into());
        }
        Ok(Self(Key::RsaPublic(key)))
    }

    /// Bytes of an RSA key's modulus, which are the first part of a composite blob.
    pub(super) fn modulus_len(&self) -> Option<usize> {
        match &self.0 {
            Key::RsaPublic(key) => Some(key.modulus_len()),
            _ => None,
        }
    }

    fn wrap(&self, id: ck::CK_MECHANISM_TYPE, params: &Params, clear: &[u8]) -> Result<Vec<u8>> {
        let wrap = mechanism::find(id).and_then(|row| row.wrap);
        let wrap = wrap.ok_or("the library does not have this algorithm")?;
        Ok(wrap(&self.0, params, &SystemRng, clear)?)
    }
}

/// The blob that `algorithm` makes of `owned`. `mgf` is MGF1's hash where it is not OAEP's own.
pub(super) fn seal(
    algorithm: &Algorithm,
    mgf: Option<Hash>,
    key: &WrappingKey,
    owned: &Owned,
) -> Result<Vec<u8>> {
    let bits = key.0.bits();
    if let Some(fixed) = algorithm.bits
        && fixed != bits
    {
        let name = algorithm.name;
        return Err(format!("{name} takes a wrapping key of {fixed} bits, not of {bits}").into());
    }
    if mgf.is_some() && !algorithm.layout.is_oaep() {
        return Err(format!("{} has no MGF1", algorithm.name).into());
    }
    let oaep = |hash| Oaep {
        hash,
        mgf: mgf.unwrap_or(hash),
        label: Vec::new(),
    };
    match algorithm.layout {
        Layout::Oaep(hash) => {
            let params = Params::Oaep(oaep(hash));
            key.wrap(ck::CKM_RSA_PKCS_OAEP, &params, &clear(owned)?)
        }
        Layout::Pkcs1 => {
            let Owned::Secret(secret) = owned else {
                return Err("this algorithm wraps secret keys alone".into());
            };
            key.wrap(ck::CKM_RSA_PKCS, &Params::None, secret)
        }
        Layout::OaepKwp(hash) => {
            let params = Params::RsaAesKeyWrap {
                aes_bits: Some(INNER_BITS),
                oaep: oaep(hash),
            };
            key.wrap(ck::CKM_RSA_AES_KEY_WRAP, &params, &clear(owned)?)
        }
        Layout::OaepEcb(hash) => {
            let Owned::Private(material) = owned else {
                return Err("this algorithm wraps private keys alone".into());
            };
            let inner = rng::secret(&SystemRng, INNER_LEN);
            let params = Params::Oaep(oaep(hash));
            let mut blob = key.wrap(ck::CKM_RSA_PKCS_OAEP, &params, &inner)?;
            blob.extend(aes_ecb_pkcs7(&inner, &material.to_pkcs8()?)?);
            Ok(blob)
        }
        Layout::Sm2 | Layout::Sm2Sm4 => Err("SM2 comes later".into()),
    }
}

/// What is encrypted: raw bytes, or PKCS #8.
fn clear(owned: &Owned) -> Result<Secret> {
    Ok(match owned {
        Owned::Secret(bytes) => Secret::copy(bytes),
        Owned::Private(material) => material.to_pkcs8()?,
    })
}

fn aes_ecb_pkcs7(key: &[u8], clear: &[u8]) -> Result<Vec<u8>> {
    let (_, rest) = clear.as_chunks::<{ aes::BLOCK }>();
    let whole = clear.len() - rest.len();
    let mut padded = Secret::zeroed(whole + aes::BLOCK);
    padded[..clear.len()].copy_from_slice(clear);
    if let Some(last) = padded.last_chunk_mut() {
        padding::pad(last, rest.len());
    }
    let mut out = vec![0; padded.len()];
    aes::Key::new(key)?.ecb(Direction::Encrypt, &padded, &mut out)?;
    Ok(out)
}
