//! XTS (PKCS#11 3.2 section 6.15): a message is one data unit.

use super::super::whole::{Whole, gathered, kept};
use super::super::{Cipher, no_params};
use super::{Key, Params, Result, bad_param};
use crate::ck;
use crate::crypto::aes::{BLOCK, Direction, XTS_MAX, Xts};
use crate::error::{Error, refuse};
use crate::rng::{self, Rng};
use crate::secret::Secret;

pub(super) fn begin(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else {
        return bad_param("XTS takes the number of the data unit");
    };
    let Ok(iv) = <[u8; BLOCK]>::try_from(iv.as_slice()) else {
        return bad_param("the number of the data unit has 16 bytes");
    };
    let Some(key) = key.of::<Secret>() else {
        return refuse(ck::CKR_KEY_TYPE_INCONSISTENT, "XTS takes an AES-XTS key");
    };
    Ok(gathered(DataUnit {
        xts: Xts::new(key)?,
        direction,
        iv,
    }))
}

/// Whether a data unit has this length.
pub(super) fn is_unit(_cipher: &dyn Cipher, len: usize) -> bool {
    (BLOCK..=XTS_MAX).contains(&len)
}

/// Two random keys; they are equal with a probability of 2^-128 at most.
pub(super) fn generate(rng: &dyn Rng, params: &Params, len: usize) -> Result<Secret> {
    no_params(params)?;
    if !matches!(len, 32 | 64) {
        let what = "an AES-XTS key has 32 or 64 bytes";
        return Err(Error::new(ck::CKR_ATTRIBUTE_VALUE_INVALID, what).at("CKA_VALUE_LEN"));
    }
    Ok(rng::secret(rng, len))
}

struct DataUnit {
    xts: Xts,
    direction: Direction,
    iv: [u8; BLOCK],
}

impl Whole for DataUnit {
    fn bound(&self, input: usize) -> usize {
        input
    }

    fn most(&self) -> usize {
        XTS_MAX
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let done = self.xts.run(self.direction, &self.iv, input, out);
        kept(done, input.len(), self.direction)
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}
