//! Edwards and Montgomery curves (PKCS #11 3.2 section 6.3): Ed25519 and X25519.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::SubjectPublicKeyInfoRef;
use crate::crypto::okp::{self, Curve, OkpMaterial, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::ec::{PRIVATE, PUBLIC, bad_params, curve_components, given_point, on_curve};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::spec::{self, Spec};
use super::values::{PublicValue, PublicValues, Values, need};

pub(super) static EDWARDS: KeyType = KeyType {
    id: ck::CKK_EC_EDWARDS,
    name: "CKK_EC_EDWARDS",
    title: "EC Edwards",
    size: ck::CKA_EC_PARAMS,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    names: &[KeyName {
        word: "ed25519",
        size: NamedSize::Only(|| PublicValue::Bytes(Curve::Ed25519.params().to_vec())),
        made_by: ck::CKM_EC_EDWARDS_KEY_PAIR_GEN,
    }],
    spec_names: &[("ED25519", Spec::Ec(spec::Curve::Ed25519))],
    spec: Some(spec),
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &[okp::ED25519],
        from_pkcs8: |info| OkpMaterial::from_pkcs8(Curve::Ed25519, info).map(Material::pair),
        from_spki: |info| from_spki(Curve::Ed25519, info),
        stored_kind: 4,
        from_parts,
        from_values: |key| from_values(Curve::Ed25519, key),
        public: |key| public(Curve::Ed25519, key).map(Key::new),
        describe: |key| describe(Curve::Ed25519, key),
        canonical: |key| canonical(Curve::Ed25519, key),
    }),
};

pub(super) static MONTGOMERY: KeyType = KeyType {
    id: ck::CKK_EC_MONTGOMERY,
    name: "CKK_EC_MONTGOMERY",
    title: "EC Montgomery",
    size: ck::CKA_EC_PARAMS,
    only_size: None,
    uses: &[],
    public: PUBLIC,
    held: PRIVATE,
    names: &[KeyName {
        word: "x25519",
        size: NamedSize::Only(|| PublicValue::Bytes(Curve::X25519.params().to_vec())),
        made_by: ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    }],
    spec_names: &[],
    spec: None,
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &[okp::X25519],
        from_pkcs8: |info| OkpMaterial::from_pkcs8(Curve::X25519, info).map(Material::pair),
        from_spki: |info| from_spki(Curve::X25519, info),
        stored_kind: 4,
        from_parts,
        from_values: |key| from_values(Curve::X25519, key),
        public: |key| public(Curve::X25519, key).map(Key::new),
        describe: |key| describe(Curve::X25519, key),
        canonical: |key| canonical(Curve::X25519, key),
    }),
};

fn spec(key: &dyn Values) -> Option<Spec> {
    let curve = Curve::from_params(key.bytes(ck::CKA_EC_PARAMS)?).ok()?;
    (curve == Curve::Ed25519).then_some(Spec::Ec(spec::Curve::Ed25519))
}

/// CKA_EC_POINT as sections 6.3.5 and 6.3.7 of PKCS #11 3.2 have it, of the DER that all keys on these
/// curves are stored with; `None` for other key types.
#[must_use]
pub(crate) fn raw_point(key_type: Option<ck::CK_KEY_TYPE>, stored: &[u8]) -> Option<&[u8]> {
    let of = [EDWARDS.id, MONTGOMERY.id];
    key_type
        .filter(|key_type| of.contains(key_type))
        .map(|_| okp::bare_point(stored))
}

/// `of`, if that is the curve that CKA_EC_PARAMS names; else CKR_CURVE_NOT_SUPPORTED.
fn named(of: Curve, params: &[u8]) -> Result<Curve> {
    if Curve::from_params(params).map_err(bad_params)? != of {
        let error = Error::new(
            ck::CKR_CURVE_NOT_SUPPORTED,
            "the curve is none of this key type",
        );
        return Err(error.at("CKA_EC_PARAMS"));
    }
    Ok(of)
}

fn from_spki(of: Curve, info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    curve_components(Some(of.params()), Some(info.subject_public_key.raw_bytes()))
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [params, private, public] = parts else {
        return None;
    };
    Some(Material::pair(OkpMaterial {
        curve: Curve::from_params(params).ok()?,
        private: Secret::copy(private),
        public: public.to_vec(),
    }))
}

fn from_values(of: Curve, key: &dyn Values) -> Result<Material> {
    let params = need(key, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
    let private = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let public = key.bytes(ck::CKA_EC_POINT).map(okp::bare_point);
    let curve = named(of, params)?;
    Ok(Material::pair(OkpMaterial::checked(
        curve, private, public,
    )?))
}

fn public(of: Curve, key: &dyn Values) -> Result<PublicKey> {
    let curve = named(of, need(key, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?)?;
    let point = okp::bare_point(need(key, ck::CKA_EC_POINT, "CKA_EC_POINT")?);
    Ok(PublicKey::new(curve, point)?)
}

fn canonical(of: Curve, key: &dyn Values) -> Result<PublicValues> {
    let params = key.bytes(ck::CKA_EC_PARAMS);
    let curve = params.map(|params| named(of, params)).transpose()?;
    let point = given_point(key).map(|value| PublicKey::new(of, okp::bare_point(value)));
    let point = point.transpose()?;
    Ok(curve_components(
        curve.map(Curve::params),
        point.as_ref().map(PublicKey::bytes),
    )?)
}

fn describe(of: Curve, key: &dyn Values) -> Result<PublicValues> {
    let key = public(of, key)?;
    on_curve(of.params(), key.bytes(), okp::spki(of, key.bytes())?)
}

impl KeyPair for OkpMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        match self.curve {
            Curve::Ed25519 => ck::CKK_EC_EDWARDS,
            Curve::X25519 => ck::CKK_EC_MONTGOMERY,
        }
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![self.curve.params(), &self.private, &self.public]
    }

    /// The curve and the public key, since X25519 ignores some bits of a scalar.
    fn canonical(&self) -> [&[u8]; 3] {
        [self.curve.params(), &self.public, b""]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        okp::spki(self.curve, &self.public)
    }

    fn describe(&self) -> Result<PublicValues> {
        on_curve(self.curve.params(), &self.public, self.spki()?)
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        (kind == ck::CKA_VALUE).then_some(&self.private)
    }

    fn ready(&self) -> crypto::Result<Key> {
        PrivateKey::new(self).map(Key::new)
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let params = template.bytes(ck::CKA_EC_PARAMS);
        params.is_none_or(|params| Curve::from_params(params) == Ok(self.curve))
    }
}

impl Ready for PublicKey {
    fn bits(&self) -> u64 {
        self.curve().bits() as u64
    }
}

impl Ready for PrivateKey {
    fn bits(&self) -> u64 {
        self.curve().bits() as u64
    }
}
