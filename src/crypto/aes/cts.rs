//! CBC with ciphertext stealing as CBC-CS1 (NIST SP 800-38A addendum): the blocks are in their order.

use zeroize::Zeroizing;

use super::{BLOCK, Cbc, Direction, Key};
use crate::crypto::{Error, Result};

impl Key {
    /// A message of at least one block, into the start of `out`. `Error::InputLength` for a shorter one, or a
    /// shorter `out`.
    pub(crate) fn cts(
        &self,
        direction: Direction,
        iv: [u8; BLOCK],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        if input.len() < BLOCK {
            return Err(Error::InputLength);
        }
        let mut cbc = Cbc::new(self, direction, iv);
        match (input.len() % BLOCK, direction) {
            (0, _) => cbc.update(input, out),
            (rest, Direction::Encrypt) => steal(&mut cbc, rest, input, out),
            (rest, Direction::Decrypt) => self.give_back(&mut cbc, rest, input, out),
        }
    }

    /// The last block decrypts to the last `rest` bytes, combined with as many bytes of the block before it,
    /// and to the bytes that are missing there.
    fn give_back(&self, cbc: &mut Cbc, rest: usize, sealed: &[u8], out: &mut [u8]) -> Result<()> {
        let (before, last) = sealed.split_at(sealed.len() - BLOCK);
        let mut opened = Zeroizing::new([0; BLOCK]);
        self.ecb(Direction::Decrypt, last, opened.as_mut_slice())?;
        let (whole, stolen) = before.split_at(before.len() - rest);
        let mut block = *opened;
        block[..rest].copy_from_slice(stolen);
        let (head, tail) = out.split_at_mut(out.len() - rest);
        let (first, second) = head.split_at_mut(whole.len());
        cbc.update(whole, first)?;
        cbc.update(&block, second)?;
        for (to, (a, b)) in tail.iter_mut().zip(opened.iter().zip(stolen)) {
            *to = a ^ b;
        }
        Ok(())
    }
}

/// The last bytes, filled up with zeros, are a block; of the ciphertext block before theirs so many bytes are
/// left out as were missing: the last block is written over them.
fn steal(cbc: &mut Cbc, rest: usize, text: &[u8], out: &mut [u8]) -> Result<()> {
    let (whole, end) = text.split_at(text.len() - rest);
    let mut filled = Zeroizing::new([0; BLOCK]);
    filled[..rest].copy_from_slice(end);
    cbc.update(whole, out)?;
    cbc.update(filled.as_slice(), &mut out[text.len() - BLOCK..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    #[test]
    fn known_answers() {
        for record in records(include_str!("../../../tests/vectors/aes_cts.rsp")) {
            let key = Key::new(&record["key"]).unwrap();
            let iv = record["iv"].as_slice().try_into().unwrap();
            for (direction, from, to) in [
                (Direction::Encrypt, "plaintext", "ciphertext"),
                (Direction::Decrypt, "ciphertext", "plaintext"),
            ] {
                let mut out = vec![0; record[from].len()];
                key.cts(direction, iv, &record[from], &mut out).unwrap();
                assert_eq!(out, record[to]);
            }
        }
    }

    #[test]
    fn messages_of_every_length_come_back() {
        let key = Key::new(&[7; 24]).unwrap();
        let text: Vec<u8> = (0..100).collect();
        for len in 0..text.len() {
            let mut sealed = vec![0; len];
            let done = key.cts(Direction::Encrypt, [9; BLOCK], &text[..len], &mut sealed);
            let mut opened = vec![0; len];
            let back = key.cts(Direction::Decrypt, [9; BLOCK], &sealed, &mut opened);
            if len < BLOCK {
                assert_eq!(
                    (done, back),
                    (Err(Error::InputLength), Err(Error::InputLength))
                );
            } else {
                assert_eq!(opened, text[..len]);
            }
        }
    }
}
