#!/usr/bin/env python3
"""A token of the real SoftHSM2 with objects of every kind moves in by `tenon migrate softhsm`. Then each key computes in both
tokens, and each answer is the other's: compared here, over the C interface of both modules, and not by the program.

About 100 objects from the files that SoftHSM keeps as Debian has it; with --suites 1,000, and 1,000 from its database, for which
SoftHSM is built from Debian's source."""

import json
import multiprocessing
import os
import subprocess
import sys
import time

import outside
import p11
import softhsm
import suite

PIN, SO_PIN = "softhsm-1234", "softhsm-so"
DATA = bytes(range(1, 33))
# Not in p11: mechanisms and key types that this script alone uses.
CKM_DSA_KEY_PAIR_GEN, CKM_DSA, CKM_DH_KEY_PAIR_GEN, CKM_DH_DERIVE, CKM_ECDH1_DERIVE = 0x10, 0x11, 0x20, 0x21, 0x1050
CKM_DES_KEY_GEN, CKM_DES2_KEY_GEN, CKM_DES3_KEY_GEN, CKM_DES3_CBC = 0x120, 0x130, 0x131, 0x133
CKA_DERIVE, CKA_PRIME, CKA_SUBPRIME, CKA_BASE = 0x10C, 0x130, 0x131, 0x132
CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_SUBJECT = 0x80, 0x81, 0x82, 0x101
# RFC 3526 section 3: the prime of 2048 bits.
GROUP_14 = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF")


def secret_key(name, mechanism, uses, more):
    """Keys that never leave, but for every other AES key, which may be read."""
    def make(session, number, named):
        length = {} if mechanism != p11.CKM_AES_KEY_GEN else {p11.CKA_VALUE_LEN: (16, 24, 32)[number % 3]}
        open_ = name == "aes" and number % 2 == 1
        session.generate_key(mechanism, named | length | dict.fromkeys(uses, True) | more | {
            p11.CKA_PRIVATE: True, p11.CKA_SENSITIVE: not open_, p11.CKA_EXTRACTABLE: open_})
    return make


def pair(mechanism, public, use, public_use):
    def make(session, _, named):
        session.generate_pair(mechanism, named | public() | {public_use: True}, named | {
            p11.CKA_PRIVATE: True, p11.CKA_SENSITIVE: True, p11.CKA_EXTRACTABLE: False, use: True})
    return make


def generic(session, number, named):
    session.create(named | {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_GENERIC_SECRET, p11.CKA_SIGN: True,
        p11.CKA_VALUE: os.urandom(32 + number % 9), p11.CKA_SENSITIVE: number % 2 == 0, p11.CKA_EXTRACTABLE: True})


def data(session, number, named):
    del named[p11.CKA_ID]
    session.create(named | {p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_PRIVATE: number % 4 != 0,
                            p11.CKA_APPLICATION: "test", p11.CKA_VALUE: f"content {number}"})


def certificate(session, number, named):
    der = outside.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                          "certified.key", "-subj", f"/CN={number}", "-set_serial", str(number + 1), "-outform", "DER")
    session.create(named | {
        p11.CKA_CLASS: p11.CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE: 0, p11.CKA_PRIVATE: False, p11.CKA_VALUE: der,
        CKA_SUBJECT: b"0\0", CKA_SERIAL_NUMBER: outside.integer(number + 1)})


def curve(name):
    """CKA_EC_PARAMS: an OID, or SoftHSM's name of a curve."""
    oid = outside.CURVES.get(name)
    return lambda: {p11.CKA_EC_PARAMS: bytes.fromhex(oid[1]) if oid else outside.tlv(0x13, name.encode())}


def rsa():
    return {p11.CKA_MODULUS_BITS: 2048, p11.CKA_PUBLIC_EXPONENT: b"\1\0\1"}


def dsa():
    """p, q and g of 1024 bits, which is all that SoftHSM makes keys for."""
    if not os.path.exists("dsa.der"):
        outside.write("dsa.der", outside.openssl("dsaparam", "-outform", "DER", "1024"))
    numbers, body = [], outside.read("dsa.der")[4:]
    while body:
        size = body[1] if body[1] < 128 else int.from_bytes(body[2:2 + body[1] - 128])
        start = 2 if body[1] < 128 else 2 + body[1] - 128
        numbers.append(body[start:start + size].lstrip(b"\0"))
        body = body[start + size:]
    return dict(zip((CKA_PRIME, CKA_SUBPRIME, CKA_BASE), numbers))


