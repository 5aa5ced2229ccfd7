//! Modes of whole blocks, ECB and CBC, with and without PKCS padding, whatever the cipher.

use zeroize::{Zeroize, Zeroizing};

use super::op::Resumable;
use super::saved::{Saved, unusable};
use super::{Cipher, Params, bad_param, no_params};
use crate::crypto::aes::Direction;
use crate::crypto::block_cipher::{BlockKey, Chain};
use crate::crypto::{self, padding};
use crate::error::Result;

/// An initialization vector as long as a block of `N` bytes.
pub(super) fn iv<const N: usize>(params: &Params) -> Result<[u8; N]> {
    let Params::Iv(iv) = params else {
        return bad_param("the mode takes an initialization vector");
    };
    as_block(iv)
}

/// An initialization vector out of a parameter, as long as a block of `N` bytes.
pub(super) fn as_block<const N: usize>(iv: &[u8]) -> Result<[u8; N]> {
    match iv.try_into() {
        Ok(iv) => Ok(iv),
        Err(_) => bad_param("the initialization vector is as long as a block"),
    }
}

/// A mode of whole blocks, with its key.
trait BlockMode<const N: usize>: Send {
    /// Takes whole blocks and writes as many to the start of `out`.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()>;

    /// The mechanism's parameter with which another message goes on behind these blocks.
    fn params(&self) -> Params;

    /// As `Resumable::rest`.
    fn rest(&mut self) -> bool;

    /// As `Resumable::begin_again`.
    fn begin_again(&mut self, params: &Params) -> Result<()>;
}

struct Ecb<K> {
    key: K,
    direction: Direction,
}

struct Cbc<C>(C);

impl<K: BlockKey<N>, const N: usize> BlockMode<N> for Ecb<K> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        self.key.ecb(self.direction, input, out)
    }

    fn params(&self) -> Params {
        Params::None
    }

    fn rest(&mut self) -> bool {
        true
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        no_params(params)
    }
}

impl<C: Chain<N>, const N: usize> BlockMode<N> for Cbc<C> {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        self.0.update(input, out)
    }

    fn params(&self) -> Params {
        Params::Iv(self.0.iv()[..].into())
    }

    fn rest(&mut self) -> bool {
        self.0.begin_again([0; N])
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        match self.0.begin_again(iv(params)?) {
            true => Ok(()),
            false => Err(unusable()),
        }
    }
}

/// Begins a message in ECB mode.
pub(super) fn ecb<K: BlockKey<N> + 'static, const N: usize>(
    key: &K,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    let key = key.clone();
    Ok(begin::<_, N>(
        direction,
        Padding::None,
        Ecb { key, direction },
    ))
}

/// Begins a message in CBC mode.
pub(super) fn cbc<K: BlockKey<N>, const N: usize>(
    key: &K,
    params: &Params,
    direction: Direction,
    padding: Padding,
) -> Result<Box<dyn Cipher>>
where
    K::Chain: 'static,
{
    let chain = key.cbc(direction, iv(params)?)?;
    Ok(begin::<_, N>(direction, padding, Cbc(chain)))
}

fn begin<M, const N: usize>(direction: Direction, padding: Padding, mode: M) -> Box<dyn Cipher>
where
    M: BlockMode<N> + 'static,
{
    Box::new(Blocks {
        mode,
        direction,
        padding,
        held: Zeroizing::new([0; N]),
        held_len: 0,
    })
}

/// What becomes of a message that does not end with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// The message is refused.
    None,
    /// Every message is padded (PKCS#7).
    Pkcs,
}

/// A message in progress. Holds the bytes that do not fill a block yet; while decrypting with
/// padding, also the last whole block, because it may be the padded one.
struct Blocks<M, const N: usize> {
    mode: M,
    direction: Direction,
    padding: Padding,
    held: Zeroizing<[u8; N]>,
    held_len: usize,
}

impl<M: BlockMode<N>, const N: usize> Blocks<M, N> {
    /// Number of bytes, in whole blocks, that come out when `input` more bytes come in.
    fn ready(&self, input: usize) -> usize {
        let total = self.held_len.saturating_add(input);
        let known = match (self.direction, self.padding) {
            (Direction::Decrypt, Padding::Pkcs) => total.saturating_sub(1),
            _ => total,
        };
        known / N * N
    }

    fn hold(&mut self, rest: &[u8]) {
        self.held[self.held_len..][..rest.len()].copy_from_slice(rest);
        self.held_len += rest.len();
    }

    fn run_held(&mut self, out: &mut [u8]) -> Result<()> {
        let held = self.held.clone();
        self.held_len = 0;
        Ok(self.mode.run(held.as_slice(), out)?)
    }

    /// Refuses a message of `len` bytes that must end with a block and does not.
    fn judge_len(&self, len: usize) -> Result<()> {
        let whole = len.is_multiple_of(N);
        match (self.direction, self.padding) {
            (Direction::Encrypt, Padding::Pkcs) => Ok(()),
            (Direction::Encrypt, Padding::None) if !whole => Err(crypto::Error::InputLength.into()),
            (Direction::Decrypt, Padding::None) if !whole => {
                Err(crypto::Error::CiphertextLength.into())
            }
            (Direction::Decrypt, Padding::Pkcs) if !whole || len == 0 => {
                Err(crypto::Error::CiphertextLength.into())
            }
            _ => Ok(()),
        }
    }
}

