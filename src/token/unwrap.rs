//! C_UnwrapKey.
//!
//! In this order: the unwrapping key, the template, the rights, the blob's length; then the
//! private-key operation; after that every failure is the one CKR_WRAPPED_KEY_INVALID (BYOK rules,
//! section 4), but for a mismatch as rule 3 allows.

use crate::attr::{self, Attributes, Built, How, RawAttribute};
use crate::byok::{self, profile};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::{Material, Mechanism, Params, Unwrap};
use crate::policy::{Action, Use};

use super::audit::Event;
use super::external::{self, Arrival};
use super::make::{Caller, maker, set_origin};
use super::object::Handle;
use super::read::UsableKey;
use super::vault::time_value;
use super::{Keys, Token, key};

impl Token {
    /// C_UnwrapKey: the new key's handle, or the external key's own.
    ///
    /// # Errors
    /// CKR_UNWRAPPING_KEY_*, CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID,
    /// CKR_TENON_MATERIAL_MISMATCH, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_ATTRIBUTE_VALUE_INVALID,
    /// and what the template deserves.
    pub fn unwrap_key(
        &self,
        caller: Caller,
        (mechanism, params): (&Mechanism, &Params),
        unwrapping: Handle,
        blob: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let Some(unwrap) = mechanism.unwrap else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} does not unwrap", mechanism.name),
            );
        };
        let usable = self
            .usable_key(unwrapping, Use::Unwrap, mechanism)
            .map_err(as_unwrapping_error)?;
        let keys = self.keys()?;
        let maker = maker(&keys);
        let Built { attributes, .. } =
            attr::build(How::Unwrap, &Attributes::default(), template, &maker)?;
        let expires_at = attributes
            .bytes(ck::CKA_TENON_EXPIRES_AT)
            .map(|_| time_value(&attributes, ck::CKA_TENON_EXPIRES_AT));
        byok::expiry(expires_at, &profile::OPEN, self.time.now().at)?;
        self.may_make(caller, &keys, &attributes)?;
        let binds = self.binds(&keys, &attributes)?;
        (unwrap.length)(&usable.key, params, blob.len())?;
        let padded = mechanism.zero_padded;
        let opened = open(unwrap, &usable, params, blob, &attributes, padded);
        if binds {
            return self.bind(&keys, &attributes, expires_at, unwrap, opened);
        }
        self.make_unwrapped(caller, &keys, attributes, opened)
    }

    /// Whether this unwrap imports an external key. Judged, with the state of the key that is
    /// there, before any private-key operation.
    fn binds(&self, keys: &Keys, attributes: &Attributes) -> Result<bool> {
        let job_only = [ck::CKA_TENON_IMPORT_TARGET, ck::CKA_TENON_IMPORT_TOKEN];
        if job_only.iter().any(|kind| attributes.get(*kind).is_some()) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "import targets and tokens belong to import jobs, and this unwrapping key is none",
            );
        }
        let named = attributes
            .bytes(ck::CKA_ID)
            .is_some_and(|id| !id.is_empty());
        if !attributes.bool(ck::CKA_TOKEN) || !named || !self.config.bind_by_id {
            return Ok(false);
        }
        let bound = self.bound_by_id(keys, attributes)?;
        if attributes.bool(ck::CKA_EXTRACTABLE) {
            return match bound {
                Some(_) => external::refuse_bound_identity(),
                None => Ok(false),
            };
        }
        if let Some(uid) = bound {
            let handle = self.objects.handle(uid, attributes.bool(ck::CKA_PRIVATE));
            let target = self.object(handle)?;
            self.decide(Action::Import, &target, keys, true)?;
        }
        Ok(true)
    }

    fn bind(
        &self,
        keys: &Keys,
        attributes: &Attributes,
        expires_at: Option<u64>,
        unwrap: &Unwrap,
        opened: Result<Material>,
    ) -> Result<Handle> {
        let imported = opened.and_then(|material| {
            self.import_by_id(
                keys,
                &Arrival {
                    attributes,
                    expires_at,
                    material: &material,
                    integrity: unwrap.integrity,
                },
            )
        });
        match imported {
            Ok((uid, private)) => Ok(self.objects.handle(uid, private)),
            Err(error) => {
                self.record_refusal(keys, Event::ImportRefused, &error)?;
                Err(error)
            }
        }
    }

    fn make_unwrapped(
        &self,
        caller: Caller,
        keys: &Keys,
        mut attributes: Attributes,
        opened: Result<Material>,
    ) -> Result<Handle> {
        let material = match opened {
            Ok(material) => material,
            Err(error) => {
                self.record_refusal(keys, Event::ImportRefused, &error)?;
                return Err(error);
            }
        };
        key::describe(&mut attributes, &material)?;
        attr::finish_key_facts(How::Unwrap, &mut attributes, None);
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        self.make_key(caller, keys, Event::Unwrap, attributes, material)
    }
}

/// Opens the blob and fits what is in it to the template; every failure is the same.
fn open(
    unwrap: &Unwrap,
    usable: &UsableKey,
    params: &Params,
    blob: &[u8],
    attributes: &Attributes,
    padded: Option<usize>,
) -> Result<Material> {
    (unwrap.open)(&usable.key, params, blob)
        .ok()
        .and_then(|clear| {
            let clear = key::without_padding(attributes, &clear, padded);
            key::from_clear(attributes, clear)
        })
        .ok_or_else(|| {
            Error::new(
                ck::CKR_WRAPPED_KEY_INVALID,
                "the blob does not hold a key that fits the template",
            )
        })
}

fn as_unwrapping_error(mut error: Error) -> Error {
    error.rv = match error.rv {
        ck::CKR_KEY_HANDLE_INVALID => ck::CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        ck::CKR_KEY_SIZE_RANGE => ck::CKR_UNWRAPPING_KEY_SIZE_RANGE,
        ck::CKR_KEY_TYPE_INCONSISTENT => ck::CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        other => other,
    };
    error
}
