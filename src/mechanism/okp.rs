//! Edwards and Montgomery curves (PKCS #11 3.2 section 6.3): Ed25519 signs; X25519 agrees by
//! CKM_ECDH1_DERIVE.

use std::sync::Arc;

use super::one_part::{CollectedInput, signer, verifier};
use super::op::{Signer, Verifier};
use super::{Key, Material, Mechanism, ParamKind, Params, ROW, Scheme, Unit};
use crate::ck;
use crate::crypto::hash::Hash;
use crate::crypto::okp::{self, Curve, MAX_CONTEXT_LEN, PrivateKey, PublicKey, SIGNATURE_LEN};
use crate::error::{Result, refuse};
use crate::keytype::{Values, need};

const OKP: Mechanism = Mechanism {
    sizes: (255, 255),
    unit: Unit::Bits,
    flags: ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE | ck::CKF_EC_CURVENAME,
    ..ROW
};

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_EC_EDWARDS_KEY_PAIR_GEN,
        name: "CKM_EC_EDWARDS_KEY_PAIR_GEN",
        key_types: &[ck::CKK_EC_EDWARDS],
        generate_pair: Some(|asked| generate_pair(asked, Curve::Ed25519)),
        ..OKP
    },
    Mechanism {
        id: ck::CKM_EDDSA,
        name: "CKM_EDDSA",
        key_types: &[ck::CKK_EC_EDWARDS],
        params: ParamKind::Eddsa,
        sign: Some(sign),
        verify: Some(verify),
        ..OKP
    },
    Mechanism {
        id: ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
        name: "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
        key_types: &[ck::CKK_EC_MONTGOMERY],
        generate_pair: Some(|asked| generate_pair(asked, Curve::X25519)),
        ..OKP
    },
];

fn generate_pair(asked: &dyn Values, of: Curve) -> Result<Material> {
    let params = need(asked, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
    if Curve::from_params(params)? != of {
        return refuse(
            ck::CKR_CURVE_NOT_SUPPORTED,
            "the curve is one of another mechanism",
        );
    }
    Ok(Material::pair(okp::generate(of)?))
}

fn public(key: &Key) -> Result<&PublicKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an Ed25519 public key"),
    }
}

fn private(key: &Key) -> Result<&PrivateKey> {
    match key.of() {
        Some(key) => Ok(key),
        _ => refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "not an Ed25519 private key"),
    }
}

fn sign(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    private(key)?;
    let (scheme, input) = expected(params)?;
    let key = Arc::clone(key);
    Ok(signer(input, SIGNATURE_LEN, move |message, out| {
        Ok(private(&key)?.sign(&scheme, message, out)?)
    }))
}

fn verify(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    public(key)?;
    let (scheme, input) = expected(params)?;
    let key = Arc::clone(key);
    Ok(verifier(input, move |message, signature| {
        Ok(public(&key)?.verify(&scheme, message, signature)?)
    }))
}

