//! ML-KEM (PKCS #11 3.2 section 6.68).

use crate::ck;
use crate::crypto;
use crate::crypto::mlkem::{self, MlKemMaterial, ParameterSet, PrivateKey, PublicKey};

use super::key::Key;
use super::parameter_set::{PUBLIC, PublicSet, sized_by_set};
use super::row::{KeyName, KeyType, NamedSize};
use super::seeded::{PRIVATE, ReadySet, form};
use super::values::PublicValue;

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
    parameters: None,
    form: form::<ParameterSet>(
        &[mlkem::ML_KEM_512, mlkem::ML_KEM_768, mlkem::ML_KEM_1024],
        6,
    ),
};

impl PublicSet for ParameterSet {
    const KEY_TYPE: ck::CK_KEY_TYPE = ck::CKK_ML_KEM;

    fn public(self, bytes: &[u8]) -> crypto::Result<Key> {
        PublicKey::new(self, bytes).map(Key::new)
    }
}

impl ReadySet for ParameterSet {
    fn private(material: &MlKemMaterial) -> crypto::Result<Key> {
        PrivateKey::new(material).map(Key::new)
    }
}

sized_by_set!(PublicKey, PrivateKey);
