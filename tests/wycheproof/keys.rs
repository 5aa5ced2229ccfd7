//! Session keys out of the vectors, and reading them back.

use tenon_pkcs11::api::ck::*;

use crate::client::{Answer, Attribute, Client, Key, READABLE};

/// Long enough for every output of the vectors.
const OUTPUT: usize = 1 << 16;

/// The template of a generic secret that comes out of an operation; `len` where nothing else says it.
pub(crate) fn outcome<T>(len: Option<usize>, call: impl FnOnce(&[Attribute<'_>]) -> T) -> T {
    let class = CKO_SECRET_KEY.to_ne_bytes();
    let key_type = CKK_GENERIC_SECRET.to_ne_bytes();
    let mut template: Vec<Attribute<'_>> = vec![(CKA_CLASS, &class), (CKA_KEY_TYPE, &key_type)];
    template.extend(READABLE);
    let len = len.map(|len| CK_ULONG::try_from(len).unwrap().to_ne_bytes());
    template.extend(len.iter().map(|len| (CKA_VALUE_LEN, &len[..])));
    call(&template)
}

/// The value of a new secret key, which is destroyed.
pub(crate) fn taken(client: &Client, key: Answer<Key>) -> Answer<Vec<u8>> {
    let key = key?;
    let value = output(|out| Ok(client.attributes(key, &mut [(CKA_VALUE, out)])?[0]));
    client.destroy(key).unwrap();
    value
}

/// What a call writes, which says how many bytes.
pub(crate) fn output(call: impl FnOnce(&mut [u8]) -> Answer<usize>) -> Answer<Vec<u8>> {
    let mut out = vec![0; OUTPUT];
    let len = call(&mut out)?;
    out.truncate(len);
    Ok(out)
}
