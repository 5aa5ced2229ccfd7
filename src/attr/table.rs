//! The table of the attributes of all objects, and the sets of objects that its rows are for. The attributes
//! that hold a key's components are in the row of its key type in `keytype`.
//!
//! Sources are the tables of sections 4.2 to 4.10 of the specification, and `ck` for the numbers of vendor
//! attributes. Where the token is stricter than a footnote, or follows what clients send, the expectation in
//! `tests/footnotes.rs` says so and why.

use std::sync::{LazyLock, OnceLock};

use foldhash::HashMap;

use crate::ck::{self, *};
use crate::keytype::{self, KeyType};

use super::row::AttributeRow;
use super::row::ChangeRule::{
    Free, Never, OnlyEarlier, OnlyLater, OnlyToEmpty, OnlyToFalse, OnlyToTrue, SoOnly,
};
use super::row::Fallback::{
    Absent, Bytes as Fixed, Empty, No, Number, Sensitive, Unset, Usage, Yes,
};
use super::row::Need::{Forbidden as F, Optional as O, Required as R};
use super::row::ObjectSet;
use super::row::SearchBy::{Checked, Column, Indexed};
use super::row::Showing::{Always, UnlessSensitive};
use super::row::ValueType::{Among, Bool, Bytes, Date, Sized, Template, Ulong, Ulongs, Utf8};

/// Attributes that say what a key may be used for.
pub(super) const USAGES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
];

/// The classes of objects that templates make.
pub(super) const CLASSES: &[u64] = STORED.classes;
/// Storage objects, and those that the token provides itself.
const EVERY: ObjectSet = of(&[
    CKO_DATA,
    CKO_CERTIFICATE,
    CKO_PUBLIC_KEY,
    CKO_PRIVATE_KEY,
    CKO_SECRET_KEY,
    CKO_OTP_KEY,
    CKO_DOMAIN_PARAMETERS,
    CKO_TRUST,
    CKO_HW_FEATURE,
    CKO_MECHANISM,
    CKO_PROFILE,
]);
const STORED: ObjectSet = of(&[
    CKO_DATA,
    CKO_CERTIFICATE,
    CKO_PUBLIC_KEY,
    CKO_PRIVATE_KEY,
    CKO_SECRET_KEY,
    CKO_OTP_KEY,
    CKO_DOMAIN_PARAMETERS,
    CKO_TRUST,
]);
const FEATURE: ObjectSet = of(&[CKO_HW_FEATURE]);
const MECHANISM: ObjectSet = of(&[CKO_MECHANISM]);
const PROFILE: ObjectSet = of(&[CKO_PROFILE]);
const DATA: ObjectSet = of(&[CKO_DATA]);
const CERT: ObjectSet = of(&[CKO_CERTIFICATE]);
/// CKA_CERTIFICATE_TYPE.
pub(super) const CERTIFICATES: &[u64] = &[CKC_X_509, CKC_X_509_ATTR_CERT, CKC_WTLS];
const X_509: ObjectSet = certificates(&[CKC_X_509]);
/// Certificates of public keys.
const OF_KEY: ObjectSet = certificates(&[CKC_X_509, CKC_WTLS]);
const ATTR_CERT: ObjectSet = certificates(&[CKC_X_509_ATTR_CERT]);
/// Certificates with a serial number.
const NUMBERED: ObjectSet = certificates(&[CKC_X_509, CKC_X_509_ATTR_CERT]);
const TRUST: ObjectSet = of(&[CKO_TRUST]);
/// CKT_TRUST_UNKNOWN to CKT_TRUST_MUST_VERIFY_TRUST.
const TRUSTS: &[u64] = &[0, 1, 2, 3, 4];
/// What HOTP makes of a parameter that it does not take.
const IGNORED: &[u64] = &[CK_OTP_PARAM_IGNORED];
const OPEN: ObjectSet = of(&[
    CKO_CERTIFICATE,
    CKO_PUBLIC_KEY,
    CKO_DOMAIN_PARAMETERS,
    CKO_TRUST,
]);
const CLOSED: ObjectSet = of(&[CKO_DATA, CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_OTP_KEY]);
const KEYS: ObjectSet = of(&[CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_OTP_KEY]);
const PARAMETERS: ObjectSet = of(&[CKO_DOMAIN_PARAMETERS]);
/// Objects that C_GenerateKey or C_GenerateKeyPair may have made.
const GENERATED: ObjectSet = of(&[
    CKO_PUBLIC_KEY,
    CKO_PRIVATE_KEY,
    CKO_SECRET_KEY,
    CKO_OTP_KEY,
    CKO_DOMAIN_PARAMETERS,
]);
const PAIR: ObjectSet = of(&[CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]);
const HELD: ObjectSet = of(&[CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_OTP_KEY]);
const PUBLIC: ObjectSet = of(&[CKO_PUBLIC_KEY]);
const PRIVATE: ObjectSet = of(&[CKO_PRIVATE_KEY]);
const SECRET: ObjectSet = of(&[CKO_SECRET_KEY, CKO_OTP_KEY]);
const ORDINARY: ObjectSet = of(&[CKO_SECRET_KEY]);
const OTP: ObjectSet = of(&[CKO_OTP_KEY]);
const WRAPPING: ObjectSet = of(&[CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_OTP_KEY]);

