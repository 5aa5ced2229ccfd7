//! CKM_ECDH1_DERIVE and CKM_ECDH1_COFACTOR_DERIVE (PKCS #11 3.2 section 6.3, "Elliptic curve
//! Diffie-Hellman").

use std::sync::Arc;

use super::{EC, private, public};
use crate::ck;
use crate::crypto;
use crate::crypto::ec::{self, PrivateKey, PublicKey};
use crate::crypto::okp;
use crate::error::{Error, Result, refuse};
use crate::mechanism::{
    Composition, Decapsulate, Ecdh, Encapsulated, Kem, Key, Mechanism, ParamKind, Params, bad_param,
};
use crate::secret::Secret;

/// Greatest length of a derived secret in bytes, as for generated ones.
const MAX_LEN: usize = 4096;

const ECDH: Mechanism = Mechanism {
    params: ParamKind::Ecdh,
    derive: Some(derive),
    // Without a key derivation function the output is the shared secret, as long as the curve's
    // field.
    composition: Composition::OneWay {
        bounded: |params| matches!(params, Params::Ecdh(Ecdh { kdf: None, .. })),
    },
    kem: Some(&KEM),
    ..EC
};

/// The ciphertext is the public key of a new pair, bare.
static KEM: Kem = Kem {
    ciphertext_len: |key, params| {
        without_peer(params)?;
        match key.of::<okp::PublicKey>() {
            Some(_) => Ok(okp::KEY_LEN),
            None => Ok(public(key)?.curve().point_len()),
        }
    },
    encapsulate: |key, params, _, len| {
        let ecdh = without_peer(params)?;
        let (ciphertext, shared) = transport(key)?;
        Ok(Encapsulated {
            ciphertext,
            secret: keyed(shared, ecdh, len)?,
        })
    },
    decapsulate: Decapsulate::By(|key, params, ciphertext, len| {
        let ecdh = without_peer(params)?;
        of_point_length(key, ciphertext)?;
        let shared = agree(key, ciphertext).map_err(not_a_ciphertext)?;
        keyed(shared, ecdh, len)
    }),
};

pub(in crate::mechanism) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_ECDH1_DERIVE,
        name: "CKM_ECDH1_DERIVE",
        key_types: &[ck::CKK_EC, ck::CKK_EC_MONTGOMERY],
        ..ECDH
    },
    // All curves have cofactor 1, so the two mechanisms compute the same.
    Mechanism {
        id: ck::CKM_ECDH1_COFACTOR_DERIVE,
        name: "CKM_ECDH1_COFACTOR_DERIVE",
        ..ECDH
    },
];

fn derive(key: &Key, params: &Params, _: &[Arc<Key>], len: Option<usize>) -> Result<Secret> {
    let Params::Ecdh(ecdh) = params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism needs CK_ECDH1_DERIVE_PARAMS",
        );
    };
    keyed(agree(key, &ecdh.public_data)?, ecdh, len)
}

/// The parameters of an encapsulation: "pPublicData and ulPublicDataLen must be set to NULL and 0".
fn without_peer(params: &Params) -> Result<&Ecdh> {
    match params {
        Params::Ecdh(ecdh) if ecdh.public_data.is_empty() => Ok(ecdh),
        _ => bad_param("an encapsulation takes CK_ECDH1_DERIVE_PARAMS without pPublicData"),
    }
}

fn of_point_length(key: &Key, ciphertext: &[u8]) -> Result<()> {
    let fits = match key.of::<okp::PrivateKey>() {
        Some(_) => okp::bare_point(ciphertext).len() == okp::KEY_LEN,
        None => {
            let curve = private(key)?.curve();
            let len = curve.bare_point(ciphertext).len();
            [curve.point_len(), 1 + curve.field_len()].contains(&len)
        }
    };
    if fits {
        return Ok(());
    }
    refuse(
        ck::CKR_WRAPPED_KEY_LEN_RANGE,
        "a ciphertext is a public key on the key's curve, and none has this length",
    )
}

fn not_a_ciphertext(error: Error) -> Error {
    if error.rv != ck::CKR_MECHANISM_PARAM_INVALID {
        return error;
    }
    let what = "the ciphertext is no public key on the key's curve";
    Error::new(ck::CKR_WRAPPED_KEY_INVALID, what).because(error)
}

/// The public key of a new pair on the curve of `key`, and the secret that the two share.
pub(super) fn transport(key: &Key) -> Result<(Vec<u8>, Secret)> {
    if let Some(key) = key.of::<okp::PublicKey>() {
        let pair = okp::generate(key.curve())?;
        let shared = okp::PrivateKey::new(&pair)?.agree(key)?;
        return Ok((pair.public, shared));
    }
    let key = public(key)?;
    let pair = ec::generate(key.curve())?;
    let shared = PrivateKey::new(&pair)?.agree(key)?;
    Ok((pair.point, shared))
}

/// The secret that the two parties share. `peer` is a bare public key or, as in CKA_EC_POINT, a DER
/// OCTET STRING.
pub(super) fn agree(key: &Key, peer: &[u8]) -> Result<Secret> {
    let shared = match key.of::<okp::PrivateKey>() {
        Some(key) => okp::PublicKey::new(key.curve(), okp::bare_point(peer))
            .and_then(|peer| key.agree(&peer)),
        None => {
            let key = private(key)?;
            let curve = key.curve();
            PublicKey::new(curve, curve.bare_point(peer)).and_then(|peer| key.agree(&peer))
        }
    };
    shared.map_err(not_a_peer)
}

