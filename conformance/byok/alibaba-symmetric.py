#!/usr/bin/env python3
"""Alibaba Cloud KMS, symmetric keys: each algorithm by the openssl lines of its documents.

RSA_2048 wrapping keys; default keys are AES-256 and have OAEP with SHA-1 too, software-protected
ones AES-256, hardware-protected ones AES-128 to AES-256, which also sign.
"""

import os

import external
import p11
import printed
import spec
from external import Way

sha_1, sha_256, pkcs1 = (Way(number, printed.alibaba(lines)) for number, lines in (
    (1, printed.OAEP_SHA_1), (2, printed.OAEP_SHA_256), (3, printed.PKCS1)))

# PKCS #1 v1.5 is not recommended, and off.
session = p11.start()
external.life(session, "alibaba-default", spec.AES_256, [sha_1, sha_256])
external.no_such_way(session, "alibaba-default", spec.AES_256, pkcs1)
session.module.finalize()

os.environ["TENON_BYOK_PKCS1"] = "true"
session = p11.Module().user()
external.life(session, "alibaba-default", spec.AES_256, [pkcs1, sha_1])
external.life(session, "alibaba-software", spec.AES_256, [sha_256, pkcs1])
for kind in (spec.AES_128, spec.AES_192, spec.AES_256_SIGN):
    external.life(session, "alibaba-hardware", kind, [sha_256])
external.life(session, "alibaba-hardware", spec.AES_256, [sha_256, pkcs1])

# What the service does not have.
external.no_such_way(session, "alibaba-default", spec.AES_256, Way(2, sha_256.wrap, 3072))
external.no_such_way(session, "alibaba-software", spec.AES_256, sha_1)
external.no_such_way(session, "alibaba-hardware", spec.AES_256, sha_1)
external.no_such_key(session, "alibaba-default", spec.AES_128, spec.HMAC_256)
external.no_such_key(session, "alibaba-software", spec.AES_192, spec.AES_256_SIGN)
external.no_such_key(session, "alibaba-hardware", spec.HMAC_256)
print(f"note: {external.summary()}")