impl<M: BlockMode<N>, const N: usize> Resumable for Blocks<M, N> {
    fn save(&self, _params: &Params) -> Option<Saved> {
        Some(Saved::new(self.mode.params(), &self.held[..self.held_len]))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        if state.len() > N {
            return Err(unusable());
        }
        self.hold(state);
        Ok(())
    }

    fn rest(&mut self) -> bool {
        self.held.zeroize();
        self.held_len = 0;
        self.mode.rest()
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        self.mode.begin_again(params)
    }
}

impl<M: BlockMode<N>, const N: usize> Cipher for Blocks<M, N> {
    fn update_bound(&self, input: usize) -> usize {
        self.ready(input)
    }

    fn finish_bound(&self) -> usize {
        match (self.direction, self.padding) {
            (_, Padding::None) => 0,
            (Direction::Encrypt, Padding::Pkcs) => N,
            (Direction::Decrypt, Padding::Pkcs) => N - 1,
        }
    }

    fn exact(&self) -> bool {
        self.direction == Direction::Encrypt || self.padding == Padding::None
    }

    fn update(&mut self, mut input: &[u8], out: &mut [u8]) -> Result<usize> {
        let ready = self.ready(input.len());
        if ready == 0 {
            self.hold(input);
            return Ok(0);
        }
        let mut out = &mut out[..ready];
        if self.held_len > 0 {
            let (fill, rest) = input.split_at(N - self.held_len);
            let (first, others) = out.split_at_mut(N);
            self.hold(fill);
            self.run_held(first)?;
            (input, out) = (rest, others);
        }
        let (whole, rest) = input.split_at(out.len());
        self.mode.run(whole, out)?;
        self.hold(rest);
        Ok(ready)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.judge_len(self.held_len)?;
        match (self.direction, self.padding) {
            (_, Padding::None) => Ok(0),
            (Direction::Encrypt, Padding::Pkcs) => {
                padding::pad(&mut *self.held, self.held_len);
                self.run_held(&mut out[..N])?;
                Ok(N)
            }
            (Direction::Decrypt, Padding::Pkcs) => {
                let mut last = Zeroizing::new([0; N]);
                self.run_held(last.as_mut_slice())?;
                let len = padding::unpad(&*last)?;
                out[..len].copy_from_slice(&last[..len]);
                Ok(len)
            }
        }
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.judge_len(input.len())?;
        let written = self.update(input, out)?;
        let (done, rest) = out.split_at_mut(written);
        match self.finish(rest) {
            Ok(last) => Ok(written + last),
            Err(error) => {
                // No part of a message with wrong padding may come out.
                done.fill(0);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ck;
    use crate::mechanism::{Key, find};
    use crate::secret::Secret;

    fn encrypted(
        id: ck::CK_MECHANISM_TYPE,
        key: &Arc<Key>,
        params: &Params,
        data: &[u8],
    ) -> Vec<u8> {
        let mut cipher = find(id).unwrap().encrypt.unwrap()(key, params).unwrap();
        let mut sealed = vec![0; data.len()];
        cipher.one_shot(data, &mut sealed).unwrap();
        sealed
    }

    /// FIPS 113: a MAC is the first half of CBC's last block, a general one as many bytes of it as were asked for.
    pub(crate) fn macs_are_of_cbc(
        key: &Arc<Key>,
        block: usize,
        cbc: ck::CK_MECHANISM_TYPE,
        macs: [(ck::CK_MECHANISM_TYPE, Params, usize); 2],
    ) {
        let message: Vec<u8> = (0_u8..).take(block * 5 / 2).collect();
        let mut padded = message.clone();
        padded.resize(block * 3, 0);
        let sealed = encrypted(cbc, key, &Params::Iv(vec![0; block].into()), &padded);
        for (id, params, len) in macs {
            let mut mac = find(id).unwrap().sign.unwrap()(key, &params).unwrap();
            mac.update(&message).unwrap();
            let mut out = vec![0; block];
            assert_eq!(mac.finish(&mut out).unwrap(), len);
            assert_eq!(out[..len], sealed[block * 2..][..len]);
        }
    }

    /// What `*_ENCRYPT_DATA` derives is the ciphertext of its data, by ECB and by CBC, or the beginning of it.
    pub(crate) fn ciphertexts_are_keys(
        key: &Arc<Key>,
        block: usize,
        [(by_ecb, ecb), (by_cbc, cbc)]: [(ck::CK_MECHANISM_TYPE, ck::CK_MECHANISM_TYPE); 2],
    ) {
        let data: Vec<u8> = (0..32).collect();
        let iv = vec![3; block];
        let ecb = encrypted(ecb, key, &Params::None, &data);
        let cbc = encrypted(cbc, key, &Params::Iv(iv[..].into()), &data);
        let data = || Secret::copy(&data);
        for (id, params, sealed) in [
            (by_ecb, Params::Data(data()), ecb),
            (by_cbc, Params::CbcData { iv, data: data() }, cbc),
        ] {
            let derive = |len| find(id).unwrap().derive.unwrap()(key, &params, &[], len);
            assert_eq!(*derive(None).unwrap(), sealed);
            assert_eq!(*derive(Some(24)).unwrap(), sealed[..24]);
            let refused = derive(Some(33)).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
