"""Specs of external keys, by the names that the services have for them: what a template says, what
the owner makes, and how a key is used inside and checked outside."""

import functools
import hashlib
import hmac
import os

import byok
import outside
import p11
from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


@functools.cache
def other_key(kind):
    """A private key that is no key's material; RSA keys are small, because others take long."""
    return outside.private_key("RSA-2048" if kind.startswith("RSA") else kind)


class Aes:
    """ENCRYPT_DECRYPT by GCM, which a service's key does only where its template says so."""

    secret = True
    mechanisms = (p11.CKM_AES_GCM, p11.CKM_AES_ECB, p11.CKM_AES_CBC, p11.CKM_AES_CBC_PAD)

    def __init__(self, bits):
        self.size = bits // 8

    def template(self):
        return {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: p11.CKK_AES,
                p11.CKA_VALUE_LEN: self.size, p11.CKA_ENCRYPT: True,
                p11.CKA_ALLOWED_MECHANISMS: self.mechanisms}

    def material(self):
        return os.urandom(self.size)

    other = material

    def begin(self, session, key):
        session.begin("Encrypt", p11.gcm(bytes(12)), key)

    def use(self, session, key, material):
        """Uses the key and checks the outcome outside; a check to make again after a re-import."""
        iv, text = os.urandom(12), os.urandom(100)
        sealed = session.encrypt(p11.gcm(iv), key, text)
        assert AESGCM(material).decrypt(iv, sealed, None) == text

        def again(key):
            assert session.decrypt(p11.gcm(iv), key, sealed) == text
        return again


class Mac:
    """SIGN_VERIFY by a secret key; subclasses say by which mechanism."""

    secret = True

    def __init__(self, bits):
        self.size = bits // 8

    def template(self):
        return {p11.CKA_CLASS: p11.CKO_SECRET_KEY, p11.CKA_KEY_TYPE: self.key_type,
                p11.CKA_VALUE_LEN: self.size, p11.CKA_SIGN: True}

    def material(self):
        return os.urandom(self.size)

    other = material

    def begin(self, session, key):
        session.begin("Sign", p11.Mechanism(self.mechanism), key)

    def use(self, session, key, material):
        text = os.urandom(100)
        expected = self.outside(material, text)

        def again(key):
            assert session.sign(p11.Mechanism(self.mechanism), key, text) == expected
        again(key)
        return again


class Hmac(Mac):
    key_type, mechanism = p11.CKK_GENERIC_SECRET, p11.CKM_SHA256_HMAC

    @staticmethod
    def outside(material, text):
        return hmac.digest(material, text, "sha256")


class AesMac(Mac):
    key_type, mechanism = p11.CKK_AES, p11.CKM_AES_CMAC

    @staticmethod
    def outside(material, text):
        context = cmac.CMAC(algorithms.AES(material))
        context.update(text)
        return context.finalize()


class Private:
    """SIGN_VERIFY by a private key, whose signatures openssl verifies."""

    secret = False

    def __init__(self, kind):
        self.kind = kind

    def template(self):
        return {p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_SIGN: True} | self.numbers()

    def material(self):
        return outside.private_key(self.kind)

    def other(self):
        return other_key(self.kind)

    def begin(self, session, key):
        session.begin("Sign", p11.Mechanism(self.mechanism), key)

    def use(self, session, key, material):
        public = outside.public_key(material)

        def again(key):
            assert session.get(key, p11.CKA_PUBLIC_KEY_INFO) == public
            text = os.urandom(100)
            signature = self.sign(session, key, text)
            assert self.verify(public, text, signature)
            assert not self.verify(public, text + b".", signature)
        again(key)
        return again


class Rsa(Private):
    mechanism = p11.CKM_RSA_PKCS

    def numbers(self):
        return {p11.CKA_KEY_TYPE: p11.CKK_RSA, p11.CKA_MODULUS_BITS: int(self.kind[4:])}

    def sign(self, session, key, text):
        return session.sign(p11.Mechanism(self.mechanism), key,
                            p11.DIGEST_INFO["sha256"] + hashlib.sha256(text).digest())

    def verify(self, public, text, signature):
        return outside.verify(public, hashlib.sha256(text).digest(), signature,
                              "-pkeyopt", "digest:sha256")


