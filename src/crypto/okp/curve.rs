//! The two curves, and what CKA_EC_PARAMS and CKA_EC_POINT call them and their points.

use crate::crypto::ec::{Named, named};
use crate::crypto::encoding::octet_string;
use crate::crypto::sys::curve25519::KEY_LEN;
use crate::crypto::{Error, Result};

/// A curve, which also says what a key pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// Signatures, on edwards25519.
    Ed25519,
    /// Key agreement, on curve25519.
    X25519,
}

/// "curve25519" as pkcs11-tool encodes it: a PrintableString whose length is one too great.
const MISCOUNTED: &[u8] = b"\x13\x0Bcurve25519";

/// A curve and the values that CKA_EC_PARAMS may have for it. Of the object identifiers the first
/// is that of RFC 8410, the second that of OpenPGP.
struct CurveRow {
    curve: Curve,
    params: [&'static [u8]; 2],
    names: [&'static str; 2],
}

static ROWS: [CurveRow; 2] = [
    CurveRow {
        curve: Curve::Ed25519,
        params: [
            // 1.3.101.112
            &[0x06, 0x03, 0x2B, 0x65, 0x70],
            // 1.3.6.1.4.1.11591.15.1
            &[
                0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01,
            ],
        ],
        names: ["edwards25519", "Ed25519"],
    },
    CurveRow {
        curve: Curve::X25519,
        params: [
            // 1.3.101.110
            &[0x06, 0x03, 0x2B, 0x65, 0x6E],
            // 1.3.6.1.4.1.3029.1.5.1
            &[
                0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01,
            ],
        ],
        names: ["curve25519", "X25519"],
    },
];

impl Curve {
    /// Bits of the field.
    #[must_use]
    pub fn bits(self) -> usize {
        255
    }

    /// CKA_EC_PARAMS: DER of RFC 8410's object identifier.
    #[must_use]
    pub fn params(self) -> &'static [u8] {
        ROWS[self as usize].params[0]
    }

    /// The curve that CKA_EC_PARAMS names: DER of an object identifier, or of a PrintableString with
    /// a name. Errors as those of `ec::Curve::from_params`.
    pub fn from_params(der: &[u8]) -> Result<Self> {
        if der == MISCOUNTED {
            return Ok(Self::X25519);
        }
        let name = named(der)?;
        let fits = |row: &&CurveRow| match name {
            Named::Oid => row.params.contains(&der),
            Named::Name(name) => row.names.iter().any(|known| known.as_bytes() == name),
        };
        ROWS.iter()
            .find(fits)
            .map(|row| row.curve)
            .ok_or(Error::UnsupportedCurve)
    }
}

/// The bytes in CKA_EC_POINT: bare, as PKCS #11 3.2 has it, or a DER OCTET STRING, as 3.0.
#[must_use]
pub(crate) fn bare_point(value: &[u8]) -> &[u8] {
    match value.len() {
        KEY_LEN => value,
        _ => octet_string(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_name_a_curve_or_are_refused() {
        for row in &ROWS {
            assert_eq!(ROWS[row.curve as usize].curve, row.curve);
            for der in row.params {
                assert_eq!(Curve::from_params(der), Ok(row.curve));
            }
            for name in row.names {
                let der = [&[0x13, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
                assert_eq!(Curve::from_params(&der), Ok(row.curve));
            }
        }
        assert_eq!(Curve::from_params(MISCOUNTED), Ok(Curve::X25519));
        let ed448 = [0x06, 0x03, 0x2B, 0x65, 0x71];
        assert_eq!(Curve::from_params(&ed448), Err(Error::UnsupportedCurve));
        for der in [&[][..], &[0x30, 0], &[0x06, 0x04, 0x2B, 0x65, 0x70]] {
            assert_eq!(Curve::from_params(der), Err(Error::CurveParameters));
        }
    }

    /// Bare bytes may begin like an OCTET STRING: 04 1E.
    #[test]
    fn a_point_is_found_inside_its_octet_string_and_alone() {
        let mut bare = [7; 32];
        (bare[0], bare[1]) = (4, 30);
        assert_eq!(bare_point(&bare), bare);
        assert_eq!(bare_point(&[&[4, 32][..], &bare].concat()), bare);
    }
}
