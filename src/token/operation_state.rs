//! Saved states of operations, sealed: outside the token they tell nothing, and nobody else makes them.

use crate::ck;
use crate::crypto::seal;
use crate::error::{Error, Result};
use crate::rng;
use crate::secret::Secret;

use super::Token;

/// Length of the key in bytes.
const KEY_LEN: usize = 32;

impl Token {
    /// Seals a state under a key that lives as long as this open token does. It opens in this token alone,
    /// and with the same `context`.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn seal_state(&self, context: ck::CK_STATE, state: &[u8]) -> Result<Vec<u8>> {
        let context = self.state_context(context);
        let nonce = rng::random(self.rng());
        Ok(seal::seal(self.state_key(), nonce, &context, state)?)
    }

    /// Opens what `seal_state` made.
    ///
    /// # Errors
    /// CKR_SAVED_STATE_INVALID.
    pub fn open_state(&self, context: ck::CK_STATE, sealed: &[u8]) -> Result<Secret> {
        let context = self.state_context(context);
        seal::open(self.state_key(), &context, sealed).map_err(|_| {
            Error::new(
                ck::CKR_SAVED_STATE_INVALID,
                "the state is not one that this token saved since it was opened, in a session that is \
                 logged in and read-only or not as this one is",
            )
        })
    }

    fn state_context(&self, context: ck::CK_STATE) -> Vec<u8> {
        let identity = self.state.identity();
        [identity.serial.as_slice(), &context.to_be_bytes()].concat()
    }

    fn state_key(&self) -> &Secret {
        self.state_key
            .get_or_init(|| rng::secret(self.rng(), KEY_LEN))
    }
}
