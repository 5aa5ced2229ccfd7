//! What C_CreateObject is given for an object of another module, and what cannot come along.

use tenon_pkcs11::api::attr::{self, RawAttribute, RawValue};
use tenon_pkcs11::api::ck;

use super::source::{SourceObject, number};

/// An attribute that the migrated object lacks, and why.
pub(super) struct Loss {
    pub(super) attribute: String,
    pub(super) why: String,
}

impl Loss {
    pub(super) fn new(kind: ck::CK_ATTRIBUTE_TYPE, why: impl Into<String>) -> Self {
        Self {
            attribute: attr::name(kind).map_or_else(|| format!("{kind:#x}"), ToString::to_string),
            why: why.into(),
        }
    }
}

pub(super) struct Plan {
    /// What the object must have: without one of these it would be another object, or its key could do more.
    pub(super) required: Vec<RawAttribute>,
    /// What the object should have.
    pub(super) wanted: Vec<RawAttribute>,
    pub(super) lost: Vec<Loss>,
}

/// What the token works out itself, or says by other means.
const COMPUTED: [ck::CK_ATTRIBUTE_TYPE; 6] = [
    ck::CKA_TOKEN,
    ck::CKA_MODULUS_BITS,
    ck::CKA_VALUE_LEN,
    ck::CKA_UNIQUE_ID,
    0x133, // CKA_PRIME_BITS
    0x160, // CKA_VALUE_BITS
];

/// What a token says of keys that it made itself, and of no others (section 4.7 of PKCS #11 3.2).
const ORIGINS: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_LOCAL,
    ck::CKA_ALWAYS_SENSITIVE,
    ck::CKA_NEVER_EXTRACTABLE,
    ck::CKA_KEY_GEN_MECHANISM,
];

/// CKA_SECONDARY_AUTH and CKA_AUTH_PIN_FLAGS of PKCS #11 2.1, which later versions do not have.
const RETIRED: [ck::CK_ATTRIBUTE_TYPE; 2] = [0x200, 0x201];

/// Flags that limit what can be done with an object where they are false.
const LIMITS: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_EXTRACTABLE,
    ck::CKA_MODIFIABLE,
    ck::CKA_COPYABLE,
    ck::CKA_DESTROYABLE,
];

/// What describes an object, and neither says what it is nor what it may do.
const DESCRIPTIVE: [ck::CK_ATTRIBUTE_TYPE; 11] = [
    ck::CKA_SUBJECT,
    ck::CKA_CHECK_VALUE,
    ck::CKA_URL,
    ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    ck::CKA_NAME_HASH_ALGORITHM,
    ck::CKA_JAVA_MIDP_SECURITY_DOMAIN,
    ck::CKA_CERTIFICATE_CATEGORY,
    ck::CKA_PUBLIC_KEY_INFO,
    ck::CKA_ISSUER,
    ck::CKA_SERIAL_NUMBER,
];

impl Plan {
    pub(super) fn of(object: &SourceObject) -> Self {
        let mut plan = Self {
            required: Vec::new(),
            wanted: Vec::new(),
            lost: Vec::new(),
        };
        for (kind, value) in &object.attributes {
            match object.key_type() {
                Some(key_type) if *kind == ck::CKA_KEY_TYPE => plan.add(*kind, &number(key_type)),
                _ => plan.add(*kind, value),
            }
        }
        let why =
            "its value cannot be read from the other module: the key here is not limited by it";
        let unread = object.unread.iter().map(|kind| Loss::new(*kind, why));
        plan.lost.extend(unread);
        plan
    }

