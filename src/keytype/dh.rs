//! Diffie-Hellman (PKCS #11 3.2 section 6.4).

use crate::ck;
use crate::crypto;
use crate::crypto::dh::{self, DhMaterial, Group, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{DomainParameters, Form, KeyPairs, KeyType};
use super::values::{PublicValue, PublicValues, Values, given_numbers, invalid_key, need};

pub(super) static DH: KeyType = KeyType {
    id: ck::CKK_DH,
    name: "CKK_DH",
    title: "DH",
    size: ck::CKA_PRIME,
    only_size: None,
    uses: &[ck::CKA_DERIVE],
    public: PUBLIC,
    held: PRIVATE,
    names: &[],
    spec_names: &[],
    spec: None,
    parameters: Some(&DomainParameters {
        components: GROUP,
        describe: describe_group,
    }),
    form: Form::Pair(KeyPairs {
        oids: &[dh::OID],
        from_pkcs8: |info| DhMaterial::from_pkcs8(info).map(Material::pair),
        from_spki: |info| dh::from_spki(info).map(public_values),
        stored_kind: 16,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        canonical,
    }),
};

const GROUP: &[Component] = components! {
    CKA_PRIME      Bytes, None, [R F F] Always Checked;
    CKA_BASE       Bytes, None, [R F F] Always Checked;
    CKA_PRIME_BITS Ulong, None, [F R F] Always Checked;
};

const PUBLIC: &[Component] = components! {
    CKA_PRIME Bytes, None, [R R F] Always Checked;
    CKA_BASE  Bytes, None, [R R F] Always Checked;
    CKA_VALUE Bytes, None, [R F F] Always Checked;
};

const PRIVATE: &[Component] = components! {
    CKA_PRIME      Bytes, None, [R F F] Always Checked;
    CKA_BASE       Bytes, None, [R F F] Always Checked;
    CKA_VALUE      Bytes, None, [R F F] UnlessSensitive Checked;
    CKA_VALUE_BITS Ulong, None, [F O O] Always Checked;
};

/// The values of a public key, in the order of `PublicKey::numbers`.
fn public_values([p, g, y]: [Vec<u8>; 3]) -> PublicValues {
    vec![
        (ck::CKA_PRIME, PublicValue::Bytes(p)),
        (ck::CKA_BASE, PublicValue::Bytes(g)),
        (ck::CKA_VALUE, PublicValue::Bytes(y)),
    ]
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [p, g, x, y] = parts else {
        return None;
    };
    Some(Material::pair(DhMaterial {
        p: p.to_vec(),
        g: g.to_vec(),
        x: Secret::copy(x),
        y: y.to_vec(),
    }))
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let (p, g) = group(key)?;
    let x = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let material = DhMaterial::checked(p, g, x, None).map_err(refused)?;
    Ok(Material::pair(material))
}

/// Prime and base.
pub(crate) fn group(key: &dyn Values) -> Result<(&[u8], &[u8])> {
    let p = need(key, ck::CKA_PRIME, "CKA_PRIME")?;
    Ok((p, need(key, ck::CKA_BASE, "CKA_BASE")?))
}

fn describe_group(key: &dyn Values) -> Result<PublicValues> {
    let (p, g) = group(key)?;
    Ok(group_values(&Group::checked(p, g).map_err(refused)?))
}

/// What a group's domain parameters consist of.
pub(crate) fn group_values(group: &Group) -> PublicValues {
    let [p, g] = group.numbers();
    vec![
        (ck::CKA_PRIME, PublicValue::Bytes(p)),
        (ck::CKA_BASE, PublicValue::Bytes(g)),
        (ck::CKA_PRIME_BITS, PublicValue::Ulong(group.bits() as u64)),
    ]
}

fn public(key: &dyn Values) -> Result<PublicKey> {
    let (p, g) = group(key)?;
    let y = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    PublicKey::new(p, g, y).map_err(refused)
}

fn refused(error: crypto::Error) -> Error {
    let what = "the prime, the base or the value is not that of a group of RFC 3526, RFC 7919 or another safe prime";
    invalid_key(error, ck::CKR_ATTRIBUTE_VALUE_INVALID, what)
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    let key = public(key)?;
    let spki = dh::spki(key.numbers())?;
    let mut values = public_values(key.numbers().map(<[u8]>::to_vec));
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

/// CKA_VALUE of a private key is no public component, so that it is not looked at.
fn canonical(key: &dyn Values) -> Result<PublicValues> {
    Ok(given_numbers(key, &[ck::CKA_PRIME, ck::CKA_BASE]))
}

impl KeyPair for DhMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_DH
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![&self.p, &self.g, &self.x, &self.y]
    }

    fn canonical(&self) -> [&[u8]; 3] {
        [&self.p, &self.g, &self.y]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        dh::spki([&self.p, &self.g, &self.y])
    }

    /// CKA_VALUE of a private key is its own.
    fn describe(&self) -> Result<PublicValues> {
        Ok(vec![
            (ck::CKA_PRIME, PublicValue::Bytes(self.p.clone())),
            (ck::CKA_BASE, PublicValue::Bytes(self.g.clone())),
            (ck::CKA_VALUE_BITS, PublicValue::Ulong(self.private_bits())),
            (ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(self.spki()?)),
        ])
    }

    fn describe_public(&self) -> Result<PublicValues> {
        let numbers = [&self.p, &self.g, &self.y];
        let mut values = public_values(numbers.map(Vec::clone));
        values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(self.spki()?)));
        Ok(values)
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        (kind == ck::CKA_VALUE).then_some(&self.x)
    }

    fn ready(&self) -> crypto::Result<Key> {
        Ok(Key::new(PrivateKey::new(self)))
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let same = |kind, own: &[u8]| template.bytes(kind).is_none_or(|given| given == own);
        let bits = template.ulong(ck::CKA_VALUE_BITS);
        same(ck::CKA_PRIME, &self.p)
            && same(ck::CKA_BASE, &self.g)
            && bits.is_none_or(|bits| bits == self.private_bits())
    }
}

impl Ready for PublicKey {
    fn bits(&self) -> u64 {
        self.bits()
    }
}

impl Ready for PrivateKey {
    fn bits(&self) -> u64 {
        self.bits()
    }
}
