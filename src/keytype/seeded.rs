//! Key types whose private keys come as a seed, expanded, or both: what ML-DSA and ML-KEM have in common.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use crate::crypto::seeded::{SeededMaterial, parameter_set, spki};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::Key;
use super::material::{KeyPair, Material};
use super::parameter_set::Numbered;
use super::row::{Form, KeyPairs};
use super::values::{PublicValue, PublicValues, Values, need, need_number};

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

/// A parameter set with what its keys are made ready as.
pub(super) trait ReadySet: Numbered {
    const KEY_TYPE: ck::CK_KEY_TYPE;

    /// A public key in its encoded form.
    fn public(self, bytes: &[u8]) -> crypto::Result<Key>;

    /// A private key from values that were proven.
    fn private(material: &SeededMaterial<Self>) -> crypto::Result<Key>;
}

/// The form of such a key type.
pub(super) const fn form<S: ReadySet>(oids: &'static [ObjectIdentifier], stored_kind: u8) -> Form {
    Form::Pair(KeyPairs {
        oids,
        from_pkcs8: |info| SeededMaterial::<S>::from_pkcs8(info).map(Material::pair),
        from_spki: from_spki::<S>,
        stored_kind,
        from_parts: from_parts::<S>,
        from_values: from_values::<S>,
        public: |key| public::<S>(key).map(|(_, key)| key),
        describe: describe::<S>,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    })
}

/// The parameter set in CKA_PARAMETER_SET. CKR_TEMPLATE_INCOMPLETE, CKR_PARAMETER_SET_NOT_SUPPORTED.
pub(crate) fn set_of<S: Numbered>(key: &dyn Values) -> Result<S> {
    let given = need_number(key, ck::CKA_PARAMETER_SET, "CKA_PARAMETER_SET")?;
    let known = S::SETS.into_iter().find(|set| set.number() == given);
    known.ok_or_else(|| {
        let what = format!("{given} is no parameter set of {} are 1, 2 and 3", S::KNOWN);
        Error::new(ck::CKR_PARAMETER_SET_NOT_SUPPORTED, what).at("CKA_PARAMETER_SET")
    })
}

fn values<S: Numbered>(set: S) -> PublicValues {
    vec![(ck::CKA_PARAMETER_SET, PublicValue::Ulong(set.number()))]
}

fn public_values<S: Numbered>(set: S, public: &[u8]) -> PublicValues {
    let mut values = values(set);
    values.push((ck::CKA_VALUE, PublicValue::Bytes(public.to_vec())));
    values
}

fn from_spki<S: Numbered>(info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    let set: S = parameter_set(&info.algorithm)?;
    Ok(public_values(set, info.subject_public_key.raw_bytes()))
}

fn from_parts<S: ReadySet>(parts: &[&[u8]]) -> Option<Material> {
    let [set, seed, expanded, public] = parts else {
        return None;
    };
    let named = |of: &S| of.name().as_bytes() == *set;
    Some(Material::pair(SeededMaterial {
        set: S::SETS.into_iter().find(named)?,
        seed: Secret::copy(seed),
        expanded: Secret::copy(expanded),
        public: public.to_vec(),
    }))
}

fn from_values<S: ReadySet>(key: &dyn Values) -> Result<Material> {
    let set: S = set_of(key)?;
    let seed = key.bytes(ck::CKA_SEED);
    if seed.is_none() {
        need(key, ck::CKA_VALUE, "CKA_SEED or CKA_VALUE")?;
    }
    let expanded = key.bytes(ck::CKA_VALUE);
    let material = SeededMaterial::checked(set, seed, expanded, None)?;
    Ok(Material::pair(material))
}

fn public<S: ReadySet>(key: &dyn Values) -> Result<(S, Key)> {
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let set: S = set_of(key)?;
    Ok((set, set.public(value)?))
}

fn describe<S: ReadySet>(key: &dyn Values) -> Result<PublicValues> {
    let (set, _) = public::<S>(key)?;
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let mut values = public_values(set, value);
    let spki = spki(set, value)?;
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

impl<S: ReadySet> KeyPair for SeededMaterial<S> {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        S::KEY_TYPE
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
        spki(self.set, &self.public)
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
        describe::<S>(&values)
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        match kind {
            ck::CKA_SEED => Some(&self.seed),
            ck::CKA_VALUE => Some(&self.expanded),
            _ => None,
        }
    }

    fn ready(&self) -> crypto::Result<Key> {
        S::private(self)
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let set = template.ulong(ck::CKA_PARAMETER_SET);
        set.is_none_or(|set| set == self.set.number())
    }
}
