//! ChaCha20 (PKCS#11 3.2 section 6.58), and ChaCha20 with Poly1305 (section 6.61).

use super::cipher_wrap::{any_length, seal, unwrap};
use super::op::Resumable;
use super::stream::{self, Stream};
use super::whole::{Whole, gathered};
use super::{
    Cipher, Key, Mechanism, MessageKind, ParamKind, Params, ROW, Unit, bad_param, no_params,
};
use crate::ck;
use crate::crypto::aes::Direction::{self, Decrypt, Encrypt};
use crate::crypto::chacha::{self, KEY_LEN, SEALED_MAX, TAG};
use crate::error::{Error, Result, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

/// The key sizes of the ciphers count bits, that of the generation bytes.
const CHACHA20: Mechanism = Mechanism {
    key_types: &[ck::CKK_CHACHA20],
    sizes: (256, 256),
    unit: Unit::Bits,
    ..ROW
};

unwrap! {
    STREAM: |key, params| begin(key, params, Decrypt), any_length, Nothing;
}

pub(super) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_CHACHA20_KEY_GEN,
        name: "CKM_CHACHA20_KEY_GEN",
        sizes: (KEY_LEN as u64, KEY_LEN as u64),
        unit: Unit::Bytes,
        generate: Some(generate),
        ..CHACHA20
    },
    Mechanism {
        id: ck::CKM_CHACHA20,
        name: "CKM_CHACHA20",
        params: ParamKind::ChaCha20,
        encrypt: Some(|key, params| begin(key, params, Encrypt)),
        decrypt: Some(|key, params| begin(key, params, Decrypt)),
        wrap: Some(|key, params, _, clear| seal(begin(key, params, Encrypt)?, clear)),
        unwrap: Some(&STREAM),
        ..CHACHA20
    },
    Mechanism {
        id: ck::CKM_CHACHA20_POLY1305,
        name: "CKM_CHACHA20_POLY1305",
        params: ParamKind::ChaCha20Poly1305,
        encrypt: Some(|key, params| authenticated(key, params, Encrypt)),
        decrypt: Some(|key, params| authenticated(key, params, Decrypt)),
        messages: Some(MessageKind::ChaCha20Poly1305),
        ..CHACHA20
    },
];

fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if len != KEY_LEN {
        let what = "a ChaCha20 key has 32 bytes";
        return Err(Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, what).at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

fn chacha_key(key: &Key) -> Result<&Secret> {
    match key.of::<Secret>() {
        Some(key) => Ok(key),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes a ChaCha20 key",
        ),
    }
}

fn begin(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    let Params::ChaCha20 { nonce, counter } = params else {
        return bad_param("ChaCha20 takes CK_CHACHA20_PARAMS");
    };
    let state = chacha::Stream::new(chacha_key(key)?, nonce, *counter)?;
    Ok(stream::begin(state, direction))
}

/// The state is not saved.
impl Resumable for chacha::Stream {}

impl Stream for chacha::Stream {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> crate::crypto::Result<()> {
        Self::update(self, input, out)
    }
}

fn authenticated(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    let Params::ChaCha20Poly1305 { nonce, aad } = params else {
        return bad_param("ChaCha20-Poly1305 takes CK_SALSA20_CHACHA20_POLY1305_PARAMS");
    };
    Ok(gathered(Message {
        key: chacha_key(key)?.clone(),
        direction,
        nonce: nonce.clone(),
        aad: aad.clone(),
    }))
}

/// A message with a tag.
struct Message {
    key: Secret,
    direction: Direction,
    nonce: Vec<u8>,
    aad: Vec<u8>,
}

impl Whole for Message {
    fn bound(&self, input: usize) -> usize {
        match self.direction {
            Encrypt => input.saturating_add(TAG),
            Decrypt => input.saturating_sub(TAG),
        }
    }

    fn most(&self) -> usize {
        let text = usize::try_from(SEALED_MAX).unwrap_or(usize::MAX);
        match self.direction {
            Encrypt => text,
            Decrypt => text.saturating_add(TAG),
        }
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        Ok(match self.direction {
            Encrypt => chacha::seal(&self.key, &self.nonce, &self.aad, input, out),
            Decrypt => chacha::open(&self.key, &self.nonce, &self.aad, input, out),
        }?)
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;

    #[test]
    fn makes_new_keys_of_one_length() {
        let make = |len| generate(&SystemRng, &Params::None, len);
        let one = make(32).unwrap();
        assert!(one.len() == 32 && !one.ct_eq(&make(32).unwrap()));
        for len in [0, 16, 31, 33, usize::MAX] {
            assert_eq!(make(len).unwrap_err().rv, ck::CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}
