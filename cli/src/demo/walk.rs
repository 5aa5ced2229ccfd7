//! The walk: each step does one thing through the C functions, says what a user would type for it,
//! and fails unless the answer is the right one.

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tenon_pkcs11::ck::*;
use tenon_pkcs11::clock::{Clock, SystemClock};

use super::client::{Mechanism, Module, Refusal, Session, Template, User};
use super::outside::{self, AesKey, EcKey, RsaKey, WrappingKey};
use crate::Result;

const LABEL: &str = "demo";
const SO_PIN: &str = "so-87654321";
const PIN: &str = "user-1234";
/// 65537, big-endian.
const EXPONENT: [u8; 3] = [1, 0, 1];
const MESSAGE: &[u8] = b"a message that was signed inside the token";
/// Seconds that the mortal key lives.
const LIFE: u64 = 2;

/// Walks in the token directory that the environment names.
pub(super) fn run(module: Option<&Path>) -> Result<()> {
    let module = Module::open(module)?;
    let mut tale = Tale { step: 0 };
    make_token(&module, &mut tale)?;
    let (slot, _) = module.token(LABEL)?;
    let session = module.session(slot)?;
    session.login(User::Normal, PIN)?;
    let walk = make_wrapping_key(&session, &mut tale)?;

    let aes = AesKey::generate()?;
    let secret = walk.bring_aes(&aes, &mut tale)?;
    walk.bring_ec(&mut tale)?;
    walk.bring_rsa(&mut tale)?;
    walk.values_stay_inside(secret, &mut tale)?;
    walk.binding_holds(&aes, secret, &mut tale)?;
    walk.expiry_stops(&mut tale)?;
    tale.end()
}

fn make_token(module: &Module, tale: &mut Tale) -> Result<()> {
    tale.step(
        "A token with a security officer and a user",
        "tenon init --label demo",
    )?;
    let slot = module
        .slots()?
        .into_iter()
        .find(|(_, token)| !token.initialised)
        .map(|(slot, _)| slot)
        .ok_or("there is no free slot")?;
    module.init_token(slot, SO_PIN, LABEL)?;
    let (slot, token) = module.token(LABEL)?;
    let session = module.session(slot)?;
    session.login(User::SecurityOfficer, SO_PIN)?;
    session.init_pin(PIN)?;
    session.logout()?;
    tale.done(&format!("slot {slot}, serial number {}", token.serial))
}

fn make_wrapping_key<'s>(session: &'s Session<'s>, tale: &mut Tale) -> Result<Walk<'s>> {
    tale.step(
        "An RSA-2048 wrapping key, made inside; its public half goes out",
        "pkcs11-tool -l --keypairgen --key-type rsa:2048 --id 01 --usage-wrap\n\
         pkcs11-tool --read-object --type pubkey --id 01 -o wrapping.der",
    )?;
    let id = [1];
    let public = Template::new()
        .yes(&[CKA_TOKEN, CKA_WRAP])
        .number(CKA_MODULUS_BITS, 2048)
        .bytes(CKA_PUBLIC_EXPONENT, &EXPONENT)
        .bytes(CKA_ID, &id);
    let private = Template::new()
        .yes(&[CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_UNWRAP])
        .bytes(CKA_ID, &id);
    let mechanism = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let (public, private) = session.generate_key_pair(mechanism, &public, &private)?;
    let modulus = session.attribute(public, CKA_MODULUS)?;
    let exponent = session.attribute(public, CKA_PUBLIC_EXPONENT)?;
    tale.done(&format!("modulus {}…", outside::hex(&prefix(&modulus))))?;
    Ok(Walk {
        session,
        unwrapping: private,
        wrapping: WrappingKey::new(&modulus, &exponent)?,
    })
}

/// What the steps share: a logged-in session, and both halves of the wrapping key.
struct Walk<'s> {
    session: &'s Session<'s>,
    unwrapping: CK_OBJECT_HANDLE,
    wrapping: WrappingKey,
}

