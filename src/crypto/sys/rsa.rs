//! RSA keys in aws-lc's form, and the primitives that use them.
//!
//! aws-lc blinds every private-key operation, computes it in constant time, and raises the result
//! to `e` again before giving it away, so that a fault cannot leak a factor.

use std::cmp::Ordering;
use std::os::raw::{c_int, c_void};
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::{self as lc, BIGNUM, RSA};

use super::bn::{self, Bn};
use super::evp::{Context, Pkey};
use super::{check, failure, md, non_null};
use crate::crypto::hash::Hash;
use crate::crypto::rsa::RsaMaterial;
use crate::crypto::{Error, Result};

/// A public or private key. Operations on one from several threads are safe.
pub(in crate::crypto) struct Rsa(Pkey);

#[derive(Clone, Copy)]
pub(in crate::crypto) struct Oaep<'a> {
    pub(in crate::crypto) hash: Hash,
    pub(in crate::crypto) mgf: Hash,
    pub(in crate::crypto) label: &'a [u8],
}

#[derive(Clone, Copy)]
pub(in crate::crypto) struct Pss {
    pub(in crate::crypto) hash: Hash,
    pub(in crate::crypto) mgf: Hash,
    pub(in crate::crypto) salt_len: c_int,
}

impl Rsa {
    /// A public key; e is odd, above 1 and below n.
    pub(in crate::crypto) fn public(n: &Bn, e: &Bn) -> Result<Self> {
        // SAFETY: the call copies both integers.
        let rsa = unsafe { lc::RSA_new_public_key_large_e(n.as_ptr(), e.as_ptr()) };
        Self::adopt(non_null(rsa, "RSA_new_public_key_large_e")?)
    }

    /// A private key. aws-lc checks again that the values agree with each other.
    pub(in crate::crypto) fn private(material: &RsaMaterial) -> Result<Self> {
        let n = Bn::from_bytes(&material.n)?;
        let e = Bn::from_bytes(&material.e)?;
        let d = Bn::from_bytes(&material.d)?;
        let p = Bn::from_bytes(&material.p)?;
        let q = Bn::from_bytes(&material.q)?;
        let dp = Bn::from_bytes(&material.dp)?;
        let dq = Bn::from_bytes(&material.dq)?;
        let qinv = Bn::from_bytes(&material.qinv)?;
        // SAFETY: the call copies all integers.
        let rsa = unsafe {
            lc::RSA_new_private_key_large_e(
                n.as_ptr(),
                e.as_ptr(),
                d.as_ptr(),
                p.as_ptr(),
                q.as_ptr(),
                dp.as_ptr(),
                dq.as_ptr(),
                qinv.as_ptr(),
            )
        };
        Self::adopt(non_null(rsa, "RSA_new_private_key_large_e")?)
    }

    /// Makes a key pair. `bits` is a multiple of 128, since aws-lc rounds down; e has at most 32 bits.
    pub(in crate::crypto) fn generate(bits: u32, e: &Bn) -> Result<RsaMaterial> {
        let bits = c_int::try_from(bits).map_err(|_| Error::KeySize)?;
        // SAFETY: no arguments.
        let rsa = non_null(unsafe { lc::RSA_new() }, "RSA_new")?;
        let key = Self::adopt(rsa)?;
        // SAFETY: `rsa` lives as long as `key`; the call copies e; a null callback is allowed.
        let status = unsafe { lc::RSA_generate_key_ex(rsa.as_ptr(), bits, e.as_ptr(), null_mut()) };
        check(status, "RSA_generate_key_ex")?;
        // SAFETY: a generated key has all eight integers, which live as long as `key`.
        let value = |get: unsafe extern "C" fn(*const RSA) -> *const BIGNUM| unsafe {
            bn::secret(get(key.rsa()))
        };
        Ok(RsaMaterial {
            n: value(lc::RSA_get0_n).to_vec(),
            e: value(lc::RSA_get0_e).to_vec(),
            d: value(lc::RSA_get0_d),
            p: value(lc::RSA_get0_p),
            q: value(lc::RSA_get0_q),
            dp: value(lc::RSA_get0_dmp1),
            dq: value(lc::RSA_get0_dmq1),
            qinv: value(lc::RSA_get0_iqmp),
        })
    }

