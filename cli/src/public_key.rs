//! Public key objects.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype;

use crate::Result;
use crate::template::Template;

/// `template` with the values of the public key in SubjectPublicKeyInfo DER.
pub(crate) fn add(template: Template, spki: &[u8]) -> Result<Template> {
    let (row, values) = keytype::from_spki(spki)?;
    let template = template.number(ck::CKA_KEY_TYPE, row.id);
    Ok(template.values(&values))
}
