//! Elliptic curves in Weierstrass form (PKCS #11 3.2 section 6.3): ECDSA, ECDH and SM2.

use crate::ck;
use crate::crypto;
use crate::crypto::ec::{self, EcMaterial, PrivateKey, PublicKey};
use crate::crypto::encoding::{
    PrivateKeyInfoRef, SubjectPublicKeyInfoRef, octet_string, to_octet_string,
};
use crate::crypto::okp::{self, OkpMaterial};
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::material::{KeyPair, Material};
use super::row::{Form, KeyName, KeyPairs, KeyType, NamedSize};
use super::spec::{Curve, Spec};
use super::values::{PublicValue, PublicValues, Values, need};

pub(super) static EC: KeyType = KeyType {
    id: ck::CKK_EC,
    name: "CKK_EC",
    title: "EC",
    size: ck::CKA_EC_PARAMS,
    only_size: None,
    uses: &[ck::CKA_SIGN, ck::CKA_VERIFY],
    public: PUBLIC,
    held: PRIVATE,
    names: &[
        KeyName {
            word: "ec",
            size: NamedSize::Curve,
            made_by: ck::CKM_EC_KEY_PAIR_GEN,
        },
        KeyName {
            word: "secp256k1",
            size: NamedSize::Only(|| params(ec::Curve::Secp256k1)),
            made_by: ck::CKM_EC_KEY_PAIR_GEN,
        },
        KeyName {
            word: "sm2",
            size: NamedSize::Only(|| params(ec::Curve::Sm2)),
            made_by: ck::CKM_TENON_SM2_KEY_PAIR_GEN,
        },
    ],
    spec_names: &[
        ("EC_P256", Spec::Ec(Curve::P256)),
        ("EC_P384", Spec::Ec(Curve::P384)),
        ("EC_P521", Spec::Ec(Curve::P521)),
        ("EC_P256K", Spec::Ec(Curve::Secp256k1)),
        ("EC_SM2", Spec::Ec(Curve::Sm2)),
    ],
    spec: Some(spec),
    parameters: None,
    form: Form::Pair(KeyPairs {
        oids: &[ec::OID],
        from_pkcs8,
        from_spki,
        stored_kind: 3,
        from_parts,
        from_values,
        public: |key| public(key).map(Key::new),
        describe,
        canonical,
    }),
};

pub(super) const PUBLIC: &[Component] = components! {
    CKA_EC_PARAMS Bytes, None, [R R F] Always Checked;
    CKA_EC_POINT  Bytes, None, [R F F] Always Indexed;
};

pub(super) const PRIVATE: &[Component] = components! {
    CKA_EC_PARAMS Bytes, None, [R O O] Always Checked;
    CKA_EC_POINT  Bytes, None, [O F F] Always Indexed;
    CKA_VALUE     Bytes, None, [R F F] UnlessSensitive Checked;
};

fn spec(key: &dyn Values) -> Option<Spec> {
    let curve = ec::Curve::from_params(key.bytes(ck::CKA_EC_PARAMS)?).ok()?;
    Curve::of(curve).map(Spec::Ec)
}

/// Curve of CKA_EC_PARAMS. CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED.
pub(crate) fn curve(params: &[u8]) -> Result<ec::Curve> {
    ec::Curve::from_params(params).map_err(bad_params)
}

/// The error of CKA_EC_PARAMS: CKR_CURVE_NOT_SUPPORTED for `UnsupportedCurve`, and
/// CKR_DOMAIN_PARAMS_INVALID for `CurveParameters`.
pub(super) fn bad_params(error: crypto::Error) -> Error {
    Error::from(error).at("CKA_EC_PARAMS")
}

/// An EC key, or an Ed25519 or X25519 key that is encoded as one on a named curve, as NSS has done.
fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> crypto::Result<Material> {
    match okp::named_curve(info) {
        Some(curve) => OkpMaterial::from_pkcs8(curve, info).map(Material::pair),
        None => EcMaterial::from_pkcs8(info).map(Material::pair),
    }
}

fn from_parts(parts: &[&[u8]]) -> Option<Material> {
    let [params, scalar, point] = parts else {
        return None;
    };
    Some(Material::pair(EcMaterial {
        curve: ec::Curve::from_params(params).ok()?,
        scalar: Secret::copy(scalar),
        point: point.to_vec(),
    }))
}

fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues> {
    let params = ec::params_of(info)?;
    curve_components(Some(&params), Some(info.subject_public_key.raw_bytes()))
}

/// The components of a public key on any curve, of curve and bare point as far as they are known.
/// Points on all curves are stored as DER; `raw_point` makes of it what PKCS #11 3.2 has for an Edwards
/// or Montgomery key.
pub(super) fn curve_components(
    params: Option<&[u8]>,
    point: Option<&[u8]>,
) -> crypto::Result<PublicValues> {
    let params = params.map(<[u8]>::to_vec);
    let point = point.map(to_octet_string).transpose()?;
    let values = [(ck::CKA_EC_PARAMS, params), (ck::CKA_EC_POINT, point)];
    let known = |(kind, value): (_, Option<_>)| Some((kind, PublicValue::Bytes(value?)));
    Ok(values.into_iter().filter_map(known).collect())
}

