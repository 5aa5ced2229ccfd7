//! Camellia (RFC 3713), with keys of 16, 24 and 32 bytes.

use camellia::{Camellia128, Camellia192, Camellia256};
use sm4::cipher::typenum::U16;
use sm4::cipher::{
    BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncClosure, BlockCipherEncrypt,
    BlockSizeUser, KeyInit,
};

use super::soft_cipher::{self, SoftCipher};

/// A key with its schedule.
pub(crate) type Key = soft_cipher::Key<Camellia>;

/// The cipher with a key of one of its lengths.
#[derive(Clone)]
pub(crate) enum Camellia {
    Of16(Camellia128),
    Of24(Camellia192),
    Of32(Camellia256),
}

impl SoftCipher for Camellia {
    const NAME: &'static str = "camellia";

    fn schedule(key: &[u8]) -> Option<Self> {
        match key.len() {
            16 => Camellia128::new_from_slice(key).ok().map(Self::Of16),
            24 => Camellia192::new_from_slice(key).ok().map(Self::Of24),
            32 => Camellia256::new_from_slice(key).ok().map(Self::Of32),
            _ => None,
        }
    }
}

impl BlockSizeUser for Camellia {
    type BlockSize = U16;
}

impl BlockCipherEncrypt for Camellia {
    fn encrypt_with_backend(&self, work: impl BlockCipherEncClosure<BlockSize = U16>) {
        match self {
            Self::Of16(cipher) => cipher.encrypt_with_backend(work),
            Self::Of24(cipher) => cipher.encrypt_with_backend(work),
            Self::Of32(cipher) => cipher.encrypt_with_backend(work),
        }
    }
}

impl BlockCipherDecrypt for Camellia {
    fn decrypt_with_backend(&self, work: impl BlockCipherDecClosure<BlockSize = U16>) {
        match self {
            Self::Of16(cipher) => cipher.decrypt_with_backend(work),
            Self::Of24(cipher) => cipher.decrypt_with_backend(work),
            Self::Of32(cipher) => cipher.decrypt_with_backend(work),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Error;
    use crate::crypto::aes::Direction;
    use crate::crypto::soft_cipher::tests::{cbc_known_answers, ecb_known_answers};

    #[test]
    fn known_answers() {
        ecb_known_answers::<Camellia>(include_str!("../../tests/vectors/camellia_ecb.rsp"));
        cbc_known_answers::<Camellia>(include_str!("../../tests/vectors/camellia_cbc.rsp"));
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        for len in [0, 8, 15, 17, 31, 33] {
            assert_eq!(Key::new(&vec![0; len]).err(), Some(Error::KeySize));
        }
        let key = Key::new(&[1; 24]).unwrap();
        for (input, out) in [(20, 32), (32, 16)] {
            let refused = key.ecb(Direction::Encrypt, &vec![0; input], &mut vec![0; out]);
            assert_eq!(refused, Err(Error::InputLength));
        }
    }
}
