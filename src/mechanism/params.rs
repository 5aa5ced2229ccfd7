//! Typed mechanism parameters. `abi::params` reads them out of the caller's memory.

use crate::crypto::hash::Hash;

/// Shape of a mechanism's parameter: tells `abi` how to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// None: pParameter NULL and ulParameterLen 0.
    None,
    /// An initialization vector of exactly this many bytes.
    Iv(usize),
    /// Nothing, or an initialization vector of exactly this many bytes.
    OptionalIv(usize),
    /// CK_GCM_PARAMS.
    Gcm,
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep,
    /// CK_RSA_AES_KEY_WRAP_PARAMS.
    RsaAesKeyWrap,
}

impl ParamKind {
    /// Whether `params` are of this kind and within its limits. Nothing at all is of every kind: the
    /// operation knows whether it can do without.
    #[must_use]
    pub fn admits(self, params: &Params) -> bool {
        match (self, params) {
            (_, Params::None) | (Self::Oaep, Params::Oaep(_)) => true,
            (Self::Iv(len) | Self::OptionalIv(len), Params::Iv(iv)) => iv.len() == len,
            (Self::Gcm, Params::Gcm { iv, tag_len, .. }) => {
                (1..=1024).contains(&iv.len()) && matches!(tag_len, 4 | 8 | 12..=16)
            }
            (Self::RsaAesKeyWrap, Params::RsaAesKeyWrap { aes_bits, .. }) => {
                matches!(aes_bits, None | Some(128 | 192 | 256))
            }
            (
                Self::None
                | Self::Iv(_)
                | Self::OptionalIv(_)
                | Self::Gcm
                | Self::Oaep
                | Self::RsaAesKeyWrap,
                _,
            ) => false,
        }
    }
}

/// A mechanism's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Params {
    /// No parameter was given. Allowed for `ParamKind::None` and `OptionalIv`; for other kinds
    /// the operation refuses with CKR_MECHANISM_PARAM_INVALID, but for unwrapping with an import job.
    None,
    /// Initialization vector.
    Iv(Vec<u8>),
    /// AES-GCM.
    Gcm {
        /// 1 to 1024 bytes.
        iv: Vec<u8>,
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
