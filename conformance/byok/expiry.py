#!/usr/bin/env python3
"""Expired material stops at once, also inside a running operation, and comes back by import."""

import os
import subprocess
import time

import byok
import outside
import p11

module, session, wrapping, spki = byok.start()
DENIED = p11.CKR_KEY_FUNCTION_NOT_PERMITTED
MATERIAL = os.urandom(32)
BLOB = outside.oaep(spki, MATERIAL, "sha256")
CBC = p11.Mechanism(p11.CKM_AES_CBC, bytes(16))


def come_in(expires_at):
    return session.unwrap(p11.oaep("sha256"), wrapping, BLOB,
                          byok.secret(b"mortal", CKA_TENON_EXPIRES_AT=byok.time(expires_at)))


def listed():
    """Whether an ordinary client sees the key."""
    shown = subprocess.run(
        ["pkcs11-tool", "--module", os.environ["TENON_MODULE"], "--login", "--pin", p11.PIN,
         "--token-label", p11.LABEL, "--list-objects"], capture_output=True, text=True, check=True)
    return "mortal" in shown.stdout


p11.refused(p11.CKR_ATTRIBUTE_VALUE_INVALID, come_in, time.time() - 10)
assert session.find({p11.CKA_ID: b"mortal"}) == []

deadline = int(time.time()) + 3
key = come_in(deadline)
assert session.get(key, p11.CKA_TENON_EXPIRES_AT) == byok.time(deadline)
uid = session.get(key, p11.CKA_UNIQUE_ID)
assert session.encrypt(CBC, key, bytes(16)) == outside.ecb(MATERIAL, bytes(16))
assert listed()

# Operations begun before the deadline, each in a session of its own.
updating, finishing, one_shot = (p11.Session(module) for _ in range(3))
for running in (updating, finishing, one_shot):
    running.begin("Encrypt", CBC, key)
for running in (updating, finishing):
    running.update("Encrypt", bytes(16))
time.sleep(max(0.0, deadline - time.time()) + 0.05)

p11.refused(DENIED, updating.update, "Encrypt", bytes(16))
p11.refused(p11.CKR_OPERATION_NOT_INITIALIZED, updating.update, "Encrypt", bytes(16))
p11.refused(DENIED, finishing.final, "Encrypt")
p11.refused(DENIED, one_shot.output, "C_Encrypt", bytes(16), p11.c_ulong(16))
p11.refused(DENIED, session.begin, "Encrypt", CBC, key)
p11.refused(DENIED, session.begin, "Decrypt", CBC, key)
assert not listed()
assert session.find({p11.CKA_ID: b"mortal"}) == []
(kept,) = session.find({p11.CKA_UNIQUE_ID: uid})
assert session.number(kept, p11.CKA_TENON_KEY_STATE) == p11.STATE_PENDING_IMPORT

# The same material, with a new term or without one; other material stays out.
other = outside.oaep(spki, os.urandom(32), "sha256")
p11.refused(p11.CKR_TENON_MATERIAL_MISMATCH, session.unwrap, p11.oaep("sha256"), wrapping, other,
            byok.secret(b"mortal"))
key = come_in(time.time() + 3600)
assert session.get(key, p11.CKA_UNIQUE_ID) == uid
key = session.unwrap(p11.oaep("sha256"), wrapping, BLOB, byok.secret(b"mortal"))
assert session.get(key, p11.CKA_TENON_EXPIRES_AT) == byok.time(0)
assert session.encrypt(CBC, key, bytes(16)) == outside.ecb(MATERIAL, bytes(16))
assert listed()

# CKA_START_DATE and CKA_END_DATE are days; the last one counts.
def dated(name, **dates):
    return session.generate_key(p11.CKM_AES_KEY_GEN, {
        p11.CKA_VALUE_LEN: 16, p11.CKA_LABEL: name, p11.CKA_ENCRYPT: True,
        **{getattr(p11, attribute): day for attribute, day in dates.items()}})


def day(offset):
    return time.strftime("%Y%m%d", time.gmtime(time.time() + offset * 86400))


session.encrypt(CBC, dated("now", CKA_START_DATE=day(-2), CKA_END_DATE=day(2)), bytes(16))
p11.refused(DENIED, session.begin, "Encrypt", CBC, dated("old", CKA_END_DATE=day(-2)))
p11.refused(DENIED, session.begin, "Encrypt", CBC, dated("young", CKA_START_DATE=day(2)))
