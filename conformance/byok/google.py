#!/usr/bin/env python3
"""Google Cloud KMS: RSA_OAEP_3072_SHA1_AES_256 … RSA_OAEP_4096_SHA256_AES_256 and
RSA_OAEP_3072_SHA256, by openssl; the HPKE_KEM_… methods by the HPKE of Python's cryptography.

Import jobs have RSA_3072 or RSA_4096 keys, or those of HPKE, and live three days.
"""

import time

import external
import outside
import p11
import spec
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from external import Way

WRAP = r"""
openssl rand -out temp-aes.key 32
openssl pkeyutl -encrypt -pubin -inkey wrapping-key.pem -in temp-aes.key -out temp-aes.wrapped \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{0} -pkeyopt rsa_mgf1_md:{0}
openssl enc -id-aes256-wrap-pad -iv A65959A6 -K "$(od -An -vtx1 temp-aes.key | tr -d ' \n')" \
    -in target-key.bin -out target-key.wrapped
cat temp-aes.wrapped target-key.wrapped > wrapped-key.bin
"""
DIRECT = r"""
openssl pkeyutl -encrypt -pubin -inkey wrapping-key.pem -in target-key.bin -out wrapped-key.bin \
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{0} -pkeyopt rsa_mgf1_md:{0}
"""


def owner(lines, name):
    def wrap(public, material):
        outside.write("wrapping-key.pem", outside.pem(public))
        outside.write("target-key.bin", material)
        outside.shell(lines.format(name))
        return outside.read("wrapped-key.bin")
    return wrap


def sealed(kem, length, read):
    """The wrapping key is taken as the service gives it out: the bare bytes, which are the last of the DER."""
    suite = hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    return lambda public, material: suite.encrypt(material, read(public[-length:]))


def xwing(bare):
    return hpke.MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(bare[:-32]),
                                        X25519PublicKey.from_public_bytes(bare[-32:]))


quantum_safe = [Way(14, sealed(hpke.KEM.MLKEM768_X25519, 1216, xwing), 0),
                Way(15, sealed(hpke.KEM.MLKEM1024, 1568, MLKEM1024PublicKey.from_public_bytes), 0),
                Way(16, sealed(hpke.KEM.MLKEM768, 1184, MLKEM768PublicKey.from_public_bytes), 0)]
sha1_4096, sha256_3072 = Way(4, owner(WRAP, "sha1"), 4096), Way(5, owner(WRAP, "sha256"), 3072)
sha1_3072, sha256_4096 = Way(4, owner(WRAP, "sha1"), 3072), Way(5, owner(WRAP, "sha256"), 4096)
direct = Way(2, owner(DIRECT, "sha256"), 3072)

session = p11.start()
external.life(session, "google", spec.AES_256, [sha256_3072, sha1_4096])
external.life(session, "google", spec.RSA_2048, [sha1_3072, sha256_4096])
external.life(session, "google", spec.EC_P384, [direct, sha256_3072])
external.life(session, "google", spec.AES_256, quantum_safe)
external.life(session, "google", spec.RSA_2048, quantum_safe)

key = external.create(session, "google", spec.HMAC_256)
job = external.Job(session, key, direct)
life = session.time(job.private, p11.CKA_TENON_NOT_AFTER) - time.time()
assert abs(life - 3 * 24 * 3600) < 60, life
key = job.unwrap(job.wrap(material := spec.HMAC_256.material()))
spec.HMAC_256.use(session, key, material)

# What the service does not have.
external.no_such_key(session, "google", spec.AES_192, spec.EC_P521)
external.no_such_way(session, "google", spec.RSA_2048, direct)
external.no_such_way(session, "google", spec.AES_256, Way(5, None, 2048), Way(1, None, 3072))
print(f"note: {external.summary()}")
