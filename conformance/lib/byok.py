"""What the BYOK tests share: a token with a wrapping pair, and templates of imported keys."""

import p11
from outside import integer, tlv


def secret(name, **more):
    """Template of an AES key that binds to the CKA_ID `name`."""
    return {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES, p11.CKA_TOKEN: True,
            p11.CKA_PRIVATE: True, p11.CKA_ID: name, p11.CKA_LABEL: name, p11.CKA_ENCRYPT: True,
            p11.CKA_DECRYPT: True} | {getattr(p11, key): value for key, value in more.items()}


def private(name, key_type, **more):
    """Template of a private key that signs and binds to the CKA_ID `name`."""
    return {p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_KEY_TYPE: key_type, p11.CKA_TOKEN: True,
            p11.CKA_PRIVATE: True, p11.CKA_ID: name, p11.CKA_LABEL: name,
            p11.CKA_SIGN: True} | {getattr(p11, key): value for key, value in more.items()}


def wrapping_pair(session, bits=2048):
    """Private handle of a new RSA pair for unwrapping, and its public key as SPKI DER."""
    public, private_handle = session.generate_pair(
        p11.CKM_RSA_PKCS_KEY_PAIR_GEN,
        {p11.CKA_TOKEN: True, p11.CKA_MODULUS_BITS: bits, p11.CKA_PUBLIC_EXPONENT: b"\1\0\1",
         p11.CKA_WRAP: True, p11.CKA_ENCRYPT: True, p11.CKA_ID: b"wrapping"},
        {p11.CKA_TOKEN: True, p11.CKA_PRIVATE: True, p11.CKA_UNWRAP: True, p11.CKA_DECRYPT: True,
         p11.CKA_ID: b"wrapping"})
    return private_handle, rsa_spki(session, public)


def rsa_spki(session, key):
    """SubjectPublicKeyInfo of an RSA key from its modulus and exponent."""
    modulus, exponent = (int.from_bytes(session.get(key, attribute), "big")
                         for attribute in (p11.CKA_MODULUS, p11.CKA_PUBLIC_EXPONENT))
    numbers = tlv(0x30, integer(modulus) + integer(exponent))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return tlv(0x30, algorithm + tlv(3, b"\0" + numbers))


def time(seconds):
    """Value of CKA_TENON_EXPIRES_AT."""
    return int(seconds).to_bytes(8, "big")


def start():
    """A module, a logged-in session, a wrapping key and its public half."""
    module = p11.Module()
    module.fresh_token()
    session = module.user()
    return module, session, *wrapping_pair(session)
