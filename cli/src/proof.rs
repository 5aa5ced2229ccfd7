//! Signed statements of a token, as a key's owner checks them without one (BYOK section 7).

use std::path::{Path, PathBuf};

use clap::Args;
use der::asn1::UintRef;
use der::{Decode, Sequence};
use serde_json::{Map, Value};
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::keytype;
use zeroize::Zeroizing;

use crate::base64;
use crate::keyfile::{self, Item};
use crate::output::{hex, printable};
use crate::{Result, files};

/// Bytes of r and of s.
const HALF: usize = 32;

#[derive(Args)]
pub(crate) struct Signed {
    /// The statement's signature; else the file beside it whose name ends in .sig
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The token's attestation key, as you got it before and from somebody you trust (`tenon init
    /// --attestation-key`): who can swap it can sign anything
    #[arg(long, value_name = "FILE")]
    attestation_key: PathBuf,
    /// Serial number of the token that you expect
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
}

/// A statement whose signature is good, and what was compared with it.
pub(crate) struct Proven {
    said: Value,
    pub(crate) checked: Vec<String>,
}

/// ECDSA-Sig-Value of RFC 3279 section 2.2.3.
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

impl Signed {
    /// The statement in `file`, once its signature and its token are the expected ones.
    pub(crate) fn read(&self, file: &Path) -> Result<Proven> {
        let statement = files::read(file)?;
        let signature = match &self.signature {
            Some(signature) => files::read(signature)?,
            None => files::read(&file.with_extension("sig"))?,
        };
        let signature = base64::decode_file(signature)?;
        let key = attestation_key(&self.attestation_key)?;
        verify(&statement, &signature, &key).ok_or_else(|| {
            format!(
                "the signature of {} is not by the attestation key in {}: the statement was changed, or \
                 another token made it",
                file.display(),
                self.attestation_key.display()
            )
        })?;
        let said = serde_json::from_slice(&statement)
            .map_err(|_| format!("{} is no statement of a token", file.display()))?;
        let mut proven = Proven {
            said,
            checked: vec!["signature: by the attestation key".to_owned()],
        };
        if let Some(serial) = &self.serial {
            proven.same("serial number of the token", "serial", serial)?;
        }
        Ok(proven)
    }
}

impl Proven {
    /// A text of the statement; empty where it has none.
    pub(crate) fn text(&self, name: &str) -> String {
        let text = self.said[name].as_str().unwrap_or_default();
        printable(text.as_bytes())
    }

    /// A number of the statement, as a Unix time; 0 where it has none.
    pub(crate) fn time(&self, name: &str) -> u64 {
        self.said[name].as_u64().unwrap_or_default()
    }

    /// The keys that the statement of a wrapping key is for, where that is not one alone.
    pub(super) fn serves_many(&self) -> Option<String> {
        let many = self.said["uid"].is_null() && self.said["profile"].is_string();
        many.then(|| format!("every key of the profile {}", self.text("profile")))
    }

    /// Puts these fields in the place of those of the same names.
    pub(crate) fn replace(&mut self, fields: &Map<String, Value>) {
        for (name, value) in fields {
            self.said[name] = value.clone();
        }
    }

    pub(crate) fn json(&self) -> &Value {
        &self.said
    }

    /// Refuses a statement whose field `name` is not `expected`; `what` names it for people.
    pub(crate) fn same(&mut self, what: &str, name: &str, expected: &str) -> Result<()> {
        let said = self.text(name);
        if said.is_empty() {
            let whom = self.serves_many().map(|keys| format!("it is for {keys}"));
            let why = whom.map(|whom| format!(": {whom}")).unwrap_or_default();
            return Err(format!("the statement names no {what}, expected {expected}{why}").into());
        }
        if said != expected {
            return Err(format!(
                "the {what} is another one: the statement says {said}, expected {expected}"
            )
            .into());
        }
        self.checked.push(format!("{what}: {expected}"));
        Ok(())
    }

    /// Refuses a statement that names another public key by its SHA-256.
    pub(crate) fn same_public_key(&mut self, what: &str, name: &str, spki: &[u8]) -> Result<()> {
        self.same(what, name, &sha256(spki))
    }
}

/// The names of the options that were left out.
pub(crate) fn left_out<const N: usize>(options: [(&'static str, bool); N]) -> Vec<&'static str> {
    let left_out = options.into_iter().filter(|(_, left_out)| *left_out);
    left_out.map(|(name, _)| name).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Hash::Sha256.digest(&[bytes]))
}

/// What a file holds, in bytes also where it is written in Base64.
pub(crate) fn decoded(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let content = files::read(file)?;
    Ok(base64::decode(&content).unwrap_or(content))
}

/// SubjectPublicKeyInfo DER of the one public key in a file: PEM, DER or Base64.
pub(crate) fn public_key(file: &Path) -> Result<Vec<u8>> {
    public_key_in(&decoded(file)?, file)
}

/// The same of what was read of the file already.
pub(crate) fn public_key_in(der: &[u8], file: &Path) -> Result<Vec<u8>> {
    let no_password = || Err("a public key is not encrypted".into());
    let items = keyfile::items(der, &no_password)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    match items.as_slice() {
        [Item::PublicKey(spki) | Item::PssPublicKey(spki)] => Ok(spki.clone()),
        _ => Err(format!("{} has no single public key", file.display()).into()),
    }
}

fn attestation_key(file: &Path) -> Result<ec::PublicKey> {
    let key = keytype::public_key(&public_key(file)?)?;
    let key = key.of::<ec::PublicKey>();
    let key = key.filter(|key| key.curve() == Curve::P256);
    let point = key.map(ec::PublicKey::point).transpose()?;
    let point = point.ok_or_else(|| {
        format!(
            "{} is no attestation key: those are public keys on P-256",
            file.display()
        )
    })?;
    Ok(ec::PublicKey::new(Curve::P256, &point)?)
}

/// `None` for a signature that is not good.
fn verify(statement: &[u8], signature: &[u8], key: &ec::PublicKey) -> Option<()> {
    let parts = EcdsaSignature::from_der(signature).ok()?;
    let mut raw = [0; 2 * HALF];
    for (part, half) in [parts.r, parts.s].into_iter().zip(raw.chunks_mut(HALF)) {
        let bytes = part.as_bytes();
        let start = HALF.checked_sub(bytes.len())?;
        half[start..].copy_from_slice(bytes);
    }
    let digest = Hash::Sha256.digest(&[statement]);
    key.verify(&digest, &raw).ok()
}
