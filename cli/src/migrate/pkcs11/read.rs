//! The objects of a module's token, with all that it tells of them.

use cryptoki::object::{Attribute, AttributeInfo, AttributeType, ObjectHandle};
use der::{Reader, SliceReader};
use tenon_pkcs11::api::attr::RawValue;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::Material;
use zeroize::Zeroizing;

use super::wrapping::WrappingKey;
use crate::Result;
use crate::migrate::other_module::OtherModule;
use crate::migrate::source::{Attributes, SourceObject, bytes, flag, number, numbers};
use crate::object::words;
use crate::private_key;
use crate::template::Template;

/// What is asked for of each object. A module answers what it knows and what the object has.
const ASKED: [AttributeType; 63] = [
    AttributeType::Class,
    AttributeType::Token,
    AttributeType::Private,
    AttributeType::Label,
    AttributeType::Id,
    AttributeType::KeyType,
    AttributeType::CertificateType,
    AttributeType::Application,
    AttributeType::ObjectId,
    AttributeType::Value,
    AttributeType::ValueLen,
    AttributeType::Subject,
    AttributeType::Issuer,
    AttributeType::SerialNumber,
    AttributeType::Url,
    AttributeType::HashOfSubjectPublicKey,
    AttributeType::HashOfIssuerPublicKey,
    AttributeType::PublicKeyInfo,
    AttributeType::CheckValue,
    AttributeType::Trusted,
    AttributeType::Modifiable,
    AttributeType::Copyable,
    AttributeType::Destroyable,
    AttributeType::Sensitive,
    AttributeType::AlwaysSensitive,
    AttributeType::Extractable,
    AttributeType::NeverExtractable,
    AttributeType::Local,
    AttributeType::KeyGenMechanism,
    AttributeType::AllowedMechanisms,
    AttributeType::AlwaysAuthenticate,
    AttributeType::WrapWithTrusted,
    AttributeType::StartDate,
    AttributeType::EndDate,
    AttributeType::Encrypt,
    AttributeType::Decrypt,
    AttributeType::Sign,
    AttributeType::SignRecover,
    AttributeType::Verify,
    AttributeType::VerifyRecover,
    AttributeType::Wrap,
    AttributeType::Unwrap,
    AttributeType::Derive,
    AttributeType::Encapsulate,
    AttributeType::Decapsulate,
    AttributeType::Modulus,
    AttributeType::ModulusBits,
    AttributeType::PublicExponent,
    AttributeType::PrivateExponent,
    AttributeType::Prime1,
    AttributeType::Prime2,
    AttributeType::Exponent1,
    AttributeType::Exponent2,
    AttributeType::Coefficient,
    AttributeType::EcParams,
    AttributeType::EcPoint,
    AttributeType::Prime,
    AttributeType::Base,
    AttributeType::ParameterSet,
    AttributeType::Seed,
    AttributeType::Owner,
    AttributeType::AcIssuer,
    AttributeType::AttrTypes,
];

/// What a key says of keys that it wraps, unwraps and derives. The values are templates, which cryptoki does not read.
const TEMPLATES: [ck::CK_ATTRIBUTE_TYPE; 3] = [
    ck::CKA_WRAP_TEMPLATE,
    ck::CKA_UNWRAP_TEMPLATE,
    ck::CKA_DERIVE_TEMPLATE,
];

/// The token's objects, each with its name; an object whose key does not leave is an error that says why.
pub(super) fn objects(other: &OtherModule) -> Result<Vec<(String, Result<SourceObject>)>> {
    let session = &other.session;
    let mut wrapping = WrappingKey::new(session);
    let mut objects = Vec::new();
    for handle in session.find_objects(&[Attribute::Token(true)])? {
        let object = object(other, handle);
        let name = object
            .as_ref()
            .map_or_else(|_| format!("object {handle}"), describe);
        let whole = object.and_then(|object| with_value(object, handle, &mut wrapping));
        objects.push((name, whole));
    }
    Ok(objects)
}

fn describe(object: &SourceObject) -> String {
    let words = words(object.class(), &object.key(), &object.label(), &object.id());
    format!("{}: {words}", object.name)
}

fn object(other: &OtherModule, handle: ObjectHandle) -> Result<SourceObject> {
    // Some modules refuse the whole question for one attribute that they do not know.
    let known = match other.session.get_attributes(handle, &ASKED) {
        Ok(known) => known,
        Err(_) => {
            let one = |kind: &AttributeType| other.session.get_attributes(handle, &[*kind]);
            ASKED
                .iter()
                .filter_map(|kind| one(kind).ok())
                .flatten()
                .collect()
        }
    };
    let attributes: Attributes = known.into_iter().filter_map(raw).collect();
    if !attributes.contains_key(&ck::CKA_CLASS) {
        return Err("the module does not say what kind of object it is".into());
    }
    let has = |kind: &ck::CK_ATTRIBUTE_TYPE| {
        let kind = [AttributeType::VendorDefined(*kind)];
        let known = other.session.get_attribute_info(handle, &kind);
        matches!(known.as_deref(), Ok([AttributeInfo::Available(len)]) if *len != 0)
    };
    Ok(SourceObject {
        name: format!("object {handle}"),
        attributes,
        unread: TEMPLATES.into_iter().filter(has).collect(),
    })
}

