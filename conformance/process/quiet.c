/* Signs twice with each of three token keys; system calls on descriptor -1 mark the second. */
#include "p11.h"

/* Fails with EBADF, and is seen by strace. */
static void mark(const char *what) {
    ssize_t ignored = write(-1, what, strlen(what));
    (void)ignored;
}

int main(void) {
    load_module();
    OK(C_Initialize(NULL));
    fresh_token();
    ulong_t session = open_user(USER_PIN), public_key, keys[3];
    ulong_t mechanisms[] = {CKM_RSA_PKCS, CKM_ECDSA, CKM_ECDSA};
    make_rsa(session, "rsa", &public_key, &keys[0]);
    keys[1] = make_ec(session, "p256", P256, sizeof P256);
    keys[2] = make_ec(session, "secp256k1", K256, sizeof K256);
    for (ulong_t i = 0; i < COUNT(keys); i++) {
        OK(try_sign(session, mechanisms[i], keys[i]));
        mark("begin");
        OK(try_sign(session, mechanisms[i], keys[i]));
        mark("end");
    }
    return 0;
}
