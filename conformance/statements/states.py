#!/usr/bin/env python3
"""States of an external key, and the rules of its material."""

import functools
import math
import os
import time

import byok
import outside
import p11
import seal
from cryptography.hazmat.primitives.serialization import load_der_private_key
from statements import run, states
from statements_token import (AD, AS, ECB, HW, OAEP_1, OAEP_256, PKCS1, SM2_SM4, WITH_PKCS1, Token, material)

DENIED, MISMATCH = p11.CKR_KEY_FUNCTION_NOT_PERMITTED, p11.CKR_TENON_MATERIAL_MISMATCH
INVALID, INCONSISTENT = p11.CKR_WRAPPED_KEY_INVALID, p11.CKR_TEMPLATE_INCONSISTENT
PENDING, ENABLED, DISABLED, DELETION = (p11.STATE_PENDING_IMPORT, p11.STATE_ENABLED, p11.STATE_DISABLED,
                                        p11.STATE_PENDING_DELETION)
AES = material("AES_256")
OTHER = os.urandom(32)


def enabled(token, *options):
    """A key of AES_256 with its material, and the parameters by which it came."""
    return token.new_import(AD, "AES_256", OAEP_256, AES, *options)


def delete(token, key):
    token.byok("delete-material", key, "--yes")


def schedule(token, key):
    token.byok("schedule-deletion", key, "--days", "7", "--yes")


@functools.cache
def expired(token):
    """Keys whose material has expired: one that was Enabled, and one in PendingDeletion; their
    parameters, and an envelope of the first."""
    (one, first), (two, second) = enabled(token), enabled(token)
    envelope, end = token.seal(one, b"text"), int(time.time()) + 2
    for parameters in (first, second):
        token.import_blob(parameters, parameters.wrap(AES), "--expires", str(end))
    schedule(token, two)
    time.sleep(max(0.0, end - time.time()) + 0.05)
    return one, two, first, envelope


@states(27, "A new external key is in Pending Import", "000 001 003")
def waits(token):
    key = token.create(AD, "AES_256")
    assert token.describe(key)["KeyState"] == "PendingImport" and token.state(key) == PENDING


@states(28, "A key without material cannot be used", "000 001 003")
def useless(token):
    p11.refused(DENIED, token.seal, token.create(AD, "AES_256"), b"text")
    p11.refused(DENIED, token.session.begin, "Sign", p11.Mechanism(p11.CKM_RSA_PKCS),
                token.handle(token.create(AS, "RSA_2048")))


@states(29, "The import makes it usable: Enabled", "001 002 003 004")
def import_enables(token):
    key = token.create(AD, "AES_256")
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(AES), says="Enabled")
    assert token.describe(key)["KeyState"] == "Enabled" and token.state(key) == ENABLED
    assert token.open(key, token.seal(key, b"text")) == b"text"


@states(30, "When the material has expired or was deleted the key stops working", "000 001 002 003 004")
def stops(token):
    gone, _ = enabled(token)
    envelope = token.seal(gone, b"text")
    delete(token, gone)
    late, _, _, late_envelope = expired(token)
    for key, text in ((gone, envelope), (late, late_envelope)):
        p11.refused(DENIED, token.open, key, text)
        assert token.describe(key)["KeyState"] == "PendingImport"


@states(31, "It then waits for an import, or stays in Pending Deletion", "000 001")
def stays_in_deletion(token):
    gone, _ = enabled(token)
    schedule(token, gone)
    delete(token, gone)
    _, late, _, _ = expired(token)
    for key in (gone, late):
        assert token.state(key) == DELETION and token.describe(key)["KeyState"] == "PendingDeletion"
        token.byok("cancel-deletion", key)
        assert token.state(key) == PENDING


@states(32, "Material that ends while the key is disabled: Pending Import, and disabled again after it", "000 001")
def stays_disabled(token):
    key, parameters = enabled(token)
    token.byok("disable", key)
    delete(token, key)
    assert token.state(key) == PENDING and token.get(key, p11.CKA_TENON_DISABLED) == b"\1"
    token.import_blob(parameters, parameters.wrap(AES))
    assert token.state(key) == DISABLED and token.get(key, p11.CKA_TENON_DISABLED) == b"\1"
    p11.refused(DENIED, token.seal, key, b"text")


@states(33, "The key with its metadata outlives its material", "000 001 002 003")
def metadata_stays(token):
    def shown():
        found = token.describe(key)
        return [found[name] for name in ("KeyId", "AliasName", "Description", "Tags", "KeyUsage", "Id")]
    key = token.create(AD, "AES_256", "--alias", "survivor", "--description", "kept", "--tag", "team=one")
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(AES))
    before = shown()
    delete(token, key)
    assert shown() == before and before[1] == "survivor"