def dh():
    return {CKA_PRIME: GROUP_14, CKA_BASE: b"\2"}


# The two tokens' keys of one name: whether they compute the same.

def computes(operation, mechanism, text=DATA):
    def same(ours, theirs, _):
        return getattr(ours[0], operation)(mechanism(), ours[1], text) == getattr(theirs[0], operation)(mechanism(), theirs[1], text)
    return same


def signs(mechanism, length):
    """Each token's public key accepts the other's signature."""
    def same(ours, theirs, name):
        for signer, verifier in ((ours, theirs), (theirs, ours)):
            signature = signer[0].sign(p11.Mechanism(mechanism), signer[1], DATA[:length])
            verifier[0].verify(p11.Mechanism(mechanism), named_object(verifier[0], p11.CKO_PUBLIC_KEY, name),
                               DATA[:length], signature)
        return True
    return same


READABLE = {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_GENERIC_SECRET, p11.CKA_TOKEN: False,
            p11.CKA_SENSITIVE: False, p11.CKA_EXTRACTABLE: True}


def agrees(mechanism, attribute):
    """With the owner of the key's own public value."""
    def same(ours, theirs, name):
        value = theirs[0].get(named_object(theirs[0], p11.CKO_PUBLIC_KEY, name), attribute)
        point = value if attribute == p11.CKA_VALUE else value[2 if value[1] < 128 else 3:]
        secrets = [session.get(session.derive(mechanism(point), key, READABLE | {p11.CKA_VALUE_LEN: 32}), p11.CKA_VALUE)
                   for session, key in (ours, theirs)]
        return secrets[0] == secrets[1]
    return same


def wraps(ours, theirs, _):
    blobs = [session.wrap(p11.Mechanism(p11.CKM_AES_KEY_WRAP), key, session.create(READABLE | {p11.CKA_VALUE: DATA}))
             for session, key in (ours, theirs)]
    return blobs[0] == blobs[1]


def unwraps(ours, theirs, name):
    """Each opens what was wrapped under the other's public key."""
    for wrapper, unwrapper in ((ours, theirs), (theirs, ours)):
        secret = wrapper[0].create(READABLE | {p11.CKA_VALUE: DATA})
        public = named_object(wrapper[0], p11.CKO_PUBLIC_KEY, name)
        blob = wrapper[0].wrap(p11.Mechanism(p11.CKM_RSA_PKCS), public, secret)
        opened = unwrapper[0].unwrap(p11.Mechanism(p11.CKM_RSA_PKCS), unwrapper[1], blob, READABLE)
        if unwrapper[0].get(opened, p11.CKA_VALUE) != DATA:
            return False
    return True


def holds(ours, theirs, _):
    return ours[0].get(ours[1], p11.CKA_VALUE) == theirs[0].get(theirs[1], p11.CKA_VALUE)


def named_object(session, class_, name):
    """Found among all objects of the token, which are looked through once: SoftHSM reads its database anew at each search."""
    if not hasattr(session, "named"):
        session.named = {}
        for key in session.find({p11.CKA_TOKEN: True}):
            identity = session.number(key, p11.CKA_CLASS), session.get(key, p11.CKA_LABEL).decode()
            assert identity not in session.named, identity
            session.named[identity] = key
    return session.named[class_, name]


def plain(number, parameter=None):
    return lambda: p11.Mechanism(number, parameter)


def ecdh(point):
    class Params(p11.ctypes.Structure):
        _fields_ = [("kdf", p11.c_ulong), ("shared_length", p11.c_ulong), ("shared", p11.c_void_p),
                    ("public_length", p11.c_ulong), ("public", p11.c_void_p)]
    kept = p11.ctypes.create_string_buffer(point, len(point))
    mechanism = p11.Mechanism(CKM_ECDH1_DERIVE, Params(1, 0, None, len(point), p11.cast(kept, p11.c_void_p)))
    mechanism.point = kept
    return mechanism


