//! The walk: each step does one thing through the C functions, says what a user would type for it,
//! and fails unless the answer is the right one.

use std::io::{self, Write};
use std::path::Path;
use std::ptr;
use std::thread;
use std::time::Duration;

use cryptoki::error::{Error, Rv};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::MechanismType;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::object::{
    Attribute, AttributeInfo, AttributeType, KeyType, ObjectClass, ObjectHandle,
};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use tenon_pkcs11::api::ck::{
    CK_RSA_AES_KEY_WRAP_PARAMS, CK_RV, CKA_TENON_EXPIRES_AT, CKM_AES_KEY_WRAP_KWP,
    CKM_RSA_AES_KEY_WRAP, CKR_ATTRIBUTE_SENSITIVE, CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_UNEXTRACTABLE, CKR_TENON_MATERIAL_MISMATCH, rv_name,
};
use tenon_pkcs11::api::clock::{Clock, SystemClock};

use super::client::{self, Library};
use super::outside::{self, AesKey, EcKey, RsaKey, WrappingKey};
use crate::Result;

const LABEL: &str = "demo";
const SO_PIN: &str = "so-87654321";
const PIN: &str = "user-1234";
/// 65537, big-endian.
const EXPONENT: [u8; 3] = [1, 0, 1];
const MESSAGE: &[u8] = b"a message that was signed inside the token";
/// Seconds that the expiring key lives. The number is doubled, up to the second one, where bringing
/// the key takes longer.
const LIFE: u64 = 2;
const LONGEST_LIFE: u64 = 64;

/// Walks in the token directory that the environment names.
pub(super) fn run(module: &Path) -> Result<()> {
    let module = Library::open(module)?;
    let mut report = Report { step: 0 };
    make_token(&module, &mut report)?;
    let session = module.open_rw_session(module.slot(LABEL)?)?;
    session.login(UserType::User, Some(&AuthPin::from(PIN)))?;
    let walk = make_wrapping_key(&session, &mut report)?;

    let aes = AesKey::generate()?;
    let secret = walk.bring_aes(&aes, &mut report)?;
    walk.bring_ec(&mut report)?;
    walk.bring_rsa(&mut report)?;
    walk.values_stay_inside(secret, &mut report)?;
    walk.binding_holds(&aes, secret, &mut report)?;
    walk.expiry_stops(&mut report)?;
    report.end()
}

fn make_token(module: &Library, report: &mut Report) -> Result<()> {
    report.step(
        "A token with a security officer and a user",
        "tenon init --label demo",
    )?;
    let free = free_slot(module)?;
    module.init_token(free, &AuthPin::from(SO_PIN), LABEL)?;
    let slot = module.slot(LABEL)?;
    let session = module.open_rw_session(slot)?;
    session.login(UserType::So, Some(&AuthPin::from(SO_PIN)))?;
    session.init_pin(&AuthPin::from(PIN))?;
    session.logout()?;
    let token = module.get_token_info(slot)?;
    report.done(&format!(
        "slot {slot}, serial number {}",
        token.serial_number()
    ))
}

/// A slot whose token is not initialised.
fn free_slot(module: &Library) -> Result<Slot> {
    for slot in module.get_slots_with_token()? {
        if !module.get_token_info(slot)?.token_initialized() {
            return Ok(slot);
        }
    }
    Err("there is no free slot".into())
}

fn make_wrapping_key<'s>(session: &'s Session, report: &mut Report) -> Result<Walk<'s>> {
    report.step(
        "An RSA-2048 wrapping key, made inside; its public half goes out",
        "pkcs11-tool -l --keypairgen --key-type rsa:2048 --id 01 --usage-wrap\n\
         pkcs11-tool --read-object --type pubkey --id 01 -o wrapping.der",
    )?;
    let id = Attribute::Id(vec![1]);
    let public = [
        Attribute::Token(true),
        Attribute::Wrap(true),
        Attribute::ModulusBits(2048.into()),
        Attribute::PublicExponent(EXPONENT.to_vec()),
        id.clone(),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Unwrap(true),
        id,
    ];
    let mechanism = Mechanism::RsaPkcsKeyPairGen;
    let (public, private) = session.generate_key_pair(&mechanism, &public, &private)?;
    let modulus = value(session, public, AttributeType::Modulus)?;
    let exponent = value(session, public, AttributeType::PublicExponent)?;
    report.done(&format!("modulus {}…", outside::hex(&prefix(&modulus))))?;
    Ok(Walk {
        session,
        unwrapping: private,
        wrapping: WrappingKey::new(&modulus, &exponent)?,
    })
}

