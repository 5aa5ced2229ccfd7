use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::okp::Curve;
use tenon_pkcs11::api::mechanism::PrivateForm;
use tenon_pkcs11::api::out::Out;

use super::cases::cases;
use crate::common::{
    Calls, Fixture, SO_PIN, USER_PIN, attrs, dh_pair, dsa_pair, ec_pair, exactly, full, needed,
    okp_pair, returns, rsa_pair, rv, secret, sm2_pair, with,
};

fn value(fixture: &Fixture, key: ck::CK_OBJECT_HANDLE, kind: ck::CK_ATTRIBUTE_TYPE) -> Revealed {
    fixture.session.attributes(key, &[kind]).unwrap().remove(0)
}

#[test]
fn a_secret_key_comes_back() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let key = secret(session, ck::CKK_AES, open()).public;
    for case in cases(|row| row.wrap.is_some()) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        let wrap = |out: &mut Out<'_>| session.wrap_key(case.request(), wrapping.public, key, out);
        let need = needed(wrap).unwrap();
        returns!(exactly(need - 1, wrap), CKR_BUFFER_TOO_SMALL, "{name}");
        let blob = exactly(need, wrap).unwrap();
        assert_eq!(blob.len(), need, "{name}");

        let mut template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
        template.extend(open());
        if case.row.zeros_before {
            let outcome = session.unwrap_key(case.request(), wrapping.private, &blob, &template);
            returns!(outcome, CKR_TEMPLATE_INCOMPLETE, "{name}");
            template.extend(attrs![CKA_VALUE_LEN => 32]);
        }
        let unwrapped = session
            .unwrap_key(case.request(), wrapping.private, &blob, &template)
            .unwrap();
        assert_eq!(
            value(&fixture, unwrapped, ck::CKA_VALUE),
            Revealed::Value(vec![0x5A; 32]),
            "{name}"
        );
    }
}

#[test]
fn a_private_key_comes_back() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let rsa = rsa_pair(session, vec![], open()).private;
    let ec = ec_pair(session, vec![], open()).private;
    let sm2 = sm2_pair(session, vec![], open()).private;
    let okp = |curve| okp_pair(session, curve, vec![], open()).private;
    let (edwards, montgomery) = (okp(Curve::Ed25519), okp(Curve::X25519));
    let dh = dh_pair(session, vec![], open()).private;
    let dsa = dsa_pair(session, vec![], open()).private;
    let in_primes = [ck::CKK_RSA, ck::CKK_DH, ck::CKK_DSA];
    for case in cases(|row| row.wrap.is_some() && !row.for_secrets_alone()) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        for (key, key_type, secret) in [
            (rsa, ck::CKK_RSA, ck::CKA_PRIVATE_EXPONENT),
            (ec, ck::CKK_EC, ck::CKA_VALUE),
            (sm2, ck::CKK_EC, ck::CKA_VALUE),
            (edwards, ck::CKK_EC_EDWARDS, ck::CKA_VALUE),
            (montgomery, ck::CKK_EC_MONTGOMERY, ck::CKA_VALUE),
            (dh, ck::CKK_DH, ck::CKA_VALUE),
            (dsa, ck::CKK_DSA, ck::CKA_VALUE),
        ] {
            let blob = full(|out| session.wrap_key(case.request(), wrapping.public, key, out));
            // RSA-2048 with OAEP has room for 190 bytes: for a P-256 key in PKCS#8 alone.
            // CCM's parameter is for a key of 32 bytes.
            let long_in_oaep = name == "CKM_RSA_PKCS_OAEP" && in_primes.contains(&key_type);
            if long_in_oaep || name == "CKM_AES_CCM" {
                returns!(blob, CKR_KEY_SIZE_RANGE, "{name}");
                let said = blob.unwrap_err().to_string();
                let why = "2048 bits takes 190 at most: CKM_RSA_AES_KEY_WRAP";
                assert!(!long_in_oaep || said.contains(why), "{said}");
                continue;
            }
            if case.row.private_form == PrivateForm::Sm2Scalar && key != sm2 {
                returns!(blob, CKR_KEY_NOT_WRAPPABLE, "{name}");
                continue;
            }
            let mut template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type];
            template.extend(open());
            let unwrapped = session
                .unwrap_key(case.request(), wrapping.private, &blob.unwrap(), &template)
                .unwrap();
            for kind in [secret, ck::CKA_PUBLIC_KEY_INFO] {
                let came_back = value(&fixture, unwrapped, kind);
                assert!(matches!(came_back, Revealed::Value(_)), "{name}");
                assert_eq!(came_back, value(&fixture, key, kind), "{name}");
            }
        }
    }
}