SECRET, PRIVATE = p11.CKO_SECRET_KEY, p11.CKO_PRIVATE_KEY
CIPHER, SIGNATURE = (p11.CKA_ENCRYPT, p11.CKA_DECRYPT), (p11.CKA_SIGN, p11.CKA_VERIFY)
ECDSA, EDWARDS = p11.CKM_EC_KEY_PAIR_GEN, p11.CKM_EC_EDWARDS_KEY_PAIR_GEN
# Name, how many in 1,000 objects, class, how SoftHSM makes one, and how the two are compared.
KINDS = [
    ("aes", 190, SECRET, secret_key("aes", p11.CKM_AES_KEY_GEN, CIPHER, {}),
     computes("encrypt", plain(p11.CKM_AES_CBC, bytes(16)))),
    ("wrapping", 60, SECRET, secret_key("wrapping", p11.CKM_AES_KEY_GEN, (p11.CKA_WRAP, p11.CKA_UNWRAP),
                                        dict.fromkeys(CIPHER + SIGNATURE, False)), wraps),
    ("generic", 100, SECRET, generic, computes("sign", plain(p11.CKM_SHA256_HMAC))),
    ("des2", 10, SECRET, secret_key("des2", CKM_DES2_KEY_GEN, CIPHER, {}), computes("encrypt", plain(CKM_DES3_CBC, bytes(8)))),
    ("des3", 20, SECRET, secret_key("des3", CKM_DES3_KEY_GEN, CIPHER, {}), computes("encrypt", plain(CKM_DES3_CBC, bytes(8)))),
    ("p256", 60, PRIVATE, pair(ECDSA, curve("P-256"), *SIGNATURE), signs(p11.CKM_ECDSA, 32)),
    ("p384", 20, PRIVATE, pair(ECDSA, curve("P-384"), *SIGNATURE), signs(p11.CKM_ECDSA, 32)),
    ("p521", 10, PRIVATE, pair(ECDSA, curve("P-521"), *SIGNATURE), signs(p11.CKM_ECDSA, 32)),
    ("secp256k1", 5, PRIVATE, pair(ECDSA, curve("secp256k1"), *SIGNATURE), signs(p11.CKM_ECDSA, 32)),
    ("ecdh", 15, PRIVATE, pair(ECDSA, curve("P-256"), CKA_DERIVE, CKA_DERIVE), agrees(ecdh, p11.CKA_EC_POINT)),
    ("ed25519", 15, PRIVATE, pair(EDWARDS, curve("edwards25519"), *SIGNATURE), computes("sign", plain(p11.CKM_EDDSA))),
    ("x25519", 5, PRIVATE, pair(EDWARDS, curve("curve25519"), CKA_DERIVE, CKA_DERIVE), agrees(ecdh, p11.CKA_EC_POINT)),
    ("rsa", 10, PRIVATE, pair(p11.CKM_RSA_PKCS_KEY_PAIR_GEN, rsa, *SIGNATURE),
     computes("sign", plain(p11.CKM_SHA256_RSA_PKCS))),
    ("decrypting", 5, PRIVATE, pair(p11.CKM_RSA_PKCS_KEY_PAIR_GEN, rsa, p11.CKA_DECRYPT, p11.CKA_ENCRYPT),
     computes("decrypt", plain(3), b"\0" + bytes(range(1, 256)))),
    ("unwrapping", 5, PRIVATE, pair(p11.CKM_RSA_PKCS_KEY_PAIR_GEN, rsa, p11.CKA_UNWRAP, p11.CKA_WRAP), unwraps),
    ("dsa", 5, PRIVATE, pair(CKM_DSA_KEY_PAIR_GEN, dsa, *SIGNATURE), signs(CKM_DSA, 20)),
    ("dh", 5, PRIVATE, pair(CKM_DH_KEY_PAIR_GEN, dh, CKA_DERIVE, CKA_DERIVE),
     agrees(lambda value: p11.Mechanism(CKM_DH_DERIVE, value), p11.CKA_VALUE)),
    ("data", 180, p11.CKO_DATA, data, holds),
    ("certificate", 120, p11.CKO_CERTIFICATE, certificate, holds),
    # A key type that the token does not have.
    ("des", 5, SECRET, secret_key("des", CKM_DES_KEY_GEN, CIPHER, {}), None),
]
CLASSES = {p11.CKO_DATA: "data", p11.CKO_CERTIFICATE: "cert", PRIVATE: "privkey", SECRET: "secrkey"}


