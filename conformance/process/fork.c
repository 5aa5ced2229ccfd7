/* A forked child is a stranger until it initialises; its parent notices nothing.
 * And C_Initialize works again after C_Finalize, any number of times. */
#include "p11.h"
#include <sys/wait.h>

enum { FORKS = 50, CYCLES = 200 };

static void wait_for(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status))
        FAIL("the child ended with status 0x%x", status);
}

static ulong_t find_key(ulong_t session) {
    ulong_t key;
    struct attribute wanted[] = {NUMBER(CKA_CLASS, CKO_PRIVATE_KEY), TEXT(CKA_LABEL, "fork")};
    if (find(session, wanted, COUNT(wanted), &key, 1) != 1) FAIL("no key");
    return key;
}

/* Child: nothing of the parent's works, a new start does. Its random bytes go to the pipe. */
static void child(ulong_t session, ulong_t key, int out, int thorough) {
    byte_t random[16];
    ulong_t count = 0;
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, C_GetSlotList(1, NULL, &count));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, C_GenerateRandom(session, random, sizeof random));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, try_sign(session, CKM_ECDSA, key));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
    OK(C_Initialize(NULL));
    session = thorough ? open_user(USER_PIN) : open_session();
    OK(C_GenerateRandom(session, random, sizeof random));
    if (thorough) {
        OK(try_sign(session, CKM_ECDSA, find_key(session)));
        make_aes(session, "child", 1);
    }
    if (write(out, random, sizeof random) != sizeof random) FAIL("pipe");
    if (thorough) OK(C_Finalize(NULL));
    exit(0);
}

static void forks(void) {
    static byte_t seen[FORKS * 2][16];
    ulong_t session = open_user(USER_PIN), children[FORKS + 1];
    ulong_t key = make_ec(session, "fork", P256, sizeof P256);
    ulong_t total = 0;
    int thorough = 0;
    for (int i = 0; i < FORKS; i++) {
        int ends[2];
        if (pipe(ends)) FAIL("pipe");
        pid_t pid = fork();
        if (pid == 0) child(session, key, ends[1], i % 10 == 0);
        close(ends[1]);
        thorough += i % 10 == 0;
        OK(try_sign(session, CKM_ECDSA, key));
        OK(C_GenerateRandom(session, seen[total++], 16));
        if (read(ends[0], seen[total++], 16) != 16) FAIL("no random bytes from the child");
        close(ends[0]);
        wait_for(pid);
    }
    for (ulong_t i = 0; i < total; i++)
        for (ulong_t j = 0; j < i; j++)
            if (!memcmp(seen[i], seen[j], 16)) FAIL("the same random bytes twice");
    OK(try_sign(session, CKM_ECDSA, key));
    struct attribute made[] = {TEXT(CKA_LABEL, "child")};
    if (find(session, made, 1, children, FORKS + 1) != (ulong_t)thorough)
        FAIL("the parent does not see what its children made");
}

int main(void) {
    load_module();
    OK(C_Initialize(NULL));
    fresh_token();
    forks();
    for (int i = 0; i < CYCLES; i++) {
        OK(C_Finalize(NULL));
        EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, C_Finalize(NULL));
        OK(C_Initialize(NULL));
        ulong_t session = i % 20 ? open_session() : open_user(USER_PIN);
        byte_t random[8];
        OK(C_GenerateRandom(session, random, sizeof random));
        if (i % 20 == 0) OK(try_sign(session, CKM_ECDSA, find_key(session)));
    }
    return 0;
}
