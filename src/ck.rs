//! The numbers and C types of PKCS#11, and the vendor numbers of this token.
//!
//! Standard names come from `cryptoki-sys`; the vendor numbers are ABI and never change.

pub use cryptoki_sys::*;

/// A vendor number of this token: bit 31 (CKx_VENDOR_DEFINED), "TN" in the two bytes below the highest,
/// and `low`. Bit 30 is clear, which is CKF_ARRAY_ATTRIBUTE.
const fn vendor(low: CK_ULONG) -> CK_ULONG {
    0x8054_4E00 | low
}

/// Whether objects of a class are secret keys: CKO_SECRET_KEY, and CKO_OTP_KEY, which has all attributes of secret keys
/// (PKCS #11 3.2, "OTP key objects").
#[must_use]
pub const fn is_secret_key(class: CK_OBJECT_CLASS) -> bool {
    matches!(class, CKO_SECRET_KEY | CKO_OTP_KEY)
}

/// Whether objects of a class hold what must stay secret: private and secret keys.
#[must_use]
pub const fn holds_secret(class: CK_OBJECT_CLASS) -> bool {
    class == CKO_PRIVATE_KEY || is_secret_key(class)
}

/// The numbers of 3.2's errata: those of its first header lack CKF_ARRAY_ATTRIBUTE.
pub const CKA_ENCAPSULATE_TEMPLATE: CK_ATTRIBUTE_TYPE =
    CKF_ARRAY_ATTRIBUTE | FIRST_ENCAPSULATE_TEMPLATE;
/// As CKA_ENCAPSULATE_TEMPLATE.
pub const CKA_DECAPSULATE_TEMPLATE: CK_ATTRIBUTE_TYPE =
    CKF_ARRAY_ATTRIBUTE | FIRST_DECAPSULATE_TEMPLATE;
/// CKA_ENCAPSULATE_TEMPLATE in the first header of 3.2.
pub const FIRST_ENCAPSULATE_TEMPLATE: CK_ATTRIBUTE_TYPE = cryptoki_sys::CKA_ENCAPSULATE_TEMPLATE;
/// CKA_DECAPSULATE_TEMPLATE in the first header of 3.2.
pub const FIRST_DECAPSULATE_TEMPLATE: CK_ATTRIBUTE_TYPE = cryptoki_sys::CKA_DECAPSULATE_TEMPLATE;

