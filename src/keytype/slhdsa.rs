//! SLH-DSA (PKCS #11 3.2 section 6.69).

use crate::ck;
use crate::crypto;
use crate::crypto::parameter_set::{NamedSet, spki};
use crate::crypto::slhdsa::{self, ParameterSet, PrivateKey, PublicKey, SlhDsaMaterial};
use crate::error::Result;
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::Key;
use super::material::{KeyPair, Material};
use super::parameter_set::{
    PUBLIC, PublicSet, describe, described, described_by_private, from_spki, named, of_set, public,
    set_of, sized_by_set,
};
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::values::{PublicValue, PublicValues, Values, need};

const PRIVATE: &[Component] = components! {
    CKA_PARAMETER_SET Ulong, None, [R O O] Always Checked;
    CKA_VALUE         Bytes, None, [R F F] UnlessSensitive Checked;
};

macro_rules! names {
    ($($word:literal $set:ident;)+) => {
        &[$(KeyName {
            word: $word,
            size: NamedSize::Only(|| PublicValue::Ulong(ck::$set)),
            made_by: ck::CKM_SLH_DSA_KEY_PAIR_GEN,
        }),+]
    };
}

pub(super) static SLH_DSA: KeyType = KeyType {
    id: ck::CKK_SLH_DSA,
    name: "CKK_SLH_DSA",
    title: "SLH-DSA",
    size: ck::CKA_PARAMETER_SET,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    names: names! {
        "slh-dsa-sha2-128s" CKP_SLH_DSA_SHA2_128S;
        "slh-dsa-sha2-128f" CKP_SLH_DSA_SHA2_128F;
        "slh-dsa-sha2-192s" CKP_SLH_DSA_SHA2_192S;
        "slh-dsa-sha2-192f" CKP_SLH_DSA_SHA2_192F;
        "slh-dsa-sha2-256s" CKP_SLH_DSA_SHA2_256S;
        "slh-dsa-sha2-256f" CKP_SLH_DSA_SHA2_256F;
        "slh-dsa-shake-128s" CKP_SLH_DSA_SHAKE_128S;
        "slh-dsa-shake-128f" CKP_SLH_DSA_SHAKE_128F;
        "slh-dsa-shake-192s" CKP_SLH_DSA_SHAKE_192S;
        "slh-dsa-shake-192f" CKP_SLH_DSA_SHAKE_192F;
        "slh-dsa-shake-256s" CKP_SLH_DSA_SHAKE_256S;
        "slh-dsa-shake-256f" CKP_SLH_DSA_SHAKE_256F;
    },
    spec_names: &[],
    spec: None,
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &slhdsa::OIDS,
        from_pkcs8: |info| SlhDsaMaterial::from_pkcs8(info).map(Material::pair),
        from_spki: from_spki::<ParameterSet>,
        stored_kind: 8,
        from_parts,
        from_values,
        public: public::<ParameterSet>,
        describe: describe::<ParameterSet>,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    }),
};

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [set, private, public] = parts else {
        return None;
    };
    Some(Material::pair(SlhDsaMaterial {
        set: named(set)?,
        private: Secret::copy(private),
        public: public.to_vec(),
    }))
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let material = SlhDsaMaterial::checked(set_of(key)?, value, None)?;
    Ok(Material::pair(material))
}

impl PublicSet for ParameterSet {
    const KEY_TYPE: ck::CK_KEY_TYPE = ck::CKK_SLH_DSA;

    fn public(self, bytes: &[u8]) -> crypto::Result<Key> {
        PublicKey::new(self, bytes).map(Key::new)
    }
}

impl KeyPair for SlhDsaMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ParameterSet::KEY_TYPE
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![self.set.name().as_bytes(), &self.private, &self.public]
    }

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
        (kind == ck::CKA_VALUE).then_some(&self.private)
    }

    fn ready(&self) -> crypto::Result<Key> {
        Ok(Key::new(PrivateKey::new(self)))
    }

    fn fits(&self, template: &dyn Values) -> bool {
        of_set(self.set, template)
    }
}

sized_by_set!(PublicKey, PrivateKey);
