//! CKM_TENON_HPKE: keys sealed by HPKE in base mode (RFC 9180) under a key that withstands quantum computers,
//! ML-KEM (draft-ietf-hpke-pq) or X-Wing, with HKDF-SHA256 and AES-256-GCM.
//!
//! ```text
//! blob      = encapsulated key ‖ ciphertext ‖ tag (16)
//! parameter = info, bytes that both sides must have the same; none is empty info
//! ```

use super::{
    BadBlob, Key, Material, Mechanism, ParamKind, Params, Proof, ROW, Unit, Unwrap, bad_param,
};
use crate::ck;
use crate::crypto::hpke::{OVERHEAD, Suite};
use crate::crypto::mlkem::{self, ParameterSet};
use crate::crypto::{self, xwing};
use crate::error::{Result, refuse};
use crate::rng::Rng;
use crate::secret::Secret;

/// Greatest length of `info` in bytes.
const INFO_MAX: usize = 1024;

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_TENON_XWING_KEY_PAIR_GEN,
        name: "CKM_TENON_XWING_KEY_PAIR_GEN",
        key_types: &[ck::CKK_TENON_XWING],
        sizes: (1216, 1216),
        unit: Unit::Bytes,
        generate_pair: Some(|_| Ok(Material::pair(xwing::generate()?))),
        ..ROW
    },
    Mechanism {
        id: ck::CKM_TENON_HPKE,
        name: "CKM_TENON_HPKE",
        key_types: &[ck::CKK_TENON_XWING, ck::CKK_ML_KEM],
        // Those of public keys.
        sizes: (800, 1568),
        unit: Unit::Bytes,
        params: ParamKind::CallerData(INFO_MAX),
        wrap: Some(wrap),
        unwrap: Some(&UNWRAP),
        ..ROW
    },
];

static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        info(params)?;
        let least = Recipient::of(key)?.encapsulated_len() + OVERHEAD;
        if len <= least {
            return refuse(
                ck::CKR_WRAPPED_KEY_LEN_RANGE,
                format!("a key sealed by HPKE under this key is longer than {least} bytes"),
            );
        }
        Ok(())
    },
    open: |key, params, blob| {
        let (Ok(recipient), Ok(info)) = (Recipient::of(key), info(params)) else {
            return Err(BadBlob);
        };
        recipient.open(info, blob).map_err(|_| BadBlob)
    },
    proof: Proof::Integrity,
};

fn info(params: &Params) -> Result<&[u8]> {
    match params {
        Params::None => Ok(&[]),
        Params::CallerData(info) => Ok(info),
        _ => bad_param("the parameter is HPKE's info, or nothing"),
    }
}

fn wrap(key: &Key, params: &Params, _: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    let info = info(params)?;
    let (suite, (mut blob, shared)) = match (key.of(), key.of()) {
        (Some(key), _) => (XWING, xwing::PublicKey::encapsulate(key)?),
        (_, Some(key)) => (ml_kem(mlkem::PublicKey::set(key)), key.encapsulate()?),
        _ => {
            return refuse(
                ck::CKR_KEY_TYPE_INCONSISTENT,
                "not a public key of X-Wing or ML-KEM",
            );
        }
    };
    blob.extend(suite.seal(&shared, info, clear)?);
    Ok(blob)
}

/// With X-Wing, as both drafts number it.
const XWING: Suite = Suite::sha256_aes256_gcm(0x647A);

/// With ML-KEM of this parameter set.
fn ml_kem(set: ParameterSet) -> Suite {
    Suite::sha256_aes256_gcm(match set {
        ParameterSet::MlKem512 => 0x0040,
        ParameterSet::MlKem768 => 0x0041,
        ParameterSet::MlKem1024 => 0x0042,
    })
}

/// The private key that opens.
enum Recipient<'a> {
    XWing(&'a xwing::PrivateKey),
    MlKem(&'a mlkem::PrivateKey),
}

impl<'a> Recipient<'a> {
    fn of(key: &'a Key) -> Result<Self> {
        let of_xwing = key.of().map(Self::XWing);
        match of_xwing.or_else(|| key.of().map(Self::MlKem)) {
            Some(recipient) => Ok(recipient),
            None => refuse(
                ck::CKR_KEY_TYPE_INCONSISTENT,
                "not a private key of X-Wing or ML-KEM",
            ),
        }
    }

    fn encapsulated_len(&self) -> usize {
        match self {
            Self::XWing(_) => xwing::CIPHERTEXT_LEN,
            Self::MlKem(key) => key.set().ciphertext_len(),
        }
    }

    fn open(&self, info: &[u8], blob: &[u8]) -> crypto::Result<Secret> {
        let parts = blob.split_at_checked(self.encapsulated_len());
        let (encapsulated, sealed) = parts.ok_or(crypto::Error::CiphertextLength)?;
        let (suite, shared) = match self {
            Self::XWing(key) => (XWING, key.decapsulate(encapsulated)?),
            Self::MlKem(key) => (ml_kem(key.set()), key.decapsulate(encapsulated)?),
        };
        suite.open(&shared, info, sealed)
    }
}

#[cfg(test)]
mod tests;