/// The object with the value of its key, which is wrapped out where it cannot be read.
fn with_value(
    mut object: SourceObject,
    handle: ObjectHandle,
    wrapping: &mut WrappingKey<'_>,
) -> Result<SourceObject> {
    let class = object.number(ck::CKA_CLASS);
    let is_private = class == Some(ck::CKO_PRIVATE_KEY);
    let values = [ck::CKA_VALUE, ck::CKA_PRIVATE_EXPONENT, ck::CKA_SEED];
    let is_readable = values.iter().any(|kind| !object.bytes(*kind).is_empty());
    if is_readable || !(is_private || class.is_some_and(ck::is_secret_key)) {
        return Ok(object);
    }
    if !object.flag(ck::CKA_EXTRACTABLE) {
        return Err("the key does not leave its module: CKA_EXTRACTABLE is false".into());
    }
    let clear = wrapping.clear(handle)?;
    if !is_private {
        object.attributes.insert(ck::CKA_VALUE, bytes(&clear));
        return Ok(object);
    }
    // SoftHSM up to 2.6.1 wraps zeros behind the PrivateKeyInfo too.
    let info = SliceReader::new(&clear)?.tlv_bytes()?;
    let material = Material::from_pkcs8(info)?;
    for component in private_key::add(Template::default(), &material)?.as_slice() {
        let value = component.value.clone();
        object.attributes.insert(component.kind, value);
    }
    Ok(object)
}

/// An attribute by its number, in C's representation; `None` for those that no object of ours has.
fn raw(attribute: Attribute) -> Option<(ck::CK_ATTRIBUTE_TYPE, RawValue)> {
    let kind = attribute.attribute_type().into();
    let value = match attribute {
        Attribute::Class(class) => number(class.into()),
        Attribute::KeyType(key_type) => number(key_type.into()),
        Attribute::CertificateType(certificate) => number(certificate.into()),
        Attribute::KeyGenMechanism(mechanism) => number(mechanism.into()),
        Attribute::ParameterSet(set) => number((*set).into()),
        Attribute::ValueLen(len) | Attribute::ModulusBits(len) => number(len.into()),
        Attribute::AllowedMechanisms(mechanisms) => {
            let mechanisms: Vec<_> = mechanisms.into_iter().map(Into::into).collect();
            numbers(&mechanisms)
        }
        Attribute::StartDate(date) | Attribute::EndDate(date) => {
            let date = [&date.year[..], &date.month, &date.day].concat();
            // An empty date is one of zeros here.
            match date.iter().any(u8::is_ascii_digit) {
                true => bytes(&date),
                false => return None,
            }
        }
        Attribute::Token(is)
        | Attribute::Private(is)
        | Attribute::Trusted(is)
        | Attribute::Modifiable(is)
        | Attribute::Copyable(is)
        | Attribute::Destroyable(is)
        | Attribute::Sensitive(is)
        | Attribute::AlwaysSensitive(is)
        | Attribute::Extractable(is)
        | Attribute::NeverExtractable(is)
        | Attribute::Local(is)
        | Attribute::AlwaysAuthenticate(is)
        | Attribute::WrapWithTrusted(is)
        | Attribute::Encrypt(is)
        | Attribute::Decrypt(is)
        | Attribute::Sign(is)
        | Attribute::SignRecover(is)
        | Attribute::Verify(is)
        | Attribute::VerifyRecover(is)
        | Attribute::Wrap(is)
        | Attribute::Unwrap(is)
        | Attribute::Derive(is)
        | Attribute::Encapsulate(is)
        | Attribute::Decapsulate(is) => flag(is),
        Attribute::Label(text)
        | Attribute::Id(text)
        | Attribute::Application(text)
        | Attribute::ObjectId(text)
        | Attribute::Subject(text)
        | Attribute::Issuer(text)
        | Attribute::SerialNumber(text)
        | Attribute::Url(text)
        | Attribute::HashOfSubjectPublicKey(text)
        | Attribute::HashOfIssuerPublicKey(text)
        | Attribute::PublicKeyInfo(text)
        | Attribute::CheckValue(text)
        | Attribute::Modulus(text)
        | Attribute::PublicExponent(text)
        | Attribute::EcParams(text)
        | Attribute::EcPoint(text)
        | Attribute::Prime(text)
        | Attribute::Base(text)
        | Attribute::Owner(text)
        | Attribute::AcIssuer(text)
        | Attribute::AttrTypes(text) => bytes(&text),
        Attribute::Value(secret)
        | Attribute::PrivateExponent(secret)
        | Attribute::Prime1(secret)
        | Attribute::Prime2(secret)
        | Attribute::Exponent1(secret)
        | Attribute::Exponent2(secret)
        | Attribute::Coefficient(secret)
        | Attribute::Seed(secret) => bytes(&Zeroizing::new(secret)),
        _ => return None,
    };
    Some((kind, value))
}
