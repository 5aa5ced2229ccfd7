"""A PKCS#11 client over ctypes that can say everything the standard can.

Vendor attributes, raw mechanism parameters and calls in any order: what the client libraries of
PyPI cannot. Templates are dictionaries of attribute number to bool, int, bytes or str.
"""

import calendar
import ctypes
import os
import time
from ctypes import POINTER, byref, c_byte, c_char, c_ubyte, c_ulong, c_void_p, cast, sizeof

SO_PIN = "so-87654321"
PIN = "user-1234"
LABEL = "conformance"

CKO_DATA, CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_HW_FEATURE = (
    range(6))
CKK_RSA, CKK_EC, CKK_GENERIC_SECRET, CKK_AES, CKK_EC_EDWARDS = 0, 3, 0x10, 0x1F, 0x40
CKK_TENON_SM4 = 0x80544E01
CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_UNIQUE_ID = range(5)
CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID, CKA_KEY_TYPE, CKA_ID = 0x10, 0x11, 0x12, 0x100, 0x102
CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP = range(0x103, 0x108)
CKA_SIGN, CKA_VERIFY, CKA_START_DATE, CKA_END_DATE = 0x108, 0x10A, 0x110, 0x111
CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT = range(0x120, 0x124)
CKA_PUBLIC_KEY_INFO, CKA_CHECK_VALUE, CKA_ALLOWED_MECHANISMS = 0x129, 0x90, 0x40000600
CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_LOCAL, CKA_EC_PARAMS, CKA_EC_POINT = (
    0x161, 0x162, 0x163, 0x180, 0x181)
(CKA_TENON_ORIGIN, CKA_TENON_KEY_STATE, CKA_TENON_EXPIRES_AT, CKA_TENON_IMPORT_TARGET,
 CKA_TENON_IMPORT_TOKEN, CKA_TENON_WRAP_ALGORITHM, CKA_TENON_NOT_AFTER) = range(
     0x80544E01, 0x80544E08)
(CKA_TENON_DELETION_AT, CKA_TENON_MATERIAL_ID, CKA_TENON_DISABLED, CKA_TENON_PROFILE,
 CKA_TENON_REQUIRE_TOKEN, CKA_TENON_DESCRIPTION, CKA_TENON_TAGS, CKA_TENON_ROTATE, CKA_TENON_VERSIONS,
 CKA_TENON_NEW_MATERIAL) = range(0x80544E08, 0x80544E12)
CKA_TENON_CREATED_AT, CKA_TENON_IMPORTED_AT, CKA_TENON_ENDED_AT = range(0x80544E17, 0x80544E1A)
CKA_TENON_SWEEP, CKA_TENON_LAST_ERROR, CKA_TENON_KEY_SPEC = 0x80544E1A, 0x80544E1D, 0x80544E20
CKA_TENON_RECEIPTS = 0x80544E24
CKA_TENON_SHARES, CKA_TENON_SHARE = 0x80544E1B, 0x80544E1C
CKA_HW_FEATURE_TYPE, CKH_CLOCK = 0x300, 2
CKA_PARAMETER_SET, CKP_ML_KEM_768, CKP_ML_KEM_1024 = 0x61D, 2, 3
STATE_PENDING_IMPORT, STATE_ENABLED, STATE_DISABLED, STATE_PENDING_DELETION = 1, 2, 3, 4
ORIGIN_GENERATED, ORIGIN_EXTERNAL, ORIGIN_IMPORT_JOB, ORIGIN_IMPORTED = range(4)

CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP = 0, 1, 9
CKM_RSA_PKCS_PSS = 0xD
CKM_SHA256_RSA_PKCS, CKM_SHA256_HMAC, CKM_RSA_AES_KEY_WRAP = 0x40, 0x251, 0x1054
CKM_EC_KEY_PAIR_GEN, CKM_ECDSA, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA = (
    0x1040, 0x1041, 0x1055, 0x1057)
