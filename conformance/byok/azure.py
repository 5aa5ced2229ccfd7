#!/usr/bin/env python3
"""Azure Key Vault: a `.byok` file of CKM_RSA_AES_KEY_WRAP with SHA-1.

The key exchange key is RSA_2048, RSA_3072 or RSA_4096 and has no end; the file is JSON with the
blob in Base64 of URLs, without padding.
"""

import base64
import json
import os
import subprocess

import external
import outside
import p11
import spec
from external import Way

KID = "https://example.vault.azure.net/keys/exchange/0123456789abcdef0123456789abcdef"


def transfer(public, material):
    """The file that an HSM's transfer tool writes."""
    blob = outside.rsa_aes_key_wrap(public, material, "sha1")
    return json.dumps({
        "schema_version": "1.0.0",
        "header": {"kid": KID, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
        "ciphertext": base64.urlsafe_b64encode(blob).rstrip(b"=").decode(),
        "generator": "conformance"}).encode()


def encrypt(public, material):
    text = json.loads(transfer(public, material))["ciphertext"]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


session = p11.start()
external.life(session, "azure", spec.RSA_2048, [Way(4, encrypt, 3072), Way(4, encrypt)])
external.life(session, "azure", spec.EC_P256K, [Way(4, encrypt)])
external.life(session, "azure", spec.AES_192, [Way(4, encrypt)])

key = external.create(session, "azure", spec.EC_P521)
job = external.Job(session, key, Way(4, encrypt))
assert session.get(job.private, p11.CKA_TENON_NOT_AFTER) == bytes(8)
# The program reads the file itself.
material, uid = spec.EC_P521.material(), session.get(key, p11.CKA_UNIQUE_ID).decode()
outside.write("key.byok", transfer(job.public, material))
outside.write("token", job.token)
subprocess.run([os.environ["TENON_PROGRAM"], "byok", "import", uid, "key.byok", "--import-token",
                "token"], env=os.environ | {"TENON_PIN": p11.PIN}, check=True)
spec.EC_P521.use(session, key, material)

# What the service does not have.
external.no_such_key(session, "azure", spec.HMAC_256, spec.ED25519, spec.AES_256_SIGN)
external.no_such_way(session, "azure", spec.AES_256, Way(1, None), Way(5, None))
print(f"note: {external.summary()}")
