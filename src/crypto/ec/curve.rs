//! ONE table of curves.

use crate::crypto::encoding::octet_string;
use crate::crypto::sys::ec::Group;
use crate::crypto::{Error, Result};

/// A named curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// secp224r1.
    P224,
    /// secp256r1, prime256v1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
    /// secp256k1.
    Secp256k1,
    /// brainpoolP224r1.
    Brainpool224,
    /// brainpoolP256r1.
    Brainpool256,
    /// brainpoolP320r1.
    Brainpool320,
    /// brainpoolP384r1.
    Brainpool384,
    /// brainpoolP512r1.
    Brainpool512,
    /// sm2p256v1, on which SM2 alone signs and encrypts.
    Sm2,
}

#[derive(Clone, Copy)]
pub(super) enum Implementation {
    AwsLc(Group),
    /// The crate k256, for ECDSA and ECDH on secp256k1. aws-lc generates the keys.
    K256,
    /// The crate sm2, for SM2's own algorithms on SM2's own curve.
    Sm2,
}

struct CurveRow {
    curve: Curve,
    /// CKA_EC_PARAMS: DER of the object identifier.
    params: &'static [u8],
    /// Names that CKA_EC_PARAMS may hold instead, as a PrintableString. The first is the curve's
    /// name.
    names: &'static [&'static str],
    /// Bits of the field.
    bits: usize,
    /// Bytes of the order.
    order_len: usize,
    engine: Implementation,
}

/// DER of a brainpool curve's object identifier, which ends in `arc` (RFC 5639 section 4.1).
const fn brainpool(arc: u8) -> [u8; 11] {
    [
        0x06, 0x09, 0x2B, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, arc,
    ]
}

static ROWS: [CurveRow; 11] = [
    CurveRow {
        curve: Curve::P224,
        // 1.3.132.0.33
        params: &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x21],
        names: &["secp224r1", "P-224"],
        bits: 224,
        order_len: 28,
        engine: Implementation::AwsLc(Group::P224),
    },
    CurveRow {
        curve: Curve::P256,
        // 1.2.840.10045.3.1.7
        params: &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
        names: &["secp256r1", "prime256v1", "P-256"],
        bits: 256,
        order_len: 32,
        engine: Implementation::AwsLc(Group::P256),
    },
    CurveRow {
        curve: Curve::P384,
        // 1.3.132.0.34
        params: &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
        names: &["secp384r1", "P-384"],
        bits: 384,
        order_len: 48,
        engine: Implementation::AwsLc(Group::P384),
    },
    CurveRow {
        curve: Curve::P521,
        // 1.3.132.0.35
        params: &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23],
        names: &["secp521r1", "P-521"],
        bits: 521,
        order_len: 66,
        engine: Implementation::AwsLc(Group::P521),
    },
    CurveRow {
        curve: Curve::Secp256k1,
        // 1.3.132.0.10
        params: &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A],
        names: &["secp256k1"],
        bits: 256,
        order_len: 32,
        engine: Implementation::K256,
    },
    CurveRow {
        curve: Curve::Brainpool224,
        // 1.3.36.3.3.2.8.1.1.5
        params: &brainpool(0x05),
        names: &["brainpoolP224r1"],
        bits: 224,
        order_len: 28,
        engine: Implementation::AwsLc(Group::BRAINPOOL224),
    },
    CurveRow {
        curve: Curve::Brainpool256,
        // 1.3.36.3.3.2.8.1.1.7
        params: &brainpool(0x07),
        names: &["brainpoolP256r1"],
        bits: 256,
        order_len: 32,
        engine: Implementation::AwsLc(Group::BRAINPOOL256),
    },
    CurveRow {
        curve: Curve::Brainpool320,
        // 1.3.36.3.3.2.8.1.1.9
        params: &brainpool(0x09),
        names: &["brainpoolP320r1"],
        bits: 320,
        order_len: 40,
        engine: Implementation::AwsLc(Group::BRAINPOOL320),
    },
    CurveRow {
        curve: Curve::Brainpool384,
        // 1.3.36.3.3.2.8.1.1.11
        params: &brainpool(0x0B),
        names: &["brainpoolP384r1"],
        bits: 384,
        order_len: 48,
        engine: Implementation::AwsLc(Group::BRAINPOOL384),
    },
    CurveRow {
        curve: Curve::Brainpool512,
        // 1.3.36.3.3.2.8.1.1.13
        params: &brainpool(0x0D),
        names: &["brainpoolP512r1"],
        bits: 512,
        order_len: 64,
        engine: Implementation::AwsLc(Group::BRAINPOOL512),
    },
    CurveRow {
        curve: Curve::Sm2,
        // 1.2.156.10197.1.301
        params: &[0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D],
        names: &["sm2p256v1", "SM2"],
        bits: 256,
        order_len: 32,
        engine: Implementation::Sm2,
    },
];

/// Tags that CKA_EC_PARAMS may begin with (PKCS #11 3.2 section 6.3, ANSI X9.62 Parameters).
const TAG_OID: u8 = 0x06;
const TAG_PRINTABLE_STRING: u8 = 0x13;

