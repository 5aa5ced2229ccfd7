#!/usr/bin/env python3
"""Huawei Cloud DEW, asymmetric keys: two files, by the openssl lines of its document.

EncryptedKeyMaterial.bin is a temporary AES-256 key under RSAES_OAEP_SHA_256, and
out_rsa_private_key.der the private key under that by RFC 5649; one after the other they are a blob
of CKM_RSA_AES_KEY_WRAP. RSA_2048 to RSA_4096, EC_P256 and EC_P384.
"""

import external
import outside
import p11
import spec
from external import Way

GENERATE = """
openssl genrsa -out pkcs1_rsa_private_key.pem 4096
openssl pkcs8 -topk8 -inform PEM -in pkcs1_rsa_private_key.pem -outform pem -nocrypt -out rsa_private_key.pem
openssl pkcs8 -topk8 -inform PEM -outform DER -in rsa_private_key.pem -out rsa_private_key.der -nocrypt
"""
ENCRYPT = r"""
openssl rand -out 0xPlaintextKeyMaterial.bin -hex 32
cat 0xPlaintextKeyMaterial.bin | xxd -r -ps > PlaintextKeyMaterial.bin
openssl pkeyutl \
-in PlaintextKeyMaterial.bin \
-inkey PublicKey.bin \
-out EncryptedKeyMaterial.bin \
-keyform der \
-pubin -encrypt \
-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
openssl enc -id-aes256-wrap-pad -K $(cat 0xPlaintextKeyMaterial.bin) -iv A65959A6 -in rsa_private_key.der -out out_rsa_private_key.der
"""


def encrypt(public, pkcs8):
    outside.write("PublicKey.bin", public)
    outside.write("rsa_private_key.der", pkcs8)
    outside.shell(ENCRYPT)
    return outside.read("EncryptedKeyMaterial.bin") + outside.read("out_rsa_private_key.der")


way = Way(5, encrypt)
session = p11.start()
outside.shell(GENERATE)
external.life(session, "huawei", spec.RSA_4096, [way], material=outside.read("rsa_private_key.der"))
for kind in (spec.RSA_2048, spec.RSA_2048_DECRYPT, spec.EC_P256, spec.EC_P384):
    external.life(session, "huawei", kind, [way])

# What the service does not have.
external.no_such_key(session, "huawei", spec.EC_P521, spec.EC_P256K, spec.ED25519)
external.no_such_way(session, "huawei", spec.EC_P256, Way(2, encrypt), Way(4, encrypt))
print(f"note: {external.summary()}")
