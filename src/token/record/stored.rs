//! Reading rows of the store and opening them.

use crate::attr::Attributes;
use crate::error::Result;
use crate::keytype::Material;
use crate::store::{MaterialRow, Snapshot, Uid};

use super::external;
use super::material;
use super::vault::{Record, Vault};

pub(in crate::token) fn read(
    vault: &Vault<'_>,
    snapshot: &Snapshot<'_>,
    uid: &Uid,
) -> Result<Option<Record>> {
    let row = snapshot.object(uid)?;
    row.map(|row| vault.open(&row)).transpose()
}

/// `None` where the object has no material.
pub(in crate::token) fn read_material(
    vault: &Vault<'_>,
    snapshot: &Snapshot<'_>,
    uid: &Uid,
    attributes: &Attributes,
) -> Result<Option<Material>> {
    if external::material_row(attributes).is_none() {
        return Ok(None);
    }
    open_material(vault, uid, attributes, snapshot.material(uid)?)
}

/// Opens the material of a token object from its row of material; `None` where it has none.
pub(in crate::token) fn open_material(
    vault: &Vault<'_>,
    uid: &Uid,
    attributes: &Attributes,
    row: Option<MaterialRow>,
) -> Result<Option<Material>> {
    let Some(id) = external::material_row(attributes) else {
        return Ok(None);
    };
    let row = row.ok_or_else(|| {
        crate::token::record::damaged::damaged("a key's material, which is missing,")
    })?;
    let clear = vault.open_material(uid, id, &row.data_key, &row.sealed)?;
    material::decode(&clear).map(Some)
}
