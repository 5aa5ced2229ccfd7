//! ML-DSA (PKCS #11 3.2 section 6.67).

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::mldsa::{self, MlDsaMaterial, ParameterSet, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::parameter_set::ml_dsa as number;
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::spec::Spec;
use super::values::{PublicValue, PublicValues, Values, need, need_number};

pub(super) static ML_DSA: KeyType = KeyType {
    id: ck::CKK_ML_DSA,
    name: "CKK_ML_DSA",
    title: "ML-DSA",
    size: ck::CKA_PARAMETER_SET,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    names: &[
        KeyName {
            word: "ml-dsa-65",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_DSA_65)),
            made_by: ck::CKM_ML_DSA_KEY_PAIR_GEN,
        },
        KeyName {
            word: "ml-dsa-44",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_DSA_44)),
            made_by: ck::CKM_ML_DSA_KEY_PAIR_GEN,
        },
        KeyName {
            word: "ml-dsa-87",
            size: NamedSize::Only(|| PublicValue::Ulong(ck::CKP_ML_DSA_87)),
            made_by: ck::CKM_ML_DSA_KEY_PAIR_GEN,
        },
    ],
    spec_names: &[
        ("ML_DSA_44", Spec::MlDsa(ParameterSet::MlDsa44)),
        ("ML_DSA_65", Spec::MlDsa(ParameterSet::MlDsa65)),
        ("ML_DSA_87", Spec::MlDsa(ParameterSet::MlDsa87)),
    ],
    spec: Some(|key| set_of(key).ok().map(Spec::MlDsa)),
    form: Form::Pair(KeyPairs {
        oids: &[mldsa::ML_DSA_44, mldsa::ML_DSA_65, mldsa::ML_DSA_87],
        from_pkcs8: |info| MlDsaMaterial::from_pkcs8(info).map(Material::pair),
        from_spki,
        stored_kind: 5,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    }),
};

/// Of a public key that is named by a parameter set and is a string of bytes.
pub(super) const PUBLIC: &[Component] = components! {
    CKA_PARAMETER_SET Ulong, None, [R R F] Always Checked;
    CKA_VALUE         Bytes, None, [R F F] Always Checked;
};

/// Of its private key, which is given as a seed, an expanded key or both.
pub(super) const PRIVATE: &[Component] = components! {
    CKA_PARAMETER_SET Ulong, None, [R O O] Always Checked;
    CKA_SEED          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_VALUE         Bytes, None, [O F F] UnlessSensitive Checked;
};

/// The parameter set in CKA_PARAMETER_SET. CKR_TEMPLATE_INCOMPLETE, CKR_PARAMETER_SET_NOT_SUPPORTED.
pub(crate) fn set_of(key: &dyn Values) -> Result<ParameterSet> {
    let given = need_number(key, ck::CKA_PARAMETER_SET, "CKA_PARAMETER_SET")?;
    let known = ParameterSet::ALL
        .into_iter()
        .find(|set| number(*set) == given);
    known.ok_or_else(|| {
        let what =
            format!("{given} is no parameter set of ML-DSA: ML-DSA-44, -65 and -87 are 1, 2 and 3");
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
    let set = mldsa::parameter_set(&info.algorithm)?;
    Ok(public_values(set, info.subject_public_key.raw_bytes()))
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [set, seed, expanded, public] = parts else {
        return None;
    };
    let named = |of: &ParameterSet| of.name().as_bytes() == *set;
    Some(Material::pair(MlDsaMaterial {
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
    let material = MlDsaMaterial::checked(set, seed, expanded, None)?;
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
    let spki = mldsa::spki(set, value)?;
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

impl KeyPair for MlDsaMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_ML_DSA
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
        mldsa::spki(self.set, &self.public)
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
