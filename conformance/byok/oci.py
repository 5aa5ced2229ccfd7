#!/usr/bin/env python3
"""OCI Vault: RSA_OAEP_SHA256 for AES keys, RSA_OAEP_AES_SHA256 for AES and RSA keys, by openssl.

The wrapping key is RSA_4096 and has no end.
"""

import external
import outside
import p11
import spec
from external import Way

OAEP = r"""
openssl pkeyutl -encrypt -pubin -inkey wrapping.pem -in key.bin -out wrapped.bin \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
"""
OAEP_AES = r"""
openssl rand 32 > temporary.bin
openssl pkeyutl -encrypt -pubin -inkey wrapping.pem -in temporary.bin -out wrapped.bin \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
openssl enc -id-aes256-wrap-pad -iv A65959A6 -K "$(xxd -p -c 64 temporary.bin)" \
    -in key.bin >> wrapped.bin
"""


def owner(lines):
    def wrap(public, material):
        outside.write("wrapping.pem", outside.pem(public))
        outside.write("key.bin", material)
        outside.shell(lines)
        return outside.read("wrapped.bin")
    return wrap


direct, aes = Way(2, owner(OAEP), 4096), Way(5, owner(OAEP_AES), 4096)
session = p11.start()
external.life(session, "oci", spec.AES_256, [direct, aes])

key = external.create(session, "oci", spec.RSA_2048)
job = external.Job(session, key, aes)
assert session.get(job.private, p11.CKA_TENON_NOT_AFTER) == bytes(8)
material = spec.RSA_2048.material()
spec.RSA_2048.use(session, job.unwrap(job.wrap(material)), material)

# What the service does not have.
external.no_such_key(session, "oci", spec.EC_P256, spec.HMAC_256, spec.AES_256_SIGN)
external.no_such_way(session, "oci", spec.RSA_2048, direct)
external.no_such_way(session, "oci", spec.AES_256, Way(5, None, 2048), Way(4, None, 4096))
print(f"note: {external.summary()}")
