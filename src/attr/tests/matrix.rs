//! Every attribute × every kind of object × every function that takes a template, against the
//! footnotes.

use crate::ck::{self, CK_ATTRIBUTE_TYPE, CK_RV};

use super::super::row::{AttributeRow, Need};
use super::super::{
    Attributes, CreatedBy, Reader, Requester, Reveal, Value, build, change, copy, finish_key_facts,
    table,
};
use super::footnotes::{self, Expect, STEPS, Step, expected};
use super::objects::{OBJECTS, Object};
use super::{SO, USER, attributes, flag, raw, raws, rv, text};

const HASHES: [CK_ATTRIBUTE_TYPE; 2] = [
    ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY,
];

type Entries = Vec<(CK_ATTRIBUTE_TYPE, Value)>;

fn identity(object: Object) -> Entries {
    let (class, subtype) = match object {
        Object::Data => (ck::CKO_DATA, None),
        Object::Certificate => (ck::CKO_CERTIFICATE, Some(ck::CKC_X_509)),
        Object::AttributeCertificate => (ck::CKO_CERTIFICATE, Some(ck::CKC_X_509_ATTR_CERT)),
        Object::WtlsCertificate => (ck::CKO_CERTIFICATE, Some(ck::CKC_WTLS)),
        Object::Trust => (ck::CKO_TRUST, None),
        Object::RsaPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_RSA)),
        Object::EcPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_EC)),
        Object::MlKemPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_ML_KEM)),
        Object::MlKemPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_ML_KEM)),
        Object::DhParameters => (ck::CKO_DOMAIN_PARAMETERS, Some(ck::CKK_DH)),
        Object::DsaParameters => (ck::CKO_DOMAIN_PARAMETERS, Some(ck::CKK_DSA)),
        Object::DsaPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_DSA)),
        Object::DsaPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_DSA)),
        Object::DhPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_DH)),
        Object::DhPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_DH)),
        Object::MlDsaPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_ML_DSA)),
        Object::MlDsaPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_ML_DSA)),
        Object::SlhDsaPublic => (ck::CKO_PUBLIC_KEY, Some(ck::CKK_SLH_DSA)),
        Object::SlhDsaPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_SLH_DSA)),
        Object::RsaPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_RSA)),
        Object::EcPrivate => (ck::CKO_PRIVATE_KEY, Some(ck::CKK_EC)),
        Object::Aes => (ck::CKO_SECRET_KEY, Some(ck::CKK_AES)),
        Object::Generic => (ck::CKO_SECRET_KEY, Some(ck::CKK_GENERIC_SECRET)),
        Object::Hmac => (ck::CKO_SECRET_KEY, Some(ck::CKK_SHA256_HMAC)),
        Object::Sm4 => (ck::CKO_SECRET_KEY, Some(ck::CKK_TENON_SM4)),
        Object::Hotp => (ck::CKO_OTP_KEY, Some(ck::CKK_HOTP)),
        Object::Xts => (ck::CKO_SECRET_KEY, Some(ck::CKK_AES_XTS)),
    };
    let mut entries = vec![(ck::CKA_CLASS, Value::Ulong(class))];
    let kind = match class {
        ck::CKO_CERTIFICATE => ck::CKA_CERTIFICATE_TYPE,
        _ => ck::CKA_KEY_TYPE,
    };
    entries.extend(subtype.map(|subtype| (kind, Value::Ulong(subtype))));
    entries
}

