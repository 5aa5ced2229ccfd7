//! The blobs of every algorithm: by the mechanisms of the library, as C_WrapKey uses them.

use std::path::Path;

use tenon_pkcs11::api::byok::WrappingKey;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::sm2::raw_len;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::mlkem;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::rsa;
use tenon_pkcs11::api::crypto::xwing;
use tenon_pkcs11::api::keytype::{self, Values as _};
use tenon_pkcs11::api::mechanism::{self, EcdhWrap, Key, Oaep, Params, SharedKdf};
use tenon_pkcs11::api::secret::Secret;

use super::algorithm::{self, Layout, NamedAlgorithm, key_len};
use super::owned::Owned;
use super::sm2;
use crate::Result;
use crate::proof::{decoded, public_key_in};

/// Least bits of an RSA wrapping key: no service has smaller ones.
const WRAPPING_BITS: usize = 2048;
/// Bits of the AES key inside a composite blob.
const INNER_BITS: u64 = 256;
/// Bytes of the SM4 key inside a composite blob.
const SM4_LEN: usize = 16;

/// The public key that a service gave out.
pub(super) struct ServiceKey {
    key: Key,
    /// As `Layout::key_kind` has it.
    kind: String,
}

impl ServiceKey {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let key = Self::of(&wrapping_key(file)?);
        key.map_err(|error| format!("{}: {error}", file.display()).into())
    }

    /// The key in SubjectPublicKeyInfo DER.
    pub(super) fn of(spki: &[u8]) -> Result<Self> {
        let key = long_enough(keytype::public_key(spki)?)?;
        let kind = kind(&key, spki)?;
        Ok(Self { key, kind })
    }

    /// Refuses a key of another kind or size than the algorithm takes.
    pub(super) fn check_kind(&self, algorithm: &NamedAlgorithm) -> Result<()> {
        let (name, kind) = (algorithm.name, &self.kind);
        if let Some(wanted) = algorithm.layout.key_kind().filter(|wanted| wanted != kind) {
            let others: Vec<_> = algorithm::of_kind(kind).collect();
            let others = match others.is_empty() {
                true => String::new(),
                false => format!(", for which there are {}", others.join(", ")),
            };
            return Err(
                format!("{name} takes a wrapping key of {wanted}, not of {kind}{others}").into(),
            );
        }
        match (algorithm.bits, self.key.bits()) {
            (Some(fixed), bits) if fixed != bits => {
                Err(format!("{name} takes a wrapping key of {fixed} bits, not of {bits}").into())
            }
            _ => Ok(()),
        }
    }

    /// Bytes of an RSA key's modulus, which are the first part of a composite blob.
    pub(super) fn modulus_len(&self) -> Option<usize> {
        self.key.of().map(rsa::PublicKey::modulus_len)
    }
}

/// The kind of a public key: the name of its type, of SM2's curve, or of its parameter set.
fn kind(key: &Key, spki: &[u8]) -> Result<String> {
    let (row, values) = keytype::from_spki(spki)?;
    let sm2 = values.bytes(ck::CKA_EC_PARAMS) == Some(Curve::Sm2.params());
    let len = usize::try_from(key.bits() / 8)?;
    let mut kinds = WrappingKey::ALL.into_iter();
    let of_len = kinds.find(|kind| key_len(*kind) == Some(len));
    let known = match sm2 {
        true => Some(WrappingKey::Sm2),
        false => of_len,
    };
    Ok(known.map_or_else(|| row.title.to_owned(), |known| known.to_string()))
}

/// SubjectPublicKeyInfo DER of the wrapping key in a file: PEM, DER or Base64; of HPKE also the bare bytes of the key,
/// as Google Cloud KMS gives them out, or their Base64.
pub(super) fn wrapping_key(file: &Path) -> Result<Vec<u8>> {
    let bare = decoded(file)?;
    public_key_in(&bare, file).or_else(|error| {
        let mut kinds = WrappingKey::ALL.into_iter();
        match kinds.find(|kind| key_len(*kind) == Some(bare.len())) {
            Some(WrappingKey::XWing) => Ok(xwing::spki(&bare)?),
            Some(WrappingKey::MlKem(set)) => Ok(mlkem::spki(set, &bare)?),
            Some(WrappingKey::Rsa(_) | WrappingKey::Sm2) | None => Err(error),
        }
    })
}

/// Refuses an RSA key that no service would give out.
fn long_enough(key: Key) -> Result<Key> {
    let bits = key.of().map(rsa::PublicKey::bits);
    if let Some(bits) = bits.filter(|bits| *bits < WRAPPING_BITS) {
        return Err(format!(
            "a wrapping key of {bits} bits is too short: the services' have {WRAPPING_BITS} and more"
        )
        .into());
    }
    Ok(key)
}

