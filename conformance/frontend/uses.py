"""What keys do: encrypt, sign, authenticate, and make data keys. Each a PKCS#11 call."""

import contextlib
import ctypes
import hashlib
import json

import p11
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)
from request import Fault
from specs import FAMILIES, SPECS, algorithms

BAD_SIGNATURE = (p11.CKR_SIGNATURE_INVALID, p11.CKR_SIGNATURE_LEN_RANGE)


class Uses:
    """The uses of the keys of a `kms.Kms`."""

    def __init__(self, kms):
        self.kms, self.session = kms, kms.session

    @contextlib.contextmanager
    def using(self, key, usage, algorithm=None):
        """Refuses a key of another usage or with other algorithms; that of the token is told by the key's state."""
        spec, own = self.kms.spec(key), self.kms.usage(key)
        if own != usage:
            raise Fault("WrongUsage", f"this key is for {own}, not for {usage}")
        if algorithm and algorithm not in algorithms(spec, usage):
            raise Fault("WrongUsage", f"keys of {spec} work by {', '.join(algorithms(spec, usage))}, not by {algorithm}")
        try:
            yield
        except p11.Refused as refusal:
            if refusal.rv == p11.CKR_KEY_FUNCTION_NOT_PERMITTED and self.kms.state(key) == "Disabled":
                raise Fault("Disabled", self.session.last_error()) from None
            raise

    @contextlib.contextmanager
    def public(self, key):
        """A session object of the public half. That half is no secret, so a token cannot stop its use: the front end
        does, where the key's state allows none."""
        self.kms.must_be_enabled(key)
        rsa = self.session.number(key, p11.CKA_KEY_TYPE) == p11.CKK_RSA
        numbers = (p11.CKA_MODULUS, p11.CKA_PUBLIC_EXPONENT) if rsa else (p11.CKA_EC_PARAMS, p11.CKA_EC_POINT)
        made = self.session.create(
            {p11.CKA_CLASS: p11.CKO_PUBLIC_KEY, p11.CKA_KEY_TYPE: self.session.number(key, p11.CKA_KEY_TYPE),
             p11.CKA_ENCRYPT: True, p11.CKA_VERIFY: True} | {number: self.session.get(key, number) for number in numbers})
        try:
            yield made
        finally:
            self.session.destroy(made)

    def public_key(self, key):
        """SubjectPublicKeyInfo DER."""
        if self.session.number(key, p11.CKA_CLASS) != p11.CKO_PRIVATE_KEY:
            raise Fault("Unsupported", "a symmetric key has no public key")
        with self.public(key):
            return self.session.get(key, p11.CKA_PUBLIC_KEY_INFO)

    # Encryption

    @staticmethod
    def envelope(context):
        """The context is additional data; the order of its names does not count."""
        named = json.dumps(context, sort_keys=True).encode() if context else None
        return p11.Mechanism(p11.CKM_TENON_KMS_ENVELOPE, named)

    def encrypt(self, key, plaintext, context=None, algorithm="SYMMETRIC_DEFAULT"):
        with self.using(key, "ENCRYPT_DECRYPT", algorithm):
            if algorithm == "SYMMETRIC_DEFAULT":
                return self.session.encrypt(self.envelope(context), key, plaintext)
            with self.public(key) as public:
                return self.session.encrypt(self.oaep(algorithm, context), public, plaintext)

    def decrypt(self, blob, context=None, key=None, algorithm="SYMMETRIC_DEFAULT"):
        """The key and the plaintext. An envelope names its key."""
        if algorithm != "SYMMETRIC_DEFAULT":
            if key is None:
                raise Fault("Invalid", f"a ciphertext of {algorithm} does not name its key")
            with self.using(key, "ENCRYPT_DECRYPT", algorithm):
                return key, self.session.decrypt(self.oaep(algorithm, context), key, blob)
        found = self.kms.with_id(blob[1:17].hex())
        if not found:
            raise Fault("BadCiphertext", "no key of this service made the ciphertext")
        if key is not None and self.kms.id(key) != self.kms.id(found[0]):
            raise Fault("WrongKey", "this key did not make the ciphertext")
        with self.using(found[0], "ENCRYPT_DECRYPT", algorithm):
            return found[0], self.session.decrypt(self.envelope(context), found[0], blob)

    @staticmethod
    def material(envelope):
        """The material that made an envelope, as CKA_TENON_VERSIONS names it: it stands behind the key's id."""
        return envelope[17:33].hex()

    @staticmethod
    def oaep(algorithm, context):
        if context:
            raise Fault("Invalid", f"{algorithm} has no encryption context")
        return p11.oaep("sha" + algorithm.removeprefix("RSAES_OAEP_SHA_"))

    # Data keys

    def data_key(self, key, size, context=None):
        """A new data key, and the same under the key."""
        with self.using(key, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
            made = self.session.generate_key(p11.CKM_GENERIC_SECRET_KEY_GEN, {
                p11.CKA_VALUE_LEN: size, p11.CKA_TOKEN: False, p11.CKA_SENSITIVE: False, p11.CKA_EXTRACTABLE: True})
            try:
                return self.session.get(made, p11.CKA_VALUE), self.session.wrap(self.envelope(context), key, made)
            finally:
                self.session.destroy(made)

    def data_key_pair(self, key, spec, context=None):
        """A new key pair: the public key (SPKI DER), the private key (PKCS#8) and the same under the key."""
        family, size = SPECS[spec]
        with self.using(key, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT"):
            public, private = self.session.generate_pair(
                FAMILIES[family][2], {FAMILIES[family][3]: size},
                {p11.CKA_TOKEN: False, p11.CKA_SENSITIVE: False, p11.CKA_EXTRACTABLE: True})
            try:
                wrapped = self.session.wrap(self.envelope(context), key, private)
                plain = self.session.decrypt(self.envelope(context), key, wrapped)
                return self.session.get(public, p11.CKA_PUBLIC_KEY_INFO), plain, wrapped
            finally:
                self.session.destroy(public)
                self.session.destroy(private)

    def random(self, size):
        buffer = ctypes.create_string_buffer(size)
        self.session.call("C_GenerateRandom", buffer, p11.c_ulong(size))
        return buffer.raw

    # Signatures and MACs

    def sign(self, key, algorithm, message, is_digest=False):
        with self.using(key, "SIGN_VERIFY", algorithm):
            mechanism, data = self.signing(algorithm, message, is_digest)
            signature = self.session.sign(mechanism, key, data)
        if algorithm.startswith("ECDSA"):
            half = len(signature) // 2
            return encode_dss_signature(*(int.from_bytes(part, "big")
                                          for part in (signature[:half], signature[half:])))
        return signature

    def verify(self, key, algorithm, message, signature, is_digest=False):
        with self.using(key, "SIGN_VERIFY", algorithm):
            mechanism, data = self.signing(algorithm, message, is_digest)
            if algorithm.startswith("ECDSA"):
                size = {"256": 32, "384": 48, "512": 66}[algorithm[-3:]]
                try:
                    signature = b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))
                except (ValueError, OverflowError):
                    return False
            with self.public(key) as public:
                return self.is_of(mechanism, public, data, signature)

    def mac(self, key, algorithm, message):
        with self.using(key, "GENERATE_VERIFY_MAC", algorithm):
            return self.session.sign(self.hmac(algorithm), key, message)

    def verify_mac(self, key, algorithm, message, mac):
        with self.using(key, "GENERATE_VERIFY_MAC", algorithm):
            return self.is_of(self.hmac(algorithm), key, message, mac)

    def is_of(self, mechanism, key, data, signature):
        try:
            self.session.verify(mechanism, key, data, signature)
            return True
        except p11.Refused as refusal:
            if refusal.rv in BAD_SIGNATURE:
                return False
            raise

    @staticmethod
    def hmac(algorithm):
        return p11.Mechanism(p11.HMACS["sha" + algorithm.removeprefix("HMAC_SHA_")])

    @staticmethod
    def signing(algorithm, message, is_digest):
        """The mechanism of a service's algorithm, and the data that it takes."""
        if algorithm == "ED25519_SHA_512":
            if is_digest:
                raise Fault("Invalid", f"{algorithm} signs messages, not digests")
            return p11.Mechanism(p11.CKM_EDDSA), message
        digest = "sha" + algorithm.split("_")[-1]
        data = message if is_digest else hashlib.new(digest, message).digest()
        if len(data) != hashlib.new(digest).digest_size:
            raise Fault("Invalid", f"a digest of {algorithm} does not have {len(data)} bytes")
        if algorithm.startswith("RSASSA_PSS"):
            return p11.pss(digest), data
        if algorithm.startswith("RSASSA_PKCS1"):
            return p11.Mechanism(p11.CKM_RSA_PKCS), p11.DIGEST_INFO[digest] + data
        return p11.Mechanism(p11.CKM_ECDSA), data