CKM_GENERIC_SECRET_KEY_GEN, CKM_ML_KEM_KEY_PAIR_GEN = 0x350, 0xF
CKM_AES_KEY_GEN, CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_GCM, CKM_AES_CMAC = (
    0x1080, 0x1081, 0x1082, 0x1085, 0x1087, 0x108A)
CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP_KWP = 0x2109, 0x210A, 0x210B
(CKM_TENON_EXTERNAL_KEY_GEN, CKM_TENON_RSA_AES_ECB_PKCS7, CKM_TENON_SM2_SM4_ECB, CKM_TENON_SM2PKE,
 CKM_TENON_KMS_ENVELOPE, CKM_TENON_HPKE) = range(0x80544E01, 0x80544E07)
CKM_TENON_XWING_KEY_PAIR_GEN = 0x80544E17
(CKM_TENON_SM2_KEY_PAIR_GEN, CKM_TENON_SM2_SM3_SIGN, CKM_TENON_SM4_KEY_GEN,
 CKM_TENON_SM4_ECB) = range(0x80544E10, 0x80544E14)
# Digest mechanism and mask generation function of each hash.
HASHES = {"sha1": (0x220, 1), "sha224": (0x255, 5), "sha256": (0x250, 2), "sha384": (0x260, 3),
          "sha512": (0x270, 4)}
HMACS = {"sha1": 0x221, "sha224": 0x256, "sha256": 0x251, "sha384": 0x261, "sha512": 0x271}
# DigestInfo (RFC 8017 section 9.2, note 1) before the digest, for CKM_RSA_PKCS.
DIGEST_INFO = {name: bytes.fromhex(f"30{17 + size:02x}300d060960864801650304020{number}050004{size:02x}")
               for name, number, size in (("sha256", 1, 32), ("sha384", 2, 48), ("sha512", 3, 64))}

CKU_SO, CKU_USER = 0, 1
CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED = 0x10000, 0x20000, 0x40000
CKF_TOKEN_INITIALIZED = 0x400

CKR = {
    "CKR_ACTION_PROHIBITED": 0x1B, "CKR_ENCRYPTED_DATA_INVALID": 0x40, "CKR_SIGNATURE_INVALID": 0xC0,
    "CKR_SIGNATURE_LEN_RANGE": 0xC1, "CKR_UNWRAPPING_KEY_HANDLE_INVALID": 0xF0,
    "CKR_ATTRIBUTE_READ_ONLY": 0x10, "CKR_ATTRIBUTE_SENSITIVE": 0x11, "CKR_ATTRIBUTE_TYPE_INVALID": 0x12,
    "CKR_ATTRIBUTE_VALUE_INVALID": 0x13, "CKR_KEY_HANDLE_INVALID": 0x60,
    "CKR_KEY_FUNCTION_NOT_PERMITTED": 0x68, "CKR_KEY_UNEXTRACTABLE": 0x6A,
    "CKR_MECHANISM_INVALID": 0x70, "CKR_MECHANISM_PARAM_INVALID": 0x71,
    "CKR_DEVICE_REMOVED": 0x32,
    "CKR_OBJECT_HANDLE_INVALID": 0x82,
    "CKR_OPERATION_NOT_INITIALIZED": 0x91, "CKR_PIN_INCORRECT": 0xA0, "CKR_PIN_LOCKED": 0xA4,
    "CKR_TEMPLATE_INCOMPLETE": 0xD0, "CKR_TEMPLATE_INCONSISTENT": 0xD1,
    "CKR_USER_NOT_LOGGED_IN": 0x101, "CKR_USER_PIN_NOT_INITIALIZED": 0x102,
    "CKR_WRAPPED_KEY_INVALID": 0x110, "CKR_WRAPPED_KEY_LEN_RANGE": 0x112,
    "CKR_DATA_LEN_RANGE": 0x21, "CKR_ENCRYPTED_DATA_LEN_RANGE": 0x41, "CKR_KEY_TYPE_INCONSISTENT": 0x63,
    "CKR_BUFFER_TOO_SMALL": 0x150, "CKR_CRYPTOKI_NOT_INITIALIZED": 0x190, "CKR_TENON_MATERIAL_MISMATCH": 0x80544E01,
}
globals().update(CKR)
NAMES = {number: name for name, number in CKR.items()}


