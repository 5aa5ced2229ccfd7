//! Opening a wrapped blob: mechanism, parameters, and what may be told of a failure.

use crate::attr::Attributes;
use crate::byok;
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::{Key, KeyLengths, Material};
use crate::mechanism::{Mechanism, Opened, Params, PrivateForm, Proof, Unwrap};
use crate::secret::Secret;

use super::record::key;
use crate::policy::Blob;

/// Bytes of the blocks that AES key wrap works on (RFC 3394).
const SEMIBLOCK: usize = 8;

/// How a blob is opened.
pub(super) struct Opening<'a> {
    pub(super) mechanism: &'a Mechanism,
    pub(super) unwrap: &'a Unwrap,
    /// The mechanism's parameter; where several are possible, each is tried.
    pub(super) params: Vec<Params>,
    /// What a blob proves that opens, by whichever parameter.
    pub(super) proof: Proof,
    /// Whether PKCS#7 padding must be one whole block.
    pub(super) whole_padding: bool,
}

impl<'a> Opening<'a> {
    pub(super) fn new(mechanism: &'a Mechanism, params: Vec<Params>) -> Result<Self> {
        let proof = params.iter().find_map(|params| mechanism.proof(params));
        let Some((unwrap, proof)) = mechanism.unwrap.zip(proof) else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} does not unwrap", mechanism.name),
            );
        };
        Ok(Self {
            mechanism,
            unwrap,
            params,
            proof,
            whole_padding: false,
        })
    }

    /// What making a key with these attributes would tell the caller of the blob's plaintext.
    pub(super) fn kind(&self, attributes: &Attributes) -> Blob {
        let secret = ck::is_secret_key(attributes.class());
        let cut = secret && key::cuts(attributes, self.mechanism.zero_padded);
        match self.proof {
            Proof::Integrity | Proof::Stream if cut => Blob::Telling,
            Proof::Integrity if secret && self.mechanism.unwrap_whole.is_some() => Blob::Padded,
            Proof::Integrity if self.mechanism.key_wrap => Blob::KeyWrap,
            Proof::Stream => Blob::Stream,
            Proof::Integrity | Proof::Isolation => Blob::Proven,
            Proof::Nothing | Proof::Padding => Blob::Telling,
        }
    }

    /// Refuses a blob of a wrong length, and one that says in public why it does not open, before any key
    /// operation.
    pub(super) fn check_length(&self, key: &Key, blob: &[u8]) -> Result<()> {
        for params in &self.params {
            (self.unwrap.length)(key, params, blob.len()).map_err(as_unwrapping_error)?;
        }
        if let Some(check) = self.mechanism.check_blob {
            check(key, blob)?;
        }
        Ok(())
    }

    fn clear(&self, key: &Key, blob: &[u8], fits: KeyLengths) -> Option<Opened> {
        let whole = self.mechanism.unwrap_whole.filter(|_| self.whole_padding);
        let open = |params| match self.mechanism.unwrap_blind {
            Some(blind) => blind(key, params, blob, fits),
            None => whole.unwrap_or(self.unwrap.open)(key, params, blob).map(|clear| Opened {
                clear,
                genuine: true,
            }),
        };
        self.params.iter().find_map(|params| open(params).ok())
    }

    /// How many zeros behind the key are too many; `None` where no zero may be there. Behind the PKCS #8
    /// in a blob whose integrity is proven there are up to 7 whatever the mechanism: SoftHSM up to 2.6.1
    /// pads so before any of them.
    fn zeros(&self, attributes: &Attributes) -> Option<usize> {
        let private = attributes.class() == ck::CKO_PRIVATE_KEY;
        match self.mechanism.zero_padded {
            None if private && self.proof == Proof::Integrity => Some(SEMIBLOCK),
            padding => padding.filter(|_| may_add_zeros(attributes)),
        }
    }

    /// Opens the blob and fits what is in it to the template; every failure is the same. A private key in a blob
    /// whose integrity is proven may be encoded without PKCS #8 around it.
    pub(super) fn open(
        &self,
        key: &Key,
        blob: &[u8],
        attributes: &Attributes,
    ) -> Result<Unwrapped> {
        let read = if self.proof == Proof::Integrity {
            |attributes: &Attributes, clear: &[u8], form| {
                key::from_clear(attributes, clear, form)
                    .or_else(|| key::from_bare(attributes, clear))
            }
        } else {
            key::from_clear
        };
        self.open_as(key, blob, attributes, read)
    }

    /// The same for a key that is bound to its material. A blob whose integrity is proven may then hold a
    /// secret key of any length: the binding alone tells whether it is the key's (BYOK rule 3).
    pub(super) fn open_bound(
        &self,
        key: &Key,
        blob: &[u8],
        attributes: &Attributes,
    ) -> Result<Unwrapped> {
        let read = if self.proof.integrity() {
            key::from_clear_of_any_length
        } else {
            key::from_clear
        };
        self.open_as(key, blob, attributes, read)
    }

    /// Opens a blob that holds a share of the material of a key with these attributes, and nothing else is
    /// known of it than the length of a secret key's.
    pub(super) fn open_share(
        &self,
        key: &Key,
        blob: &[u8],
        attributes: &Attributes,
    ) -> Result<Unwrapped> {
        let lengths = key::lengths(attributes);
        self.clear(key, blob, lengths)
            .filter(|opened| lengths.fit(opened.clear.len()))
            .map(|Opened { clear, genuine }| Unwrapped {
                material: Material::Secret(clear),
                genuine,
            })
            .ok_or_else(|| self.refused())
    }

    fn open_as(
        &self,
        key: &Key,
        blob: &[u8],
        attributes: &Attributes,
        read: fn(&Attributes, &[u8], PrivateForm) -> Option<Material>,
    ) -> Result<Unwrapped> {
        let opened = self.clear(key, blob, key::lengths(attributes));
        let opens = opened.is_some();
        // What does not open is read all the same, so that the time does not tell it from what fits no key.
        let Opened { clear, genuine } = opened.unwrap_or_else(|| Opened {
            clear: Secret::zeroed(blob.len()),
            genuine: false,
        });
        let cut = match self.mechanism.zeros_before {
            true => key::last(attributes, &clear),
            false => key::without_padding(attributes, &clear, self.zeros(attributes)),
        };
        let material = read(attributes, cut, self.mechanism.private_form);
        match material.filter(|_| opens) {
            Some(material) => Ok(Unwrapped { material, genuine }),
            None if opens => Err(self.misfit(attributes, clear.len())),
            None => Err(self.refused()),
        }
    }

    /// The error for what came out of a blob and fits no key of the template. Its length is told where the
    /// integrity of the blob is proven, and where it tells nothing of a padding.
    fn misfit(&self, attributes: &Attributes, len: usize) -> Error {
        let Mechanism {
            unwrap_whole,
            zeros_before,
            ..
        } = self.mechanism;
        let padded = unwrap_whole.is_some() || *zeros_before || self.zeros(attributes).is_some();
        let tells = self.proof.integrity() && !padded;
        let why = tells.then(|| key::wrong_length(attributes, len)).flatten();
        match why {
            Some(why) => Error::new(ck::CKR_WRAPPED_KEY_INVALID, why),
            None => self.refused(),
        }
    }

    fn refused(&self) -> Error {
        if !self.whole_padding {
            return bad_blob();
        }
        Error::new(
            ck::CKR_WRAPPED_KEY_INVALID,
            format!(
                "the blob does not hold a key that fits the template. Where the unwrapping key has no CKA_DECRYPT, \
                 {} opens secret keys of a multiple of 8 bytes alone: wrap others by CKM_AES_KEY_WRAP_KWP",
                self.mechanism.name
            ),
        )
    }
}

/// The material that was unwrapped, or a pseudo-random key in its place.
pub(super) struct Unwrapped {
    pub(super) material: Material,
    /// Whether it came out of the blob.
    pub(super) genuine: bool,
}

/// The one error for everything that goes wrong after the private-key operation has begun.
pub(super) fn bad_blob() -> Error {
    Error::new(ck::CKR_WRAPPED_KEY_INVALID, byok::BAD_BLOB)
}

/// Whether zeros after the key may be cut off. Not for a secret key that only trusted keys wrap: whoever
/// cuts and adds zeros would learn whether its last bytes are zeros.
pub(super) fn may_add_zeros(attributes: &Attributes) -> bool {
    !ck::is_secret_key(attributes.class()) || !attributes.bool(ck::CKA_WRAP_WITH_TRUSTED)
}

pub(super) fn as_unwrapping_error(mut error: Error) -> Error {
    error.rv = match error.rv {
        ck::CKR_KEY_HANDLE_INVALID => ck::CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        ck::CKR_KEY_SIZE_RANGE => ck::CKR_UNWRAPPING_KEY_SIZE_RANGE,
        ck::CKR_KEY_TYPE_INCONSISTENT => ck::CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        other => other,
    };
    error
}
