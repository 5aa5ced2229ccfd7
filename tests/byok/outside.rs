//! The key's owner: knows the token's public wrapping key, and wraps with libraries that the token
//! does not use for it.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::{BoxedUint, Oaep, RsaPublicKey};
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{self, Params, Request};
use tenon_pkcs11::api::rng::{Rng, random};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, attrs, bytes, number, rsa_pair, with};

/// A token whose user is logged in, and its wrapping key.
pub(crate) struct Import {
    pub(crate) fixture: Fixture,
    pub(crate) wrapping: Handle,
}

/// The bytes of the material that most tests import.
pub(crate) const MATERIAL: &[u8; 32] = b"material of the first import....";
/// Another material.
pub(crate) const OTHER: &[u8; 32] = b"some other material, same length";
pub(crate) const ID: &[u8] = b"\x0a\x0b";

impl Import {
    pub(crate) fn new() -> Self {
        Self::over(Fixture::new())
    }

    pub(crate) fn over(fixture: Fixture) -> Self {
        let wrapping = wrapping_key(&fixture.session);
        Self { fixture, wrapping }
    }

    /// Unwraps an OAEP-SHA256 blob of `material` with the template of a bound AES key.
    pub(crate) fn import(&self, material: &[u8], changes: Vec<RawAttribute>) -> Result<Handle> {
        self.unwrap(oaep(), &oaep_blob(material), &with(aes_template(), changes))
    }

    pub(crate) fn unwrap(
        &self,
        request: Request,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let session = &self.fixture.session;
        session.unwrap_key(request, self.wrapping, blob, template)
    }

    pub(crate) fn find(&self, template: &[RawAttribute]) -> Vec<Handle> {
        find(&self.fixture.session, template)
    }

    pub(crate) fn value(&self, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u8> {
        bytes(&self.fixture.session, key, kind)
    }

    /// CKA_TENON_KEY_STATE.
    pub(crate) fn state(&self, key: Handle) -> u64 {
        self.number(key, ck::CKA_TENON_KEY_STATE)
    }

    /// The value of a CK_ULONG.
    pub(crate) fn number(&self, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> u64 {
        number(&self.fixture.session, key, kind)
    }

    pub(crate) fn encrypt(&self, key: Handle) -> Result<Vec<u8>> {
        let session = &self.fixture.session;
        session.encrypt_init(self.fixture.plain(ck::CKM_AES_ECB), key)?;
        crate::common::full(|out| session.encrypt(&[7; 16], out))
    }
}

pub(crate) fn find(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let found = session.find(1000).unwrap();
    session.find_final().unwrap();
    found
}

/// The private key of `rsa_pair`: it may unwrap.
pub(crate) fn wrapping_key(session: &Session) -> Handle {
    rsa_pair(session, vec![], vec![]).private
}

/// A bound AES key, as pkcs11-tool asks for it: SENSITIVE=FALSE and all.
pub(crate) fn aes_template() -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_TOKEN => true,
        CKA_ID => ID, CKA_SENSITIVE => false, CKA_ENCRYPT => true, CKA_DECRYPT => true,
    ]
}

/// A bound private key that signs.
pub(crate) fn private_template(key_type: ck::CK_KEY_TYPE) -> Vec<RawAttribute> {
    attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type, CKA_TOKEN => true,
        CKA_ID => ID, CKA_SENSITIVE => false, CKA_SIGN => true,
    ]
}

pub(crate) fn request(id: ck::CK_MECHANISM_TYPE, params: Params) -> Request {
    let row = mechanism::find(id).unwrap();
    Request::new(row, params).unwrap()
}

pub(crate) fn oaep_params(hash: Hash) -> mechanism::Oaep {
    mechanism::Oaep {
        hash,
        mgf: hash,
        label: Vec::new(),
    }
}

/// CKM_RSA_PKCS_OAEP with SHA-256.
pub(crate) fn oaep() -> Request {
    let params = Params::Oaep(oaep_params(Hash::Sha256));
    request(ck::CKM_RSA_PKCS_OAEP, params)
}

/// CKM_RSA_AES_KEY_WRAP with SHA-256.
pub(crate) fn rsa_aes() -> Request {
    let oaep = oaep_params(Hash::Sha256);
    let params = Params::RsaAesKeyWrap {
        aes_bits: None,
        oaep,
    };
    request(ck::CKM_RSA_AES_KEY_WRAP, params)
}

pub(crate) fn oaep_blob(material: &[u8]) -> Vec<u8> {
    let key = crate::common::rsa_material();
    let n = BoxedUint::from_be_slice_vartime(&key.n);
    let e = BoxedUint::from_be_slice_vartime(&key.e);
    let public = RsaPublicKey::new(n, e).unwrap();
    public
        .encrypt(&mut OutsideRng, Oaep::<sha2::Sha256>::new(), material)
        .unwrap()
}

pub(crate) struct OutsideRng;

impl TryRng for OutsideRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(random(&SystemRng)))
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(random(&SystemRng)))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> std::result::Result<(), Infallible> {
        SystemRng.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for OutsideRng {}

/// OAEP(inner key) ‖ KWP(inner key, clear).
pub(crate) fn rsa_aes_blob(clear: &[u8]) -> Vec<u8> {
    use aes_kw::{KeyInit, KwpAes256};
    let inner = [0x42; 32];
    let mut wrapped = vec![0; clear.len().next_multiple_of(8) + 8];
    KwpAes256::new(&inner.into())
        .wrap_key(clear, &mut wrapped)
        .unwrap();
    [oaep_blob(&inner), wrapped].concat()
}
