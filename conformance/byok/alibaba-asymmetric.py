#!/usr/bin/env python3
"""Alibaba Cloud KMS, asymmetric keys: RSA and EC private keys under an ephemeral AES-256 key.

RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD under RSA_2048, by the openssl lines of its document.
Software-protected keys are RSA_2048, RSA_3072, EC_P256 and EC_P256K, hardware-protected ones
RSA_4096 too.
"""

import base64

import external
import outside
import p11
import spec
from external import Way

GENERATE = """
openssl genrsa -out TakPrivPkcs1.pem %d
openssl pkcs8 -topk8 -inform PEM -in TakPrivPkcs1.pem -outform der -nocrypt -out TakPrivPkcs8.bin
"""
ENCRYPT = r"""
openssl rand -out EskAes256.bin 32
openssl pkeyutl -encrypt -pubin -inkey PublicKey.pem \
-in EskAes256.bin \
-pkeyopt rsa_padding_mode:oaep \
-pkeyopt rsa_oaep_md:sha256 \
-pkeyopt rsa_mgf1_md:sha256 \
-out CipherEsk.bin
xxd -l 32 -c 32 -ps EskAes256.bin | xargs -I {} openssl enc -aes-256-ecb -e -K {} \
-in TakPrivPkcs8.bin -nosalt -out CipherTakPriv.bin
cat CipherEsk.bin CipherTakPriv.bin > EncryptedKeyMaterial.bin
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""


def generate(bits):
    outside.shell(GENERATE % bits)
    return outside.read("TakPrivPkcs8.bin")


def encrypt(public, pkcs8):
    outside.write("PublicKey.pem", outside.pem(public))
    outside.write("TakPrivPkcs8.bin", pkcs8)
    outside.shell(ENCRYPT)
    return base64.b64decode(outside.read("EncryptedKeyMaterial_base64.txt"), validate=True)


way = Way(6, encrypt)
session = p11.start()
for profile, kind, bits in (
        ("alibaba-software", spec.RSA_2048, 2048),
        ("alibaba-software", spec.RSA_3072_DECRYPT, 3072),
        ("alibaba-hardware", spec.RSA_2048_DECRYPT, 2048),
        ("alibaba-hardware", spec.RSA_4096, 4096)):
    external.life(session, profile, kind, [way], material=generate(bits))
for profile in ("alibaba-software", "alibaba-hardware"):
    for kind in (spec.EC_P256, spec.EC_P256K):
        external.life(session, profile, kind, [way])

# What the service does not have.
external.no_such_way(session, "alibaba-hardware", spec.EC_P256,
                     Way(2, encrypt), Way(5, encrypt), Way(6, encrypt, 3072))
external.no_such_key(session, "alibaba-default", spec.RSA_2048, spec.EC_P256)
external.no_such_key(session, "alibaba-software", spec.RSA_4096, spec.EC_P384)
external.no_such_key(session, "alibaba-hardware", spec.EC_P521)
print(f"note: {external.summary()}")
