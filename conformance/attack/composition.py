#!/usr/bin/env python3
"""Derivations that give a closed key away bit by bit: parts of it beside known data, and related keys."""

import attack
import p11

CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE, CKM_XOR_BASE_AND_DATA = 0x362, 0x363, 0x364
CKM_EXTRACT_KEY_FROM_KEY = 0x365


class Data(p11.ctypes.Structure):
    """CK_KEY_DERIVATION_STRING_DATA"""

    _fields_ = [("data", p11.c_void_p), ("length", p11.c_ulong)]


def with_data(mechanism, data):
    buffer = p11.ctypes.create_string_buffer(data, len(data))
    made = p11.Mechanism(mechanism, Data(p11.cast(buffer, p11.c_void_p), len(data)))
    made.data = buffer
    return made


def derive(target, mechanism, base, length, **more):
    return target.session.derive(mechanism, base, {
        p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_GENERIC_SECRET, p11.CKA_TOKEN: False,
        p11.CKA_VALUE_LEN: length} | {attack.number(name): value for name, value in more.items()})


def closed(target):
    return target.key(ENCRYPT=True, DERIVE=True)


def one_byte_at_a_time(target):
    """Each byte of a closed key is cut out of it, as a key of one byte, which is read or tried."""
    key = closed(target)
    found = b""
    for byte in range(16):
        part = derive(target, p11.Mechanism(CKM_EXTRACT_KEY_FROM_KEY, (8 * byte).to_bytes(8, "little")), key, 1,
                      SIGN=True)
        try:
            found += target.session.get(part, p11.CKA_VALUE)
        except p11.Refused:
            sign = p11.Mechanism(p11.CKM_SHA256_HMAC)
            mac = target.session.sign(sign, part, attack.BLOCK)
            found += next(bytes([guess]) for guess in range(256) if mac_of(bytes([guess])) == mac)
    return target.is_value(key, found)


def mac_of(key):
    return __import__("hmac").digest(key, attack.BLOCK, "sha256")


def a_key_beside_known_bytes(target):
    """A known byte takes the place of one of the key's: comparing both keys tells the key's."""
    key = closed(target)
    longer = derive(target, with_data(CKM_CONCATENATE_DATA_AND_BASE, bytes(15)), key, 31, DERIVE=True)
    derive(target, p11.Mechanism(CKM_EXTRACT_KEY_FROM_KEY, (0).to_bytes(8, "little")), longer, 16, ENCRYPT=True)
    return True


def a_key_that_is_cut_short(target):
    """The beginning of a closed key, short enough to be guessed."""
    key = closed(target)
    derive(target, with_data(CKM_CONCATENATE_BASE_AND_DATA, b"\0"), key, 4, SIGN=True)
    return True


def a_derived_key_that_is_read(target):
    """A key made of a closed key's bytes and nothing else that counts is read."""
    key = closed(target)
    copy = derive(target, with_data(CKM_XOR_BASE_AND_DATA, bytes(16)), key, 16, SENSITIVE=False, EXTRACTABLE=True)
    return target.is_value(key, target.session.get(copy, p11.CKA_VALUE))


attack.run(one_byte_at_a_time, a_key_beside_known_bytes, a_key_that_is_cut_short, a_derived_key_that_is_read)
