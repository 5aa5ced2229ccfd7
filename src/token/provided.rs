//! The objects that the token provides itself: which there are, finding them, and what they answer.

use crate::attr::{Query, Revealed};
use crate::ck;
use crate::clock;
use crate::error::{Result, refuse};
use crate::mechanism;
use crate::policy::{TokenAction, decide_on_token};
use crate::store::SearchConditions;

use super::cache::object::{Handle, Home, Object};
use super::change::counter::Counter;
use super::record::provided::Provided;
use super::{CallingSession, Token};

/// Profiles whose conditions hold whatever is offered and stored. Their test cases are in `tests/functions/profiles.rs`.
const PROFILES: [ck::CK_PROFILE_ID; 2] = [ck::CKP_BASELINE_PROVIDER, ck::CKP_EXTENDED_PROVIDER];

impl Token {
    /// Handles of the provided objects that match a query which names their class. Other queries do not find them: a
    /// client that lists everything must not meet objects that it does not understand.
    pub(super) fn find_provided(&self, query: &Query) -> Result<Vec<Handle>> {
        let handle = |provided| self.state.objects.handle_of_provided(provided);
        let all = self.provided(query.class)?.into_iter();
        let matching = all.filter(|provided| query.matches(&provided.attributes(), |_| None));
        Ok(matching.map(handle).collect())
    }

    fn provided(&self, class: Option<ck::CK_OBJECT_CLASS>) -> Result<Vec<Provided>> {
        Ok(match class {
            Some(ck::CKO_PROFILE) => {
                let profiles = self.profiles()?.into_iter();
                profiles.map(Provided::Profile).collect()
            }
            Some(ck::CKO_MECHANISM) => {
                let offered = mechanism::offered(&self.state.config);
                offered.map(|row| Provided::Mechanism(row.id)).collect()
            }
            // Each reading of the counter is a change.
            _ if self.is_read_only() => vec![Provided::Clock],
            _ => vec![Provided::Clock, Provided::Counter],
        })
    }

    /// The profiles of OASIS to which the token conforms with its mechanisms and certificates.
    fn profiles(&self) -> Result<Vec<ck::CK_PROFILE_ID>> {
        let mut profiles = PROFILES.to_vec();
        let mut offered = mechanism::offered(&self.state.config);
        if offered.any(|row| row.sign.is_some()) {
            profiles.push(ck::CKP_AUTHENTICATION_TOKEN);
        }
        if self.all_certificates_are_public()? {
            profiles.push(ck::CKP_PUBLIC_CERTIFICATES_TOKEN);
        }
        if mechanism::offered(&self.state.config).any(|row| row.id == ck::CKM_HKDF_DATA) {
            profiles.push(ck::CKP_HKDF_TLS_TOKEN);
        }
        Ok(profiles)
    }

    fn all_certificates_are_public(&self) -> Result<bool> {
        let private = SearchConditions {
            class: Some(ck::CKO_CERTIFICATE),
            private: Some(true),
            ..SearchConditions::default()
        };
        let count = self.state.store.read(|snapshot| snapshot.count(&private))?;
        Ok(count == 0)
    }

    /// The value of an attribute of a provided object that is computed when it is read; `None` where the object
    /// itself says it.
    pub(super) fn provided_value(
        &self,
        provided: Provided,
        kind: ck::CK_ATTRIBUTE_TYPE,
    ) -> Result<Option<Revealed>> {
        let value = match (provided, kind) {
            (Provided::Clock, ck::CKA_VALUE) => clock::utc_time(self.state.time.now().at).to_vec(),
            (Provided::Counter, ck::CKA_VALUE) => {
                let count = self.writer.count(&self.keys())?;
                count.to_be_bytes().to_vec()
            }
            (Provided::Counter, ck::CKA_RESET_ON_INIT) => vec![ck::CK_FALSE],
            (Provided::Counter, ck::CKA_HAS_RESET) => {
                let counter = self.state.store.read(|snapshot| Counter::read(snapshot))?;
                vec![u8::from(counter.restored)]
            }
            _ => return Ok(None),
        };
        Ok(Some(Revealed::Value(value)))
    }

    /// C_SetAttributeValue of CKA_TENON_SWEEP.
    pub(super) fn sweep_by_clock(&self, caller: CallingSession, clock: Handle) -> Result<()> {
        if !is_clock(&*self.object(clock)?) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "CKA_TENON_SWEEP is an attribute of the token's clock, CKH_CLOCK",
            );
        }
        let read_write = caller.read_write;
        decide_on_token(TokenAction::Sweep { read_write }, self.login_state()?)?;
        self.sweep().map(drop)
    }
}

fn is_clock(object: &Object) -> bool {
    matches!(object.home, Home::Provided(Provided::Clock))
}
