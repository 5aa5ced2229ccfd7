//! TLS 1.2 (PKCS #11 3.2 section 6.40), and TLS 1.0 and 1.1 (section 6.39), which RFC 8996 forbids and which are off
//! by default.

mod params;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use params::{TlsKeys, TlsParam, TlsParams, TlsPrf};

use super::derive::{MAX, value};
use super::one_part::{CollectedInput, signer, verifier};
use super::row::{ByDefault, KeyBlock};
use super::{
    Composition, Key, Mechanism, ParamKind, Params, ROW, Signer, Unit, Verifier, bad_param,
};
use crate::ck;
use crate::error::{Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

/// Bytes of a master secret, and of a pre-master secret that begins with a version.
const MASTER: usize = 48;
/// Bytes of a version.
const VERSION: usize = 2;
/// Most bytes that a Finished message is made of: a digest of the handshake, or two.
const HANDSHAKE: usize = 1024;
/// Fewest and most bytes of verify_data.
const VERIFY_DATA: std::ops::RangeInclusive<usize> = 12..=64;

/// What a master secret may be used by.
const OF_MASTER: &[ck::CK_MECHANISM_TYPE] = &[
    ck::CKM_TLS12_KEY_AND_MAC_DERIVE,
    ck::CKM_TLS12_KEY_SAFE_DERIVE,
    ck::CKM_TLS12_KDF,
    ck::CKM_TLS12_MAC,
    ck::CKM_TLS_KDF,
    ck::CKM_TLS_MAC,
];

const GENERIC: Mechanism = Mechanism {
    key_types: &[ck::CKK_GENERIC_SECRET],
    unit: Unit::Bytes,
    composition: Composition::OneWay { bounded: |_| false },
    ..ROW
};

/// Of a pre-master secret with a version.
const WITH_VERSION: Mechanism = Mechanism {
    sizes: (MASTER as u64, MASTER as u64),
    composition: Composition::OneWay { bounded: |_| true },
    tells_version: true,
    derived_for: OF_MASTER,
    default_uses: &[ck::CKA_DERIVE, ck::CKA_SIGN, ck::CKA_VERIFY],
    ..GENERIC
};

/// Of a secret of any length, which two parties agreed on.
const AGREED: Mechanism = Mechanism {
    sizes: (0, 0),
    tells_version: false,
    ..WITH_VERSION
};

const KEYS: Mechanism = Mechanism {
    sizes: (MASTER as u64, MASTER as u64),
    derive_keys: Some(connection_keys),
    guards_derived: true,
    ..GENERIC
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_TLS_PRE_MASTER_KEY_GEN,
        name: "CKM_TLS_PRE_MASTER_KEY_GEN",
        sizes: (MASTER as u64, MASTER as u64),
        params: ParamKind::Version,
        generate: Some(pre_master),
        only_len: Some(MASTER as u64),
        default_uses: &[ck::CKA_DERIVE],
        ..GENERIC
    },
    Mechanism {
        id: ck::CKM_TLS12_MASTER_KEY_DERIVE,
        name: "CKM_TLS12_MASTER_KEY_DERIVE",
        params: ParamKind::Tls(TlsParam::Master),
        derive: Some(master),
        ..WITH_VERSION
    },
    Mechanism {
        id: ck::CKM_TLS12_MASTER_KEY_DERIVE_DH,
        name: "CKM_TLS12_MASTER_KEY_DERIVE_DH",
        params: ParamKind::Tls(TlsParam::Master),
        derive: Some(master),
        ..AGREED
    },
    Mechanism {
        id: ck::CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
        name: "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE",
        params: ParamKind::Tls(TlsParam::ExtendedMaster),
        derive: Some(extended_master),
        ..WITH_VERSION
    },
    Mechanism {
        id: ck::CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
        name: "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH",
        params: ParamKind::Tls(TlsParam::ExtendedMaster),
        derive: Some(extended_master),
        ..AGREED
    },
    Mechanism {
        id: ck::CKM_TLS12_KEY_AND_MAC_DERIVE,
        name: "CKM_TLS12_KEY_AND_MAC_DERIVE",
        params: ParamKind::Tls(TlsParam::Keys),
        ..KEYS
    },
    Mechanism {
        id: ck::CKM_TLS12_KEY_SAFE_DERIVE,
        name: "CKM_TLS12_KEY_SAFE_DERIVE",
        params: ParamKind::Tls(TlsParam::Keys),
        derive_keys: Some(safe_keys),
        ..KEYS
    },
    Mechanism {
        id: ck::CKM_TLS_KDF,
        name: "CKM_TLS_KDF",
        ..KDF
    },
    Mechanism {
        id: ck::CKM_TLS12_KDF,
        name: "CKM_TLS12_KDF",
        ..KDF
    },
    Mechanism {
        id: ck::CKM_TLS_MAC,
        name: "CKM_TLS_MAC",
        ..MAC
    },
    Mechanism {
        id: ck::CKM_TLS12_MAC,
        name: "CKM_TLS12_MAC",
        ..MAC
    },
    Mechanism {
        id: ck::CKM_TLS_MASTER_KEY_DERIVE,
        name: "CKM_TLS_MASTER_KEY_DERIVE",
        by_default: ByDefault::Hidden,
        params: ParamKind::Tls(TlsParam::OldMaster),
        derive: Some(master),
        derived_for: &[],
        ..WITH_VERSION
    },
    Mechanism {
        id: ck::CKM_TLS_MASTER_KEY_DERIVE_DH,
        name: "CKM_TLS_MASTER_KEY_DERIVE_DH",
        by_default: ByDefault::Hidden,
        params: ParamKind::Tls(TlsParam::OldMaster),
        derive: Some(master),
        derived_for: &[],
        ..AGREED
    },
    Mechanism {
        id: ck::CKM_TLS_KEY_AND_MAC_DERIVE,
        name: "CKM_TLS_KEY_AND_MAC_DERIVE",
        by_default: ByDefault::Hidden,
        params: ParamKind::Tls(TlsParam::OldKeys),
        ..KEYS
    },
];

