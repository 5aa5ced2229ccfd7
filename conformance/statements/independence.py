#!/usr/bin/env python3
"""What one key encrypts no other opens, and how keys get new material."""

import os

import clock
import p11
from statements import run, states
from statements_token import (
    AD as DEFAULT, AH as HARDWARE, AS as SOFTWARE, ECB, HW, OAEP_256 as OAEP, SM2_SM4, Token, material as material_of)

INVALID = p11.CKR_ENCRYPTED_DATA_INVALID
DAY = 86400


def new_key(token, material=None, profile=DEFAULT):
    """The KeyId of an AES key with this material, else with its own, and its import parameters."""
    return token.new_import(profile, "AES_256", OAEP, material or os.urandom(32))


def bring(token, parameters, material, *options, **expected):
    return token.import_blob(parameters, parameters.wrap(material), *options, **expected)


def versions(token, key):
    return token.ask("versions", key)["KeyVersions"]


def no_rotation(token, key, says=()):
    """The key's service does not rotate it: by the program, and by CKA_TENON_ROTATE."""
    token.byok("rotate", key, status=1, says=("CKR_TEMPLATE_INCONSISTENT", *says))
    token.refused(p11.CKR_TEMPLATE_INCONSISTENT, token.session.set, token.handle(key),
                  {p11.CKA_TENON_ROTATE: True})
    assert len(versions(token, key)) == 1


# 11. Independence

@states(145, "What one key encrypted no other key decrypts", "000 001")
def keys_are_independent(token):
    one, other = new_key(token)[0], new_key(token)[0]
    envelope = token.seal(one, b"text")
    token.refused(INVALID, token.open, other, envelope)
    assert token.open(one, envelope) == b"text"


@states(146, "Keys with equal material are as independent", "000 001")
def equal_material_is_independent(token):
    material = os.urandom(32)
    one, other = new_key(token, material)[0], new_key(token, material)[0]
    token.refused(INVALID, token.open, other, token.seal(one, b"text"))
    for key in (one, other):
        for operation in ("Encrypt", "Decrypt"):
            for mechanism in (p11.Mechanism(p11.CKM_AES_CBC_PAD, bytes(16)), p11.gcm(bytes(12)),
                              p11.Mechanism(p11.CKM_AES_ECB)):
                token.refused(p11.CKR_MECHANISM_INVALID, token.session.begin, operation, mechanism,
                              token.handle(key), logged="--raw")


@states(147, "A new key with an old key's material does not open what that encrypted", "000 001")
def a_new_key_is_independent(token):
    material = os.urandom(32)
    old = new_key(token, material)[0]
    envelope = token.seal(old, b"text")
    token.byok("schedule-deletion", old, "--days", "7", "--yes")
    clock.forward(7 * DAY + 60)
    assert old not in token.byok("list", "--login")
    token.refused(INVALID, token.open, new_key(token, material)[0], envelope)


@states(148, "Two keys may have the same material", "000 001")
def two_keys_of_one_material(token):
    material = os.urandom(32)
    (one, first), (other, second) = (new_key(token, material) for _ in range(2))
    identities = [token.get(key, p11.CKA_TENON_MATERIAL_ID) for key in (one, other)]
    assert identities[0] != identities[1] and len(identities[0]) == 16
    for parameters in (first, second):
        bring(token, parameters, os.urandom(32), status=1, says="CKR_TENON_MATERIAL_MISMATCH")
        bring(token, parameters, material)


@states(149, "What a key encrypted stays its own through deletion and return of its material", "000 001")
def envelopes_outlive_their_material(token):
    material = os.urandom(32)
    key, parameters = new_key(token, material)
    identity, envelope = token.get(key, p11.CKA_TENON_MATERIAL_ID), token.seal(key, b"text")
    token.byok("delete-material", key, "--yes")
    token.refused(p11.CKR_KEY_FUNCTION_NOT_PERMITTED, token.open, key, envelope)
    bring(token, parameters, material)
    assert token.get(key, p11.CKA_TENON_MATERIAL_ID) == identity
    assert token.open(key, envelope) == b"text"


