#!/usr/bin/env python3
"""On a token in a database one process takes keys away while three others use them: once that is answered, no use begins and no
output of a use that had begun is released.

TENON_STORE_URL names the database. TENON_REVOCATIONS (10): keys that are destroyed or disabled in turns. TENON_LEASE_MS (as it is):
the lease.
"""

import mmap
import os
import subprocess
import sys
import time

import byok
import p11
import seal

KEYS = int(os.environ.get("TENON_REVOCATIONS", "10"))
USERS = 3
ECB = p11.Mechanism(p11.CKM_AES_ECB)
GONE = (p11.CKR_KEY_HANDLE_INVALID, p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_KEY_FUNCTION_NOT_PERMITTED)
# Words of the shared page: the number of the key that all use, of the last one that was taken away, and for each user its uses.
PRESENT, ANSWERED, READY, USES, LATE = 0, 1, 2, 2 + USERS, 2 + 2 * USERS


def page():
    with open("page", "r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 8 * (2 + 3 * USERS))).cast("Q")


def name(number):
    return b"key %d" % number


def use(me):
    """Uses each key until it is refused; then ends, after the answer, an operation that was begun before it."""
    shared, session = page(), p11.Module().user()
    other = p11.Session(session.module)
    for number in range(1, KEYS + 1):
        while shared[PRESENT] < number:
            time.sleep(0.0005)
        (key,) = session.find({p11.CKA_ID: name(number), p11.CKA_CLASS: p11.CKO_SECRET_KEY})
        other.begin("Encrypt", ECB, key)
        while True:
            was_answered = shared[ANSWERED] >= number
            if p11.answer(session.encrypt, ECB, key, bytes(16)) == 0:
                assert not was_answered, f"key {number} was used after it was taken away"
                shared[USES + me] += 1
                shared[READY + me] = number
            elif was_answered:
                break
        rv = p11.answer(other.output, "C_Encrypt", bytes(16), p11.c_ulong(16))
        assert rv, f"the output of key {number} was released"
        shared[LATE + me] += 1


def main():
    with open("page", "wb") as file:
        file.write(bytes(8 * (2 + 3 * USERS)))
    shared = page()
    _, session, wrapping, spki = byok.start()
    if lease := os.environ.get("TENON_LEASE_MS"):
        subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", os.environ["TENON_STORE_URL"] + "&target_session_attrs=read-write",
                        "-c", f"UPDATE tenon.token SET lease = {int(lease)}"], check=True)
    users = [subprocess.Popen([sys.executable, os.path.abspath(__file__), str(number)]) for number in range(USERS)]
    waits = []
    for number in range(1, KEYS + 1):
        if number % 2:
            key = session.generate_key(p11.CKM_AES_KEY_GEN, {
                p11.CKA_TOKEN: True, p11.CKA_VALUE_LEN: 16, p11.CKA_ENCRYPT: True, p11.CKA_ID: name(number)})
        else:
            key = session.unwrap(p11.oaep("sha256"), wrapping, seal.blob(2, spki, os.urandom(32)), byok.secret(name(number)))
        shared[PRESENT] = number
        while not all(shared[READY + user] == number for user in range(USERS)):
            assert all(user.poll() is None for user in users)
            time.sleep(0.0005)
        begun = time.monotonic()
        if number % 2:
            session.destroy(key)
        else:
            session.set(key, {p11.CKA_TENON_DISABLED: True})
        shared[ANSWERED] = number
        waits.append(time.monotonic() - begun)
    for user in users:
        assert user.wait() == 0
    uses, late = (sum(shared[word + user] for user in range(USERS)) for word in (USES, LATE))
    assert late == USERS * KEYS
    waits.sort()
    print(f"note: {KEYS} keys taken away from {USERS} users in {uses} uses: 0 used after the answer, 0 of {late} outputs released; "
          f"{waits[len(waits) // 2] * 1000:.0f} ms each")


if sys.argv[1:]:
    use(int(sys.argv[1]))
else:
    main()
