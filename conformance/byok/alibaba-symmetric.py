#!/usr/bin/env python3
"""Alibaba Cloud KMS, symmetric keys: each algorithm by the openssl lines of its documents.

RSA_2048 wrapping keys; default keys are AES-256 and have OAEP with SHA-1 too, software-protected
ones AES-256, hardware-protected ones AES-128 to AES-256, which also sign.
"""

import base64
import os

import external
import outside
import p11
import spec
from external import Way

OAEP_SHA_1 = """
openssl enc -d -base64 -A -in PublicKey_base64.txt -out PublicKey.bin
openssl rsautl -encrypt -in KeyMaterial.bin -oaep -inkey PublicKey.bin  -keyform DER  -pubin -out EncryptedKeyMaterial.bin
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""
OAEP_SHA_256 = r"""
openssl enc -d -base64 -A -in PublicKey_base64.txt -out PublicKey.bin
openssl pkeyutl -encrypt \
  -in KeyMaterial.bin \
  -inkey PublicKey.bin \
  -keyform DER \
  -pubin \
  -out EncryptedKeyMaterial.bin \
  -pkeyopt rsa_padding_mode:oaep \
  -pkeyopt rsa_oaep_md:sha256 \
  -pkeyopt rsa_mgf1_md:sha256
openssl enc -e -base64 -A -in EncryptedKeyMaterial.bin -out EncryptedKeyMaterial_base64.txt
"""
# The first document's lines without -oaep: PKCS #1 v1.5 is what rsautl does then.
PKCS1 = OAEP_SHA_1.replace("-oaep ", "")


def owner(lines):
    """The key's owner, who gets the public key in Base64 and uploads Base64."""
    def wrap(public, material):
        outside.write("PublicKey_base64.txt", base64.b64encode(public))
        outside.write("KeyMaterial.bin", material)
        outside.shell(lines)
        return base64.b64decode(outside.read("EncryptedKeyMaterial_base64.txt"), validate=True)
    return wrap


sha_1, sha_256, pkcs1 = Way(1, owner(OAEP_SHA_1)), Way(2, owner(OAEP_SHA_256)), Way(3, owner(PKCS1))


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
