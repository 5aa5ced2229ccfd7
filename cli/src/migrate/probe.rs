//! What is computed with a key to compare two modules: the first use of the key that both know.

use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::{Ecdh, Params};

use super::other_module::OtherModule;
use super::source::SourceObject;
use crate::Result;
use crate::object::value;
use crate::our_key::OurKey;

#[derive(Clone, Copy)]
enum Work {
    /// Equal signatures.
    Sign,
    /// Signatures that differ each time: the public key accepts both.
    SignAndVerify,
    Encrypt,
    Decrypt,
    /// The secret agreed on with the key's own public key.
    Agree,
    /// A known key, wrapped.
    Wrap,
}

pub(super) struct Probe {
    work: Work,
    id: ck::CK_MECHANISM_TYPE,
    pub(super) name: &'static str,
    data: Vec<u8>,
    /// Whether the key asks for the PIN at each use.
    log_in_again: bool,
}

/// The key type, the use that it needs, the work, the mechanism, and bytes of data; 0 is the length of the modulus.
type Row = (
    ck::CK_KEY_TYPE,
    ck::CK_ATTRIBUTE_TYPE,
    Work,
    ck::CK_MECHANISM_TYPE,
    &'static str,
    usize,
);

const ROWS: [Row; 18] = [
    (
        ck::CKK_RSA,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA256_RSA_PKCS,
        "CKM_SHA256_RSA_PKCS",
        32,
    ),
    (
        ck::CKK_RSA,
        ck::CKA_DECRYPT,
        Work::Decrypt,
        ck::CKM_RSA_X_509,
        "CKM_RSA_X_509",
        0,
    ),
    (
        ck::CKK_EC,
        ck::CKA_SIGN,
        Work::SignAndVerify,
        ck::CKM_ECDSA,
        "CKM_ECDSA",
        32,
    ),
    (
        ck::CKK_EC,
        ck::CKA_DERIVE,
        Work::Agree,
        ck::CKM_ECDH1_DERIVE,
        "CKM_ECDH1_DERIVE",
        0,
    ),
    (
        ck::CKK_EC_EDWARDS,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_EDDSA,
        "CKM_EDDSA",
        32,
    ),
    (
        ck::CKK_EC_MONTGOMERY,
        ck::CKA_DERIVE,
        Work::Agree,
        ck::CKM_ECDH1_DERIVE,
        "CKM_ECDH1_DERIVE",
        0,
    ),
    (
        ck::CKK_AES,
        ck::CKA_ENCRYPT,
        Work::Encrypt,
        ck::CKM_AES_CBC,
        "CKM_AES_CBC",
        32,
    ),
    (
        ck::CKK_AES,
        ck::CKA_DECRYPT,
        Work::Decrypt,
        ck::CKM_AES_CBC,
        "CKM_AES_CBC",
        32,
    ),
    (
        ck::CKK_AES,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_AES_CMAC,
        "CKM_AES_CMAC",
        32,
    ),
    (
        ck::CKK_AES,
        ck::CKA_WRAP,
        Work::Wrap,
        ck::CKM_AES_KEY_WRAP,
        "CKM_AES_KEY_WRAP",
        32,
    ),
    (
        DES3,
        ck::CKA_ENCRYPT,
        Work::Encrypt,
        ck::CKM_DES3_ECB,
        "CKM_DES3_ECB",
        32,
    ),
    (
        DES3,
        ck::CKA_DECRYPT,
        Work::Decrypt,
        ck::CKM_DES3_ECB,
        "CKM_DES3_ECB",
        32,
    ),
    (
        ck::CKK_GENERIC_SECRET,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA256_HMAC,
        "CKM_SHA256_HMAC",
        32,
    ),
    (
        ck::CKK_GENERIC_SECRET,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA_1_HMAC,
        "CKM_SHA_1_HMAC",
        32,
    ),
    (
        ck::CKK_SHA256_HMAC,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA256_HMAC,
        "CKM_SHA256_HMAC",
        32,
    ),
    (
        ck::CKK_SHA_1_HMAC,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA_1_HMAC,
        "CKM_SHA_1_HMAC",
        32,
    ),
    (
        ck::CKK_SHA384_HMAC,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA384_HMAC,
        "CKM_SHA384_HMAC",
        32,
    ),
    (
        ck::CKK_SHA512_HMAC,
        ck::CKA_SIGN,
        Work::Sign,
        ck::CKM_SHA512_HMAC,
        "CKM_SHA512_HMAC",
        32,
    ),
];

