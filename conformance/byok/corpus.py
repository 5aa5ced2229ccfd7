#!/usr/bin/env python3
"""Wrong blobs of every format, on import jobs: one answer for all, and nothing is left or changed.

Each blob comes twice, to a key that waits for material and to one that has it.
"""

import os

import external
import outside
import p11
import seal
import spec
from external import Way
from seal import DIGESTS, SHA1, SHA256, SHA384, flip

INVALID, LENGTH = p11.CKR_WRAPPED_KEY_INVALID, p11.CKR_WRAPPED_KEY_LEN_RANGE
# Of a whole blob with a secret of another length: other material where the key is bound.
SIZE = "another length"
MODULUS = 256


def head_wrongs(number, public, inside):
    """RSA blocks that are no good OAEP of `inside`, but have the right length."""
    digest = DIGESTS[number]
    good = seal.oaep(public, inside, digest)
    another = SHA384 if digest is not SHA384 else SHA256
    return {f"byte {at}": flip(good, at) for at in (0, 1, 128, MODULUS - 1)} | {
        "zero": bytes(MODULUS), "one": bytes(MODULUS - 1) + b"\1", "not below n": b"\xff" * MODULUS,
        "random": b"\0" + os.urandom(MODULUS - 1), "reversed": good[::-1],
        "another hash": seal.oaep(public, inside, another),
        "another mask": seal.oaep(public, inside, digest, another),
        "a label": seal.oaep(public, inside, digest, None, b"label"),
        "PKCS #1": seal.pkcs1(public, inside)}


def direct(number, public, material):
    """(answer, blob) of what is wrong with OAEP or PKCS #1 v1.5 of a secret key."""
    def sealed(data):
        return seal.blob(number, public, data)

    good = sealed(material)
    if number == 3:
        heads = {f"byte {at}": flip(good, at) for at in (0, 1, 128, MODULUS - 1)} | {
            "zero": bytes(MODULUS), "not below n": b"\xff" * MODULUS,
            "OAEP": seal.oaep(public, material, SHA1)}
    else:
        heads = head_wrongs(number, public, material)
    sizes = {f"{size} bytes inside": sealed(os.urandom(size)) for size in (0, 1, 15, 31, 33, 64)}
    wrong_size = INVALID if number == 3 else SIZE
    return [(INVALID, blob) for blob in heads.values()] + [
        (wrong_size, blob) for blob in sizes.values()] + [
        (LENGTH, good[:size]) for size in (0, 1, MODULUS - 1)] + [
        (LENGTH, good + b"\0"), (LENGTH, good + good)]


