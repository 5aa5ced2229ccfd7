//! Parameters of the mechanisms of TLS.

pub use crate::crypto::tls::TlsPrf;

/// The structures, of which each mechanism takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsParam {
    /// CK_SSL3_MASTER_KEY_DERIVE_PARAMS.
    OldMaster,
    /// CK_TLS12_MASTER_KEY_DERIVE_PARAMS.
    Master,
    /// CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS.
    ExtendedMaster,
    /// CK_SSL3_KEY_MAT_PARAMS.
    OldKeys,
    /// CK_TLS12_KEY_MAT_PARAMS.
    Keys,
    /// CK_TLS_KDF_PARAMS.
    Kdf,
    /// CK_TLS_MAC_PARAMS.
    Mac,
}

/// What they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsParams {
    /// How a master secret is made.
    Master {
        /// Function.
        prf: TlsPrf,
        /// The randoms of client and server, or the hash of the session (RFC 7627).
        seed: Vec<u8>,
        /// Whether the caller wants the version that the pre-master secret begins with.
        version: bool,
    },
    /// How the keys of a connection are made.
    Keys(TlsKeys),
    /// How keying material is exported (RFC 5705).
    Kdf {
        /// Function.
        prf: TlsPrf,
        /// Label.
        label: Vec<u8>,
        /// The randoms of client and server, and the context with its length where there is one.
        seed: Vec<u8>,
    },
    /// How the verify_data of a Finished message is made.
    Mac {
        /// Function.
        prf: TlsPrf,
        /// Bytes of verify_data.
        len: usize,
        /// Whether the server sends the message.
        server: bool,
    },
}

/// Lengths in bytes of what is made of a master secret, and the randoms of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsKeys {
    /// Function.
    pub prf: TlsPrf,
    /// The randoms of server and client.
    pub seed: Vec<u8>,
    /// Of each MAC key.
    pub mac_len: usize,
    /// Of each key of the cipher.
    pub key_len: usize,
    /// Of each initialization vector.
    pub iv_len: usize,
}

impl TlsParams {
    /// Whether they come in the structure `kind`.
    #[must_use]
    pub fn fits(&self, kind: TlsParam) -> bool {
        let old = |prf: &TlsPrf| *prf == TlsPrf::Tls10;
        match (self, kind) {
            (Self::Master { prf, .. }, TlsParam::OldMaster)
            | (Self::Keys(TlsKeys { prf, .. }), TlsParam::OldKeys) => old(prf),
            (Self::Master { prf, .. }, TlsParam::Master | TlsParam::ExtendedMaster)
            | (Self::Keys(TlsKeys { prf, .. }), TlsParam::Keys) => !old(prf),
            // Always 12 bytes in TLS 1.0 and 1.1 (section 6.40.2).
            (Self::Mac { prf, len, .. }, TlsParam::Mac) => !old(prf) || *len == 12,
            (Self::Kdf { .. }, TlsParam::Kdf) => true,
            _ => false,
        }
    }

    /// Whether the function uses each half of the secret apart.
    #[must_use]
    pub fn halves(&self) -> bool {
        match self {
            Self::Master { prf, .. }
            | Self::Keys(TlsKeys { prf, .. })
            | Self::Kdf { prf, .. }
            | Self::Mac { prf, .. } => *prf == TlsPrf::Tls10,
        }
    }
}
