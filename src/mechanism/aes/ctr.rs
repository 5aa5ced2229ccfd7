//! CTR (PKCS#11 3.2 section 6.11): a stream.

use zeroize::Zeroizing;

use super::super::Cipher;
use super::super::op::Resumable;
use super::super::saved::Saved;
use super::super::stream::{self, Stream};
use super::{Key, Params, Result, aes_key, bad_param};
use crate::crypto;
use crate::crypto::aes::{BLOCK, Ctr, Direction};

pub(super) fn begin(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    let Params::Ctr { counter, bits } = params else {
        return bad_param("CTR takes CK_AES_CTR_PARAMS");
    };
    let ctr = Ctr::new(aes_key(key)?, counter, *bits)?;
    Ok(stream::begin(CtrStream { ctr, bits: *bits }, direction))
}

struct CtrStream {
    ctr: Ctr,
    bits: u32,
}

/// The state is as many zeros as bytes of the counter block's key stream are used up.
impl Resumable for CtrStream {
    fn save(&self, _params: &Params) -> Option<Saved> {
        let (counter, used) = self.ctr.position()?;
        let bits = self.bits;
        Some(Saved::new(
            Params::Ctr { counter, bits },
            &[0; BLOCK][..used],
        ))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let mut used = Zeroizing::new([0; BLOCK]);
        Ok(self.ctr.update(state, used.as_mut_slice())?)
    }
}

impl Stream for CtrStream {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        self.ctr.update(input, out)
    }
}