/// Where a key came from: one of the `ORIGIN_*` numbers. CK_ULONG, read-only.
pub const CKA_TENON_ORIGIN: CK_ATTRIBUTE_TYPE = vendor(0x01);
/// Derived state of an external key: one of the `STATE_*` numbers. CK_ULONG, read-only.
pub const CKA_TENON_KEY_STATE: CK_ATTRIBUTE_TYPE = vendor(0x02);
/// End of the material's life: 8 bytes, big-endian Unix seconds, 0 = never.
pub const CKA_TENON_EXPIRES_AT: CK_ATTRIBUTE_TYPE = vendor(0x03);
/// CKA_UNIQUE_ID of the external key that an import job serves.
pub const CKA_TENON_IMPORT_TARGET: CK_ATTRIBUTE_TYPE = vendor(0x04);
/// Opaque import token of a job.
pub const CKA_TENON_IMPORT_TOKEN: CK_ATTRIBUTE_TYPE = vendor(0x05);
/// Wrapping algorithm of a job. CK_ULONG.
pub const CKA_TENON_WRAP_ALGORITHM: CK_ATTRIBUTE_TYPE = vendor(0x06);
/// End of a job's life: 8 bytes, big-endian Unix seconds. Read-only.
pub const CKA_TENON_NOT_AFTER: CK_ATTRIBUTE_TYPE = vendor(0x07);
/// When a scheduled deletion takes effect: 8 bytes, big-endian Unix seconds, 0 cancels.
pub const CKA_TENON_DELETION_AT: CK_ATTRIBUTE_TYPE = vendor(0x08);
/// Public name of the bound material: 16 random bytes. Read-only.
pub const CKA_TENON_MATERIAL_ID: CK_ATTRIBUTE_TYPE = vendor(0x09);
/// The operator switched the key off. CK_BBOOL.
pub const CKA_TENON_DISABLED: CK_ATTRIBUTE_TYPE = vendor(0x0A);
/// Name of an external key's profile: UTF-8, fixed at creation.
pub const CKA_TENON_PROFILE: CK_ATTRIBUTE_TYPE = vendor(0x0B);
/// Unwrapping into this key demands an import token. CK_BBOOL, fixed at creation.
pub const CKA_TENON_REQUIRE_TOKEN: CK_ATTRIBUTE_TYPE = vendor(0x0C);
/// Free text, UTF-8.
pub const CKA_TENON_DESCRIPTION: CK_ATTRIBUTE_TYPE = vendor(0x0D);
/// Tags: a JSON object of strings, UTF-8.
pub const CKA_TENON_TAGS: CK_ATTRIBUTE_TYPE = vendor(0x0E);
/// The token's signed statement of the last import, or of the material's end: canonical JSON. Read-only.
pub const CKA_TENON_RECEIPT: CK_ATTRIBUTE_TYPE = vendor(0x12);
/// Signature of CKA_TENON_RECEIPT by the attestation key: ECDSA with SHA-256, DER. Read-only.
pub const CKA_TENON_RECEIPT_SIGNATURE: CK_ATTRIBUTE_TYPE = vendor(0x13);
/// A number of the owner's that goes into the receipt of an import, at most 64 bytes.
pub const CKA_TENON_OWNER_NONCE: CK_ATTRIBUTE_TYPE = vendor(0x14);
/// The token's signed statement of an import job's wrapping key: canonical JSON. Read-only.
pub const CKA_TENON_WRAPPING_STATEMENT: CK_ATTRIBUTE_TYPE = vendor(0x15);
/// Signature of CKA_TENON_WRAPPING_STATEMENT by the attestation key: ECDSA with SHA-256, DER. Read-only.
pub const CKA_TENON_WRAPPING_STATEMENT_SIGNATURE: CK_ATTRIBUTE_TYPE = vendor(0x16);
/// Set to TRUE: gives the key its next version. CK_BBOOL, never readable.
pub const CKA_TENON_ROTATE: CK_ATTRIBUTE_TYPE = vendor(0x0F);
/// Set to TRUE: as CKA_TENON_ROTATE, of a key too that encrypts by mechanisms whose ciphertext does not name its version,
/// so that what it has encrypted does not open any more. CK_BBOOL, never readable.
pub const CKA_TENON_ROTATE_RAW: CK_ATTRIBUTE_TYPE = vendor(0x25);
/// The versions of a key: a JSON array, UTF-8. Read-only.
pub const CKA_TENON_VERSIONS: CK_ATTRIBUTE_TYPE = vendor(0x10);
/// In the template of C_UnwrapKey: the material is that of the key's next version. CK_BBOOL.
pub const CKA_TENON_NEW_MATERIAL: CK_ATTRIBUTE_TYPE = vendor(0x11);
/// When the key was made: 8 bytes, big-endian Unix seconds. Read-only.
pub const CKA_TENON_CREATED_AT: CK_ATTRIBUTE_TYPE = vendor(0x17);
/// When the key's material came last: 8 bytes, big-endian Unix seconds. Read-only.
pub const CKA_TENON_IMPORTED_AT: CK_ATTRIBUTE_TYPE = vendor(0x18);
/// When the key's last material ended: 8 bytes, big-endian Unix seconds, 0 = none has. Read-only.
pub const CKA_TENON_ENDED_AT: CK_ATTRIBUTE_TYPE = vendor(0x19);
/// On the token's clock object, set to TRUE: erases everything that is due. CK_BBOOL, never readable.
pub const CKA_TENON_SWEEP: CK_ATTRIBUTE_TYPE = vendor(0x1A);
/// On the token's clock object: why the session's last refused call was refused, UTF-8. Read-only.
pub const CKA_TENON_LAST_ERROR: CK_ATTRIBUTE_TYPE = vendor(0x1D);

