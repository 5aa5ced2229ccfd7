//! Stand-in for the session.
#![allow(missing_docs, unused_variables)]

use crate::attr::{RawAttribute, Revealed};
use crate::ck::*;
use crate::error::{Result, refuse};
use crate::mechanism::Request;
use crate::out::Out;

type H = CK_OBJECT_HANDLE;

pub struct Session;

impl Session {
    pub fn info(&self) -> CK_SESSION_INFO {
        CK_SESSION_INFO::default()
    }
    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        no()
    }
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<()> {
        no()
    }
    pub fn login(&self, user: CK_USER_TYPE, pin: &[u8]) -> Result<()> {
        no()
    }
    pub fn logout(&self) -> Result<()> {
        no()
    }
    pub fn cancel(&self, operations: CK_FLAGS) -> Result<()> {
        no()
    }
    pub fn create_object(&self, template: &[RawAttribute]) -> Result<H> {
        no()
    }
    pub fn copy_object(&self, object: H, template: &[RawAttribute]) -> Result<H> {
        no()
    }
    pub fn destroy_object(&self, object: H) -> Result<()> {
        no()
    }
    pub fn object_size(&self, object: H) -> Result<u64> {
        no()
    }
    pub fn attributes(&self, object: H, kinds: &[CK_ATTRIBUTE_TYPE]) -> Result<Vec<Revealed>> {
        no()
    }
    pub fn set_attributes(&self, object: H, template: &[RawAttribute]) -> Result<()> {
        no()
    }
    pub fn find_init(&self, template: &[RawAttribute]) -> Result<()> {
        no()
    }
    pub fn find(&self, most: usize) -> Result<Vec<H>> {
        no()
    }
    pub fn find_final(&self) -> Result<()> {
        no()
    }
    pub fn encrypt_init(&self, request: Request, key: H) -> Result<()> {
        no()
    }
    pub fn encrypt(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn encrypt_update(&self, part: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn encrypt_final(&self, out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn decrypt_init(&self, request: Request, key: H) -> Result<()> {
        no()
    }
    pub fn decrypt(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn decrypt_update(&self, part: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn decrypt_final(&self, out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn digest_init(&self, request: Request) -> Result<()> {
        no()
    }
    pub fn digest(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn digest_update(&self, part: &[u8]) -> Result<()> {
        no()
    }
    pub fn digest_key(&self, key: H) -> Result<()> {
        no()
    }
    pub fn digest_final(&self, out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn sign_init(&self, request: Request, key: H) -> Result<()> {
        no()
    }
    pub fn sign(&self, data: &[u8], out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn sign_update(&self, part: &[u8]) -> Result<()> {
        no()
    }
    pub fn sign_final(&self, out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn verify_init(&self, request: Request, key: H) -> Result<()> {
        no()
    }
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        no()
    }
    pub fn verify_update(&self, part: &[u8]) -> Result<()> {
        no()
    }
    pub fn verify_final(&self, signature: &[u8]) -> Result<()> {
        no()
    }
    pub fn generate_key(&self, request: Request, template: &[RawAttribute]) -> Result<H> {
        no()
    }
    pub fn generate_key_pair(
        &self,
        request: Request,
        public: &[RawAttribute],
        private: &[RawAttribute],
    ) -> Result<(H, H)> {
        no()
    }
    pub fn wrap_key(&self, request: Request, wrapping: H, key: H, out: &mut Out<'_>) -> Result<()> {
        no()
    }
    pub fn unwrap_key(
        &self,
        request: Request,
        unwrapping: H,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<H> {
        no()
    }
    pub fn derive_key(&self, request: Request, base: H, template: &[RawAttribute]) -> Result<H> {
        no()
    }
    pub fn random(&self, out: &mut [u8]) -> Result<()> {
        no()
    }
    pub fn seed_random(&self, seed: &[u8]) -> Result<()> {
        no()
    }
}

fn no<T>() -> Result<T> {
    refuse(CKR_FUNCTION_NOT_SUPPORTED, "")
}
