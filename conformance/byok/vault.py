#!/usr/bin/env python3
"""Vault and OpenBao transit: an AES-256 key under RSA-OAEP with any SHA, then RFC 5649.

The wrapping key is RSA_4096 and has no end; the AES key inside has 256 bits. Wrapped by the Python
package cryptography.
"""

import os

import external
import p11
import spec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_public_key
from external import Way


def owner(digest, size=32):
    def wrap(public, material):
        ephemeral = os.urandom(size)
        oaep = padding.OAEP(padding.MGF1(digest), digest, None)
        return (load_der_public_key(public).encrypt(ephemeral, oaep)
                + aes_key_wrap_with_padding(ephemeral, material))
    return wrap


sha1, sha224, sha256, sha384, sha512 = (
    Way(number, owner(digest), 4096) for number, digest in (
        (4, hashes.SHA1()), (9, hashes.SHA224()), (5, hashes.SHA256()), (10, hashes.SHA384()),
        (11, hashes.SHA512())))

session = p11.start()
external.life(session, "vault", spec.AES_256, [sha256, sha1])
external.life(session, "vault", spec.ED25519, [sha384, sha224])

key = external.create(session, "vault", spec.EC_P521)
job = external.Job(session, key, sha512)
assert session.get(job.private, p11.CKA_TENON_NOT_AFTER) == bytes(8)
material = spec.EC_P521.material()
for size in (16, 24):
    p11.refused(p11.CKR_WRAPPED_KEY_INVALID, job.unwrap,
                owner(hashes.SHA512(), size)(job.public, material))
spec.EC_P521.use(session, job.unwrap(job.wrap(material)), material)

# What the service does not have.
external.no_such_key(session, "vault", spec.AES_192, spec.EC_P256K)
external.no_such_way(session, "vault", spec.AES_256, Way(5, None, 2048), Way(2, None, 4096))
print(f"note: {external.summary()}")
