//! DSA (PKCS #11 3.2 section 6.2).

use crate::ck;
use crate::crypto;
use crate::crypto::dsa::{self, DsaMaterial, Group, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{DomainParameters, Form, KeyPairs, KeyType};
use super::values::{PublicValue, PublicValues, Values, given_numbers, invalid_key, need};

pub(super) static DSA: KeyType = KeyType {
    id: ck::CKK_DSA,
    name: "CKK_DSA",
    title: "DSA",
    size: ck::CKA_PRIME,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    names: &[],
    spec_names: &[],
    spec: None,
    parameters: Some(&DomainParameters {
        components: GROUP,
        describe: |key| Ok(parameter_values(&proven(key)?)),
    }),
    form: Form::Pair(KeyPairs {
        oids: &[dsa::OID],
        from_pkcs8: |info| DsaMaterial::from_pkcs8(info).map(Material::pair),
        from_spki: |info| dsa::from_spki(info).map(public_values),
        stored_kind: 17,
        from_parts,
        from_values,
        public,
        describe,
        canonical,
    }),
};

const GROUP: &[Component] = components! {
    CKA_PRIME         Bytes, None, [R F F] Always Checked;
    CKA_SUBPRIME      Bytes, None, [R F F] Always Checked;
    CKA_BASE          Bytes, None, [R F F] Always Checked;
    CKA_PRIME_BITS    Ulong, None, [F R F] Always Checked;
    CKA_SUBPRIME_BITS Ulong, None, [F O F] Always Checked;
};

const PUBLIC: &[Component] = components! {
    CKA_PRIME    Bytes, None, [R R F] Always Checked;
    CKA_SUBPRIME Bytes, None, [R R F] Always Checked;
    CKA_BASE     Bytes, None, [R R F] Always Checked;
    CKA_VALUE    Bytes, None, [R F F] Always Checked;
};

const PRIVATE: &[Component] = components! {
    CKA_PRIME    Bytes, None, [R F F] Always Checked;
    CKA_SUBPRIME Bytes, None, [R F F] Always Checked;
    CKA_BASE     Bytes, None, [R F F] Always Checked;
    CKA_VALUE    Bytes, None, [R F F] UnlessSensitive Checked;
};

/// The attributes of the domain parameters, in the order of `Group::numbers`.
const NUMBERS: [ck::CK_ATTRIBUTE_TYPE; 3] = [ck::CKA_PRIME, ck::CKA_SUBPRIME, ck::CKA_BASE];

/// The values of a public key: those of `Group::numbers`, then the public value.
fn public_values([p, q, g, y]: [Vec<u8>; 4]) -> PublicValues {
    let mut values = group_values([p, q, g]);
    values.push((ck::CKA_VALUE, PublicValue::Bytes(y)));
    values
}

fn group_values(numbers: [Vec<u8>; 3]) -> PublicValues {
    let values = NUMBERS.into_iter().zip(numbers);
    values
        .map(|(kind, number)| (kind, PublicValue::Bytes(number)))
        .collect()
}

/// What domain parameters consist of.
pub(crate) fn parameter_values(group: &Group) -> PublicValues {
    let numbers = group.numbers();
    let subprime_bits = numbers[1].len() as u64 * 8;
    let mut values = group_values(numbers);
    values.push((ck::CKA_PRIME_BITS, PublicValue::Ulong(group.bits() as u64)));
    values.push((ck::CKA_SUBPRIME_BITS, PublicValue::Ulong(subprime_bits)));
    values
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [p, q, g, x, y] = parts else {
        return None;
    };
    Some(Material::pair(DsaMaterial {
        p: p.to_vec(),
        q: q.to_vec(),
        g: g.to_vec(),
        x: Secret::copy(x),
        y: y.to_vec(),
    }))
}

/// Prime, subprime and base.
pub(crate) fn numbers(key: &dyn Values) -> Result<[&[u8]; 3]> {
    Ok([
        need(key, ck::CKA_PRIME, "CKA_PRIME")?,
        need(key, ck::CKA_SUBPRIME, "CKA_SUBPRIME")?,
        need(key, ck::CKA_BASE, "CKA_BASE")?,
    ])
}

fn proven(key: &dyn Values) -> Result<Group> {
    Group::checked(numbers(key)?).map_err(refused)
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let x = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let material = DsaMaterial::checked(&proven(key)?, x, None).map_err(refused)?;
    Ok(Material::pair(material))
}

/// Whoever verifies with domain parameters that nobody proved is deceived by nobody but who gave the key.
fn public(key: &dyn Values) -> Result<Key> {
    let group = Group::sized(numbers(key)?).map_err(refused)?;
    let y = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    PublicKey::new(&group, y).map(Key::new).map_err(refused)
}

fn refused(error: crypto::Error) -> Error {
    let what = "the prime, the subprime, the base or the value is none of DSA";
    invalid_key(error, ck::CKR_ATTRIBUTE_VALUE_INVALID, what)
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    let y = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let key = PublicKey::new(&proven(key)?, y).map_err(refused)?;
    let spki = dsa::spki(key.numbers())?;
    let mut values = public_values(key.numbers().map(<[u8]>::to_vec));
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

/// CKA_VALUE of a private key is no public component, so that it is not looked at.
fn canonical(key: &dyn Values) -> Result<PublicValues> {
    Ok(given_numbers(key, &NUMBERS))
}

impl KeyPair for DsaMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_DSA
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![&self.p, &self.q, &self.g, &self.x, &self.y]
    }

    /// The base tells the subprime, which is its order.
    fn canonical(&self) -> [&[u8]; 3] {
        [&self.p, &self.g, &self.y]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        dsa::spki([&self.p, &self.q, &self.g, &self.y])
    }

    /// CKA_VALUE of a private key is its own.
    fn describe(&self) -> Result<PublicValues> {
        let mut values = group_values([&self.p, &self.q, &self.g].map(Vec::clone));
        values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(self.spki()?)));
        Ok(values)
    }

    fn describe_public(&self) -> Result<PublicValues> {
        let numbers = [&self.p, &self.q, &self.g, &self.y];
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
        let own = [&self.p, &self.q, &self.g];
        NUMBERS
            .into_iter()
            .zip(own)
            .all(|(kind, own)| template.bytes(kind).is_none_or(|given| given == own))
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