/// Of an external key whose material comes in shares: how many make it, how many there are. 2 bytes.
pub const CKA_TENON_SHARES: CK_ATTRIBUTE_TYPE = vendor(0x1B);
/// In the template of C_UnwrapKey: the number of the share that comes, from 1, 1 byte. Read from the key:
/// the numbers of the shares that wait for others, a byte each.
pub const CKA_TENON_SHARE: CK_ATTRIBUTE_TYPE = vendor(0x1C);
/// The check value of the material that the shares make (`crypto::shares::check_value`), 8 bytes. In the
/// template of C_UnwrapKey that of the material which this share completes.
pub const CKA_TENON_SHARES_CHECK_VALUE: CK_ATTRIBUTE_TYPE = vendor(0x1E);

/// Public keys of those who must approve a deletion: SubjectPublicKeyInfo DER, one behind another.
pub const CKA_TENON_CUSTODIANS: CK_ATTRIBUTE_TYPE = vendor(0x1F);
/// How many of CKA_TENON_CUSTODIANS must approve. CK_ULONG.
pub const CKA_TENON_QUORUM: CK_ATTRIBUTE_TYPE = vendor(0x21);
/// What an approval names so that it counts once, 16 bytes. Read-only.
pub const CKA_TENON_APPROVAL_NONCE: CK_ATTRIBUTE_TYPE = vendor(0x22);
/// Set: one approval, or nothing to withdraw all. Read: the approvals that are there, a JSON array.
pub const CKA_TENON_APPROVAL: CK_ATTRIBUTE_TYPE = vendor(0x23);
/// The receipts of all versions of an external key: JSON array, one entry a version: number, material id, statement,
/// and signature in hexadecimal digits; then those of materials that ended before they were current, without a number.
/// Read-only.
pub const CKA_TENON_RECEIPTS: CK_ATTRIBUTE_TYPE = vendor(0x24);

/// What its service calls the spec of an external key, UTF-8.
pub const CKA_TENON_KEY_SPEC: CK_ATTRIBUTE_TYPE = vendor(0x20);

// The attributes INTERNAL_… are in no table, so no client can name them.

/// SHA-256 of the blob that brought the material last.
pub const INTERNAL_BLOB_DIGEST: CK_ATTRIBUTE_TYPE = vendor(0xE0);
/// SHA-256 of the SubjectPublicKeyInfo of the key that unwrapped that blob; absent for a secret key.
pub const INTERNAL_WRAPPING_DIGEST: CK_ATTRIBUTE_TYPE = vendor(0xE1);
/// `record::statement::material_proof` of secret material.
pub const INTERNAL_MATERIAL_PROOF: CK_ATTRIBUTE_TYPE = vendor(0xE2);
/// Of an external key or an import job: the shares that wait for others (`external::shares`).
pub const INTERNAL_WAITING_SHARES: CK_ATTRIBUTE_TYPE = vendor(0xE3);
/// On the record of a share, which no client ever sees: uid of the external key, 16 bytes.
pub const INTERNAL_SHARE_OF: CK_ATTRIBUTE_TYPE = vendor(0xE4);
/// What the receipt says of the shares that made the material: a JSON object.
pub const INTERNAL_SHARES_JOINED: CK_ATTRIBUTE_TYPE = vendor(0xE5);

/// The approvals that are there (`external::approval`).
pub const INTERNAL_APPROVALS: CK_ATTRIBUTE_TYPE = vendor(0xE6);

