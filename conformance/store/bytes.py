#!/usr/bin/env python3
"""No name, PIN or key byte of what is private stands in clear in any file of the token, nor a hash of
a key that anybody could compute."""

import base64
import hashlib
import os
import pathlib

import byok
import outside
import p11

module, session, wrapping, spki = byok.start()
tokens = pathlib.Path(os.environ["TENON_DIRECTORIES_TOKENDIR"])
needles = {"user PIN": p11.PIN.encode(), "SO PIN": p11.SO_PIN.encode()}
VISIBLE = b"label of a public object"


def text(what):
    """A private name that turns up nowhere by chance."""
    needles[what] = base64.b32encode(os.urandom(15))
    return needles[what]


def value(what, size=32):
    needles[what] = os.urandom(size)
    return needles[what]


session.create({p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True,
                p11.CKA_LABEL: text("data label"), p11.CKA_APPLICATION: text("application"),
                p11.CKA_VALUE: text("data value")})
session.create({p11.CKA_CLASS: p11.CKO_DATA, p11.CKA_TOKEN: True, p11.CKA_PRIVATE: False,
                p11.CKA_LABEL: VISIBLE, p11.CKA_VALUE: b"public"})
# Key bytes are sealed whatever CKA_PRIVATE says; names of public objects need not be.
for private in (True, False):
    key = {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_TOKEN: True,
           p11.CKA_PRIVATE: private, p11.CKA_SENSITIVE: False, p11.CKA_EXTRACTABLE: True,
           p11.CKA_VALUE: value(f"AES value, CKA_PRIVATE={private}")}
    if private:
        key |= {p11.CKA_LABEL: text("key label"), p11.CKA_ID: text("key id")}
    made = session.create(key)
    generated = session.generate_key(p11.CKM_AES_KEY_GEN, {
        p11.CKA_TOKEN: True, p11.CKA_PRIVATE: private, p11.CKA_SENSITIVE: False,
        p11.CKA_EXTRACTABLE: True, p11.CKA_VALUE_LEN: 32})
    needles[f"generated value, CKA_PRIVATE={private}"] = session.get(generated, p11.CKA_VALUE)
session.unwrap(p11.oaep("sha1"), wrapping,
               outside.oaep(spki, value("imported material"), "sha1"),
               byok.secret(text("imported id"), CKA_EXTRACTABLE=False, CKA_SENSITIVE=True))
# Material that was deleted, and the binding that outlives it.
deleted = session.unwrap(p11.oaep("sha256"), wrapping,
                         outside.oaep(spki, value("deleted material"), "sha256"),
                         byok.secret(text("id of deleted material")))
session.destroy(deleted)
# A changed name, and a key that is gone.
session.set(made, {p11.CKA_LABEL: VISIBLE})
gone = session.create({p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES,
                       p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True,
                       p11.CKA_VALUE: value("destroyed value"),
                       p11.CKA_LABEL: text("destroyed label")})
session.destroy(gone)


def spellings(data):
    yield data
    yield data[::-1]
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield base64.b64encode(data).rstrip(b"=")
    yield b"".join(bytes([byte, 0]) for byte in data)
    yield b"".join(bytes([0, byte]) for byte in data)


# Whoever guesses a key could check the guess by these.
hashes = {}
for what, data in needles.items():
    if "value" in what or "material" in what:
        for name in sorted(hashlib.algorithms_available):
            try:
                hashes[f"{name} of {what}"] = hashlib.new(name, data).digest()
            except (TypeError, ValueError):
                continue  # of no fixed length, or not in this build
assert len(hashes) > 10 * 8
needles |= hashes


def scan(when):
    files = [file for file in tokens.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) > 1000, "nothing to scan"
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, f"others may read {file.name}"
        content = file.read_bytes()
        for what, data in needles.items():
            for spelling in spellings(data):
                assert spelling not in content, f"{what} in {file.name}, {when}"
                # Half of a key is a find as well.
                assert len(data) < 32 or spelling[:len(spelling) // 2] not in content, \
                    f"half of {what} in {file.name}, {when}"
    return len(files)


scan("with the token open")
module.finalize()
count = scan("after C_Finalize")
print(f"note: {len(needles)} secrets in {count} files")
