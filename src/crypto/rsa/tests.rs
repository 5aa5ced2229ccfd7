use rsa::pkcs8::DecodePrivateKey;

use super::*;
use crate::crypto::hash::Hash;
use crate::crypto::sys::bn::Bn;
use crate::crypto::vectors::{bytes, list, load, text};
use crate::crypto::{Error, Result};
use crate::keytype::Material;

pub(super) const HASHES: [Hash; 9] = [
    Hash::Sha1,
    Hash::Sha224,
    Hash::Sha256,
    Hash::Sha384,
    Hash::Sha512,
    Hash::Sha3_224,
    Hash::Sha3_256,
    Hash::Sha3_384,
    Hash::Sha3_512,
];

const E: [u8; 3] = [1, 0, 1];

/// The hash that a vector file calls `name`.
pub(super) fn named(name: &str) -> Hash {
    if name == "md5" {
        return Hash::Md5;
    }
    let names = [
        "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384",
        "sha3-512",
    ];
    HASHES[names.iter().position(|known| *known == name).unwrap()]
}

fn material(pkcs8: &[u8]) -> Result<RsaMaterial> {
    let material = Material::from_pkcs8(pkcs8)?;
    Ok(material.of().cloned().expect("an RSA key"))
}

pub(super) fn fixture() -> RsaMaterial {
    material(&bytes(&load("rsa/openssl.json"), "pkcs8")).unwrap()
}

pub(super) fn pair(material: &RsaMaterial) -> (PrivateKey, PublicKey) {
    let public = PublicKey::new(&material.n, &material.e).unwrap();
    (PrivateKey::new(material).unwrap(), public)
}

fn decrypt_pkcs1(key: &PrivateKey, ciphertext: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; key.modulus_len()];
    let len = key.decrypt_pkcs1(ciphertext, &mut out)?;
    out.truncate(len);
    Ok(out)
}

fn decrypt_oaep(
    key: &PrivateKey,
    (hash, mgf): (Hash, Hash),
    label: &[u8],
    ciphertext: &[u8],
) -> Result<Vec<u8>> {
    let mut out = vec![0; key.modulus_len()];
    let len = key.decrypt_oaep(hash, mgf, label, ciphertext, &mut out)?;
    out.truncate(len);
    Ok(out)
}

#[test]
fn implicit_rejection_gives_the_messages_of_the_draft() {
    for key in list(&load("rsa/implicit_rejection.json"), "keys") {
        let private = PrivateKey::new(&material(&bytes(key, "pkcs8")).unwrap()).unwrap();
        for case in list(key, "cases") {
            let message = decrypt_pkcs1(&private, &bytes(case, "ciphertext"));
            assert_eq!(message, Ok(bytes(case, "message")), "{}", text(case, "id"));
        }
    }
}

#[test]
fn implicit_rejection_agrees_with_an_independent_implementation() {
    let pkcs8 = bytes(&load("rsa/openssl.json"), "pkcs8");
    let other = rsa::RsaPrivateKey::from_pkcs8_der(&pkcs8).unwrap();
    let (private, _) = pair(&material(&pkcs8).unwrap());
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0u8..40 {
        let mut ciphertext = Hash::Sha256.digest(&[&[seed]]).repeat(8);
        ciphertext[0] &= 0x7F;
        let message = decrypt_pkcs1(&private, &ciphertext).unwrap();
        lengths.insert(message.len());
        let expected = other.decrypt(rsa::Pkcs1v15Encrypt, &ciphertext).unwrap();
        assert_eq!(message, expected);
    }
    assert!(lengths.len() > 20, "the lengths are random too");
}

