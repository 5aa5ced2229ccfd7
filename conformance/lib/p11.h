/* A PKCS#11 client in one header: what the C tests need of the standard's types, and no more.
 * The module is TENON_MODULE; every call that must succeed goes through OK(). */
#ifndef P11_H
#define P11_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef ulong_t rv_t;
typedef unsigned char byte_t;

struct attribute { ulong_t type; void *value; ulong_t length; };
struct mechanism { ulong_t type; void *parameter; ulong_t length; };
struct oaep { ulong_t hash, mgf, source; void *label; ulong_t label_length; };
struct token_info {
    byte_t label[32], manufacturer[32], model[16], serial[16];
    ulong_t flags, counts[10];
    byte_t versions[4], time[16];
};

enum {
    CKR_PIN_INCORRECT = 0xA0, CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
    CKU_SO = 0, CKU_USER = 1, CKF_RW = 2, CKF_SERIAL = 4, CKF_TOKEN_INITIALIZED = 0x400,
    CKO_DATA = 0, CKO_PUBLIC_KEY = 2, CKO_PRIVATE_KEY = 3, CKO_SECRET_KEY = 4,
    CKK_AES = 0x1F,
    CKA_CLASS = 0, CKA_TOKEN = 1, CKA_PRIVATE = 2, CKA_LABEL = 3, CKA_VALUE = 0x11,
    CKA_KEY_TYPE = 0x100, CKA_ID = 0x102, CKA_ENCRYPT = 0x104, CKA_DECRYPT = 0x105,
    CKA_WRAP = 0x106, CKA_UNWRAP = 0x107, CKA_SIGN = 0x108, CKA_VERIFY = 0x10A,
    CKA_MODULUS_BITS = 0x121, CKA_PUBLIC_EXPONENT = 0x122, CKA_VALUE_LEN = 0x161,
    CKA_EXTRACTABLE = 0x162, CKA_EC_PARAMS = 0x180,
    CKM_RSA_PKCS_KEY_PAIR_GEN = 0, CKM_RSA_PKCS = 1, CKM_RSA_PKCS_OAEP = 9, CKM_SHA_1 = 0x220,
    CKM_EC_KEY_PAIR_GEN = 0x1040, CKM_ECDSA = 0x1041, CKM_AES_KEY_GEN = 0x1080,
    CKM_AES_ECB = 0x1081, CKG_MGF1_SHA1 = 1, CKZ_DATA_SPECIFIED = 1,
};

#define CALLS(X) \
    X(Initialize, (void *)) X(Finalize, (void *)) X(GetSlotList, (byte_t, ulong_t *, ulong_t *)) \
    X(GetTokenInfo, (ulong_t, struct token_info *)) \
    X(InitToken, (ulong_t, const char *, ulong_t, const char *)) \
    X(InitPIN, (ulong_t, const char *, ulong_t)) \
    X(SetPIN, (ulong_t, const char *, ulong_t, const char *, ulong_t)) \
    X(OpenSession, (ulong_t, ulong_t, void *, void *, ulong_t *)) X(CloseSession, (ulong_t)) \
    X(Login, (ulong_t, ulong_t, const char *, ulong_t)) X(Logout, (ulong_t)) \
    X(CreateObject, (ulong_t, struct attribute *, ulong_t, ulong_t *)) \
    X(DestroyObject, (ulong_t, ulong_t)) \
    X(GetAttributeValue, (ulong_t, ulong_t, struct attribute *, ulong_t)) \
    X(SetAttributeValue, (ulong_t, ulong_t, struct attribute *, ulong_t)) \
    X(FindObjectsInit, (ulong_t, struct attribute *, ulong_t)) \
    X(FindObjects, (ulong_t, ulong_t *, ulong_t, ulong_t *)) X(FindObjectsFinal, (ulong_t)) \
    X(EncryptInit, (ulong_t, struct mechanism *, ulong_t)) \
    X(Encrypt, (ulong_t, const void *, ulong_t, void *, ulong_t *)) \
    X(SignInit, (ulong_t, struct mechanism *, ulong_t)) \
    X(Sign, (ulong_t, const void *, ulong_t, void *, ulong_t *)) \
    X(GenerateKey, (ulong_t, struct mechanism *, struct attribute *, ulong_t, ulong_t *)) \
    X(GenerateKeyPair, (ulong_t, struct mechanism *, struct attribute *, ulong_t, \
                        struct attribute *, ulong_t, ulong_t *, ulong_t *)) \
    X(UnwrapKey, (ulong_t, struct mechanism *, ulong_t, const void *, ulong_t, \
                  struct attribute *, ulong_t, ulong_t *)) \
    X(GenerateRandom, (ulong_t, void *, ulong_t))

#define DECLARE(name, arguments) static rv_t(*C_##name) arguments __attribute__((unused));
CALLS(DECLARE)

#define HELPER static inline __attribute__((unused))
#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SO_PIN "so-87654321"
#define USER_PIN "user-1234"
#define TOKEN_LABEL "conformance"