/// Options of the user's.
#[derive(Clone, Copy, Default)]
pub(super) struct Choices {
    /// MGF1's hash, where it is not OAEP's own.
    pub(super) mgf1: Option<Hash>,
    /// Whether SM2's ciphertext is in DER.
    pub(super) der: bool,
    /// Uid of the only external key that HPKE seals for.
    pub(super) target: Option<[u8; 16]>,
}

/// The blob that `algorithm` makes of `owned`.
pub(super) fn seal(
    algorithm: &NamedAlgorithm,
    choices: Choices,
    key: &ServiceKey,
    owned: &Owned,
) -> Result<Vec<u8>> {
    let NamedAlgorithm { name, layout, .. } = *algorithm;
    key.check_kind(algorithm)?;
    if choices.mgf1.is_some() && !layout.is_oaep() {
        return Err(format!("{name} has no MGF1").into());
    }
    if choices.der && !matches!(layout, Layout::Sm2 | Layout::Sm2Sm4) {
        return Err(format!("{name} has no DER form").into());
    }
    if choices.target.is_some() && !matches!(layout, Layout::Hpke(_)) {
        return Err(format!("{name} seals for no certain key").into());
    }
    let clear = clear(layout, owned)?;
    let (id, params) = mechanism(layout, choices);
    let wrap = mechanism::find(id).and_then(|row| row.wrap);
    let wrap = wrap.ok_or("the library does not have this algorithm")?;
    let mut blob = wrap(&key.key, &params, &SystemRng, &clear)?;
    if choices.der {
        let tail = match layout {
            Layout::Sm2Sm4 => blob.split_off(raw_len(SM4_LEN).min(blob.len())),
            _ => Vec::new(),
        };
        blob = sm2::to_der(&blob)?;
        blob.extend(tail);
    }
    Ok(blob)
}

/// The mechanism of a layout, and its parameter.
fn mechanism(layout: Layout, choices: Choices) -> (ck::CK_MECHANISM_TYPE, Params) {
    let oaep = |hash| Oaep {
        hash,
        mgf: choices.mgf1.unwrap_or(hash),
        label: Vec::new(),
    };
    match layout {
        Layout::Oaep(hash) => (ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep(hash))),
        Layout::Pkcs1 => (ck::CKM_RSA_PKCS, Params::None),
        Layout::OaepKwp(hash) => {
            let params = Params::RsaAesKeyWrap {
                aes_bits: Some(INNER_BITS),
                oaep: oaep(hash),
            };
            (ck::CKM_RSA_AES_KEY_WRAP, params)
        }
        Layout::OaepEcb(hash) => (ck::CKM_TENON_RSA_AES_ECB_PKCS7, Params::Oaep(oaep(hash))),
        Layout::Sm2 => (ck::CKM_TENON_SM2PKE, Params::None),
        Layout::Sm2Sm4 => (ck::CKM_TENON_SM2_SM4_ECB, Params::None),
        Layout::Ecdh(hash) => {
            let params = EcdhWrap {
                aes_bits: INNER_BITS,
                kdf: Some(SharedKdf::X963(hash)),
                shared_data: Vec::new(),
            };
            (ck::CKM_ECDH_AES_KEY_WRAP, Params::EcdhAesKeyWrap(params))
        }
        Layout::Hpke(_) => {
            let info = choices.target.map(|uid| Params::CallerData(uid.to_vec()));
            (ck::CKM_TENON_HPKE, info.unwrap_or(Params::None))
        }
    }
}

/// The bytes to encrypt: those of a secret key, or PKCS #8; with SM4-ECB the bare scalar of an SM2
/// key.
fn clear(layout: Layout, owned: &Owned) -> Result<Secret> {
    match (layout, owned) {
        (Layout::Pkcs1, Owned::Private(_)) => Err("this algorithm wraps secret keys alone".into()),
        (Layout::Pkcs1 | Layout::OaepEcb(_) | Layout::Sm2Sm4, Owned::Share(_)) => Err(
            "this algorithm does not prove that a share arrives undamaged: take one of OAEP, of RSA_AES_KEY_WRAP or of SM2 alone"
                .into(),
        ),
        (Layout::OaepEcb(_), Owned::Secret(_)) => {
            Err("this algorithm wraps private keys alone".into())
        }
        (Layout::Sm2Sm4, Owned::Private(material)) => match material.of::<ec::EcMaterial>() {
            Some(key) if key.curve == Curve::Sm2 => Ok(key.scalar.clone()),
            _ => Err("of private keys this algorithm wraps SM2's alone".into()),
        },
        (_, owned) => owned.bytes(),
    }
}