#[test]
fn only_right_padding_is_said_to_be_right() {
    let (private, public) = pair(&fixture());
    let mut ciphertext = vec![0; public.modulus_len()];
    public.encrypt_pkcs1(b"mortise", &mut ciphertext).unwrap();
    let (message, valid) = private.open_pkcs1(&ciphertext).unwrap();
    assert!(message.ct_eq(b"mortise") && bool::from(valid));
    // 40 random blocks have right padding with a probability of one in a thousand.
    for seed in 0u8..40 {
        let mut ciphertext = Hash::Sha256.digest(&[b"blocks", &[seed]]).repeat(8);
        ciphertext[0] &= 0x7F;
        let (substitute, valid) = private.open_pkcs1(&ciphertext).unwrap();
        assert!(!bool::from(valid), "{seed}");
        assert_eq!(
            decrypt_pkcs1(&private, &ciphertext),
            Ok(substitute.to_vec())
        );
    }
}

#[test]
fn a_decoy_depends_on_the_key_and_the_ciphertext() {
    let (private, _) = pair(&fixture());
    let decoy = private.decoy(b"one", 32).unwrap();
    assert_eq!(decoy.len(), 32);
    assert!(private.decoy(b"one", 32).unwrap().ct_eq(&decoy));
    assert!(!private.decoy(b"two", 32).unwrap().ct_eq(&decoy));
    for len in [0, 1, 33, 1000] {
        assert_eq!(private.decoy(b"one", len).unwrap().len(), len);
    }
}

#[test]
fn what_the_openssl_program_made_is_understood_and_made_alike() {
    let vectors = load("rsa/openssl.json");
    let (private, public) = pair(&fixture());
    let message = bytes(&vectors, "message");
    for case in list(&vectors, "oaep") {
        let hashes = (named(text(case, "hash")), named(text(case, "mgf")));
        let (label, ciphertext) = (bytes(case, "label"), bytes(case, "ciphertext"));
        let opened = decrypt_oaep(&private, hashes, &label, &ciphertext);
        assert_eq!(opened.as_ref(), Ok(&message), "{hashes:?}");
        let opened = decrypt_oaep(&private, hashes, b"another label", &ciphertext);
        assert_eq!(opened, Err(Error::BadCiphertext));
    }
    let mut out = vec![0; private.modulus_len()];
    for case in list(&vectors, "pkcs1_signatures") {
        let hash = named(text(case, "hash"));
        let digest = hash.digest(&[&message]);
        let signature = bytes(case, "signature");
        assert_eq!(private.sign_pkcs1(Some(hash), &digest, &mut out), Ok(256));
        assert_eq!(out, signature, "{hash:?}");
        assert_eq!(public.verify_pkcs1(Some(hash), &digest, &signature), Ok(()));
    }
    let signature = bytes(&vectors, "raw_signature");
    assert_eq!(private.sign_pkcs1(None, &message, &mut out), Ok(256));
    assert_eq!(out, signature);
    assert_eq!(public.verify_pkcs1(None, &message, &signature), Ok(()));
    let refused = public.verify_pkcs1(None, b"another", &signature);
    assert_eq!(refused, Err(Error::BadSignature));
    let opened = decrypt_pkcs1(&private, &bytes(&vectors, "pkcs1_ciphertext"));
    assert_eq!(opened, Ok(message));
}

#[test]
fn public_operations_agree_with_an_independent_implementation() {
    let pkcs8 = bytes(&load("rsa/openssl.json"), "pkcs8");
    let other = rsa::RsaPrivateKey::from_pkcs8_der(&pkcs8).unwrap();
    let (private, public) = pair(&material(&pkcs8).unwrap());
    let mut out = vec![0; public.modulus_len()];

    public.encrypt_pkcs1(b"mortise", &mut out).unwrap();
    let opened = other.decrypt(rsa::Pkcs1v15Encrypt, &out);
    assert_eq!(opened.unwrap(), b"mortise");

    let (hash, mgf) = (Hash::Sha256, Hash::Sha1);
    public
        .encrypt_oaep(hash, mgf, b"label", b"mortise", &mut out)
        .unwrap();
    let scheme = rsa::Oaep::<sha2::Sha256, sha1::Sha1>::new_with_mgf_hash_and_label(*b"label");
    assert_eq!(other.decrypt(scheme, &out).unwrap(), b"mortise");

    let digest = Hash::Sha3_512.digest(&[b"mortise"]);
    private
        .sign_pkcs1(Some(Hash::Sha3_512), &digest, &mut out)
        .unwrap();
    let scheme = rsa::Pkcs1v15Sign::new::<sha3::Sha3_512>();
    other.to_public_key().verify(scheme, &digest, &out).unwrap();
}