/// Binding of an external key: what its material must be (docs/design.md, section 7).
pub const INTERNAL_BINDING: CK_ATTRIBUTE_TYPE = vendor(0xF0);
/// Identifier of the row that holds a key's material.
pub const INTERNAL_MATERIAL_ROW: CK_ATTRIBUTE_TYPE = vendor(0xF1);
/// CK_BBOOL: a secret key that was generated for wrapping alone, never CKA_COPYABLE, and never had
/// another use than CKA_WRAP and CKA_UNWRAP.
pub const INTERNAL_ONLY_WRAPS: CK_ATTRIBUTE_TYPE = vendor(0xF2);
/// Time of CKA_TENON_NOT_AFTER on the public half of an import job, which goes with the private one.
pub const INTERNAL_NOT_AFTER: CK_ATTRIBUTE_TYPE = vendor(0xF3);
/// CK_BBOOL: a new version of an external key waits for its material.
pub const INTERNAL_VERSION_PENDING: CK_ATTRIBUTE_TYPE = vendor(0xF4);
/// Uids, 16 bytes each, of the records that hold an external key's older versions, the oldest first.
pub const INTERNAL_OLDER_VERSIONS: CK_ATTRIBUTE_TYPE = vendor(0xF5);
/// On the record of an older version, which no client ever sees: uid of the external key, 16 bytes.
pub const INTERNAL_VERSION_OF: CK_ATTRIBUTE_TYPE = vendor(0xF6);
/// Name of the algorithm or mechanism by which material came last.
pub const INTERNAL_IMPORTED_BY: CK_ATTRIBUTE_TYPE = vendor(0xF7);
/// When material came last: 8 bytes, big-endian Unix seconds.
pub const INTERNAL_IMPORTED_AT: CK_ATTRIBUTE_TYPE = vendor(0xF8);
/// Uid, 16 bytes, of the record that holds the material which `rotate` makes current.
pub const INTERNAL_NEXT_VERSION: CK_ATTRIBUTE_TYPE = vendor(0xF9);
/// CK_BBOOL: an older version that the key needs has no material.
pub const INTERNAL_OLDER_MISSING: CK_ATTRIBUTE_TYPE = vendor(0xFA);
/// First end of the material of an older version that the key needs: 8 bytes, big-endian Unix seconds.
pub const INTERNAL_OLDER_END: CK_ATTRIBUTE_TYPE = vendor(0xFB);
/// Which older version lacks its material, or ends first, of those that the key needs: its number (4 bytes,
/// big-endian) and its material id (16 bytes).
pub const INTERNAL_OLDER_LACKING: CK_ATTRIBUTE_TYPE = vendor(0xE8);
/// Uids, 16 bytes each, of the records of material that was imported for an external key's next version and ended
/// before it was current, the oldest first.
pub const INTERNAL_UNUSED_VERSIONS: CK_ATTRIBUTE_TYPE = vendor(0xE9);
/// On such a record, which no client ever sees: uid of the external key, 16 bytes.
pub const INTERNAL_UNUSED_OF: CK_ATTRIBUTE_TYPE = vendor(0xEA);
/// Why material ended: "expired", "deleted" or "replaced".
pub const INTERNAL_ENDED_BY: CK_ATTRIBUTE_TYPE = vendor(0xFD);
/// What a secret key's value consists of, where its length does not tell: numbers as `policy::Pieces`
/// stores them.
pub const INTERNAL_PIECES: CK_ATTRIBUTE_TYPE = vendor(0xFC);
/// CKA_ numbers of the uses that a key made of this one's bytes may have, where this key has no other use than
/// CKA_DERIVE: those that it had before, or that the keys had whose bytes it is made of.
pub const INTERNAL_USES_OF_COPIES: CK_ATTRIBUTE_TYPE = vendor(0xE7);

