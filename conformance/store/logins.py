#!/usr/bin/env python3
"""Right PINs are never refused, whatever overlaps or dies; wrong ones are answered up to the limit.

TENON_LOGIN_ROUNDS (1): logins of 40 processes at once and of 24 threads at once;
TENON_LOGIN_KILLS (40): logins that are killed at a random moment.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import p11

PROCESSES, THREADS, GUESSERS, LIMIT = 40, 24, 16, 10
ROUNDS = int(os.environ.get("TENON_LOGIN_ROUNDS", "1"))
KILLS = int(os.environ.get("TENON_LOGIN_KILLS", "40"))
CKF_OS_LOCKING_OK, CKU_CONTEXT_SPECIFIC, CKA_ALWAYS_AUTHENTICATE = 2, 2, 0x202
CKR_USER_ALREADY_LOGGED_IN = 0x100
FLAGS = (p11.CKF_USER_PIN_COUNT_LOW | p11.CKF_USER_PIN_FINAL_TRY | p11.CKF_USER_PIN_LOCKED)
os.environ["TENON_PIN_MEMORY_KIB"] = "65536"


def child(*arguments):
    return subprocess.Popen([sys.executable, __file__, *arguments], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)


def ready():
    """A session, once the parent says that all begin."""
    session = p11.Session(p11.Module())
    print("ready", flush=True)
    sys.stdin.readline()
    return session


def start(children):
    for process in children:
        assert process.stdout.readline() == "ready\n"
    for process in children:
        process.stdin.write("go\n")
        process.stdin.flush()


def answers(children):
    return [int(process.communicate()[0]) for process in children]


def guess():
    """How many wrong PINs are answered as such before the PIN is locked."""
    session, answered = ready(), 0
    while (rv := p11.answer(session.login, "wrong-pin")) == p11.CKR_PIN_INCORRECT:
        answered += 1
    print(answered if rv == p11.CKR_PIN_LOCKED else -rv)


def log_in_once():
    session = ready()
    print(p11.answer(session.login, p11.PIN))


def log_in_for_ever():
    session = ready()
    while True:
        session.login(p11.PIN)
        session.logout()


def at_once(calls):
    barrier, found = threading.Barrier(len(calls)), []

    def run(call):
        barrier.wait()
        found.append(p11.answer(*call))

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def flags():
    return module.token_info(module.slot()).flags & FLAGS


def processes_at_once():
    children = [child("once") for _ in range(PROCESSES)]
    start(children)
    found = answers(children)
    assert found == [0] * PROCESSES, found


def threads_at_once():
    """Who finds the user logged in already was not refused for the PIN."""
    sessions = [p11.Session(module) for _ in range(THREADS)]
    found = at_once([(session.login, p11.PIN) for session in sessions])
    assert 0 in found and set(found) <= {0, CKR_USER_ALREADY_LOGGED_IN}, found
    key = sessions[0].find({p11.CKA_CLASS: p11.CKO_PRIVATE_KEY})[0]
    for session in sessions[:16]:
        session.begin("Sign", p11.Mechanism(p11.CKM_SHA256_RSA_PKCS), key)
    found = at_once([(session.login, p11.PIN, CKU_CONTEXT_SPECIFIC) for session in sessions[:16]])
    assert found == [0] * 16, found
    for session in sessions:
        session.close()


def killed_at_random_moments():
    done = 0
    while done < KILLS:
        children = [child("for ever") for _ in range(min(KILLS - done, 2 * LIMIT))]
        start(children)
        for process in children:
            time.sleep(random.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
        for process in children:
            process.communicate()
            assert process.returncode == -signal.SIGKILL, "a login was refused"
        assert flags() == 0, "a killed login was counted"
        done += len(children)


def wrong_ones():
    for kill in (False, True):
        children = [child("guess") for _ in range(GUESSERS)]
        # Those that are killed answer nothing more; what they had begun counts for nothing, or was
        # counted and not yet answered.
        start(children)
        if kill:
            for process in children[:4]:
                time.sleep(0.05)
                process.kill()
        found = answers(children[4 * kill:])
        for process in children[:4 * kill]:
            process.communicate()
        assert min(found) >= 0 and sum(found) <= LIMIT, found
        assert kill or sum(found) == LIMIT, found
        assert flags() & p11.CKF_USER_PIN_LOCKED
        session = p11.Session(module)
        p11.refused(p11.CKR_PIN_LOCKED, session.login, p11.PIN)
        session.login(p11.SO_PIN, p11.CKU_SO)
        session.init_pin(p11.PIN)
        session.logout()
        session.close()


parts = {"guess": guess, "once": log_in_once, "for ever": log_in_for_ever}
if sys.argv[1:]:
    parts[sys.argv[1]]()
    sys.exit()


class Arguments(p11.ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: the system's locks may be used."""

    _fields_ = [("mutexes", p11.c_void_p * 4), ("flags", p11.c_ulong), ("reserved", p11.c_void_p)]


module = p11.Module()
module.fresh_token()
module.finalize()
module.call("C_Initialize", p11.byref(Arguments(flags=CKF_OS_LOCKING_OK)))
session = module.user()
session.generate_pair(
    p11.CKM_RSA_PKCS_KEY_PAIR_GEN,
    {p11.CKA_MODULUS_BITS: 2048, p11.CKA_PUBLIC_EXPONENT: b"\1\0\1"},
    {p11.CKA_TOKEN: True, p11.CKA_SIGN: True, CKA_ALWAYS_AUTHENTICATE: True})
session.close()
for _ in range(ROUNDS):
    processes_at_once()
    threads_at_once()
    assert flags() == 0
killed_at_random_moments()
wrong_ones()
print(f"note: {ROUNDS} × {PROCESSES} processes and {THREADS} threads, {KILLS} kills")