const fn of(classes: &'static [CK_OBJECT_CLASS]) -> ObjectSet {
    ObjectSet {
        classes,
        subtypes: &[],
    }
}

const fn certificates(subtypes: &'static [CK_CERTIFICATE_TYPE]) -> ObjectSet {
    ObjectSet { subtypes, ..CERT }
}

macro_rules! rows {
    ($($kind:ident $value_type:expr, $objects:expr, $default:expr,
       [$create:ident $generate:ident $unwrap:ident $derive:ident]
       $set:ident $copy:ident, $reveal:ident $search:ident;)*) => {
        /// The rows but those of components.
        static COMMON: &[AttributeRow] = &[$(AttributeRow {
            kind: $kind,
            name: stringify!($kind),
            value_type: $value_type,
            objects: $objects,
            default: $default,
            create: $create,
            generate: $generate,
            unwrap: $unwrap,
            derive: $derive,
            set: $set,
            copy: $copy,
            reveal: $reveal,
            search: $search,
        }),*];
    };
}

// R, O, F: required, optional, forbidden in the templates of [create generate unwrap derive];
// then what C_SetAttributeValue and C_CopyObject may do; then reading and searching.
rows! {
    // 4.2 Common attributes
    CKA_CLASS                       Among(CLASSES), EVERY, Absent,          [R R R R] Never Never, Always Column;
    CKA_UNIQUE_ID                   Bytes, EVERY, Absent,                   [F F F F] Never Never, Always Indexed;

    // Hardware features, mechanisms and profiles: objects that the token provides itself
    CKA_HW_FEATURE_TYPE             Ulong, FEATURE, Absent,                 [F F F F] Never Never, Always Checked;
    CKA_VALUE                       Bytes, FEATURE, Absent,                 [F F F F] Never Never, Always Checked;
    CKA_RESET_ON_INIT               Bool, FEATURE, Absent,                  [F F F F] Never Never, Always Checked;
    CKA_HAS_RESET                   Bool, FEATURE, Absent,                  [F F F F] Never Never, Always Checked;
    CKA_MECHANISM_TYPE              Ulong, MECHANISM, Absent,               [F F F F] Never Never, Always Checked;
    CKA_PROFILE_ID                  Ulong, PROFILE, Absent,                 [F F F F] Never Never, Always Checked;
    CKA_TENON_SWEEP                 Bool, FEATURE, Absent,                  [F F F F] Free Never, Always Checked;
    CKA_TENON_LAST_ERROR            Utf8, FEATURE, Absent,                  [F F F F] Never Never, Always Checked;

    // 4.4 Storage objects
    CKA_TOKEN                       Bool, STORED, No,                        [O O O O] Never Free, Always Column;
    CKA_PRIVATE                     Bool, OPEN, No,                         [O O F F] Never OnlyToTrue, Always Column;
    CKA_PRIVATE                     Bool, CLOSED, Yes,                      [O O O O] Never OnlyToTrue, Always Column;
    CKA_MODIFIABLE                  Bool, STORED, Yes,                       [O O O O] Never Free, Always Checked;
    CKA_LABEL                       Bytes, STORED, Empty,                    [O O O O] Free Free, Always Indexed;
    CKA_COPYABLE                    Bool, STORED, Yes,                       [O O O O] OnlyToFalse OnlyToFalse, Always Checked;
    CKA_DESTROYABLE                 Bool, STORED, Yes,                       [O O O O] Never Free, Always Checked;

    // 4.5 Data objects
    CKA_APPLICATION                 Bytes, DATA, Empty,                     [O F F O] Never Never, Always Indexed;
    CKA_OBJECT_ID                   Bytes, DATA, Empty,                     [O F F O] Never Never, Always Indexed;
    CKA_VALUE                       Bytes, DATA, Empty,                     [O F F F] Never Never, Always Checked;
    CKA_VALUE_LEN                   Ulong, DATA, Absent,                    [F F F O] Never Never, Always Checked;

    // 4.6 Certificate objects: all, then those of keys (X.509, WTLS), X.509 alone, attribute certificates
    CKA_CERTIFICATE_TYPE            Among(CERTIFICATES), CERT, Absent,      [R F F F] Never Never, Always Checked;
    CKA_TRUSTED                     Bool, CERT, No,                         [O F F F] SoOnly SoOnly, Always Checked;
    CKA_CERTIFICATE_CATEGORY        Among(&[0, 1, 2, 3]), CERT, Number(CK_CERTIFICATE_CATEGORY_UNSPECIFIED), [O F F F] Never Never, Always Checked;
    CKA_CHECK_VALUE                 Sized(&[0, 3]), CERT, Unset,            [O F F F] Never Never, Always Checked;
    CKA_START_DATE                  Date, CERT, Empty,                      [O F F F] Never Never, Always Checked;
    CKA_END_DATE                    Date, CERT, Empty,                      [O F F F] Never Never, Always Checked;
    CKA_PUBLIC_KEY_INFO             Bytes, CERT, Empty,                     [O F F F] Never Never, Always Checked;
    CKA_SUBJECT                     Bytes, OF_KEY, Absent,                  [R F F F] Never Never, Always Indexed;
    CKA_ISSUER                      Bytes, OF_KEY, Empty,                   [O F F F] Free Free, Always Indexed;
    CKA_VALUE                       Bytes, OF_KEY, Empty,                   [O F F F] Never Never, Always Checked;
    CKA_URL                         Bytes, OF_KEY, Empty,                   [O F F F] Never Never, Always Checked;
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY  Bytes, OF_KEY, Empty,                   [O F F F] Never Never, Always Checked;
    CKA_HASH_OF_ISSUER_PUBLIC_KEY   Bytes, OF_KEY, Empty,                   [O F F F] Never Never, Always Checked;
    CKA_NAME_HASH_ALGORITHM         Ulong, OF_KEY, Number(CKM_SHA_1),       [O F F F] Never Never, Always Checked;
    CKA_ID                          Bytes, X_509, Empty,                    [O F F F] Free Free, Always Indexed;
    CKA_SERIAL_NUMBER               Bytes, NUMBERED, Empty,                 [O F F F] Free Free, Always Indexed;
    CKA_JAVA_MIDP_SECURITY_DOMAIN   Among(&[0, 1, 2, 3]), X_509, Number(CK_SECURITY_DOMAIN_UNSPECIFIED), [O F F F] Never Never, Always Checked;
    CKA_OWNER                       Bytes, ATTR_CERT, Absent,               [R F F F] Never Never, Always Indexed;
    CKA_AC_ISSUER                   Bytes, ATTR_CERT, Empty,                [O F F F] Free Free, Always Indexed;
    CKA_ATTR_TYPES                  Bytes, ATTR_CERT, Empty,                [O F F F] Free Free, Always Indexed;
    CKA_VALUE                       Bytes, ATTR_CERT, Absent,               [R F F F] Never Never, Always Checked;

    // Trust objects
    CKA_ISSUER                      Bytes, TRUST, Absent,                   [R F F F] Never Never, Always Indexed;
    CKA_SERIAL_NUMBER               Bytes, TRUST, Absent,                   [R F F F] Never Never, Always Indexed;
    CKA_HASH_OF_CERTIFICATE         Bytes, TRUST, Empty,                    [O F F F] Never Never, Always Checked;
    CKA_NAME_HASH_ALGORITHM         Ulong, TRUST, Number(CKM_SHA_1),        [O F F F] Never Never, Always Checked;
    CKA_TRUST_SERVER_AUTH           Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_CLIENT_AUTH           Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_CODE_SIGNING          Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_EMAIL_PROTECTION      Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_IPSEC_IKE             Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_TIME_STAMPING         Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;
    CKA_TRUST_OCSP_SIGNING          Among(TRUSTS), TRUST, Number(0),        [O F F F] Free Free, Always Checked;

    // Domain parameters
    CKA_KEY_TYPE                    Among(keytype::WITH_PARAMETERS), PARAMETERS, Absent, [R R F F] Never Never, Always Column;

    // 4.7 Key objects
    CKA_KEY_TYPE                    Among(keytype::PAIRS), PAIR, Absent,        [R R R F] Never Never, Always Column;
    CKA_KEY_TYPE                    Among(keytype::SECRETS), ORDINARY, Absent,  [R R R R] Never Never, Always Column;
    CKA_KEY_TYPE                    Among(keytype::OTP), OTP, Absent,           [R R R F] Never Never, Always Column;
    CKA_ID                          Bytes, KEYS, Empty,                     [O O O O] Free Free, Always Indexed;
    CKA_START_DATE                  Date, PUBLIC, Empty,                    [O O F F] Free Free, Always Checked;
    CKA_START_DATE                  Date, HELD, Empty,                      [O O O O] OnlyLater OnlyLater, Always Checked;
    CKA_END_DATE                    Date, PUBLIC, Empty,                    [O O F F] Free Free, Always Checked;
    CKA_END_DATE                    Date, HELD, Empty,                      [O O O O] OnlyEarlier OnlyEarlier, Always Checked;
    CKA_DERIVE                      Bool, KEYS, No,                         [O O O O] Free Free, Always Checked;
    CKA_LOCAL                       Bool, GENERATED, Absent,                  [F F F F] Never Never, Always Checked;
    CKA_KEY_GEN_MECHANISM           Ulong, KEYS, Absent,                    [F F F F] Never Never, Always Checked;
    CKA_ALLOWED_MECHANISMS          Ulongs, KEYS, Unset,                    [O O O O] Never Never, Always Checked;
    // No validation is claimed: there are no validation objects.
    CKA_OBJECT_VALIDATION_FLAGS     Ulong, KEYS, Unset,                     [F F F F] Never Never, Always Checked;

    // 4.8 Public key objects; 4.9 private key objects; 4.10 secret key objects
    CKA_SUBJECT                     Bytes, PAIR, Empty,                     [O O O F] Free Free, Always Indexed;
    CKA_PUBLIC_KEY_INFO             Bytes, PAIR, Unset,                     [O F F F] Never Never, Always Checked;
    CKA_SENSITIVE                   Bool, HELD, Sensitive,                  [O O O O] OnlyToTrue OnlyToTrue, Always Checked;
    CKA_EXTRACTABLE                 Bool, HELD, No,                         [O O O O] OnlyToFalse OnlyToFalse, Always Checked;
    CKA_ALWAYS_SENSITIVE            Bool, HELD, Absent,                     [F F F F] Never Never, Always Checked;
    CKA_NEVER_EXTRACTABLE           Bool, HELD, Absent,                     [F F F F] Never Never, Always Checked;
    CKA_ENCRYPT                     Bool, WRAPPING, Usage,                    [O O O O] Free Free, Always Checked;
    CKA_DECRYPT                     Bool, HELD, Usage,                        [O O O O] Free Free, Always Checked;
    CKA_SIGN                        Bool, HELD, Usage,                        [O O O O] Free Free, Always Checked;
    CKA_SIGN_RECOVER                Bool, PRIVATE, Usage,                      [O O O F] Free Free, Always Checked;
    CKA_VERIFY                      Bool, WRAPPING, Usage,                    [O O O O] Free Free, Always Checked;
    CKA_VERIFY_RECOVER              Bool, PUBLIC, Usage,                       [O O F F] Free Free, Always Checked;
    CKA_WRAP                        Bool, WRAPPING, Usage,                     [O O O O] Free Free, Always Checked;
    CKA_UNWRAP                      Bool, HELD, Usage,                         [O O O O] Free Free, Always Checked;
    CKA_ENCAPSULATE                 Bool, PUBLIC, Usage,                      [O O F F] Free Free, Always Checked;
    CKA_DECAPSULATE                 Bool, PRIVATE, Usage,                     [O O O F] Free Free, Always Checked;
    CKA_TRUSTED                     Bool, WRAPPING, No,                     [O O O O] SoOnly SoOnly, Always Checked;
    CKA_WRAP_WITH_TRUSTED           Bool, HELD, No,                         [O O O O] OnlyToTrue OnlyToTrue, Always Checked;
    CKA_ALWAYS_AUTHENTICATE         Bool, PRIVATE, No,                      [O O O F] Never Never, Always Checked;
    CKA_WRAP_TEMPLATE               Template, WRAPPING, Unset,              [O O O O] Never Never, Always Checked;
    CKA_UNWRAP_TEMPLATE             Template, HELD, Unset,                  [O O O O] Never Never, Always Checked;
    CKA_DERIVE_TEMPLATE             Template, HELD, Unset,                  [O O O O] Never Never, Always Checked;
    CKA_ENCAPSULATE_TEMPLATE        Template, PUBLIC, Unset,                [O O F F] Never Never, Always Checked;
    CKA_DECAPSULATE_TEMPLATE        Template, PRIVATE, Unset,               [O O O F] Never Never, Always Checked;
    CKA_CHECK_VALUE                 Sized(&[0, 3]), SECRET, Unset,          [O O O O] OnlyToEmpty OnlyToEmpty, Always Checked;

    // Secret keys of all types
    CKA_VALUE_LEN                   Ulong, SECRET, Absent,                  [F R O O] Never Never, Always Checked;

    // Keys of one-time passwords. HOTP takes neither challenge, time nor PIN, and gives digits. The counter moves by signatures
    // alone, so that no value of it is used twice.
    CKA_OTP_FORMAT                  Among(&[CK_OTP_FORMAT_DECIMAL]), OTP, Number(CK_OTP_FORMAT_DECIMAL), [O O O F] Never Never, Always Checked;
    CKA_OTP_LENGTH                  Among(&[6, 7, 8]), OTP, Number(6),      [O O O F] Never Never, Always Checked;
    CKA_OTP_USER_FRIENDLY_MODE      Bool, OTP, Yes,                         [O O O F] Never Never, Always Checked;
    CKA_OTP_CHALLENGE_REQUIREMENT   Among(IGNORED), OTP, Number(CK_OTP_PARAM_IGNORED), [O O O F] Never Never, Always Checked;
    CKA_OTP_TIME_REQUIREMENT        Among(IGNORED), OTP, Number(CK_OTP_PARAM_IGNORED), [O O O F] Never Never, Always Checked;
    CKA_OTP_COUNTER_REQUIREMENT     Among(&[CK_OTP_PARAM_IGNORED, CK_OTP_PARAM_OPTIONAL, CK_OTP_PARAM_MANDATORY]), OTP, Number(CK_OTP_PARAM_OPTIONAL), [O O O F] Never Never, Always Checked;
    CKA_OTP_PIN_REQUIREMENT         Among(IGNORED), OTP, Number(CK_OTP_PARAM_IGNORED), [O O O F] Never Never, Always Checked;
    CKA_OTP_COUNTER                 Sized(&[8]), OTP, Fixed(&[0; 8]),       [O O O F] Never Never, Always Checked;
    CKA_OTP_TIME                    Sized(&[0]), OTP, Empty,                [O O O F] Never Never, Always Checked;
    CKA_OTP_USER_IDENTIFIER         Utf8, OTP, Empty,                       [O O O F] Never Never, Always Indexed;
    CKA_OTP_SERVICE_IDENTIFIER      Utf8, OTP, Empty,                       [O O O F] Never Never, Always Indexed;
    CKA_OTP_SERVICE_LOGO            Bytes, OTP, Empty,                      [O O O F] Never Never, Always Checked;
    CKA_OTP_SERVICE_LOGO_TYPE       Utf8, OTP, Empty,                       [O O O F] Never Never, Always Checked;

    // Vendor attributes
    CKA_TENON_ORIGIN                Ulong, HELD, Absent,                    [F F F F] Never Never, Always Checked;
    CKA_TENON_KEY_STATE             Ulong, HELD, Absent,                    [F F F F] Never Never, Always Checked;
    CKA_TENON_EXPIRES_AT            Sized(&[8]), HELD, Absent,              [F F O F] Never Never, Always Checked;
    CKA_TENON_IMPORT_TARGET         Bytes, PRIVATE, Absent,                 [F O O F] Never Never, Always Checked;
    CKA_TENON_IMPORT_TARGET         Bytes, SECRET, Absent,                  [F F O F] Never Never, Always Checked;
    CKA_TENON_IMPORT_TOKEN          Bytes, HELD, Absent,                    [F F O F] Never Never, Always Checked;
    CKA_TENON_WRAP_ALGORITHM        Ulong, PRIVATE, Absent,                 [F O F F] Never Never, Always Checked;
    CKA_TENON_NOT_AFTER             Sized(&[8]), PRIVATE, Absent,           [F O F F] Never Never, Always Checked;
    CKA_TENON_DELETION_AT           Sized(&[8]), HELD, Absent,              [F F F F] Free Never, Always Checked;
    CKA_TENON_MATERIAL_ID           Sized(&[16]), HELD, Absent,             [F F F F] Never Never, Always Checked;
    CKA_TENON_DISABLED              Bool, HELD, Absent,                     [F F F F] Free Never, Always Checked;
    CKA_TENON_PROFILE               Utf8, HELD, Absent,                     [F O F F] Never Never, Always Checked;
    CKA_TENON_REQUIRE_TOKEN         Bool, HELD, Absent,                     [F O F F] Never Never, Always Checked;
    CKA_TENON_DESCRIPTION           Utf8, HELD, Absent,                     [F O F F] Free Never, Always Checked;
    CKA_TENON_KEY_SPEC              Utf8, HELD, Absent,                     [F O F F] Never Never, Always Checked;
    CKA_TENON_RECEIPT               Bytes, HELD, Absent,                    [F F F F] Never Never, Always Checked;
    CKA_TENON_RECEIPT_SIGNATURE     Bytes, HELD, Absent,                    [F F F F] Never Never, Always Checked;
    CKA_TENON_RECEIPTS              Utf8, HELD, Absent,                     [F F F F] Never Never, Always Checked;
    CKA_TENON_OWNER_NONCE           Bytes, HELD, Absent,                    [F F O F] Never Never, Always Checked;
    CKA_TENON_WRAPPING_STATEMENT    Bytes, PRIVATE, Absent,                 [F F F F] Never Never, Always Checked;
    CKA_TENON_WRAPPING_STATEMENT_SIGNATURE Bytes, PRIVATE, Absent,          [F F F F] Never Never, Always Checked;
    CKA_TENON_TAGS                  Utf8, HELD, Absent,                     [F O F F] Free Never, Always Checked;
    CKA_TENON_ROTATE                Bool, HELD, Absent,                     [F F F F] Free Never, Always Checked;
    CKA_TENON_ROTATE_RAW            Bool, HELD, Absent,                     [F F F F] Free Never, Always Checked;
    CKA_TENON_VERSIONS              Utf8, HELD, Absent,                     [F F F F] Never Never, Always Checked;
    CKA_TENON_NEW_MATERIAL          Bool, HELD, Absent,                     [F F O F] Never Never, Always Checked;
    CKA_TENON_SHARES                Sized(&[2]), HELD, Absent,              [F O O F] Never Never, Always Checked;
    CKA_TENON_SHARE                 Sized(&[1]), HELD, Absent,              [F F O F] Never Never, Always Checked;
    CKA_TENON_SHARES_CHECK_VALUE    Sized(&[8]), HELD, Absent,              [F O O F] Never Never, Always Checked;
    CKA_TENON_CUSTODIANS            Bytes, HELD, Absent,                    [F O F F] Never Never, Always Checked;
    CKA_TENON_QUORUM                Ulong, HELD, Absent,                    [F O F F] Never Never, Always Checked;
    CKA_TENON_APPROVAL_NONCE        Sized(&[16]), HELD, Absent,             [F F F F] Never Never, Always Checked;
    CKA_TENON_APPROVAL              Bytes, HELD, Absent,                    [F F F F] Free Never, Always Checked;
    CKA_TENON_CREATED_AT            Sized(&[8]), HELD, Absent,              [F F F F] Never Never, Always Checked;
    CKA_TENON_IMPORTED_AT           Sized(&[8]), HELD, Absent,              [F F F F] Never Never, Always Checked;
    CKA_TENON_ENDED_AT              Sized(&[8]), HELD, Absent,              [F F F F] Never Never, Always Checked;
}