/// What the steps share: a logged-in session, and both halves of the wrapping key.
struct Walk<'s> {
    session: &'s Session,
    unwrapping: ObjectHandle,
    wrapping: WrappingKey,
}

impl Walk<'_> {
    /// By CKM_RSA_PKCS_OAEP.
    fn unwrap_secret(&self, blob: &[u8], template: &[Attribute]) -> Result<ObjectHandle> {
        let mechanism = Mechanism::RsaPkcsOaep(oaep_sha256());
        self.unwrap(&mechanism, blob, template)
    }

    /// By CKM_RSA_AES_KEY_WRAP, which wraps an AES-256 key with OAEP.
    fn unwrap_private(&self, blob: &[u8], template: &[Attribute]) -> Result<ObjectHandle> {
        let mut oaep = oaep_sha256();
        let params = CK_RSA_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: 256,
            // PkcsOaepParams is `repr(C)`, with the fields of the C structure.
            pOAEPParams: ptr::from_mut(&mut oaep).cast(),
        };
        let mechanism = client::unnamed(CKM_RSA_AES_KEY_WRAP, Some(&params));
        self.unwrap(&mechanism, blob, template)
    }

    fn unwrap(
        &self,
        mechanism: &Mechanism<'_>,
        blob: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let with = self.unwrapping;
        Ok(self.session.unwrap_key(mechanism, with, blob, template)?)
    }

    fn bring_aes(&self, key: &AesKey, report: &mut Report) -> Result<ObjectHandle> {
        report.step(
            "An AES-256 key from outside, wrapped with RSA-OAEP SHA-256",
            "openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der -in aes.key \\\n    \
             -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -out aes.blob\n\
             C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = aes",
        )?;
        let blob = self.wrapping.oaep(key.material())?;
        let handle = self.unwrap_secret(&blob, &secret(b"aes"))?;
        self.check_aes(key, handle)?;
        report.done("what it encrypts opens outside, with AES-256-GCM of another library")?;
        Ok(handle)
    }

    /// Encrypts inside, and decrypts inside and outside.
    fn check_aes(&self, key: &AesKey, handle: ObjectHandle) -> Result<()> {
        let (iv, aad) = (outside::random::<12>()?, b"demo");
        let mut own_iv = iv;
        let gcm = Mechanism::AesGcm(GcmParams::new(&mut own_iv, aad, 128.into())?);
        let sealed = self.session.encrypt(&gcm, handle, MESSAGE)?;
        ensure(
            self.session.decrypt(&gcm, handle, &sealed)? == MESSAGE,
            "the token does not decrypt what it encrypted",
        )?;
        ensure(
            key.open(iv, aad, &sealed)? == MESSAGE,
            "the token encrypts with another key",
        )
    }

    fn bring_ec(&self, report: &mut Report) -> Result<()> {
        report.step(
            "An EC P-256 private key (PKCS#8), wrapped with RSA_AES_KEY_WRAP SHA-256",
            "openssl rand -out kek 32\n\
             openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der -in kek \\\n    \
             -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -out ec.blob\n\
             openssl enc -id-aes256-wrap-pad -iv A65959A6 -K $(xxd -p -c 32 kek) \\\n    \
             -in ec.der >>ec.blob\n\
             C_UnwrapKey(CKM_RSA_AES_KEY_WRAP) with CKA_ID = ec",
        )?;
        let key = EcKey::generate();
        let blob = self.wrapping.rsa_aes_key_wrap(&key.material()?)?;
        let handle = self.unwrap_private(&blob, &private(b"ec", KeyType::EC))?;
        let digest = outside::digest(MESSAGE);
        let signature = self.session.sign(&Mechanism::Ecdsa, handle, &digest)?;
        key.verify(&digest, &signature)?;
        report.done("its ECDSA signature verifies outside with the owner's public key")
    }

    fn bring_rsa(&self, report: &mut Report) -> Result<()> {
        report.step(
            "An RSA-2048 private key (PKCS#8), wrapped the same way",
            "C_UnwrapKey(CKM_RSA_AES_KEY_WRAP) with CKA_ID = rsa\n\
             pkcs11-tool -l --sign --mechanism SHA256-RSA-PKCS --id 727361 -i message -o signature\n\
             openssl dgst -sha256 -verify owner.pem -signature signature message",
        )?;
        let key = RsaKey::generate()?;
        let blob = self.wrapping.rsa_aes_key_wrap(&key.material()?)?;
        let handle = self.unwrap_private(&blob, &private(b"rsa", KeyType::RSA))?;
        let mechanism = Mechanism::Sha256RsaPkcs;
        key.verify(MESSAGE, &self.session.sign(&mechanism, handle, MESSAGE)?)?;
        report.done("its RSA signature verifies outside with the owner's public key")
    }

    fn values_stay_inside(&self, key: ObjectHandle, report: &mut Report) -> Result<()> {
        report.step(
            "No way out: the value can be neither read nor wrapped",
            "pkcs11-tool -l --read-object --type secrkey --id 616573",
        )?;
        let about = self
            .session
            .get_attribute_info(key, &[AttributeType::Value])?;
        ensure(
            matches!(about[..], [AttributeInfo::Sensitive]),
            "the value can be read",
        )?;
        report.done(&refusal("GetAttributeValue", CKR_ATTRIBUTE_SENSITIVE))?;
        let template = [Attribute::Wrap(true), Attribute::ValueLen(32.into())];
        let kek = self
            .session
            .generate_key(&Mechanism::AesKeyGen, &template)?;
        let mechanism = client::unnamed::<()>(CKM_AES_KEY_WRAP_KWP, None);
        let wrapped = self.session.wrap_key(&mechanism, kek, key);
        report.refused(wrapped.map_err(Into::into), CKR_KEY_UNEXTRACTABLE)
    }

    fn binding_holds(&self, aes: &AesKey, key: ObjectHandle, report: &mut Report) -> Result<()> {
        report.step(
            "One key, one material: the same may come in again, other material never",
            "C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = aes, twice",
        )?;
        let uid = value(self.session, key, AttributeType::UniqueId)?;
        let other = self.wrapping.oaep(AesKey::generate()?.material())?;
        let replaced = self.unwrap_secret(&other, &secret(b"aes"));
        report.refused(replaced, CKR_TENON_MATERIAL_MISMATCH)?;
        self.check_aes(aes, key)?;

        let again = self.wrapping.oaep(aes.material())?;
        let again = self.unwrap_secret(&again, &secret(b"aes"))?;
        ensure(
            value(self.session, again, AttributeType::UniqueId)? == uid,
            "the same material made another key",
        )?;
        self.check_aes(aes, again)?;
        report.done("the same material again: the same key, with the same CKA_UNIQUE_ID")
    }

    fn expiry_stops(&self, report: &mut Report) -> Result<()> {
        report.step(
            "Material that expires in two seconds",
            "C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = mortal, CKA_TENON_EXPIRES_AT = now + 2",
        )?;
        let aes = AesKey::generate()?;
        let blob = self.wrapping.oaep(aes.material())?;
        let (key, deadline) = self.bring_expiring(&aes, &blob)?;
        report.done("it works now")?;
        while SystemClock.now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        let late = self.check_aes(&aes, key);
        report.refused(late, CKR_KEY_FUNCTION_NOT_PERMITTED)?;
        let key = self.unwrap_secret(&blob, &secret(b"mortal"))?;
        self.check_aes(&aes, key)?;
        report.done("imported again without an end, the same key works again")
    }

    /// Brings the key whose material expires, and uses it. On a machine so busy that the material
    /// expires meanwhile, the key is brought again with twice as long a life. Returns the key and
    /// when it expires.
    fn bring_expiring(&self, aes: &AesKey, blob: &[u8]) -> Result<(ObjectHandle, u64)> {
        let mut life = LIFE;
        loop {
            let deadline = SystemClock.now() + life;
            let mut template = secret(b"mortal");
            template.push(Attribute::VendorDefined((
                AttributeType::VendorDefined(CKA_TENON_EXPIRES_AT),
                deadline.to_be_bytes().to_vec(),
            )));
            let key = self.unwrap_secret(blob, &template);
            let used = key.and_then(|key| self.check_aes(aes, key).map(|()| key));
            match used {
                Err(_) if SystemClock.now() >= deadline && life < LONGEST_LIFE => life *= 2,
                used => return Ok((used?, deadline)),
            }
        }
    }
}