/// The scheme and its input: the whole message, which is read twice, or its SHA-512 digest.
/// Ed25519ctx needs a context (RFC 8032 section 5.1).
fn expected(params: &Params) -> Result<(Scheme, CollectedInput)> {
    let scheme = match params {
        Params::None => Scheme::Pure,
        Params::Eddsa(scheme) => scheme.clone(),
        _ => {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "the mechanism takes CK_EDDSA_PARAMS or nothing",
            );
        }
    };
    let (context, input) = match &scheme {
        Scheme::Pure => return Ok((scheme, CollectedInput::whole())),
        Scheme::Context(context) => (context, CollectedInput::whole()),
        Scheme::Prehashed(context) => (context, CollectedInput::hashed(Hash::Sha512)),
    };
    let least = usize::from(matches!(scheme, Scheme::Context(_)));
    if !(least..=MAX_CONTEXT_LEN).contains(&context.len()) {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "a context has up to 255 bytes, and Ed25519ctx one at least",
        );
    }
    Ok((scheme, input))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keytype::PublicValue;
    use crate::mechanism::find;

    fn pair(curve: Curve) -> (Arc<Key>, Arc<Key>) {
        let material = okp::generate(curve).unwrap();
        let public = PublicKey::new(curve, &material.public).unwrap();
        (
            Arc::new(Key::new(PrivateKey::new(&material).unwrap())),
            Arc::new(Key::new(public)),
        )
    }

    fn rv<T>(result: Result<T>) -> ck::CK_RV {
        result.err().map_or(ck::CKR_OK, |error| error.rv)
    }

    #[test]
    fn every_scheme_signs_for_itself_alone() {
        let (private, public) = pair(Curve::Ed25519);
        let row = find(ck::CKM_EDDSA).unwrap();
        let schemes = [
            Params::None,
            Params::Eddsa(Scheme::Context(b"a".to_vec())),
            Params::Eddsa(Scheme::Context(vec![7; 255])),
            Params::Eddsa(Scheme::Prehashed(Vec::new())),
            Params::Eddsa(Scheme::Prehashed(vec![7; 255])),
        ];
        for of in &schemes {
            let mut signer = row.sign.unwrap()(&private, of).unwrap();
            let mut signature = vec![0; signer.len()];
            signer.update(b"mor").unwrap();
            signer.update(b"tise").unwrap();
            assert_eq!(signer.finish(&mut signature).unwrap(), 64);
            for by in &schemes {
                let mut verifier = row.verify.unwrap()(&public, by).unwrap();
                verifier.update(b"mortise").unwrap();
                let expected = if of == by {
                    ck::CKR_OK
                } else {
                    ck::CKR_SIGNATURE_INVALID
                };
                assert_eq!(rv(verifier.finish(&signature)), expected);
            }
        }
        for wrong in [
            Scheme::Context(Vec::new()),
            Scheme::Context(vec![7; 256]),
            Scheme::Prehashed(vec![7; 256]),
        ] {
            let refused = row.sign.unwrap()(&private, &Params::Eddsa(wrong.clone()));
            assert_eq!(rv(refused), ck::CKR_MECHANISM_PARAM_INVALID);
            let refused = row.verify.unwrap()(&public, &Params::Eddsa(wrong));
            assert_eq!(rv(refused), ck::CKR_MECHANISM_PARAM_INVALID);
        }
        let refused = row.sign.unwrap()(&public, &Params::None);
        assert_eq!(rv(refused), ck::CKR_KEY_TYPE_INCONSISTENT);
        let refused = row.verify.unwrap()(&private, &Params::None);
        assert_eq!(rv(refused), ck::CKR_KEY_TYPE_INCONSISTENT);
    }

    #[test]
    fn each_mechanism_makes_pairs_of_its_own_curve() {
        let generate = |id, params: &[u8]| {
            let asked = vec![(ck::CKA_EC_PARAMS, PublicValue::Bytes(params.to_vec()))];
            find(id).unwrap().generate_pair.unwrap()(&asked)
        };
        for (id, own, other) in [
            (
                ck::CKM_EC_EDWARDS_KEY_PAIR_GEN,
                Curve::Ed25519,
                Curve::X25519,
            ),
            (
                ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
                Curve::X25519,
                Curve::Ed25519,
            ),
        ] {
            let pair = generate(id, own.params()).unwrap();
            assert_eq!(pair.of::<okp::OkpMaterial>().unwrap().curve, own);
            let unsupported = ck::CKR_CURVE_NOT_SUPPORTED;
            assert_eq!(rv(generate(id, other.params())), unsupported);
            // Ed448 and X448
            for arc in [0x6F, 0x71] {
                assert_eq!(rv(generate(id, &[6, 3, 0x2B, 0x65, arc])), unsupported);
            }
            assert_eq!(rv(generate(id, &[0x30, 0])), ck::CKR_DOMAIN_PARAMS_INVALID);
        }
    }
}
