//! Which keys are independent of all others: their ciphertext opens under no other key (BYOK rule 8).

use crate::ck;

/// CKA_ALLOWED_MECHANISMS of an independent key: it encrypts by envelopes alone, which name the key
/// that opens them.
pub(crate) const ENVELOPES_ALONE: [ck::CK_MECHANISM_TYPE; 1] = [ck::CKM_TENON_KMS_ENVELOPE];

/// Whether a key with this CKA_ALLOWED_MECHANISMS is independent; `None` allows every mechanism.
pub(crate) fn is_independent(allowed: Option<&[ck::CK_MECHANISM_TYPE]>) -> bool {
    allowed == Some(&ENVELOPES_ALONE)
}