@states(34, "Without the material its ciphertext stays closed", "000 001 003")
def stays_closed(token):
    key, parameters = enabled(token)
    envelope = token.seal(key, b"text")
    delete(token, key)
    p11.refused(DENIED, token.open, key, envelope)
    # Another key with the material does not open it either.
    other, _ = enabled(token)
    p11.refused(p11.CKR_ENCRYPTED_DATA_INVALID, token.open, other, envelope)


@states(35, "The same material opens the old ciphertext again", "000 001 002 003")
def opens_again(token):
    key, parameters = enabled(token)
    envelope = token.seal(key, b"text")
    delete(token, key)
    token.import_blob(parameters, parameters.wrap(AES))
    assert token.open(key, envelope) == b"text"


@states(36, "Huawei: an import enables the key", "004")
def huawei_enabled(token):
    key, _ = token.new_import(HW, "AES_256", OAEP_256, AES)
    assert token.state(key) == ENABLED


@states(37, "States are shown by describe and in the list", "000 001 004")
def listed_by_state(token):
    def listed(state):
        return key in [row["KeyId"] for row in token.ask("list", "--state", state)["Keys"]]
    key = token.create(AD, "AES_256")
    assert listed("pending-import") and not listed("enabled")
    parameters = token.parameters(key, OAEP_256)
    token.import_blob(parameters, parameters.wrap(AES))
    assert listed("enabled") and not listed("pending-import")


@states(38, "The first import binds the key to its material for ever", "000 001 002 003")
def binds(token):
    rsa, sm2 = outside.private_key("RSA-2048"), outside.private_key("SM2")
    for profile, spec, algorithm, other, code in (
            (AD, "AES_256", OAEP_256, OTHER, "CKR_TENON_MATERIAL_MISMATCH"),
            (AD, "AES_256", PKCS1, OTHER, "CKR_WRAPPED_KEY_INVALID"),
            (AS, "RSA_2048", ECB, rsa, "CKR_WRAPPED_KEY_INVALID"),
            (AS, "EC_SM2", SM2_SM4, sm2, "CKR_WRAPPED_KEY_INVALID")):
        key, parameters = token.new_import(profile, spec, algorithm, material(spec), **WITH_PKCS1)
        token.import_blob(parameters, parameters.wrap(other), status=1, says=code, **WITH_PKCS1)
        token.import_blob(parameters, parameters.wrap(material(spec)), **WITH_PKCS1)
        assert token.state(key) == ENABLED


@states(39, "Neither expiry nor deletion lifts the binding", "000 001")
def stays_bound(token):
    gone, deleted = enabled(token)
    delete(token, gone)
    late, _, parameters, _ = expired(token)
    token.tenon("backup", "copy.backup")
    os.mkdir("elsewhere", 0o700)
    elsewhere = {"TENON_DIRECTORIES_TOKENDIR": os.path.abspath("elsewhere")}
    token.tenon("restore", "copy.backup", "--yes", **elsewhere)
    for known in (deleted, parameters):
        # Each command is a process of its own, which reads the token's file anew.
        for where in ({}, elsewhere):
            token.import_blob(known, known.wrap(OTHER), status=1, says="CKR_TENON_MATERIAL_MISMATCH", **where)
    assert token.state(gone) == token.state(late) == PENDING


@states(40, "One key has one material", "000 001")
def one_material(token):
    key, parameters = enabled(token)
    before = token.get(key, p11.CKA_TENON_MATERIAL_ID)
    for again in (lambda: None, lambda: delete(token, key)):
        again()
        token.import_blob(parameters, parameters.wrap(AES))
        assert token.get(key, p11.CKA_TENON_MATERIAL_ID) == before
        assert len(token.ask("versions", key)["KeyVersions"]) == 1


@states(41, "The same material may come again and again, while it is there too", "000 001 002 003")
def again_and_again(token):
    key = token.create(AD, "AES_256")
    job, handle = token.job(key, OAEP_256), token.handle(key)
    for _ in range(3):
        assert job.unwrap(job.wrap(AES)) == handle and token.state(key) == ENABLED


@states(42, "It may come by another wrapping key and another algorithm", "002 003")
def other_ways(token):
    key, _ = enabled(token)
    parameters = token.parameters(key, OAEP_1)
    token.import_blob(parameters, parameters.wrap(AES))
    assert token.state(key) == ENABLED


@states(43, "It must be identical, to the bit; how a private key is encoded does not count", "002 003")
def identical(token):
    key, parameters = enabled(token)
    token.import_blob(parameters, parameters.wrap(seal.flip(AES, 31)), status=1,
                      says="CKR_TENON_MATERIAL_MISMATCH")
    key, parameters = token.new_import(AS, "RSA_2048", ECB, material("RSA_2048"))
    numbers = load_der_private_key(material("RSA_2048"), None).private_numbers()
    n, e, p, q = numbers.public_numbers.n, numbers.public_numbers.e, numbers.p, numbers.q
    # The primes the other way round, and another d: it is unique modulo λ(n) alone.
    order = math.lcm(p - 1, q - 1)
    least = numbers.d % order
    d = least + order if least == numbers.d else least
    token.import_blob(parameters, parameters.wrap(seal.rsa(n, e, d, q, p)))


