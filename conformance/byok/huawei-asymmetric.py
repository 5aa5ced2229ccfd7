#!/usr/bin/env python3
"""Huawei Cloud DEW, asymmetric keys: two files, by the openssl lines of its document.

EncryptedKeyMaterial.bin is a temporary AES-256 key under RSAES_OAEP_SHA_256, and
out_rsa_private_key.der the private key under that by RFC 5649; one after the other they are a blob
of CKM_RSA_AES_KEY_WRAP. RSA_2048 to RSA_4096, EC_P256 and EC_P384; SECP256K1,
ED25519 and SM2 of its SDK.
"""

import external
import p11
import printed
import spec
from external import Way

way = Way(5, printed.huawei_two_files)
session = p11.start()
external.life(session, "huawei", spec.RSA_4096, [way], material=printed.huawei_rsa())
for kind in (spec.RSA_2048, spec.RSA_2048_DECRYPT, spec.EC_P256, spec.EC_P384, spec.EC_P256K,
             spec.ED25519, spec.EC_SM2):
    external.life(session, "huawei", kind, [way])

# What the service does not have.
external.no_such_key(session, "huawei", spec.EC_P521, spec.AES_128)
external.no_such_way(session, "huawei", spec.EC_P256, Way(2, way.wrap), Way(4, way.wrap))
print(f"note: {external.summary()}")