/// A valid value of `kind` for `object`.
fn sample(object: Object, kind: CK_ATTRIBUTE_TYPE) -> Value {
    let identity = identity(object);
    if let Some((_, value)) = identity.iter().find(|(known, _)| *known == kind) {
        return value.clone();
    }
    match kind {
        ck::CKA_TRUSTED => flag(false),
        ck::CKA_TOKEN
        | ck::CKA_PRIVATE
        | ck::CKA_MODIFIABLE
        | ck::CKA_COPYABLE
        | ck::CKA_DESTROYABLE
        | ck::CKA_LOCAL
        | ck::CKA_ALWAYS_SENSITIVE
        | ck::CKA_NEVER_EXTRACTABLE
        | ck::CKA_SENSITIVE
        | ck::CKA_EXTRACTABLE
        | ck::CKA_DERIVE
        | ck::CKA_ENCRYPT
        | ck::CKA_DECRYPT
        | ck::CKA_SIGN
        | ck::CKA_SIGN_RECOVER
        | ck::CKA_VERIFY
        | ck::CKA_VERIFY_RECOVER
        | ck::CKA_WRAP
        | ck::CKA_UNWRAP
        | ck::CKA_ENCAPSULATE
        | ck::CKA_DECAPSULATE
        | ck::CKA_WRAP_WITH_TRUSTED
        | ck::CKA_ALWAYS_AUTHENTICATE
        | ck::CKA_TENON_DISABLED
        | ck::CKA_TENON_REQUIRE_TOKEN
        | ck::CKA_RESET_ON_INIT
        | ck::CKA_HAS_RESET
        | ck::CKA_TENON_SWEEP
        | ck::CKA_TENON_ROTATE
        | ck::CKA_TENON_ROTATE_RAW
        | ck::CKA_TENON_NEW_MATERIAL
        | ck::CKA_OTP_USER_FRIENDLY_MODE => flag(true),
        ck::CKA_OTP_LENGTH => Value::Ulong(6),
        ck::CKA_OTP_FORMAT | ck::CKA_OTP_CHALLENGE_REQUIREMENT..=ck::CKA_OTP_PIN_REQUIREMENT => {
            Value::Ulong(0)
        }
        ck::CKA_OTP_COUNTER => Value::Bytes(vec![0; 8]),
        ck::CKA_OTP_TIME => text(""),
        ck::CKA_KEY_TYPE => Value::Ulong(ck::CKK_RSA),
        ck::CKA_CERTIFICATE_TYPE
        | ck::CKA_CERTIFICATE_CATEGORY
        | ck::CKA_TRUST_SERVER_AUTH..=ck::CKA_TRUST_OCSP_SIGNING => Value::Ulong(0),
        ck::CKA_JAVA_MIDP_SECURITY_DOMAIN => Value::Ulong(2),
        ck::CKA_NAME_HASH_ALGORITHM | ck::CKA_KEY_GEN_MECHANISM => Value::Ulong(ck::CKM_SHA256),
        ck::CKA_OBJECT_VALIDATION_FLAGS => Value::Ulong(1),
        ck::CKA_MODULUS_BITS | ck::CKA_PRIME_BITS => Value::Ulong(2048),
        ck::CKA_VALUE_LEN => Value::Ulong(32),
        ck::CKA_VALUE_BITS | ck::CKA_SUBPRIME_BITS => Value::Ulong(256),
        ck::CKA_PARAMETER_SET => Value::Ulong(ck::CKP_ML_DSA_44),
        ck::CKA_HW_FEATURE_TYPE
        | ck::CKA_MECHANISM_TYPE
        | ck::CKA_PROFILE_ID
        | ck::CKA_TENON_ORIGIN
        | ck::CKA_TENON_KEY_STATE => Value::Ulong(1),
        ck::CKA_TENON_WRAP_ALGORITHM => Value::Ulong(5),
        ck::CKA_TENON_QUORUM => Value::Ulong(2),
        ck::CKA_START_DATE => text("20260101"),
        ck::CKA_END_DATE => text("20261231"),
        ck::CKA_CHECK_VALUE => text("kcv"),
        ck::CKA_VALUE if object == Object::Xts => text("thirty-two bytes, which is right"),
        ck::CKA_TENON_EXPIRES_AT
        | ck::CKA_TENON_NOT_AFTER
        | ck::CKA_TENON_DELETION_AT
        | ck::CKA_TENON_CREATED_AT
        | ck::CKA_TENON_IMPORTED_AT
        | ck::CKA_TENON_ENDED_AT => Value::Bytes(vec![0; 8]),
        ck::CKA_TENON_SHARES => Value::Bytes(vec![2, 3]),
        ck::CKA_TENON_SHARE => Value::Bytes(vec![1]),
        ck::CKA_TENON_SHARES_CHECK_VALUE => Value::Bytes(vec![9; 8]),
        ck::CKA_TENON_MATERIAL_ID | ck::CKA_TENON_APPROVAL_NONCE => Value::Bytes(vec![7; 16]),
        ck::CKA_ALLOWED_MECHANISMS => Value::Ulongs(vec![ck::CKM_AES_GCM]),
        ck::CKA_WRAP_TEMPLATE
        | ck::CKA_UNWRAP_TEMPLATE
        | ck::CKA_DERIVE_TEMPLATE
        | ck::CKA_ENCAPSULATE_TEMPLATE
        | ck::CKA_DECAPSULATE_TEMPLATE => Value::Template(vec![(ck::CKA_EXTRACTABLE, flag(false))]),
        _ => text("sixteen bytes ok"),
    }
}

