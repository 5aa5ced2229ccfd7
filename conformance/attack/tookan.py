#!/usr/bin/env python3
"""Attacks by the attributes of keys (Clulow 2003; Delaune, Kremer and Steel 2008; Tookan 2010)."""

import os

import attack
import p11
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap


def wrapped(target, wrapping):
    """A key that only trusted keys may wrap, and its blob under `wrapping`."""
    closed = target.key(ENCRYPT=True, EXTRACTABLE=True, WRAP_WITH_TRUSTED=True)
    return closed, target.session.wrap(p11.Mechanism(p11.CKM_AES_KEY_WRAP), wrapping, closed)


def trusted(target, key):
    target.as_officer(lambda officer: officer.set(key, {attack.CKA_TRUSTED: True}))


def a_trusted_key_that_decrypts(target):
    """The security officer trusts a key that wraps and decrypts: it opens what it wrapped."""
    wrapping = target.key(WRAP=True, DECRYPT=True, PRIVATE=False)
    trusted(target, wrapping)
    closed, blob = wrapped(target, wrapping)
    # One step back of RFC 3394 is an AES decryption of a block.
    a, blocks = blob[:8], [blob[at:at + 8] for at in range(8, len(blob), 8)]
    ecb = p11.Mechanism(p11.CKM_AES_ECB)
    for step in range(6 * len(blocks), 0, -1):
        at = (step - 1) % len(blocks)
        a = (int.from_bytes(a, "big") ^ step).to_bytes(8, "big")
        clear = target.session.decrypt(ecb, wrapping, a + blocks[at])
        a, blocks[at] = clear[:8], clear[8:]
    return target.is_value(closed, b"".join(blocks))


def a_trusted_key_that_gets_decrypt_later(target):
    """A trusted key is given CKA_DECRYPT later."""
    wrapping = target.key(WRAP=True, PRIVATE=False, COPYABLE=False)
    trusted(target, wrapping)
    target.session.set(wrapping, {p11.CKA_DECRYPT: True})
    return True


def a_trusted_key_of_known_value(target):
    """The security officer trusts a key whose value the user brought."""
    value = os.urandom(16)
    wrapping = target.session.create({
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_TOKEN: True,
        p11.CKA_PRIVATE: False, p11.CKA_VALUE: value, p11.CKA_WRAP: True, p11.CKA_SENSITIVE: True, p11.CKA_EXTRACTABLE: False})
    trusted(target, wrapping)
    closed, blob = wrapped(target, wrapping)
    return target.is_value(closed, aes_key_unwrap(value, blob))


def a_user_who_trusts(target):
    """The user says CKA_TRUSTED=TRUE without the security officer."""
    wrapping = target.key(WRAP=True, DECRYPT=True, TRUSTED=True)
    wrapped(target, wrapping)
    return True


def a_key_that_becomes_laxer(target):
    """CKA_SENSITIVE=FALSE, CKA_EXTRACTABLE=TRUE or CKA_WRAP_WITH_TRUSTED=FALSE, set later."""
    closed = target.key(ENCRYPT=True, WRAP_WITH_TRUSTED=True)
    for change in ({p11.CKA_SENSITIVE: False}, {p11.CKA_EXTRACTABLE: True},
                   {attack.CKA_WRAP_WITH_TRUSTED: False}):
        if p11.answer(target.session.set, closed, change) == 0:
            return True
    return False


def a_key_of_a_closed_key(target):
    """The value of a key that may leave nowhere is wrapped, or read, all the same."""
    closed = target.key(ENCRYPT=True)
    wrapping = target.key(WRAP=True, DECRYPT=True)
    if p11.answer(target.session.get, closed, p11.CKA_VALUE) == 0:
        return True
    return p11.answer(target.session.wrap, p11.Mechanism(p11.CKM_AES_KEY_WRAP), wrapping, closed) == 0


attack.run(a_trusted_key_that_decrypts, a_trusted_key_that_gets_decrypt_later, a_trusted_key_of_known_value,
           a_user_who_trusts, a_key_that_becomes_laxer, a_key_of_a_closed_key)
