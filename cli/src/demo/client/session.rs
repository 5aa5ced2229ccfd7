//! Sessions: what is done with objects.

use tenon_pkcs11::ck::*;

use super::{Answer, Mechanism, Module, Refusal, Template, User, call, input, output, ulong};

/// An open session; closed when dropped.
pub(in crate::demo) struct Session<'m> {
    pub(super) module: &'m Module,
    pub(super) handle: CK_SESSION_HANDLE,
}

impl Session<'_> {
    pub(in crate::demo) fn login(&self, user: User, pin: &str) -> Answer<()> {
        let user = match user {
            User::SecurityOfficer => CKU_SO,
            User::Normal => CKU_USER,
        };
        let (pin, pin_len) = input(pin.as_bytes());
        call!(self.module, C_Login(self.handle, user, pin, pin_len))
    }

    pub(in crate::demo) fn logout(&self) -> Answer<()> {
        call!(self.module, C_Logout(self.handle))
    }

    /// Sets the user's PIN; the security officer is logged in.
    pub(in crate::demo) fn init_pin(&self, pin: &str) -> Answer<()> {
        let (pin, pin_len) = input(pin.as_bytes());
        call!(self.module, C_InitPIN(self.handle, pin, pin_len))
    }

    /// Makes a secret key.
    pub(in crate::demo) fn generate_key(
        &self,
        mechanism: Mechanism<'_>,
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let mut attributes = template.attributes();
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKey(self.handle, mechanism, list, count, &mut key)
            )
        })?;
        Ok(key)
    }

    /// Makes a key pair: the public and the private key.
    pub(in crate::demo) fn generate_key_pair(
        &self,
        mechanism: Mechanism<'_>,
        public: &Template,
        private: &Template,
    ) -> Answer<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, mut private) = (public.attributes(), private.attributes());
        let (public_list, public_count) = (public.as_mut_ptr(), ulong(public.len()));
        let (private_list, private_count) = (private.as_mut_ptr(), ulong(private.len()));
        let (mut public_key, mut private_key) = (0, 0);
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_GenerateKeyPair(
                    self.handle,
                    mechanism,
                    public_list,
                    public_count,
                    private_list,
                    private_count,
                    &mut public_key,
                    &mut private_key,
                )
            )
        })?;
        Ok((public_key, private_key))
    }

    pub(in crate::demo) fn unwrap_key(
        &self,
        mechanism: Mechanism<'_>,
        unwrapping_key: CK_OBJECT_HANDLE,
        blob: &[u8],
        template: &Template,
    ) -> Answer<CK_OBJECT_HANDLE> {
        let (blob, blob_len) = input(blob);
        let mut attributes = template.attributes();
        let (list, count) = (attributes.as_mut_ptr(), ulong(attributes.len()));
        let mut key = 0;
        mechanism.with(|mechanism| {
            call!(
                self.module,
                C_UnwrapKey(
                    self.handle,
                    mechanism,
                    unwrapping_key,
                    blob,
                    blob_len,
                    list,
                    count,
                    &mut key,
                )
            )
        })?;
        Ok(key)
    }

    pub(in crate::demo) fn wrap_key(
        &self,
        mechanism: Mechanism<'_>,
        wrapping_key: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| {
            output(|out, out_len| {
                call!(
                    self.module,
                    C_WrapKey(self.handle, mechanism, wrapping_key, key, out, out_len,)
                )
            })
        })
    }

    /// The value of one attribute.
    pub(in crate::demo) fn attribute(
        &self,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Answer<Vec<u8>> {
        output(|value, value_len| {
            let mut asked = CK_ATTRIBUTE {
                type_: kind,
                pValue: value.cast(),
                ulValueLen: *value_len,
            };
            call!(
                self.module,
                C_GetAttributeValue(self.handle, object, &mut asked, 1)
            )?;
            *value_len = asked.ulValueLen;
            Ok(())
        })
    }

    pub(in crate::demo) fn encrypt(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        text: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism
            .with(|mechanism| call!(self.module, C_EncryptInit(self.handle, mechanism, key)))?;
        let (text, text_len) = input(text);
        output(|out, out_len| {
            call!(
                self.module,
                C_Encrypt(self.handle, text, text_len, out, out_len)
            )
        })
    }

    pub(in crate::demo) fn decrypt(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        sealed: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism
            .with(|mechanism| call!(self.module, C_DecryptInit(self.handle, mechanism, key)))?;
        let (sealed, sealed_len) = input(sealed);
        output(|out, out_len| {
            call!(
                self.module,
                C_Decrypt(self.handle, sealed, sealed_len, out, out_len)
            )
        })
    }

    pub(in crate::demo) fn sign(
        &self,
        mechanism: Mechanism<'_>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Answer<Vec<u8>> {
        mechanism.with(|mechanism| call!(self.module, C_SignInit(self.handle, mechanism, key)))?;
        let (data, data_len) = input(data);
        output(|out, out_len| {
            call!(
                self.module,
                C_Sign(self.handle, data, data_len, out, out_len)
            )
        })
    }

    fn close(&self) -> Answer<()> {
        call!(self.module, C_CloseSession(self.handle))
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // C_Finalize closes what cannot be closed now.
        let _ = self.close();
    }
}
