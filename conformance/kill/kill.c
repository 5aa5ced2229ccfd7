/* kill CALL ROUNDS: kills a process with SIGKILL inside CALL, ROUNDS times, and looks at the token.
 *
 * The worker makes one change after the other, numbered without a gap, and acknowledges each on a
 * pipe once the call has returned. So change n - 1 of n acknowledged ones must be there, change n
 * may be, and nothing may be there by half. */
#include "p11.h"
#include <signal.h>
#include <sys/wait.h>

static const byte_t MATERIAL[32] = "a key of thirty-two bytes, fixed";
static ulong_t session, rsa_public, rsa_private;
static byte_t blob[256];

static void object_name(char name[32], long number) { snprintf(name, 32, "change %ld", number); }
static void pin_name(char name[32], long number) { snprintf(name, 32, "user-%08ld", number); }

/* Objects of a class with the label of change `number`. */
static ulong_t count_of(ulong_t class, long number, ulong_t *found) {
    char name[32];
    ulong_t handles[4];
    object_name(name, number);
    struct attribute wanted[] = {NUMBER(CKA_CLASS, class), TEXT(CKA_LABEL, name)};
    ulong_t count = find(session, wanted, COUNT(wanted), handles, COUNT(handles));
    if (count > 1) FAIL("%lu objects of change %ld", count, number);
    if (count) *found = handles[0];
    return count;
}

static int encrypt(ulong_t key, byte_t out[16]) {
    struct mechanism ecb = {CKM_AES_ECB, NULL, 0};
    byte_t in[16] = {0};
    ulong_t length = 16;
    OK(C_EncryptInit(session, &ecb, key));
    OK(C_Encrypt(session, in, sizeof in, out, &length));
    return 1;
}

/* --- one function a call to make change `number`, and one to see whether it is there, whole --- */

static void generate(long number) {
    char name[32];
    object_name(name, number);
    make_aes(session, name, 1);
}

static int generated(long number) {
    ulong_t key;
    byte_t out[16];
    return count_of(CKO_SECRET_KEY, number, &key) && encrypt(key, out);
}

static void generate_pair(long number) {
    char name[32];
    object_name(name, number);
    make_ec(session, name, P256, sizeof P256);
}

static int pair_generated(long number) {
    ulong_t public, private;
    ulong_t halves = count_of(CKO_PUBLIC_KEY, number, &public)
                     + count_of(CKO_PRIVATE_KEY, number, &private);
    if (halves == 1) FAIL("half of pair %ld", number);
    if (halves) OK(try_sign(session, CKM_ECDSA, private));
    return halves == 2;
}

