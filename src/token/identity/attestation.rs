//! The token's attestation key, P-256: it signs receipts of imports, and nothing else.
//!
//! The private key is sealed under the master key. The public key is stored in clear with a tag under
//! the store key, so that it can be read without a login.

use crate::crypto::ec::{self, Curve};
use crate::crypto::hash::Hash;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::Snapshot;

use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

/// Row of the private key: its scalar (32 bytes), sealed under the master key.
const PRIVATE_ROW: &str = "attestation.private";
/// Row of the public key: SubjectPublicKeyInfo DER ‖ tag under the store key (32).
const PUBLIC_ROW: &str = "attestation.public";
const TAG_LEN: usize = 32;

/// A new attestation key as its rows: (name, value).
pub(in crate::token) fn rows(
    rng: &dyn Rng,
    store: &Domain,
    master: &Domain,
) -> Result<[(&'static str, Vec<u8>); 2]> {
    let key = ec::generate(Curve::P256)?;
    let spki = ec::spki(key.curve, &key.point)?;
    let tag = store.tag(&[PUBLIC_ROW.as_bytes(), &spki]);
    Ok([
        (
            PRIVATE_ROW,
            master.seal_value(rng, PRIVATE_ROW, &key.scalar)?,
        ),
        (PUBLIC_ROW, [&spki[..], &tag].concat()),
    ])
}

/// The public key that verifies this token's receipts: SubjectPublicKeyInfo DER. `None` for a token made
/// before there was such a key.
///
/// # Errors
/// CKR_DEVICE_ERROR for a row that is not genuine.
pub(in crate::token) fn public_key(
    snapshot: &Snapshot<'_>,
    store: &Domain,
) -> Result<Option<Vec<u8>>> {
    let Some(row) = snapshot.meta(PUBLIC_ROW)? else {
        return Ok(None);
    };
    row.split_last_chunk::<TAG_LEN>()
        .filter(|(spki, tag)| {
            Secret::copy(&store.tag(&[PUBLIC_ROW.as_bytes(), spki])).ct_eq(&tag[..])
        })
        .map(|(spki, _)| Some(spki.to_vec()))
        .ok_or_else(|| damaged("the public attestation key"))
}

/// Signs `statement`: ECDSA with SHA-256, as DER. `spki` is the answer of `public_key`.
///
/// # Errors
/// CKR_DEVICE_ERROR for rows that are missing, damaged or of two keys.
pub(in crate::token) fn sign(
    snapshot: &Snapshot<'_>,
    master: &Domain,
    spki: &[u8],
    statement: &[u8],
) -> Result<Vec<u8>> {
    let sealed = snapshot
        .meta(PRIVATE_ROW)?
        .ok_or_else(|| damaged("the attestation key"))?;
    let scalar = master.open_value(PRIVATE_ROW, &sealed)?;
    let key = ec::EcMaterial::checked(Curve::P256, &scalar, None)?;
    // Whoever has the file can replace the public row, but not the private one.
    if ec::spki(key.curve, &key.point)? != spki {
        return Err(damaged("the public attestation key"));
    }
    let mut signature = vec![0; 2 * key.curve.order_len()];
    let digest = Hash::Sha256.digest(&[statement]);
    ec::PrivateKey::new(&key)?.sign(&digest, &mut signature)?;
    ec::der_signature(&signature).map_err(Error::from)
}
