#!/usr/bin/env python3
"""Wrapping algorithms and their formats, and the import of symmetric keys."""

import base64
import functools
import os

import external
import jvm
import outside
import p11
import printed
import seal
from statements import run, states
from statements_token import (AD, AH, AS, ENVELOPE, HW, OAEP_1, OAEP_256, PKCS1, WITH_PKCS1, Token, material)

INVALID, INCONSISTENT = p11.CKR_WRAPPED_KEY_INVALID, p11.CKR_TEMPLATE_INCONSISTENT
LENGTH = p11.CKR_WRAPPED_KEY_LEN_RANGE
AES = material("AES_256")


@functools.cache
def job(token, profile, algorithm):
    """An import job of a key of AES_256."""
    return token.job(token.create(profile, "AES_256"), algorithm)


def brings(token, profile, algorithm, wrap):
    """A new key takes what `wrap` makes of public key and material; its KeyId."""
    key = token.create(profile, "AES_256")
    parameters = token.parameters(key, algorithm)
    token.import_blob(parameters, wrap(parameters.public, AES))
    assert token.state(key) == p11.STATE_ENABLED and token.number(key, p11.CKA_VALUE_LEN) == 32
    return key


@states(81, "Default keys: RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, RSAES_PKCS1_V1_5", "000 001 003")
def default_algorithms(token):
    key = token.create(AD, "AES_256")
    for algorithm in (OAEP_1, OAEP_256):
        token.job(key, algorithm)
    token.parameters(key, PKCS1, **WITH_PKCS1)
    for number in range(4, 14):
        other = external.Way(number, None, 0 if number in (7, 8) else 2048)
        p11.refused(INCONSISTENT, external.Job, token.session, token.handle(key), other)


@states(82, "Software- and hardware-protected keys: not RSAES_OAEP_SHA_1", "003")
def protected_algorithms(token):
    for profile in (AS, AH):
        key = token.create(profile, "AES_256")
        p11.refused(INCONSISTENT, token.job, key, OAEP_1)
        token.byok("parameters", key, "--algorithm", OAEP_1, status=1, says=OAEP_256)
        token.job(key, OAEP_256)
        token.parameters(key, PKCS1, **WITH_PKCS1)


@states(83, "RSAES_PKCS1_V1_5 is not for new work: it is off, and fails with one code when on", "003")
def pkcs1_is_off(token):
    key = token.create(AD, "AES_256")
    token.refused(INCONSISTENT, token.job, key, PKCS1, logged="byok.pkcs1")
    parameters = token.parameters(key, PKCS1, **WITH_PKCS1)
    good = parameters.wrap(AES)
    for bad in (seal.flip(good, 9), parameters.wrap(AES[1:]), seal.oaep(parameters.public, AES, seal.SHA1)):
        token.import_blob(parameters, bad, status=1, says="CKR_WRAPPED_KEY_INVALID", **WITH_PKCS1)
    assert token.state(key) == p11.STATE_PENDING_IMPORT
    token.import_blob(parameters, good, **WITH_PKCS1)


@states(84, "RSAES_OAEP_SHA_256 is OAEP with SHA-256 and MGF1 with SHA-256", "002 003")
def oaep_sha256(token):
    brings(token, AS, OAEP_256, lambda public, data: outside.oaep(public, data, "sha256"))
    known = job(token, AS, OAEP_256)
    p11.refused(INVALID, known.unwrap, outside.oaep(known.public, AES, "sha256", "sha512"))


@states(85, "RSAES_OAEP_SHA_1 is OAEP with SHA-1 and MGF1 with SHA-1, without a label", "003")
def oaep_sha1(token):
    brings(token, AD, OAEP_1, lambda public, data: outside.oaep(public, data, "sha1"))
    known = job(token, AD, OAEP_1)
    for wrong in (seal.oaep(known.public, AES, seal.SHA1, label=b"x"),
                  seal.oaep(known.public, AES, seal.SHA1, seal.SHA256)):
        p11.refused(INVALID, known.unwrap, wrong)


@states(86, "A program that names the hash of OAEP alone is understood, whichever MGF1 it takes", "004")
def hash_alone(token):
    brings(token, HW, OAEP_256, printed.huawei_oaep)
    brings(token, HW, OAEP_256, jvm.owner().wrap("jdk", "oaep-sha256-default"))


@states(87, "OAEP has an empty label", "000 001 002 003")
def empty_label(token):
    for provider in ("jdk", "bc"):
        brings(token, AD, OAEP_256, jvm.owner().wrap(provider, "oaep-sha256"))
    known = job(token, AD, OAEP_256)
    p11.refused(INVALID, known.unwrap, seal.oaep(known.public, AES, seal.SHA256, label=b"x"))


