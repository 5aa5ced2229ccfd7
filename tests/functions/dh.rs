//! Diffie-Hellman by the C functions: published secrets, the group's numbers, and what a caller must not learn.

use cryptoki_sys::*;
use tenon_pkcs11::api::crypto::hash::Hash;

use super::hsm::{CKK_GENERIC_SECRET_BYTES, Hsm, open, test};
use crate::client::{Answer, Key, Mechanism, Pair};
use crate::vectors::{bytes, hex, list, load};

const CKK_DH_BYTES: &[u8] = &CKK_DH.to_ne_bytes();
const PRIVATE: &[u8] = &CKO_PRIVATE_KEY.to_ne_bytes();
const PARAMETERS: &[u8] = &CKO_DOMAIN_PARAMETERS.to_ne_bytes();
const TRUE: &[u8] = &[CK_TRUE];

/// Prime, base, private value, the other's public value and the secret.
fn published() -> Vec<[Vec<u8>; 5]> {
    let names = ["prime", "base", "private", "peer", "shared"];
    let vectors = load("dh.json");
    let cases = list(&vectors, "agreements").iter();
    cases
        .map(|case| names.map(|name| bytes(case, name)))
        .collect()
}

fn private_key(hsm: &Hsm, p: &[u8], g: &[u8], x: &[u8]) -> Answer<Key> {
    hsm.client.create(&[
        (CKA_CLASS, PRIVATE),
        (CKA_KEY_TYPE, CKK_DH_BYTES),
        (CKA_PRIME, p),
        (CKA_BASE, g),
        (CKA_VALUE, x),
        (CKA_DERIVE, TRUE),
        (CKA_DECAPSULATE, TRUE),
        (CKA_SENSITIVE, TRUE),
    ])
}

fn generate(hsm: &Hsm, p: &[u8], g: &[u8], bits: Option<&[u8]>) -> Answer<Pair> {
    let mut private = vec![(CKA_DERIVE, TRUE)];
    private.extend(bits.map(|bits| (CKA_VALUE_BITS, bits)));
    let public = [(CKA_PRIME, p), (CKA_BASE, g)];
    hsm.client.generate_pair(
        Mechanism::Plain(CKM_DH_PKCS_KEY_PAIR_GEN),
        &public,
        &private,
    )
}

fn read<const N: usize>(hsm: &Hsm, key: Key, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let mut value = vec![0; N];
    let read = hsm.client.attributes(key, &mut [(kind, &mut value)])?;
    value.truncate(read[0]);
    Ok(value)
}

fn domain_parameters(hsm: &Hsm, bits: u64) -> Answer<Key> {
    let bits = bits.to_ne_bytes();
    let template = [(CKA_PRIME_BITS, &bits[..]), (CKA_TOKEN, TRUE)];
    hsm.client
        .generate(Mechanism::Plain(CKM_DH_PKCS_PARAMETER_GEN), &template)
}

/// Bits of the primes of RFC 3526, with their SHA-256 as the openssl program has them.
const RFC3526: [(u64, &str); 5] = [
    (
        2048,
        "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e",
    ),
    (
        3072,
        "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c",
    ),
    (
        4096,
        "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33",
    ),
    (
        6144,
        "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd",
    ),
    (
        8192,
        "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf",
    ),
];

