//! ML-DSA (PKCS #11 3.2 section 6.67).

use crate::ck;
use crate::crypto;
use crate::crypto::mldsa::{self, MlDsaMaterial, ParameterSet, PrivateKey, PublicKey};

use super::key::Key;
use super::parameter_set::{PUBLIC, PublicSet, set_of, sized_by_set};
use super::row::{KeyName, KeyType, NamedSize};
use super::seeded::{PRIVATE, ReadySet, form};
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
    parameters: None,
    form: form::<ParameterSet>(&[mldsa::ML_DSA_44, mldsa::ML_DSA_65, mldsa::ML_DSA_87], 5),
};

impl PublicSet for ParameterSet {
    const KEY_TYPE: ck::CK_KEY_TYPE = ck::CKK_ML_DSA;

    fn public(self, bytes: &[u8]) -> crypto::Result<Key> {
        PublicKey::new(self, bytes).map(Key::new)
    }
}

impl ReadySet for ParameterSet {
    fn private(material: &MlDsaMaterial) -> crypto::Result<Key> {
        PrivateKey::new(material).map(Key::new)
    }
}

sized_by_set!(PublicKey, PrivateKey);