const DES3: ck::CK_KEY_TYPE = 0x15;

/// What can be compared of the key, in the order in which it is tried.
pub(super) fn probes(object: &SourceObject) -> impl Iterator<Item = Probe> {
    let key_type = object.key_type();
    let fits = move |row: &&Row| Some(row.0) == key_type && object.flag(row.1);
    ROWS.iter().filter(fits).map(|row| Probe {
        work: row.2,
        id: row.3,
        name: row.4,
        data: match row.5 {
            0 => below_modulus(object.bytes(ck::CKA_MODULUS).len()),
            len => (1..).take(len).collect(),
        },
        log_in_again: object.flag(ck::CKA_ALWAYS_AUTHENTICATE),
    })
}

/// A number of `len` bytes that is less than every modulus of this length.
fn below_modulus(len: usize) -> Vec<u8> {
    let bytes = (1..=250).cycle();
    std::iter::once(0).chain(bytes).take(len).collect()
}

impl Probe {
    /// Whether one of the other module's `candidates` computes what our key does.
    pub(super) fn run(
        &self,
        other: &OtherModule,
        ours: &OurKey<'_>,
        candidates: &[ObjectHandle],
    ) -> Result<bool> {
        if let Work::SignAndVerify = self.work {
            let own = ours.sign(self.request(ours)?, &self.data)?;
            if !ours.accepts(self.request(ours)?, &self.data, &own)? {
                return Ok(false);
            }
            return self.any(candidates, |key| {
                let signature = self.theirs(other, ours, key)?;
                ours.accepts(self.request(ours)?, &self.data, &signature)
            });
        }
        let own = self.own(ours)?;
        self.any(candidates, |key| {
            Ok(same(&own, &self.theirs(other, ours, key)?))
        })
    }