test! {
    fn published_secrets_are_derived_whole_and_cut(hsm) {
        for [p, g, x, peer, shared] in published() {
            let key = private_key(hsm, &p, &g, &x).unwrap();
            let derive = Mechanism::Bytes(CKM_DH_PKCS_DERIVE, &peer);
            let whole = hsm.client.derive(derive, key, &open(CKK_GENERIC_SECRET_BYTES)).unwrap();
            assert_eq!(hsm.value(whole), shared);
            let mut template = open(CKK_GENERIC_SECRET_BYTES);
            let len = 48_u64.to_ne_bytes();
            template.push((CKA_VALUE_LEN, &len));
            let cut = hsm.client.derive(derive, key, &template).unwrap();
            assert_eq!(hsm.value(cut), shared[shared.len() - 48..]);
        }
    }

    fn a_new_pair_has_the_numbers_that_were_asked_for(hsm) {
        let [p, g, ..] = &published()[0];
        let bits = 300_u64.to_ne_bytes();
        let padded = [&[0][..], p].concat();
        let [one, two] = [p, &padded].map(|p| generate(hsm, p, g, Some(&bits)).unwrap());
        let value = |pair: &Pair| read::<512>(hsm, pair.public, CKA_VALUE).unwrap();
        for pair in [&one, &two] {
            for key in [pair.public, pair.private] {
                assert_eq!(read::<512>(hsm, key, CKA_PRIME).unwrap(), *p);
                assert_eq!(read::<512>(hsm, key, CKA_BASE).unwrap(), *g);
            }
            assert_eq!(read::<8>(hsm, pair.private, CKA_VALUE_BITS).unwrap(), bits);
            assert_eq!(read::<512>(hsm, pair.private, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
        }
        let shared = |own: &Pair, other: &Pair| {
            let peer = value(other);
            let derive = Mechanism::Bytes(CKM_DH_PKCS_DERIVE, &peer);
            let key = hsm.client.derive(derive, own.private, &open(CKK_GENERIC_SECRET_BYTES));
            hsm.value(key.unwrap())
        };
        assert_eq!(shared(&one, &two), shared(&two, &one));
    }

    fn groups_and_values_that_are_none_are_refused(hsm) {
        let [p, g, x, ..] = &published()[0];
        let mut composite = p.clone();
        composite[200] ^= 1;
        let generated = |p: &[u8], g: &[u8], bits: u64| {
            generate(hsm, p, g, Some(&bits.to_ne_bytes())).err()
        };
        assert_eq!(generated(&composite, g, 256), Some(CKR_DOMAIN_PARAMS_INVALID));
        assert_eq!(generated(p, &[1], 256), Some(CKR_DOMAIN_PARAMS_INVALID));
        assert_eq!(generated(&p[..128], g, 256), Some(CKR_KEY_SIZE_RANGE));
        assert_eq!(generated(p, g, 160), Some(CKR_KEY_SIZE_RANGE));
        for (p, g, x) in [(&composite, g, x), (p, &vec![1], x), (p, g, &vec![1]), (p, g, p)] {
            assert_eq!(private_key(hsm, p, g, x), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        }
        let key = private_key(hsm, p, g, x).unwrap();
        let mut last = p.clone();
        *last.last_mut().unwrap() ^= 1;
        for wrong in [&[][..], &[0], &[1], &last, p] {
            let derive = Mechanism::Bytes(CKM_DH_PKCS_DERIVE, wrong);
            let derived = hsm.client.derive(derive, key, &open(CKK_GENERIC_SECRET_BYTES));
            assert_eq!(derived, Err(CKR_MECHANISM_PARAM_INVALID));
        }
    }

    // Of the closed secret of a closed key no piece is cut that could be guessed.
    fn a_closed_secret_is_not_cut_short(hsm) {
        let [p, g, x, peer, _] = &published()[0];
        let key = private_key(hsm, p, g, x).unwrap();
        let derive = |len: u64| {
            let len = len.to_ne_bytes();
            let closed = [
                (CKA_KEY_TYPE, CKK_GENERIC_SECRET_BYTES),
                (CKA_SENSITIVE, TRUE),
                (CKA_VALUE_LEN, &len),
            ];
            hsm.client.derive(Mechanism::Bytes(CKM_DH_PKCS_DERIVE, peer), key, &closed).err()
        };
        for len in [1, 8, 15, 17, 255, 257] {
            assert_eq!(derive(len), Some(CKR_KEY_SIZE_RANGE), "{len}");
        }
        for len in [16, 24, 48, 256] {
            assert_eq!(derive(len), None, "{len}");
        }
    }

    // The numbers go into the templates of a pair, as section 4.12 says that they must.
    fn domain_parameters_are_those_of_a_known_group(hsm) {
        for (bits, digest) in RFC3526 {
            let parameters = domain_parameters(hsm, bits).unwrap();
            let p = read::<1024>(hsm, parameters, CKA_PRIME).unwrap();
            assert_eq!(Hash::Sha256.digest(&[&p]), hex(digest));
            assert_eq!(read::<8>(hsm, parameters, CKA_BASE), Ok(vec![2]));
            assert_eq!(read::<8>(hsm, parameters, CKA_PRIME_BITS), Ok(bits.to_ne_bytes().to_vec()));
            for (kind, value) in [(CKA_LOCAL, vec![1]), (CKA_KEY_TYPE, CKK_DH_BYTES.to_vec()), (CKA_TOKEN, vec![1])] {
                assert_eq!(read::<8>(hsm, parameters, kind), Ok(value), "{kind:#x}");
            }
            for kind in [CKA_KEY_GEN_MECHANISM, CKA_ID, CKA_SENSITIVE, CKA_DERIVE, CKA_VALUE] {
                assert_eq!(read::<8>(hsm, parameters, kind), Err(CKR_ATTRIBUTE_TYPE_INVALID), "{kind:#x}");
            }
            if bits == 2048 {
                let pair = generate(hsm, &p, &[2], None).unwrap();
                assert_eq!(read::<512>(hsm, pair.public, CKA_PRIME), Ok(p));
            }
        }
        for bits in [0, 1, 1024, 1536, 2047, 2049, 8193, u64::MAX] {
            assert_eq!(domain_parameters(hsm, bits), Err(CKR_KEY_SIZE_RANGE), "{bits}");
        }
        let generate = |template: &[(CK_ATTRIBUTE_TYPE, &[u8])]| {
            hsm.client.generate(Mechanism::Plain(CKM_DH_PKCS_PARAMETER_GEN), template)
        };
        assert_eq!(generate(&[]), Err(CKR_TEMPLATE_INCOMPLETE));
        let bits = 2048_u64.to_ne_bytes();
        let (class, key_type) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_RSA.to_ne_bytes());
        for (kind, value, rv) in [
            (CKA_CLASS, &class[..], CKR_TEMPLATE_INCONSISTENT),
            (CKA_KEY_TYPE, &key_type[..], CKR_ATTRIBUTE_VALUE_INVALID),
            (CKA_SENSITIVE, TRUE, CKR_TEMPLATE_INCONSISTENT),
            (CKA_PRIME, &[7], CKR_ATTRIBUTE_READ_ONLY),
        ] {
            assert_eq!(generate(&[(CKA_PRIME_BITS, &bits), (kind, value)]), Err(rv), "{kind:#x}");
        }
        let parameter = Mechanism::Bytes(CKM_DH_PKCS_PARAMETER_GEN, &[1]);
        let refused = hsm.client.generate(parameter, &[(CKA_PRIME_BITS, &bits)]);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }

    fn domain_parameters_are_proven_and_found(hsm) {
        let [p, g, ..] = &published()[0];
        let create = |p: &[u8], g: &[u8]| {
            hsm.client.create(&[
                (CKA_CLASS, PARAMETERS),
                (CKA_KEY_TYPE, CKK_DH_BYTES),
                (CKA_LABEL, b"a group"),
                (CKA_PRIME, p),
                (CKA_BASE, g),
            ])
        };
        let padded = [&[0][..], p].concat();
        let parameters = create(&padded, g).unwrap();
        assert_eq!(read::<512>(hsm, parameters, CKA_PRIME).as_ref(), Ok(p));
        let bits = 8 * p.len() as u64;
        assert_eq!(read::<8>(hsm, parameters, CKA_PRIME_BITS), Ok(bits.to_ne_bytes().to_vec()));
        assert_eq!(read::<8>(hsm, parameters, CKA_LOCAL), Ok(vec![0]));
        let found = hsm.client.find(&[(CKA_CLASS, PARAMETERS), (CKA_KEY_TYPE, CKK_DH_BYTES), (CKA_PRIME, p)]);
        assert_eq!(found, Ok(vec![parameters]));
        let mut composite = p.clone();
        composite[200] ^= 1;
        for (p, g, rv) in [
            (&composite[..], &g[..], CKR_ATTRIBUTE_VALUE_INVALID),
            (p, &[1], CKR_ATTRIBUTE_VALUE_INVALID),
            (&p[..128], g, CKR_KEY_SIZE_RANGE),
        ] {
            assert_eq!(create(p, g), Err(rv));
        }
        // They are no key.
        let peer = &published()[0][3];
        let derive = Mechanism::Bytes(CKM_DH_PKCS_DERIVE, peer);
        let derived = hsm.client.derive(derive, parameters, &open(CKK_GENERIC_SECRET_BYTES));
        assert_eq!(derived.err(), Some(CKR_KEY_HANDLE_INVALID));
    }
}
