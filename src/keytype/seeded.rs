//! Key types whose private keys come as a seed, expanded, or both: what ML-DSA and ML-KEM have in common.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::ObjectIdentifier;
use crate::crypto::parameter_set::spki;
use crate::crypto::seeded::{SeededMaterial, SeededSet};
use crate::error::Result;
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::Key;
use super::material::{KeyPair, Material};
use super::parameter_set::{
    PublicSet, describe, described, described_by_private, from_spki, named, of_set, public, set_of,
};
use super::row::{Form, KeyPairs};
use super::values::{PublicValues, Values, need};

/// Of its private key, which is given as a seed, an expanded key or both.
pub(super) const PRIVATE: &[Component] = components! {
    CKA_PARAMETER_SET Ulong, None, [R O O] Always Checked;
    CKA_SEED          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_VALUE         Bytes, None, [O F F] UnlessSensitive Checked;
};

/// A parameter set with what its keys are made ready as.
pub(super) trait ReadySet: PublicSet + SeededSet {
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
        public: public::<S>,
        describe: describe::<S>,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    })
}

fn from_parts<S: ReadySet>(parts: &[&[u8]]) -> Option<Material> {
    let [set, seed, expanded, public] = parts else {
        return None;
    };
    Some(Material::pair(SeededMaterial {
        set: named::<S>(set)?,
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

    fn describe(&self) -> Result<PublicValues> {
        described_by_private(self.set, &self.public)
    }

    fn describe_public(&self) -> Result<PublicValues> {
        described(self.set, &self.public)
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
        of_set(self.set, template)
    }
}