static void unwrap(long number) {
    char name[32];
    ulong_t key;
    object_name(name, number);
    struct oaep parameters = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    struct mechanism mechanism = {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
    struct attribute template[] = {
        NUMBER(CKA_CLASS, CKO_SECRET_KEY), NUMBER(CKA_KEY_TYPE, CKK_AES), YES(CKA_TOKEN),
        YES(CKA_PRIVATE), TEXT(CKA_LABEL, name), TEXT(CKA_ID, name), YES(CKA_ENCRYPT),
        NO(CKA_EXTRACTABLE),
    };
    OK(C_UnwrapKey(session, &mechanism, rsa_private, blob, sizeof blob, template, COUNT(template),
                   &key));
}

static int unwrapped(long number) {
    ulong_t key;
    byte_t out[16];
    static byte_t reference[16];
    static int known;
    if (!count_of(CKO_SECRET_KEY, number, &key)) return 0;
    encrypt(key, out);
    /* All of them are the same material. */
    if (known && memcmp(out, reference, 16)) FAIL("key %ld has another value", number);
    memcpy(reference, out, 16);
    known = 1;
    return 1;
}

static void create(long number) {
    char name[32];
    byte_t value[1000];
    ulong_t object;
    object_name(name, number);
    memset(value, (int)(number % 251), sizeof value);
    struct attribute template[] = {
        NUMBER(CKA_CLASS, CKO_DATA), YES(CKA_TOKEN), YES(CKA_PRIVATE), TEXT(CKA_LABEL, name),
        BYTES(CKA_VALUE, value, sizeof value),
    };
    OK(C_CreateObject(session, template, COUNT(template), &object));
}

static int created(long number) {
    byte_t value[1001];
    ulong_t object;
    if (!count_of(CKO_DATA, number, &object)) return 0;
    struct attribute asked = BYTES(CKA_VALUE, value, sizeof value);
    OK(C_GetAttributeValue(session, object, &asked, 1));
    if (asked.length != 1000) FAIL("data %ld has %lu bytes", number, asked.length);
    for (int i = 0; i < 1000; i++)
        if (value[i] != number % 251) FAIL("data %ld is damaged", number);
    return 1;
}

/* One object, renamed again and again. */
static void rename_object(long number) {
    static ulong_t object;
    char name[32];
    object_name(name, number);
    if (!object && !count_of(CKO_DATA, number - 1, &object) && !count_of(CKO_DATA, number, &object))
        FAIL("the object is lost before change %ld", number);
    struct attribute label = TEXT(CKA_LABEL, name);
    OK(C_SetAttributeValue(session, object, &label, 1));
}

static int renamed(long number) {
    ulong_t object, now = count_of(CKO_DATA, number, &object);
    ulong_t before = count_of(CKO_DATA, number - 1, &object);
    if (now + before > 1) FAIL("one object has two names");
    return (int)now;
}

static void destroy(long number) {
    ulong_t object;
    if (!count_of(CKO_DATA, number, &object)) create(number);
    count_of(CKO_DATA, number, &object);
    OK(C_DestroyObject(session, object));
}

/* An object that was made for its destruction may be there, whole. */
static int destroyed(long number) { return !created(number); }

static void set_pin(long number) {
    char from[32], to[32];
    pin_name(from, number - 1);
    pin_name(to, number);
    OK(C_SetPIN(session, from, strlen(from), to, strlen(to)));
}

static void init_token(long number) {
    char name[32], label[32];
    snprintf(name, sizeof name, "token %ld", number);
    pad32(label, name);
    OK(C_InitToken(slot_of(1), SO_PIN, strlen(SO_PIN), label));
}

/* The token has the name of change `number`, opens with the SO PIN and is empty. */
static int token_is(long number) {
    char name[32], label[32];
    struct token_info info;
    ulong_t opened, objects[1];
    snprintf(name, sizeof name, "token %ld", number);
    pad32(label, name);
    OK(C_GetTokenInfo(slot_of(1), &info));
    if (memcmp(info.label, label, 32)) return 0;
    opened = open_session();
    OK(C_Login(opened, CKU_SO, SO_PIN, strlen(SO_PIN)));
    if (find(opened, NULL, 0, objects, 1)) FAIL("objects after C_InitToken");
    OK(C_CloseSession(opened));
    return 1;
}

enum login { USER, PIN_CHANGES, NOBODY };
static const struct call {
    const char *name;
    void (*change)(long);
    int (*is_done)(long);
    enum login login;
    int replaces; /* a change undoes the one before */
} TABLE[] = {
    {"C_GenerateKey", generate, generated, USER, 0},
    {"C_GenerateKeyPair", generate_pair, pair_generated, USER, 0},
    {"C_UnwrapKey", unwrap, unwrapped, USER, 0},
    {"C_CreateObject", create, created, USER, 0},
    {"C_SetAttributeValue", rename_object, renamed, USER, 1},
    {"C_DestroyObject", destroy, destroyed, USER, 0},
    {"C_SetPIN", set_pin, NULL, PIN_CHANGES, 1},
    {"C_InitToken", init_token, token_is, NOBODY, 1},
};

/* Which of the PINs of changes `number` and `number` + 1 is valid: exactly one is. Logs in. */
static long valid_pin(long number) {
    char older[32], newer[32];
    pin_name(older, number);
    pin_name(newer, number + 1);
    session = open_session();
    rv_t rv = C_Login(session, CKU_USER, newer, strlen(newer));
    if (rv == 0) {
        OK(C_Logout(session));
        EXPECT(CKR_PIN_INCORRECT, C_Login(session, CKU_USER, older, strlen(older)));
        OK(C_Login(session, CKU_USER, newer, strlen(newer)));
        return number + 1;
    }
    EXPECT(CKR_PIN_INCORRECT, rv);
    OK(C_Login(session, CKU_USER, older, strlen(older)));
    return number;
}

static void find_wrapping_pair(void) {
    struct attribute private[] = {NUMBER(CKA_CLASS, CKO_PRIVATE_KEY), TEXT(CKA_LABEL, "wrapping")};
    struct attribute public[] = {NUMBER(CKA_CLASS, CKO_PUBLIC_KEY), TEXT(CKA_LABEL, "wrapping")};
    if (find(session, private, 2, &rsa_private, 1) != 1) FAIL("no wrapping key");
    if (find(session, public, 2, &rsa_public, 1) != 1) FAIL("no public wrapping key");
    struct oaep parameters = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    struct mechanism mechanism = {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
    ulong_t length = sizeof blob;
    OK(C_EncryptInit(session, &mechanism, rsa_public));
    OK(C_Encrypt(session, MATERIAL, sizeof MATERIAL, blob, &length));
}

/* Changes from `next` on, until killed. */
static void work(const struct call *call, long next, int out) {
    char pin[32] = USER_PIN;
    OK(C_Initialize(NULL));
    if (call->login == PIN_CHANGES) pin_name(pin, next - 1);
    if (call->login != NOBODY) session = open_user(pin);
    if (call->change == unwrap) find_wrapping_pair();
    long ready = next - 1;
    do {
        if (write(out, &ready, sizeof ready) != sizeof ready) _exit(1);
        call->change(++ready);
    } while (1);
}

/* What the token must hold before change 1. */
static void prepare(const struct call *call) {
    ulong_t public, private;
    char pin[32];
    OK(C_Initialize(NULL));
    fresh_token();
    if (call->login == NOBODY) init_token(0);
    if (call->login != NOBODY) session = open_user(USER_PIN);
    if (call->login == PIN_CHANGES) {
        pin_name(pin, 0);
        OK(C_SetPIN(session, USER_PIN, strlen(USER_PIN), pin, strlen(pin)));
    }
    if (call->change == unwrap) make_rsa(session, "wrapping", &public, &private);
    if (call->change == rename_object) create(0);
    OK(C_Finalize(NULL));
}

/* The number of the last change that is there; those from `first` to `acknowledged` must be. */
static long inspect(const struct call *call, long first, long acknowledged) {
    OK(C_Initialize(NULL));
    long last;
    if (call->login == PIN_CHANGES) {
        last = valid_pin(acknowledged);
    } else {
        if (call->login == USER) session = open_user(USER_PIN);
        last = acknowledged + call->is_done(acknowledged + 1);
        if (call->replaces) first = last;
        for (long number = first; number <= acknowledged; number++)
            if (!call->is_done(number)) FAIL("change %ld was acknowledged and is lost", number);
    }
    OK(C_Finalize(NULL));
    return last;
}

int main(int count, char **arguments) {
    const struct call *call = NULL;
    for (ulong_t i = 0; i < COUNT(TABLE); i++)
        if (count == 3 && !strcmp(arguments[1], TABLE[i].name)) call = &TABLE[i];
    if (!call) FAIL("usage: kill CALL ROUNDS");
    int rounds = atoi(arguments[2]), changed = 0;
    load_module();
    prepare(call);
    srandom(20250101);
    long next = 1;
    for (int round = 0; round < rounds; round++) {
        int ends[2], status;
        long acknowledged = next - 1, number;
        if (pipe(ends)) FAIL("pipe");
        pid_t worker = fork();
        if (worker == 0) work(call, next, ends[1]);
        close(ends[1]);
        /* The first message says that the worker is about to begin; up to two changes more. */
        for (long messages = 1 + random() % 3; messages > 0; messages--) {
            if (read(ends[0], &number, sizeof number) != sizeof number)
                FAIL("the worker ended by itself");
            acknowledged = number;
        }
        usleep((useconds_t)(random() % (call->login == USER ? 4000 : 60000)));
        kill(worker, SIGKILL);
        while (read(ends[0], &number, sizeof number) == sizeof number) acknowledged = number;
        close(ends[0]);
        waitpid(worker, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            FAIL("the worker failed by itself, status 0x%x", status);
        long last = inspect(call, next, acknowledged);
        changed += last - next + 1 > 0;
        next = last + 1;
    }
    printf("%s: %d kills, %ld changes, %d kills after a change\n", call->name, rounds, next - 1,
           changed);
    return 0;
}
