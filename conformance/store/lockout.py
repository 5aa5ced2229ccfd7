#!/usr/bin/env python3
"""Ten wrong PINs lock the user's PIN, whatever dies in between; the SO opens it again."""

import os
import signal
import subprocess
import sys

import p11

LIMIT = 10
FLAGS = (p11.CKF_USER_PIN_COUNT_LOW | p11.CKF_USER_PIN_FINAL_TRY | p11.CKF_USER_PIN_LOCKED)

if sys.argv[1:] == ["guess and die"]:
    p11.refused(p11.CKR_PIN_INCORRECT, p11.Session(p11.Module()).login, "wrong-pin")
    os.kill(os.getpid(), signal.SIGKILL)


def flags(module):
    return module.token_info(module.slot()).flags & FLAGS


def expected(wrong):
    return (p11.CKF_USER_PIN_COUNT_LOW * (wrong > 0)
            | p11.CKF_USER_PIN_FINAL_TRY * (wrong == LIMIT - 1)
            | p11.CKF_USER_PIN_LOCKED * (wrong >= LIMIT))


module = p11.Module()
module.fresh_token()
assert flags(module) == 0

# A right PIN before the last try starts the count anew.
for _ in range(LIMIT - 1):
    p11.refused(p11.CKR_PIN_INCORRECT, p11.Session(module).login, "wrong-pin")
assert flags(module) == expected(LIMIT - 1)
session = module.user()
assert flags(module) == 0
session.logout()

# The count outlives a restart and a SIGKILL.
for wrong in range(1, LIMIT + 1):
    if wrong % 3 == 0:
        died = subprocess.run([sys.executable, __file__, "guess and die"])
        assert died.returncode == -signal.SIGKILL, died.returncode
    else:
        p11.refused(p11.CKR_PIN_INCORRECT, p11.Session(module).login, "wrong-pin")
    if wrong % 2 == 0:
        module.finalize()
        module = p11.Module()
    low, want = flags(module), expected(wrong)
    # FINAL_TRY and LOCKED say more than COUNT_LOW, which may stand beside them.
    assert low | p11.CKF_USER_PIN_COUNT_LOW == want | p11.CKF_USER_PIN_COUNT_LOW and low, hex(low)

p11.refused(p11.CKR_PIN_LOCKED, p11.Session(module).login, p11.PIN)
p11.refused(p11.CKR_PIN_LOCKED, p11.Session(module).login, "wrong-pin")
module.finalize()
module = p11.Module()
p11.refused(p11.CKR_PIN_LOCKED, p11.Session(module).login, p11.PIN)

session = p11.Session(module)
session.login(p11.SO_PIN, p11.CKU_SO)
session.init_pin("another-1")
session.logout()
assert flags(module) == 0
p11.refused(p11.CKR_PIN_INCORRECT, session.login, p11.PIN)
session.login("another-1")
