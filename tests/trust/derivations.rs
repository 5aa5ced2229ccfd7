//! Chains of derivations that would tell the value of a key byte by byte, and the chains that clients
//! need.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{
    Ecdh, HkdfSalt, Kbkdf, KbkdfMode, KbkdfPart, KbkdfPrf, NumberFormat, Params, SharedKdf,
};
use tenon_pkcs11::api::token::Handle;

use super::keys::{find, read, trusted_key, unwrap, wrap};
use crate::common::{Fixture, attrs, ec_material, ec_pair, full, returns, secret, with};

/// The guards that close a key, each alone and together.
fn guards() -> Vec<Vec<RawAttribute>> {
    vec![
        attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => true],
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => false],
        attrs![
            CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true,
        ],
        attrs![
            CKA_SENSITIVE => true, CKA_EXTRACTABLE => false, CKA_WRAP_WITH_TRUSTED => true,
        ],
    ]
}

fn generic(fixture: &Fixture, changes: Vec<RawAttribute>) -> Handle {
    secret(&fixture.session, ck::CKK_GENERIC_SECRET, changes).private
}

/// A generic secret that signs and derives, of `len` bytes where the mechanism must be told.
fn derive(
    fixture: &Fixture,
    (id, params): (ck::CK_MECHANISM_TYPE, Params),
    base: Handle,
    len: u64,
) -> Result<Handle> {
    let request = fixture.request(id, params);
    let template = attrs![
        CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_VALUE_LEN => len, CKA_SIGN => true,
        CKA_DERIVE => true,
    ];
    fixture.session.derive_key(request, base, &template)
}

fn data(len: usize) -> Params {
    Params::Data(vec![7; len].into())
}

fn before(len: usize) -> (ck::CK_MECHANISM_TYPE, Params) {
    (ck::CKM_CONCATENATE_DATA_AND_BASE, data(len))
}

fn behind(len: usize) -> (ck::CK_MECHANISM_TYPE, Params) {
    (ck::CKM_CONCATENATE_BASE_AND_DATA, data(len))
}

fn extract(byte: u64) -> (ck::CK_MECHANISM_TYPE, Params) {
    (ck::CKM_EXTRACT_KEY_FROM_KEY, Params::Extract(8 * byte))
}

fn xor(len: usize) -> (ck::CK_MECHANISM_TYPE, Params) {
    (ck::CKM_XOR_BASE_AND_DATA, data(len))
}

fn and_key(other: Handle) -> (ck::CK_MECHANISM_TYPE, Params) {
    (ck::CKM_CONCATENATE_BASE_AND_KEY, Params::Key(other))
}

/// 15 known bytes before the key, then 16 bytes at each place: one more byte of the key at a time.
#[test]
fn a_window_over_known_bytes() {
    let fixture = Fixture::new();
    for guard in guards() {
        let key = generic(&fixture, guard);
        for (joined, start) in [(before(15), 15), (behind(15), 0)] {
            let long = derive(&fixture, joined, key, 47).unwrap();
            for byte in (0..47).filter(|byte| ![start, start + 16].contains(byte)) {
                let window = derive(&fixture, extract(byte), long, 16);
                returns!(window, CKR_KEY_SIZE_RANGE, "byte {byte}");
            }
        }
    }
}

