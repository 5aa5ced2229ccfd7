//! Calls on objects and keys, and random numbers: the session tells the token who asks.

use super::open::Session;
use crate::attr::{RawAttribute, Revealed, Shown};
use crate::ck;
use crate::error::Result;
use crate::mechanism::{Mechanism, MessageParams, Request};
use crate::out::Out;
use crate::token::{Answers, DerivedKeys, Handle, NoneDerived};

impl Session {
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
        let destroyed = self.token.destroy(self.caller(), object)?;
        if destroyed.was_kept()
            && let Some(peers) = self.token.peers()
        {
            peers.drop_keyless(self.slot);
        }
        Ok(())
    }

    /// C_GetObjectSize.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn object_size(&self, object: Handle) -> Result<u64> {
        self.token.object_size(object)
    }

    /// C_GetAttributeValue. CKA_TENON_LAST_ERROR of an object that has it is this session's own.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn attributes(
        &self,
        object: Handle,
        kinds: &[ck::CK_ATTRIBUTE_TYPE],
    ) -> Result<Vec<Revealed>> {
        self.read_attributes(object, kinds, |answers| {
            Ok(answers.into_iter().map(Revealed::from).collect())
        })
    }

    /// As `attributes`, for a caller that copies the values itself.
    ///
    /// # Errors
    /// As `attributes`, and those of `take`.
    pub(crate) fn read_attributes<T>(
        &self,
        object: Handle,
        kinds: &[ck::CK_ATTRIBUTE_TYPE],
        take: impl FnOnce(Answers<'_>) -> Result<T>,
    ) -> Result<T> {
        self.token.attributes(object, kinds, |mut answers| {
            for (kind, answer) in kinds.iter().zip(&mut answers) {
                let has_value = matches!(answer, Shown::Own(_) | Shown::Made(Revealed::Value(_)));
                if *kind == ck::CKA_TENON_LAST_ERROR && has_value {
                    let text = self.last_refusal.lock().clone().into_bytes();
                    *answer = Shown::Made(Revealed::Value(text));
                }
            }
            take(answers)
        })
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

    /// C_DeriveKey of a key for each template.
    ///
    /// # Errors
    /// As `Token::derive_several`.
    pub fn derive_several(
        &self,
        request: Request,
        base: Handle,
        templates: &[Vec<RawAttribute>],
    ) -> std::result::Result<Vec<Handle>, NoneDerived> {
        let mechanism = (request.row, &request.params);
        self.token
            .derive_several(self.caller(), mechanism, base, templates)
    }

    /// C_DeriveKey by a mechanism that makes the keys of a connection.
    ///
    /// # Errors
    /// As `Token::derive_keys`.
    pub fn derive_keys(
        &self,
        request: Request,
        base: Handle,
        template: &[RawAttribute],
    ) -> Result<DerivedKeys> {
        let mechanism = (request.row, &request.params);
        self.token
            .derive_keys(self.caller(), mechanism, base, template)
    }

    /// The version that a pre-master secret begins with, where the parameter asks for it.
    ///
    /// # Errors
    /// As `Token::version_in`.
    pub fn version_in(&self, request: &Request, base: Handle) -> Result<Option<[u8; 2]>> {
        self.token.version_in((request.row, &request.params), base)
    }

    /// C_WrapKeyAuthenticated; `false` for a length query.
    ///
    /// # Errors
    /// As `Token::wrap_key_authenticated`.
    pub fn wrap_key_authenticated(
        &self,
        mechanism: (&Mechanism, &mut MessageParams),
        aad: &[u8],
        keys: (Handle, Handle),
        out: &mut Out<'_>,
    ) -> Result<bool> {
        self.token.wrap_key_authenticated(mechanism, aad, keys, out)
    }

    /// C_UnwrapKeyAuthenticated: the tag is in `params`.
    ///
    /// # Errors
    /// As `Token::unwrap_key`; CKR_MECHANISM_INVALID for a mechanism without message parameters.
    pub fn unwrap_key_authenticated(
        &self,
        (mechanism, params): (&'static Mechanism, &MessageParams),
        aad: &[u8],
        (unwrapping, wrapped): (Handle, &[u8]),
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let kind = mechanism.message_kind()?;
        let tag = params.tag.as_deref().unwrap_or_default();
        let blob = [wrapped, tag].concat();
        let request = Request::new(mechanism, params.with_aad(kind, aad))?;
        self.unwrap_key(request, unwrapping, &blob, template)
    }

    /// C_EncapsulateKey; `None` for a length query.
    ///
    /// # Errors
    /// As `Token::encapsulate_key`.
    pub fn encapsulate_key(
        &self,
        request: Request,
        public: Handle,
        template: &[RawAttribute],
        out: &mut Out<'_>,
    ) -> Result<Option<Handle>> {
        let mechanism = (request.row, &request.params);
        self.token
            .encapsulate_key(self.caller(), mechanism, public, template, out)
    }

    /// C_DecapsulateKey.
    ///
    /// # Errors
    /// As `Token::decapsulate_key`.
    pub fn decapsulate_key(
        &self,
        request: Request,
        private: Handle,
        ciphertext: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let mechanism = (request.row, &request.params);
        self.token
            .decapsulate_key(self.caller(), mechanism, private, ciphertext, template)
    }

    /// C_GenerateRandom.
    pub fn random(&self, out: &mut [u8]) {
        self.token.random(out);
    }

    /// C_SeedRandom: mixes the seed into the random numbers and symmetric keys that come later.
    pub fn seed_random(&self, seed: &[u8]) {
        self.token.seed(seed);
    }
}