impl Curve {
    fn row(self) -> &'static CurveRow {
        &ROWS[self as usize]
    }

    /// Its name in SEC 2, or in the standard that defines the curve.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().names[0]
    }

    /// Bits of the field.
    #[must_use]
    pub fn bits(self) -> usize {
        self.row().bits
    }

    /// Bytes of a field element.
    #[must_use]
    pub fn field_len(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// Bytes of a scalar.
    #[must_use]
    pub fn order_len(self) -> usize {
        self.row().order_len
    }

    /// Bytes of an uncompressed point, 04 ‖ X ‖ Y.
    #[must_use]
    pub fn point_len(self) -> usize {
        1 + 2 * self.field_len()
    }

    /// CKA_EC_PARAMS: DER of the object identifier.
    #[must_use]
    pub fn params(self) -> &'static [u8] {
        self.row().params
    }

    /// The point inside the DER OCTET STRING of CKA_EC_POINT; or `value` itself where it is as long
    /// as a bare point, since some clients give that.
    #[must_use]
    pub fn bare_point(self, value: &[u8]) -> &[u8] {
        let bare = [self.point_len(), 1 + self.field_len()].contains(&value.len());
        if bare { value } else { octet_string(value) }
    }

    /// The curves whose field elements have `len` bytes.
    pub(crate) fn of_field(len: usize) -> impl Iterator<Item = Self> {
        let curves = ROWS.iter().map(|row| row.curve);
        curves.filter(move |curve| curve.field_len() == len)
    }

    pub(super) fn engine(self) -> Implementation {
        self.row().engine
    }

    /// The curve that CKA_EC_PARAMS names: DER of an object identifier, or of a PrintableString with
    /// a name. `UnsupportedCurve` for the name of any other curve, `CurveParameters` for explicit
    /// parameters and for what is no encoding of these.
    pub fn from_params(der: &[u8]) -> Result<Self> {
        let name = named(der)?;
        let fits = |row: &&CurveRow| match name {
            Named::Oid => row.params == der,
            Named::Name(name) => row.names.iter().any(|known| known.as_bytes() == name),
        };
        ROWS.iter()
            .find(fits)
            .map(|row| row.curve)
            .ok_or(Error::UnsupportedCurve)
    }
}

pub(in crate::crypto) enum Named<'a> {
    /// An object identifier: the whole value is its DER.
    Oid,
    /// The bytes of a PrintableString.
    Name(&'a [u8]),
}

/// How CKA_EC_PARAMS names a curve; `CurveParameters` where it names none.
pub(in crate::crypto) fn named(der: &[u8]) -> Result<Named<'_>> {
    match der.split_first_chunk() {
        Some((&[tag, len], value)) if usize::from(len) == value.len() => match tag {
            TAG_OID => Ok(Named::Oid),
            TAG_PRINTABLE_STRING => Ok(Named::Name(value)),
            _ => Err(Error::CurveParameters),
        },
        _ => Err(Error::CurveParameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_at_the_place_of_its_curve() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.curve as usize, index);
            assert_eq!(row.curve.row().curve, row.curve);
        }
    }

    /// A bare point may begin like an OCTET STRING: 04 3F, when X begins with 3F.
    #[test]
    fn a_point_is_found_inside_its_octet_string_and_alone() {
        for row in &ROWS {
            let curve = row.curve;
            for len in [curve.point_len(), 1 + curve.field_len()] {
                for second in 0..=u8::MAX {
                    let mut point = vec![7; len];
                    (point[0], point[1]) = (4, second);
                    assert_eq!(curve.bare_point(&point), point);
                    let low = u8::try_from(len).unwrap();
                    let header = match len {
                        0..0x80 => vec![4, low],
                        _ => vec![4, 0x81, low],
                    };
                    let wrapped = [&header[..], &point].concat();
                    assert_eq!(curve.bare_point(&wrapped), point);
                }
            }
        }
    }

    #[test]
    fn parameters_name_a_curve_or_are_refused() {
        for row in &ROWS {
            assert_eq!(Curve::from_params(row.params), Ok(row.curve));
            for name in row.names {
                let len = u8::try_from(name.len()).unwrap();
                let der = [&[TAG_PRINTABLE_STRING, len], name.as_bytes()].concat();
                assert_eq!(Curve::from_params(&der), Ok(row.curve));
            }
            let trailing = [row.params, &[0]].concat();
            assert_eq!(Curve::from_params(&trailing), Err(Error::CurveParameters));
            let cut = &row.params[..row.params.len() - 1];
            assert_eq!(Curve::from_params(cut), Err(Error::CurveParameters));
        }
        // secp192r1, an explicit curve, implicitlyCA, nothing
        let p192 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01];
        assert_eq!(Curve::from_params(&p192), Err(Error::UnsupportedCurve));
        for der in [
            &[0x30, 0x00][..],
            &[0x30, 0x82, 1, 2],
            &[0x05, 0x00],
            &[],
            &[0x06],
        ] {
            assert_eq!(Curve::from_params(der), Err(Error::CurveParameters));
        }
    }
}
