//! X-Wing, a key type of Tenon's own: pairs of ML-KEM-768 and X25519, which unwrap.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::xwing::{self, PUBLIC_LEN, PrivateKey, PublicKey, SEED_LEN, XWingMaterial};
use crate::error::Result;
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{Form, KeyPairs, KeyType};
use super::values::{PublicValue, PublicValues, Values, need};

const PUBLIC: &[Component] = components! {
    CKA_VALUE Sized(&[PUBLIC_LEN]), None, [R F F] Always Checked;
};

const PRIVATE: &[Component] = components! {
    CKA_VALUE Sized(&[SEED_LEN]), None, [R F F] UnlessSensitive Checked;
};

pub(super) static XWING: KeyType = KeyType {
    id: ck::CKK_TENON_XWING,
    name: "CKK_TENON_XWING",
    title: "X-Wing",
    size: ck::CKA_VALUE_LEN,
    only_size: Some(SEED_LEN as ck::CK_ULONG),
    uses: &[ck::CKA_WRAP, ck::CKA_UNWRAP],
    public: PUBLIC,
    held: PRIVATE,
    names: &[],
    spec_names: &[],
    spec: None,
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &[xwing::OID],
        from_pkcs8: |info| XWingMaterial::from_pkcs8(info).map(Material::pair),
        from_spki,
        stored_kind: 7,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        // The components have one form.
        canonical: |_| Ok(PublicValues::new()),
    }),
};

fn public_values(public: &[u8]) -> PublicValues {
    vec![(ck::CKA_VALUE, PublicValue::Bytes(public.to_vec()))]
}

fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    xwing::from_spki(info).map(public_values)
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [seed, public] = parts else {
        return None;
    };
    Some(Material::pair(XWingMaterial {
        seed: Secret::copy(seed),
        public: public.to_vec(),
    }))
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let seed = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    Ok(Material::pair(XWingMaterial::checked(seed, None)?))
}

fn public(key: &dyn Values) -> Result<PublicKey> {
    Ok(PublicKey::new(need(key, ck::CKA_VALUE, "CKA_VALUE")?)?)
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    public(key)?;
    let value = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let mut values = public_values(value);
    values.push(key_info(value)?);
    Ok(values)
}

fn key_info(public: &[u8]) -> Result<(ck::CK_ATTRIBUTE_TYPE, PublicValue)> {
    let spki = xwing::spki(public)?;
    Ok((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)))
}

impl KeyPair for XWingMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_TENON_XWING
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![&self.seed, &self.public]
    }

    fn canonical(&self) -> [&[u8]; 3] {
        [b"", &self.public, b""]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        xwing::spki(&self.public)
    }

    /// CKA_VALUE of a private key is its own.
    fn describe(&self) -> Result<PublicValues> {
        Ok(vec![key_info(&self.public)?])
    }

    fn describe_public(&self) -> Result<PublicValues> {
        describe(&public_values(&self.public))
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        (kind == ck::CKA_VALUE).then_some(&self.seed)
    }

    fn ready(&self) -> crypto::Result<Key> {
        PrivateKey::new(self).map(Key::new)
    }

    fn fits(&self, _: &dyn Values) -> bool {
        true
    }
}

/// The size of a mechanism is that of public keys.
const BITS: u64 = PUBLIC_LEN as u64 * 8;

impl Ready for PublicKey {
    fn bits(&self) -> u64 {
        BITS
    }
}

impl Ready for PrivateKey {
    fn bits(&self) -> u64 {
        BITS
    }
}
