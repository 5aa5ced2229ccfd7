//! The stored form of a key's material: a kind byte, then each value after its length.

use crate::error::Result;
use crate::keytype::Material;
use crate::secret::Secret;

use crate::token::record::damaged::damaged;

/// Encodes `material` for the store, before it is sealed.
pub(in crate::token) fn encode(material: &Material) -> Result<Secret> {
    let (kind, fields) = material.stored()?;
    Ok(join(kind, &fields))
}

/// Decodes what `encode` made. The bytes were authenticated, so only their form is checked.
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
    Material::from_stored(*kind, &fields)
}

fn join(kind: u8, fields: &[&[u8]]) -> Secret {
    let len = fields.iter().map(|field| 4 + field.len()).sum::<usize>() + 1;
    let mut out = Secret::zeroed(len);
    out[0] = kind;
    let mut at = 1;
    for field in fields {
        // No value of a key is 4 GiB long.
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
        use crate::crypto::ec::{self, Curve};
        use crate::crypto::{dsa, mldsa, mlkem, okp, slhdsa, xwing};

        let okp = |curve| Material::pair(okp::generate(curve).unwrap());
        let ec = |curve| Material::pair(ec::generate(curve).unwrap());
        for key in [
            okp(okp::Curve::Ed25519),
            okp(okp::Curve::X25519),
            ec(Curve::P521),
            ec(Curve::Brainpool320),
            Material::pair(mldsa::generate(mldsa::ParameterSet::MlDsa87).unwrap()),
            Material::pair(mlkem::generate(mlkem::ParameterSet::MlKem1024).unwrap()),
            Material::pair(slhdsa::generate(slhdsa::ParameterSet::Sha2_192f).unwrap()),
            Material::pair(xwing::generate().unwrap()),
            Material::pair({
                let group = dsa::Group::generate(1024, None).unwrap().unwrap();
                dsa::generate(&group).unwrap()
            }),
        ] {
            let bytes = encode(&key).unwrap();
            let again = decode(&bytes).unwrap();
            assert!(encode(&again).unwrap().ct_eq(&bytes));
            assert_eq!(again.spki(), key.spki());
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let key = Material::Secret(Secret::copy(&[7; 32]));
        let bytes = encode(&key).unwrap();
        assert!(matches!(decode(&bytes), Ok(Material::Secret(value)) if value.ct_eq(&[7; 32])));
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len}");
        }
        assert!(decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}
