//! The stored form of a key's material: a kind byte, then each value after its length.

use crate::crypto::ec::Curve;
use crate::crypto::material::{EcMaterial, OkpMaterial, RsaMaterial};
use crate::crypto::okp;
use crate::error::Result;
use crate::mechanism::Material;
use crate::secret::Secret;

use crate::token::record::damaged::damaged;

const SECRET: u8 = 1;
const RSA: u8 = 2;
const EC: u8 = 3;
const OKP: u8 = 4;

/// Sealed-store encoding of `material`.
pub(in crate::token) fn encode(material: &Material) -> Secret {
    match material {
        Material::Secret(value) => join(SECRET, &[value]),
        Material::Rsa(key) => join(
            RSA,
            &[
                &key.n, &key.e, &key.d, &key.p, &key.q, &key.dp, &key.dq, &key.qinv,
            ],
        ),
        Material::Ec(key) => join(EC, &[key.curve.params(), &key.scalar, &key.point]),
        Material::Okp(key) => join(OKP, &[key.curve.params(), &key.private, &key.public]),
    }
}

/// Decodes what `encode` made. The bytes were authenticated, so the values need no check but form.
pub(in crate::token) fn decode(bytes: &[u8]) -> Result<Material> {
    parse(bytes).ok_or_else(|| damaged("a key's material"))
}

fn parse(bytes: &[u8]) -> Option<Material> {
    let (kind, mut rest) = bytes.split_first()?;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (len, tail) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let (field, tail) = tail.split_at_checked(len)?;
        fields.push(field);
        rest = tail;
    }
    match (*kind, fields.as_slice()) {
        (SECRET, [value]) => Some(Material::Secret(Secret::copy(value))),
        (RSA, [n, e, d, p, q, dp, dq, qinv]) => Some(Material::Rsa(RsaMaterial {
            n: n.to_vec(),
            e: e.to_vec(),
            d: Secret::copy(d),
            p: Secret::copy(p),
            q: Secret::copy(q),
            dp: Secret::copy(dp),
            dq: Secret::copy(dq),
            qinv: Secret::copy(qinv),
        })),
        (EC, [params, scalar, point]) => Some(Material::Ec(EcMaterial {
            curve: Curve::from_params(params).ok()?,
            scalar: Secret::copy(scalar),
            point: point.to_vec(),
        })),
        (OKP, [params, private, public]) => Some(Material::Okp(OkpMaterial {
            curve: okp::Curve::from_params(params).ok()?,
            private: Secret::copy(private),
            public: public.to_vec(),
        })),
        _ => None,
    }
}

fn join(kind: u8, fields: &[&[u8]]) -> Secret {
    let len = fields.iter().map(|field| 4 + field.len()).sum::<usize>() + 1;
    let mut out = Secret::zeroed(len);
    out[0] = kind;
    let mut at = 1;
    for field in fields {
        // A value of 4 GiB is far beyond every key size.
        let prefix = u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes();
        out[at..at + 4].copy_from_slice(&prefix);
        at += 4;
        out[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_curve_come_back() {
        use crate::crypto::ec;

        let okp = |curve| Material::Okp(okp::generate(curve).unwrap());
        let ec = |curve| Material::Ec(ec::generate(curve).unwrap());
        for key in [
            okp(okp::Curve::Ed25519),
            okp(okp::Curve::X25519),
            ec(Curve::P521),
            ec(Curve::Brainpool320),
        ] {
            let bytes = encode(&key);
            let again = decode(&bytes).unwrap();
            assert!(encode(&again).ct_eq(&bytes));
            assert_eq!(again.spki(), key.spki());
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let key = Material::Secret(Secret::copy(&[7; 32]));
        let bytes = encode(&key);
        assert!(matches!(decode(&bytes), Ok(Material::Secret(value)) if value.ct_eq(&[7; 32])));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
