//! Digests, signatures and ciphers, by one call or in parts.

use cryptoki_sys::*;

use super::{Answer, Client, Key, Mechanism, Way, len, pointer, size};

impl Client {
    /// Writes to `out`, and says how many bytes.
    pub(crate) fn digest(
        &self,
        kind: CK_MECHANISM_TYPE,
        data: &[u8],
        out: &mut [u8],
    ) -> Answer<usize> {
        Mechanism::Plain(kind)
            .with(|mechanism| call!(self, C_DigestInit(self.session, mechanism)))?;
        let (out, mut out_len) = (out.as_mut_ptr(), len(out));
        call!(
            self,
            C_Digest(
                self.session,
                pointer(data),
                len(data),
                out,
                &raw mut out_len
            )
        )?;
        Ok(size(out_len))
    }

    /// Writes to `out`, and says how many bytes.
    pub(crate) fn sign(
        &self,
        mechanism: Mechanism<'_>,
        key: Key,
        way: Way,
        data: &[u8],
        out: &mut [u8],
    ) -> Answer<usize> {
        mechanism.with(|mechanism| call!(self, C_SignInit(self.session, mechanism, key)))?;
        let (out, mut out_len) = (out.as_mut_ptr(), len(out));
        match way {
            Way::Whole => call!(
                self,
                C_Sign(
                    self.session,
                    pointer(data),
                    len(data),
                    out,
                    &raw mut out_len
                )
            )?,
            Way::Parts(size) => {
                for part in data.chunks(size) {
                    call!(self, C_SignUpdate(self.session, pointer(part), len(part)))?;
                }
                call!(self, C_SignFinal(self.session, out, &raw mut out_len))?;
            }
        }
        Ok(size(out_len))
    }

    pub(crate) fn verify(
        &self,
        mechanism: Mechanism<'_>,
        key: Key,
        way: Way,
        data: &[u8],
        signature: &[u8],
    ) -> Answer<()> {
        mechanism.with(|mechanism| call!(self, C_VerifyInit(self.session, mechanism, key)))?;
        let (signature, signature_len) = (pointer(signature), len(signature));
        let Way::Parts(size) = way else {
            let (data, data_len) = (pointer(data), len(data));
            return call!(
                self,
                C_Verify(self.session, data, data_len, signature, signature_len)
            );
        };
        for part in data.chunks(size) {
            call!(self, C_VerifyUpdate(self.session, pointer(part), len(part)))?;
        }
        call!(self, C_VerifyFinal(self.session, signature, signature_len))
    }
}

/// Encryption and decryption, which differ in their functions alone.
macro_rules! ciphers {
    ($($verb:ident: $init:ident, $whole:ident, $update:ident, $last:ident;)+) => {
        impl Client {$(
            /// Writes to `out`, and says how many bytes.
            pub(crate) fn $verb(
                &self,
                mechanism: Mechanism<'_>,
                key: Key,
                way: Way,
                data: &[u8],
                out: &mut [u8],
            ) -> Answer<usize> {
                mechanism.with(|mechanism| call!(self, $init(self.session, mechanism, key)))?;
                let (to, mut to_len) = (out.as_mut_ptr(), len(out));
                let Way::Parts(part_len) = way else {
                    let (data, data_len) = (pointer(data), len(data));
                    call!(self, $whole(self.session, data, data_len, to, &raw mut to_len))?;
                    return Ok(size(to_len));
                };
                let mut written = 0;
                for part in data.chunks(part_len) {
                    let (part, part_len) = (pointer(part), len(part));
                    let rest = &mut out[written..];
                    let (to, mut to_len) = (rest.as_mut_ptr(), len(rest));
                    call!(self, $update(self.session, part, part_len, to, &raw mut to_len))?;
                    written += size(to_len);
                }
                let rest = &mut out[written..];
                let (to, mut to_len) = (rest.as_mut_ptr(), len(rest));
                call!(self, $last(self.session, to, &raw mut to_len))?;
                Ok(written + size(to_len))
            }
        )+}
    };
}

ciphers! {
    encrypt: C_EncryptInit, C_Encrypt, C_EncryptUpdate, C_EncryptFinal;
    decrypt: C_DecryptInit, C_Decrypt, C_DecryptUpdate, C_DecryptFinal;
}
