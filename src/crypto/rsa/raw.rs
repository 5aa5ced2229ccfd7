//! RSA without padding: RSAEP, RSADP, RSASP1 and RSAVP1 (RFC 8017 section 5).
//!
//! A message has up to `modulus_len` bytes (`InputLength`); a shorter one counts as if zeros stood
//! before it. As an integer it is below n (`InputRange`).

use super::{PrivateKey, PublicKey};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

impl PublicKey {
    /// RSAEP: writes `modulus_len` bytes.
    pub fn encrypt_raw(&self, message: &[u8], out: &mut [u8]) -> Result<usize> {
        let message = padded(message, self.modulus_len())?;
        let out = out
            .get_mut(..message.len())
            .ok_or(Error::Internal("output buffer"))?;
        self.0
            .encrypt_raw(&message, out)
            .map_err(|_| Error::InputRange)?;
        Ok(out.len())
    }

    /// RSAVP1: checks that `signature` opens to `message`; else `BadSignature`.
    pub fn verify_raw(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let message = padded(message, self.modulus_len())?;
        if self.recover_raw(signature)? == *message {
            return Ok(());
        }
        Err(Error::BadSignature)
    }

    /// RSAVP1: the message that `signature` opens to, `modulus_len` bytes.
    ///
    /// # Errors
    /// `SignatureLength`; `BadSignature` where the signature is not below n.
    pub fn recover_raw(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.modulus_len() {
            return Err(Error::SignatureLength);
        }
        let mut recovered = vec![0; self.modulus_len()];
        match self.0.encrypt_raw(signature, &mut recovered) {
            Ok(()) => Ok(recovered),
            Err(_) => Err(Error::BadSignature),
        }
    }
}

impl PrivateKey {
    /// RSADP: writes `modulus_len` bytes. `BadCiphertext` where the ciphertext is not below n.
    pub fn decrypt_raw(&self, ciphertext: &[u8], out: &mut [u8]) -> Result<usize> {
        if ciphertext.len() != self.modulus_len() {
            return Err(Error::CiphertextLength);
        }
        let out = out
            .get_mut(..ciphertext.len())
            .ok_or(Error::Internal("output buffer"))?;
        self.rsa.decrypt_raw(ciphertext, out)?;
        Ok(out.len())
    }

    /// RSASP1: writes `modulus_len` bytes.
    pub fn sign_raw(&self, message: &[u8], out: &mut [u8]) -> Result<usize> {
        let message = padded(message, self.modulus_len())?;
        match self.decrypt_raw(&message, out) {
            Err(Error::BadCiphertext) => Err(Error::InputRange),
            other => other,
        }
    }
}

/// `message` with zeros before it, `len` bytes.
fn padded(message: &[u8], len: usize) -> Result<Secret> {
    let start = len.checked_sub(message.len()).ok_or(Error::InputLength)?;
    let mut padded = Secret::zeroed(len);
    padded[start..].copy_from_slice(message);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::super::tests::{fixture, pair};
    use super::*;

    fn power(base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
        let number = BigUint::from_bytes_be;
        let power = number(base).modpow(&number(exponent), &number(modulus));
        padded(&power.to_bytes_be(), modulus.len())
            .unwrap()
            .to_vec()
    }

    #[test]
    fn agrees_with_plain_exponentiation() {
        let material = fixture();
        let (private, public) = pair(&material);
        let mut out = vec![0; 256];
        let long = [&[0x3F][..], &[0xA5; 255]].concat();
        for message in [&[][..], &[0], &[1], &[2], b"mortise", &[0; 256], &long] {
            let signed = power(message, &material.d, &material.n);
            assert_eq!(private.sign_raw(message, &mut out), Ok(256));
            assert_eq!(out, signed);
            assert_eq!(public.verify_raw(message, &signed), Ok(()));
            let sealed = power(message, &material.e, &material.n);
            assert_eq!(public.encrypt_raw(message, &mut out), Ok(256));
            assert_eq!(out, sealed);
            assert_eq!(private.decrypt_raw(&sealed, &mut out), Ok(256));
            assert_eq!(out, *padded(message, 256).unwrap());
        }
    }

    #[test]
    fn lengths_and_ranges_are_refused() {
        let material = fixture();
        let (private, public) = pair(&material);
        let mut out = vec![0; 256];
        let long = [0; 257];
        assert_eq!(public.encrypt_raw(&long, &mut out), Err(Error::InputLength));
        assert_eq!(private.sign_raw(&long, &mut out), Err(Error::InputLength));
        assert_eq!(public.verify_raw(&long, &out), Err(Error::InputLength));
        for beyond in [&material.n[..], &[0xFF; 256]] {
            assert_eq!(public.encrypt_raw(beyond, &mut out), Err(Error::InputRange));
            assert_eq!(private.sign_raw(beyond, &mut out), Err(Error::InputRange));
            let refused = private.decrypt_raw(beyond, &mut out);
            assert_eq!(refused, Err(Error::BadCiphertext));
            let refused = public.verify_raw(b"mortise", beyond);
            assert_eq!(refused, Err(Error::BadSignature));
        }
        for len in [0, 1, 255, 257] {
            let refused = private.decrypt_raw(&vec![0; len], &mut out);
            assert_eq!(refused, Err(Error::CiphertextLength));
            let refused = public.verify_raw(b"mortise", &vec![0; len]);
            assert_eq!(refused, Err(Error::SignatureLength));
        }
        private.sign_raw(b"mortise", &mut out).unwrap();
        assert_eq!(public.verify_raw(b"\0mortise", &out), Ok(()));
        assert_eq!(public.verify_raw(b"tenon", &out), Err(Error::BadSignature));
    }
}
