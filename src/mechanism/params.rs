//! Typed mechanism parameters. `abi::params` reads them out of the caller's memory.

use smallvec::SmallVec;

use crate::ck;
use crate::crypto::hash::Hash;
pub use crate::crypto::kdf::SharedKdf;
pub use crate::crypto::okp::Scheme;
use crate::crypto::prehash::MAX_CONTEXT_LEN;
pub use crate::crypto::rsa::Pss;
use crate::crypto::{aes, des};
use crate::error::{Result, refuse};
use crate::secret::Secret;

use super::ike::{IkeParam, IkeParams};
pub use super::kbkdf::layout::{Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat};
use super::tls::{TlsParam, TlsParams};

/// Shape of a mechanism's parameter: tells `abi` how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// None: pParameter NULL and ulParameterLen 0.
    None,
    /// An initialization vector of exactly this many bytes.
    Iv(usize),
    /// CK_OBJECT_HANDLE of another key.
    Key,
    /// CK_AES_CTR_PARAMS.
    Ctr,
    /// CK_CCM_PARAMS.
    Ccm,
    /// CK_CHACHA20_PARAMS.
    ChaCha20,
    /// CK_SALSA20_CHACHA20_POLY1305_PARAMS.
    ChaCha20Poly1305,
    /// CK_MAC_GENERAL_PARAMS.
    MacLen,
    /// CK_KEY_DERIVATION_STRING_DATA.
    Data,
    /// CK_EXTRACT_PARAMS.
    Extract,
    /// CK_AES_CBC_ENCRYPT_DATA_PARAMS, or CK_CAMELLIA_CBC_ENCRYPT_DATA_PARAMS of the same shape.
    AesCbcData,
    /// CK_DES_CBC_ENCRYPT_DATA_PARAMS.
    DesCbcData,
    /// CK_HKDF_PARAMS.
    Hkdf,
    /// CK_SP800_108_KDF_PARAMS; CK_SP800_108_FEEDBACK_KDF_PARAMS in feedback mode.
    Kbkdf(KbkdfMode),
    /// A structure of IKE.
    Ike(IkeParam),
    /// A structure of TLS.
    Tls(TlsParam),
    /// CK_VERSION.
    Version,
    /// CK_PKCS5_PBKD2_PARAMS2, or CK_PKCS5_PBKD2_PARAMS as 2.40 had it.
    Pbkd2,
    /// CK_PBE_PARAMS.
    Pbe,
    /// Nothing, or an initialization vector of exactly this many bytes.
    OptionalIv(usize),
    /// Nothing, or bytes of the caller's own, at most so many.
    CallerData(usize),
    /// A big integer of at most so many bytes.
    PublicValue(usize),
    /// CK_GCM_PARAMS.
    Gcm,
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep,
    /// Nothing, or CK_RSA_PKCS_OAEP_PARAMS.
    OptionalOaep,
    /// CK_RSA_AES_KEY_WRAP_PARAMS.
    RsaAesKeyWrap,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss,
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh,
    /// CK_ECDH_AES_KEY_WRAP_PARAMS.
    EcdhAesKeyWrap,
    /// Nothing, or CK_EDDSA_PARAMS.
    Eddsa,
    /// Nothing, or CK_SIGN_ADDITIONAL_CONTEXT.
    SignContext,
    /// CK_HASH_SIGN_ADDITIONAL_CONTEXT.
    HashSignContext,
    /// CK_OTP_PARAMS.
    Otp,
}

