//! Aliases: two living keys with a profile never share CKA_LABEL where the services make names unique
//! (BYOK rule 12a).

use crate::attr::Attributes;
use crate::byok::{self, ExternalFacts};
use crate::ck;
use crate::error::Result;
use crate::store::Uid;
use crate::token::change::transaction::Change;
use crate::token::record::external::{facts, gone_at, of_version};

impl Change<'_> {
    /// Refuses a key with this uid and these attributes if another key with a profile has its label, and one of the two
    /// is a service's.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT.
    pub(in crate::token) fn may_have_alias(
        &self,
        uid: &Uid,
        attributes: &Attributes,
    ) -> Result<()> {
        let alias = attributes.bytes(ck::CKA_LABEL).unwrap_or_default();
        let Some(own) = named(attributes).filter(|_| !alias.is_empty()) else {
            return Ok(());
        };
        for other in self.indexed(None, ck::CKA_LABEL, alias)? {
            let Some(record) = self.get(&other)?.filter(|_| other != *uid) else {
                continue;
            };
            let attributes = &record.attributes;
            let lives = !byok::expired(gone_at(attributes), self.now.at);
            let same = attributes.bytes(ck::CKA_LABEL) == Some(alias);
            let of_service = |other: ExternalFacts| own.of_service || other.of_service;
            if same && lives && named(attributes).is_some_and(of_service) {
                return Err(byok::Error::AliasTaken.into());
            }
        }
        Ok(())
    }
}

/// The facts of a key with a profile that is named by its CKA_LABEL, as its versions are not.
fn named(attributes: &Attributes) -> Option<ExternalFacts> {
    facts(attributes).filter(|_| of_version(attributes).is_none())
}
