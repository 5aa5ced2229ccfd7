//! The file of one share of a key, as `split` writes it for a custodian.

use tenon_pkcs11::api::crypto::shares::{Sharing, check_value};
use zeroize::Zeroizing;

use crate::Result;
use crate::base64;
use crate::output::{hex, unhex};

/// The first line of a share's file.
const TITLE: &str = "tenon share 1";

/// One share of a key.
pub(crate) struct ShareFile {
    pub(super) number: u8,
    pub(super) sharing: Sharing,
    /// The check value of the whole key.
    pub(super) of_key: [u8; 8],
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl ShareFile {
    /// The share that a file holds; `None` for a file that is none.
    pub(super) fn read(file: &[u8]) -> Option<Result<Self>> {
        let text = str::from_utf8(file).ok()?;
        let (title, fields) = text.split_once('\n')?;
        (title.trim() == TITLE).then(|| Self::parse(fields))
    }

    fn parse(fields: &str) -> Result<Self> {
        let field = |name: &str| {
            let lines = fields.lines().filter_map(|line| line.split_once(':'));
            let mut named = lines.filter(|(of, _)| of.trim() == name);
            let value = named.next().map(|(_, value)| value.trim());
            value.ok_or_else(|| format!("the share's file has no line {name:?}"))
        };
        let number = |name: &str| -> Result<u8> { Ok(field(name)?.parse()?) };
        let sharing = Sharing::new(number("needed")?, number("of")?)?;
        let value = base64::decode(field("value")?.as_bytes());
        let share = Self {
            number: number("share")?,
            sharing,
            of_key: unhex(field("check value of the key")?)?
                .try_into()
                .map_err(|_| "a check value has 8 bytes")?,
            value: value.ok_or("the share's value is not Base64")?,
        };
        let known = field("check value of the share")?;
        if !(1..=sharing.of()).contains(&share.number) || share.check_value() != known {
            return Err(
                "the share's file is damaged: its value does not have the check value that it names"
                    .into(),
            );
        }
        Ok(share)
    }

    /// The check value of this share.
    pub(super) fn check_value(&self) -> String {
        hex(&check_value(&self.value))
    }

    pub(super) fn write(&self) -> Zeroizing<String> {
        let value = Zeroizing::new(base64::encode(&self.value));
        Zeroizing::new(format!(
            "{TITLE}\nshare: {}\nneeded: {}\nof: {}\ncheck value of the key: {}\ncheck value of the share: {}\nvalue: {}\n",
            self.number,
            self.sharing.needed(),
            self.sharing.of(),
            hex(&self.of_key),
            self.check_value(),
            *value
        ))
    }
}

/// K/N: how many shares make the key, and how many there are.
pub(super) fn sharing(text: &str) -> std::result::Result<Sharing, String> {
    let parts = text.split_once('/');
    let numbers = parts.and_then(|(needed, of)| Some((needed.parse().ok()?, of.parse().ok()?)));
    let (needed, of) = numbers.ok_or("say K/N: how many shares make the key, of how many")?;
    Sharing::new(needed, of).map_err(|error| error.to_string())
}

/// A check value of 16 hexadecimal digits.
pub(super) fn check_value_of(text: &str) -> std::result::Result<[u8; 8], String> {
    let bytes = unhex(text)?;
    bytes
        .try_into()
        .map_err(|_| "a check value has 16 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> ShareFile {
        ShareFile {
            number: 2,
            sharing: Sharing::new(2, 3).unwrap(),
            of_key: [7; 8],
            value: Zeroizing::new(vec![0xF0; 32]),
        }
    }

    #[test]
    fn a_share_is_read_as_it_was_written() {
        let written = share().write();
        let read = ShareFile::read(written.as_bytes()).unwrap().unwrap();
        assert_eq!((read.number, read.sharing), (2, share().sharing));
        assert_eq!((&*read.value, read.of_key), (&vec![0xF0; 32], [7; 8]));
        let with_crlf = written.replace('\n', "\r\n");
        assert!(ShareFile::read(with_crlf.as_bytes()).unwrap().is_ok());
        assert!(ShareFile::read(b"\xF0\n").is_none());
        assert!(ShareFile::read(b"another text\nshare: 1\n").is_none());
    }

    #[test]
    fn a_damaged_share_is_refused() {
        let written = share().write();
        for (from, to) in [
            ("value: 8P", "value: 8Q"),
            ("value: 8P", "value: *P"),
            ("share: 2", "share: 4"),
            ("needed: 2", "needed: 1"),
            ("needed: 2\n", ""),
        ] {
            let damaged = written.replace(from, to);
            assert_ne!(damaged, *written);
            assert!(
                ShareFile::read(damaged.as_bytes()).unwrap().is_err(),
                "{to}"
            );
        }
    }
}
