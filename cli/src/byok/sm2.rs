//! SM2 ciphertexts in DER: SM2Cipher of GM/T 0009-2012 section 7.2.

use der::asn1::{OctetStringRef, UintRef};
use der::{Encode, Sequence};

use crate::Result;

/// Bytes of a coordinate and of C3.
const LEN: usize = 32;

#[derive(Sequence)]
struct Sm2Cipher<'a> {
    x: UintRef<'a>,
    y: UintRef<'a>,
    c3: &'a OctetStringRef,
    c2: &'a OctetStringRef,
}

/// A raw ciphertext, 04 ‖ x ‖ y ‖ C3 ‖ C2, in DER.
pub(super) fn to_der(raw: &[u8]) -> Result<Vec<u8>> {
    let parts = raw.strip_prefix(&[0x04]).and_then(|rest| {
        let (x, rest) = rest.split_at_checked(LEN)?;
        let (y, rest) = rest.split_at_checked(LEN)?;
        let (c3, c2) = rest.split_at_checked(LEN)?;
        Some((x, y, c3, c2))
    });
    let (x, y, c3, c2) = parts.ok_or("not an SM2 ciphertext")?;
    let cipher = Sm2Cipher {
        x: UintRef::new(x)?,
        y: UintRef::new(y)?,
        c3: OctetStringRef::new(c3)?,
        c2: OctetStringRef::new(c2)?,
    };
    Ok(cipher.to_der()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_short_as_der_wants_them() {
        let (mut x, mut y) = ([0x7F; LEN], [0x80; LEN]);
        x[0] = 0;
        y[31] = 1;
        let raw = [&[0x04][..], &x, &y, &[3; LEN], &[2; 16]].concat();
        let expected = [
            &[0x30, 0x78, 0x02, 31][..],
            &x[1..],
            &[0x02, 33, 0],
            &y,
            &[0x04, 32],
            &[3; LEN],
            &[0x04, 16],
            &[2; 16],
        ]
        .concat();
        assert_eq!(to_der(&raw).unwrap(), expected);
        for bad in [&raw[1..], &raw[..96], &[]] {
            assert!(to_der(bad).is_err());
        }
    }
}