def fill(session, objects):
    """Makes the objects; their names by kind."""
    made = {}
    for kind, share, _, make, _ in KINDS:
        made[kind] = []
        for number in range(max(1, share * objects // 1000)):
            name = f"{kind}-{number}"
            make(session, number, {p11.CKA_TOKEN: True, p11.CKA_LABEL: name, p11.CKA_ID: name})
            made[kind].append(name)
    return made


def move(module, backend, objects):
    """Fills a token of this back end, moves it, and compares."""
    os.makedirs(f"{backend}/softhsm")
    os.mkdir(f"{backend}/tokens", 0o700)
    os.chdir(backend)
    with open("softhsm2.conf", "w", encoding="ascii") as conf:
        conf.write(f"directories.tokendir = {os.path.abspath('softhsm')}\nobjectstore.backend = {backend}\nlog.level = ERROR\n")
    os.environ |= {"SOFTHSM2_CONF": os.path.abspath("softhsm2.conf"), "TENON_PIN": p11.PIN, "TENON_SO_PIN": p11.SO_PIN,
                   "TENON_SOURCE_PIN": PIN, "TENON_DIRECTORIES_TOKENDIR": os.path.abspath("tokens"),
                   # Off by default, as docs/mechanisms.md says.
                   "TENON_SLOTS_MECHANISMS": "ALL,CKM_DSA,CKM_DES3_CBC"}
    library = p11.Module(module)
    library.fresh_token(PIN, SO_PIN)
    theirs = library.user(PIN)
    made = fill(theirs, objects)
    assert subprocess.run("find softhsm -name sqlite3.db | grep -q .", shell=True).returncode == (backend != "db")

    tenon = os.environ["TENON_PROGRAM"]
    subprocess.run([tenon, "init", "--label", "moved"], check=True)
    began = time.monotonic()
    moved = subprocess.run([tenon, "migrate", "softhsm", "softhsm", "--from", p11.LABEL, "--token", "moved", "--module",
                            module, "--json"], stdout=subprocess.PIPE)
    seconds = time.monotonic() - began
    report = json.loads(moved.stdout)
    wanted = dict.fromkeys(["data", "cert", "privkey", "secrkey", "pubkey"], 0)
    for kind, _, class_, _, compare in KINDS:
        wanted[CLASSES[class_]] += len(made[kind]) if compare else 0
    wanted["pubkey"] = wanted["privkey"]
    for class_, number in wanted.items():
        counts = report["counts"][class_]
        assert counts["moved"] == number and not counts.get("different"), (class_, number, counts, refusals(report))
    assert {reason for _, reason in refusals(report)} == {"the token has no keys of this type (des)"}, refusals(report)
    assert report["counts"]["secrkey"]["refused"] == len(made["des"])

    tenon_token = p11.Module()
    ours = p11.Session(tenon_token, 0)
    ours.login(p11.PIN)
    compared = 0
    for kind, _, class_, _, compare in KINDS:
        for name in made[kind] if compare else []:
            pair_ = [(session, named_object(session, class_, name)) for session in (ours, theirs)]
            assert compare(*pair_, name), f"{name} computes something else"
            if class_ in (SECRET, PRIVATE):
                compared += 1
                assert [session.get(key, p11.CKA_SENSITIVE) for session, key in pair_] in ([b"\0"] * 2, [b"\1"] * 2), name
                assert [session.get(key, p11.CKA_EXTRACTABLE) for session, key in pair_] in ([b"\0"] * 2, [b"\1"] * 2), name
    tenon_token.finalize()
    library.finalize()
    counted = ", ".join(f"{number} {class_}" for class_, number in wanted.items())
    print(f"{backend}: {sum(wanted.values())} objects in {seconds:.0f} s ({counted}), {compared} keys compute the same", flush=True)


def refusals(report):
    return [(one["label"], one["reason"]) for one in report["objects"] if one["result"] == "refused"]


def run(module, backend, objects):
    """In a process of its own, whose SoftHSM has read no other configuration."""
    process = multiprocessing.get_context("fork").Process(target=move, args=(module, backend, objects))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{backend}: failed")


def main():
    in_full = os.environ.get("TENON_SUITES") == "all"
    objects = 1000 if in_full else 100
    installed = softhsm.find()
    if not installed:
        outside.skip("SoftHSM2 is not installed")
    run(installed, "file", objects)
    if in_full:
        run(suite.softhsm_with_database(), "db", objects)


main()
