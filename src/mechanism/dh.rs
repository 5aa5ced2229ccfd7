//! Diffie-Hellman (PKCS #11 3.2 section 6.4).

use std::sync::Arc;

use super::{
    Composition, Decapsulate, Encapsulated, Kem, Key, Material, Mechanism, ParamKind, Params, ROW,
    Unit, no_params,
};
use crate::ck;
use crate::crypto;
use crate::crypto::dh::{self, Group, MAX_BITS, MIN_BITS, PrivateKey, PublicKey};
use crate::error::{Error, Result, refuse};
use crate::keytype::{PublicValues, Values, dh_group, dh_group_values, invalid_key, need_number};
use crate::secret::Secret;

const DH: Mechanism = Mechanism {
    key_types: &[ck::CKK_DH],
    sizes: (MIN_BITS as u64, MAX_BITS as u64),
    unit: Unit::Bits,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_DH_PKCS_KEY_PAIR_GEN,
        name: "CKM_DH_PKCS_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        ..DH
    },
    Mechanism {
        id: ck::CKM_DH_PKCS_PARAMETER_GEN,
        name: "CKM_DH_PKCS_PARAMETER_GEN",
        generate_parameters: Some(generate_parameters),
        ..DH
    },
    Mechanism {
        id: ck::CKM_DH_PKCS_DERIVE,
        name: "CKM_DH_PKCS_DERIVE",
        params: ParamKind::PublicValue(MAX_BITS / 8),
        derive: Some(derive),
        composition: Composition::OneWay { bounded: |_| true },
        kem: Some(&KEM),
        ..DH
    },
];

/// The ciphertext is the public value of a new key pair, as long as the prime.
static KEM: Kem = Kem {
    ciphertext_len: |key, params| {
        no_params(params)?;
        Ok(public(key)?.len())
    },
    encapsulate: |key, params, _, len| {
        no_params(params)?;
        let (ciphertext, shared) = public(key)?.transport()?;
        Ok(Encapsulated {
            ciphertext,
            secret: last(shared, len)?,
        })
    },
    decapsulate: Decapsulate::By(|key, params, ciphertext, len| {
        no_params(params)?;
        let key = private(key)?;
        if ciphertext.len() != key.len() {
            return refuse(
                ck::CKR_WRAPPED_KEY_LEN_RANGE,
                format!(
                    "a ciphertext is a public value of the key's group, {} bytes, not {}",
                    key.len(),
                    ciphertext.len()
                ),
            );
        }
        let shared = key.agree(ciphertext).map_err(|error| {
            let what = "the ciphertext is no public value of the key's group";
            Error::new(ck::CKR_WRAPPED_KEY_INVALID, what).because(Error::from(error))
        })?;
        last(shared, len)
    }),
};

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a DH public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not a DH private key"),
    }
}

/// CKA_PRIME and CKA_BASE say the group, and CKA_VALUE_BITS the bits of the private value.
fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let (p, g) = dh_group(asked)?;
    let bits = asked.ulong(ck::CKA_VALUE_BITS);
    let pair = dh::generate(p, g, bits).map_err(|error| match error {
        crypto::Error::KeySize => Error::new(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "CKA_PRIME has {MIN_BITS} to {MAX_BITS} bits, and CKA_VALUE_BITS is {} at least and less than that",
                dh::LEAST_PRIVATE_BITS
            ),
        ),
        error => invalid_key(
            error,
            ck::CKR_DOMAIN_PARAMS_INVALID,
            "CKA_PRIME and CKA_BASE are a group of RFC 3526, of RFC 7919, or of another safe prime",
        ),
    })?;
    Ok(Material::pair(pair))
}

/// The group of RFC 3526 of this size: it takes minutes to find another safe prime, and a known group needs no proof by
/// those who receive it.
fn generate_parameters(asked: &dyn Values) -> Result<PublicValues> {
    let bits = need_number(asked, ck::CKA_PRIME_BITS, "CKA_PRIME_BITS")?;
    match Group::of_rfc3526(bits)? {
        Some(group) if DH.takes(bits) => Ok(dh_group_values(&group)),
        _ => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!("CKA_PRIME_BITS is 2048, 3072, 4096, 6144 or 8192, not {bits}"),
        ),
    }
}

fn derive(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let Params::PublicValue(peer) = params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes the public value of the other party",
        );
    };
    let shared = private(key)?.agree(peer).map_err(|error| {
        let what = "the parameter is no public value of the key's group";
        invalid_key(error, ck::CKR_MECHANISM_PARAM_INVALID, what)
    })?;
    last(shared, len)
}

/// "The truncation removes bytes from the leading end of the secret value."
fn last(shared: Secret, len: Option<usize>) -> Result<Secret> {
    match len.unwrap_or(shared.len()) {
        len if (1..=shared.len()).contains(&len) => Ok(Secret::copy(&shared[shared.len() - len..])),
        len => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            format!(
                "the derivation gives 1 to {} bytes, as the prime has, not {len}",
                shared.len()
            ),
        ),
    }
}