fn how(step: Step) -> Option<CreatedBy> {
    match step {
        Step::Create => Some(CreatedBy::Create),
        Step::Generate => Some(CreatedBy::Generate),
        Step::Unwrap => Some(CreatedBy::Unwrap),
        Step::Derive => Some(CreatedBy::Derive),
        Step::Set | Step::Copy => None,
    }
}

/// The template that the footnotes demand for `step`.
fn demanded(object: Object, step: Step) -> Entries {
    let mut kinds = footnotes::kinds();
    kinds.retain(|kind| match expected(object, *kind, step) {
        Expect::Required => true,
        Expect::Impossible => [ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(kind),
        // What CKA_URL asks for, when it is the attribute in question.
        Expect::Optional => HASHES.contains(kind),
        _ => false,
    });
    kinds
        .into_iter()
        .map(|kind| (kind, sample(object, kind)))
        .collect()
}

/// What the generating function fixes.
fn implied(object: Object, step: Step) -> Attributes {
    match step {
        Step::Generate => attributes(&identity(object)),
        _ => Attributes::default(),
    }
}

fn check_making(object: Object, kind: CK_ATTRIBUTE_TYPE, step: Step, how: CreatedBy) {
    let case = || format!("{object:?} {} {step:?}", table::label(kind));
    let implied = implied(object, step);
    let value = sample(object, kind);
    let mut without = demanded(object, step);
    without.retain(|(demanded, _)| *demanded != kind);
    let with = [without.clone(), vec![(kind, value.clone())]].concat();
    let outcome = |entries: &Entries| build(how, &implied, &raws(entries), &USER);

    let wanted: CK_RV = match expected(object, kind, step) {
        Expect::Required => {
            assert_eq!(
                rv(&outcome(&without)),
                ck::CKR_TEMPLATE_INCOMPLETE,
                "{}",
                case()
            );
            ck::CKR_OK
        }
        Expect::Optional => {
            assert_eq!(rv(&outcome(&without)), ck::CKR_OK, "{}", case());
            ck::CKR_OK
        }
        Expect::Forbidden => ck::CKR_ATTRIBUTE_READ_ONLY,
        Expect::Foreign | Expect::Impossible => ck::CKR_TEMPLATE_INCONSISTENT,
        change => panic!("{change:?} is not for {}", case()),
    };
    let built = outcome(&with);
    assert_eq!(rv(&built), wanted, "{}", case());
    let Ok(built) = built else { return };

    let secret = built.secrets.iter().find(|(given, _)| *given == kind);
    if footnotes::is_material(object, kind) {
        let (_, secret) = secret.expect("material is handed out");
        let Value::Bytes(given) = &value else {
            panic!("material is bytes: {}", case());
        };
        assert!(secret.ct_eq(given), "{}", case());
        assert_eq!(built.attributes.get(kind), None, "{}", case());
    } else {
        assert!(secret.is_none(), "{}", case());
        assert_eq!(built.attributes.get(kind), Some(&value), "{}", case());
    }
}

/// An object whose attributes stand in no change's way, but for `kind`, which is `from`.
fn existing(object: Object, kind: CK_ATTRIBUTE_TYPE, from: Option<Value>) -> Attributes {
    let template = raws(&demanded(object, Step::Create));
    let mut current = build(CreatedBy::Create, &Attributes::default(), &template, &USER)
        .expect("the demanded template makes an object")
        .attributes;
    // CKA_TRUSTED asks for a key that only wraps, and for a secret key that has no copies.
    let only_uncopied = kind == ck::CKA_TRUSTED && ck::is_secret_key(current.class());
    let hinders = |attribute: &CK_ATTRIBUTE_TYPE| {
        table::USAGES.contains(attribute) || only_uncopied && *attribute == ck::CKA_COPYABLE
    };
    for attribute in footnotes::kinds().into_iter().filter(hinders) {
        if current.get(attribute).is_some() {
            current.set(attribute, flag(false));
        }
    }
    if only_uncopied {
        current.set(ck::CKA_SENSITIVE, flag(true));
    }
    finish_key_facts(CreatedBy::Generate, &mut current, None);
    if let Some(from) = from {
        current.set(kind, from);
    }
    current
}

fn check_change(object: Object, kind: CK_ATTRIBUTE_TYPE, step: Step) {
    let attempt = |from: Option<Value>, to: Value, requester: &Requester, wanted: CK_RV| {
        let current = existing(object, kind, from.clone());
        let template = [raw(kind, &to)];
        let changed = match step {
            Step::Set => change(&current, &template, requester),
            _ => copy(&current, &template, requester),
        };
        let name = table::label(kind);
        assert_eq!(
            rv(&changed),
            wanted,
            "{object:?} {name} {step:?} {from:?} to {to:?}"
        );
        if let Ok(changed) = changed {
            assert_eq!(changed.get(kind), Some(&to), "{object:?} {name} {step:?}");
        }
    };
    let ok = ck::CKR_OK;
    let read_only = ck::CKR_ATTRIBUTE_READ_ONLY;
    let sample = sample(object, kind);
    match expected(object, kind, step) {
        Expect::Foreign => attempt(None, sample, &USER, ck::CKR_TEMPLATE_INCONSISTENT),
        Expect::Forbidden => {
            attempt(None, sample.clone(), &USER, read_only);
            attempt(Some(sample.clone()), sample.clone(), &USER, read_only);
            attempt(None, sample, &SO, read_only);
        }
        // Of the special attributes only CKA_PRIVATE has a direction: nothing private is published.
        Expect::Free if kind == ck::CKA_PRIVATE => {
            attempt(Some(flag(false)), flag(true), &USER, ok);
            attempt(Some(flag(true)), flag(false), &USER, read_only);
        }
        Expect::Free if matches!(sample, Value::Bool(_)) => {
            attempt(Some(flag(false)), flag(true), &USER, ok);
            attempt(Some(flag(true)), flag(false), &USER, ok);
        }
        Expect::Free => attempt(None, sample, &USER, ok),
        Expect::ToTrue => {
            attempt(Some(flag(false)), flag(true), &USER, ok);
            attempt(Some(flag(false)), flag(false), &USER, ok);
            attempt(Some(flag(true)), flag(false), &USER, read_only);
            attempt(Some(flag(true)), flag(false), &SO, read_only);
        }
        Expect::ToFalse => {
            attempt(Some(flag(true)), flag(false), &USER, ok);
            attempt(Some(flag(true)), flag(true), &USER, ok);
            attempt(Some(flag(false)), flag(true), &USER, read_only);
            attempt(Some(flag(false)), flag(true), &SO, read_only);
        }
        Expect::ToEmpty => {
            attempt(Some(text("kcv")), text(""), &USER, ok);
            attempt(Some(text("kcv")), text("abc"), &USER, read_only);
        }
        Expect::Earlier => {
            attempt(Some(text("")), text("20260601"), &USER, ok);
            attempt(Some(text("20260601")), text("20260531"), &USER, ok);
            attempt(Some(text("20260601")), text("20260602"), &USER, read_only);
            attempt(Some(text("20260601")), text(""), &USER, read_only);
            attempt(Some(text("20260601")), text(""), &SO, read_only);
        }
        // A secret key that is trusted is not CKA_COPYABLE, so policy refuses a copy before its template
        // is looked at.
        Expect::So
            if step == Step::Copy
                && matches!(
                    object,
                    Object::Aes | Object::Generic | Object::Hmac | Object::Sm4 | Object::Xts
                ) => {}
        Expect::So => {
            attempt(Some(flag(false)), flag(true), &USER, read_only);
            attempt(Some(flag(false)), flag(true), &SO, ok);
            let class = attributes(&identity(object)).class();
            // A secret key stays trusted, or it would open what it wrapped.
            let taken_back = match class {
                class if ck::is_secret_key(class) => read_only,
                _ => ok,
            };
            attempt(Some(flag(true)), flag(false), &SO, taken_back);
            let trusted = class == ck::CKO_CERTIFICATE && step == Step::Set;
            let refused = if trusted {
                ck::CKR_ACTION_PROHIBITED
            } else {
                read_only
            };
            attempt(Some(flag(true)), flag(false), &USER, refused);
        }
        making => panic!("{making:?} is not for {step:?}"),
    }
}

#[test]
fn templates_follow_the_footnotes() {
    for object in OBJECTS {
        for kind in footnotes::kinds() {
            for step in STEPS {
                match how(*step) {
                    Some(how) => check_making(*object, kind, *step, how),
                    None => check_change(*object, kind, *step),
                }
            }
        }
    }
}

#[test]
fn reading_follows_footnote_7() {
    for object in OBJECTS {
        for kind in footnotes::kinds() {
            let mut current = existing(*object, kind, None);
            for (sensitive, extractable) in
                [(true, true), (true, false), (false, false), (false, true)]
            {
                current.set(ck::CKA_SENSITIVE, flag(sensitive));
                current.set(ck::CKA_EXTRACTABLE, flag(extractable));
                let seen = Reader::new(&current).reveal(kind);
                let case = format!("{object:?} {} {seen:?}", table::label(kind));
                if !footnotes::is_material(*object, kind) {
                    assert!(matches!(seen, Reveal::Value(_) | Reveal::Invalid), "{case}");
                } else if !sensitive && extractable {
                    assert_eq!(seen, Reveal::Material, "{case}");
                } else {
                    assert_eq!(seen, Reveal::Sensitive, "{case}");
                }
            }
        }
    }
}

#[test]
fn the_table_has_the_listed_attributes_and_no_other() {
    let mut kinds: Vec<_> = table::rows().map(|row| row.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, footnotes::kinds());
}

#[test]
fn no_row_speaks_of_functions_that_do_not_make_its_objects() {
    let listed = |subtype: &u64| {
        let mut objects = OBJECTS.iter();
        objects.any(|object| attributes(&identity(*object)).subtype() == Some(*subtype))
    };
    // Every key type that is not listed shares its components with one that is.
    let of_listed = |row: &AttributeRow| row.objects.subtypes.iter().all(listed);
    for row in table::rows().filter(of_listed) {
        for step in STEPS {
            let Some(how) = how(*step) else { continue };
            let made = OBJECTS.iter().any(|object| {
                let identity = attributes(&identity(*object));
                row.fits(identity.class(), identity.subtype())
                    && expected(*object, row.kind, *step) != Expect::Impossible
            });
            let silent = row.need(how) == Need::Forbidden;
            assert!(made || silent, "{} {step:?}", row.name);
        }
    }
}

#[test]
fn an_object_has_one_row_of_a_kind_and_rows_of_a_kind_agree() {
    for object in OBJECTS {
        let identity = attributes(&identity(*object));
        for kind in footnotes::kinds() {
            let rows: Vec<_> = table::rows().filter(|row| row.kind == kind).collect();
            let fitting = rows
                .iter()
                .filter(|row| row.fits(identity.class(), identity.subtype()));
            assert!(fitting.count() <= 1, "{object:?} {}", table::label(kind));
            let first = table::any_row(kind).expect("listed");
            for row in rows {
                assert_eq!(row.search, first.search, "{}", row.name);
                let type_of = |row: &AttributeRow| {
                    super::super::raw::read(row.value_type, &raw(kind, &sample(*object, kind)))
                        .map(|value| std::mem::discriminant(&value))
                        .ok()
                };
                assert_eq!(type_of(&row), type_of(&first), "{}", row.name);
            }
        }
    }
}