#define FAIL(...) (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), \
                   fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define OK(call) do { \
        rv_t rv_ = (call); \
        if (rv_ != 0) FAIL("%s: 0x%lX", #call, rv_); \
    } while (0)
#define EXPECT(want, call) do { \
        rv_t rv_ = (call); \
        if (rv_ != (rv_t)(want)) FAIL("%s: 0x%lX, not %s", #call, rv_, #want); \
    } while (0)

/* Attributes whose values live as long as the block that names them. */
#define YES(t) {t, &(byte_t){1}, 1}
#define NO(t) {t, &(byte_t){0}, 1}
#define NUMBER(t, n) {t, &(ulong_t){n}, sizeof(ulong_t)}
#define BYTES(t, p, n) {t, (void *)(p), n}
#define TEXT(t, s) {t, (void *)(s), strlen(s)}

/* Loads the module and resolves its calls; returns dlopen's handle. */
HELPER void *load_module(void) {
    const char *path = getenv("TENON_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!module) FAIL("TENON_MODULE: %s", path ? dlerror() : "is not set");
#define RESOLVE(name, arguments) \
    if (!(C_##name = (rv_t(*) arguments)dlsym(module, "C_" #name))) FAIL("no C_" #name);
    CALLS(RESOLVE)
    return module;
}

/* A label or the like, padded with blanks to 32 bytes. */
HELPER void pad32(char padded[32], const char *text) {
    memset(padded, ' ', 32);
    memcpy(padded, text, strlen(text));
}

/* The slot of the initialised token, or of the free one. */
HELPER ulong_t slot_of(int initialised) {
    ulong_t slots[16], count = COUNT(slots);
    OK(C_GetSlotList(1, slots, &count));
    for (ulong_t i = 0; i < count; i++) {
        struct token_info info;
        OK(C_GetTokenInfo(slots[i], &info));
        if (((info.flags & CKF_TOKEN_INITIALIZED) != 0) == initialised) return slots[i];
    }
    FAIL("no such slot");
}

HELPER ulong_t open_session(void) {
    ulong_t session;
    OK(C_OpenSession(slot_of(1), CKF_RW | CKF_SERIAL, NULL, NULL, &session));
    return session;
}

HELPER ulong_t open_user(const char *pin) {
    ulong_t session = open_session();
    OK(C_Login(session, CKU_USER, pin, strlen(pin)));
    return session;
}

/* A token with both PINs; the module is initialised before and after. */
HELPER void fresh_token(void) {
    char label[32];
    pad32(label, TOKEN_LABEL);
    OK(C_InitToken(slot_of(0), SO_PIN, strlen(SO_PIN), label));
    ulong_t session = open_session();
    OK(C_Login(session, CKU_SO, SO_PIN, strlen(SO_PIN)));
    OK(C_InitPIN(session, USER_PIN, strlen(USER_PIN)));
    OK(C_Logout(session));
    OK(C_CloseSession(session));
}

/* Finds at most `room` objects; returns how many. */
HELPER ulong_t find(ulong_t session, struct attribute *template, ulong_t count, ulong_t *found,
                    ulong_t room) {
    ulong_t total;
    OK(C_FindObjectsInit(session, template, count));
    OK(C_FindObjects(session, found, room, &total));
    OK(C_FindObjectsFinal(session));
    return total;
}

HELPER ulong_t make_aes(ulong_t session, const char *label, int token) {
    struct mechanism mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    struct attribute template[] = {
        BYTES(CKA_TOKEN, &(byte_t){token}, 1), YES(CKA_PRIVATE), TEXT(CKA_LABEL, label),
        NUMBER(CKA_VALUE_LEN, 32), YES(CKA_ENCRYPT), YES(CKA_DECRYPT),
    };
    ulong_t key;
    OK(C_GenerateKey(session, &mechanism, template, COUNT(template), &key));
    return key;
}

static const byte_t P256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
static const byte_t K256[] = {6, 5, 0x2B, 0x81, 4, 0, 0x0A};

/* A signing pair on the token; returns the private key. */
HELPER ulong_t make_ec(ulong_t session, const char *label, const byte_t *curve, ulong_t length) {
    struct mechanism mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    struct attribute public[] = {
        YES(CKA_TOKEN), TEXT(CKA_LABEL, label), BYTES(CKA_EC_PARAMS, curve, length), YES(CKA_VERIFY),
    };
    struct attribute private[] = {
        YES(CKA_TOKEN), YES(CKA_PRIVATE), TEXT(CKA_LABEL, label), YES(CKA_SIGN),
    };
    ulong_t public_key, private_key;
    OK(C_GenerateKeyPair(session, &mechanism, public, COUNT(public), private, COUNT(private),
                         &public_key, &private_key));
    return private_key;
}

/* An RSA-2048 pair on the token that signs, encrypts and unwraps. */
HELPER void make_rsa(ulong_t session, const char *label, ulong_t *public_key, ulong_t *private_key) {
    struct mechanism mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
    struct attribute public[] = {
        YES(CKA_TOKEN), TEXT(CKA_LABEL, label), NUMBER(CKA_MODULUS_BITS, 2048),
        BYTES(CKA_PUBLIC_EXPONENT, "\1\0\1", 3), YES(CKA_ENCRYPT), YES(CKA_VERIFY), YES(CKA_WRAP),
    };
    struct attribute private[] = {
        YES(CKA_TOKEN), YES(CKA_PRIVATE), TEXT(CKA_LABEL, label), YES(CKA_SIGN), YES(CKA_UNWRAP),
    };
    OK(C_GenerateKeyPair(session, &mechanism, public, COUNT(public), private, COUNT(private),
                         public_key, private_key));
}

/* Signs a 32-byte digest; the answer of the first call that fails, else CKR_OK. */
HELPER rv_t try_sign(ulong_t session, ulong_t mechanism_type, ulong_t key) {
    struct mechanism mechanism = {mechanism_type, NULL, 0};
    byte_t digest[32] = {1}, signature[512];
    ulong_t length = sizeof signature;
    rv_t rv = C_SignInit(session, &mechanism, key);
    return rv ? rv : C_Sign(session, digest, sizeof digest, signature, &length);
}

#endif
