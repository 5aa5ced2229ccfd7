//! DSA by the C functions: what is on by default, the numbers of domain parameters, and what a caller must not read.

use cryptoki_sys::*;

use super::hsm::{Hsm, test};
use crate::client::{Answer, Key, Mechanism, Pair, Way};
use crate::vectors::{bytes, list, load};

const CKK_DSA_BYTES: &[u8] = &CKK_DSA.to_ne_bytes();
const PUBLIC: &[u8] = &CKO_PUBLIC_KEY.to_ne_bytes();
const PRIVATE: &[u8] = &CKO_PRIVATE_KEY.to_ne_bytes();
const PARAMETERS: &[u8] = &CKO_DOMAIN_PARAMETERS.to_ne_bytes();
const TRUE: &[u8] = &[CK_TRUE];

/// Prime, subprime, base, private value and public value of a published key of each size.
fn published() -> Vec<[Vec<u8>; 5]> {
    let names = ["prime", "subprime", "base", "private", "public"];
    let vectors = load("dsa.json");
    let cases = list(&vectors, "keys").iter();
    cases
        .map(|case| names.map(|name| bytes(case, name)))
        .collect()
}

fn create(hsm: &Hsm, class: &[u8], [p, q, g]: [&[u8]; 3], value: &[u8]) -> Answer<Key> {
    let mut template = vec![
        (CKA_CLASS, class),
        (CKA_KEY_TYPE, CKK_DSA_BYTES),
        (CKA_PRIME, p),
        (CKA_SUBPRIME, q),
        (CKA_BASE, g),
    ];
    if class != PARAMETERS {
        template.push((CKA_VALUE, value));
    }
    if class == PRIVATE {
        template.push((CKA_SENSITIVE, TRUE));
    }
    hsm.client.create(&template)
}

fn generate(hsm: &Hsm, [p, q, g]: [&[u8]; 3]) -> Answer<Pair> {
    let public = [(CKA_PRIME, p), (CKA_SUBPRIME, q), (CKA_BASE, g)];
    let mechanism = Mechanism::Plain(CKM_DSA_KEY_PAIR_GEN);
    hsm.client.generate_pair(mechanism, &public, &[])
}

fn domain_parameters(hsm: &Hsm, bits: &[(CK_ATTRIBUTE_TYPE, u64)]) -> Answer<Key> {
    let bits: Vec<_> = bits
        .iter()
        .map(|(kind, bits)| (*kind, bits.to_ne_bytes()))
        .collect();
    let template: Vec<_> = bits.iter().map(|(kind, bits)| (*kind, &bits[..])).collect();
    let mechanism = Mechanism::Plain(CKM_DSA_PARAMETER_GEN);
    hsm.client.generate(mechanism, &template)
}

fn read(hsm: &Hsm, key: Key, kind: CK_ATTRIBUTE_TYPE) -> Answer<Vec<u8>> {
    let mut value = vec![0; 512];
    let read = hsm.client.attributes(key, &mut [(kind, &mut value)])?;
    value.truncate(read[0]);
    Ok(value)
}

fn number(number: u64) -> Vec<u8> {
    number.to_ne_bytes().to_vec()
}

fn sign(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: Key, message: &[u8]) -> Answer<Vec<u8>> {
    let mut signature = vec![0; 64];
    let how = Mechanism::Plain(kind);
    let len = hsm
        .client
        .sign(how, key, Way::Whole, message, &mut signature)?;
    signature.truncate(len);
    Ok(signature)
}

fn verify(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: Key, message: &[u8], signature: &[u8]) -> CK_RV {
    let how = Mechanism::Plain(kind);
    let answer = hsm.client.verify(how, key, Way::Whole, message, signature);
    answer.err().unwrap_or(CKR_OK)
}

test! {
    fn by_default_old_signatures_are_verified_and_none_are_made(hsm) {
        for kind in [CKM_DSA, CKM_DSA_SHA1, CKM_DSA_SHA256, CKM_DSA_SHA3_512] {
            let uses = hsm.flags(kind) & (CKF_SIGN | CKF_VERIFY | CKF_GENERATE | CKF_GENERATE_KEY_PAIR);
            assert_eq!(uses, CKF_VERIFY, "{kind:#x}");
        }
        let [p, q, g, x, y] = &published()[1];
        let group: [&[u8]; 3] = [p, q, g];
        assert_eq!(generate(hsm, group).err(), Some(CKR_MECHANISM_INVALID));
        let bits = [(CKA_PRIME_BITS, 2048)];
        assert_eq!(domain_parameters(hsm, &bits), Err(CKR_MECHANISM_INVALID));
        let private = create(hsm, PRIVATE, group, x).unwrap();
        assert_eq!(sign(hsm, CKM_DSA_SHA256, private, b"message"), Err(CKR_MECHANISM_INVALID));
        let public = create(hsm, PUBLIC, group, y).unwrap();
        let answer = verify(hsm, CKM_DSA_SHA256, public, b"message", &[1; 56]);
        assert_eq!(answer, CKR_SIGNATURE_INVALID);
        let answer = verify(hsm, CKM_DSA_SHA256, public, b"message", &[1; 64]);
        assert_eq!(answer, CKR_SIGNATURE_LEN_RANGE);
    }

}

