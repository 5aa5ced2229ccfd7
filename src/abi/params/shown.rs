//! A mechanism's parameter as the trace shows it: numbers, the names of algorithms, vectors that are sent in clear,
//! and of all other bytes the lengths.

use std::fmt::{Debug, Write as _};

use serde_json::{Value, json};

use crate::crypto::hash::Hash;
use crate::mechanism::{HkdfSalt, Oaep, Params, SharedKdf, SignContext};

/// An object by the names of the parameter's parts.
pub(in crate::abi) fn shown(params: &Params) -> Value {
    match params {
        Params::None => Value::Null,
        Params::Iv(iv) => json!({ "iv": hex(iv) }),
        Params::Key(key) => json!({ "key": key }),
        Params::Ctr { counter, bits } => json!({ "counter": hex(counter), "counter_bits": bits }),
        Params::Ccm {
            data_len,
            nonce,
            aad,
            tag_len,
        } => json!({
            "data_len": data_len, "nonce": hex(nonce), "aad_len": aad.len(), "tag_len": tag_len,
        }),
        Params::ChaCha20 { nonce, counter } => json!({ "nonce": hex(nonce), "counter": counter }),
        Params::ChaCha20Poly1305 { nonce, aad } => {
            json!({ "nonce": hex(nonce), "aad_len": aad.len() })
        }
        Params::MacLen(len) => json!({ "mac_len": len }),
        Params::Data(data) => json!({ "data_len": data.len() }),
        Params::Extract(bit) => json!({ "first_bit": bit }),
        Params::CbcData { iv, data } => json!({ "iv": hex(iv), "data_len": data.len() }),
        Params::Hkdf {
            hash,
            salt,
            info,
            expand,
        } => json!({
            "extract": salt.is_some(), "expand": expand, "hash": name(hash), "info_len": info.len(),
            "salt": salt.as_ref().map(|salt| match salt {
                HkdfSalt::Data(salt) => json!({ "len": salt.len() }),
                HkdfSalt::Key(key) => json!({ "key": key }),
            }),
        }),
        Params::Kbkdf(kdf) => json!({
            "mode": name(&kdf.mode), "prf": name(&kdf.prf), "iv_len": kdf.iv.len(), "parts": kdf.data.len(),
        }),
        Params::Otp(asked) => json!({
            "counter": asked.counter, "digits": asked.digits, "friendly": asked.friendly,
        }),
        Params::Tls(_) => json!({ "tls": "not shown" }),
        Params::Ike(_) => json!({ "ike": "not shown" }),
        Params::Version(version) => json!({ "version": version }),
        Params::Pbkd2 {
            salt,
            iterations,
            prf,
            ..
        } => json!({ "prf": name(prf), "iterations": iterations, "salt_len": salt.len() }),
        Params::Pbe {
            salt, iterations, ..
        } => json!({ "iterations": iterations, "salt_len": salt.len() }),
        Params::CallerData(data) => json!({ "data_len": data.len() }),
        Params::PublicValue(value) => json!({ "public_value_len": value.len() }),
        Params::Gcm { iv, aad, tag_len } => {
            json!({ "iv": hex(iv), "aad_len": aad.len(), "tag_bits": 8 * tag_len })
        }
        Params::Oaep(params) => oaep(params),
        Params::RsaAesKeyWrap {
            aes_bits,
            oaep: inner,
        } => {
            json!({ "aes_bits": aes_bits, "oaep": oaep(inner) })
        }
        Params::Pss(pss) => json!({
            "hash": name(&pss.hash), "mgf": mgf(pss.mgf), "salt_len": pss.salt_len,
        }),
        Params::Ecdh(ecdh) => json!({
            "kdf": kdf(ecdh.kdf), "shared_data_len": ecdh.shared_data.len(),
            "public_data_len": ecdh.public_data.len(),
        }),
        Params::EcdhAesKeyWrap(wrap) => json!({
            "aes_bits": wrap.aes_bits, "kdf": kdf(wrap.kdf), "shared_data_len": wrap.shared_data.len(),
        }),
        Params::Eddsa(scheme) => json!({ "scheme": name(scheme) }),
        Params::SignContext(context) => sign_context(context, None),
        Params::HashSignContext(context, hash) => sign_context(context, Some(*hash)),
    }
}

fn oaep(params: &Oaep) -> Value {
    json!({ "hash": name(&params.hash), "mgf": mgf(params.mgf), "label_len": params.label.len() })
}

fn mgf(hash: Hash) -> String {
    format!("MGF1 {}", name(&hash))
}

fn kdf(kdf: Option<SharedKdf>) -> Value {
    match kdf {
        None => Value::Null,
        Some(SharedKdf::X963(hash)) => format!("X9.63 {}", name(&hash)).into(),
        Some(SharedKdf::OneStep(hash)) => format!("SP 800-56A {}", name(&hash)).into(),
    }
}

fn sign_context(context: &SignContext, hash: Option<Hash>) -> Value {
    json!({
        "hedge": context.hedge.map(|hedge| name(&hedge)), "context_len": context.context.len(),
        "hash": hash.map(|hash| name(&hash)),
    })
}

/// The name of one of a few, none of which holds bytes.
fn name(one: &impl Debug) -> String {
    format!("{one:?}")
}

fn hex(bytes: &[u8]) -> String {
    /// Nonces are shorter; GCM takes longer ones.
    const MOST: usize = 32;
    if bytes.len() > MOST {
        return format!("({} bytes)", bytes.len());
    }
    digits(bytes)
}

/// Two hexadecimal digits for each byte.
pub(in crate::abi) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
