//! ONE table of wrapping algorithms: what a service calls them, and the mechanism that opens them.

use std::fmt;

use crate::ck;

use crate::keytype::{Curve, MlKemSet, Spec};

/// The key that wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrappingKey {
    /// RSA, of so many bits.
    Rsa(u64),
    /// SM2.
    Sm2,
    /// X-Wing, of ML-KEM-768 and X25519.
    XWing,
    /// ML-KEM, of this parameter set.
    MlKem(MlKemSet),
}

impl WrappingKey {
    /// Every kind that some service has, the most usual one first.
    pub const ALL: [Self; 7] = [
        Self::Rsa(2048),
        Self::Rsa(3072),
        Self::Rsa(4096),
        Self::Sm2,
        Self::XWing,
        Self::MlKem(MlKemSet::MlKem768),
        Self::MlKem(MlKemSet::MlKem1024),
    ];
}

impl fmt::Display for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
            Self::Sm2 => f.write_str("SM2"),
            Self::XWing => f.write_str("X-Wing"),
            Self::MlKem(set) => set.fmt(f),
        }
    }
}

/// A hash of OAEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OaepHash {
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The encryption of an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrappingScheme {
    /// RSAES-OAEP of the material, with this hash and an empty label.
    Oaep(OaepHash),
    /// RSAES-PKCS1-v1_5 of the material.
    Pkcs1,
    /// RSAES-OAEP of an AES key, then AES-KWP of the material.
    OaepKwp(OaepHash),
    /// RSAES-OAEP of an AES-256 key, then AES-ECB with PKCS #7 padding of the material.
    OaepEcb(OaepHash),
    /// SM2 encryption of the material.
    Sm2,
    /// SM2 encryption of an SM4 key, then SM4-ECB of the material.
    Sm2Sm4,
    /// HPKE of the material under a key of this kind.
    Hpke(WrappingKey),
}

/// A wrapping algorithm.
#[derive(Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// CKA_TENON_WRAP_ALGORITHM.
    pub number: ck::CK_ULONG,
    /// The name that most services use.
    pub name: &'static str,
    /// CKM_ number of the mechanism that opens it.
    pub mechanism: ck::CK_MECHANISM_TYPE,
    /// How it encrypts.
    pub scheme: WrappingScheme,
}

macro_rules! algorithms {
    ($($number:literal $name:literal $mechanism:ident $scheme:expr;)*) => {
        /// The rows; the numbers are ABI (BYOK section 6).
        pub static ALGORITHMS: &[Algorithm] = &[$(Algorithm {
            number: $number,
            name: $name,
            mechanism: ck::$mechanism,
            scheme: $scheme,
        }),*];
    };
}

algorithms! {
    1 "RSAES_OAEP_SHA_1" CKM_RSA_PKCS_OAEP WrappingScheme::Oaep(OaepHash::Sha1);
    2 "RSAES_OAEP_SHA_256" CKM_RSA_PKCS_OAEP WrappingScheme::Oaep(OaepHash::Sha256);
    3 "RSAES_PKCS1_V1_5" CKM_RSA_PKCS WrappingScheme::Pkcs1;
    4 "RSA_AES_KEY_WRAP_SHA_1" CKM_RSA_AES_KEY_WRAP WrappingScheme::OaepKwp(OaepHash::Sha1);
    5 "RSA_AES_KEY_WRAP_SHA_256" CKM_RSA_AES_KEY_WRAP WrappingScheme::OaepKwp(OaepHash::Sha256);
    6 "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD" CKM_TENON_RSA_AES_ECB_PKCS7 WrappingScheme::OaepEcb(OaepHash::Sha256);
    7 "SM2PKE_SM4_ECB" CKM_TENON_SM2_SM4_ECB WrappingScheme::Sm2Sm4;
    8 "SM2PKE" CKM_TENON_SM2PKE WrappingScheme::Sm2;
    9 "RSA_AES_KEY_WRAP_SHA_224" CKM_RSA_AES_KEY_WRAP WrappingScheme::OaepKwp(OaepHash::Sha224);
    10 "RSA_AES_KEY_WRAP_SHA_384" CKM_RSA_AES_KEY_WRAP WrappingScheme::OaepKwp(OaepHash::Sha384);
    11 "RSA_AES_KEY_WRAP_SHA_512" CKM_RSA_AES_KEY_WRAP WrappingScheme::OaepKwp(OaepHash::Sha512);
    12 "RSAES_OAEP_SHA_384" CKM_RSA_PKCS_OAEP WrappingScheme::Oaep(OaepHash::Sha384);
    13 "RSAES_OAEP_SHA_512" CKM_RSA_PKCS_OAEP WrappingScheme::Oaep(OaepHash::Sha512);
    14 "HPKE_XWING" CKM_TENON_HPKE WrappingScheme::Hpke(WrappingKey::XWing);
    15 "HPKE_ML_KEM_1024" CKM_TENON_HPKE WrappingScheme::Hpke(WrappingKey::MlKem(MlKemSet::MlKem1024));
    16 "HPKE_ML_KEM_768" CKM_TENON_HPKE WrappingScheme::Hpke(WrappingKey::MlKem(MlKemSet::MlKem768));
}