@states(44, "A refused import leaves the old material in use", "000 001")
def old_stays(token):
    key, parameters = enabled(token, "--expires", "2d")
    before, envelope = token.get(key, p11.CKA_TENON_EXPIRES_AT), token.seal(key, b"text")
    token.import_blob(parameters, parameters.wrap(OTHER), "--expires", "9d", status=1)
    assert token.open(key, envelope) == b"text" and token.get(key, p11.CKA_TENON_EXPIRES_AT) == before


@states(45, "Imported material never leaves", "002 003")
def never_leaves(token):
    key, _ = enabled(token)
    wrapping = token.session.generate_key(p11.CKM_AES_KEY_GEN, {p11.CKA_VALUE_LEN: 32, p11.CKA_WRAP: True})
    p11.refused(p11.CKR_KEY_UNEXTRACTABLE, token.session.wrap, p11.Mechanism(p11.CKM_AES_KEY_WRAP_KWP), wrapping,
                token.handle(key))
    p11.refused(p11.CKR_ATTRIBUTE_SENSITIVE, token.get, key, p11.CKA_VALUE)
    job = token.job(key, OAEP_256)
    job.kind |= {p11.CKA_EXTRACTABLE: True, p11.CKA_SENSITIVE: False}
    job.unwrap(job.wrap(AES))
    assert (token.number(key, p11.CKA_EXTRACTABLE), token.number(key, p11.CKA_SENSITIVE)) == (0, 1)


@states(46, "The owner keeps a copy, since none is given back", "000 001 002 003")
def none_given_back(token):
    key, _ = enabled(token)
    token.tenon("export", "--unique-id", key.replace("-", ""), "--login", status=1)
    token.tenon("export", "--help", says="private and secret keys never leave")
    token.documented("Keep the original")


@states(47, "The owner answers for the randomness of the material", "000 001 003")
def randomness(token):
    key, _ = token.new_import(AD, "AES_256", OAEP_256, bytes(32))
    assert token.state(key) == ENABLED
    token.documented("cannot judge how random")


@states(48, "Imported material is only as durable as its place", "000 001")
def durability(token):
    token.documented("only as durable as the token's file")


@states(49, "Symmetric material has just the length of the key, 32 bytes", "000 001 002 003 004")
def length(token):
    def everything():
        return sorted(token.session.find({p11.CKA_TENON_PROFILE: AD})), len(token.session.find({}))
    key = token.create(AD, "AES_256")
    job = token.job(key, OAEP_256)
    before = everything()
    for code in (INVALID, MISMATCH):
        for size in (16, 31, 33, 1, 65, 0):
            p11.refused(code, job.unwrap, job.wrap(os.urandom(size)))
        if code == INVALID:
            assert everything() == before and token.state(key) == PENDING
            job.unwrap(job.wrap(AES))


@states(50, "Material comes wrapped, and not otherwise", "000 001 002 003 004")
def only_wrapped(token):
    p11.refused((INCONSISTENT, p11.CKR_ATTRIBUTE_READ_ONLY), token.session.create, {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_TOKEN: True,
        p11.CKA_VALUE: AES, p11.CKA_TENON_PROFILE: AD})
    key = token.create(AD, "AES_256")
    token.import_blob(token.parameters(key, OAEP_256), AES, status=1, says="CKR_WRAPPED_KEY_LEN_RANGE")
    assert token.state(key) == PENDING


@states(51, "One import call brings the first material, the same after its end, and a new expiry", "000 001")
def three_purposes(token):
    key = token.create(AD, "AES_256")
    job, handles, uid = token.job(key, OAEP_256), [token.handle(key)], token.get(key, p11.CKA_UNIQUE_ID)
    job.unwrap(job.wrap(AES))
    token.session.destroy(token.handle(key))
    assert token.state(key) == PENDING
    end = int(time.time()) + 86400
    for expires_at in (None, end):
        handles.append(job.unwrap(job.wrap(AES), expires_at))
        assert token.get(key, p11.CKA_UNIQUE_ID) == uid
    assert handles[1] == handles[2] and token.get(key, p11.CKA_TENON_EXPIRES_AT) == byok.time(end)


@states(52, "An import fits only where key id and import token agree", "004")
def token_of_another(token):
    _, first = enabled(token)
    key = token.create(AD, "AES_256")
    second = token.parameters(key, OAEP_256)
    second.token_file = first.token_file
    told = "the import token belongs to the key"
    token.import_blob(second, second.wrap(AES), status=1, says=told)
    token.import_blob(first, first.wrap(AES), key=key, status=1, says=told)
    job = token.job(key, OAEP_256)
    job.token = first.token
    p11.refused(INCONSISTENT, job.unwrap, job.wrap(AES))
    assert token.state(key) == PENDING


if __name__ == "__main__":
    run(Token())
