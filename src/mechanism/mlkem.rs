//! ML-KEM (PKCS #11 3.2 section 6.68).

use super::{
    Composition, Decapsulate, Encapsulated, Kem, Key, Material, Mechanism, Params, ROW, Unit,
    no_params,
};
use crate::ck;
use crate::crypto::mlkem::{self, ParameterSet, PrivateKey, PublicKey, SECRET_LEN};
use crate::crypto::parameter_set::NamedSet;
use crate::error::{Result, refuse};
use crate::keytype::{Values, set_of};
use crate::rng::Rng;
use crate::secret::Secret;

/// Sizes are those of public keys.
const ML_KEM: Mechanism = Mechanism {
    key_types: &[ck::CKK_ML_KEM],
    sizes: (800, 1568),
    unit: Unit::Bytes,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_ML_KEM_KEY_PAIR_GEN,
        name: "CKM_ML_KEM_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        ..ML_KEM
    },
    Mechanism {
        id: ck::CKM_ML_KEM,
        name: "CKM_ML_KEM",
        kem: Some(&KEM),
        composition: Composition::OneWay { bounded: |_| true },
        ..ML_KEM
    },
];

static KEM: Kem = Kem {
    ciphertext_len: |key, params| {
        no_params(params)?;
        Ok(public(key)?.set().ciphertext_len())
    },
    encapsulate,
    decapsulate: Decapsulate::By(decapsulate),
};

fn generate_pair(asked: &dyn Values) -> Result<Material> {
    Ok(Material::pair(mlkem::generate(set_of::<ParameterSet>(
        asked,
    )?)?))
}

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an ML-KEM public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an ML-KEM private key"),
    }
}

fn encapsulate(
    key: &Key,
    params: &Params,
    _: &dyn Rng,
    len: Option<usize>,
) -> Result<Encapsulated> {
    no_params(params)?;
    let (ciphertext, secret) = public(key)?.encapsulate()?;
    Ok(Encapsulated {
        ciphertext,
        secret: beginning(secret, len)?,
    })
}

fn decapsulate(
    key: &Key,
    params: &Params,
    ciphertext: &[u8],
    len: Option<usize>,
) -> Result<Secret> {
    no_params(params)?;
    let key = private(key)?;
    if ciphertext.len() != key.set().ciphertext_len() {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            format!(
                "a ciphertext of {} has {} bytes, not {}",
                key.set().name(),
                key.set().ciphertext_len(),
                ciphertext.len()
            ),
        );
    }
    beginning(key.decapsulate(ciphertext)?, len)
}

/// The shared secret, or its first bytes where CKA_VALUE_LEN asks for fewer.
fn beginning(secret: Secret, len: Option<usize>) -> Result<Secret> {
    match len {
        None => Ok(secret),
        Some(len) if len <= SECRET_LEN => Ok(secret.truncated(len)),
        Some(_) => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "the shared secret of ML-KEM has 32 bytes, fewer than CKA_VALUE_LEN",
        ),
    }
}
