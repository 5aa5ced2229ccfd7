//! Parameters of the mechanisms of IKE.

use crate::ck;
use crate::crypto::hash::Hash;

/// The structures, of which each mechanism takes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IkeParam {
    /// CK_IKE_PRF_DERIVE_PARAMS.
    First,
    /// CK_IKE1_PRF_DERIVE_PARAMS.
    Further,
    /// CK_IKE1_EXTENDED_DERIVE_PARAMS.
    Extended,
    /// CK_IKE2_PRF_PLUS_DERIVE_PARAMS.
    Plus,
}

/// What they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IkeParams {
    /// Hash of the HMAC.
    pub hash: Hash,
    /// What the HMAC is used for.
    pub step: IkeStep,
}

/// A step in the key derivation of IKE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IkeStep {
    /// SKEYID or SKEYSEED, of the base key and the nonces of both parties.
    First {
        /// Ni and Nr, one behind the other.
        nonces: Vec<u8>,
        /// What the base key is.
        base: IkeBase,
    },
    /// SKEYID_d, SKEYID_a or SKEYID_e, of SKEYID.
    Further {
        /// g^xy.
        shared: ck::CK_OBJECT_HANDLE,
        /// The key that was derived before this one.
        previous: Option<ck::CK_OBJECT_HANDLE>,
        /// CKY-I and CKY-R, one behind the other.
        cookies: Vec<u8>,
        /// 0, 1 or 2.
        number: u8,
    },
    /// A longer key of IKEv1: the base key's beginning where that is long enough and there is nothing else.
    Extended {
        /// g^xy.
        shared: Option<ck::CK_OBJECT_HANDLE>,
        /// Other data.
        data: Vec<u8>,
    },
    /// A longer key of IKEv2.
    Plus {
        /// First part of the seed.
        seed_key: Option<ck::CK_OBJECT_HANDLE>,
        /// Second part of the seed.
        seed: Vec<u8>,
    },
}

/// What the base key is, of which a first key is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IkeBase {
    /// The message, under the nonces as key: g^ir.
    Message,
    /// The key, with the nonces as message: a key that both parties have.
    Key,
    /// The key, SK_d, with a new g^ir and the nonces as message.
    Rekey(ck::CK_OBJECT_HANDLE),
}

impl IkeParams {
    /// Whether they come in the structure `kind`.
    #[must_use]
    pub fn fits(&self, kind: IkeParam) -> bool {
        let own = match self.step {
            IkeStep::First { .. } => IkeParam::First,
            IkeStep::Further { .. } => IkeParam::Further,
            IkeStep::Extended { .. } => IkeParam::Extended,
            IkeStep::Plus { .. } => IkeParam::Plus,
        };
        own == kind
    }

    /// Handles of the keys besides the base key, in the order in which the function takes them.
    #[must_use]
    pub fn keys(&self) -> Vec<ck::CK_OBJECT_HANDLE> {
        match self.step {
            IkeStep::First { base, .. } => match base {
                IkeBase::Rekey(new) => vec![new],
                IkeBase::Message | IkeBase::Key => Vec::new(),
            },
            IkeStep::Further {
                shared, previous, ..
            } => previous.into_iter().chain([shared]).collect(),
            IkeStep::Extended { shared: key, .. } | IkeStep::Plus { seed_key: key, .. } => {
                key.into_iter().collect()
            }
        }
    }
}
