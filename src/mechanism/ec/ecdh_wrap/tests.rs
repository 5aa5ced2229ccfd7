use super::*;
use crate::crypto::ec::{Curve, EcMaterial};
use crate::crypto::hash::Hash;
use crate::crypto::kdf::SharedKdf;
use crate::crypto::okp::OkpMaterial;
use crate::crypto::vectors::{bytes, list, load, text};

fn params(aes_bits: u64, kdf: Option<Hash>, shared_data: &[u8]) -> Params {
    Params::EcdhAesKeyWrap(EcdhWrap {
        aes_bits,
        kdf: kdf.map(SharedKdf::X963),
        shared_data: shared_data.to_vec(),
    })
}

/// The private and the public key.
fn pair(material: &Material) -> (Key, Key) {
    if let Some(key) = material.of::<EcMaterial>() {
        return (
            Key::new(PrivateKey::new(key).unwrap()),
            Key::new(PublicKey::new(key.curve, &key.point).unwrap()),
        );
    }
    let key: &OkpMaterial = material.of().unwrap();
    (
        Key::new(okp::PrivateKey::new(key).unwrap()),
        Key::new(okp::PublicKey::new(key.curve, &key.public).unwrap()),
    )
}

fn rv<T>(result: Result<T>) -> ck::CK_RV {
    result.err().map_or(ck::CKR_OK, |error| error.rv)
}

#[test]
fn known_answers() {
    for case in list(&load("ec/ecdh_aes_key_wrap.json"), "cases") {
        let (private, public) = pair(&Material::from_pkcs8(&bytes(case, "pkcs8")).unwrap());
        let kdf = case["kdf"].as_str().map(|name| match name {
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            other => panic!("{other}"),
        });
        let bits = case["aes_bits"].as_u64().unwrap();
        let params = params(bits, kdf, &bytes(case, "shared_data"));
        let (clear, blob) = (bytes(case, "clear"), bytes(case, "blob"));
        length(Transport::Bare, &private, &params, blob.len()).unwrap();
        let opened = open(Transport::Bare, &private, &params, &blob).unwrap();
        assert_eq!(&*opened, &clear[..], "{}", text(case, "curve"));
        let made = wrap(Transport::Bare, &public, &params, &clear).unwrap();
        assert_eq!(made.len(), blob.len());
        assert_ne!(made, blob);
        assert_eq!(
            &*open(Transport::Bare, &private, &params, &made).unwrap(),
            &clear[..]
        );
        for place in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[place] ^= 4;
            assert_eq!(
                open(Transport::Bare, &private, &params, &damaged).unwrap_err(),
                BadBlob
            );
        }
    }
}

#[test]
fn the_key_depends_on_every_parameter() {
    let (private, public) = pair(&Material::pair(ec::generate(Curve::P256).unwrap()));
    let given = params(256, Some(Hash::Sha256), b"info");
    let blob = wrap(Transport::Bare, &public, &given, &[7; 16]).unwrap();
    assert!(open(Transport::Bare, &private, &given, &blob).is_ok());
    for other in [
        params(128, Some(Hash::Sha256), b"info"),
        params(256, Some(Hash::Sha384), b"info"),
        params(256, Some(Hash::Sha256), b"other"),
        params(256, None, b""),
    ] {
        assert_eq!(
            open(Transport::Bare, &private, &other, &blob).unwrap_err(),
            BadBlob
        );
    }
}

#[test]
fn blobs_of_every_length() {
    let ec = ec::generate(Curve::P384).unwrap();
    let okp = okp::generate(okp::Curve::X25519).unwrap();
    for (material, point_len) in [(Material::pair(ec), 97), (Material::pair(okp), 32)] {
        let (private, public) = pair(&material);
        let params = params(256, Some(Hash::Sha256), b"");
        let blob = wrap(Transport::Bare, &public, &params, &[7; 24]).unwrap();
        let more = [&blob[..], &[0; 33]].concat();
        for len in 0..=more.len() {
            let fits = len >= point_len + 16 && (len - point_len) % 8 == 0;
            let expected = if fits {
                ck::CKR_OK
            } else {
                ck::CKR_WRAPPED_KEY_LEN_RANGE
            };
            assert_eq!(
                rv(length(Transport::Bare, &private, &params, len)),
                expected,
                "{len}"
            );
            let opens = open(Transport::Bare, &private, &params, &more[..len]).is_ok();
            assert_eq!(opens, len == blob.len(), "{len}");
        }
    }
}

#[test]
fn keys_and_parameters_that_do_not_fit() {
    let (private, public) = pair(&Material::pair(ec::generate(Curve::P224).unwrap()));
    let invalid = ck::CKR_MECHANISM_PARAM_INVALID;
    // 28 bytes are no AES-256 key.
    let short = params(256, None, b"");
    assert_eq!(
        rv(wrap(Transport::Bare, &public, &short, &[7; 16])),
        invalid
    );
    assert_eq!(
        rv(length(Transport::Bare, &private, &short, 57 + 24)),
        invalid
    );
    assert_eq!(
        rv(length(
            Transport::Bare,
            &private,
            &params(192, None, b""),
            57 + 24
        )),
        ck::CKR_OK
    );
    for wrong in [Params::None, params(100, None, b"")] {
        assert_eq!(
            rv(wrap(Transport::Bare, &public, &wrong, &[7; 16])),
            invalid
        );
        assert_eq!(
            rv(length(Transport::Bare, &private, &wrong, 57 + 24)),
            invalid
        );
    }
    let (private, public) = pair(&Material::pair(ec::generate(Curve::Sm2).unwrap()));
    let (fine, wrong) = (params(128, None, b""), ck::CKR_KEY_TYPE_INCONSISTENT);
    assert_eq!(rv(wrap(Transport::Bare, &public, &fine, &[7; 16])), wrong);
    assert_eq!(rv(length(Transport::Bare, &private, &fine, 65 + 24)), wrong);
    assert_eq!(
        open(Transport::Bare, &private, &fine, &[4; 65 + 24]).unwrap_err(),
        BadBlob
    );
}

/// "DER-encoded OCTET STRING of the ANSI X9.62 ECPoint value".
#[test]
fn the_cofactor_mechanism_writes_the_point_in_der() {
    for curve in [Curve::P256, Curve::P521] {
        let (private, public) = pair(&Material::pair(ec::generate(curve).unwrap()));
        let params = params(256, Some(Hash::Sha256), b"info");
        let blob = wrap(Transport::Der, &public, &params, &[7; 16]).unwrap();
        let header: &[u8] = match curve {
            Curve::P256 => &[4, 65, 4],
            _ => &[4, 0x81, 133, 4],
        };
        assert_eq!(&blob[..header.len()], header);
        let opened = open(Transport::Der, &private, &params, &blob).unwrap();
        assert_eq!(*opened, [7; 16]);
        // Without the header it is a blob of the other mechanism.
        let bare = &blob[header.len() - 1..];
        let opened = open(Transport::Bare, &private, &params, bare).unwrap();
        assert_eq!(*opened, [7; 16]);
        for (form, len, expected) in [
            (Transport::Der, blob.len(), ck::CKR_OK),
            (Transport::Bare, bare.len(), ck::CKR_OK),
            (Transport::Der, bare.len(), ck::CKR_WRAPPED_KEY_LEN_RANGE),
        ] {
            assert_eq!(rv(length(form, &private, &params, len)), expected);
        }
        for place in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[place] ^= 4;
            let opened = open(Transport::Der, &private, &params, &damaged);
            assert_eq!(opened.unwrap_err(), BadBlob, "{place}");
        }
    }
}
