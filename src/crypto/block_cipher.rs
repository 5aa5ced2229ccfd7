//! What the block ciphers have in common: the modes ECB and CBC (NIST SP 800-38A sections 6.1 and 6.2).

use super::aes::Direction;
use super::{Error, Result};

/// A key of a cipher with blocks of `N` bytes. A clone is cheap.
pub(crate) trait BlockKey<const N: usize>: Clone + Send {
    type Chain: Chain<N>;
    /// What the first bit of a subkey of CMAC becomes when it is doubled (NIST SP 800-38B section 5.3).
    const CARRY: u8;

    /// Whole blocks into the start of `out`. `Error::InputLength` when `input` is not a multiple of the block or longer
    /// than `out`.
    fn ecb(&self, direction: Direction, input: &[u8], out: &mut [u8]) -> Result<()>;

    /// A message in CBC mode, without padding.
    fn cbc(&self, direction: Direction, iv: [u8; N]) -> Result<Self::Chain>;
}

/// A message in CBC mode in progress.
pub(crate) trait Chain<const N: usize>: Send {
    /// Takes whole blocks, as `BlockKey::ecb`.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()>;

    /// What the next block is chained to: the last ciphertext block, before it the initialization vector.
    fn iv(&self) -> [u8; N];

    /// Begins another message under the same key. False where the chain cannot do so, and is to be made anew.
    fn begin_again(&mut self, _iv: [u8; N]) -> bool {
        false
    }
}

/// The part of `out` that whole blocks of `input` fill.
pub(super) fn output<'a, const N: usize>(input: &[u8], out: &'a mut [u8]) -> Result<&'a mut [u8]> {
    if !input.len().is_multiple_of(N) {
        return Err(Error::InputLength);
    }
    out.get_mut(..input.len()).ok_or(Error::InputLength)
}

/// The traits of a cipher whose key and chain have methods of these names; `$begin` makes a chain.
macro_rules! block_cipher {
    ($key:ty, $chain:ty, $block:expr, $carry:literal, $begin:expr) => {
        impl $crate::crypto::block_cipher::BlockKey<{ $block }> for $key {
            type Chain = $chain;
            const CARRY: u8 = $carry;

            fn ecb(
                &self,
                direction: $crate::crypto::aes::Direction,
                input: &[u8],
                out: &mut [u8],
            ) -> $crate::crypto::Result<()> {
                self.ecb(direction, input, out)
            }

            fn cbc(
                &self,
                direction: $crate::crypto::aes::Direction,
                iv: [u8; $block],
            ) -> $crate::crypto::Result<$chain> {
                $begin(self, direction, iv)
            }
        }

        impl $crate::crypto::block_cipher::Chain<{ $block }> for $chain {
            fn update(&mut self, input: &[u8], out: &mut [u8]) -> $crate::crypto::Result<()> {
                self.update(input, out)
            }

            fn iv(&self) -> [u8; $block] {
                self.iv()
            }

            fn begin_again(&mut self, iv: [u8; $block]) -> bool {
                self.begin_again(iv)
            }
        }
    };
}
pub(crate) use block_cipher;
