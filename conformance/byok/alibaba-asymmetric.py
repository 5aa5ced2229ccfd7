#!/usr/bin/env python3
"""Alibaba Cloud KMS, asymmetric keys: RSA and EC private keys under an ephemeral AES-256 key.

RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD under RSA_2048, by the openssl lines of its document.
Software-protected keys are RSA_2048, RSA_3072, EC_P256 and EC_P256K, hardware-protected ones
RSA_4096 too.
"""

import external
import p11
import printed
import spec
from external import Way

way = Way(6, printed.oaep_aes_ecb)
session = p11.start()
for profile, kind, bits in (
        ("alibaba-software", spec.RSA_2048, 2048),
        ("alibaba-software", spec.RSA_3072_DECRYPT, 3072),
        ("alibaba-hardware", spec.RSA_2048_DECRYPT, 2048),
        ("alibaba-hardware", spec.RSA_4096, 4096)):
    external.life(session, profile, kind, [way], material=printed.alibaba_rsa(bits))
for profile in ("alibaba-software", "alibaba-hardware"):
    for kind in (spec.EC_P256, spec.EC_P256K):
        external.life(session, profile, kind, [way])

# What the service does not have.
external.no_such_way(session, "alibaba-hardware", spec.EC_P256,
                     Way(2, way.wrap), Way(5, way.wrap), Way(6, way.wrap, 3072))
external.no_such_key(session, "alibaba-default", spec.RSA_2048, spec.EC_P256)
external.no_such_key(session, "alibaba-software", spec.RSA_4096, spec.EC_P384)
external.no_such_key(session, "alibaba-hardware", spec.EC_P521)
print(f"note: {external.summary()}")