    /// Whether `fits` one of the candidates; the last error where none of them computes.
    fn any(
        &self,
        candidates: &[ObjectHandle],
        fits: impl Fn(ObjectHandle) -> Result<bool>,
    ) -> Result<bool> {
        let mut outcome = Ok(false);
        for key in candidates {
            match fits(*key) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    fn request(&self, ours: &OurKey<'_>) -> Result<tenon_pkcs11::api::mechanism::Request> {
        let params = match (self.work, self.id) {
            (Work::Agree, _) => Params::Ecdh(Ecdh {
                kdf: None,
                shared_data: Vec::new(),
                public_data: public_point(ours)?,
            }),
            (_, ck::CKM_AES_CBC) => Params::Iv(vec![0; 16].into()),
            _ => Params::None,
        };
        OurKey::request(self.id, params)
    }

    fn own(&self, ours: &OurKey<'_>) -> Result<Vec<u8>> {
        let request = self.request(ours)?;
        match self.work {
            Work::Sign | Work::SignAndVerify => ours.sign(request, &self.data),
            Work::Encrypt => ours.encrypt(request, &self.data),
            Work::Decrypt => ours.decrypt(request, &self.data),
            Work::Agree => ours.agree(request),
            Work::Wrap => ours.wrap(request, &self.data),
        }
    }

    fn theirs(&self, other: &OtherModule, ours: &OurKey<'_>, key: ObjectHandle) -> Result<Vec<u8>> {
        let session = &other.session;
        let point = match self.work {
            Work::Agree => public_point(ours)?,
            _ => Vec::new(),
        };
        let mechanism = self.mechanism(&point)?;
        if self.log_in_again {
            let Work::Sign = self.work else {
                return Err("the key asks for the PIN at each use".into());
            };
            session.sign_init(&mechanism, key)?;
            other.log_in_again()?;
            session.sign_update(&self.data)?;
            return Ok(session.sign_final()?);
        }
        Ok(match self.work {
            Work::Sign | Work::SignAndVerify => session.sign(&mechanism, key, &self.data)?,
            Work::Encrypt => session.encrypt(&mechanism, key, &self.data)?,
            Work::Decrypt => session.decrypt(&mechanism, key, &self.data)?,
            Work::Agree => agreed(session, &mechanism, key)?,
            Work::Wrap => wrapped(session, &mechanism, key, &self.data)?,
        })
    }

    fn mechanism<'a>(&self, point: &'a [u8]) -> Result<Mechanism<'a>> {
        Ok(match self.id {
            ck::CKM_SHA256_RSA_PKCS => Mechanism::Sha256RsaPkcs,
            ck::CKM_RSA_X_509 => Mechanism::RsaX509,
            ck::CKM_ECDSA => Mechanism::Ecdsa,
            ck::CKM_ECDH1_DERIVE => {
                Mechanism::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point))
            }
            ck::CKM_EDDSA => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
            ck::CKM_AES_CBC => Mechanism::AesCbc([0; 16]),
            ck::CKM_AES_CMAC => Mechanism::AesCMac,
            ck::CKM_AES_KEY_WRAP => Mechanism::AesKeyWrap,
            ck::CKM_DES3_ECB => Mechanism::Des3Ecb,
            ck::CKM_SHA_1_HMAC => Mechanism::Sha1Hmac,
            ck::CKM_SHA256_HMAC => Mechanism::Sha256Hmac,
            ck::CKM_SHA384_HMAC => Mechanism::Sha384Hmac,
            ck::CKM_SHA512_HMAC => Mechanism::Sha512Hmac,
            other => return Err(format!("mechanism {other:#x} is not compared").into()),
        })
    }
}

/// The key's own public key as CKA_EC_POINT has it, without the OCTET STRING around it.
fn public_point(ours: &OurKey<'_>) -> Result<Vec<u8>> {
    let spki = value(&ours.open.session, ours.handle, ck::CKA_PUBLIC_KEY_INFO)?;
    let spki = spki.unwrap_or_default();
    let info = spki::SubjectPublicKeyInfoRef::try_from(&spki[..])?;
    Ok(info.subject_public_key.raw_bytes().to_vec())
}

/// Modules differ in whether a raw decryption has its leading zeros.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let number = |bytes: &[u8]| -> Vec<u8> {
        bytes
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect()
    };
    number(ours) == number(theirs)
}

/// A secret of the session that may be read.
fn readable_secret() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}

fn agreed(
    session: &cryptoki::session::Session,
    mechanism: &Mechanism<'_>,
    key: ObjectHandle,
) -> Result<Vec<u8>> {
    let made = session.derive_key(mechanism, key, &readable_secret())?;
    let read = session.get_attributes(made, &[AttributeType::Value])?;
    session.destroy_object(made)?;
    match read.into_iter().next() {
        Some(Attribute::Value(secret)) => Ok(secret),
        _ => Err("the derived secret cannot be read".into()),
    }
}

fn wrapped(
    session: &cryptoki::session::Session,
    mechanism: &Mechanism<'_>,
    key: ObjectHandle,
    known: &[u8],
) -> Result<Vec<u8>> {
    let mut template = readable_secret();
    template.push(Attribute::Value(known.to_vec()));
    let secret = session.create_object(&template)?;
    let wrapped = session.wrap_key(mechanism, key, secret);
    session.destroy_object(secret)?;
    Ok(wrapped?)
}