/// RSA-OAEP with SHA-256, MGF1 with SHA-256 and no label.
fn oaep_sha256() -> PkcsOaepParams<'static> {
    let hash = MechanismType::SHA256;
    PkcsOaepParams::new(hash, PkcsMgfType::MGF1_SHA256, PkcsOaepSource::empty())
}

/// Bytes of one attribute that every such object has and shows.
fn value(session: &Session, object: ObjectHandle, kind: AttributeType) -> Result<Vec<u8>> {
    match session.get_attributes(object, &[kind])?.pop() {
        Some(
            Attribute::Modulus(bytes)
            | Attribute::PublicExponent(bytes)
            | Attribute::UniqueId(bytes),
        ) => Ok(bytes),
        _ => Err(format!("{kind} cannot be read").into()),
    }
}

/// Template of an AES key on the token that is bound to its CKA_ID.
fn secret(id: &[u8]) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Id(id.to_vec()),
    ]
}

/// Template of a signing key on the token that is bound to its CKA_ID.
fn private(id: &[u8], key_type: KeyType) -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(key_type),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sign(true),
        Attribute::Id(id.to_vec()),
    ]
}

fn prefix(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().take(8).copied().collect()
}

fn ensure(holds: bool, otherwise: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(otherwise.into())
}

/// What is printed of a call `C_` + `function` that answered `rv`.
fn refusal(function: &str, rv: CK_RV) -> String {
    format!("refused: C_{function} answers {} ({rv:#x})", rv_name(rv))
}

