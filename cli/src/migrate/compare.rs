//! Whether a key computes in the token what it computes in the other module.

use serde_json::{Value, json};
use tenon_pkcs11::api::ck;

use super::other_module::OtherModule;
use super::probe::probes;
use super::source::SourceObject;
use crate::our_key::OurKey;

/// What a comparison showed.
pub(super) enum Comparison {
    /// Both computed the same, or each accepts the other's signature.
    Same(&'static str),
    Differs(String),
    Impossible(String),
}

impl Comparison {
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Same(mechanism) => json!({ "result": "same", "mechanism": mechanism }),
            Self::Differs(how) => json!({ "result": "different", "reason": how }),
            Self::Impossible(why) => json!({ "result": "not_compared", "reason": why }),
        }
    }

    /// `None` for what is neither a private nor a secret key.
    pub(super) fn of(
        other: &OtherModule,
        ours: &OurKey<'_>,
        object: &SourceObject,
    ) -> Option<Self> {
        let class = object.number(ck::CKA_CLASS)?;
        if !ck::holds_secret(class) {
            return None;
        }
        let candidates = other.candidates(object);
        if candidates.is_empty() {
            return Some(Self::Impossible("the module does not show the key".into()));
        }
        let mut why = "no use of the key can be compared".to_owned();
        for probe in probes(object) {
            match probe.run(other, ours, candidates) {
                Ok(true) => return Some(Self::Same(probe.name)),
                Ok(false) => {
                    return Some(Self::Differs(format!(
                        "{} gives another result",
                        probe.name
                    )));
                }
                Err(error) => why = format!("{}: {error}", probe.name),
            }
        }
        Some(Self::Impossible(why))
    }
}