impl ParamKind {
    /// Whether `params` are of this kind and within its limits. An absent parameter is of every
    /// kind: the operation refuses where it needs one.
    #[must_use]
    pub fn admits(self, params: &Params) -> bool {
        match (self, params) {
            (_, Params::None)
            | (Self::Key, Params::Key(_))
            | (Self::MacLen, Params::MacLen(_))
            | (Self::Data, Params::Data(_))
            | (Self::Extract, Params::Extract(_))
            | (Self::Hkdf, Params::Hkdf { .. })
            | (Self::Oaep | Self::OptionalOaep, Params::Oaep(_))
            | (Self::Pss, Params::Pss(_))
            | (Self::Ecdh, Params::Ecdh(_))
            | (Self::Version, Params::Version(_))
            | (Self::Eddsa, Params::Eddsa(_))
            | (Self::Otp, Params::Otp(_)) => true,
            (Self::Ike(kind), Params::Ike(params)) => params.fits(kind),
            (Self::Tls(kind), Params::Tls(params)) => params.fits(kind),
            (Self::SignContext, Params::SignContext(context))
            | (Self::HashSignContext, Params::HashSignContext(context, _)) => {
                context.context.len() <= MAX_CONTEXT_LEN
            }
            (Self::Kbkdf(mode), Params::Kbkdf(params)) => params.fits(mode),
            (Self::AesCbcData, Params::CbcData { iv, .. }) => iv.len() == aes::BLOCK,
            (Self::DesCbcData, Params::CbcData { iv, .. }) => iv.len() == des::BLOCK,
            (Self::Iv(len) | Self::OptionalIv(len), Params::Iv(iv)) => iv.len() == len,
            (Self::PublicValue(most), Params::PublicValue(value)) => value.len() <= most,
            (Self::CallerData(most), Params::CallerData(data)) => data.len() <= most,
            (Self::Ctr, Params::Ctr { bits, .. }) => (1..=128).contains(bits),
            (Self::Ccm, Params::Ccm { nonce, tag_len, .. }) => {
                (7..=13).contains(&nonce.len()) && matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16)
            }
            (Self::ChaCha20, Params::ChaCha20 { nonce, counter }) => match nonce.len() {
                12 => u32::try_from(*counter).is_ok(),
                len => matches!(len, 8 | 24),
            },
            (Self::ChaCha20Poly1305, Params::ChaCha20Poly1305 { nonce, .. }) => {
                matches!(nonce.len(), 12 | 24)
            }
            (Self::Gcm, Params::Gcm { iv, tag_len, .. }) => {
                (1..=1024).contains(&iv.len()) && matches!(tag_len, 4 | 8 | 12..=16)
            }
            (Self::Pbkd2, Params::Pbkd2 { iterations, .. })
            | (Self::Pbe, Params::Pbe { iterations, .. }) => *iterations > 0,
            (Self::RsaAesKeyWrap, Params::RsaAesKeyWrap { aes_bits, .. }) => {
                matches!(aes_bits, None | Some(128 | 192 | 256))
            }
            (Self::EcdhAesKeyWrap, Params::EcdhAesKeyWrap(EcdhWrap { aes_bits, .. })) => {
                matches!(aes_bits, 128 | 192 | 256)
            }
            _ => false,
        }
    }
}

/// An initialization vector. Those of 16 bytes and less need no memory of their own.
pub(crate) type Iv = SmallVec<[u8; 16]>;