#[test]
fn blobs_of_impossible_lengths_and_damaged_blobs_are_told_apart_from_nothing_else() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    for case in cases(|row| row.unwrap.is_some() && !row.for_secrets_alone()) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        let unwrap =
            |blob: &[u8]| session.unwrap_key(case.request(), wrapping.private, blob, &template);
        let blob = full(|out| session.wrap_key(case.request(), wrapping.public, key, out)).unwrap();
        returns!(unwrap(&[]), CKR_WRAPPED_KEY_LEN_RANGE, "{name}");
        // Some open blobs of every length.
        let short = match name {
            "CKM_AES_CTR" | "CKM_AES_OFB" | "CKM_AES_CFB1" | "CKM_AES_CFB8" | "CKM_AES_CFB128"
            | "CKM_CHACHA20" => "CKR_WRAPPED_KEY_INVALID",
            _ => "CKR_WRAPPED_KEY_LEN_RANGE",
        };
        assert_eq!(rv(&unwrap(&blob[..7])), short, "{name}");
        // A stream may be of any length, and so may DER; the others consist of blocks.
        let less = unwrap(&blob[..blob.len() - 1]);
        match name {
            "CKM_AES_CTR"
            | "CKM_AES_OFB"
            | "CKM_AES_CFB1"
            | "CKM_AES_CFB8"
            | "CKM_AES_CFB128"
            | "CKM_CHACHA20"
            | "CKM_AES_XTS"
            | "CKM_AES_GCM"
            | "CKM_AES_CCM"
            | "CKM_TENON_SM4_GCM"
            | "CKM_TENON_KMS_ENVELOPE"
            | "CKM_TENON_SM2PKE"
            | "CKM_TENON_HPKE"
            | "CKM_TENON_SM2_SM4_ECB" => returns!(less, CKR_WRAPPED_KEY_INVALID, "{name}"),
            _ => returns!(less, CKR_WRAPPED_KEY_LEN_RANGE, "{name}"),
        }
        let integrity = case.row.unwrap.unwrap().proof.integrity();
        for position in [0, blob.len() / 2, blob.len() - 1] {
            if !integrity {
                continue;
            }
            let mut damaged = blob.clone();
            damaged[position] ^= 1;
            returns!(unwrap(&damaged), CKR_WRAPPED_KEY_INVALID, "{name}");
        }
        // The blob holds 32 bytes: not a key of 16, and no private key.
        let other = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 16,
        ];
        let outcome = session.unwrap_key(case.request(), wrapping.private, &blob, &other);
        returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
        let other = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA];
        let outcome = session.unwrap_key(case.request(), wrapping.private, &blob, &other);
        returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
        returns!(unwrap(&blob), CKR_OK, "{name}");
    }
}

/// Implicit rejection: a bad blob gives a key too, the same each time, of a length that fits.
#[test]
fn a_blind_unwrap_tells_nothing_of_the_blob() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let key = secret(session, ck::CKK_AES, open()).public;
    for case in cases(|row| row.unwrap_blind.is_some()) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        let unwrap = |blob: &[u8], key_type: u64, len: Option<u64>| {
            let mut template = attrs![
                CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type,
            ];
            template.extend(open());
            template.extend(len.into_iter().flat_map(|len| attrs![CKA_VALUE_LEN => len]));
            let made = session.unwrap_key(case.request(), wrapping.private, blob, &template)?;
            match value(&fixture, made, ck::CKA_VALUE) {
                Revealed::Value(value) => Ok(value),
                other => panic!("{other:?}"),
            }
        };
        let (aes, generic) = (ck::CKK_AES, ck::CKK_GENERIC_SECRET);
        let blob = full(|out| session.wrap_key(case.request(), wrapping.public, key, out)).unwrap();
        for wrong in [&[][..], &blob[1..], &[&blob[..], &[0]].concat()] {
            returns!(
                unwrap(wrong, aes, None),
                CKR_WRAPPED_KEY_LEN_RANGE,
                "{name}"
            );
        }
        assert_eq!(unwrap(&blob, aes, None).unwrap(), [0x5A; 32], "{name}");
        assert_eq!(unwrap(&blob, aes, Some(32)).unwrap(), [0x5A; 32], "{name}");

        for position in [blob.len() / 2, blob.len() - 1] {
            let mut damaged = blob.clone();
            damaged[position] ^= 1;
            let first = unwrap(&damaged, aes, Some(24)).unwrap();
            assert_eq!(first.len(), 24, "{name}");
            assert_eq!(unwrap(&damaged, aes, Some(24)).unwrap(), first, "{name}");
            let unsaid = unwrap(&damaged, aes, None).unwrap();
            assert!([16, 24, 32].contains(&unsaid.len()), "{name}");
            assert_eq!(unwrap(&damaged, generic, Some(100)).unwrap().len(), 100);
            assert!(!unwrap(&damaged, generic, None).unwrap().is_empty());
        }
        // Right padding around a key that does not fit looks no different.
        assert_eq!(unwrap(&blob, aes, Some(16)).unwrap().len(), 16, "{name}");
        // What no blob of this key can hold, and what is no number below the modulus, anyone sees.
        for impossible in [1000, u64::MAX] {
            let outcome = unwrap(&blob, generic, Some(impossible));
            returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
        }
        let outcome = unwrap(&vec![0xFF; blob.len()], aes, None);
        returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
    }
}

