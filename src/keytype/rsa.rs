//! RSA (PKCS #11 3.2 section 6.1).

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::rsa::{self, PrivateKey, PublicKey, RsaMaterial};
use crate::error::Result;
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::spec::Spec;
use super::values::{PublicValue, PublicValues, Values, need, without_zeros};

pub(super) static RSA: KeyType = KeyType {
    id: ck::CKK_RSA,
    name: "CKK_RSA",
    title: "RSA",
    size: ck::CKA_MODULUS_BITS,
    only_size: None,
    uses: &[
        ck::CKA_ENCRYPT,
        ck::CKA_DECRYPT,
        ck::CKA_SIGN,
        ck::CKA_SIGN_RECOVER,
        ck::CKA_VERIFY,
        ck::CKA_VERIFY_RECOVER,
        ck::CKA_WRAP,
        ck::CKA_UNWRAP,
    ],
    public: PUBLIC,
    held: PRIVATE,
    names: &[KeyName {
        word: "rsa",
        size: NamedSize::Bits,
        made_by: ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
    }],
    spec_names: &[
        ("RSA_2048", Spec::Rsa(2048)),
        ("RSA_3072", Spec::Rsa(3072)),
        ("RSA_4096", Spec::Rsa(4096)),
    ],
    spec: Some(spec),
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &[rsa::OID, rsa::PSS, rsa::OAEP],
        from_pkcs8: |info| RsaMaterial::from_pkcs8(info).map(Material::pair),
        from_spki,
        stored_kind: 2,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        canonical,
    }),
};

/// 65537.
const F4: &[u8] = &[1, 0, 1];

const PUBLIC: &[Component] = components! {
    CKA_MODULUS          Bytes, None,     [R F F] Always Indexed;
    CKA_MODULUS_BITS     Ulong, None,     [F R F] Always Checked;
    CKA_PUBLIC_EXPONENT  Bytes, Some(F4), [R O F] Always Checked;
};

const PRIVATE: &[Component] = components! {
    CKA_MODULUS          Bytes, None, [R F F] Always Indexed;
    CKA_MODULUS_BITS     Ulong, None, [F O F] Always Checked;
    CKA_PUBLIC_EXPONENT  Bytes, None, [O F F] Always Checked;
    CKA_PRIVATE_EXPONENT Bytes, None, [R F F] UnlessSensitive Checked;
    CKA_PRIME_1          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_PRIME_2          Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_EXPONENT_1       Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_EXPONENT_2       Bytes, None, [O F F] UnlessSensitive Checked;
    CKA_COEFFICIENT      Bytes, None, [O F F] UnlessSensitive Checked;
};

fn spec(key: &dyn Values) -> Option<Spec> {
    bits(key)
        .filter(|bits| matches!(bits, 2048 | 3072 | 4096))
        .map(Spec::Rsa)
}

/// Bits of the modulus that a key has or shall have; `None` for keys of other types.
pub(crate) fn bits(key: &dyn Values) -> Option<u64> {
    let of_modulus = || key.bytes(ck::CKA_MODULUS).map(modulus_bits);
    key.ulong(ck::CKA_MODULUS_BITS).or_else(of_modulus)
}

/// Bits of a modulus without leading zero bytes.
#[must_use]
pub(crate) fn modulus_bits(n: &[u8]) -> u64 {
    n.len() as u64 * 8 - n.first().map_or(0, |byte| u64::from(byte.leading_zeros()))
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [n, e, d, p, q, dp, dq, qinv] = parts else {
        return None;
    };
    let [d, p, q, dp, dq, qinv] = [d, p, q, dp, dq, qinv].map(|part| Secret::copy(part));
    Some(Material::pair(RsaMaterial {
        n: n.to_vec(),
        e: e.to_vec(),
        d,
        p,
        q,
        dp,
        dq,
        qinv,
    }))
}

fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    let [n, e] = rsa::public_numbers(info)?;
    Ok(vec![
        (ck::CKA_MODULUS, PublicValue::Bytes(n)),
        (ck::CKA_PUBLIC_EXPONENT, PublicValue::Bytes(e)),
    ])
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let given = |kind| {
        key.bytes(kind)
            .map(without_zeros)
            .filter(|number| !number.is_empty())
    };
    let primes = given(ck::CKA_PRIME_1).zip(given(ck::CKA_PRIME_2));
    let n = need(key, ck::CKA_MODULUS, "CKA_MODULUS")?;
    let d = need(key, ck::CKA_PRIVATE_EXPONENT, "CKA_PRIVATE_EXPONENT")?;
    let e = match (given(ck::CKA_PUBLIC_EXPONENT), primes) {
        (None, Some(primes)) => &*RsaMaterial::public_exponent(d, primes)?,
        _ => need(key, ck::CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT")?,
    };
    let material = RsaMaterial::checked(n, e, d, primes)?;
    // Without primes it is not said which exponent is of which.
    if primes.is_none() {
        return Ok(Material::pair(material));
    }
    let crt = [ck::CKA_EXPONENT_1, ck::CKA_EXPONENT_2, ck::CKA_COEFFICIENT];
    Ok(Material::pair(material.with_crt(crt.map(given))?))
}

fn public(key: &dyn Values) -> Result<PublicKey> {
    let n = need(key, ck::CKA_MODULUS, "CKA_MODULUS")?;
    let e = need(key, ck::CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT")?;
    Ok(PublicKey::new(n, e)?)
}

fn canonical(key: &dyn Values) -> Result<PublicValues> {
    let numbers = [ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT].into_iter();
    let given = numbers.filter_map(|kind| Some((kind, key.bytes(kind)?)));
    Ok(given
        .map(|(kind, number)| (kind, PublicValue::Bytes(without_zeros(number).to_vec())))
        .collect())
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    let bits = public(key)?.bits() as u64;
    let number = |kind| without_zeros(key.bytes(kind).unwrap_or_default()).to_vec();
    let (n, e) = (number(ck::CKA_MODULUS), number(ck::CKA_PUBLIC_EXPONENT));
    let spki = rsa::spki(&n, &e)?;
    Ok(vec![
        (ck::CKA_MODULUS_BITS, PublicValue::Ulong(bits)),
        (ck::CKA_MODULUS, PublicValue::Bytes(n)),
        (ck::CKA_PUBLIC_EXPONENT, PublicValue::Bytes(e)),
        (ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)),
    ])
}

impl KeyPair for RsaMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_RSA
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![
            &self.n, &self.e, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qinv,
        ]
    }

    /// (n, e), since d is not unique.
    fn canonical(&self) -> [&[u8]; 3] {
        [b"", &self.n, &self.e]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        rsa::spki(&self.n, &self.e)
    }

    fn describe(&self) -> Result<PublicValues> {
        Ok(vec![
            (ck::CKA_MODULUS, PublicValue::Bytes(self.n.clone())),
            (ck::CKA_PUBLIC_EXPONENT, PublicValue::Bytes(self.e.clone())),
            (ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(self.spki()?)),
        ])
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        Some(match kind {
            ck::CKA_PRIVATE_EXPONENT => &self.d,
            ck::CKA_PRIME_1 => &self.p,
            ck::CKA_PRIME_2 => &self.q,
            ck::CKA_EXPONENT_1 => &self.dp,
            ck::CKA_EXPONENT_2 => &self.dq,
            ck::CKA_COEFFICIENT => &self.qinv,
            _ => return None,
        })
    }

    fn ready(&self) -> crypto::Result<Key> {
        PrivateKey::new(self).map(Key::new)
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let n = template.bytes(ck::CKA_MODULUS);
        let bits = template.ulong(ck::CKA_MODULUS_BITS);
        n.is_none_or(|n| n == self.n) && bits.is_none_or(|bits| bits == modulus_bits(&self.n))
    }
}

impl Ready for PublicKey {
    fn bits(&self) -> u64 {
        self.bits() as u64
    }
}

impl Ready for PrivateKey {
    fn bits(&self) -> u64 {
        self.bits() as u64
    }
}