    fn adopt(rsa: NonNull<RSA>) -> Result<Self> {
        // SAFETY: `rsa` is ours; it is freed here unless the new handle took it.
        unsafe {
            let key = match Pkey::adopt(lc::EVP_PKEY_new(), "EVP_PKEY_new") {
                Ok(key) => Self(key),
                Err(error) => {
                    lc::RSA_free(rsa.as_ptr());
                    return Err(error);
                }
            };
            if lc::EVP_PKEY_assign_RSA(key.0.as_ptr(), rsa.as_ptr()) != 1 {
                lc::RSA_free(rsa.as_ptr());
                return Err(failure("EVP_PKEY_assign_RSA"));
            }
            Ok(key)
        }
    }

    fn rsa(&self) -> *mut RSA {
        // SAFETY: the handle always holds an RSA key.
        unsafe { lc::EVP_PKEY_get0_RSA(self.0.as_ptr()) }
    }

    pub(in crate::crypto) fn bits(&self) -> usize {
        // SAFETY: live key.
        unsafe { lc::RSA_bits(self.rsa()) as usize }
    }

    /// Length of the modulus, and so of signatures and ciphertexts, in bytes.
    pub(in crate::crypto) fn size(&self) -> usize {
        // SAFETY: live key.
        unsafe { lc::RSA_size(self.rsa()) as usize }
    }

    /// RSAEP without padding (RFC 8017 section 5.1.1). `input` and `out` are `size` bytes long; an
    /// error where `input` is not below n.
    pub(in crate::crypto) fn encrypt_raw(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let mut written = 0;
        // SAFETY: reads `input` and writes `out` within the lengths given.
        let status = unsafe {
            lc::RSA_verify_raw(
                self.rsa(),
                &mut written,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                lc::RSA_NO_PADDING,
            )
        };
        check(status, "RSA_verify_raw")
    }

    /// RSADP without padding (RFC 8017 section 5.1.2). `input` and `out` are `size` bytes long.
    /// `BadCiphertext` where `input` is not below n.
    pub(in crate::crypto) fn decrypt_raw(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let number = Bn::from_bytes(input)?;
        // SAFETY: every key has a modulus, which lives as long as the key.
        let greatest = unsafe { Bn::copy(lc::RSA_get0_n(self.rsa()))? }.minus(1)?;
        let order = number.cmp(&greatest);
        if order == Ordering::Greater {
            return Err(Error::BadCiphertext);
        }
        // 0, 1 and n - 1 decrypt to themselves, since d is odd; aws-lc refuses them.
        if order == Ordering::Equal || number.bits() <= 1 {
            out.copy_from_slice(input);
            return Ok(());
        }
        let mut written = 0;
        // SAFETY: reads `input` and writes `out` within the lengths given.
        let status = unsafe {
            lc::RSA_decrypt(
                self.rsa(),
                &mut written,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                lc::RSA_NO_PADDING,
            )
        };
        check(status, "RSA_decrypt")
    }

    /// EMSA-PKCS1-v1_5 around `t` as it is, then RSASP1. `out` is at least `size` bytes long.
    pub(in crate::crypto) fn sign_pkcs1(&self, t: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        // SAFETY: reads `t` and writes `out` within the lengths given.
        let status = unsafe {
            lc::RSA_sign_raw(
                self.rsa(),
                &mut written,
                out.as_mut_ptr(),
                out.len(),
                t.as_ptr(),
                t.len(),
                lc::RSA_PKCS1_PADDING,
            )
        };
        check(status, "RSA_sign_raw")?;
        Ok(written)
    }

    /// The T inside an EMSA-PKCS1-v1_5 signature; an error when the padding is not well formed.
    pub(in crate::crypto) fn recover_pkcs1(&self, signature: &[u8]) -> Result<Vec<u8>> {
        let mut t = vec![0; self.size()];
        let mut written = 0;
        // SAFETY: reads `signature` and writes `t` within the lengths given.
        let status = unsafe {
            lc::RSA_verify_raw(
                self.rsa(),
                &mut written,
                t.as_mut_ptr(),
                t.len(),
                signature.as_ptr(),
                signature.len(),
                lc::RSA_PKCS1_PADDING,
            )
        };
        check(status, "RSA_verify_raw")?;
        t.truncate(written);
        Ok(t)
    }

    /// RSASSA-PSS of a digest as long as the hash's. `out` is at least `size` bytes long.
    pub(in crate::crypto) fn sign_pss(
        &self,
        pss: Pss,
        digest: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let mut written = 0;
        // SAFETY: reads `digest` and writes `out` within the lengths given; the hashes are static.
        let status = unsafe {
            lc::RSA_sign_pss_mgf1(
                self.rsa(),
                &mut written,
                out.as_mut_ptr(),
                out.len(),
                digest.as_ptr(),
                digest.len(),
                md::evp(pss.hash)?,
                md::evp(pss.mgf)?,
                pss.salt_len,
            )
        };
        check(status, "RSA_sign_pss_mgf1")?;
        Ok(written)
    }

