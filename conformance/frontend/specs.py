"""What keys there are, and by what they work: the tables that every other file reads."""

import p11

P256, P384, P521, P256K1, ED25519 = map(bytes.fromhex, (
    "06082a8648ce3d030107", "06052b81040022", "06052b81040023", "06052b8104000a", "06032b6570"))
# What a key of each service's specs is: its family, and its size or curve as a template says it.
RSA = {f"RSA_{bits}": ("RSA", bits) for bits in (2048, 3072, 4096)}
AWS = {"SYMMETRIC_DEFAULT": ("AES", 32), "ECC_NIST_P256": ("EC", P256), "ECC_NIST_P384": ("EC", P384),
       "ECC_NIST_P521": ("EC", P521), "ECC_SECG_P256K1": ("EC", P256K1), "ECC_NIST_EDWARDS25519": ("ED", ED25519)} | RSA
AWS |= {f"HMAC_{bits}": ("HMAC", bits // 8) for bits in (224, 256, 384, 512)}
ALIBABA = {"Aliyun_AES_256": ("AES", 32), "EC_P256": ("EC", P256), "EC_P256K": ("EC", P256K1)} | RSA
SPECS = AWS | ALIBABA
FAMILIES = {  # class, key type, generation of the key or pair, attribute of the size
    "AES": (p11.CKO_SECRET_KEY, p11.CKK_AES, p11.CKM_AES_KEY_GEN, p11.CKA_VALUE_LEN),
    "HMAC": (p11.CKO_SECRET_KEY, p11.CKK_GENERIC_SECRET, p11.CKM_GENERIC_SECRET_KEY_GEN,
             p11.CKA_VALUE_LEN),
    "RSA": (p11.CKO_PRIVATE_KEY, p11.CKK_RSA, p11.CKM_RSA_PKCS_KEY_PAIR_GEN, p11.CKA_MODULUS_BITS),
    "EC": (p11.CKO_PRIVATE_KEY, p11.CKK_EC, p11.CKM_EC_KEY_PAIR_GEN, p11.CKA_EC_PARAMS),
    "ED": (p11.CKO_PRIVATE_KEY, p11.CKK_EC_EDWARDS, p11.CKM_EC_EDWARDS_KEY_PAIR_GEN,
           p11.CKA_EC_PARAMS)}
USES = {"ENCRYPT_DECRYPT": (p11.CKA_ENCRYPT, p11.CKA_DECRYPT),
        "SIGN_VERIFY": (p11.CKA_SIGN, p11.CKA_VERIFY),
        "GENERATE_VERIFY_MAC": (p11.CKA_SIGN, p11.CKA_VERIFY)}
DEFAULT_USE = {"AES": "ENCRYPT_DECRYPT", "HMAC": "GENERATE_VERIFY_MAC"}
# By what keys of a family and size work, for each of their uses.
ALGORITHMS = {
    "ENCRYPT_DECRYPT": {("AES", 32): ["SYMMETRIC_DEFAULT"]},
    "SIGN_VERIFY": {("EC", P256): ["ECDSA_SHA_256"], ("EC", P256K1): ["ECDSA_SHA_256"],
                    ("EC", P384): ["ECDSA_SHA_384"], ("EC", P521): ["ECDSA_SHA_512"],
                    ("ED", ED25519): ["ED25519_SHA_512"]},
    "GENERATE_VERIFY_MAC": {("HMAC", bits // 8): [f"HMAC_SHA_{bits}"] for bits in (224, 256, 384, 512)}}
for _bits in (2048, 3072, 4096):
    ALGORITHMS["ENCRYPT_DECRYPT"]["RSA", _bits] = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
    ALGORITHMS["SIGN_VERIFY"]["RSA", _bits] = [
        f"RSASSA_{padding}_SHA_{digest}" for padding in ("PSS", "PKCS1_V1_5") for digest in (256, 384, 512)]
# CKA_TENON_WRAP_ALGORITHM and mechanism of each wrapping algorithm.
WRAPS = {"RSAES_OAEP_SHA_1": (1, p11.oaep("sha1")),
         "RSAES_OAEP_SHA_256": (2, p11.oaep("sha256")),
         "RSA_AES_KEY_WRAP_SHA_1": (4, p11.rsa_aes_key_wrap("sha1")),
         "RSA_AES_KEY_WRAP_SHA_256": (5, p11.rsa_aes_key_wrap("sha256")),
         "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD": (6, p11.Mechanism(p11.CKM_TENON_RSA_AES_ECB_PKCS7))}
STATES = {p11.STATE_PENDING_IMPORT: "PendingImport", p11.STATE_ENABLED: "Enabled",
          p11.STATE_DISABLED: "Disabled", p11.STATE_PENDING_DELETION: "PendingDeletion"}


def algorithms(spec, usage):
    """By what keys of this spec work in this use; none where they have no such use."""
    return ALGORITHMS.get(usage, {}).get(SPECS[spec], [])