/// Every row. For objects of one class and subtype there is at most one row of a kind.
pub(super) fn rows() -> impl Iterator<Item = AttributeRow> {
    let components = keytype::all().flat_map(|key_type| {
        let of = move |class| components(class, key_type);
        GENERATED.classes.iter().flat_map(of)
    });
    COMMON.iter().copied().chain(components)
}

/// The rows for objects of `class` and `subtype`, a CKK_ or CKC_ number, in ascending order of the kinds.
pub(super) fn rows_of(
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
) -> &'static [AttributeRow] {
    type Objects = (CK_OBJECT_CLASS, Option<CK_ULONG>);
    /// For each class the rows of every subtype that has rows of its own, and of all others together. Each list is made
    /// when it is asked for first: a program has keys of a few types, and there are hundreds of lists.
    static ROWS: LazyLock<HashMap<Objects, OnceLock<Vec<AttributeRow>>>> = LazyLock::new(|| {
        let key_types = keytype::all().map(|row| row.id);
        let subtypes: Vec<_> = key_types.chain(CERTIFICATES.iter().copied()).collect();
        let of_class = |class: &CK_OBJECT_CLASS| {
            let class = *class;
            let subtypes = subtypes.iter().copied().map(Some);
            subtypes
                .chain([None])
                .map(move |subtype| ((class, subtype), OnceLock::new()))
                .collect::<Vec<_>>()
        };
        EVERY.classes.iter().flat_map(of_class).collect()
    });
    let list = |subtype| Some((subtype, ROWS.get(&(class, subtype))?));
    let found = list(subtype).or_else(|| list(None));
    found.map_or(&[], |(subtype, rows)| {
        rows.get_or_init(|| fitting(class, subtype))
    })
}

