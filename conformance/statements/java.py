#!/usr/bin/env python3
"""The steps of the documents' Java samples, by the JDK's own providers and by Bouncy Castle."""

import base64
import time

import jvm
import outside
from statements import run, states
from statements_token import AD, AH, AS, ECB, OAEP_256, SM2_SM4, Token


def brings(token, profile, spec, algorithm, wrap, material, *options):
    """What `describe` shows of a new key, for which Java wrapped the material under the PublicKey of the
    service's answer."""
    key = token.create(profile, spec, *(("--usage", "SIGN/VERIFY") if spec != "AES_256" else ()))
    answer = token.ask("parameters", key, "--algorithm", algorithm)
    outside.write("ImportToken.txt", answer["ImportToken"].encode())
    blob = wrap(base64.b64decode(answer["PublicKey"], validate=True), material)
    token.byok("import", key, outside.write("blob.txt", base64.b64encode(blob)),
               "--import-token", "ImportToken.txt", *options)
    shown = token.describe(key)
    assert shown["KeyState"] == "Enabled"
    return shown


@states(205, "Java: public key by X509EncodedKeySpec, OAEP, Base64, and a Unix expiry", "000 001")
def symmetric_sample(token):
    moment = int(time.time()) + 3600
    shown = brings(token, AD, "AES_256", OAEP_256, jvm.owner().wrap("jdk", "oaep-sha256"), bytes(32),
                   "--expires", str(moment))
    assert shown["KeyMaterialExpireUnix"] == moment


@states(207, "Java: EC_SM2, EC_P256 and RSA_2048 in a row, each to sign, none with an expiry", "002")
def asymmetric_sample(token):
    owner = jvm.owner()
    for profile in (AS, AH):
        for spec, kind, algorithm, way in (
                ("EC_SM2", "EC:sm2p256v1", SM2_SM4, "sm2-sm4"), ("EC_P256", "EC:secp256r1", ECB, "aes-ecb"),
                ("RSA_2048", "RSA:2048", ECB, "aes-ecb")):
            shown = brings(token, profile, spec, algorithm, owner.wrap("bc", way), owner.generate("bc", kind),
                           "--expires", "0")
            assert shown["KeyMaterialExpireUnix"] == 0 and shown["KeyUsage"] in ("SIGN/VERIFY", "SIGN_VERIFY")


@states(208, "Java: a DER public key of RSA or EC is read by KeyFactory, also of Bouncy Castle", "000 001 002")
def public_keys_are_read(token):
    owner = jvm.owner()
    for provider in ("jdk", "bc"):
        brings(token, AS, "AES_256", OAEP_256, owner.wrap(provider, "oaep-sha256"), bytes(32))
    brings(token, AS, "EC_SM2", SM2_SM4, owner.wrap("bc", "sm2-sm4"), owner.generate("bc", "EC:sm2p256v1"))


@states(209, "Java: a P256K key is one of the curve secp256k1", "002")
def p256k_is_secp256k1(token):
    owner = jvm.owner()
    for profile in (AS, AH):
        brings(token, profile, "EC_P256K", ECB, owner.wrap("bc", "aes-ecb"), owner.generate("bc", "EC:secp256k1"))


if __name__ == "__main__":
    run(Token())
