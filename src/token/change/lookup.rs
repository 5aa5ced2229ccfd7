//! Finding objects by an attribute, as a change sees them.

use std::ops::ControlFlow;

use crate::ck;
use crate::error::Result;
use crate::store::{SearchConditions, Uid};

use super::transaction::Change;

impl Change<'_> {
    /// Uids of the objects, private and public ones, that the index lists under this value of an attribute; of one
    /// class alone, where that is named.
    pub(in crate::token) fn indexed(
        &self,
        class: Option<ck::CK_OBJECT_CLASS>,
        kind: ck::CK_ATTRIBUTE_TYPE,
        value: &[u8],
    ) -> Result<Vec<Uid>> {
        let mut uids = Vec::new();
        for private in [false, true] {
            let postings = self.vault().postings(private, &[(kind, value.to_vec())])?;
            let search = SearchConditions {
                class,
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