/// C_GenerateKey: makes an external key without material.
pub const CKM_TENON_EXTERNAL_KEY_GEN: CK_MECHANISM_TYPE = vendor(0x01);
/// C_WrapKey, C_UnwrapKey: RSA-OAEP of a key of 32 bytes ‖ AES-256-ECB with PKCS#7 padding.
pub const CKM_TENON_RSA_AES_ECB_PKCS7: CK_MECHANISM_TYPE = vendor(0x02);
/// C_WrapKey, C_UnwrapKey: SM2 encryption of a key of 16 bytes ‖ SM4-ECB without padding.
pub const CKM_TENON_SM2_SM4_ECB: CK_MECHANISM_TYPE = vendor(0x03);
/// SM2 public-key encryption.
pub const CKM_TENON_SM2PKE: CK_MECHANISM_TYPE = vendor(0x04);
/// Encryption whose ciphertext names the key and its material, and opens under no other.
pub const CKM_TENON_KMS_ENVELOPE: CK_MECHANISM_TYPE = vendor(0x05);
/// C_WrapKey, C_UnwrapKey: HPKE in base mode under a key of X-Wing or ML-KEM.
pub const CKM_TENON_HPKE: CK_MECHANISM_TYPE = vendor(0x06);
/// C_GenerateKeyPair: a key pair on SM2's curve.
pub const CKM_TENON_SM2_KEY_PAIR_GEN: CK_MECHANISM_TYPE = vendor(0x10);
/// SM2 signatures, over SM3 and the default identity.
pub const CKM_TENON_SM2_SM3_SIGN: CK_MECHANISM_TYPE = vendor(0x11);
/// C_GenerateKey: an SM4 key.
pub const CKM_TENON_SM4_KEY_GEN: CK_MECHANISM_TYPE = vendor(0x12);
/// SM4 in ECB mode.
pub const CKM_TENON_SM4_ECB: CK_MECHANISM_TYPE = vendor(0x13);
/// SM4 in CBC mode.
pub const CKM_TENON_SM4_CBC: CK_MECHANISM_TYPE = vendor(0x14);
/// SM4 in GCM mode.
pub const CKM_TENON_SM4_GCM: CK_MECHANISM_TYPE = vendor(0x15);
/// The SM3 digest.
pub const CKM_TENON_SM3: CK_MECHANISM_TYPE = vendor(0x16);
/// C_GenerateKeyPair: a key pair of X-Wing.
pub const CKM_TENON_XWING_KEY_PAIR_GEN: CK_MECHANISM_TYPE = vendor(0x17);
/// CKK_ number of SM4 keys.
pub const CKK_TENON_SM4: CK_KEY_TYPE = vendor(0x01);
/// CKK_ number of X-Wing keys.
pub const CKK_TENON_XWING: CK_KEY_TYPE = vendor(0x02);
/// The blob is well formed, but its material is not the one that the key is bound to.
pub const CKR_TENON_MATERIAL_MISMATCH: CK_RV = vendor(0x01);

/// The token made the key.
pub const ORIGIN_GENERATED: CK_ULONG = 0;
/// An external key: its material came, or will come, by C_UnwrapKey, and is bound for ever.
pub const ORIGIN_EXTERNAL: CK_ULONG = 1;
/// The wrapping key pair of an import job.
pub const ORIGIN_IMPORT_JOB: CK_ULONG = 2;
/// Created from clear values, unwrapped without binding, derived, or copied from such a key.
pub const ORIGIN_IMPORTED: CK_ULONG = 3;

/// No live material.
pub const STATE_PENDING_IMPORT: CK_ULONG = 1;
/// Usable.
pub const STATE_ENABLED: CK_ULONG = 2;
/// Switched off by the operator.
pub const STATE_DISABLED: CK_ULONG = 3;
/// A deletion is scheduled.
pub const STATE_PENDING_DELETION: CK_ULONG = 4;

