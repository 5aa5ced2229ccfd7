#!/usr/bin/env python3
"""Blobs of everyday services that Debian's SoftHSM2 refuses and Tenon opens."""

import os

import byok
import outside
import p11
import softhsm

material = os.urandom(32)


def attempts(module):
    """Answers to OAEP SHA-1, OAEP SHA-256 and CKM_RSA_AES_KEY_WRAP, in this order."""
    module.fresh_token()
    session = module.user()
    wrapping, spki = byok.wrapping_pair(session)
    composite = outside.rsa_aes_key_wrap(spki, material, "sha256")
    answers = [
        p11.answer(session.unwrap, p11.oaep("sha1"), wrapping,
                   outside.oaep(spki, material, "sha1"), byok.secret(b"1")),
        p11.answer(session.unwrap, p11.oaep("sha256"), wrapping,
                   outside.oaep(spki, material, "sha256"), byok.secret(b"2")),
        p11.answer(session.unwrap, p11.rsa_aes_key_wrap("sha256"), wrapping, composite,
                   byok.secret(b"3")),
    ]
    module.finalize()
    return answers


peer = softhsm.path()
assert peer, "SoftHSM2 is not installed"
theirs = attempts(p11.Module(peer))
# The first answer shows that SoftHSM2 is driven rightly.
assert theirs[0] == 0 and theirs[1] != 0 and theirs[2] != 0, [hex(rv) for rv in theirs]
assert attempts(p11.Module()) == [0, 0, 0]
print("note: SoftHSM2 answers", " ".join(hex(rv) for rv in theirs))