    /// Verifies RSASSA-PSS; the salt has exactly the length given.
    pub(in crate::crypto) fn verify_pss(
        &self,
        pss: Pss,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        // SAFETY: reads `digest` and `signature` within the lengths given; the hashes are static.
        let status = unsafe {
            lc::RSA_verify_pss_mgf1(
                self.rsa(),
                digest.as_ptr(),
                digest.len(),
                md::evp(pss.hash)?,
                md::evp(pss.mgf)?,
                pss.salt_len,
                signature.as_ptr(),
                signature.len(),
            )
        };
        check(status, "RSA_verify_pss_mgf1").map_err(|_| Error::BadSignature)
    }

    /// RSAES-PKCS1-v1_5 encryption. `out` is at least `size` bytes long.
    pub(in crate::crypto) fn encrypt_pkcs1(&self, message: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        // SAFETY: reads `message` and writes `out` within the lengths given.
        let status = unsafe {
            lc::RSA_encrypt(
                self.rsa(),
                &mut written,
                out.as_mut_ptr(),
                out.len(),
                message.as_ptr(),
                message.len(),
                lc::RSA_PKCS1_PADDING,
            )
        };
        check(status, "RSA_encrypt")?;
        Ok(written)
    }

    /// RSAES-OAEP encryption. `out` is at least `size` bytes long.
    pub(in crate::crypto) fn encrypt_oaep(
        &self,
        oaep: Oaep<'_>,
        message: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let context = self.0.context()?;
        let mut written = out.len();
        // SAFETY: live context; reads `message` and writes `out` within the lengths given.
        unsafe {
            check(
                lc::EVP_PKEY_encrypt_init(context.as_ptr()),
                "EVP_PKEY_encrypt_init",
            )?;
            choose_oaep(&context, oaep)?;
            let status = lc::EVP_PKEY_encrypt(
                context.as_ptr(),
                out.as_mut_ptr(),
                &mut written,
                message.as_ptr(),
                message.len(),
            );
            check(status, "EVP_PKEY_encrypt")?;
        }
        Ok(written)
    }

    /// RSAES-OAEP decryption, the padding judged in constant time. `out` is at least `size` bytes long.
    pub(in crate::crypto) fn decrypt_oaep(
        &self,
        oaep: Oaep<'_>,
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let context = self.0.context()?;
        let mut written = out.len();
        // SAFETY: live context; reads `ciphertext` and writes `out` within the lengths given.
        unsafe {
            check(
                lc::EVP_PKEY_decrypt_init(context.as_ptr()),
                "EVP_PKEY_decrypt_init",
            )?;
            choose_oaep(&context, oaep)?;
            let status = lc::EVP_PKEY_decrypt(
                context.as_ptr(),
                out.as_mut_ptr(),
                &mut written,
                ciphertext.as_ptr(),
                ciphertext.len(),
            );
            check(status, "EVP_PKEY_decrypt").map_err(|_| Error::BadCiphertext)?;
        }
        Ok(written)
    }
}

/// Chooses OAEP on an initialised context.
fn choose_oaep(context: &Context, oaep: Oaep<'_>) -> Result<()> {
    let context = context.as_ptr();
    // SAFETY: live context; the digests are static; the label is a copy that the context owns
    // once the call has succeeded, and is freed here otherwise.
    unsafe {
        check(
            lc::EVP_PKEY_CTX_set_rsa_padding(context, lc::RSA_PKCS1_OAEP_PADDING),
            "EVP_PKEY_CTX_set_rsa_padding",
        )?;
        check(
            lc::EVP_PKEY_CTX_set_rsa_oaep_md(context, md::evp(oaep.hash)?),
            "EVP_PKEY_CTX_set_rsa_oaep_md",
        )?;
        check(
            lc::EVP_PKEY_CTX_set_rsa_mgf1_md(context, md::evp(oaep.mgf)?),
            "EVP_PKEY_CTX_set_rsa_mgf1_md",
        )?;
        if oaep.label.is_empty() {
            return Ok(());
        }
        let label = lc::OPENSSL_memdup(oaep.label.as_ptr().cast::<c_void>(), oaep.label.len());
        let label = non_null(label, "OPENSSL_memdup")?;
        let status =
            lc::EVP_PKEY_CTX_set0_rsa_oaep_label(context, label.as_ptr().cast(), oaep.label.len());
        if status != 1 {
            lc::OPENSSL_free(label.as_ptr());
        }
        check(status, "EVP_PKEY_CTX_set0_rsa_oaep_label")
    }
}
