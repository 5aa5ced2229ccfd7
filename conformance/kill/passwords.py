#!/usr/bin/env python3
"""No counter of a HOTP key is given twice: not to processes that sign at once, and not after they are killed.

TENON_KILLS (200): kills; a tenth of it here, since each needs a new process.
"""

import ctypes
import os
import subprocess
import sys
from ctypes import byref, c_ulong

import p11

PROCESSES, EACH = 3, 40
KILLS = max(int(os.environ.get("TENON_KILLS", "200")) // (10 * PROCESSES), 1)
CKO_OTP_KEY, CKK_HOTP, CKM_HOTP = 8, 0x23, 0x291
INFO, PARAM = 2 * 8, 3 * 8
ID = b"one-time"


def counter(session, key):
    """The counter of one more signature: it follows CK_OTP_SIGNATURE_INFO and two CK_OTP_PARAM."""
    session.begin("Sign", p11.Mechanism(CKM_HOTP), key)
    signature, length = ctypes.create_string_buffer(128), c_ulong(128)
    session.call("C_Sign", None, c_ulong(0), signature, byref(length))
    at = INFO + 2 * PARAM
    return int.from_bytes(signature.raw[at:at + 8], "big")


def sign(times):
    session = p11.Module().user()
    (key,) = session.find({p11.CKA_ID: ID})
    for _ in range(times):
        print(counter(session, key), flush=True)


def children(times):
    return [subprocess.Popen([sys.executable, __file__, str(times)], stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)]


def main():
    module = p11.Module()
    module.fresh_token()
    session = module.user()
    session.create({p11.CKA_CLASS: CKO_OTP_KEY, p11.CKA_KEY_TYPE: CKK_HOTP, p11.CKA_TOKEN: True,
                    p11.CKA_ID: ID, p11.CKA_VALUE: b"12345678901234567890"})
    module.finalize()

    outputs = [process.communicate()[0] for process in children(EACH)]
    given = [int(line) for output in outputs for line in output.split()]
    assert sorted(given) == list(range(PROCESSES * EACH)), given

    given, killed = set(given), 0
    for number in range(KILLS):
        signers = children(1 << 20)
        first = [[process.stdout.readline() for _ in range(2 + number)] for process in signers]
        for process in signers:
            process.kill()
        for process, lines in zip(signers, first):
            # The last line may be cut off.
            rest = process.communicate()[0]
            lines += rest[:rest.rfind("\n") + 1].splitlines()
            for line in lines:
                assert int(line) not in given, f"{line} twice"
                given.add(int(line))
            killed += 1
    print(f"{len(given)} counters, each once, by {PROCESSES} processes at once; {killed} were killed")


if len(sys.argv) > 1:
    sign(int(sys.argv[1]))
else:
    main()
