#!/usr/bin/env python3
"""Tencent Cloud KMS: RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256 and RSAES_PKCS1_V1_5 by openssl.

RSA_2048 wrapping keys, AES-256 and SM4 keys. The expiry is a Unix time of at most 2147443200.
"""

import os

import external
import outside
import p11
import spec
from external import Way

LATEST = 2147443200


def owner(*options):
    def wrap(public, material):
        return outside.openssl(
            "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey",
            outside.write("PublicKey.bin", public),
            *(word for option in options for word in ("-pkeyopt", option)), data=material)
    return wrap


sha_1 = Way(1, owner("rsa_padding_mode:oaep"))
sha_256 = Way(2, owner("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"))
pkcs1 = Way(3, owner("rsa_padding_mode:pkcs1"))

os.environ["TENON_BYOK_PKCS1"] = "true"
session = p11.start()
external.life(session, "tencent", spec.AES_256, [pkcs1, sha_1])
external.life(session, "tencent", spec.AES_256, [sha_256], expires_at=LATEST)
external.life(session, "tencent", spec.SM4, [sha_256])

key = external.create(session, "tencent", spec.AES_256)
job = external.Job(session, key, sha_256)
p11.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, job.unwrap, job.wrap(os.urandom(32)), LATEST + 1)

# What the service does not have.
external.no_such_key(session, "tencent", spec.AES_128, spec.RSA_2048, spec.EC_P256, spec.HMAC_256)
external.no_such_way(session, "tencent", spec.AES_256, Way(5, None), Way(2, None, 4096))
print(f"note: {external.summary()}")
