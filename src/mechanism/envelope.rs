//! CKM_TENON_KMS_ENVELOPE: encryption that names the external key and its material in a header, and
//! decrypts under no other.
//!
//! ```text
//! envelope    = header ‖ ciphertext ‖ tag (16)
//! header      = version (1, 1) ‖ uid of the key (16) ‖ material id (16) ‖ salt (32, random)
//! key ‖ nonce = HKDF-SHA-256(material, salt, "tenon envelope 1" ‖ uid), 32 and 12 bytes
//! ```
//!
//! Ciphertext and tag are AES-256-GCM's; its additional data are the header's length in 8 bytes, the
//! header and the caller's data.

use std::sync::Arc;

use super::keyring::{Keyring, KeyringVersion};
use super::whole::{Whole, gathered};
use super::{
    BadBlob, Cipher, Key, Mechanism, ParamKind, Params, Proof, ROW, Unit, Unwrap, bad_param,
};
use crate::ck;
use crate::crypto;
use crate::crypto::aes::{self, Direction, GCM_MAX};
use crate::crypto::kdf::hkdf_sha256;
use crate::crypto::rand::SystemRng;
use crate::error::{Result, refuse};
use crate::keytype;
use crate::rng::{Rng, random};
use crate::secret::Secret;

const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"tenon envelope 1";
const ID: usize = 16;
const SALT: usize = 32;
const HEADER: usize = 1 + ID + ID + SALT;
const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;
const OVERHEAD: usize = HEADER + TAG;
/// Greatest length of the caller's data in bytes.
const CALLER_MAX: usize = 64 * 1024;

pub(super) static ROWS: &[Mechanism] = &[Mechanism {
    id: ck::CKM_TENON_KMS_ENVELOPE,
    name: "CKM_TENON_KMS_ENVELOPE",
    key_types: keytype::EXTERNAL_SECRETS,
    unit: Unit::Bytes,
    params: ParamKind::CallerData(CALLER_MAX),
    encrypt: Some(|key, params| begin(key, params, Direction::Encrypt)),
    decrypt: Some(|key, params| begin(key, params, Direction::Decrypt)),
    wrap: Some(wrap),
    unwrap: Some(&UNWRAP),
    keyring: true,
    check_blob: Some(|key, blob| check_version(keyring(key)?, blob)),
    ..ROW
}];

static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        keyring(key)?;
        caller_data(params)?;
        if len <= OVERHEAD {
            return refuse(
                ck::CKR_WRAPPED_KEY_LEN_RANGE,
                "an envelope with a key in it is longer",
            );
        }
        Ok(())
    },
    open: |key, params, blob| {
        let (Ok(keyring), Ok(data)) = (keyring(key), caller_data(params)) else {
            return Err(BadBlob);
        };
        let mut clear = Secret::zeroed(blob.len().saturating_sub(OVERHEAD));
        open(keyring, data, blob, &mut clear).map_err(|_| BadBlob)?;
        Ok(clear)
    },
    proof: Proof::Integrity,
};

fn keyring(key: &Key) -> Result<&Keyring> {
    match key.of() {
        Some(keyring) => Ok(keyring),
        _ => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "envelopes are made by external keys",
        ),
    }
}

fn caller_data(params: &Params) -> Result<&[u8]> {
    match params {
        Params::None => Ok(&[]),
        Params::CallerData(data) => Ok(data),
        _ => bad_param("the parameter is the caller's data, or nothing"),
    }
}

fn wrap(key: &Key, params: &Params, rng: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    let (keyring, data) = (keyring(key)?, caller_data(params)?);
    let mut out = vec![0; clear.len().saturating_add(OVERHEAD)];
    seal(keyring, data, random(rng), clear, &mut out)?;
    Ok(out)
}

fn begin(key: &Arc<Key>, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    keyring(key)?;
    Ok(gathered(EnvelopeMessage {
        key: Arc::clone(key),
        data: caller_data(params)?.to_vec(),
        direction,
    }))
}