struct Report {
    step: usize,
}

impl Report {
    fn step(&mut self, title: &str, commands: &str) -> Result<()> {
        self.step += 1;
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}. {title}", self.step)?;
        for line in commands.lines() {
            // C calls and continued lines are no shell commands.
            let typed = !line.starts_with(' ') && !line.starts_with("C_");
            let mark = if typed { '$' } else { ' ' };
            writeln!(out, "   {mark} {line}")?;
        }
        Ok(out.flush()?)
    }

    fn done(&self, what: &str) -> Result<()> {
        Ok(writeln!(io::stdout(), "   ok: {what}")?)
    }

    /// Fails unless the token refused with `rv`.
    fn refused<T>(&self, answer: Result<T>, rv: CK_RV) -> Result<()> {
        let Err(error) = answer else {
            return Err(format!("not refused, though it should be: {}", rv_name(rv)).into());
        };
        match error.downcast_ref::<Error>() {
            Some(Error::Pkcs11(got, function)) if Rv::Error(*got) == Rv::from(rv) => {
                self.done(&refusal(&format!("{function:?}"), rv))
            }
            _ => Err(format!("{error}, where {} is right", rv_name(rv)).into()),
        }
    }

    fn end(&self) -> Result<()> {
        let line = "All of it holds: the keys came in, worked, stayed inside and obeyed.";
        Ok(writeln!(io::stdout(), "\n{line}")?)
    }
}
