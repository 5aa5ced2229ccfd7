//! Keys, and PKCS #1 v1.5 and OAEP with them.

use subtle::Choice;

use crate::crypto::hash::Hash;
use crate::crypto::sys::bn::Bn;
use crate::crypto::sys::rsa::{Oaep, Rsa};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::check;
use super::material::RsaMaterial;
use super::rejection::RejectionKey;

/// PKCS #1 v1.5 takes this many bytes of the modulus at least (RFC 8017 sections 7.2.1 and 9.2).
const PKCS1_OVERHEAD: usize = 11;

/// Room that PKCS #1 v1.5 leaves for a message in a modulus of `modulus_len` bytes.
#[must_use]
pub(crate) fn pkcs1_capacity(modulus_len: usize) -> usize {
    modulus_len.saturating_sub(PKCS1_OVERHEAD)
}

/// Room that OAEP with `hash` leaves for a message in a modulus of `modulus_len` bytes; `None` where not even an empty
/// message fits.
#[must_use]
pub(crate) fn oaep_capacity(modulus_len: usize, hash: Hash) -> Option<usize> {
    modulus_len.checked_sub(2 * hash.len() + 2)
}

/// A public key.
pub struct PublicKey(pub(super) Rsa);

impl PublicKey {
    /// A key from a big-endian modulus (1024 to 8192 bits) and public exponent (odd, from 3, at
    /// most 256 bits).
    pub fn new(n: &[u8], e: &[u8]) -> Result<Self> {
        let (n, e) = (Bn::from_bytes(n)?, Bn::from_bytes(e)?);
        check::public(&n, &e)?;
        Rsa::public(&n, &e).map(Self)
    }

    /// Significant bits of the modulus.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.bits()
    }

    /// Length of the modulus in bytes.
    #[must_use]
    pub fn modulus_len(&self) -> usize {
        self.0.size()
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1). Messages of up to `modulus_len` - 11 bytes.
    pub fn encrypt_pkcs1(&self, message: &[u8], out: &mut [u8]) -> Result<usize> {
        if message.len() > pkcs1_capacity(self.modulus_len()) {
            return Err(Error::InputLength);
        }
        self.0.encrypt_pkcs1(message, out)
    }

    /// RSAES-OAEP (RFC 8017 section 7.1.1). Messages of up to `modulus_len` - 2 hash lengths - 2 bytes.
    pub fn encrypt_oaep(
        &self,
        hash: Hash,
        mgf: Hash,
        label: &[u8],
        message: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let capacity = oaep_capacity(self.modulus_len(), hash);
        if capacity.is_none_or(|capacity| message.len() > capacity) {
            return Err(Error::InputLength);
        }
        self.0.encrypt_oaep(Oaep { hash, mgf, label }, message, out)
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). `input` is the digest made by `hash`, or, without
    /// a hash, all that the padding holds: up to `modulus_len` - 11 bytes, usually a DigestInfo.
    pub fn verify_pkcs1(&self, hash: Option<Hash>, input: &[u8], signature: &[u8]) -> Result<()> {
        let t = encoded(hash, input, self.modulus_len())?;
        if signature.len() != self.modulus_len() {
            return Err(Error::SignatureLength);
        }
        match self.0.recover_pkcs1(signature) {
            Ok(recovered) if recovered == t => Ok(()),
            _ => Err(Error::BadSignature),
        }
    }

    /// The data inside the padding of a signature without a hash: up to `modulus_len` - 11 bytes.
    ///
    /// # Errors
    /// `SignatureLength`; `BadSignature` where the padding is not well formed.
    pub fn recover_pkcs1(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.modulus_len() {
            return Err(Error::SignatureLength);
        }
        self.0
            .recover_pkcs1(signature)
            .map_err(|_| Error::BadSignature)
    }
}

/// A private key.
pub struct PrivateKey {
    pub(super) rsa: Rsa,
    rejection: RejectionKey,
}

impl PrivateKey {
    /// A key from values that `RsaMaterial::checked` or `generate` made.
    pub fn new(material: &RsaMaterial) -> Result<Self> {
        let rsa = Rsa::private(material)
            .map_err(|_| Error::InvalidKey("the RSA values contradict each other"))?;
        let rejection = RejectionKey::new(&material.d, rsa.size())?;
        Ok(Self { rsa, rejection })
    }

