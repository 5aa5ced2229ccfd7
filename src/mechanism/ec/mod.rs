//! Elliptic curves (PKCS #11 3.2 section 6.3).

use std::sync::Arc;

use super::one_part::{CollectedInput, signer, verifier};
use super::op::{Signer, Verifier};
use super::{Key, Material, Mechanism, Params, Proof, ROW, Unit, bad_param, no_params};
use crate::ck;
use crate::crypto::ec::{self, PrivateKey, PublicKey};
use crate::crypto::hash::Hash;
use crate::error::{Result, refuse};
use crate::keytype::{self, Values, need};

pub(super) mod ecdh;
pub(super) mod ecdh_wrap;

/// CKM_ECDSA takes digests of up to 1024 bits.
const MAX_DIGEST_LEN: usize = 128;

const EC: Mechanism = Mechanism {
    key_types: &[ck::CKK_EC],
    sizes: (224, 521),
    unit: Unit::Bits,
    flags: ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE | ck::CKF_EC_UNCOMPRESS,
    ..ROW
};

macro_rules! rows {
    ($($hash:ident: $ecdsa:ident;)+) => {
        &[
            Mechanism {
                id: ck::CKM_EC_KEY_PAIR_GEN,
                name: "CKM_EC_KEY_PAIR_GEN",
                generate_pair: Some(generate_pair),
                ..EC
            },
            Mechanism {
                id: ck::CKM_ECDSA,
                name: "CKM_ECDSA",
                sign: Some(|key, params| sign(key, params, CollectedInput::leading(MAX_DIGEST_LEN))),
                verify: Some(|key, params| verify(key, params, CollectedInput::leading(MAX_DIGEST_LEN))),
                ..EC
            },
            $(Mechanism {
                id: ck::$ecdsa,
                name: stringify!($ecdsa),
                sign: Some(|key, params| sign(key, params, CollectedInput::hashed(Hash::$hash))),
                verify: Some(|key, params| verify(key, params, CollectedInput::hashed(Hash::$hash))),
                ..EC
            },)+
        ]
    };
}

pub(super) static ROWS: &[Mechanism] = rows! {
    Sha1: CKM_ECDSA_SHA1;
    Sha224: CKM_ECDSA_SHA224;
    Sha256: CKM_ECDSA_SHA256;
    Sha384: CKM_ECDSA_SHA384;
    Sha512: CKM_ECDSA_SHA512;
    Sha3_224: CKM_ECDSA_SHA3_224;
    Sha3_256: CKM_ECDSA_SHA3_256;
    Sha3_384: CKM_ECDSA_SHA3_384;
    Sha3_512: CKM_ECDSA_SHA3_512;
};

/// Refuses keys on SM2's curve, which only SM2 uses.
fn public(key: &Key) -> Result<&PublicKey> {
    match key.of::<PublicKey>() {
        Some(key) if key.sm2().is_none() => Ok(key),
        _ => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "not an EC public key of this mechanism",
        ),
    }
}

/// Refuses keys on SM2's curve, which only SM2 uses.
fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of::<PrivateKey>() {
        Some(key) if key.sm2().is_none() => Ok(key),
        _ => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "not an EC private key of this mechanism",
        ),
    }
}