fn fitting(class: CK_OBJECT_CLASS, subtype: Option<CK_ULONG>) -> Vec<AttributeRow> {
    let mut fitting: Vec<_> = rows().filter(|row| row.fits(class, subtype)).collect();
    fitting.sort_by_key(|row| row.kind);
    fitting
}

fn components(
    class: &'static CK_OBJECT_CLASS,
    key_type: &'static KeyType,
) -> impl Iterator<Item = AttributeRow> {
    let components = key_type.components(*class).iter();
    components.map(move |component| AttributeRow::of_component(component, class, &key_type.id))
}

/// The row of `kind` for objects of `class` and `subtype`.
pub(super) fn row(
    kind: CK_ATTRIBUTE_TYPE,
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
) -> Option<&'static AttributeRow> {
    row_in(rows_of(class, subtype), kind)
}

/// The row of `kind` among `rows`, which `rows_of` gave.
pub(super) fn row_in(
    rows: &'static [AttributeRow],
    kind: CK_ATTRIBUTE_TYPE,
) -> Option<&'static AttributeRow> {
    let place = rows.binary_search_by_key(&kind, |row| row.kind).ok()?;
    Some(&rows[place])
}

/// The rows of `kind` that are no components of keys.
fn common(kind: CK_ATTRIBUTE_TYPE) -> impl Iterator<Item = &'static AttributeRow> {
    /// In ascending order of the kinds.
    static SORTED: LazyLock<Vec<&AttributeRow>> = LazyLock::new(|| {
        let mut rows: Vec<_> = COMMON.iter().collect();
        rows.sort_by_key(|row| row.kind);
        rows
    });
    let start = SORTED.partition_point(|row| row.kind < kind);
    let rows = SORTED[start..].iter().copied();
    rows.take_while(move |row| row.kind == kind)
}

/// Some row of `kind`. Rows of one kind agree on its type (not on its limits) and on `search`.
pub(super) fn any_row(kind: CK_ATTRIBUTE_TYPE) -> Option<AttributeRow> {
    let row = common(kind).next().copied();
    row.or_else(|| rows().find(|row| row.kind == kind))
}

/// `kind` (a CKA_ number) is key material in some objects: its value is read only while CKA_SENSITIVE is FALSE,
/// CKA_EXTRACTABLE is TRUE and CKA_WRAP_WITH_TRUSTED is FALSE.
#[must_use]
pub fn is_material(kind: CK_ATTRIBUTE_TYPE) -> bool {
    rows().any(|row| row.kind == kind && row.reveal == UnlessSensitive)
}

/// CKA_ name of an attribute; `None` for one that the token does not know.
#[must_use]
pub fn name(kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&'static str> {
    any_row(kind).map(|row| row.name)
}

/// CKA_ name of an attribute, or its number in hexadecimal where the token does not know it.
pub(crate) fn label(kind: CK_ATTRIBUTE_TYPE) -> String {
    name(kind).map_or_else(|| format!("{kind:#x}"), str::to_owned)
}