/// Section 6.1: "however many bytes are specified in the template for the length of the key are taken from
/// the end of this sequence of bytes".
#[test]
fn raw_rsa_wraps_the_last_bytes_of_a_number() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let [case] = &cases(|row| row.id == ck::CKM_RSA_X_509)[..] else {
        panic!("raw RSA is one mechanism");
    };
    let pair = case.keys(&fixture);
    let unwrap = |blob: &[u8], len: u64| {
        let mut template =
            attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET];
        template.extend(attrs![CKA_VALUE_LEN => len]);
        template.extend(open());
        let made = session.unwrap_key(case.request(), pair.private, blob, &template)?;
        Ok(value(&fixture, made, ck::CKA_VALUE))
    };
    for len in [1, 16, 255, 256] {
        let bytes = [&[1][..], &vec![0x5A; len - 1]].concat();
        let changes = with(open(), attrs![CKA_VALUE => &bytes]);
        let key = secret(session, ck::CKK_GENERIC_SECRET, changes).public;
        let blob = full(|out| session.wrap_key(case.request(), pair.public, key, out)).unwrap();
        session.encrypt_init(case.request(), pair.public).unwrap();
        assert_eq!(full(|out| session.encrypt(&bytes, out)).unwrap(), blob);
        let len = u64::try_from(len).unwrap();
        assert_eq!(unwrap(&blob, len).unwrap(), Revealed::Value(bytes.clone()));
        let longer = [vec![0; 256 - bytes.len()], bytes.clone()].concat();
        assert_eq!(unwrap(&blob, 256).unwrap(), Revealed::Value(longer));
        assert_eq!(
            unwrap(&blob, 1).unwrap(),
            Revealed::Value(bytes[bytes.len() - 1..].to_vec())
        );
        returns!(unwrap(&blob, 257), CKR_WRAPPED_KEY_INVALID);
        returns!(unwrap(&blob[1..], len), CKR_WRAPPED_KEY_LEN_RANGE);
    }
    returns!(unwrap(&[0xFF; 256], 16), CKR_WRAPPED_KEY_INVALID);
    // 256 bytes that are no number below the modulus, and 257.
    for len in [256, 257] {
        let changes = with(open(), attrs![CKA_VALUE => &vec![0xFF; len]]);
        let key = secret(session, ck::CKK_GENERIC_SECRET, changes).public;
        let wrapped = full(|out| session.wrap_key(case.request(), pair.public, key, out));
        returns!(wrapped, CKR_KEY_SIZE_RANGE, "{len}");
    }
}

/// A private key's form would tell whether a blob was right.
#[test]
fn some_mechanisms_are_for_secret_keys_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let ec = ec_pair(session, vec![], attrs![CKA_EXTRACTABLE => true]).private;
    for case in cases(|row| row.for_secrets_alone()) {
        let wrapping = case.keys(&fixture);
        let wrapped = full(|out| session.wrap_key(case.request(), wrapping.public, ec, out));
        returns!(wrapped, CKR_KEY_NOT_WRAPPABLE, "{}", case.name());
        let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC];
        let unwrapped = session.unwrap_key(case.request(), wrapping.private, &[1; 256], &template);
        returns!(unwrapped, CKR_TEMPLATE_INCONSISTENT, "{}", case.name());
    }
}