class RsaDecrypt(Rsa):
    """ENCRYPT_DECRYPT: openssl encrypts, the key decrypts."""

    def template(self):
        return {p11.CKA_CLASS: p11.CKO_PRIVATE_KEY, p11.CKA_DECRYPT: True} | self.numbers()

    def begin(self, session, key):
        session.begin("Decrypt", p11.oaep("sha256"), key)

    def use(self, session, key, material):
        text = os.urandom(100)
        sealed = outside.oaep(outside.public_key(material), text, "sha256")

        def again(key):
            assert session.decrypt(p11.oaep("sha256"), key, sealed) == text
        again(key)
        return again


class Ec(Private):
    mechanism = p11.CKM_ECDSA

    def numbers(self):
        return {p11.CKA_KEY_TYPE: p11.CKK_EC,
                p11.CKA_EC_PARAMS: bytes.fromhex(outside.CURVES[self.kind][1])}

    def sign(self, session, key, text):
        return outside.der_signature(session.sign(
            p11.Mechanism(self.mechanism), key, hashlib.sha256(text).digest()))

    def verify(self, public, text, signature):
        return outside.verify(public, hashlib.sha256(text).digest(), signature)


class Sm2(Ec):
    """Signs over SM3 and the default identity of GB/T 32918, 1234567812345678."""

    mechanism = p11.CKM_TENON_SM2_SM3_SIGN

    def sign(self, session, key, text):
        return outside.der_signature(session.sign(p11.Mechanism(self.mechanism), key, text))

    def verify(self, public, text, signature):
        return outside.verify(public, text, signature, "-rawin", "-digest", "sm3",
                              "-pkeyopt", "distid:1234567812345678")


class Ed25519(Private):
    mechanism = p11.CKM_EDDSA

    def numbers(self):
        return {p11.CKA_KEY_TYPE: p11.CKK_EC_EDWARDS,
                p11.CKA_EC_PARAMS: bytes.fromhex("06032b6570")}

    def sign(self, session, key, text):
        return session.sign(p11.Mechanism(self.mechanism), key, text)

    def verify(self, public, text, signature):
        return outside.verify(public, text, signature, "-rawin")


class Sm4(Aes):
    """ENCRYPT_DECRYPT by ECB, as openssl has it."""

    mechanisms = (p11.CKM_TENON_SM4_ECB,)

    def __init__(self):
        super().__init__(128)

    def template(self):
        return super().template() | {p11.CKA_KEY_TYPE: p11.CKK_TENON_SM4}

    def begin(self, session, key):
        session.begin("Encrypt", p11.Mechanism(p11.CKM_TENON_SM4_ECB), key)

    def use(self, session, key, material):
        ecb, text = p11.Mechanism(p11.CKM_TENON_SM4_ECB), os.urandom(64)
        sealed = session.encrypt(ecb, key, text)
        assert sealed == outside.sm4_ecb(material, text)

        def again(key):
            assert session.decrypt(ecb, key, sealed) == text
        return again


AES_128, AES_192, AES_256 = Aes(128), Aes(192), Aes(256)
AES_128_SIGN, AES_256_SIGN = AesMac(128), AesMac(256)
HMAC_256, HMAC_512 = Hmac(256), Hmac(512)
RSA_2048, RSA_3072, RSA_4096 = Rsa("RSA-2048"), Rsa("RSA-3072"), Rsa("RSA-4096")
RSA_2048_DECRYPT, RSA_3072_DECRYPT = RsaDecrypt("RSA-2048"), RsaDecrypt("RSA-3072")
EC_P256, EC_P384, EC_P521, EC_P256K = Ec("P-256"), Ec("P-384"), Ec("P-521"), Ec("secp256k1")
EC_SM2, ED25519, SM4 = Sm2("SM2"), Ed25519("Ed25519"), Sm4()
