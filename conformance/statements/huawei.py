#!/usr/bin/env python3
"""What Huawei's document states of imports, and the answers of Alibaba's questions and answers."""

import os
import time

import clock
import outside
import p11
import printed
from statements import run, states
from statements_token import (
    AD, AH, AS, ECB, HW, KWP as TWO_FILES, OAEP_1, OAEP_256 as OAEP, PKCS1, WITH_PKCS1, Token, material)

DAY = 86400


def state(token, key):
    return token.describe(key)["KeyState"]


def not_after(token, job):
    return token.session.time(job.private, p11.CKA_TENON_NOT_AFTER)


# 15. Huawei specifics

@states(186, "Huawei: material is wrapped by RSAES_OAEP_SHA_256", "004")
def huawei_wraps_by_oaep(token):
    key, _ = token.new_import(HW, "AES_256", OAEP, os.urandom(32))
    assert state(token, key) == "Enabled"
    for algorithm in (OAEP_1, PKCS1):
        token.byok("parameters", key, "--algorithm", algorithm, "--json", status=1,
                   says="Huawei Cloud KMS does not wrap", **WITH_PKCS1)
        token.refused(p11.CKR_TEMPLATE_INCONSISTENT, token.job, key, algorithm)


@states(187, "The algorithm is chosen by what the owner's HSM can do", "004")
def an_hsm_wraps(token):
    rows = {row["KeySpec"]: row["WrappingAlgorithms"] for row in token.ask("profiles", HW)["KeySpecs"]}
    ways = rows["AES_256"]
    assert OAEP in [way["WrappingAlgorithm"] for way in ways]
    key = token.create(HW, "AES_256")
    for way in ways:
        parameters = token.parameters(key, way["WrappingAlgorithm"])
        outside.write("material", bytes(32))
        token.byok("wrap", "material", "--raw", "--public-key", parameters.pem, "--algorithm",
                   way["WrappingAlgorithm"], "--form", "binary", "-o", os.path.join(parameters.folder, "blob"))
        token.import_blob(parameters, outside.read(os.path.join(parameters.folder, "blob")))
    # The owner's HSM is a PKCS#11 token: it wraps a key of its own under the public key.
    parameters, session = token.parameters(token.create(HW, "AES_256"), OAEP), token.session
    public = session.create({p11.CKA_CLASS: p11.CKO_PUBLIC_KEY, p11.CKA_KEY_TYPE: p11.CKK_RSA, p11.CKA_WRAP: True}
                            | rsa_numbers(parameters.public))
    secret = session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_VALUE_LEN: 32, p11.CKA_EXTRACTABLE: True})
    token.import_blob(parameters, session.wrap(p11.oaep("sha256"), public, secret))
    assert state(token, parameters.key) == "Enabled"


def rsa_numbers(spki):
    """Modulus and exponent, as openssl shows them."""
    shown = outside.openssl("rsa", "-pubin", "-inform", "DER", "-modulus", "-noout", data=spki).decode()
    return {p11.CKA_MODULUS: bytes.fromhex(shown.strip().partition("=")[2]), p11.CKA_PUBLIC_EXPONENT: b"\1\0\1"}


@states(188, "The wrapping key lives for 24 hours, and is fetched again after", "004")
def wrapping_keys_live_a_day(token):
    key = token.create(HW, "AES_256")
    job, parameters = token.job(key, OAEP), token.parameters(key, OAEP)
    assert abs(not_after(token, job) - time.time() - DAY) < 10
    blob, other = job.wrap(bytes(32)), parameters.wrap(bytes(32))
    clock.forward(DAY - 60)
    job.unwrap(blob)
    clock.forward(60)
    token.refused(p11.CKR_UNWRAPPING_KEY_HANDLE_INVALID, job.unwrap, blob)
    token.import_blob(parameters, other, status=1)
    again = token.parameters(key, OAEP)
    token.import_blob(again, again.wrap(bytes(32)))


@states(189, "An empty key is made first, and filled then", "004")
def a_key_is_made_empty(token):
    key = token.create(HW, "AES_256")
    assert state(token, key) == "PendingImport"
    assert key in token.byok("list", "--login", "--state", "pending-import")
    parameters = token.parameters(key, OAEP)
    token.import_blob(parameters, parameters.wrap(bytes(32)))
    assert state(token, key) == "Enabled"


