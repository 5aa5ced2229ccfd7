#!/usr/bin/env python3
"""AWS KMS: RSA_AES_KEY_WRAP_SHA_256 by openssl, and RSAES_OAEP.

RSA_2048, RSA_3072 and RSA_4096 wrapping keys; RSA private keys come by RSA_AES_KEY_WRAP alone. An
import names an expiry of at most 365 days, or that there is none.
"""

import time

import external
import outside
import p11
import spec
from external import Way

KEY_WRAP = r"""
openssl rand -out aes-key.bin 32
openssl enc -id-aes256-wrap-pad -K "$(xxd -p -c 64 aes-key.bin)" -iv A65959A6 \
    -in PlaintextKeyMaterial.bin -out key-material-wrapped.bin
openssl pkeyutl -encrypt -in aes-key.bin -out aes-key-wrapped.bin \
    -inkey WrappingPublicKey.bin -keyform DER -pubin \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{0} -pkeyopt rsa_mgf1_md:{0}
cat aes-key-wrapped.bin key-material-wrapped.bin > EncryptedKeyMaterial.bin
"""
OAEP = r"""
openssl pkeyutl -encrypt -in PlaintextKeyMaterial.bin -out EncryptedKeyMaterial.bin \
    -inkey WrappingPublicKey.bin -keyform DER -pubin \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{0} -pkeyopt rsa_mgf1_md:{0}
"""
YEAR = 365 * 24 * 3600


def owner(lines, name):
    def wrap(public, material):
        outside.write("WrappingPublicKey.bin", public)
        outside.write("PlaintextKeyMaterial.bin", material)
        outside.shell(lines.format(name))
        return outside.read("EncryptedKeyMaterial.bin")
    return wrap


def oaep(name, bits=2048):
    return Way({"sha1": 1, "sha256": 2}[name], owner(OAEP, name), bits)


def key_wrap(name, bits=2048):
    return Way({"sha1": 4, "sha256": 5}[name], owner(KEY_WRAP, name), bits)


session, soon = p11.start(), int(time.time()) + 3600
external.life(session, "aws", spec.AES_256, [key_wrap("sha256", 4096), oaep("sha256")], soon)
external.life(session, "aws", spec.RSA_2048, [key_wrap("sha256", 3072), key_wrap("sha1")], soon)
external.life(session, "aws", spec.EC_P256K, [key_wrap("sha256"), oaep("sha1")], expires_at=0)
external.life(session, "aws", spec.EC_P521, [key_wrap("sha256")], expires_at=0)
external.life(session, "aws", spec.HMAC_512, [oaep("sha256"), key_wrap("sha1")], expires_at=0)

key = external.create(session, "aws", spec.AES_256)
job = external.Job(session, key, key_wrap("sha256"))
blob = job.wrap(spec.AES_256.material())
p11.refused(p11.CKR_TEMPLATE_INCONSISTENT, job.unwrap, blob)
for wrong in (int(time.time()) - 10, int(time.time()) + YEAR + 3600):
    p11.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, job.unwrap, blob, wrong)
job.unwrap(blob, int(time.time()) + YEAR - 3600)

# What the service does not have.
external.no_such_key(session, "aws", spec.AES_128, spec.AES_256_SIGN)
external.no_such_way(session, "aws", spec.RSA_2048, oaep("sha256"))
external.no_such_way(session, "aws", spec.AES_256, Way(3, None), Way(6, None), Way(11, None))
print(f"note: {external.summary()}")
