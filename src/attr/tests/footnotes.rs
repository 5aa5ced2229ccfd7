//! The attribute tables of the specification as it prints them, written down by hand: names and
//! footnotes, and each place where this token departs from them, with the reason.

use crate::ck::{self, CK_ATTRIBUTE_TYPE};

use super::objects::{HELD, KEYS, OBJECTS, Object, PAIR, PRIVATE, PUBLIC, SECRET};

use Expect::{Earlier, Forbidden, Foreign, Free, Optional, Required, ToEmpty};
use Object::{
    AttributeCertificate, Certificate, Data, DhParameters, DhPrivate, DhPublic, DsaParameters,
    DsaPrivate, DsaPublic, EcPrivate, EcPublic, Hotp, MlDsaPrivate, MlDsaPublic, MlKemPrivate,
    MlKemPublic, RsaPrivate, RsaPublic, SlhDsaPrivate, SlhDsaPublic, Trust, WtlsCertificate,
};
use Step::{Create, Derive, Generate, Set, Unwrap};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Generate,
    Unwrap,
    Derive,
    Set,
    Copy,
}

pub(super) const STEPS: &[Step] = &[Create, Generate, Unwrap, Derive, Set, Step::Copy];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// The function makes no such object.
    Impossible,
    /// The object has no such attribute.
    Foreign,
    Required,
    Optional,
    /// In a template that makes an object, or of a change: read-only.
    Forbidden,
    Free,
    ToTrue,
    ToFalse,
    ToEmpty,
    Earlier,
    So,
}

/// "The four special attributes" that a copy may change, section 4.1.3.
const SPECIAL: u8 = 41;

