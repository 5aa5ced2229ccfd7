#!/usr/bin/env python3
"""What the token provides itself, as clients see it: its clock, its counter, its profiles and its
mechanisms; and what a front end learns from the clock."""

import datetime
import os

import external
import p11
import PyKCS11
import seal
import spec
from external import Way

session = p11.start()


def waits_for(name):
    return external.create(session, "open", spec.AES_256, CKA_ID=name)


def oaep_job(key, name):
    return external.Job(session, key, Way(2, lambda public, data: seal.blob(2, public, data)), name)


def says(words, call, *arguments):
    """The call is refused as a bad token is, and the clock says why."""
    p11.refused(p11.CKR_TEMPLATE_INCONSISTENT, call, *arguments)
    error = session.last_error()
    assert error.startswith("C_UnwrapKey: CKR_TEMPLATE_INCONSISTENT: ") and words in error, error


# One return value, and a sentence for each cause.
key, other = waits_for(b"one"), waits_for(b"two")
first, second, foreign = oaep_job(key, b"first"), oaep_job(key, b"second"), oaep_job(other, b"third")
blob = first.wrap(os.urandom(32))
assert session.last_error() == ""
right = first.token
first.token = second.token
says("not of one download", first.unwrap, blob)
first.token = b"no token"
says("not of one download", first.unwrap, blob)
first.token, first.kind = right, first.kind | {
    p11.CKA_TENON_IMPORT_TARGET: session.get(other, p11.CKA_UNIQUE_ID)}
says("CKA_TENON_IMPORT_TARGET", first.unwrap, blob)
del first.kind[p11.CKA_TENON_IMPORT_TARGET]
kept = session.last_error()
first.unwrap(blob)
assert session.last_error() == kept

# The clock is the token's, and erases what is due.
now = datetime.datetime.strptime(session.get(session.clock(), p11.CKA_VALUE)[:14].decode(), "%Y%m%d%H%M%S")
assert abs(now - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)).days == 0
session.set(session.clock(), {p11.CKA_TENON_SWEEP: True})
p11.refused(p11.CKR_ACTION_PROHIBITED, session.set, session.clock(), {p11.CKA_VALUE: b"2027010100000000"})
session.module.finalize()

# PyKCS11 finds each class by its name, and none of them without.
library = PyKCS11.PyKCS11Lib()
library.load(os.environ["TENON_MODULE"])
slot = next(slot for slot in library.getSlotList(tokenPresent=True)
            if library.getTokenInfo(slot).label.strip() == p11.LABEL)
info = library.getTokenInfo(slot)
assert info.flags & PyKCS11.CKF_CLOCK_ON_TOKEN and len(info.utcTime) == 16, info
plain = library.openSession(slot)


def of(class_, kind):
    found = plain.findObjects([(PyKCS11.CKA_CLASS, class_)])
    return [plain.getAttributeValue(object_, [kind])[0] for object_ in found]


CKO_MECHANISM, CKO_PROFILE, CKA_MECHANISM_TYPE, CKA_PROFILE_ID = 7, 9, 0x500, 0x601
assert 1 in [int.from_bytes(bytes(value), "little") for value in of(CKO_PROFILE, CKA_PROFILE_ID)]
# PyKCS11 adds a number of its own to the list, which the token has too.
assert len(of(CKO_MECHANISM, CKA_MECHANISM_TYPE)) == len(set(library.getMechanismList(slot)))
assert sorted(of(PyKCS11.CKO_HW_FEATURE, PyKCS11.CKA_HW_FEATURE_TYPE)) == [1, 2]
classes = {plain.getAttributeValue(object_, [PyKCS11.CKA_CLASS])[0] for object_ in plain.findObjects()}
assert classes <= {PyKCS11.CKO_PUBLIC_KEY}, classes
plain.closeSession()

# pkcs11-tool lists a token as it did before there were such objects.
listed = external.pkcs11_tool("--list-objects")
assert "Secret Key Object" in listed, listed
assert not [line for line in listed.splitlines() if "nknown" in line or line.startswith("Object ")], listed
external.pkcs11_tool("--list-token-slots")