impl Algorithm {
    /// The algorithm of this CKA_TENON_WRAP_ALGORITHM.
    #[must_use]
    pub fn find(number: ck::CK_ULONG) -> Option<&'static Self> {
        ALGORITHMS.iter().find(|row| row.number == number)
    }

    /// Whether a blob that opens is the one that was wrapped, by whomever.
    #[must_use]
    pub fn proves_integrity(&self) -> bool {
        !matches!(
            self.scheme,
            WrappingScheme::Pkcs1 | WrappingScheme::OaepEcb(_) | WrappingScheme::Sm2Sm4
        )
    }

    /// OAEP's hash.
    #[must_use]
    pub fn hash(&self) -> Option<OaepHash> {
        match self.scheme {
            WrappingScheme::Oaep(hash)
            | WrappingScheme::OaepKwp(hash)
            | WrappingScheme::OaepEcb(hash) => Some(hash),
            WrappingScheme::Pkcs1
            | WrappingScheme::Sm2
            | WrappingScheme::Sm2Sm4
            | WrappingScheme::Hpke(_) => None,
        }
    }

    /// Whether the blob is an OAEP block and a longer tail. C_UnwrapKey may then name CKM_RSA_PKCS_OAEP for it too
    /// (BYOK section 4).
    #[must_use]
    pub fn composite(&self) -> bool {
        matches!(
            self.scheme,
            WrappingScheme::OaepKwp(_) | WrappingScheme::OaepEcb(_)
        )
    }

    /// Mechanisms that C_UnwrapKey may name: CKA_ALLOWED_MECHANISMS of a job.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<ck::CK_MECHANISM_TYPE> {
        let mut allowed = vec![self.mechanism];
        if self.composite() {
            allowed.push(ck::CKM_RSA_PKCS_OAEP);
        }
        allowed
    }

    /// The one kind of wrapping key that the algorithm works with; `None` where that is RSA, of some size.
    #[must_use]
    pub fn only_key(&self) -> Option<WrappingKey> {
        match self.scheme {
            WrappingScheme::Oaep(_)
            | WrappingScheme::Pkcs1
            | WrappingScheme::OaepKwp(_)
            | WrappingScheme::OaepEcb(_) => None,
            WrappingScheme::Sm2 | WrappingScheme::Sm2Sm4 => Some(WrappingKey::Sm2),
            WrappingScheme::Hpke(key) => Some(key),
        }
    }

    /// Whether the algorithm works with this wrapping key.
    #[must_use]
    pub fn by(&self, key: WrappingKey) -> bool {
        match self.only_key() {
            Some(only) => key == only,
            None => matches!(key, WrappingKey::Rsa(2048 | 3072 | 4096)),
        }
    }

    /// Whether the algorithm can wrap material of this spec (BYOK section 4, last column).
    #[must_use]
    pub fn carries(&self, spec: Spec) -> bool {
        match self.scheme {
            WrappingScheme::Oaep(_) => !matches!(spec, Spec::Rsa(_)),
            WrappingScheme::Pkcs1 => !spec.private(),
            WrappingScheme::OaepKwp(_) | WrappingScheme::Hpke(_) => true,
            WrappingScheme::OaepEcb(_) => spec.private(),
            WrappingScheme::Sm2 => matches!(
                spec,
                Spec::Ec(Curve::Sm2) | Spec::Sm4 | Spec::Aes(_) | Spec::Hmac(_)
            ),
            WrappingScheme::Sm2Sm4 => {
                matches!(spec, Spec::Ec(Curve::Sm2) | Spec::Sm4 | Spec::Aes(128))
            }
        }
    }
}
