"""Every blob of an import, good or wrong on purpose, by the Python package cryptography."""

import math
import os

import outside
from cryptography.hazmat.primitives import hashes, padding as block
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

SHA1, SHA224, SHA256, SHA384, SHA512 = (
    hashes.SHA1(), hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
# OAEP's hash of each CKA_TENON_WRAP_ALGORITHM that has one.
DIGESTS = {1: SHA1, 2: SHA256, 12: SHA384, 13: SHA512, 4: SHA1, 5: SHA256, 9: SHA224, 10: SHA384,
           11: SHA512, 6: SHA256}
KWP, ECB = (4, 5, 9, 10, 11), (6,)


def oaep(public, data, digest, mask=None, label=None):
    """RSAES-OAEP; MGF1 by the hash `mask`, else by `digest`."""
    return load_der_public_key(public).encrypt(
        data, padding.OAEP(padding.MGF1(mask or digest), digest, label))


def pkcs1(public, data):
    return load_der_public_key(public).encrypt(data, padding.PKCS1v15())


def kwp(kek, data):
    """RFC 5649."""
    return aes_key_wrap_with_padding(kek, data)


def ecb(kek, data, padded=True):
    """AES-ECB, with PKCS #7 padding unless told otherwise."""
    if padded:
        padder = block.PKCS7(128).padder()
        data = padder.update(data) + padder.finalize()
    encryptor = Cipher(algorithms.AES(kek), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def blob(number, public, material):
    """A good blob of the RSA algorithm `number`."""
    if number == 3:
        return pkcs1(public, material)
    if number in KWP + ECB:
        kek = os.urandom(32)
        tail = kwp if number in KWP else ecb
        return oaep(public, kek, DIGESTS[number]) + tail(kek, material)
    return oaep(public, material, DIGESTS[number])


def rsa(n, e, d, p, q):
    """PKCS#8 of an RSA private key with these numbers, whether they belong together or not."""
    coefficient = pow(q, -1, p) if p > 1 and math.gcd(p, q) == 1 else 0
    body = outside.tlv(0x30, b"".join(outside.integer(number) for number in (
        0, n, e, d, p, q, d % max(p - 1, 1), d % max(q - 1, 1), coefficient)))
    return _pkcs8(bytes.fromhex("300d06092a864886f70d0101010500"), body)


def elliptic(curve, scalar, point=None, inner=None):
    """PKCS#8 of an EC private key (RFC 5915): DER of the curve's identifier, the scalar's bytes,
    the public point's bytes, and a curve inside if it is named there again."""
    fields = outside.integer(1) + outside.tlv(4, scalar)
    if inner:
        fields += outside.tlv(0xA0, inner)
    if point:
        fields += outside.tlv(0xA1, outside.tlv(3, b"\0" + point))
    algorithm = outside.tlv(0x30, bytes.fromhex("06072a8648ce3d0201") + curve)
    return _pkcs8(algorithm, outside.tlv(0x30, fields))


def _pkcs8(algorithm, key):
    return outside.tlv(0x30, outside.integer(0) + algorithm + outside.tlv(4, key))


def rsa_wrongs(pkcs8):
    """PKCS#8 encodings that look like this RSA key and are none, by what is wrong with them."""
    numbers = load_der_private_key(pkcs8, None).private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    d, p, q = numbers.d, numbers.p, numbers.q
    return _wrongs(pkcs8) | {
        "e = 1": rsa(n, 1, 1, p, q), "e = 0": rsa(n, 0, d, p, q), "even e": rsa(n, 65538, d, p, q),
        "n is not pq": rsa(n + 2, e, d, p, q), "another q": rsa(n, e, d, p, q + 2),
        "p = 1": rsa(n, e, d, 1, n), "another d": rsa(n, e, d + 2, p, q),
        "d = 0": rsa(n, e, 0, p, q),
        "p = q": rsa(p * p, e, pow(e, -1, p * (p - 1)), p, p),
        "an EC key": outside.private_key("P-256")}


def ec_wrongs(pkcs8):
    """The same of a key on P-256."""
    key = load_der_private_key(pkcs8, None)
    numbers = key.private_numbers()
    scalar = numbers.private_value.to_bytes(32, "big")
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    point, strange = (b"\4" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
                      for public in (numbers.public_numbers, stranger))
    curve, other = (bytes.fromhex(outside.CURVES[name][1]) for name in ("P-256", "secp256k1"))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return _wrongs(pkcs8) | {
        "another curve": elliptic(other, scalar),
        "curves disagree": elliptic(curve, scalar, None, other),
        "a key on secp256k1": outside.private_key("secp256k1"),
        "a key on P-384": outside.private_key("P-384"),
        "an RSA key": outside.private_key("RSA-2048"), "scalar 0": elliptic(curve, bytes(32)),
        "scalar n": elliptic(curve, order.to_bytes(32, "big")),
        "scalar of 33 bytes": elliptic(curve, b"\1" + scalar),
        "off the curve": elliptic(curve, scalar, flip(point, 64)),
        "a stranger's point": elliptic(curve, scalar, strange)}


def _wrongs(pkcs8):
    return {"cut short": pkcs8[:-1], "trailing byte": pkcs8 + b"\1", "eight zeros": pkcs8 + bytes(8),
            "empty": b"",
            "trailing value": pkcs8 + b"\5\0", "random": os.urandom(len(pkcs8)),
            "version 7": pkcs8.replace(b"\2\1\0", b"\2\1\7", 1)}


def flip(data, at):
    """One bit of one byte changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