struct EnvelopeMessage {
    key: Arc<Key>,
    data: Vec<u8>,
    direction: Direction,
}

impl Whole for EnvelopeMessage {
    fn bound(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => input.saturating_add(OVERHEAD),
            Direction::Decrypt => input.saturating_sub(OVERHEAD),
        }
    }

    fn most(&self) -> usize {
        let text = usize::try_from(GCM_MAX).unwrap_or(usize::MAX);
        match self.direction {
            Direction::Encrypt => text,
            Direction::Decrypt => text.saturating_add(OVERHEAD),
        }
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let keyring = keyring(&self.key)?;
        let run = match self.direction {
            Direction::Encrypt => seal(keyring, &self.data, random(&SystemRng), input, out),
            Direction::Decrypt => {
                check_version(keyring, input)?;
                open(keyring, &self.data, input, out)
            }
        };
        Ok(run?)
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}

/// Refuses an envelope of a version of this key whose material has expired or is deleted. The header is
/// public, so this tells nothing of the text.
fn check_version(keyring: &Keyring, envelope: &[u8]) -> Result<()> {
    let names = envelope.get(1..HEADER - SALT).unwrap_or_default();
    let id = names.strip_prefix(keyring.uid());
    let ended = id.and_then(|id| Some((id, keyring.ended_version(id)?)));
    let Some((id, number)) = ended else {
        return Ok(());
    };
    let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    refuse(
        ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
        format!(
            "the envelope was made under version {number} of the key, whose material has expired or was deleted: import \
             that material again (material id {id}; `tenon byok import`)"
        ),
    )
}

/// Writes the envelope of `clear` to the start of `out`, and returns its length.
fn seal(
    keyring: &Keyring,
    data: &[u8],
    salt: [u8; SALT],
    clear: &[u8],
    out: &mut [u8],
) -> crypto::Result<usize> {
    let version = keyring.current();
    let header = [&[VERSION][..], keyring.uid(), &version.id, &salt].concat();
    let (head, body) = out
        .split_at_mut_checked(HEADER)
        .ok_or(crypto::Error::InputLength)?;
    head.copy_from_slice(&header);
    let (key, nonce) = derive(keyring, version, &salt)?;
    let len = key.gcm_seal(&nonce, &bound_to(&header, data), TAG, clear, body)?;
    Ok(HEADER + len)
}

/// Writes the text in `envelope` to the start of `out`, and returns its length. An envelope that
/// names another key or another material is refused before anything is decrypted.
fn open(keyring: &Keyring, data: &[u8], envelope: &[u8], out: &mut [u8]) -> crypto::Result<usize> {
    if envelope.len() < OVERHEAD {
        return Err(crypto::Error::CiphertextLength);
    }
    let (header, sealed) = envelope.split_at(HEADER);
    let (names, salt) = header.split_at(HEADER - SALT);
    let version = names
        .strip_prefix(&[VERSION])
        .and_then(|names| names.strip_prefix(keyring.uid()))
        .and_then(|id| keyring.find(id))
        .ok_or(crypto::Error::BadCiphertext)?;
    let (key, nonce) = derive(keyring, version, salt)?;
    key.gcm_open(&nonce, &bound_to(header, data), TAG, sealed, out)
}

fn derive(
    keyring: &Keyring,
    version: &KeyringVersion,
    salt: &[u8],
) -> crypto::Result<(aes::Key, [u8; NONCE])> {
    let mut derived = Secret::zeroed(KEY + NONCE);
    let info = [PURPOSE, keyring.uid()];
    hkdf_sha256(&version.material, salt, &info, &mut derived);
    let (key, rest) = derived.split_at(KEY);
    let mut nonce = [0; NONCE];
    nonce.copy_from_slice(rest);
    Ok((aes::Key::new(key)?, nonce))
}

/// GCM's additional data.
fn bound_to(header: &[u8], data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_be_bytes(), header, data].concat()
}

#[cfg(test)]
mod tests;
