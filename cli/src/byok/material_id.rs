//! KeyMaterialId, as each service writes it.

use tenon_pkcs11::api::byok::profile;
use tenon_pkcs11::api::crypto::hash::Hash;

use crate::output::hex;

/// CKA_TENON_MATERIAL_ID, in hexadecimal digits, as a key of this profile shows it: AWS's has 64 digits, so
/// there it is the SHA-256 of a domain, the KeyId and the material id. Empty where there is none.
pub(super) fn shown(profile_name: &str, unique_id: &str, material_id: &str) -> String {
    let long = profile::find(profile_name.as_bytes()).is_some_and(|row| row.long_material_id);
    if !long || material_id.is_empty() {
        return material_id.to_owned();
    }
    let parts = [unique_id, material_id].map(str::as_bytes);
    let digest = Hash::Sha256.digest(&[b"tenon KeyMaterialId 1", parts[0], parts[1]]);
    hex(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_aws_have_64_digits() {
        let id = "0123456789abcdef0123456789abcdef";
        let [one, other] = ["aa", "bb"].map(|key| shown("aws", key, id));
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert_eq!(shown("google", "aa", id), id);
        assert_eq!(shown("aws", "aa", ""), "");
    }
}