const KDF: Mechanism = Mechanism {
    params: ParamKind::Tls(TlsParam::Kdf),
    derive: Some(export),
    guards_derived: true,
    ..GENERIC
};

const MAC: Mechanism = Mechanism {
    params: ParamKind::Tls(TlsParam::Mac),
    sign: Some(sign),
    verify: Some(verify),
    ..GENERIC
};

fn tls(params: &Params) -> Result<&TlsParams> {
    match params {
        Params::Tls(params) => Ok(params),
        _ => bad_param("the mechanism takes a structure of TLS"),
    }
}

/// The version in the parameter, and 46 random bytes.
fn pre_master(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    let Params::Version(version) = params else {
        return bad_param("the mechanism takes CK_VERSION");
    };
    if len != MASTER {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("a pre-master secret has {MASTER} bytes, not {len}"),
        );
    }
    let mut secret = rng::secret(rng, MASTER);
    secret[..VERSION].copy_from_slice(version);
    Ok(secret)
}

fn master(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    master_by(b"master secret", key, params, len)
}

/// RFC 7627 section 4.
fn extended_master(
    key: &Key,
    params: &Params,
    _: &[Arc<Key>],
    len: Option<usize>,
) -> Result<Secret> {
    master_by(b"extended master secret", key, params, len)
}

fn master_by(label: &[u8], key: &Key, params: &Params, len: Option<usize>) -> Result<Secret> {
    let TlsParams::Master { prf, seed, .. } = tls(params)? else {
        return bad_param("the mechanism takes the parameters of a master secret");
    };
    match len.unwrap_or(MASTER) {
        MASTER => Ok(prf.derive(value(key)?, label, seed, MASTER)?),
        len => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("a master secret has {MASTER} bytes, not {len}"),
        ),
    }
}

fn export(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let TlsParams::Kdf { prf, label, seed } = tls(params)? else {
        return bad_param("the mechanism takes CK_TLS_KDF_PARAMS");
    };
    match len {
        None => refuse(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "exported keying material needs CKA_VALUE_LEN",
        ),
        Some(len) if !(1..=MAX).contains(&len) => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("a derived key has 1 to {MAX} bytes, not {len}"),
        ),
        Some(len) => Ok(prf.derive(value(key)?, label, seed, len)?),
    }
}

fn safe_keys(key: &Key, params: &Params) -> Result<KeyBlock> {
    let mut params = params.clone();
    if let Params::Tls(TlsParams::Keys(keys)) = &mut params {
        keys.iv_len = 0;
    }
    connection_keys(key, &params)
}

/// RFC 5246 section 6.3: MAC keys, keys and initialization vectors, each of the client and then of the server.
fn connection_keys(key: &Key, params: &Params) -> Result<KeyBlock> {
    let TlsParams::Keys(keys) = tls(params)? else {
        return bad_param("the mechanism takes the lengths of a connection's keys");
    };
    let lens = [keys.mac_len, keys.key_len, keys.iv_len];
    let whole = 2 * lens.iter().sum::<usize>();
    let block = (keys.prf).derive(value(key)?, b"key expansion", &keys.seed, whole)?;
    let mut rest = &block[..];
    let mut pairs = lens.map(|len| {
        let (both, behind) = rest.split_at(2 * len);
        rest = behind;
        let (client, server) = both.split_at(len);
        (len != 0).then(|| [client, server].map(Secret::copy))
    });
    let ivs = pairs[2].take();
    let [macs, keys, _] = pairs;
    Ok(KeyBlock { macs, keys, ivs })
}

/// Function, length and label of verify_data.
fn finished(params: &Params) -> Result<(TlsPrf, usize, &'static [u8])> {
    let TlsParams::Mac { prf, len, server } = tls(params)? else {
        return bad_param("the mechanism takes CK_TLS_MAC_PARAMS");
    };
    if !VERIFY_DATA.contains(len) {
        return bad_param("verify_data has 12 to 64 bytes");
    }
    let label: &[u8] = match server {
        true => b"server finished",
        false => b"client finished",
    };
    Ok((*prf, *len, label))
}

fn sign(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    let (prf, len, label) = finished(params)?;
    value(key)?;
    let key = Arc::clone(key);
    let input = CollectedInput::data(HANDSHAKE);
    Ok(signer(input, len, move |handshake, out| {
        let data = prf.derive(value(&key)?, label, handshake, len)?;
        out[..len].copy_from_slice(&data);
        Ok(len)
    }))
}

fn verify(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let (prf, len, label) = finished(params)?;
    value(key)?;
    let key = Arc::clone(key);
    let input = CollectedInput::data(HANDSHAKE);
    Ok(verifier(input, move |handshake, signature| {
        if signature.len() != len {
            return refuse(ck::CKR_SIGNATURE_LEN_RANGE, "verify_data of another length");
        }
        let data = prf.derive(value(&key)?, label, handshake, len)?;
        match data.ct_eq(signature) {
            true => Ok(()),
            false => refuse(ck::CKR_SIGNATURE_INVALID, "verify_data does not verify"),
        }
    }))
}
