//! Runs operations as a session would, for the modes' tests.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Cipher, Key, Mechanism, Params};
use crate::crypto::aes;
use crate::error::Result;

pub(super) fn key(bytes: &[u8]) -> Arc<Key> {
    Arc::new(Key::new(aes::Key::new(bytes).unwrap()))
}

pub(super) fn encryption(row: &Mechanism, key: &[u8], params: &Params) -> Box<dyn Cipher> {
    row.encrypt.unwrap()(&self::key(key), params).unwrap()
}

pub(super) fn decryption(row: &Mechanism, key: &[u8], params: &Params) -> Box<dyn Cipher> {
    row.decrypt.unwrap()(&self::key(key), params).unwrap()
}

pub(super) fn whole(mut cipher: Box<dyn Cipher>, input: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0xEE; cipher.one_shot_bound(input.len())];
    let written = cipher.one_shot(input, &mut out)?;
    assert!(written == out.len() || !cipher.exact());
    out.truncate(written);
    Ok(out)
}

pub(super) fn in_parts<T: AsRef<[u8]>>(
    mut cipher: Box<dyn Cipher>,
    parts: &[T],
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for part in parts {
        let mut room = vec![0xEE; cipher.update_bound(part.as_ref().len())];
        let written = cipher.update(part.as_ref(), &mut room)?;
        assert!(written == room.len() || !cipher.exact());
        out.extend_from_slice(&room[..written]);
    }
    let mut room = vec![0xEE; cipher.finish_bound()];
    let written = cipher.finish(&mut room)?;
    assert!(written == room.len() || !cipher.exact());
    out.extend_from_slice(&room[..written]);
    Ok(out)
}

/// Parts of random lengths, empty ones too.
pub(super) fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 16),
        prop::collection::vec(any::<u8>(), 0..700),
    ];
    prop::collection::vec(part, 0..6)
}

/// `message` cut into parts as long as those of `pattern`, and the rest.
pub(super) fn cut<'a>(mut message: &'a [u8], pattern: &[Vec<u8>]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    for part in pattern {
        let (head, rest) = message.split_at(part.len().min(message.len()));
        parts.push(head);
        message = rest;
    }
    parts.push(message);
    parts
}