    /// Significant bits of the modulus.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.rsa.bits()
    }

    /// Length of the modulus in bytes.
    #[must_use]
    pub fn modulus_len(&self) -> usize {
        self.rsa.size()
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.1); `input` as for `PublicKey::verify_pkcs1`.
    pub fn sign_pkcs1(&self, hash: Option<Hash>, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let t = encoded(hash, input, self.modulus_len())?;
        self.rsa.sign_pkcs1(&t, out)
    }

    /// RSAES-OAEP (RFC 8017 section 7.1.2). `BadCiphertext` does not say what was wrong, nor does
    /// the time it takes.
    pub fn decrypt_oaep(
        &self,
        hash: Hash,
        mgf: Hash,
        label: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        if ciphertext.len() != self.modulus_len() {
            return Err(Error::CiphertextLength);
        }
        self.rsa
            .decrypt_oaep(Oaep { hash, mgf, label }, ciphertext, out)
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.2) with implicit rejection: wrong padding gives a
    /// pseudo-random message, always the same for one key and ciphertext. `BadCiphertext` only
    /// where the ciphertext is not below n, which anybody can see.
    pub fn decrypt_pkcs1(&self, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        let (message, _) = self.open_pkcs1(ciphertext)?;
        let out = out
            .get_mut(..message.len())
            .ok_or(Error::Internal("output buffer"))?;
        out.copy_from_slice(&message);
        Ok(message.len())
    }

    /// As `decrypt_pkcs1`, with the message and whether the padding was right. The time is the same
    /// in both cases; the caller decides who may learn which it was.
    pub fn open_pkcs1(&self, ciphertext: &[u8]) -> Result<(Secret, Choice)> {
        if ciphertext.len() != self.modulus_len() {
            return Err(Error::CiphertextLength);
        }
        let mut padded = Secret::zeroed(self.modulus_len());
        self.rsa.decrypt_raw(ciphertext, &mut padded)?;
        self.rejection.unpad(ciphertext, padded)
    }

    /// `len` bytes (at most 8191) that nobody without the key can predict, always the same for one
    /// ciphertext. Where a ciphertext did not decrypt, a caller goes on with them, so that the time
    /// does not tell.
    pub fn decoy(&self, ciphertext: &[u8], len: usize) -> Result<Secret> {
        self.rejection.decoy(ciphertext, len)
    }
}

/// T of EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): a DigestInfo, or `input` itself without a hash.
fn encoded(hash: Option<Hash>, input: &[u8], modulus_len: usize) -> Result<Vec<u8>> {
    let prefix = match hash {
        Some(hash) if input.len() != hash.len() => return Err(Error::InputLength),
        Some(hash) => digest_info(hash),
        None => &[],
    };
    let t = [prefix, input].concat();
    if t.len() > pkcs1_capacity(modulus_len) {
        return Err(Error::InputLength);
    }
    Ok(t)
}

/// DER of a DigestInfo up to the digest (RFC 8017 section 9.2 note 1; SHA-3: FIPS 202's identifiers;
/// SM3: 1.2.156.10197.1.401).
fn digest_info(hash: Hash) -> &'static [u8] {
    /// For hashes under 2.16.840.1.101.3.4.2; `arc` is the last number of the identifier.
    macro_rules! nist {
        ($arc:literal, $len:literal) => {
            &[
                0x30,
                0x11 + $len,
                0x30,
                0x0D,
                0x06,
                0x09,
                0x60,
                0x86,
                0x48,
                0x01,
                0x65,
                0x03,
                0x04,
                0x02,
                $arc,
                0x05,
                0x00,
                0x04,
                $len,
            ]
        };
    }
    /// For BLAKE2b, under 1.3.6.1.4.1.1722.12.2.1.
    macro_rules! blake2b {
        ($arc:literal, $len:literal) => {
            &[
                0x30,
                0x13 + $len,
                0x30,
                0x0F,
                0x06,
                0x0B,
                0x2B,
                0x06,
                0x01,
                0x04,
                0x01,
                0x8D,
                0x3A,
                0x0C,
                0x02,
                0x01,
                $arc,
                0x05,
                0x00,
                0x04,
                $len,
            ]
        };
    }
    match hash {
        Hash::Sha1 => &[
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 20,
        ],
        Hash::Sha256 => nist!(1, 32),
        Hash::Sha384 => nist!(2, 48),
        Hash::Sha512 => nist!(3, 64),
        Hash::Sha224 => nist!(4, 28),
        Hash::Sha512_224 => nist!(5, 28),
        Hash::Sha512_256 => nist!(6, 32),
        Hash::Sha3_224 => nist!(7, 28),
        Hash::Sha3_256 => nist!(8, 32),
        Hash::Sha3_384 => nist!(9, 48),
        Hash::Sha3_512 => nist!(10, 64),
        Hash::Md5 => &[
            0x30, 0x20, 0x30, 0x0C, 0x06, 0x08, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x02, 0x05,
            0x05, 0x00, 0x04, 16,
        ],
        Hash::Blake2b160 => blake2b!(5, 20),
        Hash::Blake2b256 => blake2b!(8, 32),
        Hash::Blake2b384 => blake2b!(12, 48),
        Hash::Blake2b512 => blake2b!(16, 64),
        Hash::Sm3 => &[
            0x30, 0x30, 0x30, 0x0C, 0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x83, 0x11,
            0x05, 0x00, 0x04, 32,
        ],
    }
}
