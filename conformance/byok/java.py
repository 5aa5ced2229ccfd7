#!/usr/bin/env python3
"""Blobs and keys made in Java, by the JDK's own providers and by Bouncy Castle.

The wrapping steps of Alibaba's samples, which name the hash of MGF1; what comes out where a program
leaves it to the provider; and RFC 5649 of both.
"""

import external
import jvm
import p11
import spec
from external import Way

owner = jvm.Owner()
session = p11.start()


def way(number, name, provider="jdk"):
    return Way(number, owner.wrap(provider, name))


external.life(session, "alibaba-default", spec.AES_256,
              [way(2, "oaep-sha256"), way(1, "oaep-sha1")])
# The JDK's default is SHA-256 with MGF1 of SHA-1.
external.life(session, "alibaba-hardware", spec.AES_256,
              [way(2, "oaep-sha256-default"), way(2, "oaep-sha256-default", "bc")])
external.life(session, "alibaba-software", spec.RSA_2048,
              [way(6, "aes-ecb", "bc"), way(6, "aes-ecb")],
              material=owner.generate("jdk", "RSA:2048"))
external.life(session, "alibaba-software", spec.EC_P256, [way(6, "aes-ecb", "bc")],
              material=owner.generate("jdk", "EC:secp256r1"))
external.life(session, "alibaba-software", spec.EC_P256K, [way(6, "aes-ecb")],
              material=owner.generate("bc", "EC:secp256k1"))
external.life(session, "huawei", spec.EC_P384, [way(5, "key-wrap"), way(5, "key-wrap", "bc")],
              material=owner.generate("bc", "EC:secp384r1"))
print(f"note: {external.summary()}")