impl Walk<'_> {
    fn unwrap_secret(&self, blob: &[u8], template: &Template) -> Result<CK_OBJECT_HANDLE> {
        let mechanism = Mechanism::OaepSha256;
        Ok(self
            .session
            .unwrap_key(mechanism, self.unwrapping, blob, template)?)
    }

    fn unwrap_private(&self, blob: &[u8], template: &Template) -> Result<CK_OBJECT_HANDLE> {
        let mechanism = Mechanism::RsaAesKeyWrapSha256;
        Ok(self
            .session
            .unwrap_key(mechanism, self.unwrapping, blob, template)?)
    }

    fn bring_aes(&self, key: &AesKey, tale: &mut Tale) -> Result<CK_OBJECT_HANDLE> {
        tale.step(
            "An AES-256 key from outside, wrapped with RSA-OAEP SHA-256",
            "openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der -in aes.key \\\n    \
             -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -out aes.blob\n\
             C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = aes",
        )?;
        let blob = self.wrapping.oaep(key.material())?;
        let handle = self.unwrap_secret(&blob, &secret(b"aes"))?;
        self.check_aes(key, handle)?;
        tale.done("what it encrypts opens outside, with AES-256-GCM of another library")?;
        Ok(handle)
    }

    /// Encrypts inside, and decrypts inside and outside.
    fn check_aes(&self, key: &AesKey, handle: CK_OBJECT_HANDLE) -> Result<()> {
        let (iv, aad) = (outside::random::<12>()?, b"demo");
        let gcm = Mechanism::Gcm { iv: &iv, aad };
        let sealed = self.session.encrypt(gcm, handle, MESSAGE)?;
        ensure(
            self.session.decrypt(gcm, handle, &sealed)? == MESSAGE,
            "the token does not decrypt what it encrypted",
        )?;
        ensure(
            key.open(iv, aad, &sealed)? == MESSAGE,
            "the token encrypts with another key",
        )
    }

    fn bring_ec(&self, tale: &mut Tale) -> Result<()> {
        tale.step(
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
        let handle = self.unwrap_private(&blob, &private(b"ec", CKK_EC))?;
        let digest = outside::digest(MESSAGE);
        let mechanism = Mechanism::Plain(CKM_ECDSA);
        let signature = self.session.sign(mechanism, handle, &digest)?;
        key.verify(&digest, &signature)?;
        tale.done("its ECDSA signature verifies outside with the owner's public key")
    }

    fn bring_rsa(&self, tale: &mut Tale) -> Result<()> {
        tale.step(
            "An RSA-2048 private key (PKCS#8), wrapped the same way",
            "C_UnwrapKey(CKM_RSA_AES_KEY_WRAP) with CKA_ID = rsa\n\
             pkcs11-tool -l --sign --mechanism SHA256-RSA-PKCS --id 727361 -i message -o signature\n\
             openssl dgst -sha256 -verify owner.pem -signature signature message",
        )?;
        let key = RsaKey::generate()?;
        let blob = self.wrapping.rsa_aes_key_wrap(&key.material()?)?;
        let handle = self.unwrap_private(&blob, &private(b"rsa", CKK_RSA))?;
        let mechanism = Mechanism::Plain(CKM_SHA256_RSA_PKCS);
        key.verify(MESSAGE, &self.session.sign(mechanism, handle, MESSAGE)?)?;
        tale.done("its RSA signature verifies outside with the owner's public key")
    }

    fn values_stay_inside(&self, key: CK_OBJECT_HANDLE, tale: &mut Tale) -> Result<()> {
        tale.step(
            "No way out: the value can be neither read nor wrapped",
            "pkcs11-tool -l --read-object --type secrkey --id 616573",
        )?;
        let read = self.session.attribute(key, CKA_VALUE);
        tale.refused(read.map_err(Into::into), CKR_ATTRIBUTE_SENSITIVE)?;
        let template = Template::new().yes(&[CKA_WRAP]).number(CKA_VALUE_LEN, 32);
        let mechanism = Mechanism::Plain(CKM_AES_KEY_GEN);
        let kek = self.session.generate_key(mechanism, &template)?;
        let mechanism = Mechanism::Plain(CKM_AES_KEY_WRAP_KWP);
        let wrapped = self.session.wrap_key(mechanism, kek, key);
        tale.refused(wrapped.map_err(Into::into), CKR_KEY_UNEXTRACTABLE)
    }

    fn binding_holds(&self, aes: &AesKey, key: CK_OBJECT_HANDLE, tale: &mut Tale) -> Result<()> {
        tale.step(
            "One key, one material: the same may come in again, other material never",
            "C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = aes, twice",
        )?;
        let uid = self.session.attribute(key, CKA_UNIQUE_ID)?;
        let other = self.wrapping.oaep(AesKey::generate()?.material())?;
        let replaced = self.unwrap_secret(&other, &secret(b"aes"));
        tale.refused(replaced, CKR_TENON_MATERIAL_MISMATCH)?;
        self.check_aes(aes, key)?;

        let again = self.wrapping.oaep(aes.material())?;
        let again = self.unwrap_secret(&again, &secret(b"aes"))?;
        ensure(
            self.session.attribute(again, CKA_UNIQUE_ID)? == uid,
            "the same material made another key",
        )?;
        self.check_aes(aes, again)?;
        tale.done("the same material again: the same key, with the same CKA_UNIQUE_ID")
    }

    fn expiry_stops(&self, tale: &mut Tale) -> Result<()> {
        tale.step(
            "Material that expires in two seconds",
            "C_UnwrapKey(CKM_RSA_PKCS_OAEP) with CKA_ID = mortal, CKA_TENON_EXPIRES_AT = now + 2",
        )?;
        let aes = AesKey::generate()?;
        let blob = self.wrapping.oaep(aes.material())?;
        let deadline = SystemClock.now() + LIFE;
        let template = secret(b"mortal").bytes(CKA_TENON_EXPIRES_AT, &deadline.to_be_bytes());
        let key = self.unwrap_secret(&blob, &template)?;
        self.check_aes(&aes, key)?;
        tale.done("it works now")?;
        while SystemClock.now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        let late = self.check_aes(&aes, key);
        tale.refused(late, CKR_KEY_FUNCTION_NOT_PERMITTED)?;
        let key = self.unwrap_secret(&blob, &secret(b"mortal"))?;
        self.check_aes(&aes, key)?;
        tale.done("imported again without an end, the same key works again")
    }
}