# 12. Rotation

@states(150, "Older documents: an external key is never rotated; new material is a new key", "000 001")
def new_material_is_a_new_key(token):
    key, parameters = new_key(token)
    no_rotation(token, key, says=["Alibaba Cloud KMS (default key)"])
    bring(token, parameters, os.urandom(32), status=1, says="CKR_TENON_MATERIAL_MISMATCH")
    token.seal(new_key(token)[0], b"text")


@states(151, "A software-protected symmetric key is rotated by hand, at once", "002 003")
def rotation_by_hand(token):
    key, parameters = new_key(token, None, SOFTWARE)
    older = token.seal(key, b"older")
    token.byok("rotate", key)
    assert token.describe(key)["KeyState"] == "Enabled"
    assert token.open(key, token.seal(key, b"between")) == b"between"
    bring(token, parameters, os.urandom(32))
    first, second = versions(token, key)
    assert (first["Current"], second["Current"]) == (False, True)
    newer = token.seal(key, b"newer")
    identities = [bytes.fromhex(version["KeyMaterialId"]) for version in (first, second)]
    # The envelope's header: a version byte, the key's unique id, the id of the material.
    assert [older[17:33], newer[17:33]] == identities
    assert (token.open(key, older), token.open(key, newer)) == (b"older", b"newer")


@states(152, "No imported key is rotated periodically", "002 003")
def no_rotation_by_itself(token):
    key, _ = new_key(token, None, SOFTWARE)
    for words in (("create", "--spec", "AES_256"), ("update", key), ("rotate", key)):
        token.byok(*words, "--rotation-interval", "7d", status=2, says="--rotation-interval")
    before = versions(token, key)
    clock.forward(7 * DAY)
    token.byok("sweep")
    assert versions(token, key) == before and len(before) == 1


@states(153, "Software-protected asymmetric keys are not rotated", "002 003")
def software_asymmetric_keys_are_not_rotated(token):
    for spec, algorithm in (("RSA_2048", ECB), ("EC_P256", ECB), ("EC_SM2", SM2_SM4)):
        no_rotation(token, token.new_import(SOFTWARE, spec, algorithm, material_of(spec))[0])


@states(154, "Hardware-protected keys are not rotated, symmetric or asymmetric", "002 003")
def hardware_keys_are_not_rotated(token):
    for spec, algorithm in (("AES_256", OAEP), ("RSA_2048", ECB)):
        no_rotation(token, token.new_import(HARDWARE, spec, algorithm, material_of(spec))[0])


@states(155, "A console asks for a rotation period that its service does not have: there is no such option", "001")
def no_rotation_period(token):
    for command in ("create", "update", "rotate", "import"):
        assert "period" not in token.byok(command, "--help").replace("periodic", "")
    token.byok("create", "--profile", DEFAULT, "--spec", "AES_256", "--rotation-period", "365d",
               status=2, says="--rotation-period")


@states(156, "A key has its initial material, and versions", "003")
def keys_have_versions(token):
    key, _ = new_key(token, None, SOFTWARE)
    (only,) = versions(token, key)
    assert only["Current"] and only["KeyState"] == "Enabled" and only["ImportTime"]
    assert only["KeyMaterialId"] == token.get(key, p11.CKA_TENON_MATERIAL_ID).hex()


@states(157, "Without a rotation, a key that could rotate takes no other material", "002 003")
def no_other_material_without_rotation(token):
    key, parameters = new_key(token, None, SOFTWARE)
    bring(token, parameters, os.urandom(32), status=1, says="CKR_TENON_MATERIAL_MISMATCH")
    token.byok("rotate", key)
    bring(token, parameters, os.urandom(32))
    bring(token, parameters, os.urandom(32), status=1, says="CKR_TENON_MATERIAL_MISMATCH")
    assert len(versions(token, key)) == 2


@states(158, "Huawei tells of no rotation of imported keys, and has none", "004")
def huawei_rotates_nothing(token):
    no_rotation(token, new_key(token, None, HW)[0], says=["Huawei Cloud KMS"])


if __name__ == "__main__":
    clock.fake()
    run(Token())