macro_rules! names {
    ($(#[$doc:meta])* $function:ident, $fallback:literal: $($name:ident)*) => {
        $(#[$doc])*
        #[must_use]
        pub fn $function(number: CK_ULONG) -> &'static str {
            $(if number == $name { return stringify!($name); })*
            $fallback
        }
    };
}

names! {
    /// Name of a return value, for log lines.
    rv_name, "CKR_(other)":
    CKR_OK CKR_HOST_MEMORY CKR_SLOT_ID_INVALID CKR_GENERAL_ERROR CKR_FUNCTION_FAILED
    CKR_ARGUMENTS_BAD CKR_NO_EVENT CKR_NEED_TO_CREATE_THREADS CKR_CANT_LOCK
    CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE CKR_ATTRIBUTE_TYPE_INVALID
    CKR_ATTRIBUTE_VALUE_INVALID CKR_ACTION_PROHIBITED CKR_DATA_INVALID CKR_DATA_LEN_RANGE
    CKR_DEVICE_ERROR CKR_DEVICE_MEMORY CKR_DEVICE_REMOVED CKR_ENCRYPTED_DATA_INVALID
    CKR_ENCRYPTED_DATA_LEN_RANGE CKR_FUNCTION_CANCELED CKR_FUNCTION_NOT_SUPPORTED
    CKR_FUNCTION_NOT_PARALLEL CKR_KEY_HANDLE_INVALID CKR_KEY_SIZE_RANGE
    CKR_KEY_TYPE_INCONSISTENT CKR_KEY_INDIGESTIBLE CKR_KEY_FUNCTION_NOT_PERMITTED
    CKR_KEY_NOT_WRAPPABLE CKR_KEY_UNEXTRACTABLE CKR_MECHANISM_INVALID
    CKR_MECHANISM_PARAM_INVALID CKR_OBJECT_HANDLE_INVALID CKR_OPERATION_ACTIVE
    CKR_OPERATION_NOT_INITIALIZED CKR_PIN_INCORRECT CKR_PIN_INVALID CKR_PIN_LEN_RANGE
    CKR_PIN_EXPIRED CKR_PIN_LOCKED CKR_SESSION_CLOSED CKR_SESSION_COUNT
    CKR_SESSION_HANDLE_INVALID CKR_SESSION_PARALLEL_NOT_SUPPORTED CKR_SESSION_ASYNC_NOT_SUPPORTED CKR_SESSION_READ_ONLY
    CKR_SESSION_EXISTS CKR_SESSION_READ_ONLY_EXISTS CKR_SESSION_READ_WRITE_SO_EXISTS
    CKR_SIGNATURE_INVALID CKR_SIGNATURE_LEN_RANGE CKR_TEMPLATE_INCOMPLETE
    CKR_TEMPLATE_INCONSISTENT CKR_TOKEN_NOT_PRESENT CKR_TOKEN_NOT_RECOGNIZED
    CKR_TOKEN_WRITE_PROTECTED CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_UNWRAPPING_KEY_SIZE_RANGE CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
    CKR_USER_ALREADY_LOGGED_IN CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED
    CKR_USER_TYPE_INVALID CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPED_KEY_LEN_RANGE CKR_WRAPPING_KEY_HANDLE_INVALID CKR_WRAPPING_KEY_SIZE_RANGE
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT CKR_RANDOM_SEED_NOT_SUPPORTED CKR_RANDOM_NO_RNG
    CKR_DOMAIN_PARAMS_INVALID CKR_CURVE_NOT_SUPPORTED CKR_PARAMETER_SET_NOT_SUPPORTED
    CKR_BUFFER_TOO_SMALL
    CKR_STATE_UNSAVEABLE CKR_CRYPTOKI_NOT_INITIALIZED CKR_CRYPTOKI_ALREADY_INITIALIZED
    CKR_MUTEX_BAD CKR_SAVED_STATE_INVALID CKR_KEY_NEEDED CKR_KEY_NOT_NEEDED CKR_KEY_CHANGED
    CKR_AEAD_DECRYPT_FAILED CKR_TENON_MATERIAL_MISMATCH
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// The numbers of Tenon's own attributes, those that no client sees included, as this file gives them.
    #[test]
    fn every_attribute_has_a_number_of_its_own() {
        let mut named: BTreeMap<&str, &str> = BTreeMap::new();
        for line in include_str!("ck.rs").lines() {
            let line = line.strip_prefix("pub const ").unwrap_or_default();
            let Some((name, number)) = line.split_once(": CK_ATTRIBUTE_TYPE = vendor(") else {
                continue;
            };
            let other = named.insert(number, name);
            assert_eq!(other, None, "{name} has the number {number} too");
        }
        let hidden = named.values().filter(|name| name.starts_with("INTERNAL_"));
        assert_eq!((named.len() > 50, hidden.count() > 20), (true, true));
    }
}
