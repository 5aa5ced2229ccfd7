//! CCM (PKCS#11 3.2 section 6.13).

use super::super::Cipher;
use super::super::whole::{Whole, gathered, wrong_length};
use super::{Key, Params, Result, aes_key, bad_param};
use crate::crypto::aes::{self, Direction};

pub(super) fn begin(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    let Params::Ccm {
        data_len,
        nonce,
        aad,
        tag_len,
    } = params
    else {
        return bad_param("CCM takes CK_CCM_PARAMS");
    };
    aes::ccm_limits(nonce.len(), *tag_len)?;
    Ok(gathered(CcmMessage {
        key: aes_key(key)?.clone(),
        direction,
        data_len: *data_len,
        nonce: nonce.clone(),
        aad: aad.clone(),
        tag_len: *tag_len,
    }))
}

struct CcmMessage {
    key: aes::Key,
    direction: Direction,
    /// ulDataLen: bytes of the text, without the tag.
    data_len: usize,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    tag_len: usize,
}

impl Whole for CcmMessage {
    fn bound(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => input.saturating_add(self.tag_len),
            Direction::Decrypt => input.saturating_sub(self.tag_len),
        }
    }

    fn most(&self) -> usize {
        match self.direction {
            Direction::Encrypt => self.data_len,
            Direction::Decrypt => self.data_len.saturating_add(self.tag_len),
        }
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        if input.len() != self.most() {
            return Err(wrong_length(self.direction).into());
        }
        let Self {
            key,
            nonce,
            aad,
            tag_len,
            ..
        } = self;
        Ok(match self.direction {
            Direction::Encrypt => key.ccm_seal(nonce, aad, *tag_len, input, out),
            Direction::Decrypt => key.ccm_open(nonce, aad, *tag_len, input, out),
        }?)
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}
