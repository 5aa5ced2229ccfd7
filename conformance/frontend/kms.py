"""A key management service in front of a token, every step of it a PKCS#11 call.

An example for whoever builds such a service. What a service promises of a key's life (one material for
ever, expiry, deletion windows, versions) is kept by the token; nothing here remembers anything.
`server.py` speaks to the clients of two services and calls this.
"""

import hashlib
import hmac
import json
import time
import uuid

import p11
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature, encode_dss_signature)

P256, P384, P521, P256K1, ED25519 = map(bytes.fromhex, (
    "06082a8648ce3d030107", "06052b81040022", "06052b81040023", "06052b8104000a", "06032b6570"))
# What a key of each spec is: its family, and its size or curve as a template says it.
SPECS = {"SYMMETRIC_DEFAULT": ("AES", 32), "Aliyun_AES_256": ("AES", 32),
         "ECC_NIST_P256": ("EC", P256), "ECC_NIST_P384": ("EC", P384), "ECC_NIST_P521": ("EC", P521),
         "ECC_SECG_P256K1": ("EC", P256K1), "EC_P256": ("EC", P256), "EC_P256K": ("EC", P256K1),
         "ECC_NIST_EDWARDS25519": ("ED", ED25519)}
SPECS |= {f"RSA_{bits}": ("RSA", bits) for bits in (2048, 3072, 4096)}
SPECS |= {f"HMAC_{bits}": ("HMAC", bits // 8) for bits in (224, 256, 384, 512)}
FAMILIES = {  # class, key type, generation of the key or pair, attribute of the size
    "AES": (p11.CKO_SECRET_KEY, p11.CKK_AES, p11.CKM_AES_KEY_GEN, p11.CKA_VALUE_LEN),
    "HMAC": (p11.CKO_SECRET_KEY, p11.CKK_GENERIC_SECRET, p11.CKM_GENERIC_SECRET_KEY_GEN,
             p11.CKA_VALUE_LEN),
    "RSA": (p11.CKO_PRIVATE_KEY, p11.CKK_RSA, p11.CKM_RSA_PKCS_KEY_PAIR_GEN, p11.CKA_MODULUS_BITS),
    "EC": (p11.CKO_PRIVATE_KEY, p11.CKK_EC, p11.CKM_EC_KEY_PAIR_GEN, p11.CKA_EC_PARAMS),
    "ED": (p11.CKO_PRIVATE_KEY, p11.CKK_EC_EDWARDS, p11.CKM_EC_EDWARDS_KEY_PAIR_GEN,
           p11.CKA_EC_PARAMS)}
# CKA_TENON_WRAP_ALGORITHM and mechanism of each wrapping algorithm.
WRAPS = {"RSAES_OAEP_SHA_1": (1, p11.oaep("sha1")),
         "RSAES_OAEP_SHA_256": (2, p11.oaep("sha256")),
         "RSA_AES_KEY_WRAP_SHA_1": (4, p11.rsa_aes_key_wrap("sha1")),
         "RSA_AES_KEY_WRAP_SHA_256": (5, p11.rsa_aes_key_wrap("sha256")),
         "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD": (6, p11.Mechanism(p11.CKM_TENON_RSA_AES_ECB_PKCS7))}
STATES = {p11.STATE_PENDING_IMPORT: "PendingImport", p11.STATE_ENABLED: "Enabled",
          p11.STATE_DISABLED: "Disabled", p11.STATE_PENDING_DELETION: "PendingDeletion"}
USES = {"ENCRYPT_DECRYPT": (p11.CKA_ENCRYPT, p11.CKA_DECRYPT),
        "SIGN_VERIFY": (p11.CKA_SIGN, p11.CKA_VERIFY),
        "GENERATE_VERIFY_MAC": (p11.CKA_SIGN, p11.CKA_VERIFY)}
DEFAULT_USE = {"AES": "ENCRYPT_DECRYPT", "HMAC": "GENERATE_VERIFY_MAC"}
DAY = 86400


class Fault(Exception):
    """What a caller is told: the service's name for it, and a sentence."""

    def __init__(self, name, text):
        super().__init__(text)
        self.name = name


class Kms:
    """The keys of one profile in the token of a session of its user."""

    def __init__(self, session, profile):
        self.session, self.profile = session, profile

    # Finding

    def every_key(self):
        """Handles of all keys, those that wait for material too."""
        found = self.session.find({p11.CKA_TENON_PROFILE: self.profile})
        return [key for key in found if self.session.number(key, p11.CKA_CLASS) != p11.CKO_PUBLIC_KEY]

    def key(self, name):
        """The key of a name: its id, or `alias/` and its alias, also at the end of an ARN."""
        name = name.split(":")[-1].removeprefix("key/")
        if name.startswith("alias/"):
            wanted = {p11.CKA_LABEL: name.removeprefix("alias/")}
        else:
            wanted = {p11.CKA_UNIQUE_ID: self.unique_id(name)}
        found = self.session.find(wanted | {p11.CKA_TENON_PROFILE: self.profile})
        if not found:
            raise Fault("NotFound", f"there is no key {name}")
        return found[0]

    @staticmethod
    def unique_id(name):
        try:
            return uuid.UUID(name).hex
        except ValueError:
            raise Fault("NotFound", f"{name} is no id of a key") from None

    def id(self, key):
        return str(uuid.UUID(self.session.get(key, p11.CKA_UNIQUE_ID).decode()))

    def held(self, key, attribute):
        """The attribute's value; empty where the key has none."""
        try:
            return self.session.get(key, attribute)
        except p11.Refused as refusal:
            if refusal.rv == p11.CKR_ATTRIBUTE_TYPE_INVALID:
                return b""
            raise

    def text(self, key, attribute):
        return self.held(key, attribute).decode()

    def when(self, key, attribute):
        """Unix seconds; 0 where there is no such time."""
        return int.from_bytes(self.held(key, attribute), "big")

    def state(self, key):
        return STATES[self.session.number(key, p11.CKA_TENON_KEY_STATE)]

    def describe(self, key):
        uses = [use for use, names in USES.items()
                if any(self.held(key, name) == b"\1" for name in names)]
        spec = self.text(key, p11.CKA_TENON_KEY_SPEC)
        return {"id": self.id(key), "spec": spec, "state": self.state(key),
                "usage": uses[-1] if SPECS[spec][0] == "HMAC" else uses[0],
                "external": self.session.number(key, p11.CKA_TENON_ORIGIN) == p11.ORIGIN_EXTERNAL,
                "created": self.when(key, p11.CKA_TENON_CREATED_AT),
                "expires": self.when(key, p11.CKA_TENON_EXPIRES_AT),
                "deletion": self.when(key, p11.CKA_TENON_DELETION_AT),
                "description": self.text(key, p11.CKA_TENON_DESCRIPTION)}

    # A key's life

    def create(self, spec, usage=None, external=False, description="", tags=None):
        if spec not in SPECS:
            raise Fault("Unsupported", f"there are keys of {', '.join(SPECS)}")
        family, size = SPECS[spec]
        kind, key_type, generation, size_attribute = FAMILIES[family]
        what = {p11.CKA_KEY_TYPE: key_type, p11.CKA_TOKEN: True}
        mine = what | {
            p11.CKA_CLASS: kind, p11.CKA_PRIVATE: True, p11.CKA_TENON_PROFILE: self.profile,
            p11.CKA_TENON_KEY_SPEC: spec, p11.CKA_TENON_DESCRIPTION: description,
            p11.CKA_TENON_TAGS: json.dumps(tags or {})}
        encrypt, decrypt = USES[usage or DEFAULT_USE.get(family, "SIGN_VERIFY")]
        mine |= {decrypt: True, encrypt: True} if kind == p11.CKO_SECRET_KEY else {
            p11.CKA_SIGN if encrypt == p11.CKA_SIGN else p11.CKA_DECRYPT: True}
        if external:
            return self.session.generate_key(p11.CKM_TENON_EXTERNAL_KEY_GEN,
                                             mine | {size_attribute: size})
        if kind == p11.CKO_SECRET_KEY:
            return self.session.generate_key(generation, mine | {size_attribute: size})
        return self.session.generate_pair(generation, what | {size_attribute: size}, mine)[1]

    def parameters(self, key, algorithm, bits):
        """GetParametersForImport: public key (SPKI DER), import token and end of life."""
        if algorithm not in WRAPS:
            raise Fault("Unsupported", f"there are {', '.join(WRAPS)}")
        public, private = self.session.generate_pair(
            p11.CKM_RSA_PKCS_KEY_PAIR_GEN, {p11.CKA_TOKEN: True, p11.CKA_MODULUS_BITS: bits},
            {p11.CKA_TOKEN: True, p11.CKA_TENON_WRAP_ALGORITHM: WRAPS[algorithm][0],
             p11.CKA_TENON_IMPORT_TARGET: self.session.get(key, p11.CKA_UNIQUE_ID)})
        return (self.session.get(public, p11.CKA_PUBLIC_KEY_INFO),
                self.session.get(private, p11.CKA_TENON_IMPORT_TOKEN),
                self.when(private, p11.CKA_TENON_NOT_AFTER))

    def import_material(self, key, blob, token, expires, new=False):
        """`expires` are Unix seconds, 0 for never; None leaves it to the profile. The handle of the key."""
        target = self.session.get(key, p11.CKA_UNIQUE_ID)
        jobs = self.session.find({p11.CKA_TENON_IMPORT_TARGET: target})
        job = next((job for job in jobs if hmac.compare_digest(
            self.held(job, p11.CKA_TENON_IMPORT_TOKEN), token)), None)
        if job is None:
            raise Fault("InvalidToken", "the import token is none of this key's open downloads")
        mechanism = dict(WRAPS.values())[self.session.number(job, p11.CKA_TENON_WRAP_ALGORITHM)]
        template = {number: self.session.number(key, number)
                    for number in (p11.CKA_CLASS, p11.CKA_KEY_TYPE)}
        template |= {p11.CKA_TENON_IMPORT_TOKEN: token}
        if expires is not None:
            template[p11.CKA_TENON_EXPIRES_AT] = int(expires).to_bytes(8, "big")
        if new:
            template[p11.CKA_TENON_NEW_MATERIAL] = True
        return self.session.unwrap(mechanism, job, blob, template)

    def delete_material(self, key):
        self.session.destroy(key)

    def schedule_deletion(self, key, days):
        self.session.set(key, {p11.CKA_TENON_DELETION_AT: int(time.time() + days * DAY).to_bytes(8, "big")})

    def cancel_deletion(self, key):
        self.session.set(key, {p11.CKA_TENON_DELETION_AT: bytes(8)})

    def disable(self, key, disabled=True):
        self.session.set(key, {p11.CKA_TENON_DISABLED: disabled})

    def rotate(self, key):
        self.session.set(key, {p11.CKA_TENON_ROTATE: True})

    def name(self, key, alias):
        """Gives the key an alias; an empty one takes it away."""
        try:
            self.session.set(key, {p11.CKA_LABEL: alias})
        except p11.Refused as refusal:
            if refusal.rv == p11.CKR_TEMPLATE_INCONSISTENT:
                raise Fault("Taken", f"another key has the alias {alias}") from None
            raise

    def tags(self, key, change=None):
        tags = json.loads(self.held(key, p11.CKA_TENON_TAGS) or b"{}")
        if change:
            change(tags)
            self.session.set(key, {p11.CKA_TENON_TAGS: json.dumps(tags)})
        return tags

    # Uses

    @staticmethod
    def envelope(context):
        """The context is additional data; the order of its names does not count."""
        named = json.dumps(context, sort_keys=True).encode() if context else None
        return p11.Mechanism(p11.CKM_TENON_KMS_ENVELOPE, named)

    def encrypt(self, key, plaintext, context=None):
        return self.session.encrypt(self.envelope(context), key, plaintext)

    def decrypt(self, blob, context=None, key=None):
        """The key and the plaintext. An envelope names its key."""
        named = self.key(blob[1:17].hex()) if len(blob) > 17 else None
        if named is None or (key is not None and self.id(key) != self.id(named)):
            raise Fault("WrongKey" if named else "BadCiphertext", "this key did not make the ciphertext")
        return named, self.session.decrypt(self.envelope(context), named, blob)

    def data_key(self, key, size, context=None):
        """A new data key, and the same under the key."""
        made = self.session.generate_key(p11.CKM_GENERIC_SECRET_KEY_GEN, {
            p11.CKA_VALUE_LEN: size, p11.CKA_TOKEN: False, p11.CKA_SENSITIVE: False, p11.CKA_EXTRACTABLE: True})
        try:
            return self.session.get(made, p11.CKA_VALUE), self.session.wrap(self.envelope(context), key, made)
        finally:
            self.session.destroy(made)

    def public_key(self, key):
        return self.session.get(key, p11.CKA_PUBLIC_KEY_INFO)

    def rsa(self, operation, key, data, digest):
        """Encrypt or Decrypt by OAEP."""
        if operation == "Encrypt":
            key = self.public_object(key)
        return getattr(self.session, operation.lower())(p11.oaep(digest), key, data)

    def public_object(self, key):
        """A session object of the public half, for operations with that."""
        rsa = self.session.number(key, p11.CKA_KEY_TYPE) == p11.CKK_RSA
        numbers = (p11.CKA_MODULUS, p11.CKA_PUBLIC_EXPONENT) if rsa else (p11.CKA_EC_PARAMS, p11.CKA_EC_POINT)
        return self.session.create(
            {p11.CKA_CLASS: p11.CKO_PUBLIC_KEY, p11.CKA_KEY_TYPE: self.session.number(key, p11.CKA_KEY_TYPE),
             p11.CKA_ENCRYPT: True, p11.CKA_VERIFY: True} | {number: self.session.get(key, number) for number in numbers})

    def sign(self, key, algorithm, message, is_digest=False):
        mechanism, data = self.signing(algorithm, message, is_digest)
        signature = self.session.sign(mechanism, key, data)
        if algorithm.startswith("ECDSA"):
            half = len(signature) // 2
            return encode_dss_signature(*(int.from_bytes(part, "big")
                                          for part in (signature[:half], signature[half:])))
        return signature

    def verify(self, key, algorithm, message, signature, is_digest=False):
        mechanism, data = self.signing(algorithm, message, is_digest)
        if algorithm.startswith("ECDSA"):
            size = (len(self.session.get(key, p11.CKA_EC_POINT)) - 3) // 2
            try:
                signature = b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(signature))
            except (ValueError, OverflowError):
                return False
        public = key if algorithm.startswith("HMAC") else self.public_object(key)
        try:
            self.session.begin("Verify", mechanism, public)
            self.session.call("C_Verify", data, p11.c_ulong(len(data)), signature, p11.c_ulong(len(signature)))
            return True
        except p11.Refused as refusal:
            if refusal.rv in (p11.CKR_SIGNATURE_INVALID, p11.CKR_SIGNATURE_LEN_RANGE):
                return False
            raise

    @staticmethod
    def signing(algorithm, message, is_digest):
        """The mechanism of a service's algorithm, and the data that it takes."""
        digest = "sha" + algorithm.split("_")[-1]
        if algorithm == "ED25519_SHA_512":
            return p11.Mechanism(p11.CKM_EDDSA), message
        if algorithm.startswith("HMAC"):
            return p11.Mechanism(p11.HMACS[digest]), message
        if digest not in p11.HASHES:
            raise Fault("Unsupported", f"there is no algorithm {algorithm}")
        data = message if is_digest else hashlib.new(digest, message).digest()
        if algorithm.startswith("RSASSA_PSS"):
            return p11.pss(digest), data
        if algorithm.startswith("RSASSA_PKCS1"):
            return p11.Mechanism(p11.CKM_RSA_PKCS), p11.DIGEST_INFO[digest] + data
        return p11.Mechanism(p11.CKM_ECDSA), data
