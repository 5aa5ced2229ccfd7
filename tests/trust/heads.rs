//! The head of a composite blob, an inner key wrapped by OAEP or SM2 alone, is a blob of its own.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::mechanism::{Oaep, Params};
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, attrs, full, returns, rsa_pair, secret, sm2_pair, with};

fn oaep() -> Oaep {
    Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        label: vec![],
    }
}

/// The public half, and a private one that unwraps alone.
fn pair(fixture: &Fixture, sm2: bool, more: Vec<RawAttribute>) -> (Handle, Handle) {
    let unwraps = attrs![
        CKA_UNWRAP => true, CKA_DECRYPT => false, CKA_SIGN => false, CKA_DERIVE => false,
    ];
    let unwraps = with(unwraps, more);
    let pair = match sm2 {
        true => sm2_pair(&fixture.session, vec![], unwraps),
        false => rsa_pair(&fixture.session, vec![], unwraps),
    };
    (pair.public, pair.private)
}

/// docs/design.md, section 12: a plain key opens the head, unless its CKA_ALLOWED_MECHANISMS names the composite
/// mechanism alone.
#[test]
fn a_key_that_is_allowed_the_composite_alone_refuses_its_head() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let rsa_aes = Params::RsaAesKeyWrap {
        aes_bits: Some(256),
        oaep: oaep(),
    };
    let by_oaep = (ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep()), ck::CKK_AES);
    let by_sm2 = (ck::CKM_TENON_SM2PKE, Params::None, ck::CKK_TENON_SM4);
    // The tail is as long as the key of 32 bytes and what the mechanism adds to it.
    for (composite, params, tail, head) in [
        (ck::CKM_RSA_AES_KEY_WRAP, rsa_aes, 40, by_oaep.clone()),
        (
            ck::CKM_TENON_RSA_AES_ECB_PKCS7,
            Params::Oaep(oaep()),
            48,
            by_oaep,
        ),
        (ck::CKM_TENON_SM2_SM4_ECB, Params::None, 32, by_sm2),
    ] {
        let request = || fixture.request(composite, params.clone());
        let sm2 = composite == ck::CKM_TENON_SM2_SM4_ECB;
        for (more, opens) in [
            (vec![], true),
            (attrs![CKA_ALLOWED_MECHANISMS => [composite]], false),
        ] {
            let (public, private) = pair(&fixture, sm2, more);
            let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
            let blob = full(|out| session.wrap_key(request(), public, key, out)).unwrap();
            let template =
                |key_type| attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type];
            let whole = session.unwrap_key(request(), private, &blob, &template(ck::CKK_AES));
            returns!(whole, CKR_OK, "{composite:#x}");
            let (id, params, inner) = head.clone();
            let outcome = session.unwrap_key(
                fixture.request(id, params),
                private,
                &blob[..blob.len() - tail],
                &template(inner),
            );
            match opens {
                true => returns!(outcome, CKR_OK, "{composite:#x}"),
                false => returns!(outcome, CKR_MECHANISM_INVALID, "{composite:#x}"),
            }
        }
    }
}
