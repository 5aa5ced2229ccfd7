//! OFB and CFB (NIST SP 800-38A sections 6.3 and 6.4).

use super::{BLOCK, Direction, Feedback, Key};
use crate::crypto::sys::cipher;
use crate::crypto::{Error, Result};

/// A message in progress.
pub(crate) struct FeedbackStream(cipher::Context);

impl FeedbackStream {
    pub(crate) fn new(
        mode: Feedback,
        key: &Key,
        direction: Direction,
        iv: &[u8; BLOCK],
    ) -> Result<Self> {
        let context = cipher::Context::feedback(mode, key.bytes(), direction, iv)?;
        Ok(Self(context))
    }

    /// Takes any number of bytes and writes as many to the start of `out`. `Error::InputLength` when `input`
    /// is longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        self.0.update(input, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    #[test]
    fn known_answers() {
        let mut modes = Vec::new();
        for record in records(include_str!("../../../tests/vectors/aes_feedback.rsp")) {
            let key = Key::new(&record["key"]).unwrap();
            let iv = record["iv"].as_slice().try_into().unwrap();
            let mode = match record["mode"][..] {
                [0] => Feedback::Ofb,
                [1] => Feedback::Cfb1,
                [8] => Feedback::Cfb8,
                _ => Feedback::Cfb128,
            };
            modes.push(mode);
            for (direction, from, to) in [
                (Direction::Encrypt, "plaintext", "ciphertext"),
                (Direction::Decrypt, "ciphertext", "plaintext"),
            ] {
                for first in [0, 1, 5, record[from].len()] {
                    let first = first.min(record[from].len());
                    let mut out = vec![0; record[from].len()];
                    let (head, tail) = record[from].split_at(first);
                    let mut stream = FeedbackStream::new(mode, &key, direction, iv).unwrap();
                    stream.update(head, &mut out[..first]).unwrap();
                    stream.update(tail, &mut out[first..]).unwrap();
                    assert_eq!(out, record[to], "{mode:?}");
                }
            }
        }
        for mode in [
            Feedback::Ofb,
            Feedback::Cfb1,
            Feedback::Cfb8,
            Feedback::Cfb128,
        ] {
            assert!(modes.contains(&mode), "{mode:?}");
        }
    }
}
