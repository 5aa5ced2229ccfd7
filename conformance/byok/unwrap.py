#!/usr/bin/env python3
"""Blobs made by openssl come in, the keys work, and what they compute holds outside."""

import hashlib
import os

import byok
import outside
import p11
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

module, session, wrapping, spki = byok.start()
count = 0


def name():
    global count
    count += 1
    return b"key-%d" % count


def stays_inside(key):
    assert session.number(key, p11.CKA_EXTRACTABLE) == 0
    assert session.number(key, p11.CKA_SENSITIVE) == 1
    assert session.number(key, p11.CKA_LOCAL) == 0
    assert session.number(key, p11.CKA_TENON_ORIGIN) == p11.ORIGIN_EXTERNAL
    assert session.number(key, p11.CKA_TENON_KEY_STATE) == p11.STATE_ENABLED


def check_secret(mechanism, blob, material):
    key = session.unwrap(mechanism, wrapping, blob, byok.secret(name()))
    stays_inside(key)
    p11.refused(p11.CKR_ATTRIBUTE_SENSITIVE, session.get, key, p11.CKA_VALUE)
    assert session.number(key, p11.CKA_VALUE_LEN) == len(material)
    # CKA_CHECK_VALUE of a block cipher key: the first 3 bytes of an encrypted zero block.
    assert session.get(key, p11.CKA_CHECK_VALUE) == outside.ecb(material, bytes(16))[:3]
    iv, text = os.urandom(12), os.urandom(100)
    sealed = session.encrypt(p11.gcm(iv, b"aad"), key, text)
    assert AESGCM(material).decrypt(iv, sealed, b"aad") == text
    assert session.decrypt(p11.gcm(iv, b"aad"), key, AESGCM(material).encrypt(iv, text, b"aad")) == text
    kek = session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_VALUE_LEN: 32, p11.CKA_WRAP: True})
    p11.refused(p11.CKR_KEY_UNEXTRACTABLE, session.wrap, p11.Mechanism(p11.CKM_AES_KEY_WRAP_KWP), kek, key)


def check_ec(mechanism, blob, pkcs8):
    public = outside.public_key(pkcs8)
    key = session.unwrap(mechanism, wrapping, blob, byok.private(name(), p11.CKK_EC))
    stays_inside(key)
    p11.refused(p11.CKR_ATTRIBUTE_SENSITIVE, session.get, key, p11.CKA_VALUE)
    # The point is the tail of the outside public key, inside an OCTET STRING.
    point = session.get(key, p11.CKA_EC_POINT)
    raw = point[3 if point[1] & 0x80 else 2:]
    assert point == outside.tlv(4, raw) and public.endswith(raw)
    assert session.get(key, p11.CKA_PUBLIC_KEY_INFO) == public
    digest = hashlib.sha256(b"message").digest()
    signature = outside.der_signature(session.sign(p11.Mechanism(p11.CKM_ECDSA), key, digest))
    assert outside.verify(public, digest, signature)
    assert not outside.verify(public, hashlib.sha256(b"other").digest(), signature)


def check_rsa(mechanism, blob, pkcs8):
    public = outside.public_key(pkcs8)
    key = session.unwrap(mechanism, wrapping, blob, byok.private(name(), p11.CKK_RSA))
    stays_inside(key)
    p11.refused(p11.CKR_ATTRIBUTE_SENSITIVE, session.get, key, p11.CKA_PRIVATE_EXPONENT)
    assert byok.rsa_spki(session, key) == public
    digest = hashlib.sha256(b"message").digest()
    signature = session.sign(p11.Mechanism(p11.CKM_RSA_PKCS), key, p11.DIGEST_INFO["sha256"] + digest)
    assert outside.verify(public, digest, signature, "-pkeyopt", "digest:sha256")


# Every hash; mask generation with the same hash, and with SHA-1 as Java's default has it.
for hash_name in p11.HASHES:
    for mgf in {hash_name, "sha1"}:
        material = os.urandom(32)
        check_secret(p11.oaep(hash_name, mgf), outside.oaep(spki, material, hash_name, mgf), material)
for size in (16, 24):
    material = os.urandom(size)
    check_secret(p11.oaep("sha256"), outside.oaep(spki, material, "sha256"), material)

for hash_name in ("sha1", "sha256"):
    mechanism = p11.rsa_aes_key_wrap(hash_name)
    material = os.urandom(32)
    check_secret(mechanism, outside.rsa_aes_key_wrap(spki, material, hash_name), material)
    for curve in ("P-256", "P-384", "P-521", "secp256k1"):
        pkcs8 = outside.private_key(curve)
        check_ec(mechanism, outside.rsa_aes_key_wrap(spki, pkcs8, hash_name), pkcs8)
    for kind in ("RSA-2048", "RSA-3072"):
        pkcs8 = outside.private_key(kind)
        check_rsa(mechanism, outside.rsa_aes_key_wrap(spki, pkcs8, hash_name), pkcs8)
for bits in (128, 192):
    pkcs8 = outside.private_key("P-256")
    check_ec(p11.rsa_aes_key_wrap("sha256", bits),
             outside.rsa_aes_key_wrap(spki, pkcs8, "sha256", bits), pkcs8)

# All of them are there after a restart, a private key with its public half.
module.finalize()
again = p11.Module().user()
for i in range(1, count + 1):
    secrets, privates, publics = (
        len(again.find({p11.CKA_CLASS: kind, p11.CKA_ID: b"key-%d" % i}))
        for kind in (p11.CKO_SECRET_KEY, p11.CKO_PRIVATE_KEY, p11.CKO_PUBLIC_KEY))
    assert secrets + privates == 1 and publics == privates
print(f"note: {count} blobs")