#[test]
fn oaep_takes_every_hash_with_every_other() {
    let (private, public) = pair(&fixture());
    let mut ciphertext = vec![0; public.modulus_len()];
    for hash in HASHES {
        let capacity = public.modulus_len() - 2 * hash.len() - 2;
        for mgf in HASHES {
            let message = vec![7; capacity];
            let len = public.encrypt_oaep(hash, mgf, b"", &message, &mut ciphertext);
            assert_eq!(len, Ok(256));
            let opened = decrypt_oaep(&private, (hash, mgf), b"", &ciphertext);
            assert_eq!(opened, Ok(message));
        }
        let too_long = vec![7; capacity + 1];
        let refused = public.encrypt_oaep(hash, hash, b"", &too_long, &mut ciphertext);
        assert_eq!(refused, Err(Error::InputLength));
    }
}

#[test]
fn lengths_and_ranges_are_refused() {
    let material = fixture();
    let (private, public) = pair(&material);
    let mut out = vec![0; 256];
    for len in [0, 1, 255, 257, 512] {
        let ciphertext = vec![1; len];
        assert_eq!(
            decrypt_pkcs1(&private, &ciphertext),
            Err(Error::CiphertextLength)
        );
        let refused = decrypt_oaep(&private, (Hash::Sha1, Hash::Sha1), b"", &ciphertext);
        assert_eq!(refused, Err(Error::CiphertextLength));
        let refused = public.verify_pkcs1(None, b"T", &ciphertext);
        assert_eq!(refused, Err(Error::SignatureLength));
    }
    let one = [&[0; 255][..], &[1]].concat();
    let mut last = material.n.clone();
    last[255] -= 1;
    for fixed_point in [&[0; 256][..], &one, &last] {
        let rejected = decrypt_pkcs1(&private, fixed_point).unwrap();
        assert_eq!(decrypt_pkcs1(&private, fixed_point), Ok(rejected));
    }
    for ciphertext in [&material.n[..], &[0xFF; 256]] {
        assert_eq!(
            decrypt_pkcs1(&private, ciphertext),
            Err(Error::BadCiphertext)
        );
        let refused = decrypt_oaep(&private, (Hash::Sha1, Hash::Sha1), b"", ciphertext);
        assert_eq!(refused, Err(Error::BadCiphertext));
        let refused = public.verify_pkcs1(None, b"T", ciphertext);
        assert_eq!(refused, Err(Error::BadSignature));
    }
    let message = [7; 246];
    assert_eq!(
        public.encrypt_pkcs1(&message, &mut out),
        Err(Error::InputLength)
    );
    assert_eq!(
        private.sign_pkcs1(None, &message, &mut out),
        Err(Error::InputLength)
    );
    assert_eq!(public.encrypt_pkcs1(&message[..245], &mut out), Ok(256));
    assert_eq!(decrypt_pkcs1(&private, &out), Ok(message[..245].to_vec()));
    assert_eq!(public.encrypt_pkcs1(b"", &mut out), Ok(256));
    assert_eq!(decrypt_pkcs1(&private, &out), Ok(Vec::new()));
    let short_digest = private.sign_pkcs1(Some(Hash::Sha256), &[0; 31], &mut out);
    assert_eq!(short_digest, Err(Error::InputLength));
}

#[test]
fn one_key_serves_several_threads() {
    let (private, public) = pair(&fixture());
    std::thread::scope(|scope| {
        for message in [b"one", b"two", b"six"] {
            let (private, public) = (&private, &public);
            scope.spawn(move || {
                let mut signature = vec![0; 256];
                for _ in 0..10 {
                    private.sign_pkcs1(None, message, &mut signature).unwrap();
                    public.verify_pkcs1(None, message, &signature).unwrap();
                }
            });
        }
    });
}