def composite(number, public, material, wrongs):
    """(answer, blob) of what is wrong with a key's OAEP and the material under it."""
    tail_of, unit = (seal.kwp, 8) if number in seal.KWP else (seal.ecb, 16)
    kek = os.urandom(32)
    head, tail = seal.oaep(public, kek, DIGESTS[number]), tail_of(kek, material)
    blobs = [blob + tail for blob in head_wrongs(number, public, kek).values()]
    # The key inside: of no AES size, of another size than the tail's, another key.
    for size in (0, 1, 15, 17, 31, 33, 64):
        blobs.append(seal.oaep(public, os.urandom(size), DIGESTS[number]) + tail)
    blobs += [seal.oaep(public, kek[:size], DIGESTS[number]) + tail for size in (16, 24)]
    if number in seal.ECB:
        blobs += [seal.oaep(public, kek[:16], DIGESTS[number]) + seal.ecb(kek[:16], material),
                  head + seal.ecb(kek, material + bytes(-len(material) % 16), padded=False)]
    other_tail = seal.ecb if number in seal.KWP else seal.kwp
    blobs += [head + tail_of(os.urandom(32), material),
              head + other_tail(kek, material + bytes((8 - len(material)) % 16))]
    # The tail.
    blobs += [head + flip(tail, at) for at in (0, 1, len(tail) // 2, len(tail) - 1)]
    blobs += [head + tail[unit:], head + tail[:-unit], head + tail + bytes(unit),
              head + tail + tail, tail + head,
              head + tail[unit:2 * unit] + tail[:unit] + tail[2 * unit:]]
    # What comes out whole and is no key.
    no_keys = [head + tail_of(kek, wrong) for wrong in wrongs if wrong]
    secret = len(material) == 32
    whole = head + tail
    lengths = [whole[:size] for size in (
        0, 1, MODULUS - 1, MODULUS, MODULUS + 1, MODULUS + unit - 1)]
    return [(INVALID, blob) for blob in blobs] + [
        (SIZE if secret else INVALID, blob) for blob in no_keys] + [
        (LENGTH, blob) for blob in [*lengths, whole[:-1], whole + b"\0"]]


def sm2(number, public, material):
    """(answer, blob) of what is wrong with SM2 encryption, in both of its forms."""
    ephemeral = os.urandom(16)
    scalar = outside.scalar(material)
    tail = outside.sm4_ecb(ephemeral, scalar) if number == 7 else b""
    der = outside.sm2(public, ephemeral if number == 7 else scalar)
    blobs = []
    for head in (der, outside.sm2_raw(der)):
        blobs += [flip(head, at) + tail for at in (0, 1, 2, 10, 40, 70, 90, len(head) - 1)]
        blobs += [bytes(len(head)) + tail, head[:1] + bytes(len(head) - 1) + tail,
                  head[::-1] + tail]
    blobs.append(b"\2" + outside.sm2_raw(der)[1:] + tail)
    wrongs = (bytes(32), b"\xff" * 32, bytes(16), scalar + bytes(16), scalar[:16])
    if number == 8:
        blobs += [outside.sm2(public, wrong) for wrong in (*wrongs, scalar[:31], scalar + b"\0")]
        return [(INVALID, blob) for blob in blobs] + [(LENGTH, der[:size]) for size in (0, 1, 40)]
    blobs += [der + outside.sm4_ecb(ephemeral, wrong) for wrong in wrongs]
    blobs += [outside.sm2(public, os.urandom(size)) + tail for size in (15, 17, 32)]
    blobs += [der + tail[:-1], der + tail + b"\0", tail + der, der + der, der,
              outside.sm2_raw(der)]
    return [(INVALID, blob) for blob in blobs] + [
        (LENGTH, blob) for blob in (b"", der[:1], tail)]


attempts = 0
os.environ["TENON_BYOK_PKCS1"] = "true"
session = p11.start()


def everything():
    """Handles of all objects, those that ordinary searches leave out too."""
    return sorted(session.find({})) + [
        sorted(session.find({p11.CKA_TENON_ORIGIN: origin})) for origin in range(4)]


def good(number, public, material):
    if number == 7:
        return outside.sm2_sm4(public, outside.scalar(material))
    if number == 8:
        return outside.sm2(public, outside.scalar(material))
    return seal.blob(number, public, material)


def run(kind, number, wrongs):
    """All of one format, on a key of its own."""
    key = external.create(session, "open", kind)
    job = external.Job(session, key, Way(
        number, lambda public, data: good(number, public, data), 0 if number in (7, 8) else 2048))
    material = kind.material()
    cases = wrongs(number, job.public, material)

    def facts():
        bound = p11.answer(session.get, key, p11.CKA_TENON_MATERIAL_ID) == 0
        return [everything(), session.get(key, p11.CKA_TENON_KEY_STATE),
                session.get(key, p11.CKA_TENON_MATERIAL_ID) if bound else None]

    def refuse_all(other):
        """`other` is the answer to material of another length."""
        global attempts
        before = facts()
        for case, (expected, blob) in enumerate(cases):
            expected = other if expected == SIZE else expected
            rv = p11.answer(job.unwrap, blob)
            assert rv == expected, (kind, number, case, p11.NAMES.get(rv, hex(rv)), len(blob))
            assert facts() == before, (kind, number, case)
            attempts += 1

    refuse_all(INVALID)
    job.unwrap(job.wrap(material))
    again = kind.use(session, key, material)
    refuse_all(p11.CKR_TENON_MATERIAL_MISMATCH)
    again(key)


for number in (1, 2, 3, 12, 13):
    run(spec.AES_256, number, direct)
for number in seal.KWP:
    run(spec.AES_256, number, lambda *known: composite(
        *known, [os.urandom(size) for size in (1, 15, 31, 33, 64)]))
for number in (5, *seal.ECB):
    run(spec.EC_P256, number, lambda *known: composite(*known, seal.ec_wrongs(known[2]).values()))
    run(spec.RSA_2048, number, lambda *known: composite(*known, seal.rsa_wrongs(known[2]).values()))
for number in (7, 8):
    run(spec.EC_SM2, number, sm2)
print(f"note: {attempts} wrong blobs")
