//! ML-KEM (PKCS #11 3.2 section 6.68).

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::mlkem::{self, MlKemMaterial, ParameterSet, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::mldsa::{PRIVATE, PUBLIC};
use super::parameter_set::ml_kem as number;
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::values::{PublicValue, PublicValues, Values, need, need_number};

pub(super) static ML_KEM: KeyType = KeyType {
    id: ck::CKK_ML_KEM,
    name: "CKK_ML_KEM",
    title: "ML-KEM",
    size: ck::CKA_PARAMETER_SET,
    only_size: None,
    uses: &[ck::CKA_ENCAPSULATE, ck::CKA_DECAPSULATE],
    public: PUBLIC,
    held: PRIVATE,
    names: &[
        KeyName {
            word: "ml-kem-768",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_KEM_768)),
            made_by: ck::CKM_ML_KEM_KEY_PAIR_GEN,
        },
        KeyName {
            word: "ml-kem-512",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_KEM_512)),
            made_by: ck::CKM_ML_KEM_KEY_PAIR_GEN,
        },
        KeyName {
            word: "ml-kem-1024",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_KEM_1024)),
            made_by: ck::CKM_ML_KEM_KEY_PAIR_GEN,
        },
    ],
    spec_names: &[],
    spec: None,
    form: Form::Pair(KeyPairs {
        oids: &[mlkem::ML_KEM_512, mlkem::ML_KEM_768, mlkem::ML_KEM_1024],
        from_pkcs8: |info| MlKemMaterial::from_pkcs8(info).map(Material::pair),
        from_spki,
        stored_kind: 6,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    }),
};

/// The parameter set in CKA_PARAMETER_SET. CKR_TEMPLATE_INCOMPLETE, CKR_PARAMETER_SET_NOT_SUPPORTED.
pub(crate) fn set_of(key: &dyn Values) -> Result<ParameterSet> {
    let given = need_number(key, ck::CKA_PARAMETER_SET, "CKA_PARAMETER_SET")?;
    let known = ParameterSet::ALL
        .into_iter()
        .find(|set| number(*set) == given);
    known.ok_or_else(|| {
        let what = format!(
            "{given} is no parameter set of ML-KEM: ML-KEM-512, -768 and -1024 are 1, 2 and 3"
        );
        Error::new(ck::CKR_PARAMETER_SET_NOT_SUPPORTED, what).at("CKA_PARAMETER_SET")
    })
}

fn values(set: ParameterSet) -> PublicValues {
    vec![(ck::CKA_PARAMETER_SET, PublicValue::Ulong(number(set)))]
}

fn public_values(set: ParameterSet, public: &[u8]) -> PublicValues {
    let mut values = values(set);
    values.push((ck::CKA_VALUE, PublicValue::Bytes(public.to_vec())));
    values
}

fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    let set = mlkem::parameter_set(&info.algorithm)?;
    Ok(public_values(set, info.subject_public_key.raw_bytes()))
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [set, seed, expanded, public] = parts else {
        return None;
    };
    let named = |of: &ParameterSet| of.name().as_bytes() == *set;
    Some(Material::pair(MlKemMaterial {
        set: ParameterSet::ALL.into_iter().find(named)?,
        seed: Secret::copy(seed),
        expanded: Secret::copy(expanded),
        public: public.to_vec(),
    }))
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let set = set_of(key)?;
    let seed = key.bytes(ck::CKA_SEED);
    if seed.is_none() {
        need(key, ck::CKA_VALUE, "CKA_SEED or CKA_VALUE")?;
    }
    let expanded = key.bytes(ck::CKA_VALUE);
    let material = MlKemMaterial::checked(set, seed, expanded, None)?;
    Ok(Material::pair(material))
}

fn public(key: &dyn Values) -> Result<PublicKey> {
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    Ok(PublicKey::new(set_of(key)?, value)?)
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    let set = public(key)?.set();
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let mut values = public_values(set, value);
    let spki = mlkem::spki(set, value)?;
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

impl KeyPair for MlKemMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_ML_KEM
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![
            self.set.name().as_bytes(),
            &self.seed,
            &self.expanded,
            &self.public,
        ]
    }

    /// The parameter set and the public key, since a key may come with its seed or without.
    fn canonical(&self) -> [&[u8]; 3] {
        [self.set.name().as_bytes(), &self.public, b""]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        mlkem::spki(self.set, &self.public)
    }

    /// CKA_VALUE of a private key is its own.
    fn describe(&self) -> Result<PublicValues> {
        let mut values = values(self.set);
        let spki = self.spki()?;
        values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
        Ok(values)
    }

    fn describe_public(&self) -> Result<PublicValues> {
        let values = public_values(self.set, &self.public);
        describe(&values)
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        match kind {
            ck::CKA_SEED => Some(&self.seed),
            ck::CKA_VALUE => Some(&self.expanded),
            _ => None,
        }
    }

    fn ready(&self) -> crypto::Result<Key> {
        PrivateKey::new(self).map(Key::new)
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let set = template.ulong(ck::CKA_PARAMETER_SET);
        set.is_none_or(|set| set == number(self.set))
    }
}

/// The sizes of the mechanisms are those of public keys.
fn bits(set: ParameterSet) -> u64 {
    set.public_len() as u64 * 8
}

impl Ready for PublicKey {
    fn bits(&self) -> u64 {
        bits(self.set())
    }
}

impl Ready for PrivateKey {
    fn bits(&self) -> u64 {
        bits(self.set())
    }
}