#[test]
fn generated_keys_are_what_was_asked_for() {
    for e in [&E[..], &[3]] {
        let made = generate(2048, e).unwrap();
        assert_eq!(made.e, e);
        let primes = Some((&*made.p, &*made.q));
        let again = RsaMaterial::checked(&made.n, &made.e, &made.d, primes).unwrap();
        assert!(again.dp.ct_eq(&made.dp) && again.dq.ct_eq(&made.dq));
        assert!(again.qinv.ct_eq(&made.qinv));
        let (private, public) = pair(&made);
        assert_eq!((private.bits(), public.bits()), (2048, 2048));
    }
    for bits in [0, 1022, 2047, 8193, 8194, 8320, u64::MAX] {
        assert_eq!(generate(bits, &E).unwrap_err(), Error::KeySize, "{bits}");
    }
    let long = [&[1][..], &[0; 31], &[1]].concat();
    for e in [&[][..], &[1], &[1, 0, 0], &long] {
        assert!(
            matches!(generate(2048, e), Err(Error::InvalidKey(_))),
            "{e:?}"
        );
    }
}

#[test]
fn every_even_size_and_long_exponents_are_made() {
    let longest = [&[0x80][..], &[0; 30], &[0x5F]].concat();
    let cases: [(u64, &[u8]); 6] = [
        (1024, &E),
        (1026, &E),
        (1538, &[3]),
        (2056, &E),
        (2048, &[1, 0, 0, 0, 1]),
        (1024, &longest),
    ];
    for (bits, e) in cases {
        let made = generate(bits, e).unwrap();
        assert_eq!(made.e, e);
        let primes = Some((&*made.p, &*made.q));
        assert!(RsaMaterial::checked(&made.n, &made.e, &made.d, primes).is_ok());
        let (private, public) = pair(&made);
        assert_eq!((private.bits() as u64, public.bits() as u64), (bits, bits));
        let mut signature = vec![0; private.modulus_len()];
        private.sign_pkcs1(None, b"T", &mut signature).unwrap();
        public.verify_pkcs1(None, b"T", &signature).unwrap();
        let mut ciphertext = vec![0; public.modulus_len()];
        public
            .encrypt_oaep(Hash::Sha256, Hash::Sha1, b"", b"message", &mut ciphertext)
            .unwrap();
        let mut message = vec![0; private.modulus_len()];
        let len = private
            .decrypt_oaep(Hash::Sha256, Hash::Sha1, b"", &ciphertext, &mut message)
            .unwrap();
        assert_eq!(&message[..len], b"message");
    }
}

#[test]
fn import_finds_what_is_missing() {
    let given = fixture();
    let padded = [&[0, 0], &given.n[..]].concat();
    let found = RsaMaterial::checked(&padded, &given.e, &given.d, None).unwrap();
    let factors = [&found.p, &found.q];
    assert!(factors.iter().any(|factor| factor.ct_eq(&given.p)));
    assert!(factors.iter().any(|factor| factor.ct_eq(&given.q)));
    assert_eq!(found.n, given.n);
    // Whichever prime came first, the key works.
    let (private, public) = pair(&found);
    let mut signature = vec![0; 256];
    private.sign_pkcs1(None, b"T", &mut signature).unwrap();
    public.verify_pkcs1(None, b"T", &signature).unwrap();

    let small_e = generate(2048, &[3]).unwrap();
    assert!(RsaMaterial::checked(&small_e.n, &[3], &small_e.d, None).is_ok());
}

#[test]
fn import_takes_d_modulo_phi_and_modulo_lambda() {
    let key = fixture();
    let number = |bytes: &[u8]| Bn::from_bytes(bytes).unwrap();
    let (p1, q1) = (
        number(&key.p).minus(1).unwrap(),
        number(&key.q).minus(1).unwrap(),
    );
    let phi = p1.times(&q1).unwrap();
    let lambda = phi
        .divided_vartime(&p1.gcd_vartime(&q1).unwrap())
        .unwrap()
        .0;
    let reduced = number(&key.d).modulo_vartime(&lambda).unwrap().to_secret();
    assert!(!reduced.ct_eq(&key.d) || number(&key.d).bits() < lambda.bits());
    for d in [&reduced, &key.d] {
        let taken = RsaMaterial::checked(&key.n, &key.e, d, Some((&key.p, &key.q))).unwrap();
        assert!(taken.d.ct_eq(d) && taken.dp.ct_eq(&key.dp));
    }
}