    fn add(&mut self, kind: ck::CK_ATTRIBUTE_TYPE, value: &RawValue) {
        if COMPUTED.contains(&kind) || is_empty(value) {
            return;
        }
        if ORIGINS.contains(&kind) {
            if !is_false(value) && !is_unavailable(value) {
                self.lost.push(Loss::new(
                    kind,
                    "a token says this of keys alone that it made itself",
                ));
            }
            return;
        }
        if kind == ck::CKA_TRUSTED {
            if !is_false(value) {
                let why =
                    "the security officer alone sets it: C_SetAttributeValue after the migration";
                self.lost.push(Loss::new(kind, why));
            }
            return;
        }
        if RETIRED.contains(&kind) {
            return;
        }
        let attribute = RawAttribute {
            kind,
            value: value.clone(),
        };
        // A use that the key does not have is stated too: left out, the token would choose.
        let no_use = is_false(value) && !LIMITS.contains(&kind);
        if DESCRIPTIVE.contains(&kind) || no_use {
            self.wanted.push(attribute);
        } else {
            self.required.push(attribute);
        }
    }
}

fn is_empty(value: &RawValue) -> bool {
    match value {
        RawValue::Bytes(bytes) => bytes.is_empty(),
        RawValue::Template(entries) => entries.is_empty(),
    }
}

fn is_false(value: &RawValue) -> bool {
    matches!(value, RawValue::Bytes(bytes) if bytes[..] == [ck::CK_FALSE])
}

/// CK_UNAVAILABLE_INFORMATION, which says that a key was not generated.
fn is_unavailable(value: &RawValue) -> bool {
    matches!(value, RawValue::Bytes(bytes) if bytes[..] == ck::CK_ULONG::MAX.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::source::{Attributes, bytes, flag};
    use super::*;

    #[test]
    fn what_restricts_a_key_is_required_and_what_describes_it_is_not() {
        let attributes = Attributes::from([
            (ck::CKA_CLASS, number(ck::CKO_PRIVATE_KEY)),
            (ck::CKA_TOKEN, flag(true)),
            (ck::CKA_SENSITIVE, flag(true)),
            (ck::CKA_EXTRACTABLE, flag(false)),
            (ck::CKA_SUBJECT, bytes(b"x")),
            (ck::CKA_SIGN, flag(false)),
            (ck::CKA_LABEL, bytes(b"")),
            (ck::CKA_LOCAL, flag(true)),
            (ck::CKA_ALWAYS_SENSITIVE, flag(false)),
            (ck::CKA_TRUSTED, flag(true)),
        ]);
        let plan = Plan::of(&SourceObject {
            name: "x".into(),
            attributes,
            unread: vec![ck::CKA_WRAP_TEMPLATE],
        });
        let kinds = |all: &[RawAttribute]| all.iter().map(|one| one.kind).collect::<Vec<_>>();
        let required = [ck::CKA_CLASS, ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE];
        assert_eq!(kinds(&plan.required), required);
        assert_eq!(kinds(&plan.wanted), [ck::CKA_SUBJECT, ck::CKA_SIGN]);
        let lost: Vec<_> = plan.lost.iter().map(|loss| &loss.attribute[..]).collect();
        assert_eq!(lost, ["CKA_TRUSTED", "CKA_LOCAL", "CKA_WRAP_TEMPLATE"]);
    }

    #[test]
    fn a_key_on_curve25519_is_a_montgomery_key_whatever_it_was_called() {
        for (params, key_type) in [
            (&b"\x13\x0acurve25519"[..], ck::CKK_EC_MONTGOMERY),
            (b"\x13\x0cedwards25519", ck::CKK_EC_EDWARDS),
        ] {
            let plan = Plan::of(&SourceObject {
                name: "x".into(),
                attributes: Attributes::from([
                    (ck::CKA_KEY_TYPE, number(ck::CKK_EC_EDWARDS)),
                    (ck::CKA_EC_PARAMS, bytes(params)),
                ]),
                unread: Vec::new(),
            });
            assert_eq!(plan.required[0].kind, ck::CKA_KEY_TYPE);
            assert_eq!(plan.required[0].bytes(), Some(&key_type.to_ne_bytes()[..]));
        }
    }
}