/// K[0..31] ‖ g and K are equal for one byte g. The bytes that are left out, or shifted, come back as
/// bytes of the caller's own, in every way that there is.
#[test]
fn a_key_beside_itself_but_for_one_byte() {
    let fixture = Fixture::new();
    let own = generic(
        &fixture,
        attrs![CKA_VALUE => &[7; 15], CKA_SENSITIVE => true],
    );
    for guard in guards() {
        let key = generic(&fixture, guard);
        for (step, len) in [
            (extract(0), 31),
            (extract(1), 31),
            (extract(31), 32),
            (xor(31), 31),
            (xor(32), 31),
            (behind(1), 31),
            (before(1), 32),
            (before(15), 31 + 15),
            (and_key(key), 63),
            (and_key(key), 33),
        ] {
            let cut = derive(&fixture, step.clone(), key, len);
            returns!(cut, CKR_KEY_SIZE_RANGE, "{step:?} {len}");
        }
        // A key that the caller brought serves for data.
        let long = derive(&fixture, and_key(key), own, 47).unwrap();
        returns!(derive(&fixture, extract(0), long, 16), CKR_KEY_SIZE_RANGE);
        returns!(derive(&fixture, and_key(key), own, 46), CKR_KEY_SIZE_RANGE);
    }
}

/// HMAC fills its key up with zeros: a key that ends in a zero, which XOR with the right byte makes,
/// signs as the key without it.
#[test]
fn a_key_that_ends_in_a_zero() {
    let fixture = Fixture::new();
    let key = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    let altered = derive(&fixture, xor(32), key, 32).unwrap();
    for key in [key, altered] {
        for len in [17, 30, 31] {
            returns!(derive(&fixture, extract(0), key, len), CKR_KEY_SIZE_RANGE);
        }
        let half = derive(&fixture, extract(16), key, 16).unwrap();
        returns!(derive(&fixture, extract(0), half, 15), CKR_KEY_SIZE_RANGE);
    }
}

/// What one-way functions give in the token's hands, cut to one byte, to two, and so on.
#[test]
fn outputs_that_can_be_guessed() {
    let fixture = Fixture::new();
    let key = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    let aes = secret(&fixture.session, ck::CKK_AES, attrs![CKA_SENSITIVE => true]).private;
    let pair = ec_pair(&fixture.session, vec![], vec![]);
    let ecdh = |kdf| {
        Params::Ecdh(Ecdh {
            kdf,
            shared_data: Vec::new(),
            public_data: ec_material().point.clone(),
        })
    };
    let hkdf = Params::Hkdf {
        hash: Hash::Sha256,
        salt: Some(HkdfSalt::Data(b"salt".to_vec())),
        info: Vec::new(),
        expand: true,
    };
    let readable = generic(
        &fixture,
        attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true],
    );
    let salted = Params::Hkdf {
        hash: Hash::Sha256,
        salt: Some(HkdfSalt::Key(key)),
        info: Vec::new(),
        expand: true,
    };
    let kbkdf = |more: Vec<KbkdfPart>| {
        let counter = KbkdfPart::Counter(NumberFormat {
            bytes: 1,
            little_endian: false,
        });
        Params::Kbkdf(Kbkdf {
            mode: KbkdfMode::Counter,
            prf: KbkdfPrf::Hmac(Hash::Sha256),
            iv: Vec::new(),
            data: [vec![counter], more].concat(),
        })
    };
    let cbc = Params::CbcData {
        iv: vec![0; 16],
        data: vec![7; 32].into(),
    };
    for (base, id, params) in [
        (key, ck::CKM_SHA256_KEY_DERIVATION, Params::None),
        (key, ck::CKM_HKDF_DERIVE, hkdf),
        (readable, ck::CKM_HKDF_DERIVE, salted),
        (key, ck::CKM_SP800_108_COUNTER_KDF, kbkdf(vec![])),
        (
            readable,
            ck::CKM_SP800_108_COUNTER_KDF,
            kbkdf(vec![KbkdfPart::Key(key)]),
        ),
        (aes, ck::CKM_AES_ECB_ENCRYPT_DATA, data(32)),
        (aes, ck::CKM_AES_CBC_ENCRYPT_DATA, cbc),
        (pair.private, ck::CKM_ECDH1_DERIVE, ecdh(None)),
        (
            pair.private,
            ck::CKM_ECDH1_DERIVE,
            ecdh(Some(SharedKdf::X963(Hash::Sha256))),
        ),
    ] {
        let derive = |len| derive(&fixture, (id, params.clone()), base, len);
        for len in [1, 2, 8, 15, 17, 20, 31] {
            returns!(derive(len), CKR_KEY_SIZE_RANGE, "{id:#x} {len}");
        }
        for len in [16, 24, 32] {
            returns!(derive(len), CKR_OK, "{id:#x} {len}");
        }
        // A value that is read is not guessed.
        let open = attrs![
            CKA_VALUE_LEN => 12, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
        ];
        let request = fixture.request(id, params.clone());
        let open = fixture.session.derive_key(request, base, &open);
        returns!(open, CKR_OK, "{id:#x}");
    }
}