#[test]
fn what_must_not_leave_is_not_wrapped() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let kept = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => false]).public;
    let for_trusted = secret(
        session,
        ck::CKK_AES,
        attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true],
    );
    let public = rsa_pair(session, vec![], vec![]).public;
    for case in cases(|row| row.wrap.is_some()) {
        let wrapping = case.keys(&fixture).public;
        let wrap = |key| full(|out| session.wrap_key(case.request(), wrapping, key, out));
        returns!(wrap(kept), CKR_KEY_UNEXTRACTABLE, "{}", case.name());
        returns!(
            wrap(for_trusted.public),
            CKR_KEY_NOT_WRAPPABLE,
            "{}",
            case.name()
        );
        returns!(wrap(public), CKR_KEY_NOT_WRAPPABLE, "{}", case.name());
        returns!(wrap(999_999), CKR_KEY_HANDLE_INVALID, "{}", case.name());
    }
}

#[test]
fn what_is_filled_up_with_zeros_comes_back_without_them() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = || attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let template = |key_type: u64, len: u64| {
        let mut template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type];
        template.extend(attrs![CKA_VALUE_LEN => len]);
        template.extend(open());
        template
    };
    for case in cases(|row| row.zero_padded.is_some()) {
        let name = case.name();
        let wrapping = case.keys(&fixture);
        let block = case.row.zero_padded.unwrap();
        for (key_type, len) in [(ck::CKK_AES, 24), (ck::CKK_GENERIC_SECRET, 41)] {
            let secret_value = vec![0x5A; len];
            let mut changes = attrs![CKA_VALUE => &secret_value];
            changes.extend(open());
            let key = secret(session, key_type, changes).public;
            let blob =
                full(|out| session.wrap_key(case.request(), wrapping.public, key, out)).unwrap();
            let unwrap = |len| {
                let template = template(key_type, len);
                session.unwrap_key(case.request(), wrapping.private, &blob, &template)
            };
            let len = u64::try_from(len).unwrap();
            let unwrapped = unwrap(len).unwrap();
            let came_back = value(&fixture, unwrapped, ck::CKA_VALUE);
            assert_eq!(came_back, Revealed::Value(secret_value), "{name}");
            // Less would cut bytes of the key off, more is not there.
            for wrong in [len - 8, len + u64::try_from(block).unwrap()] {
                returns!(unwrap(wrong), CKR_WRAPPED_KEY_INVALID, "{name} {wrong}");
            }
        }
    }
}

#[test]
fn the_configuration_says_which_padding_key_wrap_pad_makes() {
    for (pkcs7, same) in [
        (false, ck::CKM_AES_KEY_WRAP_KWP),
        (true, ck::CKM_AES_KEY_WRAP_PKCS7),
    ] {
        let fixture = Fixture::configured(|config| config.key_wrap_pad_pkcs7 = pkcs7);
        let session = &fixture.session;
        let wrapping = secret(session, ck::CKK_AES, vec![]).public;
        let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
        let wrap = |id| {
            let request = fixture.plain(id);
            full(|out| session.wrap_key(request, wrapping, key, out)).unwrap()
        };
        assert_eq!(wrap(ck::CKM_AES_KEY_WRAP_PAD), wrap(same));
        for made in [ck::CKM_AES_KEY_WRAP_KWP, ck::CKM_AES_KEY_WRAP_PKCS7] {
            let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
            let request = fixture.plain(ck::CKM_AES_KEY_WRAP_PAD);
            let outcome = session.unwrap_key(request, wrapping, &wrap(made), &template);
            returns!(outcome, CKR_OK);
        }
    }
}

/// By a counter mode, the blob of a known key would open that of any other.
#[test]
fn a_trusted_key_wraps_for_trust_by_key_wraps_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let template = attrs![
        CKA_TOKEN => true, CKA_PRIVATE => false, CKA_COPYABLE => false, CKA_VALUE_LEN => 32,
        CKA_WRAP => true,
    ];
    let mechanism = fixture.plain(ck::CKM_AES_KEY_GEN);
    let trusted = session.generate_key(mechanism, &template).unwrap();
    session.logout().unwrap();
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session
        .set_attributes(trusted, &attrs![CKA_TRUSTED => true])
        .unwrap();
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    let key = |picky| {
        let changes = attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => picky];
        secret(session, ck::CKK_AES, changes).public
    };
    let (free, picky) = (key(false), key(true));
    for case in cases(|row| row.wrap.is_some() && row.key_types == [ck::CKK_AES]) {
        let wrap = |key| full(|out| session.wrap_key(case.request(), trusted, key, out));
        returns!(wrap(free), CKR_OK, "{}", case.name());
        if case.row.key_wrap {
            returns!(wrap(picky), CKR_OK, "{}", case.name());
        } else {
            returns!(wrap(picky), CKR_KEY_NOT_WRAPPABLE, "{}", case.name());
        }
    }
}
