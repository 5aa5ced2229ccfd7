//! OFB and CFB (PKCS#11 3.2 section 6.10): streams.

use super::super::cipher_wrap::{any_length, seal, unwrap};
use super::super::op::Resumable;
use super::super::stream::{self, Stream};
use super::super::{Cipher, blocks};
use super::*;
use crate::crypto;
use crate::crypto::aes::{Direction, Feedback, FeedbackStream};

unwrap! {
    OFB: |key, params| begin(Feedback::Ofb, key, params, Decrypt), any_length, Nothing;
    CFB1: |key, params| begin(Feedback::Cfb1, key, params, Decrypt), any_length, Nothing;
    CFB8: |key, params| begin(Feedback::Cfb8, key, params, Decrypt), any_length, Nothing;
    CFB128: |key, params| begin(Feedback::Cfb128, key, params, Decrypt), any_length, Nothing;
}

macro_rules! rows {
    ($($id:ident: $mode:ident, $unwrap:ident;)+) => {
        &[$(Mechanism {
            id: ck::$id,
            name: stringify!($id),
            params: ParamKind::Iv(BLOCK),
            encrypt: Some(|key, params| begin(Feedback::$mode, key, params, Encrypt)),
            decrypt: Some(|key, params| begin(Feedback::$mode, key, params, Decrypt)),
            wrap: Some(|key, params, _, clear| {
                seal(begin(Feedback::$mode, key, params, Encrypt)?, clear)
            }),
            unwrap: Some(&$unwrap),
            ..AES
        },)+]
    };
}

pub(in crate::mechanism) static ROWS: &[Mechanism] = rows! {
    CKM_AES_OFB: Ofb, OFB;
    CKM_AES_CFB1: Cfb1, CFB1;
    CKM_AES_CFB8: Cfb8, CFB8;
    CKM_AES_CFB128: Cfb128, CFB128;
};

fn begin(
    mode: Feedback,
    key: &Key,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let iv = blocks::iv(params)?;
    let state = FeedbackStream::new(mode, aes_key(key)?, direction, &iv)?;
    Ok(stream::begin(state, direction))
}

/// The state is not saved.
impl Resumable for FeedbackStream {}

impl Stream for FeedbackStream {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        Self::update(self, input, out)
    }
}
