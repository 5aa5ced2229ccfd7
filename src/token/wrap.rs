//! C_WrapKey.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::Key;
use crate::mechanism::{Generator, Ivs, Mechanism, MessageParams, OpenBlob, Params};
use crate::out::Out;
use crate::policy::{Action, Use};

use super::access::as_key_error;
use super::opening::may_add_zeros;
use crate::token::Token;
use crate::token::cache::object::{Handle, Object};
use crate::token::record::key;

impl Token {
    /// C_WrapKey: the raw bytes of a secret key, or the PKCS#8 (or the mechanism's own form) of a private key.
    ///
    /// # Errors
    /// CKR_WRAPPING_KEY_*, CKR_KEY_HANDLE_INVALID, CKR_KEY_UNEXTRACTABLE, CKR_KEY_NOT_WRAPPABLE,
    /// CKR_KEY_SIZE_RANGE, CKR_BUFFER_TOO_SMALL.
    pub fn wrap_key(
        &self,
        mechanism: (&Mechanism, &Params),
        wrapping: Handle,
        handle: Handle,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let wrapped = self.wrapped(mechanism, wrapping, handle)?;
        out.put(&wrapped).map(drop)
    }

    /// C_WrapKeyAuthenticated: writes the wrapped key to `out` and its tag, and the initialization vector
    /// where a generator makes it, into `params`; `false` for a length query, which makes neither.
    ///
    /// # Errors
    /// As `wrap_key`; CKR_MECHANISM_INVALID for a mechanism without message parameters,
    /// CKR_MECHANISM_PARAM_INVALID for a generator that counts.
    pub fn wrap_key_authenticated(
        &self,
        (mechanism, params): (&Mechanism, &mut MessageParams),
        aad: &[u8],
        (wrapping, handle): (Handle, Handle),
        out: &mut Out<'_>,
    ) -> Result<bool> {
        let kind = mechanism.message_kind()?;
        if matches!(params.generator, Generator::Counter | Generator::CounterXor) {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "each call would begin to count anew, and repeat the initialization vectors under the key: use \
                 CKG_GENERATE or CKG_GENERATE_RANDOM",
            );
        }
        let mut made = params.clone();
        Ivs::new(self.rng()).make(&mut made, self.rng())?;
        let wrapped = self.wrapped((mechanism, &made.with_aad(kind, aad)), wrapping, handle)?;
        let len = wrapped.len().saturating_sub(made.tag_len);
        let (key, tag) = wrapped.split_at(len);
        if !out.put(key)? {
            return Ok(false);
        }
        made.tag = Some(tag.to_vec());
        *params = made;
        Ok(true)
    }

    fn wrapped(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        wrapping: Handle,
        handle: Handle,
    ) -> Result<Vec<u8>> {
        let Some(wrap) = mechanism.wrap else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} does not wrap", mechanism.name),
            );
        };
        let usable = self
            .usable_key(wrapping, Use::Wrap, mechanism)
            .map_err(as_wrapping_error)?;
        let object = self.object(handle).map_err(as_key_error)?;
        if mechanism.for_secrets_alone() && object.class() == ck::CKO_PRIVATE_KEY {
            return refuse(
                ck::CKR_KEY_NOT_WRAPPABLE,
                format!("{} wraps secret keys alone", mechanism.name),
            );
        }
        let keys = self.keys();
        let trusted = usable
            .object
            .facts()
            .key
            .as_ref()
            .is_some_and(|key| key.trusted && mechanism.key_wrap);
        self.decide(Action::Export { trusted }, &object, &keys, false)?;
        matches_template(&usable.object, &object)?;
        let material = self
            .material(&object, &keys)?
            .ok_or_else(|| Error::new(ck::CKR_KEY_NOT_WRAPPABLE, "the key has no material"))?;
        let clear = key::to_clear(&material, mechanism.private_form)?;
        let len = clear.len();
        let clear = key::padded(clear, mechanism.zero_padded);
        if clear.len() != len && !may_add_zeros(&object.attributes) {
            return refuse(
                ck::CKR_KEY_SIZE_RANGE,
                format!(
                    "{} would add zeros to this key, and C_UnwrapKey takes none away from a key that is CKA_WRAP_WITH_TRUSTED: use CKM_AES_KEY_WRAP_KWP",
                    mechanism.name
                ),
            );
        }
        let wrapped = wrap(&usable.key, params, self.rng(), &clear).map_err(as_wrap_error)?;
        let secret = ck::is_secret_key(object.class());
        if secret && object.attributes.bool(ck::CKA_WRAP_WITH_TRUSTED) {
            comes_back(mechanism, (&usable.key, params), &wrapped)?;
        }
        Ok(wrapped)
    }
}

/// Refuses a blob whose PKCS#7 padding is no whole block: no trusted key opens it, since none has CKA_DECRYPT.
fn comes_back(mechanism: &Mechanism, (key, params): (&Key, &Params), wrapped: &[u8]) -> Result<()> {
    let opens = |open: OpenBlob| open(key, params, wrapped).is_ok();
    if mechanism.unwrap_whole.is_none_or(opens) {
        return Ok(());
    }
    refuse(
        ck::CKR_KEY_SIZE_RANGE,
        format!(
            "{} pads this key, which is CKA_WRAP_WITH_TRUSTED, by less than a whole block, and C_UnwrapKey by a trusted key would refuse it: use CKM_AES_KEY_WRAP_KWP",
            mechanism.name
        ),
    )
}

/// Refuses a key that does not match the wrapping key's CKA_WRAP_TEMPLATE (section 5.18.3).
fn matches_template(wrapping: &Object, object: &Object) -> Result<()> {
    let wanted = wrapping.attributes.template(ck::CKA_WRAP_TEMPLATE);
    if wanted.is_none_or(|wanted| object.attributes.has_all(&wanted.canonical())) {
        return Ok(());
    }
    refuse(
        ck::CKR_KEY_HANDLE_INVALID,
        "the key does not match the wrapping key's CKA_WRAP_TEMPLATE",
    )
}

fn as_wrapping_error(mut error: Error) -> Error {
    error.rv = match error.rv {
        ck::CKR_KEY_HANDLE_INVALID => ck::CKR_WRAPPING_KEY_HANDLE_INVALID,
        ck::CKR_KEY_SIZE_RANGE => ck::CKR_WRAPPING_KEY_SIZE_RANGE,
        ck::CKR_KEY_TYPE_INCONSISTENT => ck::CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        other => other,
    };
    error
}

/// A length that the mechanism refuses is the wrapped key's here; a wrong type or curve is the wrapping
/// key's.
fn as_wrap_error(mut error: Error) -> Error {
    error.rv = match error.rv {
        ck::CKR_DATA_LEN_RANGE => ck::CKR_KEY_SIZE_RANGE,
        ck::CKR_KEY_TYPE_INCONSISTENT => ck::CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        other => other,
    };
    error
}
