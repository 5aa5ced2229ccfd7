//! Object files of SoftHSM 2: numbers of 8 bytes, big-endian, and attributes until the file ends.
//!
//! ```text
//! file      = number(generation) attribute*
//! attribute = number(CKA_) number(tag) value
//! value     = 1: one byte, not 0 for true | 2: number | 3: number(length) byte*
//!           | 4: number(length in bytes) attribute*   | 5: number(count) number*
//! ```

use tenon_pkcs11::api::ck;

use super::super::source::{self, Attributes};

const BOOLEAN: u64 = 1;
const NUMBER: u64 = 2;
const BYTES: u64 = 3;
const TEMPLATE: u64 = 4;
const NUMBERS: u64 = 5;

/// The attributes in a file; `None` where it ends early or has an unknown tag.
pub(super) fn attributes(file: &[u8]) -> Option<Attributes> {
    let mut reader = Reader(file);
    reader.number()?;
    reader.attributes(true)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let bytes = self.take(8)?;
        bytes.try_into().ok().map(u64::from_be_bytes)
    }

    /// The attributes up to the end. A template has no templates in it.
    fn attributes(&mut self, with_templates: bool) -> Option<Attributes> {
        let mut all = Attributes::new();
        while !self.0.is_empty() {
            let kind: ck::CK_ATTRIBUTE_TYPE = self.number()?;
            let value = match self.number()? {
                BOOLEAN => source::flag(self.take(1)? != [0]),
                NUMBER => source::number(self.number()?),
                BYTES => {
                    let len = self.number()?;
                    source::bytes(self.take(len)?)
                }
                TEMPLATE if with_templates => {
                    let len = self.number()?;
                    source::template(Reader(self.take(len)?).attributes(false)?)
                }
                NUMBERS => {
                    let count = self.number()?;
                    let bytes = self.take(count.checked_mul(8)?)?;
                    let numbers: Vec<_> = bytes
                        .as_chunks()
                        .0
                        .iter()
                        .map(|number| u64::from_be_bytes(*number))
                        .collect();
                    source::numbers(&numbers)
                }
                _ => return None,
            };
            all.insert(kind, value);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenon_pkcs11::api::attr::RawValue;

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn number(value: u64) -> [u8; 8] {
        value.to_be_bytes()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let nested = file(&[&number(2), &number(1), &[0xFF]]);
        let bytes = file(&[
            &number(7),
            &number(1),
            &number(1),
            &[0xFF],
            &number(0),
            &number(2),
            &number(3),
            &number(3),
            &number(3),
            &number(2),
            b"ab",
            &number(0x4000_0211),
            &number(4),
            &number(nested.len() as u64),
            &nested,
            &number(0x4000_0600),
            &number(5),
            &number(1),
            &number(64),
        ]);
        let all = attributes(&bytes).unwrap();
        let read = |kind| match &all[&kind] {
            RawValue::Bytes(bytes) => bytes.to_vec(),
            RawValue::Template(entries) => vec![u8::try_from(entries.len()).unwrap()],
        };
        assert_eq!(read(1), [1]);
        assert_eq!(read(0), 3_u64.to_ne_bytes());
        assert_eq!(read(3), b"ab");
        assert_eq!(read(0x4000_0211), [1]);
        assert_eq!(read(0x4000_0600), 64_u64.to_ne_bytes());
        let cut = (9..bytes.len()).filter(|len| attributes(&bytes[..*len]).is_some());
        // Where an attribute ends, so does a shorter file.
        assert_eq!(
            cut.collect::<Vec<_>>(),
            [25, 49, 75, 75 + 24 + nested.len()]
        );
    }

    #[test]
    fn what_softhsm_does_not_write_is_refused() {
        for bad in [
            file(&[&number(7), &number(1), &number(6), &[0]]),
            file(&[&number(7), &number(1), &number(3), &number(u64::MAX)]),
            file(&[&number(7), &number(1), &number(5), &number(u64::MAX / 4)]),
            vec![],
        ] {
            assert!(attributes(&bad).is_none());
        }
    }
}
