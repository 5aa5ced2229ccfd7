//! C_DeriveKey by CKM_PUB_KEY_FROM_PRIV_KEY (section 6.43): the public key of a private key.

use crate::attr::RawAttribute;
use crate::error::Result;
use crate::mechanism::Mechanism;
use crate::policy::Action;

use super::access::as_key_error;
use super::{CallingSession, Token};
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::new::New;
use crate::token::record::public_half;

impl Token {
    /// The handle of a new object with the public key of `private`. That the private key may be seen is
    /// enough, since it tells CKA_PUBLIC_KEY_INFO too.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT for another object, and those of `Token::create`.
    pub(super) fn derive_public_key(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        private: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let (object, keys) = self.current(private).map_err(as_key_error)?;
        self.decide(Action::See, &object, &keys, false)
            .map_err(as_key_error)?;
        let attributes = public_half::of_private(&object.attributes, template, &self.maker(&keys))?;
        let doing = Event::Derive.with(mechanism.id).by(object.uid);
        let public = New::named(self.rng(), attributes, None);
        self.make(caller, &keys, doing, public)
    }
}
