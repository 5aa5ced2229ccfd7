//! Private key objects.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{self, Material, Need, PublicValue};

use crate::Result;
use crate::template::Template;

/// `template` with the values of the private key, as C_CreateObject takes them.
pub(crate) fn add(template: Template, material: &Material) -> Result<Template> {
    let Material::Pair(pair) = material else {
        return Err("not a private key".into());
    };
    let key_type = pair.key_type();
    let held = keytype::find(key_type).map_or(&[][..], |row| row.held);
    let public = pair.describe()?;
    let given = held.iter().filter(|one| one.create != Need::Forbidden);
    let template = template.number(ck::CKA_KEY_TYPE, key_type);
    Ok(given.fold(template, |template, component| {
        let kind = component.kind;
        let shown = public.iter().find(|(of, _)| *of == kind);
        match (pair.secret_value(kind), shown) {
            (Some(value), _) => template.bytes(kind, value),
            (None, Some((_, PublicValue::Bytes(value)))) => template.bytes(kind, value),
            (None, Some((_, PublicValue::Ulong(number)))) => template.number(kind, *number),
            (None, None) => template,
        }
    }))
}
