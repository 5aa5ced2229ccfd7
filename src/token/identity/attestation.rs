//! The token's attestation key, P-256: it signs receipts of imports, and nothing else.
//!
//! The private key is sealed under the master key. The public one lies in clear, with a tag under the
//! store key, so that it is had without a login.

use crate::ck;
use crate::crypto::ec::{self, Curve};
use crate::crypto::hash::Hash;
use crate::error::{Error, Result, refuse};
use crate::rng::Rng;
use crate::secret::Secret;

use crate::token::identity::audit::Event;
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;
use crate::token::{Keys, Token};

/// Row of the private key: its scalar (32 bytes), sealed under the master key.
const PRIVATE_ROW: &str = "attestation.private";
/// Row of the public key: SubjectPublicKeyInfo DER ‖ tag under the store key (32).
const PUBLIC_ROW: &str = "attestation.public";
const TAG_LEN: usize = 32;

/// A new attestation key, as its rows: (name, value).
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

impl Token {
    /// The public key that verifies this token's receipts: SubjectPublicKeyInfo DER. A token from
    /// before there was such a key gets one when somebody is logged in.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN for a token without one, CKR_TOKEN_WRITE_PROTECTED,
    /// CKR_DEVICE_ERROR.
    pub fn attestation_key(&self) -> Result<Vec<u8>> {
        self.keep_up()?;
        let keys = self.keys()?;
        if let Some(spki) = self.stored_attestation_key(&keys)? {
            return Ok(spki);
        }
        let Some(master) = &keys.master else {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                "the token has no attestation key yet: a login makes one",
            );
        };
        let rows = rows(self.rng(), &keys.identity.public, &master.domain)?;
        self.change(&keys, Event::Attestation, |change| {
            // Another process may have made one meanwhile.
            if change.snapshot().meta(PUBLIC_ROW)?.is_some() {
                return Ok(());
            }
            rows.iter()
                .try_for_each(|(name, value)| change.set_value(name, value))
        })?;
        self.stored_attestation_key(&keys)?
            .ok_or_else(|| damaged("the attestation key"))
    }

    fn stored_attestation_key(&self, keys: &Keys) -> Result<Option<Vec<u8>>> {
        let row = self.store.read(|snapshot| snapshot.meta(PUBLIC_ROW))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let public = &keys.identity.public;
        row.split_last_chunk::<TAG_LEN>()
            .filter(|(spki, tag)| {
                Secret::copy(&public.tag(&[PUBLIC_ROW.as_bytes(), spki])).ct_eq(&tag[..])
            })
            .map(|(spki, _)| Some(spki.to_vec()))
            .ok_or_else(|| damaged("the public attestation key"))
    }

    /// Signs `statement`: ECDSA with SHA-256, as DER, and the public key as SubjectPublicKeyInfo DER.
    pub(in crate::token) fn attest(
        &self,
        keys: &Keys,
        statement: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let spki = self.attestation_key()?;
        let Some(master) = &keys.master else {
            return refuse(ck::CKR_USER_NOT_LOGGED_IN, "a receipt needs a login");
        };
        let sealed = self
            .store
            .read(|snapshot| snapshot.meta(PRIVATE_ROW))?
            .ok_or_else(|| damaged("the attestation key"))?;
        let scalar = master.domain.open_value(PRIVATE_ROW, &sealed)?;
        let key = ec::EcMaterial::checked(Curve::P256, &scalar, None)?;
        // Whoever has the file can write the public row, and not the private one.
        if ec::spki(key.curve, &key.point)? != spki {
            return Err(damaged("the public attestation key"));
        }
        let mut signature = vec![0; 2 * key.curve.order_len()];
        let digest = Hash::Sha256.digest(&[statement]);
        ec::PrivateKey::new(&key)?.sign(&digest, &mut signature)?;
        let der = ec::der_signature(&signature).map_err(Error::from)?;
        Ok((der, spki))
    }
}
