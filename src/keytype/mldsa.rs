//! ML-DSA (PKCS #11 3.2 section 6.67).

use crate::ck;
use crate::crypto;
use crate::crypto::mldsa::{self, MlDsaMaterial, ParameterSet, PrivateKey, PublicKey};

use super::key::{Key, Ready};
use super::row::{KeyName, KeyType, NamedSize};
use super::seeded::{PRIVATE, PUBLIC, ReadySet, form, set_of};
use super::spec::Spec;
use super::values::PublicValue;

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
    form: form::<ParameterSet>(&[mldsa::ML_DSA_44, mldsa::ML_DSA_65, mldsa::ML_DSA_87], 5),
};

impl ReadySet for ParameterSet {
    const KEY_TYPE: ck::CK_KEY_TYPE = ck::CKK_ML_DSA;

    fn public(self, bytes: &[u8]) -> crypto::Result<Key> {
        PublicKey::new(self, bytes).map(Key::new)
    }

    fn private(material: &MlDsaMaterial) -> crypto::Result<Key> {
        PrivateKey::new(material).map(Key::new)
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
