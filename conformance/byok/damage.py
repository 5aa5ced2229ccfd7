#!/usr/bin/env python3
"""A damaged blob, at whatever stage, is refused with one answer and leaves nothing behind."""

import os

import byok
import outside
import p11

module, session, wrapping, spki = byok.start()
KEK = os.urandom(32)
KEY, BAD = byok.secret(b"target"), p11.CKR_WRAPPED_KEY_INVALID
MODULUS = 256
attempts = 0


def everything():
    return sorted(session.find({}))


before = everything()


def refuse(rv, mechanism, blob, template=KEY):
    global attempts
    p11.refused(rv, session.unwrap, mechanism, wrapping, blob, template)
    assert everything() == before, "an object is left"
    attempts += 1


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


for name in ("sha1", "sha256"):
    plain = p11.oaep(name)
    good = outside.oaep(spki, os.urandom(32), name)
    for at in (0, 1, 100, MODULUS - 1):
        refuse(BAD, plain, flip(good, at))
    refuse(BAD, plain, b"\xff" * MODULUS)
    refuse(BAD, plain, bytes(MODULUS))
    refuse(BAD, p11.oaep("sha512"), good)
    for size in (0, 1, 31, 33, 65):
        refuse(BAD, plain, outside.oaep(spki, os.urandom(size), name))
    for length in (0, 1, MODULUS - 1):
        refuse(p11.CKR_WRAPPED_KEY_LEN_RANGE, plain, good[:length])
    refuse(p11.CKR_WRAPPED_KEY_LEN_RANGE, plain, good + b"\0")

    composite = p11.rsa_aes_key_wrap(name)
    pkcs8 = outside.private_key("P-256")
    ec = byok.private(b"target", p11.CKK_EC)
    outer, inner = outside.oaep(spki, KEK, name), outside.kwp(KEK, pkcs8)
    refuse(BAD, composite, flip(outer, 7) + inner, ec)
    refuse(BAD, composite, outer + flip(inner, 0), ec)
    refuse(BAD, composite, outer + flip(inner, len(inner) - 1), ec)
    refuse(BAD, composite, outer + inner[8:] + inner[:8], ec)
    refuse(BAD, composite, outside.oaep(spki, KEK[:31], name) + inner, ec)
    refuse(BAD, composite, outside.oaep(spki, KEK[:16], name) + inner, ec)
    refuse(BAD, composite, outer + inner[:-8], ec)
    for length in (0, 1, MODULUS - 1, MODULUS, MODULUS + 1, MODULUS + 8):
        refuse(p11.CKR_WRAPPED_KEY_LEN_RANGE, composite, (outer + inner)[:length], ec)
    refuse(p11.CKR_WRAPPED_KEY_LEN_RANGE, composite, outer + inner[:-1], ec)

    # The wrap is sound, the key inside is not what was asked for.
    def wrapped(material):
        return outer + outside.kwp(KEK, material)

    refuse(BAD, composite, wrapped(pkcs8[:-1]), ec)
    refuse(BAD, composite, wrapped(pkcs8 + b"\1"), ec)
    refuse(BAD, composite, wrapped(pkcs8 + bytes(8)), ec)
    refuse(BAD, composite, wrapped(os.urandom(len(pkcs8))), ec)
    refuse(BAD, composite, wrapped(outside.private_key("RSA-2048")), ec)
    refuse(BAD, composite, wrapped(pkcs8), byok.private(b"target", p11.CKK_RSA))
    refuse(BAD, composite, wrapped(os.urandom(31)))

# The name is still free: nothing above bound it.
session.unwrap(p11.rsa_aes_key_wrap("sha256"), wrapping,
               outside.rsa_aes_key_wrap(spki, os.urandom(32), "sha256"), KEY)
print(f"note: {attempts} damaged blobs")