test! {
    run_offering_all:
    fn published_keys_sign(hsm) {
        for [p, q, g, x, y] in published() {
            let group: [&[u8]; 3] = [&p, &q, &g];
            let private = create(hsm, PRIVATE, group, &x).unwrap();
            let public = create(hsm, PUBLIC, group, &[&[0], &y[..]].concat()).unwrap();
            assert_eq!(read(hsm, public, CKA_VALUE), Ok(y));
            assert_eq!(read(hsm, private, CKA_VALUE), Err(CKR_ATTRIBUTE_SENSITIVE));
            let info = read(hsm, private, CKA_PUBLIC_KEY_INFO);
            assert_eq!(info, read(hsm, public, CKA_PUBLIC_KEY_INFO));
            let signature = sign(hsm, CKM_DSA_SHA256, private, b"message").unwrap();
            assert_eq!(signature.len(), 2 * q.len());
            assert_eq!(verify(hsm, CKM_DSA_SHA256, public, b"message", &signature), CKR_OK);
            let answer = verify(hsm, CKM_DSA_SHA256, public, b"another", &signature);
            assert_eq!(answer, CKR_SIGNATURE_INVALID);
            assert_eq!(sign(hsm, CKM_DSA, private, &[7; 65]), Err(CKR_DATA_LEN_RANGE));
        }
    }

    fn pairs_are_made_of_new_domain_parameters(hsm) {
        for (bits, asked, subprime_bits) in [(1024, None, 160), (2048, None, 224), (2048, Some(256), 256)] {
            let mut template = vec![(CKA_PRIME_BITS, bits)];
            template.extend(asked.map(|bits| (CKA_SUBPRIME_BITS, bits)));
            let parameters = domain_parameters(hsm, &template).unwrap();
            let [p, q, g] = [CKA_PRIME, CKA_SUBPRIME, CKA_BASE]
                .map(|kind| read(hsm, parameters, kind).unwrap());
            assert_eq!((8 * p.len() as u64, 8 * q.len() as u64), (bits, subprime_bits));
            for (kind, value) in [
                (CKA_PRIME_BITS, number(bits)),
                (CKA_SUBPRIME_BITS, number(subprime_bits)),
                (CKA_KEY_TYPE, number(CKK_DSA)),
                (CKA_LOCAL, vec![1]),
            ] {
                assert_eq!(read(hsm, parameters, kind), Ok(value), "{kind:#x}");
            }
            let pair = generate(hsm, [&p, &q, &g]).unwrap();
            for key in [pair.public, pair.private] {
                assert_eq!(read(hsm, key, CKA_SUBPRIME).as_ref(), Ok(&q));
            }
            let signature = sign(hsm, CKM_DSA_SHA1, pair.private, b"message").unwrap();
            assert_eq!(verify(hsm, CKM_DSA_SHA1, pair.public, b"message", &signature), CKR_OK);
        }
        for wrong in [
            vec![(CKA_PRIME_BITS, 512)],
            vec![(CKA_PRIME_BITS, 2048), (CKA_SUBPRIME_BITS, 160)],
            vec![(CKA_PRIME_BITS, u64::MAX)],
        ] {
            assert_eq!(domain_parameters(hsm, &wrong), Err(CKR_KEY_SIZE_RANGE));
        }
        let subprime = [(CKA_SUBPRIME_BITS, 256)];
        assert_eq!(domain_parameters(hsm, &subprime), Err(CKR_TEMPLATE_INCOMPLETE));
    }

    fn numbers_that_are_none_of_dsa_are_refused(hsm) {
        let [p, q, g, x, y] = &published()[0];
        let group: [&[u8]; 3] = [p, q, g];
        let mut composite = p.clone();
        composite[60] ^= 1;
        for wrong in [[&composite, q, g], [p, &composite[..20].to_vec(), g], [p, q, &vec![2]]] {
            let wrong = wrong.map(|number| &number[..]);
            let made = generate(hsm, wrong).err();
            assert_eq!(made, Some(CKR_DOMAIN_PARAMS_INVALID));
            for class in [PUBLIC, PRIVATE, PARAMETERS] {
                let value = if class == PRIVATE { x } else { y };
                assert_eq!(create(hsm, class, wrong, value), Err(CKR_ATTRIBUTE_VALUE_INVALID));
            }
        }
        let short: [&[u8]; 3] = [&p[..64], q, g];
        assert_eq!(generate(hsm, short).err(), Some(CKR_KEY_SIZE_RANGE));
        assert_eq!(create(hsm, PARAMETERS, short, &[]), Err(CKR_KEY_SIZE_RANGE));
        assert_eq!(create(hsm, PRIVATE, group, q), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        assert_eq!(create(hsm, PUBLIC, group, &[2]), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        let parameters = create(hsm, PARAMETERS, group, &[]).unwrap();
        assert_eq!(read(hsm, parameters, CKA_SUBPRIME_BITS), Ok(number(160)));
    }
}