type Line = (CK_ATTRIBUTE_TYPE, &'static [u8]);

macro_rules! lines {
    ($($kind:ident $($note:expr)*;)*) => { &[$((ck::$kind, &[$($note),*])),*] };
}

/// Objects, and the attributes that a table of the specification gives them.
const TABLES: &[(&[Object], &[Line])] = &[
    // Common object attributes
    (OBJECTS, lines! { CKA_CLASS 1; CKA_UNIQUE_ID 2 4 6; }),
    // Common storage object attributes. CKA_COPYABLE: "Can't be set to TRUE once it is set to
    // FALSE", so it can be set to FALSE.
    (
        OBJECTS,
        lines! {
            CKA_TOKEN SPECIAL; CKA_PRIVATE SPECIAL; CKA_MODIFIABLE SPECIAL; CKA_LABEL 8;
            CKA_COPYABLE 8 12; CKA_DESTROYABLE SPECIAL;
        },
    ),
    // Hardware feature, mechanism and profile attributes, of objects that no template makes
    (
        &[],
        lines! {
            CKA_HW_FEATURE_TYPE; CKA_RESET_ON_INIT; CKA_HAS_RESET; CKA_MECHANISM_TYPE;
            CKA_PROFILE_ID; CKA_TENON_SWEEP; CKA_TENON_LAST_ERROR;
        },
    ),
    // Data object attributes
    (
        &[Data],
        lines! { CKA_APPLICATION; CKA_OBJECT_ID; CKA_VALUE; },
    ),
    // Common certificate object attributes
    (
        &[Certificate, AttributeCertificate, WtlsCertificate],
        lines! {
            CKA_CERTIFICATE_TYPE 1; CKA_TRUSTED 10; CKA_CERTIFICATE_CATEGORY; CKA_CHECK_VALUE;
            CKA_START_DATE; CKA_END_DATE; CKA_PUBLIC_KEY_INFO;
        },
    ),
    // X.509 certificate object attributes. "Only the CKA_ID, CKA_ISSUER, and CKA_SERIAL_NUMBER
    // attributes may be modified after the object is created."
    (
        &[Certificate],
        lines! {
            CKA_SUBJECT 1; CKA_ID 8; CKA_ISSUER 8; CKA_SERIAL_NUMBER 8; CKA_VALUE 1; CKA_URL;
            CKA_HASH_OF_SUBJECT_PUBLIC_KEY; CKA_HASH_OF_ISSUER_PUBLIC_KEY;
            CKA_JAVA_MIDP_SECURITY_DOMAIN; CKA_NAME_HASH_ALGORITHM;
        },
    ),
    // WTLS certificate object attributes. "Only the CKA_ISSUER attribute may be modified after the
    // object has been created."
    (
        &[WtlsCertificate],
        lines! {
            CKA_SUBJECT 1; CKA_ISSUER 8; CKA_VALUE 1; CKA_URL; CKA_HASH_OF_SUBJECT_PUBLIC_KEY;
            CKA_HASH_OF_ISSUER_PUBLIC_KEY; CKA_NAME_HASH_ALGORITHM;
        },
    ),
    // X.509 attribute certificate object attributes. "Only the CKA_AC_ISSUER, CKA_SERIAL_NUMBER and
    // CKA_ATTR_TYPES attributes may be modified after the object is created."
    (
        &[AttributeCertificate],
        lines! { CKA_OWNER 1; CKA_AC_ISSUER 8; CKA_SERIAL_NUMBER 8; CKA_ATTR_TYPES 8; CKA_VALUE 1; },
    ),
    // Trust object attributes. "If CKA_MODIFIABLE is not set in the template, it defaults to CK_TRUE":
    // what may be modified is the trust.
    (
        &[Trust],
        lines! {
            CKA_ISSUER 1; CKA_SERIAL_NUMBER 1; CKA_HASH_OF_CERTIFICATE; CKA_NAME_HASH_ALGORITHM;
            CKA_TRUST_SERVER_AUTH 8; CKA_TRUST_CLIENT_AUTH 8; CKA_TRUST_CODE_SIGNING 8;
            CKA_TRUST_EMAIL_PROTECTION 8; CKA_TRUST_IPSEC_IKE 8; CKA_TRUST_TIME_STAMPING 8;
            CKA_TRUST_OCSP_SIGNING 8;
        },
    ),
    // Common key attributes
    (
        KEYS,
        lines! {
            CKA_KEY_TYPE 1 5; CKA_ID 8; CKA_START_DATE 8; CKA_END_DATE 8; CKA_DERIVE 8;
            CKA_LOCAL 2 4 6; CKA_KEY_GEN_MECHANISM 2 4 6; CKA_ALLOWED_MECHANISMS;
            CKA_OBJECT_VALIDATION_FLAGS 4 6;
        },
    ),
    // Common public key attributes
    (
        PUBLIC,
        lines! {
            CKA_SUBJECT 8; CKA_ENCRYPT 8; CKA_VERIFY 8; CKA_VERIFY_RECOVER 8; CKA_WRAP 8;
            CKA_ENCAPSULATE 8; CKA_ENCAPSULATE_TEMPLATE; CKA_TRUSTED 10; CKA_WRAP_TEMPLATE; CKA_PUBLIC_KEY_INFO;
        },
    ),
    // Common private key attributes
    (
        PRIVATE,
        lines! {
            CKA_SUBJECT 8; CKA_SENSITIVE 8 11; CKA_DECRYPT 8; CKA_SIGN 8; CKA_SIGN_RECOVER 8;
            CKA_UNWRAP 8; CKA_EXTRACTABLE 8 12; CKA_ALWAYS_SENSITIVE 2 4 6;
            CKA_NEVER_EXTRACTABLE 2 4 6; CKA_WRAP_WITH_TRUSTED 11; CKA_UNWRAP_TEMPLATE;
            CKA_DECAPSULATE 8; CKA_DECAPSULATE_TEMPLATE;
            CKA_ALWAYS_AUTHENTICATE; CKA_PUBLIC_KEY_INFO 8; CKA_DERIVE_TEMPLATE;
        },
    ),
    // Common secret key attributes
    (
        SECRET,
        lines! {
            CKA_SENSITIVE 8 11; CKA_ENCRYPT 8; CKA_DECRYPT 8; CKA_SIGN 8; CKA_VERIFY 8; CKA_WRAP 8;
            CKA_UNWRAP 8; CKA_EXTRACTABLE 8 12; CKA_ALWAYS_SENSITIVE 2 4 6;
            CKA_NEVER_EXTRACTABLE 2 4 6; CKA_CHECK_VALUE; CKA_WRAP_WITH_TRUSTED 11; CKA_TRUSTED 10;
            CKA_WRAP_TEMPLATE; CKA_UNWRAP_TEMPLATE; CKA_DERIVE_TEMPLATE;
        },
    ),
    // RSA public key object attributes
    (
        &[RsaPublic],
        lines! { CKA_MODULUS 1 4; CKA_MODULUS_BITS 2 3; CKA_PUBLIC_EXPONENT 1; },
    ),
    // RSA private key object attributes
    (
        &[RsaPrivate],
        lines! {
            CKA_MODULUS 1 4 6; CKA_PUBLIC_EXPONENT 1 4 6; CKA_PRIVATE_EXPONENT 1 4 6 7;
            CKA_PRIME_1 4 6 7; CKA_PRIME_2 4 6 7; CKA_EXPONENT_1 4 6 7; CKA_EXPONENT_2 4 6 7;
            CKA_COEFFICIENT 4 6 7;
        },
    ),
    // Elliptic curve public and private key object attributes
    (&[EcPublic], lines! { CKA_EC_PARAMS 1 3; CKA_EC_POINT 1 4; }),
    (
        &[EcPrivate],
        lines! { CKA_EC_PARAMS 1 4 6; CKA_VALUE 1 4 6 7; },
    ),
    // ML-DSA, ML-KEM and SLH-DSA public and private key object attributes
    (
        &[MlDsaPublic, MlKemPublic, SlhDsaPublic],
        lines! { CKA_PARAMETER_SET 1 3; CKA_VALUE 1 4; },
    ),
    (
        &[MlDsaPrivate, MlKemPrivate],
        lines! { CKA_PARAMETER_SET 1 4 6; CKA_SEED 4 6 7; CKA_VALUE 1 4 6 7; },
    ),
    // DSA domain parameters, public and private key object attributes
    (
        &[DsaParameters],
        lines! {
            CKA_KEY_TYPE 1; CKA_LOCAL 2 4; CKA_PRIME 1 4; CKA_SUBPRIME 1 4; CKA_BASE 1 4;
            CKA_PRIME_BITS 2 3; CKA_SUBPRIME_BITS 2;
        },
    ),
    (
        &[DsaPublic],
        lines! { CKA_PRIME 1 3; CKA_SUBPRIME 1 3; CKA_BASE 1 3; CKA_VALUE 1 4; },
    ),
    (
        &[DsaPrivate],
        lines! { CKA_PRIME 1 4 6; CKA_SUBPRIME 1 4 6; CKA_BASE 1 4 6; CKA_VALUE 1 4 6 7; },
    ),
    // Common domain parameter attributes, and those of Diffie-Hellman
    (
        &[DhParameters],
        lines! { CKA_KEY_TYPE 1; CKA_LOCAL 2 4; CKA_PRIME 1 4; CKA_BASE 1 4; CKA_PRIME_BITS 2 3; },
    ),
    // Diffie-Hellman public and private key object attributes
    (
        &[DhPublic],
        lines! { CKA_PRIME 1 3; CKA_BASE 1 3; CKA_VALUE 1 4; },
    ),
    (
        &[DhPrivate],
        lines! { CKA_PRIME 1 4 6; CKA_BASE 1 4 6; CKA_VALUE 1 4 6 7; CKA_VALUE_BITS 2; },
    ),
    (
        &[SlhDsaPrivate],
        lines! { CKA_PARAMETER_SET 1 4 6; CKA_VALUE 1 4 6 7; },
    ),
    // AES, generic secret and HMAC key object attributes
    (SECRET, lines! { CKA_VALUE 1 4 6 7; CKA_VALUE_LEN 2 3; }),
    // Common OTP key attributes
    (
        &[Hotp],
        lines! {
            CKA_OTP_FORMAT; CKA_OTP_LENGTH 9; CKA_OTP_USER_FRIENDLY_MODE 9; CKA_OTP_CHALLENGE_REQUIREMENT 9;
            CKA_OTP_TIME_REQUIREMENT 9; CKA_OTP_COUNTER_REQUIREMENT 9; CKA_OTP_PIN_REQUIREMENT 9; CKA_OTP_COUNTER;
            CKA_OTP_TIME; CKA_OTP_USER_IDENTIFIER; CKA_OTP_SERVICE_IDENTIFIER; CKA_OTP_SERVICE_LOGO;
            CKA_OTP_SERVICE_LOGO_TYPE;
        },
    ),
    // The vendor attributes: none may be given but where `DEPARTURES` says so
    (
        HELD,
        lines! {
            CKA_TENON_ORIGIN 2 4 6; CKA_TENON_KEY_STATE 2 4 6; CKA_TENON_EXPIRES_AT 2 4 6;
            CKA_TENON_IMPORT_TARGET 2 4 6; CKA_TENON_IMPORT_TOKEN 2 4 6; CKA_TENON_DELETION_AT 2 4 6;
            CKA_TENON_MATERIAL_ID 2 4 6; CKA_TENON_DISABLED 2 4 6; CKA_TENON_PROFILE 2 4 6;
            CKA_TENON_REQUIRE_TOKEN 2 4 6; CKA_TENON_DESCRIPTION 2 4 6; CKA_TENON_TAGS 2 4 6;
            CKA_TENON_KEY_SPEC 2 4 6; CKA_TENON_RECEIPT 2 4 6; CKA_TENON_RECEIPT_SIGNATURE 2 4 6;
            CKA_TENON_RECEIPTS 2 4 6;
            CKA_TENON_OWNER_NONCE 2 4 6; CKA_TENON_ROTATE 2 4 6; CKA_TENON_VERSIONS 2 4 6;
            CKA_TENON_NEW_MATERIAL 2 4 6; CKA_TENON_CREATED_AT 2 4 6; CKA_TENON_IMPORTED_AT 2 4 6;
            CKA_TENON_ENDED_AT 2 4 6; CKA_TENON_SHARES 2 4 6; CKA_TENON_SHARE 2 4 6;
            CKA_TENON_SHARES_CHECK_VALUE 2 4 6; CKA_TENON_CUSTODIANS 2 4 6;
            CKA_TENON_QUORUM 2 4 6; CKA_TENON_APPROVAL_NONCE 2 4 6; CKA_TENON_APPROVAL 2 4 6;
            CKA_TENON_ROTATE_RAW 2 4 6;
        },
    ),
    (
        PRIVATE,
        lines! {
            CKA_TENON_WRAP_ALGORITHM 2 4 6; CKA_TENON_NOT_AFTER 2 4 6;
            CKA_TENON_WRAPPING_STATEMENT 2 4 6; CKA_TENON_WRAPPING_STATEMENT_SIGNATURE 2 4 6;
        },
    ),
];

/// Where the token departs from the tables: objects, attributes, steps, what holds instead.
type Departure = (
    &'static [Object],
    &'static [CK_ATTRIBUTE_TYPE],
    &'static [Step],
    Expect,
);

const DEPARTURES: &[Departure] = &[
    // Nothing can be made without knowing what: the function says it or the template does.
    (OBJECTS, &[ck::CKA_CLASS], &[Unwrap, Derive], Required),
    (KEYS, &[ck::CKA_KEY_TYPE], &[Derive], Required),
    // CKM_HKDF_DATA makes the value of a data object, and its template says the length as a key's.
    (&[Object::Data], &[ck::CKA_VALUE], &[Derive], Forbidden),
    (&[Object::Data], &[ck::CKA_VALUE_LEN], &[Derive], Optional),
    (
        &[Object::Data],
        &[ck::CKA_VALUE_LEN],
        &[Create, Set, Step::Copy],
        Forbidden,
    ),
    // The token finds the public exponent from (n, d); other clients' keys lack it.
    (
        &[RsaPrivate],
        &[ck::CKA_PUBLIC_EXPONENT],
        &[Create],
        Optional,
    ),
    // An external private key is generated from its own template; an import names its curve.
    (
        &[RsaPrivate],
        &[ck::CKA_MODULUS_BITS],
        &[Generate],
        Optional,
    ),
    (
        &[RsaPrivate],
        &[ck::CKA_MODULUS_BITS],
        &[Create, Unwrap, Set, Step::Copy],
        Forbidden,
    ),
    (
        &[EcPrivate],
        &[ck::CKA_EC_PARAMS],
        &[Generate, Unwrap],
        Optional,
    ),
    // The token knows the bits of the private value.
    (
        &[DhPrivate],
        &[ck::CKA_VALUE_BITS],
        &[Set, Step::Copy],
        Forbidden,
    ),
    // As EC; and "At least one of CKA_SEED and CKA_VALUE must be specified on C_CreateObject."
    (
        &[MlDsaPrivate, MlKemPrivate, SlhDsaPrivate],
        &[ck::CKA_PARAMETER_SET],
        &[Generate, Unwrap],
        Optional,
    ),
    (
        &[MlDsaPrivate, MlKemPrivate],
        &[ck::CKA_VALUE],
        &[Create],
        Optional,
    ),
    // Clients ask private EC keys for the point, and import it.
    (&[EcPrivate], &[ck::CKA_EC_POINT], &[Create], Optional),
    (
        &[EcPrivate],
        &[ck::CKA_EC_POINT],
        &[Generate, Unwrap, Set, Step::Copy],
        Forbidden,
    ),
    // The token derives it from the key; "a token may choose not to support" giving it.
    (
        PAIR,
        &[ck::CKA_PUBLIC_KEY_INFO],
        &[Generate, Unwrap, Set, Step::Copy],
        Forbidden,
    ),
    // The token alone would know what was validated.
    (
        KEYS,
        &[ck::CKA_OBJECT_VALIDATION_FLAGS],
        &[Create, Derive],
        Forbidden,
    ),
    // This token enforces the end date, so it is never put off.
    (HELD, &[ck::CKA_END_DATE], &[Set, Step::Copy], Earlier),
    // "C_SetAttributeValue may be used to destroy the attribute, by supplying no-value."
    (SECRET, &[ck::CKA_CHECK_VALUE], &[Set, Step::Copy], ToEmpty),
    // External keys and import jobs.
    (
        HELD,
        &[
            ck::CKA_TENON_EXPIRES_AT,
            ck::CKA_TENON_NEW_MATERIAL,
            ck::CKA_TENON_SHARE,
        ],
        &[Unwrap],
        Optional,
    ),
    (
        HELD,
        &[ck::CKA_TENON_SHARES, ck::CKA_TENON_SHARES_CHECK_VALUE],
        &[Generate, Unwrap],
        Optional,
    ),
    (
        HELD,
        &[
            ck::CKA_TENON_IMPORT_TARGET,
            ck::CKA_TENON_IMPORT_TOKEN,
            ck::CKA_TENON_OWNER_NONCE,
        ],
        &[Unwrap],
        Optional,
    ),
    (
        PRIVATE,
        &[
            ck::CKA_TENON_IMPORT_TARGET,
            ck::CKA_TENON_WRAP_ALGORITHM,
            ck::CKA_TENON_NOT_AFTER,
        ],
        &[Generate],
        Optional,
    ),
    (
        HELD,
        &[
            ck::CKA_TENON_PROFILE,
            ck::CKA_TENON_KEY_SPEC,
            ck::CKA_TENON_REQUIRE_TOKEN,
            ck::CKA_TENON_CUSTODIANS,
            ck::CKA_TENON_QUORUM,
        ],
        &[Generate],
        Optional,
    ),
    (
        HELD,
        &[ck::CKA_TENON_DESCRIPTION, ck::CKA_TENON_TAGS],
        &[Generate],
        Optional,
    ),
    (
        HELD,
        &[ck::CKA_TENON_DESCRIPTION, ck::CKA_TENON_TAGS],
        &[Set],
        Free,
    ),
    (
        HELD,
        &[
            ck::CKA_TENON_DELETION_AT,
            ck::CKA_TENON_DISABLED,
            ck::CKA_TENON_ROTATE,
            ck::CKA_TENON_ROTATE_RAW,
            ck::CKA_TENON_APPROVAL,
        ],
        &[Set],
        Free,
    ),
];

/// Every attribute that a table names.
pub(super) fn kinds() -> Vec<CK_ATTRIBUTE_TYPE> {
    let mut kinds: Vec<_> = TABLES
        .iter()
        .flat_map(|(_, lines)| lines.iter().map(|(kind, _)| *kind))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Footnote 7: the value is key material.
pub(super) fn is_material(object: Object, kind: CK_ATTRIBUTE_TYPE) -> bool {
    notes(object, kind).is_some_and(|notes| notes.contains(&7))
}

/// What must happen when `kind` is in the template of `step` for `object`.
pub(super) fn expected(object: Object, kind: CK_ATTRIBUTE_TYPE, step: Step) -> Expect {
    let possible = match step {
        Create | Set | Step::Copy => true,
        Generate => KEYS.contains(&object) || [DhParameters, DsaParameters].contains(&object),
        Unwrap => HELD.contains(&object),
        Derive => object == Object::Data || SECRET.contains(&object) && object != Hotp,
    };
    if !possible {
        return Expect::Impossible;
    }
    let departure = DEPARTURES.iter().find(|(objects, kinds, steps, _)| {
        objects.contains(&object) && kinds.contains(&kind) && steps.contains(&step)
    });
    if let Some((.., expect)) = departure {
        return *expect;
    }
    notes(object, kind).map_or(Foreign, |notes| by_footnotes(notes, step))
}

fn notes(object: Object, kind: CK_ATTRIBUTE_TYPE) -> Option<&'static [u8]> {
    TABLES
        .iter()
        .filter(|(objects, _)| objects.contains(&object))
        .flat_map(|(_, lines)| lines.iter())
        .find(|(named, _)| *named == kind)
        .map(|(_, notes)| *notes)
}

fn by_footnotes(notes: &[u8], step: Step) -> Expect {
    let noted = |note| notes.contains(&note);
    let making = |must, must_not| match (noted(must), noted(must_not)) {
        (true, _) => Required,
        (_, true) => Forbidden,
        _ => Optional,
    };
    match step {
        Create => making(1, 2),
        Generate => making(3, 4),
        Unwrap | Derive => making(5, 6),
        Step::Copy if noted(SPECIAL) => Free,
        Set | Step::Copy if noted(10) => Expect::So,
        Set | Step::Copy if noted(11) => Expect::ToTrue,
        Set | Step::Copy if noted(12) => Expect::ToFalse,
        Set | Step::Copy if noted(8) => Free,
        Set | Step::Copy => Forbidden,
    }
}
