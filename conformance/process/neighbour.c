/* A library of the same program, with a destructor that still calls the module at exit. */
#include "p11.h"

static ulong_t session, key;

void neighbour_arm(ulong_t armed_session, ulong_t armed_key) {
    load_module();
    session = armed_session;
    key = armed_key;
}

/* Any answer will do; crashing, hanging or aborting will not. */
void neighbour_call(void) {
    byte_t random[32];
    ulong_t count = 0, opened;
    if (!C_Sign) return;
    C_GenerateRandom(session, random, sizeof random);
    try_sign(session, CKM_ECDSA, key);
    C_GetSlotList(1, NULL, &count);
    C_OpenSession(0, CKF_RW | CKF_SERIAL, NULL, NULL, &opened);
    C_CloseSession(session);
    C_Finalize(NULL);
    C_Initialize(NULL);
    C_GenerateRandom(session, random, sizeof random);
}

__attribute__((destructor)) static void leave(void) { neighbour_call(); }
