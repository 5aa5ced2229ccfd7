//! Keys that are extractable and sensitive: they leave wrapped by a key that is made for it, known here, and gone with the
//! session.

use aes::Aes256;
use aes_kw::KwpAes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyInit, KeyIvInit};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use tenon_pkcs11::api::crypto::rand;
use tenon_pkcs11::api::secret::Secret;

use crate::Result;

const KEY_LEN: usize = 32;
const IV: [u8; 16] = [0; 16];

pub(super) struct WrappingKey<'a> {
    session: &'a Session,
    /// The key and its value, once it was needed.
    made: Option<(ObjectHandle, Secret)>,
}

impl<'a> WrappingKey<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self {
            session,
            made: None,
        }
    }

    /// The value of a secret key, or the PrivateKeyInfo of a private one.
    pub(super) fn clear(&mut self, key: ObjectHandle) -> Result<Secret> {
        let (wrapping, value) = match self.made.take() {
            Some(made) => made,
            None => self.make()?,
        };
        let session = self.session;
        let mut why = String::new();
        let mut clear = None;
        for mechanism in [Mechanism::AesKeyWrapPad, Mechanism::AesCbcPad(IV)] {
            match session.wrap_key(&mechanism, wrapping, key) {
                Ok(blob) => clear = open(&mechanism, &value, &blob),
                Err(error) => why = error.to_string(),
            }
            if clear.is_some() {
                break;
            }
        }
        self.made = Some((wrapping, value));
        clear.ok_or_else(|| {
            format!("the key is sensitive, and its module does not wrap it: {why}").into()
        })
    }

    fn make(&self) -> Result<(ObjectHandle, Secret)> {
        let mut value = Secret::zeroed(KEY_LEN);
        rand::fill(&mut value);
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Wrap(true),
            Attribute::Encrypt(true),
            Attribute::Value(value.to_vec()),
        ];
        let made = self.session.create_object(&template);
        let made = made.map_err(|error| {
            format!("the key is sensitive, and its module takes no key to wrap it: {error}")
        })?;
        Ok((made, value))
    }
}

/// What was wrapped; `None` where it does not come out of the blob.
fn open(mechanism: &Mechanism<'_>, value: &Secret, blob: &[u8]) -> Option<Secret> {
    let key: &[u8; KEY_LEN] = (**value).try_into().ok()?;
    let mut clear = Secret::copy(blob);
    let len = match mechanism {
        Mechanism::AesKeyWrapPad => {
            let opened = KwpAes256::new(key.into()).unwrap_key(blob, &mut clear);
            opened.ok()?.len()
        }
        _ => {
            let decryptor = Decryptor::<Aes256>::new(key.into(), (&IV).into());
            decryptor.decrypt_padded::<Pkcs7>(&mut clear).ok()?.len()
        }
    };
    Some(clear.truncated(len))
}