/// A mechanism's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Params {
    /// No parameter was given. Right for `ParamKind::None` and the optional ones; for other kinds
    /// the operation refuses with CKR_MECHANISM_PARAM_INVALID, except C_UnwrapKey with an import
    /// job.
    None,
    /// Initialization vector.
    Iv(Iv),
    /// Handle of another key.
    Key(ck::CK_OBJECT_HANDLE),
    /// AES-CTR.
    Ctr {
        /// The first counter block.
        counter: [u8; 16],
        /// How many of its last bits count: 1 to 128.
        bits: u32,
    },
    /// AES-CCM.
    Ccm {
        /// Length of the text in bytes.
        data_len: usize,
        /// 7 to 13 bytes.
        nonce: Vec<u8>,
        /// Additional data.
        aad: Vec<u8>,
        /// Tag length in bytes: 4, 6, 8, 10, 12, 14 or 16.
        tag_len: usize,
    },
    /// ChaCha20.
    ChaCha20 {
        /// 8, 12 or 24 bytes.
        nonce: Vec<u8>,
        /// Number of the first block of the key stream; at most 32 bits beside a nonce of 12 bytes.
        counter: u64,
    },
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305 {
        /// 12 or 24 bytes.
        nonce: Vec<u8>,
        /// Additional data.
        aad: Vec<u8>,
    },
    /// Length of a MAC in bytes.
    MacLen(usize),
    /// Data that a key is derived with.
    Data(Secret),
    /// Number of the first bit that is taken of a key.
    Extract(u64),
    /// Data that are encrypted in CBC mode to derive a key.
    CbcData {
        /// As long as a block.
        iv: Vec<u8>,
        /// Whole blocks.
        data: Secret,
    },
    /// HKDF.
    Hkdf {
        /// Hash of its HMAC.
        hash: Hash,
        /// What to extract with, empty for RFC 5869's absent salt; `None` does not extract.
        salt: Option<HkdfSalt>,
        /// Context of the expansion.
        info: Vec<u8>,
        /// Whether to expand.
        expand: bool,
    },
    /// Key derivation of NIST SP 800-108.
    Kbkdf(Kbkdf),
    /// IKE.
    Ike(IkeParams),
    /// TLS.
    Tls(TlsParams),
    /// Major and minor version of a protocol.
    Version([u8; 2]),
    /// PBKDF2.
    Pbkd2 {
        /// The password.
        password: Secret,
        /// The salt.
        salt: Vec<u8>,
        /// At least 1.
        iterations: u32,
        /// Hash of its HMAC.
        prf: Hash,
    },
    /// Password-based encryption or authentication of PKCS #12.
    Pbe {
        /// The password, in the encoding that both sides have agreed on.
        password: Secret,
        /// The salt.
        salt: Vec<u8>,
        /// At least 1.
        iterations: u32,
    },
    /// Bytes of the caller's own that a ciphertext is bound to.
    CallerData(Vec<u8>),
    /// The public value of the other party, big-endian.
    PublicValue(Vec<u8>),
    /// AES-GCM.
    Gcm {
        /// 1 to 1024 bytes.
        iv: Iv,
        /// Additional data.
        aad: Vec<u8>,
        /// Tag length in bytes: 4, 8, or 12 to 16.
        tag_len: usize,
    },
    /// RSA-OAEP.
    Oaep(Oaep),
    /// CKM_RSA_AES_KEY_WRAP.
    RsaAesKeyWrap {
        /// Bits of the inner AES key, `None` for whatever the blob has (ulAESKeyBits = 0, unwrap alone).
        aes_bits: Option<u64>,
        /// How the inner key is encrypted.
        oaep: Oaep,
    },
    /// RSASSA-PSS.
    Pss(Pss),
    /// ECDH.
    Ecdh(Ecdh),
    /// CKM_ECDH_AES_KEY_WRAP.
    EcdhAesKeyWrap(EcdhWrap),
    /// EdDSA of another scheme than plain Ed25519.
    Eddsa(Scheme),
    /// ML-DSA and SLH-DSA, and their forms that hash the message.
    SignContext(SignContext),
    /// HashML-DSA and HashSLH-DSA of a digest by this hash.
    HashSignContext(SignContext, Hash),
    /// One-time passwords.
    Otp(OtpParams),
}

/// What CK_OTP_PARAMS ask for of a mechanism that takes neither PIN, challenge nor time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtpParams {
    /// CK_OTP_COUNTER.
    pub counter: Option<u64>,
    /// CK_OTP_OUTPUT_LENGTH, in digits; `None` for the key's.
    pub digits: Option<usize>,
    /// CKF_USER_FRIENDLY_OTP: for people.
    pub friendly: bool,
}

/// How a signature of FIPS 204 or FIPS 205 is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignContext {
    /// Whether it is randomized; `None` for a number that says neither. Verifications ignore it.
    pub hedge: Option<Hedge>,
    /// The context string, of at most 255 bytes.
    pub context: Vec<u8>,
}