fn generate_pair(asked: &dyn Values) -> Result<Material> {
    let params = need(asked, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
    Ok(Material::pair(ec::generate(keytype::curve(params)?)?))
}

fn sign(key: &Arc<Key>, params: &Params, input: CollectedInput) -> Result<Box<dyn Signer>> {
    no_params(params)?;
    let len = 2 * private(key)?.curve().order_len();
    let key = Arc::clone(key);
    Ok(signer(input, len, move |digest, out| {
        Ok(private(&key)?.sign(digest, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params, input: CollectedInput) -> Result<Box<dyn Verifier>> {
    no_params(params)?;
    public(key)?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |digest, signature| {
        Ok(public(&key)?.verify(digest, signature)?)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ec::{Curve, EcMaterial};
    use crate::keytype::PublicValue;
    use crate::mechanism::Params;

    fn row(id: ck::CK_MECHANISM_TYPE) -> &'static Mechanism {
        ROWS.iter().find(|row| row.id == id).unwrap()
    }

    fn make(curve: Curve) -> EcMaterial {
        let params = curve.params().to_vec();
        let generate = row(ck::CKM_EC_KEY_PAIR_GEN).generate_pair.unwrap();
        let asked = vec![(ck::CKA_EC_PARAMS, PublicValue::Bytes(params))];
        let pair = generate(&asked).unwrap();
        pair.of().cloned().unwrap()
    }

    fn rv<T>(result: Result<T>) -> ck::CK_RV {
        result.err().map_or(ck::CKR_OK, |error| error.rv)
    }

    /// Orders of whole bytes and others, and each library.
    const CURVES: [Curve; 4] = [
        Curve::P224,
        Curve::P521,
        Curve::Secp256k1,
        Curve::Brainpool320,
    ];

    fn pair(curve: Curve) -> (Arc<Key>, Arc<Key>) {
        let material = make(curve);
        let private = PrivateKey::new(&material).unwrap();
        let public = PublicKey::new(curve, &material.point).unwrap();
        (Arc::new(Key::new(private)), Arc::new(Key::new(public)))
    }

    #[test]
    fn every_curve_signs_by_every_row() {
        for curve in CURVES {
            let (private, public) = pair(curve);
            for row in ROWS.iter().filter(|row| row.sign.is_some()) {
                assert!(row.takes(private.bits()));
                let (sign, verify) = (row.sign.unwrap(), row.verify.unwrap());
                let mut signer = sign(&private, &Params::None).unwrap();
                let mut signature = vec![0; signer.len()];
                signer.update(b"mor").unwrap();
                signer.update(b"tise").unwrap();
                assert_eq!(
                    signer.finish(&mut signature).unwrap(),
                    2 * curve.order_len()
                );
                let check = |message: &[u8], signature: &[u8]| {
                    let mut verifier = verify(&public, &Params::None).unwrap();
                    verifier.update(message).unwrap();
                    rv(verifier.finish(signature))
                };
                assert_eq!(check(b"mortise", &signature), ck::CKR_OK);
                assert_eq!(check(b"tenon", &signature), ck::CKR_SIGNATURE_INVALID);
                let odd = &signature[1..];
                assert_eq!(check(b"mortise", odd), ck::CKR_SIGNATURE_LEN_RANGE);
                let inconsistent = ck::CKR_KEY_TYPE_INCONSISTENT;
                assert_eq!(rv(sign(&public, &Params::None)), inconsistent);
                assert_eq!(rv(verify(&private, &Params::None)), inconsistent);
            }
        }
    }

    /// What is signed is a number as long as the order: no bytes are zero, more bytes are cut off.
    #[test]
    fn any_number_of_bytes_is_signed_by_the_leading_ones() {
        for curve in CURVES {
            let (private, public) = pair(curve);
            let (sign, verify) = (row(ck::CKM_ECDSA).sign, row(ck::CKM_ECDSA).verify);
            for (signed, same) in [(0, 1), (1, 1), (129, 128), (1000, 66)] {
                let mut signer = sign.unwrap()(&private, &Params::None).unwrap();
                let mut signature = vec![0; signer.len()];
                let message = vec![if signed == 0 { 0 } else { 7 }; 1000];
                for part in message[..signed].chunks(100) {
                    signer.update(part).unwrap();
                }
                signer.finish(&mut signature).unwrap();
                let mut verifier = verify.unwrap()(&public, &Params::None).unwrap();
                verifier.update(&message[..same]).unwrap();
                assert_eq!(rv(verifier.finish(&signature)), ck::CKR_OK);
            }
        }
    }

    #[test]
    fn other_curves_and_other_bytes_are_told_apart() {
        let p192 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01].to_vec();
        let cases = [
            (p192, ck::CKR_CURVE_NOT_SUPPORTED),
            (vec![0x30, 0x00], ck::CKR_DOMAIN_PARAMS_INVALID),
            (vec![0x06, 0x05], ck::CKR_DOMAIN_PARAMS_INVALID),
        ];
        for (params, expected) in cases {
            let asked = vec![(ck::CKA_EC_PARAMS, PublicValue::Bytes(params))];
            assert_eq!(rv(generate_pair(&asked)), expected);
        }
    }
}
