//! The outside party: makes keys and blobs, and checks what the token computes, with RustCrypto
//! alone. All it knows of the token is a public key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use aes_kw::KwpAes256;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs8::EncodePrivateKey;
use rsa::{BoxedUint, Oaep, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Result;

/// Bytes of an AES-256 key.
const AES_KEY_LEN: usize = 32;

pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn random_name() -> Result<String> {
    Ok(hex(&random::<8>()?))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The token's wrapping key, as seen from outside.
pub(super) struct WrappingKey(RsaPublicKey);

impl WrappingKey {
    /// From CKA_MODULUS and CKA_PUBLIC_EXPONENT, big-endian.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self> {
        Ok(Self(rsa_public_key(modulus, exponent)?))
    }

    /// RSA-OAEP with SHA-256 of short material.
    pub(super) fn oaep(&self, material: &[u8]) -> Result<Vec<u8>> {
        Ok(self
            .0
            .encrypt(&mut UnwrapErr(SysRng), Oaep::<Sha256>::new(), material)?)
    }

    /// The blob of CKM_RSA_AES_KEY_WRAP: OAEP of a fresh AES key, then RFC 5649 of the material.
    pub(super) fn rsa_aes_key_wrap(&self, material: &[u8]) -> Result<Vec<u8>> {
        let key = Zeroizing::new(random::<AES_KEY_LEN>()?);
        let mut tail = vec![0; material.len().next_multiple_of(8) + 8];
        KwpAes256::new(&(*key).into())
            .wrap_key(material, &mut tail)
            .map_err(|error| format!("RFC 5649: {error}"))?;
        let mut blob = self.oaep(&*key)?;
        blob.extend(tail);
        Ok(blob)
    }
}

fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Result<RsaPublicKey> {
    let number = |bytes: &[u8]| {
        let bits = u32::try_from(bytes.len() * 8)?;
        BoxedUint::from_be_slice(bytes, bits).map_err(|error| format!("bad number: {error}").into())
    };
    let number: &dyn Fn(&[u8]) -> Result<BoxedUint> = &number;
    Ok(RsaPublicKey::new(number(modulus)?, number(exponent)?)?)
}

pub(super) struct AesKey(Zeroizing<[u8; AES_KEY_LEN]>);

impl AesKey {
    pub(super) fn generate() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    pub(super) fn material(&self) -> &[u8] {
        &*self.0
    }

    /// Opens what CKM_AES_GCM made: ciphertext and 16-byte tag.
    pub(super) fn open(&self, iv: [u8; 12], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let payload = Payload { msg: sealed, aad };
        Aes256Gcm::new(&(*self.0).into())
            .decrypt(&Nonce::from(iv), payload)
            .map_err(|_| "AES-GCM: the tag is wrong".into())
    }
}

pub(super) struct EcKey(p256::ecdsa::SigningKey);

impl EcKey {
    pub(super) fn generate() -> Self {
        use p256::elliptic_curve::Generate;
        Self(p256::ecdsa::SigningKey::generate())
    }

    /// PKCS#8 DER.
    pub(super) fn material(&self) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.0.to_pkcs8_der()?.to_bytes())
    }

    /// Checks what CKM_ECDSA made of `digest`: r and s, 32 bytes each.
    pub(super) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        let signature = p256::ecdsa::Signature::from_slice(signature)?;
        Ok(self.0.verifying_key().verify_prehash(digest, &signature)?)
    }
}

pub(super) struct RsaKey(RsaPrivateKey);

impl RsaKey {
    pub(super) fn generate() -> Result<Self> {
        Ok(Self(RsaPrivateKey::new(&mut UnwrapErr(SysRng), 2048)?))
    }

    /// PKCS#8 DER.
    pub(super) fn material(&self) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.0.to_pkcs8_der()?.to_bytes())
    }

    /// Checks what CKM_SHA256_RSA_PKCS made of `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let signature = rsa::pkcs1v15::Signature::try_from(signature)?;
        let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(self.0.to_public_key());
        Ok(key.verify(message, &signature)?)
    }
}

pub(super) fn digest(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::traits::PublicKeyParts;

    #[test]
    fn a_blob_opens_with_the_private_key_alone() {
        let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), 2048).unwrap();
        let modulus = key.n_bytes();
        let wrapping = WrappingKey::new(&modulus, &[1, 0, 1]).unwrap();
        let material = EcKey::generate().material().unwrap();
        let blob = wrapping.rsa_aes_key_wrap(&material).unwrap();
        let (head, tail) = blob.split_at(256);
        let kek = key.decrypt(Oaep::<Sha256>::new(), head).unwrap();
        let kek: [u8; AES_KEY_LEN] = kek.try_into().unwrap();
        let mut out = vec![0; tail.len()];
        let opened = KwpAes256::new(&kek.into())
            .unwrap_key(tail, &mut out)
            .unwrap();
        assert_eq!(opened, &material[..]);
    }

    #[test]
    fn checks_fail_on_another_key_or_message() {
        use p256::ecdsa::signature::hazmat::PrehashSigner;
        let (key, other) = (EcKey::generate(), EcKey::generate());
        let hash = digest(b"message");
        let signature: p256::ecdsa::Signature = key.0.sign_prehash(&hash).unwrap();
        let signature = signature.to_bytes();
        assert!(key.verify(&hash, &signature).is_ok());
        assert!(other.verify(&hash, &signature).is_err());
        assert!(key.verify(&digest(b"other"), &signature).is_err());

        let (key, other) = (AesKey::generate().unwrap(), AesKey::generate().unwrap());
        let payload = Payload {
            msg: b"text",
            aad: b"aad",
        };
        let sealed = Aes256Gcm::new(&(*key.0).into())
            .encrypt(&Nonce::from([0; 12]), payload)
            .unwrap();
        assert_eq!(key.open([0; 12], b"aad", &sealed).unwrap(), b"text");
        assert!(key.open([0; 12], b"", &sealed).is_err());
        assert!(other.open([0; 12], b"aad", &sealed).is_err());
    }
}
