//! aws-lc's description of each hash.

use aws_lc_sys::{self as lc, EVP_MD};

use crate::crypto::hash::Hash;
use crate::crypto::{Error, Result};

/// Never null. `Error::InvalidParameter` for SM3 and BLAKE2b, which aws-lc does not have.
pub(super) fn evp(hash: Hash) -> Result<*const EVP_MD> {
    // SAFETY: these functions take nothing and return pointers to static data.
    unsafe {
        Ok(match hash {
            Hash::Sha1 => lc::EVP_sha1(),
            Hash::Sha224 => lc::EVP_sha224(),
            Hash::Sha256 => lc::EVP_sha256(),
            Hash::Sha384 => lc::EVP_sha384(),
            Hash::Sha512 => lc::EVP_sha512(),
            Hash::Sha512_224 => lc::EVP_sha512_224(),
            Hash::Sha512_256 => lc::EVP_sha512_256(),
            Hash::Sha3_224 => lc::EVP_sha3_224(),
            Hash::Sha3_256 => lc::EVP_sha3_256(),
            Hash::Sha3_384 => lc::EVP_sha3_384(),
            Hash::Sha3_512 => lc::EVP_sha3_512(),
            Hash::Md5 => lc::EVP_md5(),
            Hash::Blake2b160 | Hash::Blake2b256 | Hash::Blake2b384 | Hash::Blake2b512 => {
                return Err(Error::InvalidParameter(
                    "BLAKE2b is no hash of RSA, HKDF and PBKDF2",
                ));
            }
            Hash::Sm3 => return Err(Error::InvalidParameter("SM3 belongs to SM2 alone")),
        })
    }
}

/// MD5 and SHA-1 side by side, as TLS 1.0 has them. Never null.
pub(super) fn md5_sha1() -> *const EVP_MD {
    // SAFETY: takes nothing and returns a pointer to static data.
    unsafe { lc::EVP_md5_sha1() }
}