#[test]
fn import_refuses_keys_that_are_not() {
    let key = fixture();
    let other = generate(2048, &E).unwrap();
    let primes = Some((&*key.p, &*key.q));
    let invalid =
        |n: &[u8], e: &[u8], d: &[u8], primes: Option<(&[u8], &[u8])>| match RsaMaterial::checked(
            n, e, d, primes,
        ) {
            Err(Error::InvalidKey(what)) => what,
            other => panic!("{other:?}"),
        };
    let bits_off = |bytes: &[u8], mask: u8| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= mask;
        bytes
    };
    let product = |p: &[u8], q: &[u8]| {
        let (p, q) = (Bn::from_bytes(p).unwrap(), Bn::from_bytes(q).unwrap());
        p.times(&q).unwrap().to_secret().to_vec()
    };

    for e in [&[][..], &[1], &[2], &[1, 0, 0]] {
        assert_eq!(
            invalid(&key.n, e, &key.d, primes),
            "the public exponent is even or 1"
        );
    }
    let large = [&[1][..], &[0; 31], &[1]].concat();
    assert_eq!(
        invalid(&key.n, &large, &key.d, primes),
        "the public exponent is too large"
    );
    assert_eq!(
        invalid(&bits_off(&key.n, 1), &E, &key.d, primes),
        "the modulus is even"
    );
    assert_eq!(
        invalid(&other.n, &E, &key.d, primes),
        "the modulus is not p·q"
    );
    for d in [&[][..], &[1], &key.n, &[0xFF; 257]] {
        assert_eq!(
            invalid(&key.n, &E, d, primes),
            "the private exponent is out of range"
        );
    }
    let wrong = "e·d is not 1 modulo lcm(p - 1, q - 1)";
    assert_eq!(invalid(&key.n, &E, &bits_off(&key.d, 2), primes), wrong);
    assert_eq!(invalid(&key.n, &[3], &key.d, primes), wrong);
    let apart = "n, e and d do not belong together";
    assert_eq!(invalid(&key.n, &E, &bits_off(&key.d, 2), None), apart);
    assert_eq!(invalid(&key.n, &E, &bits_off(&key.d, 1), None), apart);

    let square = product(&key.p, &key.p);
    let twins = Some((&*key.p, &*key.p));
    assert_eq!(invalid(&square, &E, &key.d, twins), "p and q are equal");
    let composite = product(&[3], &key.p);
    let n = product(&composite, &key.q);
    let primes_of_n = Some((&*composite, &*key.q));
    assert_eq!(invalid(&n, &E, &key.d, primes_of_n), "p or q is not prime");
    let small = "a prime factor is too small or too large";
    assert_eq!(invalid(&key.n, &E, &key.d, Some((&key.n, &[1]))), small);
    assert_eq!(
        invalid(&key.n, &E, &key.d, Some((&[0xFF; 4096], &key.q))),
        small
    );

    for n in [&key.n[..127], &[0xFF; 1025], &[]] {
        let refused = RsaMaterial::checked(n, &E, &key.d, primes);
        assert_eq!(refused.unwrap_err(), Error::KeySize);
    }
}

#[test]
fn import_refuses_roca_keys() {
    let refused = material(&bytes(&load("rsa/roca.json"), "pkcs8")).unwrap_err();
    let Error::InvalidKey(what) = refused else {
        panic!("{refused}");
    };
    assert!(what.contains("ROCA"), "{what}");
}

#[test]
fn keys_that_never_passed_the_checks_are_refused_all_the_same() {
    let mut key = fixture();
    key.qinv[5] ^= 1;
    assert!(matches!(PrivateKey::new(&key), Err(Error::InvalidKey(_))));
}
