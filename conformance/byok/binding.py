#!/usr/bin/env python3
"""One material, ever, for one (class, key type, CKA_ID): through deletion and restart."""

import os

import byok
import outside
import p11

module, session, wrapping, spki = byok.start()
MISMATCH = p11.CKR_TENON_MATERIAL_MISMATCH


def wrap(material, composite=False):
    if composite:
        return p11.rsa_aes_key_wrap("sha256"), outside.rsa_aes_key_wrap(spki, material, "sha256")
    return p11.oaep("sha256"), outside.oaep(spki, material, "sha256")


def come_in(material, template, composite=False):
    mechanism, blob = wrap(material, composite)
    return session.unwrap(mechanism, wrapping, blob, template)


def uid(key):
    return session.get(key, p11.CKA_UNIQUE_ID)


def check_value(key):
    return session.encrypt(p11.Mechanism(p11.CKM_AES_ECB), key, bytes(16))


# A secret key: the same material under any blob, other material never.
material, template = os.urandom(32), byok.secret(b"bound")
key = come_in(material, template)
first = uid(key)
for composite in (False, True):
    assert uid(come_in(material, template, composite)) == first
    for size in (32, 16):
        p11.refused(MISMATCH, come_in, os.urandom(size), template, composite)
    (key,) = session.find({p11.CKA_ID: b"bound"})
    assert check_value(key) == outside.ecb(material, bytes(16))

# Its name cannot be moved away, nor taken by an extractable key.
p11.refused(p11.CKR_ATTRIBUTE_READ_ONLY, session.set, key, {p11.CKA_ID: b"moved"})
p11.refused(p11.CKR_TEMPLATE_INCONSISTENT, come_in, os.urandom(32),
            byok.secret(b"bound", CKA_EXTRACTABLE=True))

# Deleting erases the material alone; a restart changes nothing.
session.destroy(key)
assert session.find({p11.CKA_ID: b"bound"}) == []
(kept,) = session.find({p11.CKA_UNIQUE_ID: first})
assert session.number(kept, p11.CKA_TENON_KEY_STATE) == p11.STATE_PENDING_IMPORT
p11.refused(p11.CKR_KEY_FUNCTION_NOT_PERMITTED, check_value, kept)
module.finalize()
module = p11.Module()
session = module.user()
(wrapping,) = session.find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_ID: b"wrapping"})
p11.refused(MISMATCH, come_in, os.urandom(32), template)
key = come_in(material, template)
assert uid(key) == first
assert check_value(key) == outside.ecb(material, bytes(16))

# Private keys: another encoding of the same key is the same material.
for kind, key_type in (("P-256", p11.CKK_EC), ("RSA-2048", p11.CKK_RSA)):
    pkcs8, template = outside.private_key(kind), byok.private(kind.encode(), key_type)
    first = uid(come_in(pkcs8, template, composite=True))
    if key_type == p11.CKK_EC:
        pkcs8 = outside.openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER",
                                data=outside.openssl("ec", "-inform", "DER", "-no_public",
                                                     "-outform", "DER", data=pkcs8))
    assert uid(come_in(pkcs8, template, composite=True)) == first
    p11.refused(MISMATCH, come_in, outside.private_key(kind), template, True)
    for half in (p11.CKO_PRIVATE_KEY, p11.CKO_PUBLIC_KEY):
        assert len(session.find({p11.CKA_CLASS: half, p11.CKA_ID: kind.encode()})) == 1

# Another class, key type or name is another key.
other = come_in(os.urandom(32), byok.secret(b"P-256"))
assert uid(other) != first
# Session objects bind nothing.
for _ in range(2):
    come_in(os.urandom(32), byok.secret(b"session", CKA_TOKEN=False))