impl Default for SignContext {
    fn default() -> Self {
        Self {
            hedge: Some(Hedge::Preferred),
            context: Vec::new(),
        }
    }
}

/// The hedge types of signatures (PKCS #11 3.2 section 6.67).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hedge {
    /// CKH_HEDGE_PREFERRED: randomized here.
    Preferred,
    /// CKH_HEDGE_REQUIRED: randomized.
    Required,
    /// CKH_DETERMINISTIC_REQUIRED: the same signature each time.
    Deterministic,
}

/// The salt that HKDF extracts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HkdfSalt {
    /// These bytes.
    Data(Vec<u8>),
    /// The value of the key of this handle.
    Key(ck::CK_OBJECT_HANDLE),
}

/// Length in bytes of the shortest tag that is not found by trying: 96 bits (NIST SP 800-38D
/// section 5.2.1.2 allows shorter ones only where few wrong tags are answered).
const LEAST_TAG: usize = 12;

impl Params {
    /// Whether the tag that they ask for is so short that it is found by trying, and proves no
    /// integrity.
    #[must_use]
    pub fn short_tag(&self) -> bool {
        match self {
            Self::Gcm { tag_len, .. } | Self::Ccm { tag_len, .. } => *tag_len < LEAST_TAG,
            _ => false,
        }
    }

    /// Handles of further keys that the mechanism works with.
    #[must_use]
    pub fn other_keys(&self) -> Vec<ck::CK_OBJECT_HANDLE> {
        match self {
            Self::Key(handle) => vec![*handle],
            Self::Hkdf {
                salt: Some(HkdfSalt::Key(handle)),
                ..
            } => vec![*handle],
            Self::Ike(params) => params.keys(),
            Self::Kbkdf(params) => params.keys(),
            _ => Vec::new(),
        }
    }

    /// Length in bytes of CK_KEY_DERIVATION_STRING_DATA; 0 for other parameters.
    #[must_use]
    pub fn data_len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            _ => 0,
        }
    }

    /// The bit of CK_EXTRACT_PARAMS; 0 for other parameters.
    #[must_use]
    pub fn first_bit(&self) -> usize {
        match self {
            Self::Extract(bit) => usize::try_from(*bit).unwrap_or(usize::MAX),
            _ => 0,
        }
    }
}

/// RSA-OAEP's parameters (RFC 8017 section 7.1): hash and MGF1 hash are independent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oaep {
    /// Hash of the label.
    pub hash: Hash,
    /// Hash of MGF1.
    pub mgf: Hash,
    /// The label, "P" or "encoding parameters"; usually empty.
    pub label: Vec<u8>,
}

/// ECDH's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ecdh {
    /// `None` for the shared secret itself.
    pub kdf: Option<SharedKdf>,
    /// What the two parties share beside the secret; empty without a key derivation function.
    pub shared_data: Vec<u8>,
    /// The other party's public key, bare or as in CKA_EC_POINT.
    pub public_data: Vec<u8>,
}

/// The parameters of CKM_ECDH_AES_KEY_WRAP: how its AES key is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcdhWrap {
    /// Bits of the AES key: 128, 192 or 256.
    pub aes_bits: u64,
    /// As that of `Ecdh`.
    pub kdf: Option<SharedKdf>,
    /// As those of `Ecdh`.
    pub shared_data: Vec<u8>,
}

/// CKR_MECHANISM_PARAM_INVALID.
pub(super) fn bad_param<T>(what: &'static str) -> Result<T> {
    refuse(ck::CKR_MECHANISM_PARAM_INVALID, what)
}

/// For mechanisms without a parameter: CKR_MECHANISM_PARAM_INVALID when there is one.
pub(crate) fn no_params(params: &Params) -> Result<()> {
    if !matches!(params, Params::None) {
        return bad_param("this mechanism takes no parameter");
    }
    Ok(())
}
