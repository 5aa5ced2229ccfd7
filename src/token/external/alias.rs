//! Aliases: two living keys with a profile never share CKA_LABEL where the services make names unique
//! (BYOK rule 12a).

use std::ops::ControlFlow;

use crate::attr::Attributes;
use crate::byok;
use crate::ck;
use crate::error::Result;
use crate::store::{SearchConditions, Uid};
use crate::token::change::transaction::Change;
use crate::token::record::external::{facts, gone_at, of_version};

impl Change<'_> {
    /// Refuses a key with this uid and these attributes if another key of a service has its alias.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCONSISTENT.
    pub(in crate::token) fn may_have_alias(
        &self,
        uid: &Uid,
        attributes: &Attributes,
    ) -> Result<()> {
        let alias = attributes.bytes(ck::CKA_LABEL).unwrap_or_default();
        if alias.is_empty() || !has_alias(attributes) {
            return Ok(());
        }
        for other in self.labelled(alias)? {
            let Some(record) = self.get(&other)?.filter(|_| other != *uid) else {
                continue;
            };
            let attributes = &record.attributes;
            let lives = !byok::expired(gone_at(attributes), self.now.at);
            let same = attributes.bytes(ck::CKA_LABEL) == Some(alias);
            if same && lives && has_alias(attributes) {
                return Err(byok::Error::AliasTaken.into());
            }
        }
        Ok(())
    }

    /// Uids of the objects that the index lists under this CKA_LABEL.
    fn labelled(&self, label: &[u8]) -> Result<Vec<Uid>> {
        let mut uids = Vec::new();
        for private in [false, true] {
            let postings = self
                .vault()
                .postings(private, &[(ck::CKA_LABEL, label.to_vec())])?;
            let search = SearchConditions {
                private: Some(private),
                hidden: None,
                postings: &postings,
                ..SearchConditions::default()
            };
            self.snapshot().find(&search, &mut |head| {
                uids.push(head.uid);
                ControlFlow::Continue(())
            })?;
        }
        Ok(uids)
    }
}

/// Whether CKA_LABEL is the alias by which a service names the key.
fn has_alias(attributes: &Attributes) -> bool {
    let of_service = facts(attributes).is_some_and(|facts| facts.of_service);
    of_service && of_version(attributes).is_none()
}