/// Outputs of odd length: two of them differ by four bytes, which 2^32 comparisons tell. So each is taken
/// whole, and what is told of it leaves 16 bytes that are not.
#[test]
fn outputs_of_odd_length_are_taken_whole() {
    let fixture = Fixture::new();
    let key = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    for (id, lengths) in [
        (ck::CKM_SHA1_KEY_DERIVATION, &[16, 20][..]),
        (ck::CKM_SHA224_KEY_DERIVATION, &[16, 24, 28]),
        (ck::CKM_SHA3_224_KEY_DERIVATION, &[16, 24, 28]),
    ] {
        let hash = |base, len| derive(&fixture, (id, Params::None), base, len);
        for len in 1..=28 {
            let outcome = hash(key, len);
            assert_eq!(outcome.is_ok(), lengths.contains(&len), "{id:#x} {len}");
            let Ok(output) = outcome else { continue };
            for cut in 1..len {
                for place in 0..len {
                    let part = derive(&fixture, extract(place), output, cut);
                    returns!(part, CKR_KEY_SIZE_RANGE, "{id:#x} {place} {cut} of {len}");
                }
                let joined = derive(&fixture, behind(4), output, cut);
                returns!(joined, CKR_KEY_SIZE_RANGE, "{id:#x} {cut} of {len}");
            }
            // One more function of it is as long as any.
            returns!(hash(output, 15), CKR_KEY_SIZE_RANGE, "{id:#x} {len}");
            returns!(hash(output, 16), CKR_OK, "{id:#x} {len}");
        }
    }
}

/// What a key consists of stays with it: in a copy, in the file, in a key derived from it, and no
/// attribute tells or changes it.
#[test]
fn no_way_sheds_what_a_key_consists_of() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    let long = derive(&fixture, before(15), key, 47).unwrap();
    let kept = attrs![CKA_TOKEN => true, CKA_LABEL => "copy", CKA_ID => b"copy"];
    let copy = session.copy_object(long, &kept).unwrap();
    let longer = derive(&fixture, behind(3), long, 50).unwrap();
    let altered = derive(&fixture, xor(47), long, 47).unwrap();
    session
        .set_attributes(long, &attrs![CKA_LABEL => "changed"])
        .unwrap();
    for key in [long, copy, longer, altered] {
        returns!(derive(&fixture, extract(0), key, 16), CKR_KEY_SIZE_RANGE);
        returns!(derive(&fixture, extract(15), key, 16), CKR_OK);
    }
    for kind in (0..=0xFF).map(|number| ck::CKA_TENON_ORIGIN - 1 + number) {
        if let Revealed::Value(value) = read(session, long, kind) {
            assert!(value.len() < 12, "{kind:#x} tells the pieces");
        }
    }
    let fixture = fixture.reopened_as_user();
    let copy = find(&fixture.session, &attrs![CKA_LABEL => "copy"])[0];
    returns!(derive(&fixture, extract(0), copy, 16), CKR_KEY_SIZE_RANGE);
    returns!(derive(&fixture, extract(15), copy, 16), CKR_OK);
}

