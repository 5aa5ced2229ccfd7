//! HOTP (RFC 4226).

use super::hash::{Hash, Hmac};

/// Fewest and most digits of a password (RFC 4226 section 5.3).
pub(crate) const DIGITS: (usize, usize) = (6, 8);

/// Fills `password` with the digits, in ASCII, that `secret` gives for `counter`: as many of the lowest as it holds.
pub(crate) fn fill(secret: &[u8], counter: u64, password: &mut [u8]) {
    let mut mac = [0; 20];
    let mut hmac = Hmac::new(Hash::Sha1, secret);
    hmac.update(&counter.to_be_bytes());
    hmac.finish_into(&mut mac);
    let offset = usize::from(mac[19] & 0xF);
    let four = mac[offset..].first_chunk().copied().unwrap_or_default();
    let mut number = u32::from_be_bytes(four) & 0x7FFF_FFFF;
    for digit in password.iter_mut().rev() {
        let [.., lowest] = (number % 10).to_be_bytes();
        *digit = b'0' + lowest;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    #[test]
    fn known_answers() {
        for record in records(include_str!("../../tests/vectors/hotp.rsp")) {
            let [counter, number] = ["counter", "truncated"].map(|name| &record[name]);
            let counter = u64::from_be_bytes(counter[..].try_into().unwrap());
            let number = u32::from_be_bytes(number[..].try_into().unwrap());
            for digits in DIGITS.0..=DIGITS.1 {
                let mut password = vec![0; digits];
                fill(&record["key"], counter, &mut password);
                let expected = format!("{number:010}");
                assert_eq!(password, expected.as_bytes()[10 - digits..]);
            }
            assert_eq!(&record["password"][..], &{
                let mut password = [0; 6];
                fill(&record["key"], counter, &mut password);
                password
            });
        }
    }
}