class Refused(Exception):
    """A call answered something else than CKR_OK."""

    def __init__(self, call, rv):
        super().__init__(f"{call}: {NAMES.get(rv, hex(rv))}")
        self.rv = rv


class Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class Mechanism(ctypes.Structure):
    """A mechanism number with its parameter: a ctypes structure, bytes, or nothing."""

    _fields_ = [("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]

    def __init__(self, number, parameter=None):
        super().__init__(number)
        if parameter is None:
            return
        if isinstance(parameter, bytes):
            parameter = ctypes.create_string_buffer(parameter, len(parameter))
        self.kept = parameter
        self.parameter, self.length = cast(byref(parameter), c_void_p), sizeof(parameter)


class OaepParams(ctypes.Structure):
    _fields_ = [("hash", c_ulong), ("mgf", c_ulong), ("source", c_ulong), ("label", c_void_p),
                ("label_length", c_ulong)]


class RsaAesKeyWrapParams(ctypes.Structure):
    _fields_ = [("aes_bits", c_ulong), ("oaep", POINTER(OaepParams))]


class GcmParams(ctypes.Structure):
    _fields_ = [("iv", c_void_p), ("iv_length", c_ulong), ("iv_bits", c_ulong), ("aad", c_void_p),
                ("aad_length", c_ulong), ("tag_bits", c_ulong)]


class TokenInfo(ctypes.Structure):
    _fields_ = [("label", c_char * 32), ("manufacturer", c_char * 32), ("model", c_char * 16),
                ("serial", c_char * 16), ("flags", c_ulong), ("counts", c_ulong * 10),
                ("versions", c_ubyte * 4), ("time", c_char * 16)]


def oaep_params(name, mgf=None):
    return OaepParams(HASHES[name][0], HASHES[mgf or name][1], 1, None, 0)


def oaep(name, mgf=None):
    return Mechanism(CKM_RSA_PKCS_OAEP, oaep_params(name, mgf))


def pss(name):
    """The salt is as long as the digest."""
    parameters = (c_ulong * 3)(HASHES[name][0], HASHES[name][1], int(name[3:]) // 8)
    return Mechanism(CKM_RSA_PKCS_PSS, parameters)


def rsa_aes_key_wrap(name, bits=256):
    return Mechanism(CKM_RSA_AES_KEY_WRAP,
                     RsaAesKeyWrapParams(bits, ctypes.pointer(oaep_params(name))))


def gcm(iv, aad=b"", tag_bits=128):
    parameters = GcmParams(
        cast(ctypes.c_char_p(iv), c_void_p), len(iv), len(iv) * 8,
        cast(ctypes.c_char_p(aad), c_void_p), len(aad), tag_bits)
    mechanism = Mechanism(CKM_AES_GCM, parameters)
    mechanism.buffers = (iv, aad)
    return mechanism


def encode(value):
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return value.to_bytes(sizeof(c_ulong), "little")
    if isinstance(value, tuple):
        return b"".join(number.to_bytes(sizeof(c_ulong), "little") for number in value)
    return value.encode() if isinstance(value, str) else bytes(value)


def template(attributes):
    """The attributes as an array, and their number."""
    array = (Attribute * len(attributes))()
    array.kept = []
    for slot, (number, value) in zip(array, attributes.items()):
        data = encode(value)
        buffer = ctypes.create_string_buffer(data, len(data))
        array.kept.append(buffer)
        slot.type, slot.value, slot.length = number, cast(buffer, c_void_p), len(data)
    return array, c_ulong(len(attributes))


class Module:
    """A loaded and initialised module; TENON_MODULE unless told otherwise."""

    def __init__(self, path=None):
        self.library = ctypes.CDLL(path or os.environ["TENON_MODULE"])
        self.call("C_Initialize", None)

    def call(self, name, *arguments):
        function = getattr(self.library, name)
        function.restype = c_ulong
        rv = function(*arguments)
        if rv:
            raise Refused(name, rv)

    def finalize(self):
        self.call("C_Finalize", None)

    def slots(self):
        found, count = (c_ulong * 64)(), c_ulong(64)
        self.call("C_GetSlotList", c_byte(1), found, byref(count))
        return found[:count.value]

    def token_info(self, slot):
        info = TokenInfo()
        self.call("C_GetTokenInfo", c_ulong(slot), byref(info))
        return info

    def slot(self, initialised=True):
        return next(slot for slot in self.slots()
                    if bool(self.token_info(slot).flags & CKF_TOKEN_INITIALIZED) == initialised)

    def init_token(self, slot, label=LABEL, so_pin=SO_PIN):
        self.call("C_InitToken", c_ulong(slot), so_pin.encode(), c_ulong(len(so_pin)),
                  label.encode().ljust(32))

    def fresh_token(self, pin=PIN, so_pin=SO_PIN):
        """Makes a token with both PINs."""
        self.init_token(self.slot(initialised=False), so_pin=so_pin)
        session = Session(self)
        session.login(so_pin, CKU_SO)
        session.init_pin(pin)
        session.logout()
        session.close()

    def user(self, pin=PIN):
        session = Session(self)
        session.login(pin)
        return session


class Session:
    def __init__(self, module, slot=None):
        self.module = module
        self.slot = module.slot() if slot is None else slot
        handle = c_ulong()
        module.call("C_OpenSession", c_ulong(self.slot), c_ulong(6), None, None, byref(handle))
        self.handle = handle

    def call(self, name, *arguments):
        self.module.call(name, self.handle, *arguments)

    def output(self, name, *arguments, room=1 << 16):
        """A call that ends in an output buffer and its length."""
        buffer, length = (c_ubyte * room)(), c_ulong(room)
        self.call(name, *arguments, buffer, byref(length))
        return bytes(buffer[:length.value])

    def close(self):
        self.call("C_CloseSession")

    def login(self, pin, user=CKU_USER):
        self.call("C_Login", c_ulong(user), pin.encode(), c_ulong(len(pin)))

    def logout(self):
        self.call("C_Logout")

    def init_pin(self, pin):
        self.call("C_InitPIN", pin.encode(), c_ulong(len(pin)))

    def set_pin(self, old, new):
        self.call("C_SetPIN", old.encode(), c_ulong(len(old)), new.encode(), c_ulong(len(new)))

    def create(self, attributes):
        handle = c_ulong()
        self.call("C_CreateObject", *template(attributes), byref(handle))
        return handle.value

    def destroy(self, key):
        self.call("C_DestroyObject", c_ulong(key))

    def get(self, key, number):
        """The attribute's value, whose length another program may change between the two calls that this takes."""
        while True:
            asked = Attribute(number, None, 0)
            self.call("C_GetAttributeValue", c_ulong(key), byref(asked), c_ulong(1))
            buffer = ctypes.create_string_buffer(max(asked.length, 1))
            asked.value = cast(buffer, c_void_p)
            try:
                self.call("C_GetAttributeValue", c_ulong(key), byref(asked), c_ulong(1))
            except Refused as refusal:
                if refusal.rv != CKR_BUFFER_TOO_SMALL:
                    raise
            else:
                return buffer.raw[:asked.length]

    def number(self, key, attribute):
        return int.from_bytes(self.get(key, attribute), "little")

    def time(self, key, attribute):
        """Unix seconds of an attribute in 8 bytes, as byok.time writes them."""
        return int.from_bytes(self.get(key, attribute), "big")

    def set(self, key, attributes):
        self.call("C_SetAttributeValue", c_ulong(key), *template(attributes))

    def find(self, attributes):
        self.call("C_FindObjectsInit", *template(attributes))
        found = []
        while True:
            some, count = (c_ulong * 64)(), c_ulong()
            self.call("C_FindObjects", some, c_ulong(64), byref(count))
            if not count.value:
                break
            found += some[:count.value]
        self.call("C_FindObjectsFinal")
        return found

    def clock(self):
        """The token's clock, which any session finds."""
        (clock,) = self.find({CKA_CLASS: CKO_HW_FEATURE, CKA_HW_FEATURE_TYPE: CKH_CLOCK})
        return clock

    def now(self):
        """The token's time in Unix seconds, which judges every time that a call gives."""
        digits = self.get(self.clock(), CKA_VALUE).decode()
        return calendar.timegm(time.strptime(digits[:14], "%Y%m%d%H%M%S"))

    def last_error(self):
        """Why the last refused call of this session was refused."""
        return self.get(self.clock(), CKA_TENON_LAST_ERROR).decode()

    def generate_key(self, mechanism, attributes):
        handle = c_ulong()
        self.call("C_GenerateKey", byref(Mechanism(mechanism)), *template(attributes),
                  byref(handle))
        return handle.value

    def generate_pair(self, mechanism, public, private):
        """Handles of the public and the private key."""
        first, second = c_ulong(), c_ulong()
        self.call("C_GenerateKeyPair", byref(Mechanism(mechanism)), *template(public),
                  *template(private), byref(first), byref(second))
        return first.value, second.value

    def unwrap(self, mechanism, key, blob, attributes):
        handle = c_ulong()
        self.call("C_UnwrapKey", byref(mechanism), c_ulong(key), blob, c_ulong(len(blob)),
                  *template(attributes), byref(handle))
        return handle.value

    def wrap(self, mechanism, wrapping_key, key):
        return self.output("C_WrapKey", byref(mechanism), c_ulong(wrapping_key), c_ulong(key))

    def begin(self, operation, mechanism, key):
        self.call(f"C_{operation}Init", byref(mechanism), c_ulong(key))

    def update(self, operation, data):
        return self.output(f"C_{operation}Update", data, c_ulong(len(data)))

    def final(self, operation):
        return self.output(f"C_{operation}Final")

    def encrypt(self, mechanism, key, data):
        self.begin("Encrypt", mechanism, key)
        return self.output("C_Encrypt", data, c_ulong(len(data)))

    def decrypt(self, mechanism, key, data):
        self.begin("Decrypt", mechanism, key)
        return self.output("C_Decrypt", data, c_ulong(len(data)))

    def sign(self, mechanism, key, data):
        self.begin("Sign", mechanism, key)
        return self.output("C_Sign", data, c_ulong(len(data)))

    def verify(self, mechanism, key, data, signature):
        self.begin("Verify", mechanism, key)
        self.call("C_Verify", data, c_ulong(len(data)), signature, c_ulong(len(signature)))

    def derive(self, mechanism, key, attributes):
        handle = c_ulong()
        self.call("C_DeriveKey", byref(mechanism), c_ulong(key), *template(attributes), byref(handle))
        return handle.value


def fresh_token(pin=PIN, so_pin=SO_PIN):
    """Makes the token of a program that loads the module by itself."""
    module = Module()
    module.fresh_token(pin, so_pin)
    module.finalize()


def start():
    """A session of the user on a fresh token of the module under test."""
    module = Module()
    module.fresh_token()
    return module.user()


def answer(call, *arguments):
    """The return value of a call: 0 or the number it was refused with."""
    try:
        call(*arguments)
    except Refused as refusal:
        return refusal.rv
    return 0


def refused(allowed, call, *arguments):
    """Insists that the call is refused with one of the numbers in `allowed`."""
    allowed = allowed if isinstance(allowed, tuple) else (allowed,)
    rv = answer(call, *arguments)
    wanted = " or ".join(NAMES.get(number, hex(number)) for number in allowed)
    assert rv in allowed, f"{NAMES.get(rv, hex(rv))} instead of {wanted}"