/// Wrapped and unwrapped, a key would be as new. What may leave under trusted keys alone does not so.
#[test]
fn a_trusted_wrap_does_not_shed_it() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let guard = attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
    let key = generic(&fixture, guard);
    let request = fixture.request(before(15).0, before(15).1);
    let template = || {
        attrs![
            CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_DERIVE => true, CKA_EXTRACTABLE => true,
        ]
    };
    let long = session.derive_key(request, key, &template()).unwrap();
    returns!(wrap(&fixture, trusted, long), CKR_KEY_NOT_WRAPPABLE);
    // An altered one neither: whether its end is taken for padding would tell its last byte.
    let request = fixture.request(xor(32).0, xor(32).1);
    let altered = session.derive_key(request, key, &template()).unwrap();
    returns!(wrap(&fixture, trusted, altered), CKR_KEY_NOT_WRAPPABLE);
    let request = fixture.request(and_key(key).0, and_key(key).1);
    let twice = session.derive_key(request, key, &template()).unwrap();
    returns!(wrap(&fixture, trusted, twice), CKR_OK);
    // An unwrapped key leaves again as it came, and stays one piece.
    let derives = attrs![
        CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET, CKA_DERIVE => true, CKA_EXTRACTABLE => true,
    ];
    let mut key = key;
    for _ in 0..2 {
        let blob = wrap(&fixture, trusted, key).unwrap();
        key = unwrap(&fixture, trusted, &blob, derives.clone()).unwrap();
        returns!(derive(&fixture, extract(0), key, 16), CKR_KEY_SIZE_RANGE);
        returns!(derive(&fixture, extract(0), key, 32), CKR_OK);
    }
}

/// Zeros behind a key are taken away where nothing depends on it: not of a trusted key's blob.
#[test]
fn a_trusted_unwrap_tells_no_zero() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let plain = secret(session, ck::CKK_AES, vec![]).public;
    let zeros = attrs![CKA_EXTRACTABLE => true, CKA_VALUE => &[0; 32]];
    let guarded = with(zeros.clone(), attrs![CKA_WRAP_WITH_TRUSTED => true]);
    let kw = || fixture.plain(ck::CKM_AES_KEY_WRAP);
    let short = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
        CKA_VALUE_LEN => 31,
    ];
    for (wrapping, key, cut) in [(plain, zeros, true), (trusted, guarded, false)] {
        let key = generic(&fixture, key);
        let blob = full(|out| session.wrap_key(kw(), wrapping, key, out)).unwrap();
        let outcome = session.unwrap_key(kw(), wrapping, &blob, &short);
        assert_eq!(outcome.is_ok(), cut);
    }
    let odd = attrs![
        CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true, CKA_VALUE => &[7; 20],
    ];
    let odd = generic(&fixture, odd);
    let outcome = full(|out| session.wrap_key(kw(), trusted, odd, out));
    returns!(outcome, CKR_KEY_SIZE_RANGE);
    returns!(wrap(&fixture, trusted, odd), CKR_OK);
}

/// The token does not know how much of an unwrapped key the caller knows: padding that another mechanism left
/// in it, or blocks of a blob that the caller put together. So no part of such a key is taken.
#[test]
fn an_unwrap_makes_one_piece() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = secret(session, ck::CKK_AES, vec![]).public;
    let free = generic(&fixture, attrs![CKA_EXTRACTABLE => true]);
    for (id, params) in [
        (ck::CKM_AES_CBC, Params::Iv(vec![0; 16].into())),
        (ck::CKM_AES_CBC_PAD, Params::Iv(vec![0; 16].into())),
        (ck::CKM_AES_KEY_WRAP, Params::None),
        (ck::CKM_AES_KEY_WRAP_KWP, Params::None),
        (ck::CKM_AES_KEY_WRAP_PKCS7, Params::None),
    ] {
        let request = || fixture.request(id, params.clone());
        let blob = full(|out| session.wrap_key(request(), wrapping, free, out)).unwrap();
        let unwrapped = |more| {
            let template = attrs![
                CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
                CKA_DERIVE => true,
            ];
            let template = with(template, more);
            session.unwrap_key(request(), wrapping, &blob, &template)
        };
        let key = unwrapped(vec![]).unwrap();
        let copy = session
            .copy_object(key, &attrs![CKA_LABEL => "copy"])
            .unwrap();
        for key in [key, copy] {
            let half = derive(&fixture, extract(0), key, 16);
            returns!(half, CKR_KEY_SIZE_RANGE, "{id:#x}");
            returns!(derive(&fixture, xor(32), key, 32), CKR_OK);
            returns!(derive(&fixture, extract(0), key, 32), CKR_OK);
        }
        // Whoever may read the key knows all of it.
        let open = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
        let open = unwrapped(open).unwrap();
        returns!(derive(&fixture, extract(0), open, 16), CKR_OK, "{id:#x}");
    }
}