@states(190, "A symmetric key comes in one file, an asymmetric one in two", "004")
def one_file_or_two(token):
    parameters = token.parameters(token.create(HW, "AES_256"), OAEP)
    blob = outside.write("material", parameters.wrap(bytes(32)))
    token.byok("import", parameters.key, blob, blob, "--import-token", parameters.token_file, status=1)
    assert state(token, parameters.key) == "PendingImport"
    token.byok("import", parameters.key, blob, "--import-token", parameters.token_file)
    parameters = token.parameters(token.create(HW, "RSA_2048"), TWO_FILES)
    both = printed.huawei_two_files(parameters.public, material("RSA_2048"))
    two = ("EncryptedKeyMaterial.bin", "out_rsa_private_key.der")
    token.byok("import", parameters.key, two[0], "--import-token", parameters.token_file, status=1)
    token.byok("import", parameters.key, *reversed(two), "--import-token", parameters.token_file, status=1)
    for files in (two, (outside.write("both", both),)):
        token.byok("import", parameters.key, *files, "--import-token", parameters.token_file)
        assert state(token, parameters.key) == "Enabled"


@states(191, "After its import the key is in the list as Enabled", "004")
def imported_keys_are_listed(token):
    key = token.create(HW, "EC_P256")
    assert key not in token.byok("list", "--login", "--state", "enabled")
    parameters = token.parameters(key, TWO_FILES)
    token.import_blob(parameters, parameters.wrap(material("EC_P256")))
    assert key in token.byok("list", "--login", "--state", "enabled")


# 17. Questions and answers

@states(213, "Material is deleted by a call, or by an expiry that its import sets", "002 003")
def two_ends_of_material(token):
    key, parameters = token.new_import(AS, "AES_256", OAEP, bytes(32))
    token.byok("delete-material", key, "--yes")
    assert state(token, key) == "PendingImport"
    token.import_blob(parameters, parameters.wrap(bytes(32)), "--expires", str(int(time.time()) + 60))
    assert state(token, key) == "Enabled"
    clock.forward(60)
    assert state(token, key) == "PendingImport"


@states(214, "Material comes again: delete it, get new parameters, encrypt the same, import", "002 003")
def material_comes_again(token):
    for deleted in (True, False):
        key, _ = token.new_import(AS, "AES_256", OAEP, bytes(32))
        envelope = token.seal(key, b"text")
        if deleted:
            token.byok("delete-material", key, "--yes")
        parameters = token.parameters(key, OAEP)
        token.import_blob(parameters, parameters.wrap(bytes(32)))
        assert token.open(key, envelope) == b"text"


@states(215, "Another wrapping key or algorithm is no matter, if the material is the same", "002 003")
def the_way_is_no_matter(token):
    key, _ = token.new_import(AD, "AES_256", OAEP, bytes(32))
    identity = token.describe(key)["KeyMaterialId"]
    parameters = token.parameters(key, OAEP_1)
    token.import_blob(parameters, parameters.wrap(bytes(31) + b"\1"), status=1, says="CKR_TENON_MATERIAL_MISMATCH")
    token.import_blob(parameters, parameters.wrap(bytes(32)))
    assert token.describe(key)["KeyMaterialId"] == identity != ""


@states(216, "The origin says whether material was imported or generated", "002 003")
def the_origin_says(token):
    for option, word, number in (("external", "EXTERNAL", p11.ORIGIN_EXTERNAL),
                                 ("generated", "Aliyun_KMS", p11.ORIGIN_GENERATED)):
        key = token.create(AS, "AES_256", "--origin", option)
        assert token.describe(key)["Origin"] == word
        assert token.number(key, p11.CKA_TENON_ORIGIN) == number


@states(217, "Of imported keys the software-protected symmetric ones rotate, by hand, and no others", "002 003")
def what_rotates(token):
    for profile, spec, algorithm, rotates in ((AS, "AES_256", OAEP, True), (AS, "EC_P256", ECB, False),
                                              (AD, "AES_256", OAEP, False), (AH, "AES_256", OAEP, False),
                                              (AH, "RSA_2048", ECB, False)):
        key, _ = token.new_import(profile, spec, algorithm, material(spec))
        token.byok("rotate", key, status=0 if rotates else 1, says="" if rotates else "CKR_TEMPLATE_INCONSISTENT")


@states(218, "A kind of key that cannot be imported is refused with an error that says so", "002 003")
def refusals_say_why(token):
    service = "Alibaba Cloud KMS (default key)"
    token.no_key(AD, "RSA_2048", says=[service, "AES_256"])
    for template in ({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_KEY_TYPE: p11.CKK_RSA, p11.CKA_MODULUS_BITS: 2048},
                     {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_VALUE_LEN: 16}):
        token.refused(p11.CKR_TEMPLATE_INCONSISTENT, token.session.generate_key, p11.CKM_TENON_EXTERNAL_KEY_GEN,
                      template | {p11.CKA_TENON_PROFILE: AD}, logged=service)


if __name__ == "__main__":
    clock.fake()
    run(Token())
