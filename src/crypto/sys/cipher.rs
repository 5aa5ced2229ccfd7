//! AES key schedules for block modes and key wrap, ECB of many blocks, CTR and GCM in parts, XTS.

use std::ffi::c_int;
use std::mem::size_of_val;
use std::ptr::{self, NonNull};

use aws_lc_sys as ffi;

use crate::crypto::aes::{BLOCK, Direction};
use crate::crypto::{Error, Result};

pub(in crate::crypto) mod ccm;
mod feedback;

/// Bytes for one call of aws-lc, whose lengths are C ints. A multiple of every block length.
const CHUNK: usize = 1 << 30;

fn flag(direction: Direction) -> c_int {
    match direction {
        Direction::Encrypt => 1,
        Direction::Decrypt => 0,
    }
}

/// The round keys of one direction. Immutable once made.
pub(in crate::crypto) struct Schedule {
    keys: Box<ffi::AES_KEY>,
    direction: Direction,
}

impl Schedule {
    /// Takes a key of 16, 24 or 32 bytes.
    pub(in crate::crypto) fn new(key: &[u8], direction: Direction) -> Result<Self> {
        let bits = match key.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return Err(Error::KeySize),
        };
        let mut schedule = Self {
            keys: Box::new(ffi::AES_KEY {
                rd_key: [0; 60],
                rounds: 0,
            }),
            direction,
        };
        let keys = &raw mut *schedule.keys;
        // SAFETY: the key holds `bits` bits, and `keys` is writable.
        let failed = unsafe {
            match direction {
                Direction::Encrypt => ffi::AES_set_encrypt_key(key.as_ptr(), bits, keys),
                Direction::Decrypt => ffi::AES_set_decrypt_key(key.as_ptr(), bits, keys),
            }
        };
        if failed != 0 {
            return Err(Error::Internal("AES_set_key"));
        }
        Ok(schedule)
    }

    pub(in crate::crypto) fn block(&self, input: &[u8; BLOCK], out: &mut [u8; BLOCK]) {
        // SAFETY: input and output are one block each and do not overlap; the schedule is complete.
        unsafe {
            ffi::AES_ecb_encrypt(
                input.as_ptr(),
                out.as_mut_ptr(),
                &raw const *self.keys,
                flag(self.direction),
            );
        }
    }

    /// Whole blocks in CBC mode; `iv` becomes the last ciphertext block. `out` is as long as `input`.
    pub(in crate::crypto) fn cbc(&self, iv: &mut [u8; BLOCK], input: &[u8], out: &mut [u8]) {
        assert!(input.len().is_multiple_of(BLOCK), "CBC takes whole blocks");
        assert_eq!(input.len(), out.len(), "CBC keeps the length");
        // SAFETY: `input` and `out` are valid for the same number of bytes and do not overlap; `iv`
        // is one block; the schedule is complete.
        unsafe {
            ffi::AES_cbc_encrypt(
                input.as_ptr(),
                out.as_mut_ptr(),
                input.len(),
                &raw const *self.keys,
                iv.as_mut_ptr(),
                flag(self.direction),
            );
        }
    }

    /// RFC 3394 section 2.2.1 with the initial value `iv`. `data` is at least 16 bytes and a
    /// multiple of 8; `out` is 8 bytes longer.
    pub(in crate::crypto) fn wrap(&self, iv: &[u8; 8], data: &[u8], out: &mut [u8]) -> Result<()> {
        assert_eq!(out.len(), data.len() + iv.len(), "a wrap adds half a block");
        // SAFETY: `out` is valid for 8 bytes more than `data`, and does not overlap it; the
        // schedule is complete, and made for encryption.
        let written = unsafe {
            ffi::AES_wrap_key(
                self.keys(Direction::Encrypt),
                iv.as_ptr(),
                out.as_mut_ptr(),
                data.as_ptr(),
                data.len(),
            )
        };
        if usize::try_from(written) != Ok(out.len()) {
            return Err(Error::Internal("AES_wrap_key"));
        }
        Ok(())
    }

    /// RFC 3394 section 2.2.2. `wrapped` is at least 24 bytes and a multiple of 8; `out` is 8
    /// bytes shorter, and means nothing when this fails.
    pub(in crate::crypto) fn unwrap(
        &self,
        iv: &[u8; 8],
        wrapped: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        assert_eq!(
            out.len() + iv.len(),
            wrapped.len(),
            "an unwrap takes half a block"
        );
        // SAFETY: `out` is valid for 8 bytes less than `wrapped`, and does not overlap it; the
        // schedule is complete, and made for decryption.
        let written = unsafe {
            ffi::AES_unwrap_key(
                self.keys(Direction::Decrypt),
                iv.as_ptr(),
                out.as_mut_ptr(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        };
        if usize::try_from(written) != Ok(out.len()) {
            return Err(Error::BadCiphertext);
        }
        Ok(())
    }

    /// RFC 5649 section 4.1. `data` has 1 byte or more; `out` is 8 to 15 bytes longer, a multiple of 8.
    pub(in crate::crypto) fn wrap_padded(&self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let mut written = 0;
        // SAFETY: both slices are valid for the lengths beside them and do not overlap; the schedule is
        // complete, and made for encryption.
        let ok = unsafe {
            ffi::AES_wrap_key_padded(
                self.keys(Direction::Encrypt),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                data.as_ptr(),
                data.len(),
            )
        };
        if ok != 1 || written != out.len() {
            return Err(Error::Internal("AES_wrap_key_padded"));
        }
        Ok(())
    }

    /// RFC 5649 section 4.2. `wrapped` is at least 16 bytes and a multiple of 8; the data goes to the
    /// start of `out`, which is as long as `wrapped`, and its length is returned. `out` means nothing
    /// when this fails.
    pub(in crate::crypto) fn unwrap_padded(&self, wrapped: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        // SAFETY: both slices are valid for the lengths beside them and do not overlap; the schedule is
        // complete, and made for decryption.
        let ok = unsafe {
            ffi::AES_unwrap_key_padded(
                self.keys(Direction::Decrypt),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                wrapped.as_ptr(),
                wrapped.len(),
            )
        };
        if ok != 1 {
            return Err(Error::BadCiphertext);
        }
        Ok(written)
    }

    fn keys(&self, direction: Direction) -> *const ffi::AES_KEY {
        assert_eq!(self.direction, direction, "the schedule goes the right way");
        &raw const *self.keys
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        let len = size_of_val(&*self.keys);
        // SAFETY: the round keys are plain integers that nothing reads afterwards.
        unsafe { ffi::OPENSSL_cleanse((&raw mut *self.keys).cast(), len) };
    }
}

/// Whole blocks in ECB mode, several at once. Takes a key of 16, 24 or 32 bytes; `out` is as long
/// as `input`.
pub(in crate::crypto) fn ecb(
    key: &[u8],
    direction: Direction,
    input: &[u8],
    out: &mut [u8],
) -> Result<()> {
    // With whole blocks in one go, the context never holds bytes back to write them later.
    assert!(input.len().is_multiple_of(BLOCK), "ECB takes whole blocks");
    // SAFETY: these return pointers to constant tables.
    let cipher = unsafe {
        match key.len() {
            16 => ffi::EVP_aes_128_ecb(),
            24 => ffi::EVP_aes_192_ecb(),
            32 => ffi::EVP_aes_256_ecb(),
            _ => return Err(Error::KeySize),
        }
    };
    let mut context = Context::new()?;
    context.init(cipher, key.as_ptr(), ptr::null(), direction)?;
    context.without_padding();
    context.update(input, out)
}

/// A cipher in progress. aws-lc wipes its state when it is dropped.
pub(in crate::crypto) struct Context(NonNull<ffi::EVP_CIPHER_CTX>);

// SAFETY: the context owns all its state and has no thread affinity.
unsafe impl Send for Context {}

impl Context {
    fn new() -> Result<Self> {
        // SAFETY: no arguments; NULL when out of memory.
        NonNull::new(unsafe { ffi::EVP_CIPHER_CTX_new() })
            .map(Self)
            .ok_or(Error::Internal("EVP_CIPHER_CTX_new"))
    }

    /// GCM encryption. Takes a key of 16, 24 or 32 bytes and an IV of at least 1 byte.
    pub(in crate::crypto) fn gcm(key: &[u8], iv: &[u8], aad: &[u8]) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match key.len() {
                16 => ffi::EVP_aes_128_gcm(),
                24 => ffi::EVP_aes_192_gcm(),
                32 => ffi::EVP_aes_256_gcm(),
                _ => return Err(Error::KeySize),
            }
        };
        let iv_len = c_int::try_from(iv.len()).map_err(|_| Error::InvalidParameter("IV length"))?;
        let mut context = Self::new()?;
        context.init(cipher, ptr::null(), ptr::null(), Direction::Encrypt)?;
        context.control(ffi::EVP_CTRL_AEAD_SET_IVLEN, iv_len, ptr::null_mut())?;
        context.init(ptr::null(), key.as_ptr(), iv.as_ptr(), Direction::Encrypt)?;
        context.additional(aad)?;
        Ok(context)
    }

    /// Takes more additional data of a GCM message, before any of its text.
    pub(in crate::crypto) fn additional(&mut self, aad: &[u8]) -> Result<()> {
        for chunk in aad.chunks(CHUNK) {
            self.update_chunk(chunk, ptr::null_mut())?;
        }
        Ok(())
    }

    /// CTR, encryption and decryption alike, with a counter of 128 bits. Takes a key of 16, 24 or
    /// 32 bytes.
    pub(in crate::crypto) fn ctr(key: &[u8], counter: &[u8; BLOCK]) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match key.len() {
                16 => ffi::EVP_aes_128_ctr(),
                24 => ffi::EVP_aes_192_ctr(),
                32 => ffi::EVP_aes_256_ctr(),
                _ => return Err(Error::KeySize),
            }
        };
        let mut context = Self::new()?;
        let (key, counter) = (key.as_ptr(), counter.as_ptr());
        context.init(cipher, key, counter, Direction::Encrypt)?;
        Ok(context)
    }

    /// Triple DES with a key of 24 bytes: CBC with an initialization vector, ECB without. [`Self::update`] takes whole blocks
    /// of 8 bytes.
    pub(in crate::crypto) fn triple_des(
        key: &[u8; 24],
        direction: Direction,
        iv: Option<&[u8; 8]>,
    ) -> Result<Self> {
        let mut context = Self::new()?;
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match iv {
                Some(_) => ffi::EVP_des_ede3_cbc(),
                None => ffi::EVP_des_ede3_ecb(),
            }
        };
        let iv = iv.map_or(ptr::null(), |iv| iv.as_ptr());
        context.init(cipher, key.as_ptr(), iv, direction)?;
        context.without_padding();
        Ok(context)
    }

    /// XTS with two different keys of 32 bytes. One call of [`Self::update`] takes a whole data unit, at
    /// least a block and at most 2^20 blocks long.
    pub(in crate::crypto) fn xts(
        keys: &[u8; 64],
        direction: Direction,
        unit: &[u8; BLOCK],
    ) -> Result<Self> {
        let mut context = Self::new()?;
        // SAFETY: this returns a pointer to a constant table.
        let cipher = unsafe { ffi::EVP_aes_256_xts() };
        context.init(cipher, keys.as_ptr(), unit.as_ptr(), direction)?;
        Ok(context)
    }

    /// Takes any number of bytes. `out` is as long as `input`.
    pub(in crate::crypto) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        assert_eq!(
            input.len(),
            out.len(),
            "stream and block modes keep the length"
        );
        for (from, to) in input.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            self.update_chunk(from, to.as_mut_ptr())?;
        }
        Ok(())
    }

    /// Ends a GCM encryption and returns the whole tag. Nothing may be taken afterwards.
    pub(in crate::crypto) fn tag(&mut self) -> Result<[u8; 16]> {
        let mut tag = [0; 16];
        let mut written = 0;
        // SAFETY: GCM writes no data at its end, and `tag` would hold a block.
        let ok =
            unsafe { ffi::EVP_CipherFinal_ex(self.0.as_ptr(), tag.as_mut_ptr(), &raw mut written) };
        if ok != 1 {
            return Err(Error::Internal("EVP_CipherFinal_ex"));
        }
        self.control(ffi::EVP_CTRL_AEAD_GET_TAG, 16, tag.as_mut_ptr())?;
        Ok(tag)
    }

    /// A NULL pointer keeps what an earlier call set.
    fn init(
        &mut self,
        cipher: *const ffi::EVP_CIPHER,
        key: *const u8,
        iv: *const u8,
        direction: Direction,
    ) -> Result<()> {
        // SAFETY: the context is live; the callers pass keys and IVs of the cipher's length.
        let ok = unsafe {
            ffi::EVP_CipherInit_ex(
                self.0.as_ptr(),
                cipher,
                ptr::null_mut(),
                key,
                iv,
                flag(direction),
            )
        };
        if ok != 1 {
            return Err(Error::Internal("EVP_CipherInit_ex"));
        }
        Ok(())
    }

    /// Decryption too writes every block at once.
    fn without_padding(&mut self) {
        // SAFETY: the context is live.
        unsafe { ffi::EVP_CIPHER_CTX_set_padding(self.0.as_ptr(), 0) };
    }

    fn control(&mut self, command: c_int, len: c_int, data: *mut u8) -> Result<()> {
        // SAFETY: the context is live; `data` is what `command` wants: `len` bytes, or NULL.
        let ok = unsafe { ffi::EVP_CIPHER_CTX_ctrl(self.0.as_ptr(), command, len, data.cast()) };
        if ok != 1 {
            return Err(Error::Internal("EVP_CIPHER_CTX_ctrl"));
        }
        Ok(())
    }

    /// `out` is NULL (additional data) or valid for as many bytes as `input`.
    fn update_chunk(&mut self, input: &[u8], out: *mut u8) -> Result<()> {
        let len = c_int::try_from(input.len()).map_err(|_| Error::InputLength)?;
        let mut written = 0;
        // SAFETY: `input` is valid for `len` bytes and so is `out` where it is not NULL: ECB and the
        // CBC of triple DES get whole blocks without padding, and the other modes keep the length, so none writes more than
        // it reads.
        let ok = unsafe {
            ffi::EVP_CipherUpdate(self.0.as_ptr(), out, &raw mut written, input.as_ptr(), len)
        };
        if ok != 1 || written != len {
            return Err(Error::Internal("EVP_CipherUpdate"));
        }
        Ok(())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is live and owned; aws-lc's free wipes what it releases.
        unsafe { ffi::EVP_CIPHER_CTX_free(self.0.as_ptr()) };
    }
}