@states(88, "Wrapping is done on the owner's side, by the public key alone", "000 001 002 003 004")
def owner_wraps(token):
    key = token.create(AD, "AES_256")
    parameters, file = token.parameters(key, OAEP_256), outside.write("KeyMaterial.bin", AES)
    blob = token.byok("wrap", file, "--raw", "--public-key", parameters.pem, "--algorithm", OAEP_256,
                      TENON_DIRECTORIES_TOKENDIR="/nonexistent", TENON_PIN="")
    token.import_blob(parameters, blob.encode())
    assert token.state(key) == p11.STATE_ENABLED


@states(89, "The blob is sent in Base64; the bytes themselves are taken too", "000 001 002 003")
def base64_or_binary(token):
    key = token.create(AD, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    blob = parameters.wrap(AES)
    for form in (base64.b64encode(blob), blob):
        token.import_blob(parameters, form)
        assert token.state(key) == p11.STATE_ENABLED
        token.byok("delete-material", key, "--yes")


@states(90, "Base64 comes in one line; other lines are read too, other text is not", "000 001 002 003")
def base64_lines(token):
    key = token.create(AD, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    line, lines = base64.b64encode(parameters.wrap(AES)), base64.encodebytes(parameters.wrap(AES))
    for form in (line, line + b"\n", lines, lines.replace(b"\n", b"\r\n")):
        token.import_blob(parameters, form)
    for form in (line[:-3] + b"=", b"!" + line[1:], line.replace(b"A", b"*"), b"no blob at all\n"):
        token.import_blob(parameters, form, status=1)


@states(91, "A blob under a key of 2048 bits has 256 bytes", "000 001 003")
def blob_length(token):
    known = job(token, AD, OAEP_256)
    blob = known.wrap(AES)
    assert len(blob) == 256
    for wrong in (blob[:-1], blob + b"\0", b""):
        p11.refused(LENGTH, known.unwrap, wrong)


@states(92, "Material is 32 random bytes of openssl", "000 001 003 004")
def random_bytes(token):
    outside.shell("openssl rand -out Random.bin 32")
    key = token.create(AD, "AES_256", "--raw")
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(outside.read("Random.bin")))
    assert token.state(key) == p11.STATE_ENABLED and token.number(key, p11.CKA_VALUE_LEN) == 32


@states(93, "OAEP with SHA-1 by openssl rsautl", "000 001")
def rsautl(token):
    brings(token, AD, OAEP_1, printed.alibaba(printed.OAEP_SHA_1))


@states(94, "OAEP with SHA-256 by openssl pkeyutl, on the public key in DER and PEM", "003")
def pkeyutl(token):
    for lines in (printed.OAEP_SHA_256, printed.OAEP_SHA_256_PEM):
        for profile in (AD, AS, AH):
            brings(token, profile, OAEP_256, printed.alibaba(lines))


@states(95, "Java: the parameters count, not the SHA-1 in the cipher's name", "000 001")
def java_parameters(token):
    wrap = jvm.owner().wrap("jdk", "oaep-sha256")
    brings(token, AD, OAEP_256, wrap)
    known = job(token, AD, OAEP_1)
    p11.refused(INVALID, known.unwrap, wrap(known.public, AES))


@states(96, "Go's sample: OAEP with SHA-256, no label, no expiry", "001")
def go(token):
    # Go is not at hand: what its function computes is fixed by RFC 8017.
    key = brings(token, AD, OAEP_256, lambda public, data: seal.oaep(public, data, seal.SHA256, label=None))
    assert token.describe(key)["KeyMaterialExpireUnix"] == 0
    assert token.get(key, p11.CKA_TENON_EXPIRES_AT) == bytes(8)


@states(97, "The material is the key of AES: raw where the key is made so, else in the envelope", "000 001 003")
def is_that_aes(token):
    key = token.create(AD, "AES_256", "--raw")
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(AES))
    block = os.urandom(16)
    ecb = p11.Mechanism(p11.CKM_AES_ECB)
    assert token.session.encrypt(ecb, token.handle(key), block) == outside.ecb(AES, block)
    independent, _ = token.new_import(AD, "AES_256", OAEP_256, AES)
    token.refused(p11.CKR_MECHANISM_INVALID, token.session.encrypt, ecb, token.handle(independent), block,
                  logged="--raw")
    assert token.open(independent, token.seal(independent, block)) == block


@states(98, "Huawei: AES-256 material encrypts small data, and data keys", "004")
def data_keys(token):
    key, _ = token.new_import(HW, "AES_256", OAEP_256, AES)
    assert token.open(key, token.seal(key, b"text")) == b"text"
    template = {p11.CKA_VALUE_LEN: 32, p11.CKA_EXTRACTABLE: True, p11.CKA_SENSITIVE: False}
    data_key = token.session.generate_key(p11.CKM_AES_KEY_GEN, template)
    wrapped = token.session.wrap(ENVELOPE, token.handle(key), data_key)
    opened = token.session.unwrap(ENVELOPE, token.handle(key), wrapped, template | {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES})
    assert token.session.get(opened, p11.CKA_VALUE) == token.session.get(data_key, p11.CKA_VALUE)


if __name__ == "__main__":
    run(Token())