/// A key of 17 bytes that leaves by CKM_AES_KEY_WRAP_PKCS7 and comes back by CKM_AES_KEY_WRAP has its padding
/// behind it: its last byte and 15 known ones would be a piece of 16.
#[test]
fn a_padding_that_came_along_is_no_part_of_a_piece() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let trusted = trusted_key(&fixture, vec![]);
    let picky = || attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
    let kw = || fixture.plain(ck::CKM_AES_KEY_WRAP);
    let pkcs7 = || fixture.plain(ck::CKM_AES_KEY_WRAP_PKCS7);
    let template = with(
        attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_DERIVE => true,
        ],
        picky(),
    );
    // No trusted key would open what is padded by less than a block, so it does not leave so.
    let odd = generic(&fixture, with(picky(), attrs![CKA_VALUE => &[7; 17]]));
    let outcome = full(|out| session.wrap_key(pkcs7(), trusted, odd, out));
    returns!(outcome, CKR_KEY_SIZE_RANGE);
    let mut key = generic(&fixture, with(picky(), attrs![CKA_VALUE => &[7; 24]]));
    for len in [32, 40, 48] {
        let blob = full(|out| session.wrap_key(pkcs7(), trusted, key, out)).unwrap();
        key = session.unwrap_key(kw(), trusted, &blob, &template).unwrap();
        for (place, cut) in [(0, 16), (16, 16), (0, 24), (24, 8)] {
            let part = derive(&fixture, extract(place), key, cut);
            returns!(part, CKR_KEY_SIZE_RANGE, "{place} {cut} of {len}");
        }
        returns!(derive(&fixture, extract(0), key, len), CKR_OK);
    }
}

/// A key schedule cut into keys, a shorter key of a longer one, two keys joined.
#[test]
fn what_clients_derive_works() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = generic(&fixture, attrs![CKA_SENSITIVE => true]);
    let hkdf = Params::Hkdf {
        hash: Hash::Sha256,
        salt: None,
        info: b"keys".to_vec(),
        expand: true,
    };
    let block = derive(&fixture, (ck::CKM_HKDF_DERIVE, hkdf), key, 64).unwrap();
    for byte in [0, 16, 32] {
        returns!(derive(&fixture, extract(byte), block, 32), CKR_OK);
    }
    let aes = |base, step: (ck::CK_MECHANISM_TYPE, Params)| {
        let request = fixture.request(step.0, step.1);
        let template = attrs![
            CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 16, CKA_ENCRYPT => true,
        ];
        session.derive_key(request, base, &template)
    };
    let long = secret(session, ck::CKK_AES, attrs![CKA_SENSITIVE => true]).private;
    returns!(aes(long, extract(0)), CKR_OK);
    returns!(aes(long, extract(16)), CKR_OK);
    let joined = derive(&fixture, and_key(long), key, 64).unwrap();
    returns!(derive(&fixture, extract(32), joined, 32), CKR_OK);
    let salted = derive(&fixture, behind(5), key, 37).unwrap();
    let hash = (ck::CKM_SHA256_KEY_DERIVATION, Params::None);
    returns!(derive(&fixture, hash, salted, 32), CKR_OK);
}
