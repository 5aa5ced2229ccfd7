#!/usr/bin/env python3
"""Alibaba Cloud KMS, EC_SM2 keys by SM2PKE_SM4_ECB; SM2PKE alone; SM4 keys.

The ephemeral SM4 key is encrypted by Bouncy Castle, as C1 || C3 || C2 without further structure, or
by openssl, as the DER of GB/T 35276.
"""

import external
import jvm
import outside
import p11
import spec
from external import Way


def sm2_sm4(public, pkcs8):
    return outside.sm2_sm4(public, outside.scalar(pkcs8))


def sm2(public, pkcs8):
    return outside.sm2(public, outside.scalar(pkcs8))


owner, session = jvm.Owner(), p11.start()
java, der = Way(7, owner.wrap("bc", "sm2-sm4"), 0), Way(7, sm2_sm4, 0)
java_sha256 = Way(2, owner.wrap("bc", "oaep-sha256"))
for profile in ("alibaba-software", "alibaba-hardware"):
    external.life(session, profile, spec.EC_SM2, [java, der],
                  material=owner.generate("bc", "EC:sm2p256v1"))
external.life(session, "open", spec.EC_SM2, [Way(8, sm2, 0), der])
external.life(session, "open", spec.SM4, [Way(8, outside.sm2, 0), java_sha256])

# What the service does not have.
external.no_such_way(session, "alibaba-software", spec.EC_SM2, Way(8, None, 0), Way(7, None, 2048))
external.no_such_key(session, "alibaba-default", spec.EC_SM2)
print(f"note: {external.summary()}")