fn not_a_peer(error: crypto::Error) -> Error {
    match error {
        crypto::Error::InvalidKey(_) => Error::new(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the other party's public key is not one of the key's curve",
        )
        .because(error),
        other => other.into(),
    }
}

/// The derived key. Without a key derivation function it is the shared secret, or its last bytes
/// where CKA_VALUE_LEN asks for fewer.
fn keyed(shared: Secret, ecdh: &Ecdh, len: Option<usize>) -> Result<Secret> {
    match (ecdh.kdf, len) {
        (None, None) => Ok(shared),
        (None, Some(len)) => match shared.len().checked_sub(len) {
            Some(start) => Ok(Secret::copy(&shared[start..])),
            None => refuse(
                ck::CKR_KEY_SIZE_RANGE,
                "the shared secret is shorter than CKA_VALUE_LEN",
            ),
        },
        (Some(_), None) => refuse(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "a key derivation function needs CKA_VALUE_LEN",
        ),
        (Some(_), Some(len)) if len > MAX_LEN => refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "a derived secret has 1 to 4096 bytes",
        ),
        (Some(kdf), Some(len)) => {
            let mut out = Secret::zeroed(len);
            kdf.derive(&shared, &ecdh.shared_data, &mut out);
            Ok(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ec::{self, Curve, PrivateKey};
    use crate::crypto::encoding::to_octet_string;
    use crate::crypto::hash::Hash;
    use crate::crypto::kdf::{SharedKdf, x963};

    fn pair(curve: Curve) -> (Key, Vec<u8>) {
        let material = ec::generate(curve).unwrap();
        let key = Key::new(PrivateKey::new(&material).unwrap());
        (key, material.point)
    }

    fn params(kdf: Option<SharedKdf>, public_data: &[u8]) -> Params {
        Params::Ecdh(Ecdh {
            kdf,
            shared_data: b"info".to_vec(),
            public_data: public_data.to_vec(),
        })
    }

    fn rv(result: Result<Secret>) -> ck::CK_RV {
        result.err().map_or(ck::CKR_OK, |error| error.rv)
    }

    #[test]
    fn both_parties_derive_the_same_by_every_function() {
        for curve in [
            Curve::P224,
            Curve::P521,
            Curve::Secp256k1,
            Curve::Brainpool512,
        ] {
            let ((one, of_one), (two, of_two)) = (pair(curve), pair(curve));
            let wrapped = to_octet_string(&of_one).unwrap();
            let keyed = [
                SharedKdf::X963(Hash::Sha1),
                SharedKdf::X963(Hash::Sha3_512),
                SharedKdf::OneStep(Hash::Sha384),
            ];
            for kdf in [None].into_iter().chain(keyed.map(Some)) {
                for len in [1, 20, curve.field_len()] {
                    let a = derive(&one, &params(kdf, &of_two), &[], Some(len)).unwrap();
                    for point in [&of_one, &wrapped] {
                        let b = derive(&two, &params(kdf, point), &[], Some(len)).unwrap();
                        assert!(a.ct_eq(&b) && a.len() == len);
                    }
                }
            }
            let whole = derive(&one, &params(None, &of_two), &[], None).unwrap();
            let short = derive(&one, &params(None, &of_two), &[], Some(5)).unwrap();
            assert!(short.ct_eq(&whole[whole.len() - 5..]));
            let mut expected = [0; 100];
            x963(Hash::Sha256, &whole, b"info", &mut expected);
            let kdf = Some(SharedKdf::X963(Hash::Sha256));
            let keyed = derive(&one, &params(kdf, &of_two), &[], Some(100));
            assert!(keyed.unwrap().ct_eq(&expected));
        }
    }

    #[test]
    fn points_that_are_none_and_lengths_that_cannot_be() {
        let ((key, own), (_, other)) = (pair(Curve::P256), pair(Curve::P384));
        let mut off = own.clone();
        off[64] ^= 1;
        let invalid = ck::CKR_MECHANISM_PARAM_INVALID;
        for point in [&other, &off, &own[..64], &[], &[4]] {
            let refused = derive(&key, &params(None, point), &[], None);
            assert_eq!(rv(refused), invalid);
        }
        assert_eq!(rv(derive(&key, &Params::None, &[], None)), invalid);
        let public = Key::new(PublicKey::new(Curve::P256, &own).unwrap());
        let refused = derive(&public, &params(None, &own), &[], None);
        assert_eq!(rv(refused), ck::CKR_KEY_TYPE_INCONSISTENT);
        let derived = |kdf, len| rv(derive(&key, &params(kdf, &own), &[], len));
        assert_eq!(derived(None, Some(33)), ck::CKR_KEY_SIZE_RANGE);
        let kdf = Some(SharedKdf::OneStep(Hash::Sha256));
        assert_eq!(derived(kdf, None), ck::CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(derived(kdf, Some(MAX_LEN)), ck::CKR_OK);
        for len in [MAX_LEN + 1, usize::MAX] {
            assert_eq!(derived(kdf, Some(len)), ck::CKR_KEY_SIZE_RANGE);
        }
    }
}