/// Template of an AES key on the token that is bound to its CKA_ID.
fn secret(id: &[u8]) -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .yes(&[CKA_TOKEN, CKA_PRIVATE, CKA_ENCRYPT, CKA_DECRYPT])
        .bytes(CKA_ID, id)
}

/// Template of a signing key on the token that is bound to its CKA_ID.
fn private(id: &[u8], key_type: CK_KEY_TYPE) -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_PRIVATE_KEY)
        .number(CKA_KEY_TYPE, key_type)
        .yes(&[CKA_TOKEN, CKA_PRIVATE, CKA_SIGN])
        .bytes(CKA_ID, id)
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

/// What is printed.
struct Tale {
    step: usize,
}

impl Tale {
    fn step(&mut self, title: &str, commands: &str) -> Result<()> {
        self.step += 1;
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}. {title}", self.step)?;
        for line in commands.lines() {
            // Calls and continued lines are no shell commands.
            let typed = !line.starts_with(' ') && !line.starts_with("C_");
            let mark = if typed { '$' } else { ' ' };
            writeln!(out, "   {mark} {line}")?;
        }
        Ok(out.flush()?)
    }

    fn done(&self, what: &str) -> Result<()> {
        Ok(writeln!(io::stdout(), "   ok: {what}")?)
    }

    /// Insists that the token refused with `rv`.
    fn refused<T>(&self, answer: Result<T>, rv: CK_RV) -> Result<()> {
        let Err(error) = answer else {
            return Err(format!("not refused, though it should be: {}", rv_name(rv)).into());
        };
        match error.downcast_ref::<Refusal>() {
            Some(refusal) if refusal.rv == rv => self.done(&format!("refused: {refusal}")),
            _ => Err(format!("{error}, where {} is right", rv_name(rv)).into()),
        }
    }

    fn end(&self) -> Result<()> {
        let line = "All of it holds: the keys came in, worked, stayed inside and obeyed.";
        Ok(writeln!(io::stdout(), "\n{line}")?)
    }
}
