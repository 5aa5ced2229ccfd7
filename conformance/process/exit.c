/* exit WAY [LIBRARY...]: leaves in one of many ways, with sessions open and operations running.
 * Libraries given as before:FILE and after:FILE are loaded before or after the module; their
 * destructors call it. */
#include "p11.h"

typedef void (*arm_t)(ulong_t, ulong_t);
typedef void (*call_t)(void);

static call_t at_exit;
static void call_at_exit(void) { at_exit(); }

static void *load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) FAIL("%s", dlerror());
    return library;
}

int main(int count, char **arguments) {
    const char *way = count > 1 ? arguments[1] : "";
    void *libraries[8];
    int loaded = 0;
    for (int i = 2; i < count; i++)
        if (!strncmp(arguments[i], "before:", 7)) libraries[loaded++] = load(arguments[i] + 7);
    void *module = load_module();
    for (int i = 2; i < count; i++)
        if (!strncmp(arguments[i], "after:", 6)) libraries[loaded++] = load(arguments[i] + 6);

    OK(C_Initialize(NULL));
    if (!strcmp(way, "setup")) {
        fresh_token();
        make_ec(open_user(USER_PIN), "exit", P256, sizeof P256);
        return 0;
    }
    ulong_t session = open_user(USER_PIN), key;
    struct attribute wanted[] = {NUMBER(CKA_CLASS, CKO_PRIVATE_KEY), TEXT(CKA_LABEL, "exit")};
    if (find(session, wanted, COUNT(wanted), &key, 1) != 1) FAIL("no key");
    OK(try_sign(session, CKM_ECDSA, key));
    for (int i = 0; i < loaded; i++) {
        ((arm_t)dlsym(libraries[i], "neighbour_arm"))(session, key);
        at_exit = (call_t)dlsym(libraries[i], "neighbour_call");
    }

    if (!strcmp(way, "finalized")) OK(C_Finalize(NULL));
    if (!strcmp(way, "atexit")) atexit(call_at_exit);
    if (!strcmp(way, "dlclose")) dlclose(module);
    if (!strcmp(way, "finalize+dlclose")) {
        OK(C_Finalize(NULL));
        dlclose(module);
    }
    if (!strcmp(way, "running")) {
        struct mechanism ecdsa = {CKM_ECDSA, NULL, 0};
        OK(C_SignInit(session, &ecdsa, key));
        OK(C_FindObjectsInit(open_session(), NULL, 0));
    }
    return 0;
}