/// CKA_EC_POINT, where it says something.
pub(super) fn given_point(key: &dyn Values) -> Option<&[u8]> {
    key.bytes(ck::CKA_EC_POINT)
        .filter(|value| !value.is_empty())
}

/// CKA_EC_PARAMS of a curve.
fn params(curve: ec::Curve) -> PublicValue {
    PublicValue::Bytes(curve.params().to_vec())
}

fn from_values(key: &dyn Values) -> Result<Material> {
    let params = need(key, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?;
    let scalar = need(key, ck::CKA_VALUE, "CKA_VALUE")?;
    let curve = curve(params)?;
    let point = key.bytes(ck::CKA_EC_POINT);
    let point = point.map(|value| curve.bare_point(value));
    Ok(Material::pair(EcMaterial::checked(curve, scalar, point)?))
}

fn public(key: &dyn Values) -> Result<PublicKey> {
    let curve = curve(need(key, ck::CKA_EC_PARAMS, "CKA_EC_PARAMS")?)?;
    let point = curve.bare_point(need(key, ck::CKA_EC_POINT, "CKA_EC_POINT")?);
    Ok(PublicKey::new(curve, point)?)
}

fn canonical(key: &dyn Values) -> Result<PublicValues> {
    let of = key.bytes(ck::CKA_EC_PARAMS).map(curve).transpose()?;
    let bare = |value| match of {
        Some(curve) => PublicKey::new(curve, curve.bare_point(value))?.point(),
        None => point_on_some_curve(value).map(<[u8]>::to_vec),
    };
    let point = given_point(key).map(bare).transpose()?;
    Ok(curve_components(
        of.map(ec::Curve::params),
        point.as_deref(),
    )?)
}

/// The bare point in a CKA_EC_POINT whose curve nobody named. SEC 1 points have an odd length, and a
/// compressed one stays as it is.
fn point_on_some_curve(value: &[u8]) -> crypto::Result<&[u8]> {
    let point = octet_string(value);
    if point.len().is_multiple_of(2) {
        return Err(crypto::Error::InvalidKey("no SEC 1 point has this length"));
    }
    Ok(point)
}

/// The points that a compressed CKA_EC_POINT can be when nobody names its curve: one on each curve of its length
/// that has such a point. None for any other value.
pub(crate) fn uncompressed(value: &[u8]) -> Vec<Vec<u8>> {
    let point = octet_string(value);
    let (Some(2 | 3), Some(len)) = (point.first(), point.len().checked_sub(1)) else {
        return Vec::new();
    };
    let on = |curve| PublicKey::new(curve, point).and_then(|key| key.point());
    ec::Curve::of_field(len)
        .filter_map(|curve| on(curve).ok())
        .collect()
}

fn describe(key: &dyn Values) -> Result<PublicValues> {
    let key = public(key)?;
    let (curve, point) = (key.curve(), key.point()?);
    on_curve(curve.params(), &point, ec::spki(curve, &point)?)
}

/// The attributes of a public key on any curve.
pub(super) fn on_curve(params: &[u8], point: &[u8], spki: Vec<u8>) -> Result<PublicValues> {
    let mut values = curve_components(Some(params), Some(point))?;
    values.push((ck::CKA_PUBLIC_KEY_INFO, PublicValue::Bytes(spki)));
    Ok(values)
}

impl KeyPair for EcMaterial {
    fn key_type(&self) -> ck::CK_KEY_TYPE {
        ck::CKK_EC
    }

    fn parts(&self) -> Vec<&[u8]> {
        vec![self.curve.params(), &self.scalar, &self.point]
    }

    fn canonical(&self) -> [&[u8]; 3] {
        [self.curve.params(), &self.scalar, b""]
    }

    fn to_pkcs8(&self) -> crypto::Result<Secret> {
        self.to_pkcs8()
    }

    fn spki(&self) -> crypto::Result<Vec<u8>> {
        ec::spki(self.curve, &self.point)
    }

    fn describe(&self) -> Result<PublicValues> {
        on_curve(self.curve.params(), &self.point, self.spki()?)
    }

    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        (kind == ck::CKA_VALUE).then_some(&self.scalar)
    }

    fn ready(&self) -> crypto::Result<Key> {
        PrivateKey::new(self).map(Key::new)
    }

    fn fits(&self, template: &dyn Values) -> bool {
        let params = template.bytes(ck::CKA_EC_PARAMS);
        params.is_none_or(|params| ec::Curve::from_params(params) == Ok(self.curve))
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
