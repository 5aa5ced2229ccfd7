//! Points of edwards25519.

use std::cmp::Ordering;

use crate::crypto::Result;
use crate::crypto::sys::bn::Bn;
use crate::crypto::sys::curve25519::KEY_LEN;

/// 2^255 - 19, the field's prime.
const P: [u8; KEY_LEN] = {
    let mut prime = [0xFF; KEY_LEN];
    (prime[0], prime[KEY_LEN - 1]) = (0x7F, 0xED);
    prime
};
/// The curve's constant d (RFC 8032 section 5.1).
const D: [u8; KEY_LEN] = [
    0x52, 0x03, 0x6C, 0xEE, 0x2B, 0x6F, 0xFE, 0x73, 0x8C, 0xC7, 0x40, 0x79, 0x77, 0x79, 0xE8, 0x98,
    0x00, 0x70, 0x0A, 0x4D, 0x41, 0x41, 0xD8, 0xAB, 0x75, 0xEB, 0x4D, 0xCA, 0x13, 0x59, 0x78, 0xA3,
];

/// Whether these bytes are a point: the decoding of RFC 8032 section 5.1.3 without the x coordinate. The time
/// depends on the bytes, which are public.
pub(super) fn decodes_vartime(bytes: &[u8; KEY_LEN]) -> Result<bool> {
    let mut y = *bytes;
    y.reverse();
    let x_is_odd = y[0] & 0x80 != 0;
    y[0] &= 0x7F;
    let (p, d, y) = (
        Bn::from_bytes(&P)?,
        Bn::from_bytes(&D)?,
        Bn::from_bytes(&y)?,
    );
    if y.cmp(&p) != Ordering::Less {
        return Ok(false);
    }
    let square = y.times(&y)?.modulo_vartime(&p)?;
    // x² = u/v, and u/v has a root where uv has one.
    let u = square.plus(&p)?.minus(1)?.modulo_vartime(&p)?;
    let v = square.times(&d)?.plus(&Bn::from_bytes(&[1])?)?;
    let uv = u.times(&v)?.modulo_vartime(&p)?;
    if uv.is_zero() {
        return Ok(!x_is_odd);
    }
    let euler = p.minus(1)?.shifted_right(1)?;
    Ok(uv.power(&euler, &p)?.is_one())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::okp::{Curve, generate};

    /// Of the small y, those that an independent computation found to be on the curve.
    #[test]
    fn some_bytes_are_points_and_some_are_not() {
        for (y, on_curve) in [
            (0, true),
            (1, true),
            (2, false),
            (3, true),
            (4, true),
            (5, true),
            (6, true),
            (7, false),
            (8, false),
            (9, true),
            (10, true),
            (11, false),
            (12, false),
        ] {
            let mut bytes = [0; KEY_LEN];
            bytes[0] = y;
            assert_eq!(decodes_vartime(&bytes), Ok(on_curve), "{y}");
        }
        for _ in 0..20 {
            let public = generate(Curve::Ed25519).unwrap().public;
            assert_eq!(decodes_vartime(&public[..].try_into().unwrap()), Ok(true));
        }
        let mut prime = P;
        prime.reverse();
        assert_eq!(decodes_vartime(&prime), Ok(false), "0, written as p");
        let mut identity = [0; KEY_LEN];
        identity[0] = 1;
        assert_eq!(decodes_vartime(&identity), Ok(true));
        identity[KEY_LEN - 1] = 0x80;
        assert_eq!(decodes_vartime(&identity), Ok(false), "x = 0 has no sign");
    }
}
