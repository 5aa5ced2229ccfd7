//! The calls of a session: each finds its key, begins, or takes a step.

use std::sync::Arc;

use super::op::{Active, Phase, step};
use super::*;
use crate::mechanism::{BeginCipher, Key, Mechanism};
use crate::token::Object;

impl Session {
    /// C_EncryptInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID, and what the key deserves.
    pub fn encrypt_init(&self, request: Request, key: Handle) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.encrypt)?;
        let active = self.begin_cipher(&request, request.row.encrypt, key, Use::Encrypt)?;
        state.encrypt = Some(active);
        Ok(())
    }

    /// C_DecryptInit.
    ///
    /// # Errors
    /// As `encrypt_init`.
    pub fn decrypt_init(&self, request: Request, key: Handle) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.decrypt)?;
        let active = self.begin_cipher(&request, request.row.decrypt, key, Use::Decrypt)?;
        state.decrypt = Some(active);
        Ok(())
    }

    fn begin_cipher(
        &self,
        request: &Request,
        begin: Option<BeginCipher>,
        key: Handle,
        what: Use,
    ) -> Result<Active<dyn Cipher>> {
        self.begin(request.row, begin, key, what, |begin, key| {
            begin(key, &request.params)
        })
    }

    /// C_SignInit.
    ///
    /// # Errors
    /// As `encrypt_init`.
    pub fn sign_init(&self, request: Request, key: Handle) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.sign)?;
        let begin = request.row.sign;
        state.sign = Some(
            self.begin(request.row, begin, key, Use::Sign, |begin, key| {
                begin(key, &request.params)
            })?,
        );
        Ok(())
    }

    /// C_VerifyInit.
    ///
    /// # Errors
    /// As `encrypt_init`.
    pub fn verify_init(&self, request: Request, key: Handle) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.verify)?;
        let begin = request.row.verify;
        state.verify = Some(
            self.begin(request.row, begin, key, Use::Verify, |begin, key| {
                begin(key, &request.params)
            })?,
        );
        Ok(())
    }

    fn begin<B, T: ?Sized>(
        &self,
        row: &Mechanism,
        begin: Option<B>,
        key: Handle,
        what: Use,
        run: impl FnOnce(B, &Arc<Key>) -> Result<Box<T>>,
    ) -> Result<Active<T>> {
        let Some(begin) = begin else {
            return not_for_this(row);
        };
        let usable = self.token.usable_key(key, what, row)?;
        let object: Arc<Object> = usable.object;
        Ok(Active::new(run(begin, &usable.key)?, Some(object)))
    }

    /// C_DigestInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, CKR_MECHANISM_INVALID.
    pub fn digest_init(&self, request: Request) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.digest)?;
        let Some(begin) = request.row.digest else {
            return not_for_this(request.row);
        };
        state.digest = Some(Active::new(begin(&request.params)?, None));
        Ok(())
    }

    /// C_Encrypt.
    ///
    /// # Errors
    /// Of this and all further steps: as `op::step`.
    pub fn encrypt(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().encrypt,
            &self.token,
            Phase::OneShot,
            |active| active.one_shot(data, out),
        )
    }

    /// C_EncryptUpdate.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn encrypt_update(&self, part: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().encrypt,
            &self.token,
            Phase::Update,
            |active| active.update(part, out),
        )
    }

    /// C_EncryptFinal.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn encrypt_final(&self, out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().encrypt,
            &self.token,
            Phase::Final,
            |active| active.finish(out),
        )
    }

    /// C_Decrypt.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn decrypt(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().decrypt,
            &self.token,
            Phase::OneShot,
            |active| active.one_shot(data, out),
        )
    }

    /// C_DecryptUpdate.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn decrypt_update(&self, part: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().decrypt,
            &self.token,
            Phase::Update,
            |active| active.update(part, out),
        )
    }

    /// C_DecryptFinal.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn decrypt_final(&self, out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().decrypt,
            &self.token,
            Phase::Final,
            |active| active.finish(out),
        )
    }

    /// C_Sign.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn sign(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().sign,
            &self.token,
            Phase::OneShot,
            |active| active.finish(data, out),
        )
    }

    /// C_SignUpdate.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn sign_update(&self, part: &[u8]) -> Result<()> {
        step(
            &mut self.state.lock().sign,
            &self.token,
            Phase::Update,
            |active| active.update(part),
        )
    }

    /// C_SignFinal.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn sign_final(&self, out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().sign,
            &self.token,
            Phase::Final,
            |active| active.finish(&[], out),
        )
    }

    /// C_Verify.
    ///
    /// # Errors
    /// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE, and as `op::step`.
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        step(
            &mut self.state.lock().verify,
            &self.token,
            Phase::OneShot,
            |active| active.finish(data, signature),
        )
    }

    /// C_VerifyUpdate.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn verify_update(&self, part: &[u8]) -> Result<()> {
        step(
            &mut self.state.lock().verify,
            &self.token,
            Phase::Update,
            |active| active.update(part),
        )
    }

    /// C_VerifyFinal.
    ///
    /// # Errors
    /// As `verify`.
    pub fn verify_final(&self, signature: &[u8]) -> Result<()> {
        step(
            &mut self.state.lock().verify,
            &self.token,
            Phase::Final,
            |active| active.finish(&[], signature),
        )
    }

    /// C_Digest.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn digest(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().digest,
            &self.token,
            Phase::OneShot,
            |active| active.finish(data, out),
        )
    }

    /// C_DigestUpdate.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn digest_update(&self, part: &[u8]) -> Result<()> {
        step(
            &mut self.state.lock().digest,
            &self.token,
            Phase::Update,
            |active| active.update(part),
        )
    }

    /// C_DigestFinal.
    ///
    /// # Errors
    /// As `op::step`.
    pub fn digest_final(&self, out: &mut Out<'_>) -> Result<()> {
        step(
            &mut self.state.lock().digest,
            &self.token,
            Phase::Final,
            |active| active.finish(&[], out),
        )
    }

    /// C_SessionCancel, and C_…Init without a mechanism: ends the operations that `flags` names.
    ///
    /// # Errors
    /// None: operations that are not active are as good as ended.
    pub fn cancel(&self, flags: ck::CK_FLAGS) -> Result<()> {
        let mut state = self.state.lock();
        if flags & ck::CKF_ENCRYPT != 0 {
            state.encrypt = None;
        }
        if flags & ck::CKF_DECRYPT != 0 {
            state.decrypt = None;
        }
        if flags & ck::CKF_SIGN != 0 {
            state.sign = None;
        }
        if flags & ck::CKF_VERIFY != 0 {
            state.verify = None;
        }
        if flags & ck::CKF_DIGEST != 0 {
            state.digest = None;
        }
        if flags & ck::CKF_FIND_OBJECTS != 0 {
            state.find = None;
        }
        Ok(())
    }

    /// C_FindObjectsInit.
    ///
    /// # Errors
    /// CKR_OPERATION_ACTIVE, and as `Token::find`.
    pub fn find_init(&self, template: &[RawAttribute]) -> Result<()> {
        let mut state = self.state.lock();
        free(&state.find)?;
        state.find = Some(self.token.find(template)?.into());
        Ok(())
    }

    /// C_FindObjects: the next handles, at most `max`.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn find(&self, max: usize) -> Result<Vec<Handle>> {
        let mut state = self.state.lock();
        let Some(found) = &mut state.find else {
            return no_search();
        };
        let take = max.min(found.len());
        Ok(found.drain(..take).collect())
    }

    /// C_FindObjectsFinal.
    ///
    /// # Errors
    /// CKR_OPERATION_NOT_INITIALIZED.
    pub fn find_final(&self) -> Result<()> {
        match self.state.lock().find.take() {
            Some(_) => Ok(()),
            None => no_search(),
        }
    }

    /// C_CreateObject.
    ///
    /// # Errors
    /// As `Token::create`.
    pub fn create_object(&self, template: &[RawAttribute]) -> Result<Handle> {
        self.token.create(self.caller(), template)
    }

    /// C_CopyObject.
    ///
    /// # Errors
    /// As `Token::copy`.
    pub fn copy_object(&self, object: Handle, template: &[RawAttribute]) -> Result<Handle> {
        self.token.copy(self.caller(), object, template)
    }

    /// C_DestroyObject.
    ///
    /// # Errors
    /// As `Token::destroy`.
    pub fn destroy_object(&self, object: Handle) -> Result<()> {
        self.token.destroy(self.caller(), object)
    }

    /// C_GetObjectSize.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn object_size(&self, object: Handle) -> Result<u64> {
        self.token.object_size(object)
    }

    /// C_GetAttributeValue.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn attributes(
        &self,
        object: Handle,
        kinds: &[ck::CK_ATTRIBUTE_TYPE],
    ) -> Result<Vec<Revealed>> {
        self.token.attributes(object, kinds)
    }

    /// C_SetAttributeValue.
    ///
    /// # Errors
    /// As `Token::set_attributes`.
    pub fn set_attributes(&self, object: Handle, template: &[RawAttribute]) -> Result<()> {
        self.token.set_attributes(self.caller(), object, template)
    }

    /// C_GenerateKey.
    ///
    /// # Errors
    /// As `Token::generate_key`.
    pub fn generate_key(&self, request: Request, template: &[RawAttribute]) -> Result<Handle> {
        self.token
            .generate_key(self.caller(), (request.row, &request.params), template)
    }

    /// C_GenerateKeyPair: public and private handle.
    ///
    /// # Errors
    /// As `Token::generate_key_pair`.
    pub fn generate_key_pair(
        &self,
        request: Request,
        public: &[RawAttribute],
        private: &[RawAttribute],
    ) -> Result<(Handle, Handle)> {
        self.token
            .generate_key_pair(self.caller(), request.row, public, private)
    }

    /// C_WrapKey.
    ///
    /// # Errors
    /// As `Token::wrap_key`.
    pub fn wrap_key(
        &self,
        request: Request,
        wrapping: Handle,
        key: Handle,
        out: &mut Out<'_>,
    ) -> Result<()> {
        self.token
            .wrap_key((request.row, &request.params), wrapping, key, out)
    }

    /// C_UnwrapKey.
    ///
    /// # Errors
    /// As `Token::unwrap_key`.
    pub fn unwrap_key(
        &self,
        request: Request,
        unwrapping: Handle,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        self.token.unwrap_key(
            self.caller(),
            (request.row, &request.params),
            unwrapping,
            blob,
            template,
        )
    }

    /// C_DeriveKey.
    ///
    /// # Errors
    /// As `Token::derive_key`.
    pub fn derive_key(
        &self,
        request: Request,
        base: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let mechanism = (request.row, &request.params);
        self.token
            .derive_key(self.caller(), mechanism, base, template)
    }

    /// C_DigestKey.
    ///
    /// # Errors
    /// CKR_KEY_INDIGESTIBLE for a key whose value must not be read, and as `op::step`.
    pub fn digest_key(&self, key: Handle) -> Result<()> {
        step(
            &mut self.state.lock().digest,
            &self.token,
            Phase::Update,
            |active| active.update(&self.token.digestible(key)?),
        )
    }

    /// C_GenerateRandom.
    ///
    /// # Errors
    /// None.
    pub fn random(&self, out: &mut [u8]) -> Result<()> {
        self.token.random(out);
        Ok(())
    }

    /// C_SeedRandom: mixes the seed into the random numbers and symmetric keys that come later.
    ///
    /// # Errors
    /// None.
    pub fn seed_random(&self, seed: &[u8]) -> Result<()> {
        self.token.seed(seed);
        Ok(())
    }
}

/// # Errors
/// CKR_OPERATION_ACTIVE.
fn free<T>(active: &Option<T>) -> Result<()> {
    if active.is_none() {
        return Ok(());
    }
    refuse(
        ck::CKR_OPERATION_ACTIVE,
        "such an operation is already active in the session",
    )
}

fn not_for_this<T>(row: &Mechanism) -> Result<T> {
    refuse(
        ck::CKR_MECHANISM_INVALID,
        format!("{} does not do this", row.name),
    )
}

fn no_search<T>() -> Result<T> {
    refuse(
        ck::CKR_OPERATION_NOT_INITIALIZED,
        "no search is active in the session",
    )
}
